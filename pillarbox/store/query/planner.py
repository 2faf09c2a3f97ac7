"""Going through a search tree: what is cheap first, and the rest only for what is left.

`Planner.among(key, candidates)` gives the part of the candidates that matches, as a mask (`model.masks`):
AND goes from cheap to dear, OR passes on what no branch has matched yet.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pillarbox.model import masks, search
from pillarbox.model.errors import Code, Refused
from pillarbox.model.masks import NONE, Mask
from pillarbox.model.threading import Algorithm, Threads
from pillarbox.store.index.document import OWN
from pillarbox.store.query import files, fuzzy, rows
from pillarbox.store.query.plan import Plan, Step
from pillarbox.store.query.scope import Scope
from pillarbox.store.query.texts import Texts
from pillarbox.store.query.threads import spread
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store

MOST_TEXTS = 2_000  # text keys of one search: each can cost milliseconds
MOST_THREADS = 100  # keys about threads: each goes through the whole mailbox, twice
STEPS = 1_000  # remembered for who asks for the plan

_OF_TEXTS = (search.Header, search.Body, search.Text, search.FileName)
_ROWS, _FIELD, _HEADER, _TEXT = 1, 2, 3, 4
_OF_ROWS = (
    *(search.Attached, search.Size, search.Day, search.Instant),
    *(search.EmailId, search.ThreadId, search.MessageId, search.ThreadRoot, search.ThreadLeaf),
)


def cost(key: search.Key) -> tuple[int, int]:
    """Roughly how dear a key without keys in it is, so that the dear ones see few candidates. Of text keys
    the shorter needle is the dearer one: it leaves more."""
    match key:
        case search.Header():
            return _FIELD if key.name in OWN else _HEADER, -len(key.needle)
        case search.Body() | search.Text() | search.FileName():
            return _TEXT, -len(key.needle)
    return (_ROWS, 0) if isinstance(key, _OF_ROWS) else (0, 0)


def readings(key: search.Key) -> int:
    """How many keys in it are answered by reading messages or their rows."""
    return sum(cost(leaf)[0] > 0 for leaf in search.leaves(key))


class Planner:
    """One search of one mailbox. `plan` tells afterwards how it went."""

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._turns = Turns()
        self._texts = Texts(store, scope, self._turns)
        self._steps: list[Step] = []
        self._costs: dict[int, tuple[int, int]] = {}  # by identity: a tree is asked again at each level
        self._scores: fuzzy.Scores = {}

    @property
    def plan(self) -> Plan:
        snapshot = self._texts.snapshot
        indexed = len(snapshot.segments) if snapshot is not None else None
        return Plan(tuple(self._steps), indexed, self._texts.behind)

    async def find(self, key: search.Key, candidates: Mask) -> Mask:
        """The candidates that match. Refused when there is too much to look for."""
        texts = threads = 0
        for one in search.nodes(key):
            if isinstance(one, _OF_TEXTS):
                texts += 1
            elif isinstance(one, search.Threading):
                threads += 1
        if texts > MOST_TEXTS:
            raise Refused(f"A search may look for {MOST_TEXTS} texts at once", Code.LIMIT)
        if threads > MOST_THREADS:
            raise Refused(f"A search may ask for threads {MOST_THREADS} times", Code.LIMIT)
        return await self.among(key, candidates)

    def _cost(self, key: search.Key) -> tuple[int, int]:
        known = self._costs.get(id(key))
        if known is None:
            match key:
                case search.And() | search.Or():
                    known = max(map(self._cost, key.keys), default=(0, 0))
                case search.Not() | search.Fuzzy():
                    known = self._cost(key.key)
                case search.InThread():
                    known = max(self._cost(key.key), (_ROWS, 0))
                case _:
                    known = cost(key)
            self._costs[id(key)] = known
        return known

    async def among(self, key: search.Key, candidates: Mask) -> Mask:
        if not candidates:
            return NONE
        match key:
            case search.All():
                return candidates
            case search.And():
                for one in sorted(key.keys, key=self._cost):
                    candidates = await self.among(one, candidates)
                return candidates
            case search.Or():
                found = NONE
                for one in sorted(key.keys, key=self._cost):
                    found |= await self.among(one, candidates & ~found)
                return found
            case search.Not():
                return candidates & ~await self.among(key.key, candidates)
            case search.FileName():
                found, steps = await files.matching(self._texts, key, candidates)
                for step in steps:
                    self._remember(step)
                return found
            case search.Fuzzy():
                return await self._alike(key.key, candidates)
            case search.InThread():
                return await self._related(key, await self.among(key.key, self._scope.living), candidates)
            case search.ThreadRoot():
                return candidates & (await self._threads(key.algorithm)).roots
            case search.ThreadLeaf():
                return candidates & (await self._threads(key.algorithm)).leaves
            case search.Header() | search.Body() | search.Text():
                found, step = await self._texts.matching(key, candidates)
                self._remember(step)
                return found
        since = time.monotonic()
        known = self._scope.known(key)
        if known is not None:
            found = candidates & known
            by = "memory"
            await self._turns.take()
        else:
            decided = rows.deciding(key)
            assert decided is not None, key
            found = await rows.matching(self._store, self._scope, self._turns, *decided, candidates)
            by = "rows"
        seconds = time.monotonic() - since
        self._remember(Step(key, by, masks.size(candidates), masks.size(found), seconds=seconds))
        return found

    async def _alike(self, key: search.Key, candidates: Mask) -> Mask:
        """`among` for a key to which FUZZY applies: it comes down on the text keys in it."""
        match key:
            case search.And():
                for one in sorted(key.keys, key=self._cost):
                    candidates = await self._alike(one, candidates)
                return candidates
            case search.Or():
                found = NONE
                for one in sorted(key.keys, key=self._cost):
                    found |= await self._alike(one, candidates)  # all of them: each makes more relevant
                return found
            case search.InThread() if candidates:
                return await self._related(key, await self._alike(key.key, self._scope.living), candidates)
            case search.Header() | search.Body() | search.Text() if candidates:
                found, step = await fuzzy.matching(self._texts, self._turns, key, candidates, self._scores)
                self._remember(step)
                return found
        return await self.among(key, candidates)

    async def _threads(self, algorithm: Algorithm) -> Threads:
        assert self._scope.threads is not None
        return await self._scope.threads(algorithm)

    async def _related(self, key: search.InThread, matching: Mask, candidates: Mask) -> Mask:
        """The candidates that share a thread with what matches the key in `key`."""
        if not matching:
            return NONE
        since = time.monotonic()
        threads = await self._threads(key.algorithm)
        found = candidates & await spread(threads, matching, self._turns)
        seconds = time.monotonic() - since
        self._remember(Step(key, "threads", masks.size(candidates), masks.size(found), seconds=seconds))
        return found

    async def relevancy(self, found: Mask) -> list[int]:
        """How relevant each message is of those found by FUZZY keys, in mailbox order (RFC 6203 4)."""
        return await fuzzy.relevancy(self._texts, found, self._scores)

    def _remember(self, step: Step) -> None:
        if len(self._steps) < STEPS:
            self._steps.append(step)
