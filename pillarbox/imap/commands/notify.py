"""NOTIFY: from here on the client is told of what it has asked for, also between commands (RFC 5465)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from pillarbox.imap import objectid, telling, untold, view
from pillarbox.imap.commands.fetch import Answer
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.pushing import Pushing
from pillarbox.imap.table import TABLE
from pillarbox.imap.watching import Watch
from pillarbox.imap.wire import notify as wire
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.notify import Event, Filter
from pillarbox.imap.wire.response import BadEvent, Mark, ok
from pillarbox.model.errors import NoAccount, Refused

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.view import Spans, View
    from pillarbox.model.numbers import Runs


async def notify(session: Session, tag: bytes, command: wire.Notify) -> Outcome:
    if command.unsupported:
        # RFC 5465 3.1: NO, with the events there are.
        known = BadEvent(tuple(event.value for event in wire.Event))
        return Done("There is no such event", known, condition="NO")
    for group in command.groups or ():
        if group.items is not None and group.items.ask_for("OBJECTID"):
            objectid.activate(session)
    watch = Watch(session, command.groups or ())
    data = await watch.begin(status=command.status)
    told = b""
    if command.groups is not None:
        # RFC 5465 3.1: whatever has accumulated is told now, also to a client that wants no more of it.
        session.notified = None
        told = await telling.news(session, expunge=TABLE["NOTIFY"].expunge)
    notified = session.notified = Notified(session, watch)
    if command.groups is None:
        session.stop_pushing()
    elif session.pushing is None:
        session.pushing = Pushing(session, notified.pieces)
    else:
        session.pushing.pieces = notified.pieces
    return Done("NOTIFY completed", data=tuple(data), told=told)


class Notified:
    """What a client that has used NOTIFY hears of."""

    __slots__ = ("_described", "_own", "_session", "watch")

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session = session
        self.watch = watch
        self._described = 0  # the greatest UID of the selected mailbox that has been told of
        self._own: Runs = ()  # UIDs in it that the client itself has saved
        if session.view is not None:
            self.entered(session.view)

    @property
    def hears_messages(self) -> bool:
        """RFC 5465 3.1: whether it wants to know that messages come and go in the selected mailbox."""
        selected = self.watch.selected
        return selected is not None and Event.MESSAGE_NEW in selected.events

    @property
    def hears_flags(self) -> bool:
        selected = self.watch.selected
        return selected is not None and Event.FLAG_CHANGE in selected.events

    def entered(self, shown: View) -> None:
        """A mailbox has been selected, and the client knows what is in it."""
        uids = shown.shown.uids
        self._described = uids[-1] if uids else 0
        self._own = ()

    def saved(self, mailbox: int, uids: Runs) -> None:
        """The client itself has put messages into a mailbox."""
        shown = self._session.view
        if shown is not None and shown.shown.mailbox == mailbox:
            self._own += uids
        else:
            self.watch.saved(mailbox, uids)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All that is to be told now."""
        session = self._session
        try:
            async with aclosing(self._told()) as told:
                async for piece in told:
                    yield piece
        except Refused as refused:
            # A store that cannot answer now is asked again at the next ring; an account that is gone, never.
            if isinstance(refused, NoAccount):
                yield telling.end(session, refused)
        except Exception as error:
            session.services.report(error)
            # RFC 5465 5.8: what cannot be told is said to be told no more.
            self.watch = Watch(session, ())
            session.stop_pushing()
            overflow = ok(None, "Nothing more will be told of", Mark.NOTIFICATIONOVERFLOW)
            yield encode(overflow, session.kind)

    async def _told(self) -> AsyncGenerator[bytes, None]:
        session, selected = self._session, self.watch.selected
        if selected is not None and (session.view is None or self.hears_messages):
            # RFC 5465 6.1.2: SELECTED-DELAYED waits for a command that may announce expunges; IDLE is one.
            expunge = session.idling or selected.filter is Filter.SELECTED
            news, highest = await telling.at_end(session, expunge=expunge)
            said = bool(news)
            if news:
                yield news
            async for piece in untold.pieces(session):
                said = True
                yield piece
            if session.gone:
                return
            async with aclosing(self._new(session.view)) as lines:
                async for piece in lines:
                    said = True
                    yield piece
            if highest is not None and said:
                # RFC 7162 3.2: mod-sequences above that of an expunge that is withheld may have been told.
                yield encode(ok(None, "The highest mod-sequence", highest), session.kind)
        responses = await self.watch.news()
        if responses:
            yield b"".join([encode(one, session.kind) for one in responses])

    async def _new(self, shown: View | None) -> AsyncGenerator[bytes, None]:
        """RFC 5465 5.2: a FETCH response for each new message, if the client has said what it wants."""
        selected = self.watch.selected
        if shown is None or not shown.shown.uids or selected is None:
            return
        uids = shown.shown.uids
        spans: Spans = [(uids.place(self._described + 1), len(uids))]
        own = [span for span in uids.slices(tuple(sorted(self._own))) if span[0] >= spans[0][0]]
        self._described, self._own = uids[-1], ()
        if selected.items is None:
            return
        spans = view.without(spans, own)
        spans = view.without(spans, view.ghosts(shown, spans))
        session = self._session
        try:
            answer = Answer(session, selected.items, spans, uid=session.kind.condstore, modseq=False)
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    yield piece
        except Refused:
            return  # some have been erased meanwhile; that is told as what it is
