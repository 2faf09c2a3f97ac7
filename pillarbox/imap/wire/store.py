"""STORE and UID STORE (RFC 9051 6.4.6)."""

import re
from dataclasses import dataclass
from typing import Literal

from pillarbox.imap.wire.reader import Numbers, Reader
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


def parse_store(reader: Reader, *, uid: bool = False) -> Store:
    """store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags   (RFC 4466 2.5)"""
    reader.space()
    numbers = reader.numbers()
    reader.space()
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
    return Store(numbers, _MODES[how[1]], flags, bool(how[2]), uid, unchanged_since)
