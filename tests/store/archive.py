"""An account to be searched: its mail, its index, and what brute force finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pillarbox.message.searchable import Searchable, searchable
from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.model.column import Column
from pillarbox.model.flags import FlagSet
from pillarbox.store import messages
from pillarbox.store.index.catching_up import Caught, catch_up
from pillarbox.store.messages import Incoming
from pillarbox.store.query.plan import Plan
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from pillarbox.testing.verbs import Verbs, staged
from tests.store.needles import TextKey, matches

T = TypeVar("T")
Found = tuple[set[int], Plan]


class Archive:
    """Messages are numbered from 0 in the order of their UIDs in INBOX."""

    def __init__(self, data: Path, verbs: Verbs, number: int = 7) -> None:
        self.data = data
        self.verbs = verbs
        self.number = number
        self.raw: list[bytes] = []
        self._texts: list[Searchable] = []

    @property
    def folder(self) -> Path:
        return self.verbs.folder

    def add(self, raw: Iterable[bytes], flags: FlagSet = ()) -> None:
        new = list(raw)
        items = [Incoming(staged(one), flags, 1_600_000_000 + at, 0) for at, one in enumerate(new)]
        self.verbs.write(messages.append_many, self.verbs.inbox, items)
        self.raw += new
        self._texts += map(searchable, new)

    def index(self, *, anew: bool = False) -> Caught:
        return catch_up(self.folder, anew=anew)

    def truth(self, key: TextKey) -> set[int]:
        return {number for number, text in enumerate(self._texts) if matches(text, key)}

    @property
    def texts(self) -> Sequence[Searchable]:
        return self._texts

    def find(self, keys: Sequence[search.Key]) -> list[Found]:
        """What each search finds, all of them with one store, and how."""

        async def story(store: Store) -> list[Found]:
            return [await self.search(store, key) for key in keys]

        return self.play(story)

    def play(self, story: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        async def told() -> T:
            store = Store(self.data)
            await store.open()
            try:
                return await story(store)
            finally:
                await store.close()

        return asyncio.run(told())

    async def search(self, store: Store, key: search.Key) -> Found:
        columns = await store.columns(self.number, SERVER, self.verbs.inbox)
        scope = Scope(self.number, SERVER, self.verbs.inbox, columns.uids, lambda key: None)
        planner = Planner(store, scope)
        found = await planner.find(key, masks.full(len(columns.uids)))
        return _numbers(columns.uids, found), planner.plan


def _numbers(uids: Column, found: int) -> set[int]:
    """UIDs of this INBOX begin at 1 and have no gaps."""
    return {uid - 1 for uid in masks.selected(uids, found)}
