"""What was found of one record."""

from dataclasses import dataclass
from enum import StrEnum

from pillarbox.app.publishing.records import Record
from pillarbox.filter.dns import Answer, Found


class State(StrEnum):
    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # the DNS does not answer


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason`: why it is not right. `notes`: what is worth knowing though it is."""

    record: Record
    state: State
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """A domain without a record that is not needed works."""
        return self.state is State.RIGHT or (self.state is State.MISSING and not self.record.needed)


def right(record: Record, *notes: str) -> Finding:
    return Finding(record, State.RIGHT, notes=tuple(note for note in notes if note))


def wrong(record: Record, reason: str) -> Finding:
    return Finding(record, State.WRONG, reason)


def missing(record: Record, reason: str = "") -> Finding:
    return Finding(record, State.MISSING, reason)


def absent(record: Record, answer: Answer, reason: str = "") -> Finding:
    """Of an answer without a record of the kind that was asked for."""
    if answer.found is Found.TROUBLE:
        return Finding(record, State.UNKNOWN, f"{record.name} cannot be looked up at the moment")
    return missing(record, reason)
