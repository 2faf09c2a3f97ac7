"""What a process of ours needs to begin another one."""

import os
import sys
from pathlib import Path

import pillarbox


def command(module: str, *arguments: str) -> list[str]:
    """-P: what lies in the current folder is no module of ours."""
    return [sys.executable, "-P", "-m", f"pillarbox.app.{module}", *arguments]


def environment() -> dict[str, str]:
    """Ours, and where to find this package."""
    root = str(Path(pillarbox.__file__).parent.parent)
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{known}{os.pathsep}{root}" if known else root}
