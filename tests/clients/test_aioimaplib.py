"""aioimaplib: it pipelines what may be pipelined, and waits in IDLE."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aioimaplib import aioimaplib

from tests.oracle import PASSWORD
from tests.places import Place

LETTER = b"Subject: one\r\nFrom: a@example.test\r\n\r\nhello\r\n"


@asynccontextmanager
async def logged_in(place: Place, address: str) -> AsyncIterator[aioimaplib.IMAP4]:
    client = aioimaplib.IMAP4(place.host, place.imap, timeout=20)
    await client.wait_hello_from_server()
    assert (await client.login(address, PASSWORD)).result == "OK"
    try:
        yield client
        assert (await client.logout()).result == "OK"
    finally:
        client.protocol.transport.close()
        await asyncio.sleep(0)


def test_the_eight_commands(place: Place) -> None:
    address = place.account()

    async def talk() -> None:
        async with logged_in(place, address) as client:
            for _ in range(3):
                assert (await client.append(LETTER, "INBOX")).result == "OK"
            assert (await client.select("INBOX")).result == "OK"
            fetched = await client.fetch("1", "(UID BODY.PEEK[])")
            assert fetched.result == "OK"
            assert LETTER in [bytes(line) for line in fetched.lines]
            assert (await client.store("2", "+FLAGS", "(\\Deleted)")).result == "OK"
            found = await client.search("DELETED")
            assert found.lines[0].split() == [b"2"]
            assert (await client.create("Copies")).result == "OK"
            assert (await client.copy("1:3", "Copies")).result == "OK"
            assert (await client.expunge()).result == "OK"
            assert (await client.status("Copies", "(MESSAGES)")).lines[0].endswith(b"(MESSAGES 3)")
            assert client.has_capability("MOVE")
            assert (await client.move("1", "Copies")).result == "OK"

    asyncio.run(talk())


def test_idle(place: Place) -> None:
    address = place.account()

    async def talk() -> None:
        async with logged_in(place, address) as watching, logged_in(place, address) as other:
            await watching.select("INBOX")
            waiting = await watching.idle_start(timeout=30)
            assert (await other.append(LETTER, "INBOX")).result == "OK"
            pushed = await watching.wait_server_push(timeout=10)
            assert b"1 EXISTS" in pushed
            watching.idle_done()
            await asyncio.wait_for(waiting, 10)

    asyncio.run(talk())
