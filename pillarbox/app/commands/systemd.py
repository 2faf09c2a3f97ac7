"""`pillarbox systemd`: the unit for this configuration."""

import shutil
import sys
from pathlib import Path

import typer

from pillarbox.app.config import FILE_NAME, load
from pillarbox.app.unit import unit


def systemd(context: typer.Context) -> None:
    """Print a hardened unit for systemd: `pillarbox systemd > /etc/systemd/system/pillarbox.service`."""
    file: Path | None = context.obj
    if file is None and Path(FILE_NAME).exists():
        file = Path(FILE_NAME)
    beside = Path(sys.executable).with_name("pillarbox")
    program = str(beside) if beside.is_file() else shutil.which("pillarbox") or sys.argv[0]
    print(unit(load(file), file and file.absolute(), Path(program).absolute()), end="")
