"""Where is searched: a mailbox as somebody sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pillarbox.message.casemap import Fold, fold_text
from pillarbox.model.actors import Actor
from pillarbox.model.column import Column
from pillarbox.model.masks import NONE, Mask
from pillarbox.model.search import Key
from pillarbox.model.threading import Algorithm, Threads


@dataclass(frozen=True, slots=True)
class Scope:
    """`known` answers the keys that are decided by what the caller has in memory (flags, numbers, UIDs,
    mod-sequences), None for all others. `told` hears how many messages have been looked at. `fold` is how
    text is compared; what is kept and indexed is made by the usual one. `threads` are those of all its
    messages that are there, the `living`; who has no keys about threads has no need of these two."""

    account: int
    actor: Actor
    mailbox: int
    uids: Column
    known: Callable[[Key], Mask | None]
    told: Callable[[int], None] = lambda messages: None
    fold: Fold = fold_text
    living: Mask = NONE
    threads: Callable[[Algorithm], Awaitable[Threads]] | None = None
