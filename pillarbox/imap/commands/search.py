"""SEARCH and UID SEARCH. What matches is decided in `matching`; here is what is told and what is saved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import masks, telling, view
from pillarbox.imap.masks import Mask
from pillarbox.imap.matching import Matcher, readings
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import Spans, View
from pillarbox.imap.wire import search as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.partial import Range
from pillarbox.imap.wire.search import ReturnOption
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.model.numbers import runs, runs_of
from pillarbox.model.search import Modseq, settled

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

_SAVES = re.compile(rb" RETURN \([^)]*\bSAVE\b", re.IGNORECASE)


async def search(session: Session, tag: bytes, command: wire.Search) -> Outcome:
    shown = session.selected
    if command.charset and "UTF8=ACCEPT" in session.enabled and not session.kind.rev2:
        # RFC 9755 3: all strings are UTF-8 now. RFC 9051 6.4.4, which allows CHARSET, is for those who have
        # enabled IMAP4rev2; it contains UTF8=ACCEPT (RFC 9755 1).
        raise PeerSyntax("SEARCH has no CHARSET where UTF8=ACCEPT is enabled")
    try:
        key = settled(command.key, session.store.clock())
        goal = readings(key) * shown.exists
        with Progress(session, tag, goal) as progress:
            matcher = Matcher(session, shown, session.flag_sets.meanings, progress)
            found = await matcher.among(key, matcher.living)
    except Refused:
        if command.returns and ReturnOption.SAVE in command.returns:
            session.view = view.saving(shown, ())  # RFC 9051 6.4.4.1: NO empties `$`
        raise
    returns = command.returns
    if returns is None and session.kind.rev2:
        returns = frozenset((ReturnOption.ALL,))  # RFC 9051 6.4.4
    numbers = _numbers(shown, found, uid=command.uid)
    returned = _returned(len(numbers), returns or frozenset(), command.partial)
    data: tuple[Response, ...] = ()
    modseq = None
    if command.mentions(Modseq):
        data = await telling.aware(session)
        if numbers:
            modseq = max(_of(masks.selected(shown.shown.modseqs, found), returned), default=None)
    if returns is None:
        data += (wire.Found(numbers, modseq),)
    else:
        if ReturnOption.SAVE in returns:
            uids = _of(_numbers(shown, found, uid=True), returned)
            session.view = view.saving(session.selected, runs_of(uids))
        if returns - {ReturnOption.SAVE}:
            told = _told(tag, numbers, returns, uid=command.uid)
            if command.partial is not None:
                page = slice(*command.partial.places(len(numbers)))
                told = replace(told, partial=(command.partial, runs_of(numbers[page])))
            data += (replace(told, modseq=modseq),)
    return Done("UID SEARCH completed" if command.uid else "SEARCH completed", data=data)


def refused_unparsed(session: Session, line: bytes) -> None:
    """A SEARCH was refused before it could be carried out (its charset): that empties `$` too."""
    if session.view is not None and _SAVES.search(line):
        session.view = view.saving(session.view, ())


def _numbers(shown: View, found: Mask, *, uid: bool) -> Sequence[int]:
    return masks.selected(shown.shown.uids if uid else range(1, shown.exists + 1), found)


def _told(tag: bytes, numbers: Sequence[int], returns: frozenset[ReturnOption], *, uid: bool) -> wire.Esearch:
    return wire.Esearch(
        tag,
        uid,
        least=numbers[0] if ReturnOption.MIN in returns and numbers else None,
        greatest=numbers[-1] if ReturnOption.MAX in returns and numbers else None,
        all=runs_of(numbers) if ReturnOption.ALL in returns else None,
        count=len(numbers) if ReturnOption.COUNT in returns else None,
    )


def _returned(count: int, returns: frozenset[ReturnOption], partial: Range | None) -> Spans:
    """Which of the `count` messages found are returned: all, or with nothing but MIN, MAX and PARTIAL those.

    They are what `$` becomes (RFC 9051 6.4.4.1, table 4; RFC 9394 3.2, table 1), and what MODSEQ is the
    greatest of (RFC 4731 3.2).
    """
    ends = returns & {ReturnOption.MIN, ReturnOption.MAX, ReturnOption.PARTIAL}
    if not ends or returns & {ReturnOption.ALL, ReturnOption.COUNT} or not count:
        return [(0, count)]
    chosen = []
    if ReturnOption.MIN in ends:
        chosen.append((1, 1))
    if ReturnOption.MAX in ends:
        chosen.append((count, count))
    if partial is not None:
        start, stop = partial.places(count)
        if start < stop:
            chosen.append((start + 1, stop))
    return [(low - 1, high) for low, high in runs(tuple(chosen), count)]


def _of(values: Sequence[int], returned: Spans) -> list[int]:
    return [value for start, stop in returned for value in values[start:stop]]
