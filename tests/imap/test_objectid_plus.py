"""OBJECTID+ (draft-ietf-mailmaint-imap-objectid-bis-06): ids in one compound, mailboxes opened by id."""

from __future__ import annotations

import re

import pytest

from pillarbox.model import ids
from tests.imap.conftest import ACCOUNT, Imap, Play, World

MAIL = b"Subject: a\r\n\r\na\r\n"
ENABLED = b"* ENABLED OBJECTID+"
OURS = ids.spell_account(ACCOUNT).encode()
_COMPOUND = re.compile(rb"OBJECTID \(MAILBOXID (\w+) ACCOUNTID " + OURS + rb"\)")
_PLAIN = re.compile(rb"\[MAILBOXID \((\w+)\)\]")


async def compound(user: Imap, command: bytes) -> bytes:
    """The MAILBOXID that a command tells in the compound, and nowhere else."""
    answer = await user.do(command)
    (found,) = _COMPOUND.findall(answer)
    assert not _PLAIN.search(answer), answer
    return bytes(found)


async def plain(user: Imap, command: bytes) -> bytes:
    answer = await user.do(command)
    (found,) = _PLAIN.findall(answer)
    assert b"OBJECTID (" not in answer and b"ACCOUNTID" not in answer
    return bytes(found)


def by_id(mailbox: bytes, name: bytes = b"INBOX", account: bytes = OURS, more: bytes = b"") -> bytes:
    return b"SELECT %b (OBJECTID (MAILBOXID %b ACCOUNTID %b%b))" % (name, mailbox, account, more)


# Switched on


def test_until_it_is_switched_on_all_is_as_in_rfc_8474(play: Play) -> None:
    async def script(world: World) -> None:
        user, knows = await world.user(), await world.user(b"OBJECTID+")
        announced = (await user.ok(b"CAPABILITY"))[0].split()
        assert b"OBJECTID" in announced and b"OBJECTID+" in announced
        foo = await plain(user, b"CREATE foo")
        assert await plain(user, b"SELECT foo") == await plain(user, b"EXAMINE foo") == foo
        assert (await user.status(b"RENAME foo bar")).startswith(b"OK RENAME")
        bar = await compound(knows, b"CREATE foo")
        assert await compound(knows, b"SELECT foo") == await compound(knows, b"EXAMINE foo") == bar != foo
        assert (await knows.status(b"RENAME foo x/foo")).startswith(b"OK [OBJECTID (MAILBOXID " + bar)
        # What is asked for by its own name is the same, and is still told.
        assert await compound(knows, b"STATUS bar (OBJECTID)") == foo
        assert await knows.ok(b"STATUS bar (MAILBOXID)") == [b"* STATUS bar (MAILBOXID (%b))" % foo]
        assert await user.ok(b"STATUS bar (MAILBOXID)") == [b"* STATUS bar (MAILBOXID (%b))" % foo]

    play(script)


def test_renaming_inbox_tells_of_the_mailbox_that_it_made(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"OBJECTID+")
        inbox = await compound(user, b"SELECT INBOX")
        old = await compound(user, b"RENAME INBOX old")
        assert await compound(user, b"SELECT old") == old != inbox
        assert await compound(user, b"SELECT INBOX") == inbox

    play(script)


USES = [
    b"SELECT INBOX (OBJECTID)",
    b"EXAMINE INBOX (CONDSTORE OBJECTID)",
    b"SELECT INBOX (OBJECTID (MAILBOXID x))",
    b"STATUS INBOX (MESSAGES OBJECTID)",
    b'LIST "" % RETURN (STATUS (OBJECTID))',
    b"FETCH 1 OBJECTID",
    b"UID FETCH 1:* (FLAGS OBJECTID)",
    b"UID FETCH 77 OBJECTID",
    b"NOTIFY SET (selected (MessageNew (UID OBJECTID) MessageExpunge))",
    # RFC 9051 6.3.2 and the like: refused, and used all the same.
    b"SELECT nowhere (OBJECTID)",
    b"STATUS nowhere (OBJECTID)",
]


@pytest.mark.parametrize("use", USES)
def test_whoever_uses_it_has_switched_it_on_and_is_told_first(play: Play, use: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL)
        await user.ok(b"SELECT INBOX")
        answer = await user.do(use)
        assert answer.startswith(ENABLED + b"\r\n") and answer.count(b"ENABLED") == 1, answer
        assert b"ENABLED" not in await user.do(use)
        assert await user.ok(b"ENABLE OBJECTID+") == [b"* ENABLED"]
        await compound(user, b"SELECT Archive")
        await compound(user, b"CREATE foo")

    play(script)


NO_USES = [
    b"SELECT INBOX (CONDSTORE)",
    b"SELECT INBOX (OBJECTID ())",
    b"SELECT INBOX (OBJECTID (MAILBOXID a.b))",
    b"SELECT INBOX (OBJECTID QRESYNC (1 2))",  # RFC 7162 3.2.5: not enabled
    b"FETCH 9 OBJECTID",
    b"STATUS INBOX (MAILBOXID)",
    b"FETCH 1 (EMAILID THREADID)",
    b"SEARCH EMAILID x",
    b"ENABLE OBJECTID",
    b"ENABLE OBJECTIDBIS",
]


@pytest.mark.parametrize("command", NO_USES)
def test_what_is_no_use_of_it_switches_nothing_on(play: Play, command: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL)
        await user.ok(b"SELECT INBOX")
        assert b"OBJECTID+" not in await user.do(command)
        await plain(user, b"SELECT INBOX")

    play(script)


def test_it_ends_with_the_login(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"OBJECTID+")
        await compound(user, b"SELECT INBOX")
        await user.ok(b"UNAUTHENTICATE")
        await user.ok(b"LOGIN ada secret")
        await plain(user, b"SELECT INBOX")
        assert await user.ok(b"ENABLE objectid+") == [ENABLED]
        await compound(user, b"SELECT INBOX")

    play(script)


# Messages


def test_messages_have_what_they_have_one_by_one(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UIDONLY", select=b"INBOX")
        await user.append(MAIL)
        await user.append(MAIL)
        await user.ok(b"UID COPY 1 Archive")
        one_by_one = await user.ok(b"UID FETCH 1:2 (EMAILID THREADID)")
        together = await user.ok(b"UID FETCH 1:2 (OBJECTID)")
        assert together.pop(0) == ENABLED
        for one, all_in_one in zip(one_by_one, together, strict=True):
            written = re.sub(rb"(EMAILID|THREADID) \((\w+)\)", rb"\1 \2", one)
            assert all_in_one == written.replace(b"(EMAILID", b"(OBJECTID (EMAILID") + b")"
            assert b" UIDFETCH " in all_in_one
        await user.ok(b"SELECT Archive")
        (copy,) = await user.ok(b"UID FETCH 1 OBJECTID")
        assert copy == together[0]
        # Each copy has its own flags (see docs/deviations.md).
        await user.ok(b"UID STORE 1 +FLAGS (\\Flagged)")
        await user.ok(b"SELECT INBOX")
        assert await user.ok(b"UID FETCH 1 FLAGS") == [b"* 1 UIDFETCH (FLAGS (\\Recent))"]

    play(script)


def test_notify_tells_the_ids_of_new_messages(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(select=b"INBOX"), await world.user()
        await user.ok(b"NOTIFY SET (selected (MessageNew (OBJECTID) MessageExpunge))")
        await other.append(MAIL)
        await user.client.read_line()
        await user.client.read_line()
        assert re.fullmatch(
            rb"\* 1 FETCH \(OBJECTID \(EMAILID E\w{13} THREADID T\w{13}\)\)\r\n",
            await user.client.read_line(),
        )

    play(script)


# Mailboxes by id


def test_a_mailbox_is_found_by_its_id_wherever_it_went(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"OBJECTID+"), await world.user()
        foo = await compound(user, b"CREATE foo")
        await user.append(MAIL, to=b"foo")
        await other.ok(b"RENAME foo bar/foo")
        new = await plain(other, b"CREATE foo")
        for command in (
            by_id(foo, b"foo"),
            by_id(foo, b"foo", more=b" X-UNKNOWN y EMAILID " + new),
            b"EXAMINE foo (OBJECTID (ACCOUNTID %b MAILBOXID %b))" % (OURS, foo),
            b"SELECT nowhere (OBJECTID (MAILBOXID %b))" % foo,
            b'SELECT "" (CONDSTORE OBJECTID (MAILBOXID %b ACCOUNTID %b))' % (foo, OURS),
        ):
            answer = await user.do(command)
            assert b"* 1 EXISTS" in answer and _COMPOUND.findall(answer) == [foo], command
        # Selected is selected: the same mailbox is what is changed, and what others are told of.
        await user.ok(by_id(foo, b"foo"))
        await user.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
        assert await other.ok(b"STATUS bar/foo (UNSEEN)") == [b"* STATUS bar/foo (UNSEEN 0)"]

    play(script)


def test_without_a_match_the_name_counts(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"OBJECTID+")
        foo, bar = await compound(user, b"CREATE foo"), await compound(user, b"CREATE bar")
        await user.ok(b"DELETE bar")
        others = ids.spell_account(ACCOUNT + 1).encode()
        for command in (
            b"SELECT foo (OBJECTID)",
            by_id(bar, b"foo"),  # deleted
            by_id(b"F2212ea87-6097-4256-9d51-71338625", b"foo"),
            by_id(b"x" * 255, b"foo"),
            by_id(bar.upper(), b"foo"),
            by_id(b"E" + foo[1:], b"foo"),
            by_id(ids.spell(ids.Kind.MAILBOX, 0).encode(), b"foo"),
            by_id(ids.spell(ids.Kind.MAILBOX, 2**63 - 1).encode(), b"foo"),
            by_id(ids.spell(ids.Kind.MAILBOX, 2**64 - 1).encode(), b"foo"),
            b"SELECT foo (OBJECTID (ACCOUNTID %b))" % OURS,
            b"SELECT foo (OBJECTID (X y))",
        ):
            assert await compound(user, command) == foo, command
        inbox = await compound(user, b"SELECT INBOX")
        # Of another account, or of two: not this mailbox, although it exists here.
        for command in (
            by_id(inbox, b"foo", others),
            by_id(inbox, b"foo", OURS.upper()),
            by_id(inbox, b"foo", inbox),
            by_id(inbox, b"foo", more=b" ACCOUNTID " + others),
            by_id(inbox, b"foo", more=b" MAILBOXID " + foo),
        ):
            assert await compound(user, command) == foo, command
        # RFC 9051 6.3.2: when that fails, nothing is selected.
        assert (await user.status(by_id(bar, b"bar"))).startswith(b"NO [NONEXISTENT] ")
        assert (await user.status(b"FETCH 1 FLAGS")).startswith(b"BAD ")

    play(script)


def test_the_name_it_has_now_is_told_where_select_tells_names(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"IMAP4rev2", b"OBJECTID+")
        foo = await compound(user, b"CREATE foo")
        assert b'* LIST () "/" foo' in await user.ok(by_id(foo, b"foo"))
        await user.ok(b"RENAME foo bar")
        assert b'* LIST () "/" bar ("OLDNAME" (foo))' in await user.ok(by_id(foo, b"foo"))
        assert b'* LIST () "/" bar' in await user.ok(by_id(foo, b"bar"))

    play(script)


def test_a_client_catches_up_with_a_mailbox_that_was_renamed(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"QRESYNC", b"OBJECTID+")
        foo = await compound(user, b"CREATE foo")
        await user.append(MAIL, to=b"foo")
        lines = b"\n".join(await user.ok(b"SELECT foo"))
        validity = re.search(rb"UIDVALIDITY (\d+)", lines)
        highest = re.search(rb"HIGHESTMODSEQ (\d+)", lines)
        assert validity and highest
        await user.append(MAIL, to=b"foo")
        await user.ok(b"RENAME foo bar")
        told = await user.ok(
            b"SELECT foo (QRESYNC (%b %b) OBJECTID (MAILBOXID %b ACCOUNTID %b))"
            % (validity[1], highest[1], foo, OURS)
        )
        (new,) = [line for line in told if b"FETCH" in line]
        assert new.startswith(b"* 2 FETCH (UID 2 ")

    play(script)
