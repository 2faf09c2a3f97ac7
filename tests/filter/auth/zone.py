"""A small DNS in memory: what every test of this room asks."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Kind, Question, records


@dataclass
class Zone:
    """`data`: name -> kind -> values. What is `broken` gives trouble; `asked`: the questions."""

    data: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)
    asked: list[Question] = field(default_factory=list)

    def add(self, name: str, kind: str, *values: str) -> "Zone":
        at = self.data.setdefault(name.lower(), {})
        at[kind] = at.get(kind, ()) + values
        return self

    def breaks(self, name: str, kinds: Iterable[str] = tuple(Kind)) -> "Zone":
        self.broken |= {(name.lower(), kind) for kind in kinds}
        return self

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        name = question.name.lower()
        for _ in range(8):
            if (name, question.kind) in self.broken:
                return TROUBLE
            at = self.data.get(name)
            if at is None:
                return NO_NAME
            if question.kind in at:
                return records(*at[question.kind])
            if "CNAME" not in at:
                return NO_DATA
            name = at["CNAME"][0].lower()
        return TROUBLE
