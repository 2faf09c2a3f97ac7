"""The DNS Tree Walk (RFC 9989 4.10): which record holds for a name, and where its organization begins.

No list of public suffixes: who lets others register below a name says so in the DNS (psd=y), and an
organization ends at the highest name that publishes a record.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pillarbox.filter.auth.dmarc.record import Record, Suffix, parse
from pillarbox.filter.auth.domains import parent
from pillarbox.filter.dns import Asking, Found, Kind, Question, is_name

QUERY_LIMIT = 8  # RFC 9989 4.10: however many labels a name has


class Trouble(Exception):
    """The DNS does not answer: there may be a policy, and nobody knows."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    record: Record


@dataclass(frozen=True, slots=True)
class Walk:
    """The valid records from a name upwards."""

    start: str
    steps: tuple[Step, ...]

    @property
    def organization(self) -> str:
        """RFC 9989 4.10.2, its three rules in their order."""
        for step in self.steps:
            if step.record.suffix is Suffix.NO:
                return step.name
            if step.record.suffix is Suffix.YES and step.name != self.start:
                labels = self.start.split(".")
                return ".".join(labels[-(step.name.count(".") + 2) :])
        return self.steps[-1].name if self.steps else self.start

    @property
    def applicable(self) -> Step | None:
        """RFC 9989 4.10.1: of the author's domain, else of its organization, else of its public suffix."""
        by_name = {step.name: step for step in self.steps}
        for name in (self.start, self.organization, self.suffix):
            if name in by_name:
                return by_name[name]
        return None

    @property
    def suffix(self) -> str:
        found = [step.name for step in self.steps if step.record.suffix is Suffix.YES]
        return found[0] if found else ""


def names(start: str) -> Iterator[str]:
    """RFC 9989 4.10, steps 3 and 4: of a long name the middle is left out."""
    yield start
    labels = start.split(".")
    name = parent(start) if len(labels) < QUERY_LIMIT else ".".join(labels[-(QUERY_LIMIT - 1) :])
    while name:
        yield name
        name = parent(name)


class Walker:
    """Walks, and remembers what it saw: the names of one message mostly share their upper part."""

    def __init__(self) -> None:
        self._seen: dict[str, Record | None] = {}

    def walk(self, start: str) -> Asking[Walk]:
        steps: list[Step] = []
        for name in names(start):
            record = yield from self._record(name)
            if record is None:
                continue
            steps.append(Step(name, record))
            if record.suffix is not Suffix.UNSAID:
                break
        return Walk(start, tuple(steps))

    def _record(self, name: str) -> Asking[Record | None]:
        if name not in self._seen:
            asked = f"_dmarc.{name}"
            found: list[Record] = []
            if is_name(asked):
                answer = yield Question(asked, Kind.TXT)
                if answer.found is Found.TROUBLE:
                    raise Trouble(name)
                found = [record for record in map(parse, answer.values) if record is not None]
            # Two records are none.
            self._seen[name] = found[0] if len(found) == 1 else None
        return self._seen[name]
