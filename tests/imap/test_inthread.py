"""Searching in threads (draft-ietf-morg-inthread 3): what is found, whatever is around it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap import contexts
from pillarbox.imap.settings import Settings
from tests.imap.conftest import Imap, Play, World
from tests.imap.conftest import world as make_world
from tests.imap.test_thread import append, letter, threads
from tests.imap.test_threads import (
    Letter,
    letters,
    naive_ordered_subject,
    naive_references,
    naive_refs,
)

# 1 a ─ 2 b ─ 3 c; 4 other; 5 and 6 are answers to one that is not there; 7 says nothing but a subject of a's
MAILS = (
    letter("a", subject="lunch", sent=1),
    letter("b", "a", "Re: lunch", sent=2),
    letter("c", "a b", "dinner", sent=3),
    letter("d", subject="other", sent=4),
    letter("e", "gone", "orphan", sent=5),
    letter("f", "gone", "Re: orphan twin", sent=6),
    letter("g", subject="Re: lunch", sent=7),
)


async def filled(world: World) -> Imap:
    await append(world, *MAILS)
    return await world.user(select=b"INBOX")


async def search(user: Imap, what: str) -> str:
    [line] = [line for line in await user.ok(what.encode()) if line.startswith(b"* SEARCH")]
    return line.removeprefix(b"* SEARCH").decode().strip()


KEYS = {
    "INTHREAD ALL": "1 2 3 4 5 6 7",
    "INTHREAD SUBJECT dinner": "1 2 3",
    "INTHREAD REFS SUBJECT dinner": "1 2 3",
    "inthread refs subject DINNER": "1 2 3",
    "INTHREAD REFERENCES SUBJECT dinner": "1 2 3 7",
    "INTHREAD ORDEREDSUBJECT SUBJECT dinner": "3",
    "INTHREAD ORDEREDSUBJECT 1": "1 2 7",
    "INTHREAD 6": "5 6",
    "INTHREAD UID 4": "4",
    "INTHREAD NOT ALL": "",
    "INTHREAD SUBJECT nowhere": "",
    "NOT INTHREAD 1": "4 5 6 7",
    "INTHREAD NOT 1:3": "4 5 6 7",
    # What stands beside it does not narrow what is in the thread.
    "3 INTHREAD 1": "3",
    "SUBJECT dinner INTHREAD SUBJECT lunch": "3",
    "INTHREAD (SUBJECT lunch SUBJECT dinner)": "",
    "INTHREAD SUBJECT lunch INTHREAD SUBJECT dinner": "1 2 3",
    "OR INTHREAD 4 INTHREAD 5": "4 5 6",
    "INTHREAD OR 4 5": "4 5 6",
    # b's thread by its references, then everything of its subjects
    "INTHREAD ORDEREDSUBJECT INTHREAD REFS 3": "1 2 3 7",
    "INTHREAD FUZZY SUBJECT dinnre": "1 2 3",
    "FUZZY INTHREAD SUBJECT dinnre": "1 2 3",
    "THREADROOT": "1 4 5 6 7",
    "THREADLEAF": "3 4 5 6 7",
    "NOT THREADROOT NOT THREADLEAF": "2",
    "THREADROOT INTHREAD SUBJECT dinner": "1",
    "THREADLEAF INTHREAD SUBJECT dinner": "3",
    "MESSAGEID <b>": "2",
    "MESSAGEID b": "2",
    'MESSAGEID " <b> "': "2",
    'MESSAGEID "<\\"b\\">"': "2",
    "MESSAGEID B": "",
    "MESSAGEID nowhere": "",
    'MESSAGEID ""': "",
    "INTHREAD MESSAGEID <c>": "1 2 3",
}


@pytest.mark.parametrize("key", KEYS)
def test_keys(play: Play, key: str) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        assert await search(user, f"SEARCH {key}") == KEYS[key]

    play(script)


def test_the_algorithm_may_be_said_once_for_all(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        [line] = await user.ok(b"SEARCH RETURN (THREAD=REFERENCES) INTHREAD 7")
        assert line.endswith(b" ALL 1:3,7")
        [line] = await user.ok(b"SEARCH RETURN (COUNT THREAD=ORDEREDSUBJECT) THREADROOT")
        assert line.endswith(b" COUNT 5")
        # What a key says itself counts.
        [line] = await user.ok(b"SEARCH RETURN (THREAD=REFERENCES) INTHREAD REFS 7")
        assert line.endswith(b" ALL 7")
        # THREAD has named one.
        assert await threads(user, "THREAD REFERENCES UTF-8 INTHREAD 7") == b"(1 (2 3)(7))"
        assert await threads(user, "THREAD REFS UTF-8 INTHREAD 7") == b"(7)"
        assert await threads(user, "THREAD REFS UTF-8 INTHREAD REFERENCES 7") == b"(1 2 3)(7)"

    play(script)


def test_sorted_saved_and_looked_for_elsewhere(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        assert await user.ok(b"SORT (REVERSE DATE) UTF-8 INTHREAD 3") == [b"* SORT 3 2 1"]
        await user.ok(b"SEARCH RETURN (SAVE) INTHREAD 3")
        assert await search(user, "SEARCH $") == "1 2 3"
        assert await search(user, "SEARCH INTHREAD $") == "1 2 3"
        await user.ok(b"CREATE Elsewhere")
        await user.ok(b"COPY 2:4 Elsewhere")
        # Each mailbox has threads of its own, also where it is not selected.
        lines = await user.ok(b'ESEARCH IN (mailboxes ("INBOX" "Elsewhere")) INTHREAD SUBJECT dinner')
        told = {re.findall(rb'MAILBOX "?(\w+)', line)[0]: line.split()[-1] for line in lines}
        assert told == {b"INBOX": b"1:3", b"Elsewhere": b"1:2"}

    play(script)


def test_what_is_expunged_is_in_no_thread(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 2 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        # Their numbers are the old ones; c names a too.
        assert await search(user, "SEARCH INTHREAD 1") == "1 3"
        assert await search(user, "SEARCH INTHREAD 2") == ""
        assert await search(user, "SEARCH THREADLEAF 1:3") == "3"
        await user.ok(b"NOOP")
        assert await search(user, "SEARCH INTHREAD 1") == "1 2"
        await append(world, letter("h", "c", sent=9))
        await user.ok(b"NOOP")
        assert await search(user, "SEARCH INTHREAD 1") == "1 2 7"

    play(script)


def test_how_much_may_be_asked(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        assert await search(user, "SEARCH " + "INTHREAD REFS " * 2_000 + "3") == "1 2 3"
        assert await search(user, "SEARCH " + "INTHREAD NOT " * 40 + "NOT 3") != ""
        many = b"SEARCH " + b"THREADROOT " * 101 + b"1"
        assert b" NO [LIMIT] " in await user.do(many)
        deep = b"SEARCH " + b"INTHREAD REFS INTHREAD REFERENCES " * 60 + b"1"
        assert b" BAD " in await user.do(deep)
        for wrong in ("INTHREAD", "INTHREAD REFS", "INTHREAD ()", "MESSAGEID", "RETURN (THREAD=X) ALL"):
            assert b" BAD " in await user.do(f"SEARCH {wrong}".encode())

    play(script)


def test_updates_tell_of_messages_that_have_not_changed_themselves(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        await user.answer(tag := await user.send(b"UID SEARCH RETURN (UPDATE ALL) INTHREAD FLAGGED"))
        lines = await user.ok(b"STORE 2 +FLAGS (\\Flagged)")
        assert b'* ESEARCH (TAG "%b") UID ADDTO (0 1:3)' % tag in lines
        other = await world.user(select=b"INBOX")
        await other.ok(b"UID STORE 2 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        lines = await user.ok(b"NOOP")
        gone = b'* ESEARCH (TAG "%b") UID REMOVEFROM (0 ' % tag
        assert [line for line in lines if b"ESEARCH" in line] == [gone + b"2)", gone + b"1,3)"]
        assert lines.index(gone + b"2)") < lines.index(b"* 2 EXPUNGE") < lines.index(gone + b"1,3)")

    play(script)


def test_updates_about_threads_are_for_a_few(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        refused = []
        for _ in range(contexts.KEYS // contexts.THREADS + 1):
            refused.append(b"NOUPDATE" in await user.do(b"SEARCH RETURN (UPDATE COUNT) THREADROOT"))
        assert refused[0] is False and refused[-1] is True
        # The first is always taken, whatever it asks for (RFC 5267 4.3.1).
        other = await world.user(select=b"INBOX")
        many = b"SEARCH RETURN (UPDATE COUNT) " + b"THREADROOT " * 50 + b"1"
        assert b"NOUPDATE" not in await other.do(many)
        assert b"NOUPDATE" in await other.do(b"SEARCH RETURN (UPDATE COUNT) SEEN")

    play(script)


def test_an_empty_mailbox_has_no_threads(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert await search(user, "SEARCH INTHREAD REFERENCES ALL") == ""
        assert await search(user, "SEARCH THREADROOT") == ""

    play(script)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(letters, st.integers(0, 2**10 - 1), st.integers(0, 2**10 - 1))
def test_threads_are_those_that_thread_tells(
    tmp_path_factory: pytest.TempPathFactory, mails: list[Letter], gone: int, chosen: int
) -> None:
    """Beside the transcription of RFC 5256 in test_threads.py: messages as they come over the wire, some
    of them expunged, and any of the others looked for."""
    raw = [
        letter(
            mail.id,
            " ".join(mail.refs),
            ("Re: " if mail.reply and mail.subject else "") + mail.subject,
            mail.date + 1,
            arrived=mail.arrived + 1,
        )
        for mail in mails
    ]
    left = [place for place in range(len(mails)) if not gone >> place & 1]
    some = {place for place in left if chosen >> place & 1}
    living = [
        replace(mails[place], reply=mails[place].reply and bool(mails[place].subject)) for place in left
    ]

    async def script(world: World) -> None:
        await append(world, *raw)
        user = await world.user(select=b"INBOX")
        if gone:
            other = await world.user(select=b"INBOX")
            await other.do(
                b"UID STORE " + spelled(set(range(len(mails))) - set(left)) + b" +FLAGS (\\Deleted)"
            )
            await other.ok(b"EXPUNGE")
        for name, naive in NAIVE.items():
            forest = naive(living)
            found: set[int] = set()
            for thread in forest:
                members = {left[index] for index in everybody(thread)}
                found |= members if members & some else set()
            key = f"INTHREAD {name} UID {spelled(some).decode()}"
            assert await search(user, f"UID SEARCH {key}") == told(found), name
            roots = {left[index] for thread in forest for index in heads(thread)}
            leaves = {left[index] for thread in forest for index in ends(thread)}
            for word, wanted in (("THREADROOT", roots), ("THREADLEAF", leaves)):
                [line] = await user.ok(f"UID SEARCH RETURN (COUNT ALL THREAD={name}) {word}".encode())
                assert line.endswith(b" COUNT %d" % len(wanted))
                if name == "REFS":
                    assert await search(user, f"UID SEARCH {word}") == told(wanted)

    async def whole() -> None:
        async with make_world(tmp_path_factory.mktemp("store"), Settings("x")) as made:
            await script(made)

    asyncio.run(whole())


NAIVE = {"REFS": naive_refs, "REFERENCES": naive_references, "ORDEREDSUBJECT": naive_ordered_subject}


def spelled(places: set[int]) -> bytes:
    """As UIDs; one that nobody has, where there are none."""
    return b",".join(b"%d" % (place + 1) for place in sorted(places)) or b"999"


def told(places: set[int]) -> str:
    return " ".join(str(place + 1) for place in sorted(places))


def everybody(shape: Any) -> list[int]:
    index, children = shape
    return [*([index] if index >= 0 else []), *(one for child in children for one in everybody(child))]


def heads(shape: Any) -> list[int]:
    index, children = shape
    return [index] if index >= 0 else [child[0] for child in children]


def ends(shape: Any) -> list[int]:
    index, children = shape
    return [one for child in children for one in ends(child)] if children else [index]
