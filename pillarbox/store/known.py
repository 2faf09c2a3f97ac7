"""How far each account had come when this data folder saw it last, remembered outside the account's folder.

`known/<account>` is a few octets, written without waiting for the disk. It is there for one question: is the
account behind what it was, because an older copy has been put in its place (`store.incarnation`)? Without the
file, or with one that is not whole, that is not seen here.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = "known"

_RECORD = struct.Struct("=32sQIQ")
_CHECKSUM = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Known:
    """`lineage` names the history of the account in which `modseq` was given out; no mailbox had come further
    than to `uidnext`, `at` that time."""

    lineage: str = ""
    modseq: int = 0
    uidnext: int = 1
    at: int = 0


def _path(data: Path, account: int) -> Path:
    return data / FOLDER / f"{account:08x}"


def note(data: Path, account: int, known: Known) -> None:
    record = _RECORD.pack(known.lineage.encode("ascii"), known.modseq, known.uidnext, known.at)
    try:
        fd = os.open(_path(data, account), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError:
        return  # a disk that takes no more: not worth refusing anything for
    try:
        os.pwrite(fd, record + _CHECKSUM.pack(zlib.crc32(record)), 0)
    except OSError:
        pass
    finally:
        os.close(fd)


def find(data: Path, account: int) -> Known:
    try:
        written = _path(data, account).read_bytes()
    except OSError:
        return Known()
    record, checksum = written[: _RECORD.size], written[_RECORD.size :]
    if len(record) < _RECORD.size or checksum != _CHECKSUM.pack(zlib.crc32(record)):
        return Known()
    lineage, modseq, uidnext, at = _RECORD.unpack(record)
    return Known(lineage.decode("ascii", "replace"), modseq, uidnext, at)


def forget(data: Path, account: int) -> None:
    _path(data, account).unlink(missing_ok=True)
