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


SEARCHED = (
    b"From: Ada <ada@x>\r\nSubject: Caf=E9\r\nX-Tag: One  Two\r\n\r\nThe same\r\nstory\r\n",
    b"From: ADA <ada@x>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nx-tag: one two\r\n\r\nthe SAME story\r\n",
    b"From: =?utf-8?q?=C3=84da?= <z@x>\r\nSubject: =?utf-8?q?CAF=C3=89?=\r\n\r\n<b>same</b>\r\n",
    b"From: x@y\r\nSubject: outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: The Inner\r\n\r\nBody\r\n",
)
# key: found by i;unicode-casemap, i;ascii-casemap, i;octet
KEYS = {
    b"FROM ada": (b" 1 2", b" 1 2", b" 1 2"),  # the mailboxes
    b"FROM ADA": (b" 1 2", b" 1 2", b" 2"),
    b'FROM "Ada <"': (b" 1 2", b" 1 2", b" 1"),
    b"FROM {3+}\r\n\xc3\xa4d": (b" 3", b"", b""),
    b"FROM {3+}\r\n\xc3\x84d": (b" 3", b" 3", b" 3"),
    b"SUBJECT {5+}\r\ncaf\xc3\xa9": (b" 2 3", b" 2", b""),
    b"SUBJECT {5+}\r\nCaf\xc3\xa9": (b" 2 3", b" 2", b" 2"),
    b"HEADER X-TAG {7+}\r\nOne Two": (b" 1 2", b" 1 2", b" 1"),
    b'HEADER x-Tag ""': (b" 1 2", b" 1 2", b" 1 2"),
    b'TEXT "X-Tag: "': (b" 1 2", b" 1 2", b" 1"),
    b'TEXT ""': (b" 1 2 3 4", b" 1 2 3 4", b" 1 2 3 4"),
    b'BODY "same story"': (b" 1 2", b" 1 2", b" 1"),
    b"BODY the NOT BODY SAME": (b" 4", b" 4", b""),
    b"BODY same": (b" 1 2 3", b" 1 2 3", b" 1 3"),
    b"TEXT inner": (b" 4", b" 4", b""),
    b"TEXT Inner": (b" 4", b" 4", b" 4"),
    b"BODY nothing": (b"", b"", b""),
}


def test_searches_heed_the_active_comparator(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for mail in SEARCHED:
            await user.append(mail)
        await user.ok(b"SELECT INBOX")
        for at, name in enumerate((b"default", b"i;ascii-casemap", b"i;octet")):
            await user.ok(b"COMPARATOR " + name)
            for key, found in KEYS.items():
                told = await user.ok(b"SEARCH CHARSET UTF-8 " + key)
                assert told == [b"* SEARCH" + found[at]], (name, key)
            await user.ok(b"COMPARATOR -" + name)  # directions are for orders
            assert await user.ok(b"SEARCH FROM ADA") == [b"* SEARCH" + KEYS[b"FROM ADA"][at]]

    play(script)
