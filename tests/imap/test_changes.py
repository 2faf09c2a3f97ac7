"""APPEND, STORE, COPY, MOVE, EXPUNGE, IDLE: what the session itself and the others are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pillarbox.imap.settings import Settings
from pillarbox.net.wheel import Wheel
from pillarbox.store.store import Store
from tests.imap.conftest import ACCOUNT, Play, World

MAIL = b"Subject: m\r\n\r\nx\r\n"


def test_append_several_or_none(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        tag = await user.send(
            b'APPEND INBOX (\\Seen) " 1-Jan-2023 00:00:00 +0000" {3+}\r\na:b (Work) {3+}\r\nc:d ~{2+}\r\n\0\0'
        )
        answer = await user.answer(tag)
        assert b" OK [APPENDUID " in answer and b" 1:3] " in answer
        assert b"* 3 EXISTS\r\n" in answer and b"Work" in answer.split(b"* FLAGS", 1)[1]
        assert await user.ok(b"FETCH 1:3 (FLAGS INTERNALDATE)") == [
            b'* 1 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE " 1-Jan-2023 00:00:00 +0000")',
            b'* 2 FETCH (FLAGS (Work \\Recent) INTERNALDATE "14-Nov-2023 22:13:20 +0000")',
            b'* 3 FETCH (FLAGS (\\Recent) INTERNALDATE "14-Nov-2023 22:13:20 +0000")',
        ]
        assert (await user.status(b"APPEND INBOX {3+}\r\na:b {3+}\r\nc:d nonsense")).startswith(b"BAD ")
        assert (await user.status(b"APPEND INBOX {3+}\r\na:b (\xe9) {3+}\r\nc:d")).startswith(b"BAD ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 3)"]

    play(script)


def test_append_in_every_way_of_saying_it(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.ok(b"APPEND {5+}\r\nINBOX {3+}\r\na:b")
        tag = await user.send(b"APPEND {5}")
        assert (await user.client.read_line()).startswith(b"+ ")
        await user.client.send(b"INBOX {3}\r\n")
        assert (await user.client.read_line()).startswith(b"+ ")
        await user.client.send(b"a:b\r\n", pieces=1)
        assert b" OK [APPENDUID " in await user.answer(tag)
        modern = await world.user(b"UTF8=ACCEPT")
        mail = b"Subject: \xc3\xa9\r\n\r\n"
        await modern.ok(b"APPEND INBOX UTF8 (~{%d+}\r\n" % len(mail) + mail + b")")
        assert (await modern.status(b"APPEND INBOX UTF8 (~{3+}\r\na:b")).startswith(b"BAD ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 3)"]
        await modern.ok(b"EXAMINE INBOX")
        assert mail in await modern.do(b"FETCH 3 BODY[]")

    play(script)


def test_too_many_messages_for_one_command(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        noise = bytes(range(256)) * 40
        literals = b"".join(b" {%d+}\r\n" % len(noise) + noise[n:] + noise[:n] for n in range(200))
        assert (await user.status(b"APPEND INBOX" + literals)).startswith(b"NO [LIMIT] ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    play(script, append_memory=20_000)


def test_store_tells_what_it_was_asked_to_tell(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"IMAP4rev2", select=b"INBOX")
        for _ in range(3):
            await user.append(MAIL)
        other = await world.user(b"IMAP4rev2", select=b"INBOX")
        await user.ok(b"NOOP")
        assert await user.ok(b"STORE 1:2 FLAGS.SILENT (\\Seen)") == []
        assert await user.ok(b"UID STORE 1 +FLAGS (\\Seen)") == [b"* 1 FETCH (UID 1 FLAGS (\\Seen))"]
        lines = await user.ok(b"STORE 3 +FLAGS (urgent)")
        assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft urgent)"
        assert lines[1].startswith(b"* OK [PERMANENTFLAGS ") and lines[2] == b"* 3 FETCH (FLAGS (urgent))"
        assert await user.ok(b"STORE 3 +FLAGS (URGENT)") == [b"* 3 FETCH (FLAGS (urgent))"]
        told = await other.ok(b"NOOP")
        assert told[0].startswith(b"* FLAGS ") and told[2:] == [
            b"* 1 FETCH (FLAGS (\\Seen))",
            b"* 2 FETCH (FLAGS (\\Seen))",
            b"* 3 FETCH (FLAGS (urgent))",
        ]
        # Somebody else wrote in between: the outcome is told although it was SILENT.
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
        assert await user.ok(b"STORE 1 +FLAGS.SILENT (\\Draft)") == [
            b"* 1 FETCH (FLAGS (\\Flagged \\Seen \\Draft))"
        ]
        assert (await user.status(b"STORE 4 FLAGS (\\Seen)")).startswith(b"BAD ")
        assert await user.ok(b"UID STORE 4 FLAGS (\\Seen)") == []

    play(script)


def test_copy_move_and_expunge(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for number in range(4):
            await user.append(MAIL, flags=b"\\Seen" if number % 2 else b"")
        await user.ok(b"NOOP")
        assert b" 2,4 1:2] " in await user.status(b"COPY 2,4 Sent")
        assert (await user.status(b"COPY 1 nowhere")).startswith(b"NO [TRYCREATE] ")
        lines = await user.ok(b"UID MOVE 1,3 Sent")
        assert lines[0].startswith(b"* OK [COPYUID ") and b" 1,3 3:4] " in lines[0]
        assert lines[1:] == [b"* 1 EXPUNGE", b"* 2 EXPUNGE", b"* 2 RECENT"]
        await user.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        assert await user.ok(b"UID EXPUNGE 4:*") == [b"* 2 EXPUNGE", b"* 1 RECENT"]
        assert await user.ok(b"UID EXPUNGE 1:3") == [b"* 1 EXPUNGE", b"* 0 RECENT"]
        assert (await user.status(b"UID COPY 17 Sent")).startswith(b"OK ")
        await user.ok(b"SELECT Sent")
        assert len(await user.ok(b"FETCH 1:* (UID FLAGS)")) == 4

    play(script)


def test_expunges_of_others_wait_for_a_command_that_allows_them(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for _ in range(3):
            await user.append(MAIL)
        other = await world.user(select=b"INBOX")
        await user.ok(b"NOOP")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        await other.append(MAIL)
        for command in (b"FETCH 3 (UID)", b"STORE 3 +FLAGS.SILENT (\\Seen)", b"SEARCH ALL"):
            assert b"EXPUNGE" not in await user.do(command)
        assert b"* 4 FETCH (UID 4)" in await user.ok(b"FETCH 4 UID")
        assert b"* 1 EXPUNGE" in await user.ok(b"UID FETCH 4 FLAGS")
        assert await user.ok(b"FETCH 3 UID") == [b"* 3 FETCH (UID 4)"]

    play(script)


def test_idle_hears_everything_at_once(play: Play) -> None:
    async def script(world: World) -> None:
        idler = await world.user(b"IMAP4rev2", select=b"INBOX")
        tag = await idler.send(b"IDLE")
        assert (await idler.client.read_line()).startswith(b"+ ")
        other = await world.user(select=b"INBOX")
        await other.append(MAIL)
        assert await idler.client.read_line() == b"* 1 EXISTS\r\n"
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        assert await idler.client.read_line() == b"* 1 FETCH (FLAGS (\\Deleted))\r\n"
        await other.ok(b"EXPUNGE")
        assert await idler.client.read_line() == b"* 1 EXPUNGE\r\n"
        await idler.client.send(b"done\r\n")
        assert (await idler.answer(tag)).startswith(tag + b" OK ")
        await other.append(MAIL)
        await asyncio.sleep(0)
        assert idler.client.read_now() == b""  # RFC 9051 7: not outside of a command, here
        tag = await idler.send(b"IDLE")
        assert (await idler.client.read_line()).startswith(b"+ ")
        assert await idler.client.read_line() == b"* 1 EXISTS\r\n"
        await idler.client.send(b"NOOP\r\n")
        assert (await idler.answer(tag)).startswith(tag + b" BAD ")
        assert await idler.status(b"NOOP") == b"OK NOOP completed"

    play(script)


def test_idle_while_the_client_does_not_read(play: Play) -> None:
    async def script(world: World) -> None:
        idler = await world.user(select=b"INBOX")
        await idler.send(b"IDLE")
        await idler.client.read_line()
        other = await world.user(select=b"INBOX")
        await other.status(b"APPEND INBOX" + b"".join([b" {3+}\r\na:b"] * 500))
        await idler.client.read_until(b"RECENT\r\n")
        idler.client.stop_reading()
        for number in range(100):
            await other.ok(b"STORE 1:500 %bFLAGS.SILENT (\\Flagged)" % (b"-" if number % 2 else b"+"))
        assert idler.client.unsent < 128 * 1024  # of 2 MB of flags
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Answered)")
        idler.client.start_reading()
        await idler.client.read_until(b"* 1 FETCH (FLAGS (\\Answered")

    play(script)


def test_the_server_stops_and_clients_fall_silent(play: Play) -> None:
    async def script(world: World) -> None:
        idler = await world.user(select=b"INBOX")
        await idler.send(b"IDLE")
        await idler.client.read_line()
        busy = await world.user()
        await busy.send(b"APPEND INBOX {3}")
        await busy.client.read_line()
        for user in (idler, busy):
            user.client.driver.drain()
        assert (await idler.client.read_all()).startswith(b"* BYE ")
        await busy.client.send(b"a:b\r\n")
        said = await busy.client.read_all()
        assert b" OK [APPENDUID " in said and b"* BYE " in said
        silent = await world.user()
        now = Wheel().now() + world.settings.idle_timeout + 1
        silent.client.driver.overdue(now)
        assert (await silent.client.read_all()).startswith(b"* BYE ")

    play(script)


def test_sessions_of_an_erased_account_end(tmp_path: Path) -> None:
    async def script() -> None:
        store = Store(tmp_path)
        await store.open()
        await store.create_account(ACCOUNT)
        world = World(store, Settings("mail.example.org"), [0.0])
        reader = await world.user(select=b"INBOX")
        writer = await world.user(select=b"INBOX")
        browser = await world.user()
        idler, idler_outside = await world.user(select=b"INBOX"), await world.user()
        notified = await world.user()
        await notified.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
        for one in (idler, idler_outside):
            await one.send(b"IDLE")
            assert (await one.client.read_line()).startswith(b"+ ")
        other = Store(tmp_path)  # as another process would
        await other.open()
        await other.erase_account(ACCOUNT)
        await other.close()
        await reader.send(b"NOOP")
        await writer.send(b"APPEND INBOX {3+}\r\na:b")
        await browser.send(b"STATUS INBOX (MESSAGES)")
        for one in (reader, writer, browser, idler, idler_outside, notified):
            said = await one.client.read_all()
            assert said.startswith(b"* BYE The account ") and b" OK " not in said
        assert world.bugs == []
        await store.close()

    asyncio.run(script())
