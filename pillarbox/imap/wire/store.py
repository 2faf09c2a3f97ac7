"""STORE and UID STORE (RFC 9051 6.4.6)."""

from dataclasses import dataclass
from typing import Literal

from pillarbox.imap.wire.reader import Numbers
from pillarbox.model.flags import FlagSet

Mode = Literal["replace", "add", "remove"]


@dataclass(frozen=True, slots=True)
class Store:
    """`unchanged_since` is the modifier of RFC 7162 3.1.3."""

    numbers: Numbers
    mode: Mode
    flags: FlagSet
    silent: bool = False
    uid: bool = False
    unchanged_since: int | None = None
