"""ESEARCH: several mailboxes are searched, and none is selected by it (RFC 7377).

Each mailbox is searched as if it were selected, one after the other, and answered for as soon as it is done;
so the answer costs the memory of one mailbox. One that is deleted meanwhile, or may not be read, is passed
over in silence (RFC 7377 2.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pillarbox.imap import results, telling, view
from pillarbox.imap.commands.search import (
    modseq_of,
    ranked,
    require_charset_allowed,
    save,
    wants_relevancy,
)
from pillarbox.imap.commands.updating import refusal, require_free, updating
from pillarbox.imap.matching import Matcher
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import View
from pillarbox.imap.wire import multisearch as wire
from pillarbox.imap.wire.encode import Response, encode
from pillarbox.imap.wire.esearch import EVERYTHING, ReturnOption
from pillarbox.imap.wire.multisearch import Source, Which
from pillarbox.model import masks
from pillarbox.model.errors import NoAccount, PeerSyntax, Refused
from pillarbox.model.masks import Mask
from pillarbox.model.names import parent
from pillarbox.model.search import Key, Modseq, settled
from pillarbox.store import flags, mailboxes, watching
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.turns import SLICE
from pillarbox.store.watching import Picture

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

COMPLETED = "ESEARCH completed"

Looked = tuple[View, Mask, list[int] | None]  # a mailbox, what matches in it, and how relevant that is


async def multisearch(session: Session, tag: bytes, command: wire.Multisearch) -> Outcome:
    if session.view is None and any(source.which is Which.SELECTED for source in command.sources):
        raise PeerSyntax("No mailbox is selected")  # RFC 7377 2.2
    returning = command.search.returning
    if session.view is None and returning is not None and ReturnOption.UPDATE in returning:
        raise PeerSyntax("No mailbox is selected")  # RFC 7377 2.2
    require_free(session, tag, returning)
    if command.only_selected:
        return await _selected(session, tag, command)
    if returning is not None and ReturnOption.SAVE in returning:
        raise PeerSyntax("SAVE is for the selected mailbox alone")  # RFC 7377 2.2
    require_charset_allowed(session, command.search)
    data = await telling.aware(session) if command.mentions(Modseq) else ()
    seen = await session.store.read(session.account, watching.picture, session.actor)
    return Done(COMPLETED, data=data, stream=_Many(session, tag, command).pieces(seen))


async def _selected(session: Session, tag: bytes, command: wire.Multisearch) -> Outcome:
    search = command.search
    found, relevancy = await ranked(session, tag, search, wants_relevancy(search))
    shown = session.selected
    row = await session.store.read(session.account, mailboxes.get, session.actor, shown.shown.mailbox)
    data, modseq = await modseq_of(session, search, shown, found)
    save(session, search, found)
    if (response := maybe_response(tag, command, row, shown, found, modseq, relevancy)) is not None:
        data += (response,)
    return Done(
        COMPLETED, data=data + updating(session, tag, search, found, source=(row.path, row.uidvalidity))
    )


def maybe_response(
    tag: bytes,
    command: wire.Multisearch,
    row: MailboxRow,
    shown: View,
    found: Mask,
    modseq: int | None,
    relevancy: list[int] | None,
) -> Response | None:
    """RFC 7377 2.1: a mailbox in which nothing matches is not answered for."""
    # RFC 7377 2.1: without result options, or with sources alone, ALL is meant.
    returning = command.search.returning or EVERYTHING
    if not found or returning.options == {ReturnOption.SAVE}:
        return None
    uids = masks.selected(shown.shown.uids, found)
    source = (row.path, row.uidvalidity)
    return results.told(tag, uids, returning, uid=True, modseq=modseq, source=source, relevancy=relevancy)


class _Many:
    """One ESEARCH over more than the selected mailbox."""

    def __init__(self, session: Session, tag: bytes, command: wire.Multisearch) -> None:
        self._session = session
        self._tag = tag
        self._command = command
        self._relevancy = wants_relevancy(command.search)
        self._known = -1  # up to this mod-sequence the meanings of all flag sets are known

    async def pieces(self, seen: Picture) -> AsyncGenerator[bytes, None]:
        session, command = self._session, self._command
        key = settled(command.search.key, session.store.clock())
        returning = command.search.returning
        updates = returning is not None and ReturnOption.UPDATE in returning
        now = asyncio.get_running_loop().time
        until = now() + SLICE
        with Progress(session, self._tag) as progress:
            for row in sources(command.sources, seen, session.view):
                if now() >= until:
                    await asyncio.sleep(0)
                    until = now() + SLICE
                found = await self._maybe_found(row, key, progress)
                if found is None:
                    continue
                shown, mask, relevancy = found
                _, modseq = await modseq_of(session, command.search, shown, mask)
                response = maybe_response(self._tag, command, row, shown, mask, modseq, relevancy)
                if response is not None:
                    yield encode(response, session.kind)
                if updates and shown is session.view:
                    source = (row.path, row.uidvalidity)
                    for refused in updating(session, self._tag, command.search, mask, source=source):
                        yield encode(refused, session.kind)
                    updates = False
            if updates:
                # RFC 7377 2.2: updates are for the selected mailbox alone, and that was not searched.
                yield encode(refusal(self._tag), session.kind)

    async def _maybe_found(self, row: MailboxRow, key: Key, progress: Progress) -> Looked | None:
        try:
            shown = await self._view(row)
            matcher = Matcher(self._session, shown, self._session.flag_sets.meanings, progress)
            found = await matcher.among(key, matcher.living)
            return shown, found, await matcher.relevancy(found) if self._relevancy else None
        except NoAccount:
            raise
        except Refused as refused:
            if refused.temporary:
                raise
            return None

    async def _view(self, row: MailboxRow) -> View:
        """The mailbox as a session would show it that selects it now."""
        session = self._session
        if session.view is not None and session.view.shown.mailbox == row.id:
            return session.view
        columns = await session.store.columns(session.account, session.actor, row.id)
        if columns.modseq > self._known:
            session.flag_sets.learn(await session.store.read(session.account, flags.flag_sets))
            self._known = columns.modseq
        return view.opened(columns, recent_from=row.recent_uid + 1)


def sources(asked: tuple[Source, ...], seen: Picture, selected: View | None) -> list[MailboxRow]:
    """The mailboxes meant, each once, in the order in which they are listed."""
    named: dict[Which, set[str]] = {}
    for source in asked:
        named.setdefault(source.which, set()).update(source.mailboxes)
    # RFC 5465 6.3: a delivery may name any mailbox, so all are inboxes.
    everything = Which.PERSONAL in named or Which.INBOXES in named
    here = selected.shown.mailbox if selected is not None and Which.SELECTED in named else 0
    subtrees, subtrees_one = named.get(Which.SUBTREE, set()), named.get(Which.SUBTREE_ONE, set())
    paths = named.get(Which.MAILBOXES, set()) | subtrees_one
    if Which.SUBSCRIBED in named:
        paths |= seen.subscribed

    def meant(row: MailboxRow) -> bool:
        path = row.path
        if everything or row.id == here or path in paths or parent(path) in subtrees_one:
            return True
        # A path ends, so no loop of mailboxes can hold this up (RFC 7377 2.2).
        while subtrees and path:
            if path in subtrees:
                return True
            path = parent(path)
        return False

    return [row for row in seen.mailboxes if row.selectable and meant(row)]
