"""STORE and UID STORE (RFC 9051 6.4.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pillarbox.imap.wire.reader import MEMO_LENGTH, Numbers, Reader
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import FlagSet

Mode = Literal["replace", "add", "remove"]
_MODES: dict[bytes, Mode] = {b"": "replace", b"+": "add", b"-": "remove"}
_ATT_FLAGS = re.compile(rb"([+-]?)FLAGS(\.SILENT)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Store:
    """`unchanged_since` is the modifier of RFC 7162 3.1.3."""

    numbers: Numbers
    mode: Mode
    flags: FlagSet
    silent: bool = False
    uid: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What stands behind the set: clients write the same few of them again and again."""

    mode: Mode
    flags: FlagSet
    silent: bool
    unchanged_since: int | None


def parse_store(reader: Reader, *, uid: bool = False) -> Store:
    """store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags   (RFC 4466 2.5)"""
    reader.space()
    numbers = reader.numbers()
    reader.space()
    rest = reader.rest()
    if len(rest) <= MEMO_LENGTH and not rest.startswith(b"(") and not rest.endswith(b"}"):
        try:
            said = remembered(rest)
        except PeerSyntax:
            said = _arguments(reader)  # once more, to say where in the command
        else:
            reader.skip(rest)
    else:
        said = _arguments(reader)
    return Store(numbers, said.mode, said.flags, said.silent, uid, said.unchanged_since)


@lru_cache(maxsize=256)
def remembered(rest: bytes) -> _Arguments:
    """What has no mod-sequence in it, which is another each time."""
    reader = Reader([rest])
    said = _arguments(reader)
    reader.end()
    return said


def _arguments(reader: Reader) -> _Arguments:
    unchanged_since = None
    if reader.maybe(b"("):
        if reader.word("UNCHANGEDSINCE") != "UNCHANGEDSINCE":
            reader.fail("UNCHANGEDSINCE")
        reader.space()
        unchanged_since = reader.number64("A mod-sequence")
        reader.expect(b")")
        reader.space()
    how = reader.take(_ATT_FLAGS, "FLAGS, +FLAGS or -FLAGS")
    reader.space()
    flags = reader.flag_list() if reader.peek() == b"(" else reader.flags()
    return _Arguments(_MODES[how[1]], flags, bool(how[2]), unchanged_since)
