import os
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.app import folder
from pillarbox.model.errors import Refused


def test_one_server_at_a_time(tmp_path: Path) -> None:
    with (
        folder.only_server(tmp_path),
        pytest.raises(Refused, match=rf"Another server \(process {os.getpid()}\) is using"),
        folder.only_server(tmp_path),
    ):
        pass
    with folder.only_server(tmp_path):
        assert (tmp_path / "serve.lock").read_text() == f"{os.getpid()}\n"


def test_a_killed_server_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal\n"
        "from pillarbox.app import folder\n"
        f"with folder.only_server(pathlib.Path({str(tmp_path)!r})):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    with folder.only_server(tmp_path):
        pass
