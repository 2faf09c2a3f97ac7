"""View and updates as arithmetic: what each client rebuilds from the untagged data equals the mailbox."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pillarbox.imap import updates, view
from pillarbox.imap.view import View
from pillarbox.model import column
from pillarbox.model.changes import Columns, Delta, Rows
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import STAR, runs_of


@pytest.fixture(autouse=True, scope="module")
def short_pieces() -> Iterator[None]:
    """Columns of a few messages are made of several pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "PIECE", 3)
        yield


class Mailbox:
    """A mailbox in memory that answers like the store: columns, and the way from an old mod-sequence."""

    def __init__(self) -> None:
        self.modseq = 1
        self.uidnext = 1
        self.live: dict[int, list[int]] = {}  # uid -> [flag set, modseq, created]
        self.dead: dict[int, tuple[int, int]] = {}  # uid -> (created, buried at modseq)

    def append(self, flag_set: int) -> None:
        self.modseq += 1
        self.live[self.uidnext] = [flag_set, self.modseq, self.modseq]
        self.uidnext += 1

    def flag(self, uids: list[int], flag_set: int) -> None:
        self.modseq += 1
        for uid in uids:
            if self.live[uid][0] != flag_set:
                self.live[uid][:2] = [flag_set, self.modseq]

    def expunge(self, uids: list[int]) -> None:
        self.modseq += 1
        for uid in uids:
            self.dead[uid] = (self.live.pop(uid)[2], self.modseq)

    def columns(self) -> Columns:
        uids = sorted(self.live)
        rows = Rows(
            array("I", uids),
            array("H", [self.live[uid][0] for uid in uids]),
            array("Q", [self.live[uid][1] for uid in uids]),
        )
        return Columns.joined(1, self.modseq, [rows])

    def since(self, modseq: int, complete: bool = True) -> Delta:
        new = [uid for uid, row in sorted(self.live.items()) if row[2] > modseq]
        changed = [uid for uid, row in sorted(self.live.items()) if row[2] <= modseq < row[1]]
        gone = sorted(uid for uid, (made, at) in self.dead.items() if made <= modseq < at)
        if not complete:
            new = changed = gone = []
        return Delta(
            self.modseq,
            array("I", new),
            array("H", [self.live[uid][0] for uid in new]),
            array("Q", [self.live[uid][1] for uid in new]),
            array("I", changed),
            array("H", [self.live[uid][0] for uid in changed]),
            array("Q", [self.live[uid][1] for uid in changed]),
            runs_of(gone),
            complete,
        )


class Client:
    """Knows only what a client can: the number of messages and, by number, what it was told of them."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        columns = mailbox.columns()
        self.view = view.opened(columns, recent_from=mailbox.uidnext)
        self.flags: list[int | None] = list(columns.flag_sets)
        self.uids = list(columns.uids)
        self.recent = 0

    def sync(self, expunge: bool, own: int = 0, complete: bool = True) -> updates.News:
        delta = self.mailbox.since(self.view.modseq, complete)
        self.view, news = updates.advance(self.view, self.mailbox.columns(), delta, expunge=expunge, own=own)
        gone = []
        for number, times in news.expunged:
            for _ in range(times):
                del self.flags[number - 1]
                gone.append(self.uids.pop(number - 1))
        assert gone == list(news.gone or ()), "EXPUNGE and VANISHED speak of the same messages"
        told = len(self.uids)
        assert self.uids == list(self.view.shown.uids[:told])
        self.uids = list(self.view.shown.uids)
        if news.exists is not None:
            assert news.exists >= len(self.flags), "EXISTS never takes messages away (RFC 9051 7.4.1)"
            self.flags += [None] * (news.exists - len(self.flags))
        if news.recent is not None:
            self.recent = news.recent
        if news.flagged is not None:
            told = news.flagged
            for number, uid, flag_set in zip(told.numbers, told.uids, told.flag_sets):
                assert self.view.shown.uids[number - 1] == uid
                self.flags[number - 1] = flag_set
        if not expunge:
            assert not news.expunged
        return news

    def fetch_flags(self) -> None:
        self.flags = list(self.view.shown.flag_sets)


def view_ghosts(shown: View) -> set[int]:
    return {shown.shown.uids[at] for at in view.indices(view.ghosts(shown, [(0, shown.exists)]))}


class Sessions(RuleBasedStateMachine):
    @initialize(count=st.integers(0, 6), sessions=st.integers(1, 3))
    def start(self, count: int, sessions: int) -> None:
        self.mailbox = Mailbox()
        for _ in range(count):
            self.mailbox.append(0)
        self.clients = [Client(self.mailbox) for _ in range(sessions)]

    def _pick(self, data: st.DataObject) -> list[int]:
        live = sorted(self.mailbox.live)
        return data.draw(st.lists(st.sampled_from(live), unique=True, max_size=4)) if live else []

    @rule(flag_set=st.integers(0, 3), times=st.integers(1, 3))
    def append(self, flag_set: int, times: int) -> None:
        for _ in range(times):
            self.mailbox.append(flag_set)

    @rule(data=st.data(), flag_set=st.integers(0, 3))
    def flag(self, data: st.DataObject, flag_set: int) -> None:
        self.mailbox.flag(self._pick(data), flag_set)

    @rule(data=st.data())
    def expunge(self, data: st.DataObject) -> None:
        self.mailbox.expunge(self._pick(data))

    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        for uid in sorted(self._pick(data)):
            self.mailbox.append(self.mailbox.live[uid][0])

    @rule(data=st.data(), flag_set=st.integers(0, 3), which=st.integers(0, 2))
    def store_silently(self, data: st.DataObject, flag_set: int, which: int) -> None:
        """A session's own STORE.SILENT: it knows the outcome and is told nothing of it."""
        client = self.clients[which % len(self.clients)]
        client.sync(False)
        picked = self._pick(data)
        self.mailbox.flag(picked, flag_set)
        uids = list(client.view.shown.uids)
        for uid in picked:
            client.flags[uids.index(uid)] = flag_set
        news = client.sync(False, own=self.mailbox.modseq)
        assert news.flagged is None

    @rule(which=st.integers(0, 2), expunge=st.booleans(), complete=st.booleans())
    def sync(self, which: int, expunge: bool, complete: bool) -> None:
        self.clients[which % len(self.clients)].sync(expunge, complete=complete)

    @rule(which=st.integers(0, 2))
    def fetch(self, which: int) -> None:
        self.clients[which % len(self.clients)].fetch_flags()

    @invariant()
    def pictures_hold(self) -> None:
        for client in self.clients:
            assert len(client.flags) == client.view.exists
            assert client.recent == client.view.recent
            for uid in view_ghosts(client.view):
                # RFC 7162 3.2: never said to be known further than the first expunge that is withheld.
                assert client.view.synced < self.mailbox.dead[uid][1]
            for told, flag_set in zip(client.flags, client.view.shown.flag_sets):
                assert told is None or told == flag_set
            shown = client.view.shown
            assert list(shown.uids) == sorted(set(shown.uids))
            assert len(shown.uids) == len(shown.flag_sets) == len(shown.modseqs)
            if client.view.modseq == self.mailbox.modseq:
                ghosts = view_ghosts(client.view)
                assert set(shown.uids) - ghosts == set(self.mailbox.live)
                assert client.view.synced == client.view.modseq or ghosts

    def teardown(self) -> None:
        for client in getattr(self, "clients", []):
            client.sync(True)
            client.fetch_flags()
            assert list(client.view.shown.uids) == sorted(self.mailbox.live)
            assert client.flags == [self.mailbox.live[uid][0] for uid in sorted(self.mailbox.live)]
            assert not client.view.gone


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_session_without_withheld_expunges_shares_the_stores_arrays() -> None:
    mailbox = Mailbox()
    for _ in range(5):
        mailbox.append(0)
    client = view.opened(mailbox.columns())
    mailbox.expunge([2])
    mailbox.append(1)
    columns, delta = mailbox.columns(), mailbox.since(client.modseq)
    withholding, news = updates.advance(client, columns, delta, expunge=False)
    assert news.exists == 6 and not news.expunged
    assert list(withholding.shown.uids) == [1, 2, 3, 4, 5, 6]
    assert withholding.synced < withholding.modseq
    after, news = updates.advance(withholding, columns, mailbox.since(withholding.modseq), expunge=True)
    assert news.expunged == ((2, 1),) and news.exists is None
    assert after.shown is columns


def test_runs_of_expunges_repeat_the_falling_number() -> None:
    """RFC 9051 6.4.3: expunging 3, 4, 7 and 11 is announced as 3, 3, 5, 8."""
    mailbox = Mailbox()
    for _ in range(11):
        mailbox.append(0)
    client = view.opened(mailbox.columns())
    mailbox.expunge([3, 4, 7, 11])
    _, news = updates.advance(client, mailbox.columns(), mailbox.since(client.modseq), expunge=True)
    assert news.expunged == ((3, 2), (5, 1), (8, 1))


def test_numbers_beyond_the_mailbox_are_a_syntax_error() -> None:
    mailbox = Mailbox()
    empty = view.opened(mailbox.columns())
    with pytest.raises(PeerSyntax):
        view.by_number(empty, ((1, STAR),))
    assert view.by_uid(empty, ((1, STAR),)) == []
    for _ in range(3):
        mailbox.append(0)
    full = view.opened(mailbox.columns())
    assert view.by_number(full, ((STAR, 2),)) == [(1, 3)]
    with pytest.raises(PeerSyntax):
        view.by_number(full, ((2, 4),))
    assert view.by_uid(full, ((1000, STAR),)) == [(2, 3)]


def test_spans_subtract() -> None:
    assert view.without([(0, 5), (7, 9)], [(1, 2), (3, 5), (8, 9)]) == [(0, 1), (2, 3), (7, 8)]
    assert view.without([(0, 5)], []) == [(0, 5)]
    assert view.spans_of([0, 1, 4, 5, 9]) == [(0, 2), (4, 6), (9, 10)]
