r"""What SELECT answered last, kept until something changes in the account.

Clients open the same few mailboxes again and again, on every connection they make. A mailbox whose account
still has the mod-sequence of the last time is as it was, and so is the answer: it costs no more than to ask
whether that is so.

Rules of the place:
* only what a mod-sequence speaks of is kept. `\Recent` moves without one, so an opening with any is not;
* only for owners: what others may see depends on rights besides;
* columns are not kept here: they are the store's, which gives them up when it needs the room. That they are
  the very same object shows that nothing has been lost or put back in between either.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pillarbox.model.changes import Columns
from pillarbox.model.flags import FlagSet
from pillarbox.store.mailboxes import Selected

MOST = 1024  # kept at once: some 3 MB

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """A mailbox as SELECT found it; `lines`: its untagged data as clients of different kinds are told it."""

    found: Selected
    meanings: Mapping[int, FlagSet]
    unseen: int  # messages, or more
    columns: weakref.ref[Columns]
    lines: dict[Key, bytes] = field(default_factory=dict)


class Openings:
    """By account and what the client named. One for all sessions of a process."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Key, Opening] = {}

    def get(self, key: Key) -> Opening | None:
        return self._kept.get(key)

    def keep(self, key: Key, opening: Opening) -> None:
        self._kept.pop(key, None)
        self._kept[key] = opening
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]  # the oldest: who uses it keeps it again
