"""STORE and UID STORE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import telling, untold, view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import Spans
from pillarbox.imap.wire import store as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.response import Modified, ResponseCode
from pillarbox.model.errors import Code
from pillarbox.model.numbers import MAX_NUMBER, Runs, runs
from pillarbox.store import flags, present
from pillarbox.store.flags import Stored

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def store(session: Session, tag: bytes, command: wire.Store) -> Outcome:
    session.require_writable()
    data: tuple[Response, ...] = ()
    if command.unchanged_since is not None:
        data = await telling.aware(session)
    shown = session.selected
    chosen = spans(shown, command.numbers, uid=command.uid)
    ghosts = view.ghosts(shown, chosen)
    living = view.without(chosen, ghosts)
    stored = Stored()
    if living:
        stored = await session.store.write(
            session.account,
            flags.store_flags,
            session.actor,
            shown.shown.mailbox,
            view.uid_runs(shown, living),
            command.mode,
            command.flags,
            command.unchanged_since,
            session.store.columns_latest(session.account, shown.shown.mailbox),
            durable=False,
        )
    return await told(session, command, living, ghosts, stored, data)


async def told(
    session: Session,
    command: wire.Store,
    living: Spans,
    ghosts: Spans,
    stored: Stored,
    data: tuple[Response, ...] = (),
) -> Outcome:
    """What is said of that which has been done."""
    shown = session.selected
    lines, failed = b"", stored.failed
    late: Runs = ()
    if failed and command.mode != "replace":
        lines, failed, late = await _once_more(session, command, stored)
    if living and (session.kind.condstore or not command.silent):
        # Numbers stand still: news of expunges waits for the end of the command.
        lines += await telling.news(session, expunge=False, own=stored)
        lines += _outcome(session, command, stored, living, failed, late)
    text = "UID STORE completed" if command.uid else "STORE completed"
    code: ResponseCode | None = None
    if failed:
        # RFC 7162 3.1.3
        text = "Some of the messages have changed"
        code = Modified(failed if command.uid else view.numbers(shown, failed))
    if ghosts and not command.silent:
        # RFC 2180 4.2.3: the others have been changed all the same.
        text = "Some of the messages have been expunged"
        return Done(text, code or Code.EXPUNGEISSUED, data, lines, own=stored, condition="NO")
    return Done(text, code, data, lines, own=stored)


def _outcome(
    session: Session, command: wire.Store, stored: Stored, living: Spans, failed: Runs, late: Runs
) -> bytes:
    """The FETCH responses that STORE itself brings about."""
    shown = session.selected
    if not command.silent:
        # RFC 9051 6.4.6: the flags of every message named, changed or not, as they are now.
        return untold.tell(session, living, uid=command.uid)
    # RFC 7162 3.1.3: a silent STORE tells mod-sequences too: of the messages that passed the test, or without
    # one of those it has changed. Of those that did not pass it tells why.
    uids = shown.shown.uids
    why = uids.slices(failed)
    passed = view.without(living, why)
    if command.unchanged_since is None:
        passed = uids.slices(present.runs_of(stored.uids))
    # RFC 7162 3.1.12: nor is the client left to guess what its flags have made of what was just told.
    changed = uids.slices(late)
    return (
        untold.tell(session, why)
        + untold.tell(session, changed)
        + untold.tell(session, view.without(passed, changed), silent=True)
    )


async def _once_more(session: Session, command: wire.Store, stored: Stored) -> tuple[bytes, Runs, Runs]:
    """RFC 7162 3.1.12: +FLAGS and -FLAGS are refused to no message of which only other flags have changed
    since the client heard of it. What must be told first, those that fail all the same, and the spared."""
    before = session.selected
    told = await telling.news(session, expunge=False, own=stored)
    now = session.selected
    meanings = session.flag_sets.meanings
    asked = {flag.lower() for flag in command.flags}
    since = command.unchanged_since or 0
    old, new, modseqs = before.shown.flag_sets, now.shown.flag_sets, before.shown.modseqs
    same = {
        pair: asked.isdisjoint({flag.lower() for flag in set(meanings[pair[0]]) ^ set(meanings[pair[1]])})
        for pair in {(old[at], new[at]) for at in view.indices(before.shown.uids.slices(stored.failed))}
    }
    failed = now.shown.uids.slices(stored.failed)
    spared = [at for at in view.indices(failed) if modseqs[at] <= since and same[old[at], new[at]]]
    again = view.without(view.spans_of(spared), view.ghosts(now, view.spans_of(spared)))
    if not again:
        return told, stored.failed, ()
    second = await session.store.write(
        session.account,
        flags.store_flags,
        session.actor,
        now.shown.mailbox,
        view.uid_runs(now, again),
        command.mode,
        command.flags,
        now.modseq,
        durable=False,
    )
    told += await telling.news(session, expunge=False, own=second)
    uids = now.shown.uids
    left = tuple((uids[at], uids[at]) for at in view.indices(view.without(failed, again)))
    still = runs(left + second.failed, MAX_NUMBER)  # no UID that was not named
    return told, still, present.runs_of(second.uids)
