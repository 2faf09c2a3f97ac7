"""SEARCH and UID SEARCH (RFC 9051 6.4.4; RFC 3501 6.4.4) and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pillarbox.model.numbers import Runs
from pillarbox.model.search import Key


class ReturnOption(Enum):
    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"  # RFC 9051 6.4.4.1


@dataclass(frozen=True, slots=True)
class Search:
    """`returns` is None without RETURN; `RETURN ()` has become {ALL} (RFC 9051 6.4.4). Needles are
    decoded; `charset` is only told for the record ("" when none was named)."""

    key: Key
    uid: bool = False
    returns: frozenset[ReturnOption] | None = None
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """`* SEARCH 2 84 882` (RFC 3501 7.2.5); never sent to a client that enabled IMAP4rev2."""

    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Esearch:
    """`* ESEARCH (TAG "a1") UID MIN 2 ...` (RFC 9051 7.3.4): None leaves an item out, and so does an
    empty `all`."""

    tag: bytes
    uid: bool = False
    least: int | None = None
    greatest: int | None = None
    all: Runs | None = None
    count: int | None = None
