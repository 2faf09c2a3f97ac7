"""CONTEXT: what a client makes of ADDTO and REMOVEFROM is what a fresh search finds."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap import contexts
from pillarbox.imap.settings import Settings
from tests.imap.conftest import Imap, Play, World, world
from tests.imap.test_convergence import uids_of

MAILS = (b"Subject: m\r\n\r\nx\r\n", b"Subject: n\r\n\r\nneedle\r\n")
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
    b"2:4",
)
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)?(.*)')
_ITEM = re.compile(rb" (ALL|REMOVEFROM|ADDTO) (?:\(0 )?([\d:,]+)")
_UNTAGGED = re.compile(rb"\* (?:(\d+) (EXISTS|EXPUNGE)|(VANISHED) ([\d:,]+))")


@dataclass
class Results:
    key: bytes
    by_number: bool
    numbers: set[int] = field(default_factory=set)


class Listener:
    """A client with lists of results, by UID and by message number, that believes what it is told."""

    def __init__(self, user: Imap, *, only_uids: bool = False) -> None:
        self.user = user
        self.only_uids = only_uids
        self.pushed = False  # it is told at any time, and not only when it asks
        self.exists = 0
        self.lists: dict[bytes, Results] = {}

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

    async def watch(self, key: bytes) -> None:
        if key != b"2:4":
            await self.do(b"UID SEARCH RETURN (UPDATE ALL) " + key, Results(key, by_number=False))
            if not self.only_uids:
                await self.do(b"SEARCH RETURN (UPDATE ALL) " + key, Results(key, by_number=True))
        elif not self.only_uids and not self.pushed:
            # RFC 5267 4.3: these are the messages that have the numbers now.
            found = re.search(rb" ALL ([\d:,]+)", b"".join(await self.do(b"UID SEARCH RETURN (ALL) 2:4")))
            fixed = b"UID " + found[1] if found else b"NOT ALL"
            await self.do(b"SEARCH RETURN (UPDATE ALL) 2:4", Results(fixed, by_number=True))

    def hear(self, line: bytes) -> None:
        if found := _ESEARCH.fullmatch(line):
            results = self.lists.get(found[1])
            for item, numbers in _ITEM.findall(found[3]):
                if results is None:  # no list, or cancelled
                    continue
                assert results.by_number is not bool(found[2])
                self.change(results, item, set(uids_of(numbers)))
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
                assert not any(each.numbers & gone for each in self.lists.values() if not each.by_number)

    def change(self, results: Results, item: bytes, numbers: set[int]) -> None:
        if results.by_number:
            assert max(numbers) <= self.exists, "a number that no message has"
        if item == b"REMOVEFROM":
            assert numbers <= results.numbers
            results.numbers -= numbers
        else:
            assert not numbers & results.numbers
            results.numbers |= numbers

    def renumber(self, expunged: int) -> None:
        for results in self.lists.values():
            if results.by_number:
                assert expunged not in results.numbers, "expunged, and still in the list"
                results.numbers = {number - (number > expunged) for number in results.numbers}

    async def settle(self) -> None:
        await self.do(b"NOOP")
        for results in list(self.lists.values()):
            tag = await self.user.send(
                (b"" if results.by_number else b"UID ") + b"SEARCH RETURN (ALL) " + results.key
            )
            answer = (await self.user.answer(tag)).splitlines()
            (fresh,) = [line for line in answer if line.startswith(b'* ESEARCH (TAG "%b")' % tag)]
            found = _ITEM.search(fresh)
            assert results.numbers == (set(uids_of(found[2])) if found else set()), results.key


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(
            [
                *("append", "add", "add", "take", "expunge", "copy", "move", "noop", "fetch"),
                *("watch", "watch", "cancel", "wait"),
            ]
        ),
        st.integers(1, 6),
        st.integers(0, 3),
        st.sampled_from(FLAGS),
        st.sampled_from(KEYS),
    ),
    max_size=30,
)
Action = tuple[int, str, int, int, bytes, bytes]


@pytest.mark.parametrize("enable", [b"", b"IMAP4rev2", b"UIDONLY"])
def test_every_list_is_what_a_fresh_search_finds(
    tmp_path_factory: pytest.TempPathFactory, enable: bytes
) -> None:
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


async def act(made: World, who: Listener, action: str, at: int, more: int, flag: bytes, key: bytes) -> None:
    """One command. Sets are of UIDs, so they may name what is not there."""
    some = b"%d:%d" % (at, at + more)
    if action == "append":
        mail = MAILS[more % 2]
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
        if who.exists and not who.only_uids:
            await who.do(b"FETCH %d FLAGS" % min(at, who.exists))
    elif action == "watch":
        await who.watch(key)
    elif action == "cancel":
        for tag in list(who.lists)[:1]:
            del who.lists[tag]
            await who.do(b'CANCELUPDATE "' + tag + b'"')
    elif action == "wait":
        made.clock[0] += 20
    else:
        await who.do(action.upper().encode())


async def watched(world: World, *keys: bytes) -> Listener:
    """A client with three messages and a list for each key."""
    listener = Listener(await world.user())
    for mail in (*MAILS, MAILS[1]):
        await listener.user.append(mail)
    await listener.do(b"SELECT INBOX")
    for key in keys:
        await listener.do(b"UID SEARCH RETURN (UPDATE ALL) " + key, Results(key, by_number=False))
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
