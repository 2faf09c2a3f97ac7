"""The short way answers as the long way does: the same scripts, with it and without it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from pillarbox.imap import short
from pillarbox.imap.settings import Settings
from tests.imap.conftest import Imap, World, world

PLAIN = b"From: Ada <ada@example.org>\r\nTo: b@example.org\r\nSubject: one\r\n\r\nA line.\r\n"
PARTS = (
    b"Subject: two\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nfirst\0\r\n--b\r\nContent-Type: text/html\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nPGI+aGk8L2I+\r\n--b--\r\n"
)
LARGE = b"Subject: large\r\n\r\n" + b"".join(b"%d is a line of its own.\r\n" % n for n in range(9000))
MESSAGES = (PLAIN, PARTS, LARGE)

ITEMS = (
    *(b"FLAGS", b"(UID FLAGS)", b"(flags uid)", b"ALL", b"FULL", b"BODYSTRUCTURE", b"BODY", b"INTERNALDATE"),
    *(b"BODY.PEEK[]", b"BODY[]", b"BODY.PEEK[1]", b"BODY.PEEK[2]", b"BODY.PEEK[7]", b"BODY.PEEK[2.MIME]"),
    *(b"BODY.PEEK[HEADER]", b"BODY[TEXT]", b"(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])", b"RFC822"),
    *(b"BODY.PEEK[]<5.20>", b"BODY.PEEK[TEXT]<100000.9>", b"BINARY.PEEK[2]", b"BINARY.SIZE[2]", b"PREVIEW"),
    *(b"MODSEQ", b"(UID MODSEQ)", b"EMAILID", b"OBJECTID", b"(FLAGS) (CHANGEDSINCE 3)", b"SAVEDATE"),
    *(
        b"(BODY.PEEK[HEADER] BODY.PEEK[1])",
        b"NOTHING",
        b"(FLAGS",
        b"FLAGS ",
        b"BODY[\x80]",
        b"(UID RFC822.SIZE)",
    ),
)
STORES = (
    *(b"+FLAGS (\\Seen)", b"-FLAGS (\\Seen)", b"FLAGS (\\Flagged)", b"flags.silent ()", b"+FLAGS \\Answered"),
    *(b"+FLAGS.SILENT (\\Deleted)", b"-FLAGS.SILENT (\\Deleted)", b"+FLAGS ($Junk)", b"-FLAGS ($Junk)"),
    *(
        b"+FLAGS (work%d)",
        b"(UNCHANGEDSINCE 9) +FLAGS (\\Draft)",
        b"+FLAGS (\\Recent)",
        b"+FLAGS",
        b"+FLAGS (]",
    ),
)
ENABLED = ((), (b"CONDSTORE",), (b"QRESYNC",), (b"IMAP4rev2",), (b"UIDONLY",), (b"UTF8=ACCEPT", b"CONDSTORE"))


def script(chance: random.Random) -> list[tuple[int, bytes]]:
    """Commands, and which of two sessions gives them."""
    out = []
    for _ in range(60):
        uid, number = chance.choice((b"", b"", b"UID ")), chance.choice((1, 1, 2, 3, 4, 5, 6, 9))
        fetch = uid + b"FETCH %d " % number + chance.choice(ITEMS)
        store = (
            uid + b"STORE %d " % number + chance.choice(STORES).replace(b"%d", b"%d" % chance.randrange(4))
        )
        rare = chance.choice((b"EXPUNGE", b"SELECT INBOX", b"EXAMINE INBOX", b"CLOSE", b"APPEND", b"noop x"))
        select = chance.choice((b"SELECT INBOX", b'select "inbox"', b"SELECT none", b'SELECT "Archive"'))
        command = chance.choice((fetch, fetch, fetch, store, store, b"NOOP", b"noop", rare, select))
        out.append((chance.choice((0, 0, 0, 1)), command))
    return out


async def said(made: World, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    sessions = [await made.user(*chance.choice(ENABLED)), await made.user()]
    for message in (PLAIN, PARTS, LARGE, PLAIN, PARTS):
        await sessions[1].append(message)
    out = []
    for session in sessions:
        out.append(await session.do(b"SELECT INBOX"))
    for number, command in script(chance):
        out.append(command)
        out.append(await _answer(sessions[number], command, chance))
    return out


async def _answer(session: Imap, command: bytes, chance: random.Random) -> bytes:
    if command == b"APPEND":
        return await session.append(
            chance.choice(MESSAGES), flags=b"\\Seen" if chance.random() < 0.5 else b""
        )
    return await session.do(command)


@pytest.mark.parametrize("seed", range(25))
def test_both_ways_answer_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, taken = short.answer, []

    def counting(*arguments: Any) -> Any:
        said = answer(*arguments)
        taken.append(said is not None)
        return said

    async def whole(folder: Path) -> list[bytes]:
        async with world(folder, Settings("mail.example.org")) as made:
            return await said(made, seed)

    monkeypatch.setattr(short, "answer", counting)
    shortly = asyncio.run(whole(tmp_path / "short"))
    monkeypatch.setattr(short, "answer", lambda *_: None)
    at_length = asyncio.run(whole(tmp_path / "long"))
    assert shortly == at_length
    assert any(taken)


def test_what_another_session_did_is_told_first(tmp_path: Path) -> None:
    async def whole() -> None:
        async with world(tmp_path, Settings("mail.example.org")) as made:
            one, other = await made.user(), await made.user()
            await one.append(PLAIN)
            await one.ok(b"SELECT INBOX")
            await other.ok(b"SELECT INBOX")
            for _ in range(20):  # so that looking costs no statement any more
                await one.ok(b"NOOP")
            await other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
            assert b"\\Flagged" in (await one.ok(b"FETCH 1 FLAGS"))[0]
            await other.append(PLAIN)
            assert b"* 2 EXISTS" in await one.ok(b"NOOP")
            await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok(b"EXPUNGE")
            assert b"* 1 EXPUNGE" in await one.ok(b"NOOP")

    asyncio.run(whole())


def test_a_fault_on_the_short_way_is_answered_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **named: Any) -> None:
        raise ZeroDivisionError

    async def whole() -> None:
        async with world(tmp_path, Settings("mail.example.org")) as made:
            user = await made.user()
            await user.append(PLAIN)
            await user.ok(b"SELECT INBOX")
            with monkeypatch.context() as patch:
                patch.setattr(short, "_fetch", broken)
                patch.setattr(type(made.store), "write_now", broken)
                for command in (b"fetch 1 FLAGS", b"UID STORE 1 +FLAGS (\\Seen)"):
                    assert (await user.status(command)).startswith(b"NO [SERVERBUG] ")
            made.expected_bugs = 2
            assert b"* 1 FETCH (FLAGS (\\Recent))" in await user.ok(b"FETCH 1 FLAGS")

    asyncio.run(whole())
