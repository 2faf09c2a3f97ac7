"""SEARCH: every key against messages made for it, what is told and what is saved."""

from __future__ import annotations

import pytest

from tests.imap.conftest import Imap, Play, World

MESSAGES = (
    # 1
    b"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?Caf=C3=A9?= lunch\r\n"
    b"Date: Mon, 6 Feb 2023 23:30:00 -0800\r\nX-Tag: blue\r\n\r\nMeet at the caf\xc3\xa9?\r\n",
    # 2
    b"From: eve@example.net\r\nCc: Carol <carol@example.org>\r\nSubject: numbers\r\n"
    b"Date: Tue, 7 Feb 2023 10:00:00 +0000\r\n\r\n" + b"1234567890\r\n" * 100,
    # 3
    b"From: bob@example.org\r\nBcc: dan@example.org\r\nSubject: html\r\nContent-Type: text/html\r\n\r\n"
    b"<p>The <b>same</b>\r\nstory</p>\r\n",
)
FLAGS = (b"\\Seen \\Answered", b"\\Flagged Work", b"\\Deleted \\Draft")


async def filled(world: World, *enable: bytes) -> Imap:
    user = await world.user(*enable)
    dates = (
        b' "01-Jan-2023 00:30:00 +0100"',
        b' "15-Feb-2023 12:00:00 +0000"',
        b' "01-Mar-2023 00:00:00 +0000"',
    )
    for mail, flags, date in zip(MESSAGES, FLAGS, dates):
        await user.ok(b"APPEND INBOX (" + flags + b")" + date + b" {%d+}\r\n" % len(mail) + mail)
    await user.ok(b"SELECT INBOX")
    return user


KEYS = {
    b"ALL": b"1 2 3",
    b"ANSWERED": b"1",
    b"UNANSWERED": b"2 3",
    b"SEEN": b"1",
    b"UNSEEN": b"2 3",
    b"FLAGGED": b"2",
    b"UNFLAGGED": b"1 3",
    b"DELETED": b"3",
    b"UNDELETED": b"1 2",
    b"DRAFT": b"3",
    b"UNDRAFT": b"1 2",
    b"KEYWORD work": b"2",
    b"UNKEYWORD Work": b"1 3",
    b"KEYWORD nothing": b"",
    b"RECENT": b"1 2 3",
    b"NEW": b"2 3",
    b"OLD": b"",
    b"2:3": b"2 3",
    b"3:100": b"3",
    b"*": b"3",
    b"UID 1,3:*": b"1 3",
    b"FROM ada": b"1",
    b"FROM EXAMPLE.ORG": b"1 3",
    b"TO bob": b"1",
    b"CC carol": b"2",
    b"BCC dan": b"3",
    b"SUBJECT lunch": b"1",
    b"SUBJECT {5+}\r\ncaf\xc3\xa9": b"1",
    b"CHARSET UTF-8 SUBJECT {5+}\r\nCAF\xc3\x89": b"1",
    b"CHARSET ISO-8859-1 BODY {4+}\r\ncaf\xe9": b"1",
    b"CHARSET US-ASCII BODY meet": b"1",
    b"BODY 34567": b"2",
    b'BODY "the same story"': b"3",
    b"BODY lunch": b"",
    b"TEXT lunch": b"1",
    b"TEXT blue": b"1",
    b'TEXT ""': b"1 2 3",
    b"HEADER X-Tag blue": b"1",
    b'HEADER x-tag ""': b"1",
    b'HEADER Cc ""': b"2",
    b"HEADER X-Tag red": b"",
    b"BEFORE 15-Feb-2023": b"1",
    b"ON 1-Jan-2023": b"1",  # in its own zone, although it was 2022 in UTC
    b"ON 31-Dec-2022": b"",
    b"SINCE 15-Feb-2023": b"2 3",
    b"SENTBEFORE 7-Feb-2023": b"1",
    b"SENTON 6-Feb-2023": b"1",
    b"SENTON 7-Feb-2023": b"2",
    b"SENTSINCE 7-Feb-2023": b"2",
    b"LARGER 1000": b"2",
    b"SMALLER 1000": b"1 3",
    b"OR FLAGGED DELETED": b"2 3",
    b"NOT OR FLAGGED DELETED": b"1",
    b"(FLAGGED LARGER 10) SUBJECT numbers": b"2",
    b"NOT (SEEN FROM ada) NOT BODY story": b"2",
    b"OR (BODY meet SEEN) (TEXT numbers OR LARGER 10 ALL)": b"1 2",
    b"EMAILID nothing": b"",
}


def test_keys(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        for key, expected in KEYS.items():
            found = await user.ok(b"SEARCH " + key)
            assert found == [(b"* SEARCH " + expected).rstrip()], key
        assert await user.ok(b"UID SEARCH FLAGGED") == [b"* SEARCH 2"]

    play(script)


def test_intervals_include_their_very_second(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MESSAGES[0])
        world.clock[0] += 100.5
        for key, found in ((b"OLDER 100", 1), (b"OLDER 101", 0), (b"YOUNGER 100", 1), (b"YOUNGER 99", 0)):
            assert await user.ok(b"SEARCH " + key) == [b"* SEARCH 1" if found else b"* SEARCH"], key

    play(script)


def test_object_ids(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        for item in (b"EMAILID", b"THREADID"):
            [line] = await user.ok(b"FETCH 2 " + item)
            spelled = line.partition(b"(" + item + b" (")[2].rstrip(b")")
            assert await user.ok(b"SEARCH " + item + b" " + spelled) == [b"* SEARCH 2"]

    play(script)


def test_unknown_charset(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        await user.ok(b"SEARCH RETURN (SAVE) ALL")
        assert (await user.status(b"SEARCH CHARSET X-KLINGON ALL")).startswith(
            b"NO [BADCHARSET (US-ASCII UTF-8 "
        )
        assert len(await user.ok(b"FETCH $ UID")) == 3
        # RFC 9051 6.4.4.1: a search that was to be saved and failed with NO leaves nothing saved.
        assert (await user.status(b"SEARCH RETURN (SAVE) CHARSET X ALL")).startswith(b"NO ")
        assert await user.ok(b"FETCH $ UID") == []

    play(script)


@pytest.mark.parametrize(
    ("returns", "told", "saved"),
    [
        (b"", b" ALL 1,3", None),
        (b"ALL", b" ALL 1,3", None),
        (b"MIN", b" MIN 1", None),
        (b"MAX COUNT", b" MAX 3 COUNT 2", None),
        (b"SAVE", None, b"1,3"),
        (b"SAVE MIN", b" MIN 1", b"1"),
        (b"SAVE MAX", b" MAX 3", b"3"),
        (b"SAVE MIN MAX", b" MIN 1 MAX 3", b"1,3"),
        (b"SAVE MIN COUNT", b" MIN 1 COUNT 2", b"1,3"),
    ],
)
def test_results_told_and_saved(play: Play, returns: bytes, told: bytes | None, saved: bytes | None) -> None:
    async def script(world: World) -> None:
        user = await filled(world)
        tag = await user.send(b"SEARCH RETURN (" + returns + b") UNFLAGGED")
        answer = (await user.answer(tag)).split(b"\r\n")
        expected = [] if told is None else [b'* ESEARCH (TAG "%b")' % tag + told]
        assert answer[:-2] == expected
        found = await user.ok(b"SEARCH $")
        assert found == [b"* SEARCH" + (b" " + saved.replace(b",", b" ") if saved else b"")]

    play(script)


def test_saved_results_follow_the_messages(play: Play) -> None:
    async def script(world: World) -> None:
        user = await filled(world, b"IMAP4rev2")
        await user.ok(b"SEARCH RETURN (SAVE) ALL")
        assert b"* 3 EXPUNGE" in await user.ok(b"EXPUNGE")
        tag = await user.send(b"SEARCH $")
        assert (await user.answer(tag)).startswith(b'* ESEARCH (TAG "%b") ALL 1:2\r\n' % tag)
        assert await user.ok(b"STORE $ +FLAGS.SILENT (\\Deleted)") == []
        await user.ok(b"UID MOVE $ Archive")
        assert await user.ok(b"FETCH $ FLAGS") == []
        await user.ok(b"SELECT Archive")
        assert await user.ok(b"FETCH $ FLAGS") == []

    play(script)
