"""SEARCH and UID SEARCH. What matches is decided in `matching`; here is what is told and what is saved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillarbox.imap import results, telling, view
from pillarbox.imap.commands.updating import require_free, updating
from pillarbox.imap.matching import Matcher
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import View
from pillarbox.imap.wire import search as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.esearch import EVERYTHING, ReturnOption
from pillarbox.model import masks
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.model.masks import Mask
from pillarbox.model.numbers import runs_of
from pillarbox.model.search import Modseq, has_fuzzy, settled
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.store.query.planner import readings

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

_SAVES = re.compile(rb" RETURN \([^)]*\bSAVE\b", re.IGNORECASE)


async def search(session: Session, tag: bytes, command: wire.Search) -> Outcome:
    returning = command.returning
    if returning is None and session.kind.rev2:
        returning = EVERYTHING  # RFC 9051 6.4.4
    completed = f"{'UID ' if command.uid else ''}SEARCH completed"
    require_free(session, tag, returning)
    found, relevancy = await ranked(session, tag, command, wants_relevancy(command))
    shown = session.selected
    data, modseq = await modseq_of(session, command, shown, found)
    if returning is None:
        stretches = masks.stretches(_all(shown, uid=command.uid), found)
        return Done(completed, data=(*data, wire.Found(stretches, modseq)))
    save(session, command, found)
    if returning.options != {ReturnOption.SAVE}:
        numbers = masks.selected(_all(shown, uid=command.uid), found)
        told = results.told(tag, numbers, returning, uid=command.uid, modseq=modseq, relevancy=relevancy)
        data += (told,)
    return Done(completed, data=data + updating(session, tag, command, found))


async def look(session: Session, tag: bytes, command: wire.Search) -> Mask:
    """What of the selected mailbox matches."""
    return (await ranked(session, tag, command, False))[0]


def wants_relevancy(command: wire.Search, criteria: Sequence[Criterion] = ()) -> bool:
    """Whether it is to be told, or sorted by, how relevant messages are."""
    told = command.returning is not None and ReturnOption.RELEVANCY in command.returning
    if not told and not any(one.key is SortKey.RELEVANCY for one in criteria):
        return False
    if not has_fuzzy(command.key):
        raise PeerSyntax("RELEVANCY needs a FUZZY search key")  # RFC 6203 4, 6
    return True


async def ranked(
    session: Session, tag: bytes, command: wire.Search, relevancy: bool
) -> tuple[Mask, list[int] | None]:
    """What of the selected mailbox matches, and how relevant each of that is."""
    require_charset_allowed(session, command)
    shown = session.selected
    key = settled(command.key, session.store.clock())
    try:
        with Progress(session, tag, readings(key) * shown.exists) as progress:
            matcher = Matcher(session, shown, session.flag_sets.meanings, progress)
            found = await matcher.among(key, matcher.living)
            return found, await matcher.relevancy(found) if relevancy else None
    except Refused:
        if command.returning is not None and ReturnOption.SAVE in command.returning:
            session.view = view.saving(shown, ())  # RFC 9051 6.4.4.1: NO empties `$`
        raise


async def modseq_of(
    session: Session, command: wire.Search, shown: View, found: Mask
) -> tuple[tuple[Response, ...], int | None]:
    """RFC 7162 3.1.6, 3.1.10: the greatest mod-sequence of what is returned, where the search asked for
    mod-sequences; and what a client must be told that does so for the first time."""
    if not command.mentions(Modseq):
        return (), None
    data = await telling.aware(session)
    modseqs = masks.selected(shown.shown.modseqs, found)
    spans = results.returned(len(modseqs), command.returning)
    return data, max(results.of(modseqs, spans), default=None)


def save(session: Session, command: wire.Search, found: Mask) -> None:
    """`$`, if RETURN says so."""
    if command.returning is None or ReturnOption.SAVE not in command.returning:
        return
    uids = masks.selected(session.selected.shown.uids, found)
    saved = results.of(uids, results.returned(len(uids), command.returning))
    session.view = view.saving(session.selected, runs_of(saved))


def require_charset_allowed(session: Session, command: wire.Search) -> None:
    if command.charset and "UTF8=ACCEPT" in session.enabled and not session.kind.rev2:
        # RFC 9755 3: all strings are UTF-8 now. RFC 9051 6.4.4, which allows CHARSET, is for those who have
        # enabled IMAP4rev2; it contains UTF8=ACCEPT (RFC 9755 1).
        raise PeerSyntax("SEARCH has no CHARSET where UTF8=ACCEPT is enabled")


def refused_unparsed(session: Session, line: bytes) -> None:
    """A SEARCH was refused before it could be carried out (its charset): that empties `$` too."""
    if session.view is not None and _SAVES.search(line):
        session.view = view.saving(session.view, ())


def _all(shown: View, *, uid: bool) -> Sequence[int]:
    return shown.shown.uids if uid else range(1, shown.exists + 1)
