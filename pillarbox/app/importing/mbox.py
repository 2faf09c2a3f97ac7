"""The mbox format (RFC 4155 and what its variants have in common).

A message begins at a line `From sender date` at the start of the file or after an empty line. The date
is asked for, because mboxes exist whose bodies have unquoted lines that begin with `From `. Quoting is
undone as mboxrd has it: one `>` less before `>From `. Flags are in the Status, X-Status and X-Keywords
fields, which stay in the message.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_tz
from pathlib import Path
from typing import BinaryIO

from pillarbox.app.importing.letter import PIECE, Letter
from pillarbox.model.flags import ANSWERED, DELETED, DRAFT, FLAGGED, MAX_KEYWORDS, SEEN, FlagSet, canonical

MAX_HEADER = 1 << 20  # what is held to find the flags; a longer header has none we look for

# RFC 4155 app. A: "From ", an address, a timestamp in asctime's form; old ones add a zone or lack seconds.
_FROM_LINE = re.compile(rb"From .*?([A-Z][a-z]{2} +[A-Z][a-z]{2} +\d{1,2} +\d{1,2}:\d\d.*)", re.DOTALL)
_QUOTED = re.compile(rb">+From ")
_FIELD = re.compile(
    rb"^(status|x-status|x-keywords|subject|x-imap)[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE
)
_STATUS = {"R": SEEN, "A": ANSWERED, "F": FLAGGED, "T": DRAFT, "D": DELETED}
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]{1,128}")


def is_mbox(path: Path) -> bool:
    """An empty file is an mbox without messages: programs keep one for each mailbox."""
    with path.open("rb") as file:
        return file.read(5) in (b"From ", b"")


def letters(path: Path, mailbox: str = "") -> Iterator[Letter]:
    modified_at = int(path.stat().st_mtime)
    with path.open("rb") as file:
        separator: bytes | None = file.readline(PIECE)
        number = 0
        while separator:
            body = _Body(file)
            pieces = body.pieces()
            header = _header(pieces)
            if not _is_housekeeping(header):
                number += 1
                yield Letter(
                    f"{path}, message {number}",
                    mailbox,
                    _flags(header),
                    _date(separator),
                    modified_at,
                    _chain(header, pieces),
                )
            for _ in pieces:  # whatever the caller did not take
                pass
            separator = body.next_separator


class _Body:
    """The lines up to the next separator, which is then in `next_separator` (None at the end)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.next_separator: bytes | None = None

    def pieces(self) -> Iterator[bytes]:
        empty = b""  # an empty line that is the message's only when no separator follows
        starts = True  # at the beginning of a line (a piece of a very long line is not)
        while line := self._file.readline(PIECE):
            if starts and line in (b"\n", b"\r\n"):
                if empty:
                    yield empty
                empty = line
                continue
            if starts and empty and _FROM_LINE.match(line):
                self.next_separator = line
                return
            if empty:
                yield empty
                empty = b""
            yield line[1:] if starts and _QUOTED.match(line) else line
            starts = line.endswith(b"\n")


def _header(pieces: Iterator[bytes]) -> bytes:
    """The header with its empty line; the body's pieces follow in `pieces`."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if piece in (b"\n", b"\r\n") or size > MAX_HEADER:
            break
    return b"".join(held)


def _chain(header: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines gathered into pieces worth handing on."""
    held, size = [header], len(header)
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _fields(header: bytes) -> dict[str, str]:
    return {
        match[1].decode("ascii").lower(): match[2].decode("ascii", "replace").strip()
        for match in _FIELD.finditer(header)
    }


def _flags(header: bytes) -> FlagSet:
    fields = _fields(header)
    letters = fields.get("status", "") + fields.get("x-status", "")
    flags = [_STATUS[letter] for letter in letters if letter in _STATUS]
    words = fields.get("x-keywords", "").split()[:MAX_KEYWORDS]
    return canonical(flags + [word for word in words if _KEYWORD.fullmatch(word)])


def _is_housekeeping(header: bytes) -> bool:
    """The message in which some servers keep their own numbers, first in the file."""
    fields = _fields(header)
    return "x-imap" in fields and "FOLDER INTERNAL DATA" in fields.get("subject", "")


def _date(separator: bytes) -> int | None:
    """RFC 4155 app. A: the timestamp is in UTC unless a zone is written behind it."""
    match = _FROM_LINE.match(separator)
    fields = parsedate_tz(match[1].decode("ascii", "replace")) if match else None
    if fields is None:
        return None
    try:
        written = datetime(*fields[:6], tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return int(written.timestamp()) - (fields[9] or 0)
