"""THREAD on mailboxes: what the algorithms are given, and what is kept of their answers."""

from __future__ import annotations

import re

from tests.imap.conftest import Imap, Play, World


def letter(
    name: str, refs: str = "", subject: str = "", sent: int = 1, *, reply_to: str = "", arrived: int = 1
) -> tuple[bytes, bytes]:
    """A message and its INTERNALDATE."""
    fields = {
        "Message-ID": f"<{name}>" if name else "",
        "References": " ".join(f"<{one}>" for one in refs.split()),
        "In-Reply-To": f"<{reply_to}>" if reply_to else "",
        "Subject": subject,
        "Date": f"{sent} Mar 2023 00:00:00 +0000" if sent else "",
    }
    head = "".join(f"{field}: {value}\r\n" for field, value in fields.items() if value)
    return head.encode() + b"\r\n", b'"%02d-Mar-2023 00:00:00 +0000"' % arrived


async def append(world: World, *mails: tuple[bytes, bytes]) -> None:
    user = await world.user()
    for raw, date in mails:
        await user.ok(b"APPEND INBOX " + date + b" {%d+}\r\n" % len(raw) + raw)
    await user.ok(b"LOGOUT")


async def threads(user: Imap, what: str) -> bytes:
    [line] = [line for line in await user.ok(what.encode()) if line.startswith(b"* THREAD")]
    return line.removeprefix(b"* THREAD ")


def test_all_algorithms(play: Play) -> None:
    async def script(world: World) -> None:
        await append(
            world,
            letter("a", subject="one", sent=2),
            letter("b", "a", "Re: one", sent=9, arrived=3),
            letter("c", subject="ONE", sent=4, arrived=2),
            letter("d", "gone a", "other", sent=3, arrived=5),
            letter("e", reply_to="gone", subject="Re: one", sent=0, arrived=6),  # sent when it came
            letter('"e"', "c", "", sent=5),  # the id of the one before, quoted
        )
        user = await world.user(select=b"INBOX")
        assert await threads(user, "THREAD ORDEREDSUBJECT UTF-8 ALL") == b"(1 (3)(5)(2))(4)(6)"
        # a says nothing of a parent, so d's word for it counts.
        assert await threads(user, "THREAD REFS UTF-8 ALL") == b"(3 6)((1 (4)(2))(5))"
        assert await threads(user, "THREAD REFERENCES UTF-8 ALL") == b"((1 (4)(2))(3 6)(5))"
        assert await threads(user, "UID THREAD REFS UTF-8 2:4") == b"(3)((4)(2))"
        # Other messages than before
        assert await threads(user, "THREAD REFERENCES UTF-8 NOT 1") == b"((4)(5)(2))(3 6)"

    play(script)


def test_what_changes_is_threaded_again(play: Play) -> None:
    async def script(world: World) -> None:
        await append(world, letter("a"), letter("b", "a", sent=2))
        user, other = await world.user(select=b"INBOX"), await world.user(select=b"INBOX")
        for _ in range(2):
            assert await threads(user, "UID THREAD REFERENCES UTF-8 ALL") == b"(1 2)"
        await append(world, letter("c", "a", sent=3))
        assert await threads(user, "UID THREAD REFERENCES UTF-8 ALL") == b"(1 (2)(3))"
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        assert await threads(user, "THREAD REFERENCES UTF-8 UNDELETED") == b"((2)(3))"
        await other.ok(b"EXPUNGE")
        assert await threads(user, "THREAD REFERENCES UTF-8 ALL") == b"((2)(3))"  # the old numbers still
        assert await threads(user, "UID THREAD REFERENCES UTF-8 ALL") == b"((2)(3))"
        await user.ok(b"NOOP")
        assert await threads(user, "THREAD REFERENCES UTF-8 ALL") == b"((1)(2))"

    play(script)


def test_what_it_shares_with_sort(play: Play) -> None:
    async def script(world: World) -> None:
        await append(world, letter("a"), letter("b", "a", sent=2), letter("c"))
        user = await world.user(b"CONDSTORE", select=b"INBOX")
        assert await threads(user, "THREAD REFS UTF-8 MODSEQ 1") == b"(1 2)(3)"
        assert (await user.status(b"THREAD REFS X-NONE ALL")).startswith(b"NO [BADCHARSET (US-ASCII UTF-8 ")
        assert await user.ok(b"THREAD REFERENCES UTF-8 LARGER 1000000") == [b"* THREAD"]
        await user.ok(b"SEARCH RETURN (SAVE) 1:2")
        await user.ok(b"ENABLE UIDONLY")
        assert (await user.status(b"THREAD REFS UTF-8 ALL")).startswith(b"BAD [UIDREQUIRED]")
        assert (await user.status(b"UID THREAD REFS UTF-8 1")).startswith(b"BAD [UIDREQUIRED]")
        assert await threads(user, "UID THREAD REFS UTF-8 $") == b"(1 2)"

    play(script)


def test_an_empty_mailbox(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for algorithm in (b"ORDEREDSUBJECT", b"REFERENCES", b"REFS"):
            assert await user.ok(b"THREAD %b UTF-8 ALL" % algorithm) == [b"* THREAD"]

    play(script)


def test_hostile_headers(play: Play) -> None:
    """Loops, ids without end, subjects without sense: all is sorted and threaded, each message once."""
    rows = [
        (b"Message-ID: <a@x>\r\nReferences: <a@x>", b"a loop of one"),
        (b"Message-ID: <b@x>\r\nReferences: <c@x>", b"Re: " * 5000),
        (b"Message-ID: <c@x>\r\nReferences: <b@x> <c@x> <b@x>", b"[" * 20_000),
        (b"Message-ID: <a@x>\r\nReferences: " + b"<a@x> " * 10_000, b"[a]" * 5000 + b"Re:" * 5000),
        (b"References: " + b"".join(b"\r\n <%d@x>" % one for one in range(10_000)), b"(fwd)" * 9000),
        (b"Message-ID: <" + b"m" * 100_000 + b"@x>", b"[fwd: " * 5000 + b"]" * 5000),
        (b"References: <" + b"m" * 100_000 + b"@x>", b"=?utf-8?q?" + b"=FF" * 9000 + b"?="),
        (b"Message-ID: <>\r\nReferences: <><<>>@", b"\xff\xfe\xed\xa0\x80"),
        (b"Message-ID:" + b" " * 900 + b"<e@x>\r\nIn-Reply-To: <e@x> <b@x>", b"a" + b"\xcc\x81" * 9000),
        (b"From: " + b"a," * 9000 + b"\r\nTo: " + b"(" * 9000 + b"\r\nCc: " + b'"' * 9001, b"?=?=?=" * 999),
    ]

    async def script(world: World) -> None:
        user = await world.user()
        for head, subject in rows:
            await user.append(head + b"\r\nSubject: " + subject + b"\r\nDate: \xff\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        everything = [b"%d" % number for number in range(1, len(rows) + 1)]
        for key in (b"SUBJECT", b"FROM", b"TO", b"CC", b"DISPLAYFROM", b"DISPLAYTO", b"DATE", b"ARRIVAL"):
            [line] = await user.ok(b"SORT (REVERSE %b) UTF-8 ALL" % key)
            assert sorted(line.split()[2:], key=int) == everything
        for algorithm in ("ORDEREDSUBJECT", "REFERENCES", "REFS"):
            told = await threads(user, f"THREAD {algorithm} UTF-8 ALL")
            assert sorted(re.findall(rb"\d+", told), key=int) == everything
        assert b"(6 7)" in await threads(user, "THREAD REFS UTF-8 ALL")

    play(script)
