"""Real clients, run as their users run them, against our server and against Dovecot."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import corpus
from tests.places import LONG, Place, place

__all__ = ["place"]


@pytest.fixture(scope="session")
def letters() -> list[bytes]:
    """Real messages, as many as the run has time for."""
    return corpus.real()[: 3000 if LONG else 150]


def program(name: str) -> str:
    """Where the program is; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(command: Sequence[str], home: Path, *, seconds: float = 60) -> str:
    """What the program printed; it must have ended well."""
    done = subprocess.run(
        command,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8"},
        cwd=home,
        capture_output=True,
        timeout=seconds * (10 if LONG else 1),
        stdin=subprocess.DEVNULL,
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {said[-2000:]}"
    return said


def fill(place: Place, address: str, letters: Sequence[bytes]) -> None:
    with place.client(address) as client:
        for letter in letters:
            client.append("INBOX", letter)
