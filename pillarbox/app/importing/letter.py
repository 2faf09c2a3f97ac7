"""What every reader yields."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pillarbox.model.flags import FlagSet

PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Letter:
    """A message found in a file. `pieces` must be used up before the next letter is asked for.

    `mailbox` is a path below the mailbox that is imported into, '' for that mailbox itself.
    `internal_at` is when the message arrived there, None where the container does not say;
    `modified_at` is when its file was last written, for messages that do not even carry a date.
    """

    source: str
    mailbox: str
    flags: FlagSet
    internal_at: int | None
    modified_at: int
    pieces: Iterator[bytes]


def file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
