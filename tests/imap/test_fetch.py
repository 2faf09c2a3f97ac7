"""FETCH: what is told, what is set, what is served although it is gone."""

from __future__ import annotations

import pytest

from pillarbox.imap import header_lists
from pillarbox.imap.commands import fetch
from pillarbox.store import header_rows
from pillarbox.store.tx import Tx
from tests.imap.conftest import Imap, Play, World

MAIL = (
    b"From: Ada <ada@example.org>\r\nSubject: parts\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8AdGhlcmU=\r\n"
    b"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-rot\r\n\r\nuryyb\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("items", "seen"),
    [
        (b"BODY[]", True),
        (b"BODY[TEXT]", True),
        (b"BODY[1]<0.2>", True),
        (b"BODY[HEADER]", True),
        (b"BODY[HEADER.FIELDS (SUBJECT)]", True),
        (b"BINARY[1]", True),
        (b"RFC822", True),
        (b"RFC822.TEXT", True),
        (b"BODY.PEEK[]", False),
        (b"BINARY.PEEK[1]", False),
        (b"BINARY.SIZE[1]", False),
        (b"RFC822.HEADER", False),
        (b"BODY", False),
        (b"BODYSTRUCTURE", False),
        (b"FULL", False),
        (b"(UID PREVIEW)", False),
    ],
)
def test_seen_is_set_exactly_when_the_rfc_says(play: Play, items: bytes, seen: bool) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        other = await world.user(select=b"INBOX")
        examiner = await world.user()
        await examiner.ok(b"EXAMINE INBOX")
        await examiner.do(b"FETCH 1 " + items)
        assert await examiner.ok(b"SEARCH SEEN") == [b"* SEARCH"]
        answer = await user.do(b"FETCH 1 " + items)
        assert (b"FLAGS (\\Seen" in answer) is seen
        assert b"FLAGS" not in await user.do(b"NOOP")
        assert (b"* 1 FETCH (FLAGS (\\Seen" in await other.do(b"NOOP")) is seen
        again = await user.do(b"FETCH 1 " + items)
        assert not seen or b"FLAGS" not in again

    play(script)


def test_sections_and_partials(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        for section, expected in (
            (b"BODY.PEEK[3.HEADER]", b"BODY[3.HEADER] {18}\r\nSubject: inner\r\n\r\n"),
            (b"BODY.PEEK[3.TEXT]", b"BODY[3.TEXT] {6}\r\ninside"),
            (b"BODY.PEEK[3.1]", b"BODY[3.1] {6}\r\ninside"),
            (b"BODY.PEEK[1.MIME]", b"BODY[1.MIME] {63}\r\nContent-Type: text/plain"),
            (b"BODY.PEEK[1]<2.3>", b"BODY[1]<2> {3}\r\nVsb"),
            (b"BODY.PEEK[]<100000.3>", b"BODY[]<100000> {0}\r\n"),
            (b"BODY.PEEK[4]", b"BODY[4] NIL"),
            (b"BODY.PEEK[1.HEADER]", b"BODY[1.HEADER] NIL"),
            (
                b"BODY.PEEK[HEADER.FIELDS (SUBJECT X)]",
                b"BODY[HEADER.FIELDS (SUBJECT X)] {18}\r\nSubject: parts\r\n\r\n",
            ),
            (b"BINARY.PEEK[1]", b"BINARY[1] ~{11}\r\nhello\0there"),
            (b"BINARY.PEEK[1]<6.100>", b"BINARY[1]<6> {5}\r\nthere"),
            (b"BINARY.SIZE[1]", b"BINARY.SIZE[1] 11"),
            (b"BINARY.SIZE[]", b"BINARY.SIZE[] %d" % len(MAIL)),
            (b"BINARY.PEEK[3]", b"BINARY[3] {24}\r\nSubject: inner\r\n\r\ninside"),
        ):
            answer = await user.do(b"FETCH 1 " + section)
            assert expected in answer, (section, answer)
            assert b" OK FETCH completed" in answer
        assert (await user.status(b"FETCH 1 BINARY.PEEK[2]")).startswith(b"NO [UNKNOWN-CTE] ")
        assert (await user.status(b"FETCH 2 FLAGS")).startswith(b"BAD ")
        assert await user.ok(b"UID FETCH 2 FLAGS") == []
        assert await user.ok(b"UID FETCH 7:* (FLAGS)") == [b"* 1 FETCH (UID 1 FLAGS (\\Recent))"]

    play(script)


def test_expunged_elsewhere_is_served_until_it_is_erased(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(3):
            await user.append(b"Subject: %d\r\n\r\n%d" % (number, number))
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 1,3 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        answer = await user.do(b"FETCH 1:3 (FLAGS RFC822.SIZE ENVELOPE BODY.PEEK[TEXT])")
        assert b"EXPUNGE" not in answer and answer.count(b" FETCH (") == 3
        assert b"{1}\r\n0)" in answer and b"{1}\r\n2)" in answer
        assert (await user.status(b"STORE 1 +FLAGS (\\Seen)")).startswith(b"NO [EXPUNGEISSUED] ")
        assert (await user.status(b"COPY 1:2 Archive")).startswith(b"NO [EXPUNGEISSUED] ")
        assert await user.ok(b"SEARCH ALL") == [b"* SEARCH 1"]

    play(script)


def test_erased_before_it_was_announced(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for _ in range(2):
            await user.append(b"a:b\r\n\r\nx")
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        await world.erase()
        for items in (b"ENVELOPE", b"BODY.PEEK[]"):
            answer = await user.do(b"FETCH 1:2 " + items)
            assert b"* 2 FETCH" in answer and b"* 1 FETCH" not in answer
            assert b" NO [EXPUNGEISSUED] " in answer
        assert b"* 1 EXPUNGE" in await user.ok(b"NOOP")

    play(script)


def test_a_thousand_messages_come_in_batches_and_in_order(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.status(
            b"APPEND INBOX"
            + b"".join(b" {%d+}\r\na:%d\r\n\r\n" % (len(b"a:%d\r\n\r\n" % n), n) for n in range(1000))
        )
        await user.ok(b"SELECT INBOX")
        for items in (b"FLAGS", b"RFC822.SIZE", b"BODY.PEEK[HEADER]"):
            answer = await user.do(b"FETCH 1:* (UID " + items + b")")
            numbers = [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"* ")]
            assert numbers == list(range(1, 1001))
        assert len(await user.ok(b"FETCH 1:400,401,403,500:1000 (UID RFC822.SIZE)")) == 903

    play(script)


FIELDS = b'BODY.PEEK[HEADER.FIELDS (From subject To "X-%d")]'


async def one_by_one(user: Imap, items: bytes, count: int) -> bytes:
    """What FETCH of each single message says."""
    answers = [await user.do(b"FETCH %d (%b)" % (number, items)) for number in range(1, count + 1)]
    return b"".join([answer[: answer.rindex(b"\r\nt") + 2] for answer in answers])


def test_header_fields_are_the_same_however_often_and_for_how_many_they_are_asked(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        count = 2 * header_rows.LEAST
        for number in range(count):
            body = b"\r\n\r\nbody" if number % 3 else b""
            await user.append(
                b"Received: x\r\nsubject: %d\r\n folded\r\nX-%%d: percent\r\nFROM: \0\r\nCc: c" % number
                + body
            )
        await user.ok(b"NOOP")
        for items in (FIELDS, b"UID " + FIELDS + b" FLAGS " + FIELDS.replace(b"From", b"Cc")):
            expected = await one_by_one(user, items, count)
            assert b"FROM: \x80" in expected
            for _ in range(3):
                answer = await user.do(b"FETCH 1:* (%b)" % items)
                assert answer[: answer.rindex(b"\r\nt") + 2] == expected
                await world.store.header_rows.settle()
            answer = await user.do(b"FETCH 3,5,%d (%b)" % (count, items))
            assert answer.count(b" FETCH (") == 3
            assert all(line in expected for line in answer.split(b"\r\n")[:-2])

    play(script)


def test_header_fields_of_what_has_been_erased_are_not_told(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(4):
            await user.append(b"Subject: %d\r\n\r\n" % number)
        await user.ok(b"NOOP")
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        asked = b"FETCH 1:4 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
        assert (await user.do(asked)).count(b"Subject: ") == 4
        await world.erase()
        answer = await user.do(asked)
        assert [number in answer for number in (b": 0", b": 1", b": 2", b": 3")] == [True, False, True, True]
        assert b"NO [EXPUNGEISSUED]" in answer

    play(script)


def test_long_headers_are_told_one_after_the_other(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(3):
            await user.append(b"Subject: %d %b\r\n\r\n" % (number, b"x" * 100))
        await user.ok(b"NOOP")
        expected = await one_by_one(user, FIELDS, 3)
        monkeypatch.setattr(header_lists, "MOST", 250)
        answer = await user.do(b"FETCH 1:* (%b)" % FIELDS)
        assert answer[: answer.rindex(b"\r\nt") + 2] == expected

    play(script)


def test_header_fields_before_a_damaged_message_are_told(play: Play) -> None:
    def damage(tx: Tx) -> None:
        tx.run(
            "UPDATE blob SET data = substr(data, 2) WHERE account = ? AND id = (SELECT max(id) FROM blob)", 1
        )

    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(3):
            await user.append(b"Subject: %d\r\n\r\n" % number)
        await user.ok(b"NOOP")
        whole = await world.store.read(7, lambda tx: tx.rows("SELECT max(id), data FROM blob"))
        await world.store.write(7, damage)
        answer = await user.do(b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert answer.count(b" FETCH (") == 2
        assert b"NO [CORRUPTION]" in answer
        number, data = whole[0]
        await world.store.write(7, lambda tx: tx.run("UPDATE blob SET data = ? WHERE id = ?", data, number))

    play(script)


@pytest.mark.parametrize("most", [1 << 20, 100])
def test_messages_are_the_same_alone_and_among_others(
    play: Play, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(4):
            await user.append(b"Subject: %d\r\n\r\n\0%b" % (number, b"line of text\r\n" * 4_000 * number))
        await user.ok(b"NOOP")
        expected = await one_by_one(user, b"UID BODY.PEEK[]", 4)
        assert b"\x80" in expected
        monkeypatch.setattr(fetch, "WHOLES", most)
        answer = await user.do(b"FETCH 1:* (UID BODY.PEEK[])")
        assert answer[: answer.rindex(b"\r\nt") + 2] == expected

    play(script)
