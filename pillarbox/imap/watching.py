"""What a client has been told of mailboxes other than the selected one, and what it must be told next
(RFC 5465).

Rules of the place:
* `Watch` remembers the names, the subscriptions and the counters as the client knows them. What changed is
  found by holding the store against that, so changes may pile up for as long as they like: their number
  costs nothing, and only how things are in the end is told;
* what the client itself did is not told to it (RFC 5465 5), as long as that is all that happened;
* the selected mailbox is not looked at: `telling` speaks of that one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap.listing import Names, status_values
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.list import Listed, MailboxStatus, StatusItem
from pillarbox.imap.wire.notify import MESSAGE_EVENTS, Event, EventGroup, Filter
from pillarbox.model.errors import Code, Refused
from pillarbox.model.names import SEPARATOR, parent
from pillarbox.model.numbers import Runs, count
from pillarbox.store import mailboxes, watching
from pillarbox.store.mailboxes import MailboxRow, Status

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

SLICE = 16  # mailboxes whose counters are read before others have their turn
NOTHING: frozenset[Event] = frozenset()


@dataclass(slots=True)
class Own:
    """What the client did since it was last told something, and how things are if nobody else did more."""

    exists: dict[str, bool]
    subscribed: dict[str, bool]
    saved: dict[int, int]  # mailbox -> messages


class Watch:
    __slots__ = ("_access", "_cursor", "_names", "_others", "_own", "_rows", "_session", "_told", "selected")

    def __init__(self, session: Session, groups: tuple[EventGroup, ...]) -> None:
        self._session = session
        self.selected = next((one for one in groups if one.filter in _SELECTED), None)
        self._others = [_Others(one) for one in groups if one.filter not in _SELECTED and one.events]
        self._cursor = 0
        self._names = Names({}, frozenset())
        self._rows: dict[int, MailboxRow] = {}
        self._told: dict[int, Status] = {}
        self._access: set[int] = set()  # mailboxes that the client knows it may not look into
        self._own = Own({}, {}, {})

    async def begin(self, *, status: bool) -> list[Response]:
        """Take in how things are; with `status`, tell it (RFC 5465 3.1)."""
        if not self._others:
            return []
        await self._look()
        out: list[Response] = []
        for at, row in enumerate(self._watched()):
            told = await self._counters(row, out)
            if told is not None and status and not self._is_selected(row.id):
                out.append(self._status(row, told, _FIRST[Event.FLAG_CHANGE in self._events(row)]))
            if at % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return out

    async def news(self) -> list[Response]:
        """What has changed since the last time."""
        session = self._session
        if not self._others or session.store.modseq(session.account) == self._cursor:
            return []
        moved = await session.store.read(session.account, watching.moved, self._cursor)
        out: list[Response] = []
        changed = dict.fromkeys(moved.mailboxes)
        if moved.names:
            before = self._rows
            out += await self._renamed()
            for number, row in self._rows.items():
                old = before.get(number)
                if old is None or old.uidvalidity != row.uidvalidity:
                    changed[number] = None
        for at, number in enumerate(changed):
            changed_row = self._rows.get(number)
            if changed_row is not None and self._events(changed_row) & MESSAGE_EVENTS:
                await self._counted(changed_row, out)
            if at % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        self._cursor = moved.modseq
        self._own = Own({}, {}, {})
        return out

    # What the client does itself.

    def named(self, *, made: str = "", gone: str = "") -> None:
        if made:
            self._own.exists[made] = True
        if gone:
            self._own.exists[gone] = False

    def subscribed(self, path: str, yes: bool) -> None:
        self._own.subscribed[path] = yes

    def saved(self, mailbox: int, uids: Runs) -> None:
        self._own.saved[mailbox] = self._own.saved.get(mailbox, 0) + count(uids)

    # Counters.

    def _watched(self) -> list[MailboxRow]:
        return [row for row in self._rows.values() if row.selectable and self._events(row) & MESSAGE_EVENTS]

    def _is_selected(self, mailbox: int) -> bool:
        view = self._session.view
        return view is not None and view.shown.mailbox == mailbox

    async def _counters(self, row: MailboxRow, out: list[Response]) -> Status | None:
        session = self._session
        try:
            found = await session.store.read(session.account, mailboxes.status, session.actor, row.id)
        except Refused as refused:
            if refused.code is Code.NOPERM and row.id not in self._access:
                # RFC 5465 3.1: it may know of the mailbox, and not look into it.
                self._access.add(row.id)
                out.append(Listed(row.path, ("\\NoAccess",)))
            return None
        if row.id in self._access:
            self._access.discard(row.id)
            out.append(Listed(row.path, self._names.attributes(row.path, subscribed=True)))  # RFC 5465 5.9
        self._told[row.id] = found
        return found

    async def _counted(self, row: MailboxRow, out: list[Response]) -> None:
        if self._is_selected(row.id):
            return
        old = self._told.get(row.id)
        new = await self._counters(row, out)
        if new is None:
            return
        own = self._own.saved.get(row.id, 0)
        items: dict[StatusItem, None] = {}
        kind = self._session.kind
        if old is None or (new.messages - own, new.uidnext - own) != (old.messages, old.uidnext):
            items.update({StatusItem.UIDNEXT: None, StatusItem.MESSAGES: None})
        if old is not None and old.uidvalidity != new.uidvalidity:
            items[StatusItem.UIDVALIDITY] = None  # RFC 5465 5.1
        elif old is not None and not items and not own and Event.FLAG_CHANGE in self._events(row):
            if kind.condstore:
                items[StatusItem.UIDVALIDITY] = None
            if new.unseen != old.unseen:
                items.update({StatusItem.UIDVALIDITY: None, StatusItem.UNSEEN: None})
        if items and kind.condstore:
            items[StatusItem.HIGHESTMODSEQ] = None  # RFC 5465 5.1, 5.2, 5.3
        if items:
            out.append(self._status(row, new, tuple(items)))

    def _status(self, row: MailboxRow, status: Status, items: tuple[StatusItem, ...]) -> Response:
        return MailboxStatus(row.path, status_values(self._session, row, status, items))

    # Names.

    async def _look(self) -> None:
        session = self._session
        seen = await session.store.read(session.account, watching.picture, session.actor)
        self._cursor = seen.modseq
        self._names = Names({row.path: row for row in seen.mailboxes}, seen.subscribed)
        self._rows = {row.id: row for row in seen.mailboxes}

    async def _renamed(self) -> list[Response]:
        """RFC 5465 5.4, 5.5: one LIST for each name concerned."""
        names, rows = self._names, self._rows
        await self._look()
        moves = {
            row.path: self._rows[number].path
            for number, row in rows.items()
            if number in self._rows and self._rows[number].path != row.path
        }
        paths = {row.path for number, row in rows.items() if number not in self._rows} | {
            row.path for number, row in self._rows.items() if number not in rows
        }
        paths = {path for path in paths if path not in moves and not self._expected(path)}
        listed: dict[str, str | None] = {}
        for old, new in moves.items():
            # RFC 5465 5.4: what is below is renamed too, and not told of.
            below = moves.get(parent(old)) == parent(new) and parent(old) and _leaf(old) == _leaf(new)
            own = self._expected(new) and self._own.exists.get(old) is False
            if not below and not own and self._hears_of(names, old, new):
                listed[new] = old
        for path in sorted({*paths, *filter(None, map(parent, paths))}):
            if self._hears_of(names, path, path):
                listed.setdefault(path, None)
        for path in sorted(names.subscribed ^ self._names.subscribed):
            yes = path in self._names.subscribed
            own = self._own.subscribed.get(path) is yes
            if not own and Event.SUBSCRIPTION_CHANGE in self._events_of(path, {path}):
                listed.setdefault(path, None)
        for number in rows.keys() - self._rows.keys():
            self._told.pop(number, None)
            self._access.discard(number)
        return [
            Listed(path, self._names.attributes(path, subscribed=True), old_name=old)
            for path, old in listed.items()
        ]

    def _expected(self, path: str) -> bool:
        """The client itself has seen to it that `path` is, or is not, there."""
        exists = path in self._names.rows
        own = self._own.exists
        if exists and path not in own:
            # CREATE a/b makes a (RFC 9051 6.3.4).
            return any(yes and made.startswith(path + SEPARATOR) for made, yes in own.items())
        return own.get(path) is exists

    def _hears_of(self, before: Names, old: str, new: str) -> bool:
        subscribed = before.subscribed | self._names.subscribed
        return any(Event.MAILBOX_NAME in self._events_of(path, subscribed) for path in (old, new))

    # Events.

    def _events(self, row: MailboxRow) -> frozenset[Event]:
        return self._events_of(row.path, self._names.subscribed)

    def _events_of(self, path: str, subscribed: frozenset[str] | set[str]) -> frozenset[Event]:
        """RFC 5465 6: several groups may be about one mailbox."""
        events = NOTHING
        for group in self._others:
            if not group.events <= events and group.covers(path, subscribed):
                events |= group.events
        return events


_SELECTED = (Filter.SELECTED, Filter.SELECTED_DELAYED)
# What STATUS has when it is told for the first time, by whether flag changes are heard of (RFC 5465 3.1).
_COUNTS = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY)
_FIRST = {False: _COUNTS, True: (*_COUNTS, StatusItem.HIGHESTMODSEQ)}


class _Others:
    """A group that is not about the selected mailbox."""

    __slots__ = ("_filter", "_paths", "events")

    def __init__(self, group: EventGroup) -> None:
        self._filter = group.filter
        self._paths = frozenset(group.mailboxes)
        self.events = group.events

    def covers(self, path: str, subscribed: frozenset[str] | set[str]) -> bool:
        match self._filter:
            case Filter.PERSONAL | Filter.INBOXES:
                # RFC 5465 6.3: a delivery may name any mailbox, so all are inboxes.
                return True
            case Filter.SUBSCRIBED:
                return path in subscribed
            case Filter.SUBTREE:
                while path:
                    if path in self._paths:
                        return True
                    path = parent(path)
                return False
        return path in self._paths


def _leaf(path: str) -> str:
    return path.rpartition(SEPARATOR)[2]
