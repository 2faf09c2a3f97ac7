"""What the store's flag-set numbers mean, as far as one session has met them.

A meaning never changes, so it is read once; a session knows that of every number in its view.
"""

from collections.abc import Iterable, Mapping

from pillarbox.imap.wire.fetch_plan import FlagsOf
from pillarbox.model.flags import RECENT, FlagSet, encode


class FlagSets:
    __slots__ = ("_plain", "_recent", "meanings")

    def __init__(self) -> None:
        self.meanings: dict[int, FlagSet] = {}
        self._plain: dict[int, bytes] = {}  # as FETCH spells them
        self._recent: dict[int, bytes] = {}  # and with \Recent

    def learn(self, meanings: Mapping[int, FlagSet]) -> None:
        for number, named in meanings.items():
            if number not in self.meanings:
                self.meanings[number] = named
                self._plain[number] = encode(named)
                self._recent[number] = encode((*named, RECENT))

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if number not in self.meanings]

    def spelled(self, recent: bool) -> FlagsOf:
        return self._recent if recent else self._plain

    def without(self, flag: str) -> frozenset[int]:
        """The sets that do not have this system flag."""
        return frozenset(number for number, named in self.meanings.items() if flag not in named)
