"""LIST with all its options, LSUB, STATUS."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pillarbox.imap import objectid, telling
from pillarbox.imap.listing import Names, status_values
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import list as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.list import Listed, ReturnOption, SelectOption, StatusItem
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.model.names import SEPARATOR, parent, pattern
from pillarbox.store import mailboxes
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.subscriptions import subscriptions

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

STATUS_SLICE = 16  # mailboxes whose counters are read before others have their turn

# What a mailbox may have to satisfy. REMOTE selects more, not less, and there is nothing remote.
_CRITERIA = (SelectOption.SUBSCRIBED, SelectOption.SPECIAL_USE)


async def list_(session: Session, tag: bytes, command: wire.List) -> Outcome:
    criteria = tuple(option for option in _CRITERIA if option in command.select)
    recursive = SelectOption.RECURSIVEMATCH in command.select
    if recursive and not criteria:
        # RFC 9051 6.3.9.1: RECURSIVEMATCH alone, or only with REMOTE, is BAD.
        raise PeerSyntax("RECURSIVEMATCH needs another selection option")
    if not command.extended and command.patterns == ("",):
        # RFC 9051 6.3.9: the question for the separator.
        return Done("LIST completed", data=(Listed("", ("\\Noselect",)),))
    if StatusItem.OBJECTID in command.status:
        objectid.activate(session)
    names = await _names(session)
    show_subscribed = SelectOption.SUBSCRIBED in command.select or ReturnOption.SUBSCRIBED in command.returns
    matches = _matcher([command.reference + one for one in command.patterns if one])
    found = names.satisfying(criteria)
    parents = _parents(found, matches) if recursive else {}
    shown = dict.fromkeys(path for path in found if matches(path))
    # RFC 9051 6.3.9.6: a parent that does not itself qualify is shown for children that are not shown.
    extra = sorted(path for path, hidden in parents.items() if hidden and path not in shown and matches(path))
    data: list[Response] = []
    if StatusItem.HIGHESTMODSEQ in command.status:
        data += await telling.aware(session)
    for count, path in enumerate((*shown, *extra)):
        attributes = names.attributes(path, subscribed=show_subscribed)
        row = names.rows.get(path)
        values = None
        if command.status and row is not None and row.selectable:
            values = await _values(session, row, command.status)
            if values is None:
                attributes = ("\\Noselect", *attributes)
            if count % STATUS_SLICE == STATUS_SLICE - 1:
                await asyncio.sleep(0)
        data.append(Listed(path, attributes, child_info=criteria if path in parents else ()))
        if values is not None:
            data.append(wire.MailboxStatus(path, values))
    return Done("LIST completed", data=tuple(data))


async def lsub(session: Session, tag: bytes, command: wire.Lsub) -> Outcome:
    names = await _names(session)
    if not command.pattern:
        return Done("LSUB completed", data=(Listed("", ("\\Noselect",), lsub=True),))
    matches = _matcher([command.reference + command.pattern])
    data: list[Response] = []
    levels: dict[str, None] = {}
    for path in sorted(names.subscribed):
        if matches(path):
            row = names.rows.get(path)
            data.append(Listed(path, ("\\Noselect",) if row and not row.selectable else (), lsub=True))
        elif command.pattern.endswith("%"):
            # RFC 3501 6.3.9: with "%" the level above a subscribed name is shown, as \Noselect.
            levels.update(dict.fromkeys(above for above in _above(path) if matches(above)))
    data += [Listed(path, ("\\Noselect",), lsub=True) for path in levels if path not in names.subscribed]
    return Done("LSUB completed", data=tuple(data))


async def status(session: Session, tag: bytes, command: wire.Status) -> Outcome:
    if StatusItem.OBJECTID in command.items:
        objectid.activate(session)
    row = await session.store.read(session.account, mailboxes.require, session.actor, command.mailbox)
    numbers = await session.store.read(session.account, mailboxes.status, session.actor, row.id)
    values = status_values(session, row, numbers, command.items)
    data = await telling.aware(session) if StatusItem.HIGHESTMODSEQ in command.items else ()
    return Done("STATUS completed", data=(*data, wire.MailboxStatus(row.path, values)))


async def _names(session: Session) -> Names:
    rows = await session.store.read(session.account, mailboxes.list_all, session.actor)
    subscribed = await session.store.read(session.account, subscriptions, session.actor)
    return Names({row.path: row for row in rows}, frozenset(subscribed))


def _matcher(patterns: list[str]) -> Callable[[str], re.Match[str] | None]:
    """Does a path match any of the patterns?"""
    compiled = [pattern(one) for one in patterns]
    if len(compiled) == 1:
        return compiled[0].fullmatch

    def matches(path: str) -> re.Match[str] | None:
        return next((found for one in compiled if (found := one.fullmatch(path))), None)

    return matches


def _parents(found: list[str], matches: Callable[[str], re.Match[str] | None]) -> dict[str, bool]:
    """Every name above one of `found`, and whether one below it is not shown by the patterns."""
    parents: dict[str, bool] = {}
    for path in found:
        hidden = not matches(path)
        for above in _above(path):
            parents[above] = parents.get(above, False) or hidden
    return parents


def _above(path: str) -> Iterator[str]:
    while SEPARATOR in path:
        path = parent(path)
        yield path


async def _values(
    session: Session, row: MailboxRow, items: tuple[StatusItem, ...]
) -> tuple[tuple[StatusItem, int | str | None], ...] | None:
    """The numbers of one listed mailbox; None when it is not there any more or may not be looked into."""
    try:
        numbers = await session.store.read(session.account, mailboxes.status, session.actor, row.id)
    except Refused:
        return None
    return status_values(session, row, numbers, items)
