"""The short way: commands about one message, NOOP, and SELECT of what is as it was, answered at once.

Clients send these more often than all others, and what they cost is almost all interpreter: tokens, tasks,
and layers that are made for ten thousand messages. Here is what is left of that where nothing is out of the
ordinary.

Rules of the place:
* it answers as the long way does (`session._execute`), octet for octet, or says None and has done nothing:
  then the long way is gone, which knows about everything else. `tests/imap/test_short.py` compares the two;
* it is for a mailbox of which the client knows all: nothing is new, withheld, or to be told besides. SELECT
  has said all of it before (`openings`), and nothing has changed since;
* nothing waits here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pillarbox.imap import objectid, telling
from pillarbox.imap.commands import select as select_command
from pillarbox.imap.commands import store as store_command
from pillarbox.imap.contents import WHOLE, octets_of
from pillarbox.imap.table import TABLE
from pillarbox.imap.view import NEVER_RECENT, View
from pillarbox.imap.wire import fetch as wire_fetch
from pillarbox.imap.wire import fetch_plan
from pillarbox.imap.wire import store as wire_store
from pillarbox.imap.wire.command import TAG
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.fetch_plan import Plan, is_whole
from pillarbox.imap.wire.reader import MEMO_LENGTH
from pillarbox.imap.wire.response import Mark, ok
from pillarbox.imap.wire.strings import REV1, Kind
from pillarbox.message import parts
from pillarbox.message.section import Section
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.model.flags import SEEN
from pillarbox.model.names import INBOX
from pillarbox.store import blobs, emails, flags
from pillarbox.store.staged import Place
from pillarbox.store.tx import Busy

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.net.session import Answer

_COMMAND = re.compile(
    rb"(%b) (?:(NOOP)|(UID )?(?:(FETCH)|STORE) ([1-9][0-9]{0,8}) ([^{}]{1,%d}))" % (TAG, MEMO_LENGTH),
    re.IGNORECASE,
).fullmatch


# A mailbox's name that is written as what it is.
_SELECT = re.compile(
    rb"(%b) SELECT (?:([A-Za-z0-9._-]{1,100})|\"([A-Za-z0-9._-]{1,100})\")" % TAG, re.IGNORECASE
).fullmatch


_PART_1 = Section((1,))


def _ended(text: str) -> bytes:
    return encode(ok(b"", text), REV1).removeprefix(b"*")


_NOOP = _ended("NOOP completed")
_FETCHED, _UID_FETCHED = _ended("FETCH completed"), _ended("UID FETCH completed")
_SELECTED = encode(ok(b"", "SELECT completed", Mark.READ_WRITE), REV1).removeprefix(b"*")
_CLOSED = encode(ok(None, "The previous mailbox is closed", Mark.CLOSED), REV1)
_STORED, _UID_STORED = _ended("STORE completed"), _ended("UID STORE completed")


def answer(session: Session, line: bytes) -> Answer | Awaitable[Answer]:
    """What this command is answered; None where it takes the long way."""
    found = _COMMAND(line)
    view = session.view
    if found is None:
        return _select(session, line)
    if view is None or not _ordinary(session, view):
        return None
    tag, noop, uid, fetch, number, rest = found.groups()
    if noop:
        return tag + _NOOP if _unchanged(session, view) else None
    if session.kind.uid_only and not uid:
        return None
    uids = view.shown.uids
    place = uids.place(int(number)) if uid else int(number) - 1
    if place >= len(uids) or (uid and uids[place] != int(number)):
        return None
    if not fetch:
        return _store(session, view, tag, place, rest, uid=bool(uid))
    if not _unchanged(session, view):
        return None
    said = _fetch(session, view, place, rest, uid=bool(uid))
    return said and said + tag + (_UID_FETCHED if uid else _FETCHED)


def _select(session: Session, line: bytes) -> bytes | None:
    found = _SELECT(line)
    if found is None or not session.logged_in or session.gone or session.untold or session.first:
        return None
    if session.contexts or session.pushing is not None or session.notified is not None:
        return None
    tag, atom, quoted = found.groups()
    name = (atom or quoted).decode("ascii")
    store, account = session.store, session.account
    kept = session.services.openings.get((account, INBOX if name.upper() == INBOX else name, None))
    if kept is None or not session.actor.owner:
        return None
    told = kept.lines.get((session.kind, False, objectid.NAME in session.enabled))
    try:
        columns = store.columns_known(account, kept.found.row.id, store.modseq(account))
    except Refused:
        return None
    if told is None or columns is None or kept.columns() is not columns:
        return None
    closed = b""
    if session.view is not None:
        session.leave()
        closed = _CLOSED
    select_command.enter(session, kept, columns, read_only=False)
    return closed + told + tag + _SELECTED


def _ordinary(session: Session, view: View) -> bool:
    return not (
        view.gone
        or view.behind
        or session.untold
        or session.first
        or session.contexts
        or session.pushing is not None
        or session.notified is not None
    )


def _unchanged(session: Session, view: View) -> bool:
    try:
        return session.store.modseq(session.account) == view.modseq
    except Refused:
        return False


def _fetch(session: Session, view: View, place: int, rest: bytes, *, uid: bool) -> bytes | None:
    asked = _asked(rest, session.kind, uid)
    if asked is None:
        return None
    plan, shown = asked.plan, view.shown
    number, columns = shown.uids[place], plan.columns
    # What the view knows is taken from the view, as in all commands.
    flag_set = shown.flag_sets[place] if asked.flag_set else 0
    if plan.sets_seen and not view.read_only and SEEN not in session.flag_sets.meanings[flag_set]:
        return None
    modseq = shown.modseqs[place] if asked.modseq else 0
    spelled = session.flag_sets.spelled(view.recent_from != NEVER_RECENT and place >= view.first_recent)
    if plan.from_view:
        of_view = {"uid": number, "flag_set": flag_set, "modseq": modseq}
        return fetch_plan.line(plan, place + 1, [of_view[name] for name in columns], spelled)
    if not session.actor.owner:
        return None  # whose rights would be another statement
    try:
        rows = session.store.glance(
            session.account, emails.rows, session.actor, shown.mailbox, number, number, asked.columns
        )
    except (Busy, Refused):
        return None
    if len(rows) != 1:
        return None
    row = list(rows[0])
    for at in plan.of_view:
        row[at] = flag_set if columns[at] == "flag_set" else modseq
    line = fetch_plan.line(plan, place + 1, row, spelled)
    return _with_bodies(asked, line, row) if plan.bodies else line


def _with_bodies(asked: _Asked, head: bytes, row: list[Any]) -> bytes | None:
    *_, held, dictionary, frames, data = row
    size = row[asked.size]
    if held != Place.INLINE or frames is not None or size > WHOLE:
        return None
    plan = asked.plan
    try:
        octets = blobs.octets(size, held, dictionary, frames, data)
    except Refused:
        return None
    if asked.whole:
        return fetch_plan.message(plan, head, (octets,))
    if asked.first:
        found = parts.first(row[asked.offsets])
        return fetch_plan.message(plan, head, (found and octets[slice(*found)],))
    header_size = row[asked.header_size] if asked.header_size else 0
    layout = parts.layout(row[asked.offsets]) if asked.offsets else None
    contents = [octets_of(item, header_size, layout, octets) for item in plan.bodies]
    return fetch_plan.message(plan, head, contents)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a FETCH reads, and where in the row that stands; 0, the place of the UID, for what it does not.
    `whole`: of octets it asks for the message as it is only; `first`: for part 1 only."""

    plan: Plan
    columns: tuple[str, ...]
    flag_set: bool
    modseq: bool
    size: int
    header_size: int
    offsets: int
    whole: bool
    first: bool


@lru_cache(maxsize=256)
def _asked(rest: bytes, kind: Kind, uid: bool) -> _Asked | None:
    """How this FETCH is answered, unless there is more to it than to read something."""
    try:
        said = wire_fetch.remembered(rest, kind.utf8)
    except PeerSyntax:
        return None
    items = said.items
    if said.changed_since is not None or said.partial is not None or said.vanished:
        return None
    if items.ask_for("MODSEQ") or items.ask_for("OBJECTID"):
        return None  # to ask for these changes what the client is told from then on
    plan = fetch_plan.plan(items, kind, uid=uid)
    if any(item.what != "SECTION" for item in plan.bodies):
        return None
    at = {name: at for at, name in enumerate(plan.columns)}
    return _Asked(
        plan,
        plan.columns + blobs.COLUMNS if plan.bodies else plan.columns,
        plan.sets_seen or "flag_set" in at,
        "modseq" in at,
        at.get("size", 0),
        at.get("header_size", 0),
        at.get("offsets", 0),
        whole=len(plan.bodies) == 1 and is_whole(plan.bodies[0]),
        first=len(plan.bodies) == 1 and plan.bodies[0].section == _PART_1 and not plan.bodies[0].partial,
    )


def _store(
    session: Session, view: View, tag: bytes, place: int, rest: bytes, *, uid: bool
) -> Answer | Awaitable[Answer]:
    if rest.startswith(b"(") or view.read_only or not session.actor.owner:
        return None
    try:
        said = wire_store.remembered(rest)
    except PeerSyntax:
        return None
    number = view.shown.uids[place]
    try:
        stored = session.store.write_now(
            session.account,
            flags.store_one,
            session.actor,
            view.shown.mailbox,
            number,
            said.mode,
            said.flags,
        )
    except (Busy, Refused):
        return None  # it is refused again, or waits
    line = telling.own_store(session, view, place, stored, uid=uid, silent=said.silent)
    if line is None:
        # It is done, and what is to be said of it is not so simple.
        command = wire_store.Store(((number, number),), said.mode, said.flags, said.silent, uid)
        work = store_command.told(session, command, [(place, place + 1)], [], stored)
        return session.conclude(tag, TABLE["UID STORE" if uid else "STORE"], work)
    return line + tag + (_UID_STORED if uid else _STORED)
