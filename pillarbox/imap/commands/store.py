"""STORE and UID STORE."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import telling, view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.updates import Flagged
from pillarbox.imap.view import Spans, View
from pillarbox.imap.wire import store as wire
from pillarbox.model.errors import Code, PeerSyntax
from pillarbox.store import flags

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def store(session: Session, tag: bytes, command: wire.Store) -> Outcome:
    if command.unchanged_since is not None:
        raise PeerSyntax("STORE modifiers are not offered")
    session.require_writable()
    shown = session.selected
    chosen = spans(shown, command.numbers, uid=command.uid)
    ghosts = view.ghosts(shown, chosen)
    living = view.without(chosen, ghosts)
    stored = None
    if living:
        stored = await session.store.write(
            session.account,
            flags.store_flags,
            session.actor,
            shown.shown.mailbox,
            view.uid_runs(shown, living),
            command.mode,
            command.flags,
            durable=False,
        )
    word = "UID STORE" if command.uid else "STORE"
    done = Done(f"{word} completed", own=stored)
    if ghosts and not command.silent:
        # RFC 2180 4.2.3: the others have been changed all the same.
        done = Done("Some of the messages have been expunged", Code.EXPUNGEISSUED, own=stored, condition="NO")
    if command.silent or not living:
        return done
    # RFC 9051 6.4.6: the flags of every message named, changed or not, as they are now. Numbers stand
    # still: news of expunges waits for the end of the command.
    news = await telling.news(session, expunge=False, own=stored)
    flagged = _flagged(session.selected, living)
    return replace(done, told=news + telling.flag_lines(session, flagged, uid=command.uid))


def _flagged(shown: View, chosen: Spans) -> Flagged:
    numbers, columns = array("I"), shown.shown
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    for start, stop in chosen:
        numbers.extend(range(start + 1, stop + 1))
        uids += columns.uids[start:stop]
        flag_sets += columns.flag_sets[start:stop]
        modseqs += columns.modseqs[start:stop]
    return Flagged(numbers, uids, flag_sets, modseqs)
