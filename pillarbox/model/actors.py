"""Who asks: every store verb takes an `Actor`, from the first day."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Actor:
    """The one a verb acts for.

    `reader` is the directory's user number (never an address): 0 is the server itself. `owner` says
    whether that user owns the account the verb works on; then `\\Seen` lives in the flag set, else in
    the `seen` table. `override` grants every right (administration, delivery, migration).
    """

    reader: int
    owner: bool = True
    groups: frozenset[int] = field(default_factory=frozenset)
    override: bool = False


SERVER = Actor(reader=0, override=True)
