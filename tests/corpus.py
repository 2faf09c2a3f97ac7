"""The mail corpora, for every test that wants real or broken messages. The one place that finds them.

They are archives outside the repository: in the folder named by PILLARBOX_CORPUS, else in
`../shared/mail` beside the checkout. Tests that need one are skipped, with the reason, where it is
absent.
"""

import atexit
import os
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(os.environ.get("PILLARBOX_CORPUS") or Path(__file__).parents[2] / "shared" / "mail")


class Mail(NamedTuple):
    """One file of an archive: its path there and its octets as they are."""

    path: str
    raw: bytes


def archive(name: str) -> Path:
    """Where the corpus `name` ("spamassassin", "torture") is; skips the test when it is nowhere."""
    path = FOLDER / f"{name}.tar.xz"
    if not path.is_file():
        pytest.skip(f"the {name} corpus is not in {FOLDER} (set PILLARBOX_CORPUS)")
    return path


@cache
def mails(name: str) -> tuple[Mail, ...]:
    """Every file of the corpus, by path."""
    with tarfile.open(archive(name)) as packed:
        found = [
            Mail(member.name, opened.read())
            for member in packed
            if member.isfile() and (opened := packed.extractfile(member)) is not None
        ]
    return tuple(sorted(found))


@cache
def unpacked(name: str) -> Path:
    """The corpus as files, in a folder that goes away with the process."""
    folder = Path(tempfile.mkdtemp(prefix=f"pillarbox-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(archive(name)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def as_delivered(raw: bytes) -> bytes:
    """The message as a delivery would bring it: no mbox separator in front, CRLF line ends."""
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def real() -> list[bytes]:
    """The 3,000 real messages, as delivered."""
    return [as_delivered(mail.raw) for mail in mails("spamassassin")]
