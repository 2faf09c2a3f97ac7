"""COMPARATOR, and what it does to SORT and THREAD."""

from __future__ import annotations

from tests.imap.conftest import Imap, Play, World

SUBJECTS = (b"b", b"A", b"=?utf-8?q?=C3=A9?=", b"B", b"a", b"=?utf-8?q?=C3=89?=")


async def filled(world: World) -> Imap:
    user = await world.user()
    for number, subject in enumerate(SUBJECTS):
        mail = b"Subject: " + subject + b"\r\nDate: %d Mar 2023 00:00:00 +0000\r\n\r\n" % (number + 1)
        await user.append(mail)
    await user.ok(b"SELECT INBOX")
    return user


def test_text_is_ordered_by_the_active_comparator(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        for order, by_subject, reverse in (
            (b"default", b"2 5 1 4 3 6", b"3 6 1 4 2 5"),
            (b"i;ascii-casemap", b"2 5 1 4 6 3", b"3 6 1 4 2 5"),
            (b"i;octet", b"2 4 5 1 6 3", b"3 6 1 5 4 2"),
            (b"-i;octet", b"3 6 1 5 4 2", b"2 4 5 1 6 3"),
            (b"-default", b"3 6 1 4 2 5", b"2 5 1 4 3 6"),
        ):
            await user.ok(b'COMPARATOR "' + order + b'"')
            for _ in range(2):  # worked out, and kept
                assert await user.ok(b"SORT (SUBJECT) UTF-8 ALL") == [b"* SORT " + by_subject]
                assert await user.ok(b"SORT (REVERSE SUBJECT) UTF-8 ALL") == [b"* SORT " + reverse]
            assert await user.ok(b"SORT (DATE) UTF-8 2:4") == [b"* SORT 2 3 4"]  # no text

    play(script)


def test_threads_are_put_together_by_the_active_comparator(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        for order, by_subject, by_references in (
            (b"default", b"(1 4)(2 5)(3 6)", b"((1)(4))((2)(5))((3)(6))"),
            (b"i;ascii-casemap", b"(1 4)(2 5)(3)(6)", b"((1)(4))((2)(5))(3)(6)"),
            (b"i;octet", b"(1)(2)(3)(4)(5)(6)", b"(1)(2)(3)(4)(5)(6)"),
            (b"-default", b"(1 4)(2 5)(3 6)", b"((1)(4))((2)(5))((3)(6))"),
        ):
            await user.ok(b"COMPARATOR " + order)
            assert await user.ok(b"THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"* THREAD " + by_subject]
            assert await user.ok(b"THREAD REFERENCES UTF-8 ALL") == [b"* THREAD " + by_references]

    play(script)


def test_it_is_the_connections_own(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await user.ok(b"COMPARATOR i;octet")
        assert await user.ok(b"COMPARATOR") == [b"* COMPARATOR i;octet"]
        assert await other.ok(b"COMPARATOR") == [b"* COMPARATOR i;unicode-casemap"]
        # What cannot be had changes nothing.
        assert (await user.status(b"COMPARATOR i;ascii-numeric")).startswith(b"NO [BADCOMPARATOR]")
        assert await user.ok(b"COMPARATOR") == [b"* COMPARATOR i;octet"]
        # The first argument that matches anything wins.
        assert await user.ok(b'COMPARATOR cz "i;ascii*" default') == [
            b"* COMPARATOR i;ascii-casemap (i;unicode-casemap i;ascii-casemap)"
        ]

    play(script)
