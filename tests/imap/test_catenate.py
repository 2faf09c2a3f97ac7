"""CATENATE: sizes, memory, limits, and clients that do not wait."""

from __future__ import annotations

import tracemalloc
from typing import Any

from tests.imap.conftest import World

MAIL = b"Subject: one\r\n\r\nbody\r\n"


def text(octets: bytes) -> bytes:
    return b"TEXT {%d+}\r\n" % len(octets) + octets


def url(written: bytes) -> bytes:
    return b'URL "' + written + b'"'


def catenate(*parts: bytes, to: bytes = b"INBOX") -> bytes:
    return b"APPEND " + to + b" CATENATE (" + b" ".join(parts) + b")"


def test_a_large_part_is_never_in_memory_whole(play: Any) -> None:
    size = 12_000_000

    async def script(world: World) -> None:
        user = await world.user()
        large = b"Subject: large\r\n\r\n" + bytes(range(1, 256)) * (size // 255)
        await user.append(large)
        await user.ok(catenate(url(b"/INBOX/;UID=1/;PARTIAL=0.100")))  # what is set up once
        tracemalloc.start()
        line = await user.status(catenate(text(b"X: y\r\n"), url(b"/INBOX/;UID=1"), text(b"end")))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert line.startswith(b"OK ")
        assert peak < size // 3
        await user.ok(b"EXAMINE INBOX")
        assert b"X: y\r\n" + large + b"end" in await user.do(b"UID FETCH 3 BODY.PEEK[]")

    play(script)


def test_nul_and_all(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        odd = b"Subject: x\r\n\r\na\0b\xff\n\r"
        await user.ok(b"APPEND INBOX ~{%d+}\r\n" % len(odd) + odd)
        await user.ok(catenate(url(b"/INBOX/;UID=1"), b"TEXT ~{1+}\r\n\0"))
        await user.ok(b"EXAMINE INBOX")
        assert odd + b"\0)" in await user.do(b"UID FETCH 2 BINARY.PEEK[]")

    play(script)


def test_the_sum_is_what_counts(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"x" * 900)
        one = url(b"/INBOX/;UID=1")
        assert (await user.status(catenate(one, one))).startswith(b"NO [TOOBIG] ")
        assert (await user.status(catenate(one, text(b"y" * 101)))).startswith(b"NO [TOOBIG] ")
        assert (await user.status(b"APPEND INBOX CATENATE (" + one + b" TEXT {101}")).startswith(
            b"NO [TOOBIG] "
        )
        assert (await user.status(catenate(text(b"y" * 101), one))).startswith(b"NO [TOOBIG] ")
        assert (await user.status(catenate(one, text(b"y" * 100)))).startswith(b"OK ")
        # A short line does not fill the disk.
        many = b" ".join(b"CATENATE (" + one + b")" for _ in range(5))
        assert (await user.status(b"APPEND INBOX " + many)).startswith(b"NO [LIMIT] ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 2)"]

    play(script, append_limit=1000)


def test_nothing_is_seen_and_the_selected_mailbox_stays(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL)
        await user.ok(b"SELECT INBOX")
        await user.ok(catenate(url(b";UID=1/;SECTION=TEXT"), to=b"Sent"))
        assert await user.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]

    play(script)


def test_a_bad_url_takes_everything_behind_it_along(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL)
        bad, good = url(b"/INBOX/;UID=9"), url(b"/INBOX/;UID=1")
        behind = text(b"t8 LOGOUT\r\n" * 20_000)
        for command in (
            catenate(bad, behind, good, behind),
            catenate(behind, good, bad, behind, url(b"/INBOX/;UID=8")),
            catenate(good, behind, b"URL {13+}\r\n/INBOX/;UID=9", behind),
        ):
            assert (await user.status(command)).startswith(b"NO [BADURL /INBOX/;UID=9] ")
        command = catenate(bad, behind) + b" (\\Seen) CATENATE (" + behind + b") {3+}\r\nabc"
        assert (await user.status(command)).startswith(b"NO [BADURL /INBOX/;UID=9] ")
        for command in (catenate(bad, behind, to=b"nowhere"), catenate(good, to=b"nowhere")):
            assert (await user.status(command)).startswith(b"NO [TRYCREATE] ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)"]

    play(script)


def test_urls_that_no_response_could_repeat(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for written, told in (
            (b"/a]b \xc3\xbc\r\n", b"/a%5Db%20%C3%BC%0D%0A"),
            (b"x" * 32_768, b"x" * 32_768),
        ):
            line = await user.status(b"APPEND INBOX CATENATE (URL {%d+}\r\n" % len(written) + written + b")")
            assert line.startswith(b"NO [BADURL " + told + b"] ")
        long = b"x" * 32_769
        assert (await user.status(b"APPEND INBOX CATENATE (URL {%d}" % len(long))).startswith(b"NO [TOOBIG] ")
        line = await user.status(
            b"APPEND INBOX CATENATE (URL {%d+}\r\n" % len(long) + long + b" TEXT {1+}\r\nx)"
        )
        assert line.startswith(b"NO [TOOBIG] ")
        assert await user.status(b"NOOP") == b"OK NOOP completed"

    play(script)


def test_a_thousand_urls_hold_up_nobody(play: Any) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await user.append(MAIL)
        parts = [url(b"/INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=0.1")] * 1000
        tag = await user.send(catenate(*parts))
        for _ in range(20):
            assert await other.status(b"NOOP") == b"OK NOOP completed"
        assert b" OK " in await user.answer(tag)
        await user.ok(b"EXAMINE INBOX")
        assert b"{1000}\r\n" + b"b" * 1000 in await user.do(b"FETCH 2 BODY.PEEK[]")

    play(script)


def test_a_mailbox_that_may_not_be_named_in_ascii(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"IMAP4rev2")
        await user.ok('CREATE "Grüße/..%"'.encode().replace(b"%", b""))
        await user.append(MAIL, to='"Grüße/.."'.encode())
        await user.ok(catenate(url(b"/Gr%C3%BC%C3%9Fe%2F%2e%2E/;UID=1")))
        # Dots that are not encoded are steps.
        assert (await user.status(catenate(url(b"/Gr%C3%BC%C3%9Fe/../;UID=1")))).startswith(b"NO [BADURL ")
        await user.ok('SELECT "Grüße/.."'.encode())
        await user.ok(catenate(url(b";UID=1")))
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 2)"]

    play(script)
