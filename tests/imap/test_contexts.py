"""CONTEXT: what a client makes of ADDTO and REMOVEFROM is what a fresh search finds."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap import contexts, positions
from pillarbox.imap.settings import Settings
from pillarbox.store.files import account_folder
from pillarbox.store.index.catching_up import catch_up
from tests.imap.conftest import ACCOUNT, Imap, Play, World, world
from tests.imap.test_convergence import uids_of

MAILS = (b"Subject: m\r\n\r\nx\r\n", b"Subject: n\r\n\r\nneedle\r\n")
THREADED = (
    *MAILS,
    b"Message-ID: <r>\r\nSubject: m\r\n\r\nx\r\n",
    b"Message-ID: <s>\r\nReferences: <r>\r\nSubject: Re: n\r\n\r\nneedle\r\n",
)
FLAGS = (b"\\Seen", b"\\Flagged", b"\\Deleted", b"Work")
KEYS = (
    b"ALL",
    b"UNSEEN",
    b"FLAGGED UNDELETED",
    b"NOT KEYWORD Work",
    b"OR (SEEN FLAGGED) BODY needle",
    b"NOT DELETED SUBJECT n",
    b"UID 3:*",
    b"UID *",
    b"NOT UID *:2 UNSEEN",
    b"MODSEQ 8",
    b"YOUNGER 50 UNSEEN",
    b"FUZZY BODY neddle",
    b"INTHREAD REFS FLAGGED",
    b"INTHREAD REFERENCES (UNSEEN BODY needle) UNDELETED",
    b"NOT INTHREAD ORDEREDSUBJECT UID *",
    b"OR (THREADROOT SEEN) (THREADLEAF UNSEEN)",
    b"2:4",
)
CRITERIA = (b"", b"", b"(REVERSE ARRIVAL)", b"(SUBJECT REVERSE SIZE)", b"(MODSEQ)", b"(REVERSE UID)")
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)?(.*)')
_ITEM = re.compile(rb" (ALL|REMOVEFROM|ADDTO) (?:([\d:,]+)|\(([\d:, ]+)\))")
_ALL = re.compile(rb" ALL ([\d:,]+)")
_UNTAGGED = re.compile(rb"\* (?:(\d+) (EXISTS|EXPUNGE)|(VANISHED) ([\d:,]+))")


@dataclass
class Results:
    """`criteria` of SORT, or none for the order of the mailbox."""

    key: bytes
    by_number: bool
    criteria: bytes = b""
    listed: list[int] = field(default_factory=list)

    def command(self, returning: bytes) -> bytes:
        uid = b"" if self.by_number else b"UID "
        if self.criteria:
            return uid + b"SORT RETURN " + returning + b" " + self.criteria + b" UTF-8 " + self.key
        return uid + b"SEARCH RETURN " + returning + b" " + self.key

    def add(self, position: int, numbers: list[int]) -> None:
        assert not set(numbers) & set(self.listed)
        assert bool(position) is bool(self.criteria)
        if position:
            assert position <= len(self.listed) + 1
            self.listed[position - 1 : position - 1] = numbers
        else:
            self.listed = sorted([*self.listed, *numbers])

    def remove(self, position: int, numbers: list[int]) -> None:
        assert bool(position) is bool(self.criteria)
        if position:
            assert self.listed[position - 1 : position - 1 + len(numbers)] == numbers
        assert set(numbers) <= set(self.listed)
        self.listed = [number for number in self.listed if number not in numbers]


class Listener:
    """A client with lists of results, by UID and by message number, that believes what it is told."""

    def __init__(self, user: Imap, *, only_uids: bool = False) -> None:
        self.user = user
        self.only_uids = only_uids
        self.pushed = False  # it is told at any time, and not only when it asks
        self.exists = 0
        self.lists: dict[bytes, Results] = {}

    async def begin(self, results: Results) -> None:
        await self.do(results.command(b"(UPDATE ALL)"), results)

    async def do(self, command: bytes, results: Results | None = None) -> list[bytes]:
        """`results` is the list that the command begins."""
        tag = await self.user.send(command)
        if results is not None:
            self.lists[tag] = results
        lines = (await self.user.answer(tag)).splitlines()
        assert lines[-1].startswith((tag + b" OK ", tag + b" NO [EXPUNGEISSUED]")), lines
        for line in lines:
            self.hear(line)
        return lines

    async def watch(self, key: bytes, criteria: bytes) -> None:
        if key != b"2:4":
            await self.begin(Results(key, False, criteria))
            if not self.only_uids:
                await self.begin(Results(key, True, criteria))
        elif not self.only_uids and not self.pushed:
            # RFC 5267 4.3: these are the messages that have the numbers now.
            found = _ALL.search(b"".join(await self.do(b"UID SEARCH RETURN (ALL) 2:4")))
            fixed = b"UID " + found[1] if found else b"NOT ALL"
            await self.do(b"SEARCH RETURN (UPDATE ALL) 2:4", Results(fixed, by_number=True))

    def hear(self, line: bytes) -> None:
        if found := _ESEARCH.fullmatch(line):
            results = self.lists.get(found[1])
            for item, numbers, moves in _ITEM.findall(found[3]):
                if results is None:  # no list, or cancelled
                    continue
                assert results.by_number is not bool(found[2])
                self.change(results, item, moves.split() if moves else [b"-", numbers])
        elif found := _UNTAGGED.match(line):
            if found[2] == b"EXISTS":
                assert int(found[1]) >= self.exists
                self.exists = int(found[1])
            elif found[2] == b"EXPUNGE":
                self.exists -= 1
                self.renumber(int(found[1]))
            else:
                gone = set(uids_of(found[4]))
                self.exists -= len(gone)
                # By message number it cannot be seen here: VANISHED does not say which numbers went.
                assert not any(gone & {*each.listed} for each in self.lists.values() if not each.by_number)

    def change(self, results: Results, item: bytes, moves: list[bytes]) -> None:
        for position, some in zip(moves[::2], moves[1::2]):
            numbers = uids_of(some)
            if results.by_number:
                assert max(numbers) <= self.exists, "a number that no message has"
            if item == b"ALL":
                results.listed = numbers
            elif item == b"REMOVEFROM":
                results.remove(int(position), numbers)
            else:
                results.add(int(position), numbers)

    def renumber(self, expunged: int) -> None:
        for results in self.lists.values():
            if results.by_number:
                assert expunged not in results.listed, "expunged, and still in the list"
                results.listed = [number - (number > expunged) for number in results.listed]

    async def settle(self) -> None:
        await self.do(b"NOOP")
        for results in list(self.lists.values()):
            tag = await self.user.send(results.command(b"(ALL)"))
            answer = (await self.user.answer(tag)).splitlines()
            (fresh,) = [line for line in answer if line.startswith(b'* ESEARCH (TAG "%b")' % tag)]
            found = _ALL.search(fresh)
            assert results.listed == (uids_of(found[1]) if found else []), results


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(
            [
                *("append", "add", "add", "take", "expunge", "copy", "move", "noop", "fetch"),
                *("watch", "watch", "cancel", "wait", "index"),
            ]
        ),
        st.integers(1, 6),
        st.integers(0, 3),
        st.sampled_from(FLAGS),
        st.sampled_from(KEYS),
        st.sampled_from(CRITERIA),
    ),
    max_size=30,
)
Action = tuple[int, str, int, int, bytes, bytes, bytes]


@pytest.mark.parametrize(("enable", "few"), [(b"", 0), (b"", 2), (b"IMAP4rev2", 0), (b"UIDONLY", 2)])
def test_every_list_is_what_a_fresh_search_finds(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, enable: bytes, few: int
) -> None:
    """`few`: everything is done in portions of so many."""
    for room, name in ((contexts, "SLICE"), (positions, "SLICE"), (positions, "PROBES"), (positions, "FEW")):
        if few:
            monkeypatch.setattr(room, name, few)
    monkeypatch.setattr(contexts, "THREADS", 1)  # none is refused

    @given(ACTIONS)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def agrees(actions: list[Action]) -> None:
        asyncio.run(follow(tmp_path_factory.mktemp("store"), enable, actions))

    agrees()


async def follow(folder: Path, enable: bytes, actions: list[Action]) -> None:
    async with world(folder, Settings("x")) as made:
        listeners = []
        for number in range(3):
            user = await made.user(*([enable] if enable else []))
            for mail in MAILS[: number + 1]:
                await user.append(mail)
            listeners.append(Listener(user, only_uids=enable == b"UIDONLY"))
        for listener in listeners:
            await listener.do(b"SELECT INBOX")
        listeners[2].pushed = True
        await listeners[2].do(b"NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
        for who, *action in actions:
            await act(made, listeners[who], *action)
        for listener in listeners:
            await listener.do(b"NOOP")
        made.clock[0] += 2 * contexts.AGEING
        for listener in listeners:
            await listener.settle()


async def act(
    made: World, who: Listener, action: str, at: int, more: int, flag: bytes, key: bytes, criteria: bytes
) -> None:
    """One command. Sets are of UIDs, so they may name what is not there."""
    some = b"%d:%d" % (at, at + more)
    if action == "append":
        mail = THREADED[more % 4]
        await who.do(b"APPEND INBOX (%b) {%d+}\r\n" % (flag, len(mail)) + mail)
    elif action == "add":
        await who.do(b"UID STORE " + some + b" +FLAGS (" + flag + b")")
    elif action == "take":
        await who.do(b"UID STORE " + some + b" -FLAGS.SILENT (" + flag + b")")
    elif action == "copy":
        await who.do(b"UID COPY " + some + b" INBOX")
    elif action == "move":
        await who.do(b"UID MOVE " + some + b" Archive")
    elif action == "fetch":
        if who.exists and not who.only_uids and not who.pushed:
            await who.do(b"FETCH %d FLAGS" % min(at, who.exists))
    elif action == "watch":
        await who.watch(key, criteria)
    elif action == "cancel":
        for tag in list(who.lists)[:1]:
            del who.lists[tag]
            await who.do(b'CANCELUPDATE "' + tag + b'"')
    elif action == "index":
        catch_up(account_folder(made.store.data, ACCOUNT))
    elif action == "wait":
        made.clock[0] += 20
    else:
        await who.do(action.upper().encode())


def test_message_numbers_of_an_empty_mailbox(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.ok(b"SEARCH RETURN (UPDATE COUNT) OR 1:* NOT 3:5")
        tag = await user.send(b"SEARCH RETURN (UPDATE COUNT) $ 2")
        await user.answer(tag)
        lines = await user.ok(b"APPEND INBOX {%d+}\r\n" % len(MAILS[0]) + MAILS[0])
        assert [b" ADDTO (0 1)" in line for line in lines] == [False, False, True]

    play(script)


async def watched(world: World, *keys: bytes) -> Listener:
    """A client with three messages and a list for each key."""
    listener = Listener(await world.user())
    for mail in (*MAILS, MAILS[1]):
        await listener.user.append(mail)
    await listener.do(b"SELECT INBOX")
    for key in keys:
        await listener.begin(Results(key, by_number=False))
    return listener


def refusals(lines: list[bytes]) -> int:
    return sum(b"* NO [NOUPDATE " in line for line in lines)


def test_a_thousand_contexts_are_refused(play: Play) -> None:
    async def script(world: World) -> None:
        user = (await watched(world, *[b"FLAGGED"] * contexts.CONTEXTS)).user
        for _ in range(1000 - contexts.CONTEXTS):
            assert refusals(await user.ok(b"SEARCH RETURN (UPDATE COUNT) FLAGGED")) == 1
        lines = await user.ok(b"STORE 2 +FLAGS (\\Flagged)")
        assert sum(b"ADDTO (0 2)" in line for line in lines) == contexts.CONTEXTS

    play(script)


def test_the_first_context_is_always_taken(play: Play) -> None:
    async def script(world: World) -> None:
        user = (await watched(world, b"OR FLAGGED " * (contexts.KEYS + 100) + b"FLAGGED")).user
        assert refusals(await user.ok(b"SEARCH RETURN (UPDATE) UNSEEN")) == 1
        lines = await user.ok(b"STORE 2 +FLAGS (\\Flagged)")
        assert sum(b"ADDTO (0 2)" in line for line in lines) == 1

    play(script)


def test_a_context_that_fails_is_given_up_and_said_to_be(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        listener = await watched(world, b"UNFLAGGED", b"BODY needle")
        tags = list(listener.lists)

        def failing(key, changes):  # type: ignore[no-untyped-def]
            raise RuntimeError

        with monkeypatch.context() as patched:
            patched.setattr(contexts.search, "settled", failing)
            lines = await listener.do(b"STORE 2 +FLAGS (\\Flagged)")
        assert refusals(lines) == world.expected_bugs + 2
        world.expected_bugs = 2
        # The tags are free again, and nothing more comes.
        assert await listener.user.ok(b"STORE 2 -FLAGS.SILENT (\\Flagged)") == []
        assert (await listener.user.status(b'CANCELUPDATE "%b"' % tags[0])).startswith(b"NO [NONEXISTENT]")

    play(script)


@pytest.mark.parametrize(
    "command",
    [b"SORT RETURN (UPDATE) (SUBJECT) UTF-8 UNSEEN", b"SEARCH RETURN (UPDATE) UNSEEN NOT SUBJECT q"],
)
def test_comparing_text_in_another_way_ends_updates_of_what_depends_on_it(play: Play, command: bytes) -> None:
    async def script(world: World) -> None:
        user = (await watched(world, b"UNSEEN")).user
        tag = await user.send(command)
        await user.answer(tag)
        await user.ok(b'COMPARATOR "i;octet"')
        lines = await user.ok(b"STORE 2 +FLAGS.SILENT (\\Seen)")
        assert [b'* NO [NOUPDATE "%b"]' % tag in line for line in lines] == [False, True]

    play(script)


def test_what_was_saved_counts_by_its_ranges(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        monkeypatch.setattr(contexts, "KEYS", 4)
        user = (await watched(world, b"UNSEEN")).user
        await user.ok(b"SEARCH RETURN (SAVE) 1,3")
        assert refusals(await user.ok(b"SEARCH RETURN (UPDATE) $")) == 0
        assert refusals(await user.ok(b"SEARCH RETURN (UPDATE) $")) == 1

    play(script)


def test_results_that_grow_too_many_are_given_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        monkeypatch.setattr(contexts, "RESULTS", 6)
        listener = await watched(world, b"ALL", b"BODY needle")
        lines = await listener.do(b"APPEND INBOX {%d+}\r\n" % len(MAILS[1]) + MAILS[1])
        assert refusals(lines) == 1
        await listener.do(b"UID STORE 1 +FLAGS (\\Seen)")
        assert len(listener.lists) == 2

    play(script)


def test_a_client_that_never_reads_piles_up_nothing(play: Play) -> None:
    async def script(world: World) -> None:
        deaf = await watched(world, b"UNSEEN", b"FLAGGED", b"BODY needle")
        await deaf.do(b"NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
        other = await world.user(select=b"INBOX")
        deaf.user.client.stop_reading()
        for number in range(300):
            await other.ok(b"STORE 1:* %cFLAGS.SILENT (\\Seen \\Flagged)" % b"+-"[number % 2])
        deaf.user.client.start_reading()
        await deaf.settle()

    play(script)


@pytest.mark.parametrize("items", [b"(UID BODY[])", b"(BODY[] FLAGS)"])
def test_what_is_new_is_fetched_and_not_seen_by_it(play: Play, items: bytes) -> None:
    async def script(world: World) -> None:
        user = (await watched(world)).user
        await user.ok(b"SEARCH RETURN (UPDATE " + items + b") UNSEEN")
        answer = await user.do(b"APPEND INBOX {%d+}\r\n" % len(MAILS[1]) + MAILS[1])
        assert b"needle" in answer
        assert answer.index(b"* 4 EXISTS") < answer.index(b"* 4 FETCH (") < answer.index(b"ADDTO (0 4)")
        assert await user.ok(b"SEARCH UNSEEN") == [b"* SEARCH 1 2 3 4"]
        # RFC 5465 7: what only changes is not fetched.
        assert b"needle" not in await user.do(b"STORE 4 +FLAGS (\\Seen)")
        assert b"needle" not in await user.do(b"STORE 4 -FLAGS (\\Seen)")

    play(script)


def test_what_is_fetched_unasked_is_bounded(play: Play) -> None:
    async def script(world: World) -> None:
        user = (await watched(world)).user
        await user.ok(b"SEARCH RETURN (UPDATE (BODY[])) ALL")
        for size, told in ((1000, True), (2_000_000, False)):
            mail = b"Subject: large\r\n\r\n" + b"x" * size
            answer = await user.do(b"APPEND INBOX {%d+}\r\n" % len(mail) + mail)
            assert (b"Subject: large" in answer) is told and b" ADDTO (0 " in answer

    play(script)
