"""A message that is ready to be stored: derived, hashed, compressed, not yet anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from pillarbox.store.spool import Spool

if TYPE_CHECKING:
    from pillarbox.message.derive import Derived

INLINE_LIMIT = 128 * 1024  # compressed bytes that a row holds; what is larger is a file


class Place(IntEnum):
    """`blob.place` in the schema: where the compressed bytes are."""

    INLINE = 0
    FILE = 1


@dataclass(frozen=True, slots=True)
class Staged:
    """What an append verb puts into `blob` and `email`; one may be stored in several accounts.

    `frames` and `dictionary` are for the columns of those names. `data` holds the compressed bytes when
    they fit in a row. Otherwise they are in `spool`, and `Store.place` links that into an account's folder
    under a fresh object id, given as `blob`: the verb must use it and not take another. 0 = not placed.
    """

    size: int
    sha256: bytes
    derived: Derived
    dictionary: int
    frames: bytes | None
    data: bytes | None
    spool: Spool | None = None
    blob: int = 0

    @property
    def place(self) -> Place:
        return Place.FILE if self.data is None else Place.INLINE
