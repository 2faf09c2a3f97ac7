"""ESEARCH: mailboxes that are not selected, and what may happen to them meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from pillarbox.imap.commands import multisearch
from pillarbox.imap.wire.multisearch import Source, Which
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.watching import Picture
from tests.imap.conftest import Imap, Play, World

MAIL = b"Subject: m\r\n\r\nneedle\r\n"


async def with_mailboxes(world: World, *names: bytes) -> Imap:
    user = await world.user()
    for name in names:
        await user.ok(b"CREATE " + name)
        await user.append(MAIL, to=name)
    return user


def told(lines: list[bytes]) -> list[bytes]:
    """The mailboxes that are answered for."""
    return [line.partition(b" MAILBOX ")[2].partition(b" UIDVALIDITY ")[0] for line in lines]


def test_a_mailbox_that_goes_meanwhile_is_passed_over(play: Play) -> None:
    async def script(world: World) -> None:
        user = await with_mailboxes(world, b"a", b"b", b"c")
        other = await world.user()
        columns = world.store.columns

        async def deleting(account, actor, mailbox):  # type: ignore[no-untyped-def]
            world.store.columns = columns  # type: ignore[method-assign]
            await other.ok(b"DELETE b")
            return await columns(account, actor, mailbox)

        world.store.columns = deleting  # type: ignore[method-assign]
        assert told(await user.ok(b"ESEARCH IN (personal) BODY needle")) == [b"a", b"c"]
        assert told(await user.ok(b"ESEARCH IN (mailboxes (a b c)) ALL")) == [b"a", b"c"]

    play(script)


def test_keywords_of_mailboxes_never_selected_are_known(play: Play) -> None:
    async def script(world: World) -> None:
        user = await with_mailboxes(world, b"a", b"b")
        await user.append(MAIL, to=b"b", flags=b"Work \\Seen")
        (line,) = await user.ok(b"ESEARCH IN (personal) KEYWORD work SEEN")
        assert told([line]) == [b"b"] and line.endswith(b" UID ALL 2")

    play(script)


def test_message_numbers_are_each_mailboxs_own_and_no_expunge_is_told_beside_them(play: Play) -> None:
    async def script(world: World) -> None:
        user = await with_mailboxes(world, b"a", b"b")
        for _ in range(2):
            await user.append(MAIL, to=b"b")
        await user.ok(b"SELECT b")
        other = await world.user(select=b"b")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        lines = await user.ok(b"ESEARCH IN (personal) 2:3")
        assert [line for line in lines if b"EXPUNGE" in line] == []
        assert told(lines[-1:]) == [b"b"] and lines[-1].endswith(b" UID ALL 2:3")
        lines = await user.ok(b"ESEARCH IN (personal) UID 2")
        assert b"* 1 EXPUNGE" in lines

    play(script)


def test_with_uidonly_there_are_no_message_numbers(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UIDONLY")
        await user.append(MAIL)
        await user.ok(b"ESEARCH IN (personal) UID 1:*")
        assert (await user.status(b"ESEARCH IN (personal) 1:*")).startswith(b"BAD [UIDREQUIRED]")

    play(script)


def test_an_account_that_goes_meanwhile_ends_the_session(play: Play) -> None:
    async def script(world: World) -> None:
        user = await with_mailboxes(world, b"a")
        columns = world.store.columns

        async def erasing(account, actor, mailbox):  # type: ignore[no-untyped-def]
            await world.store.erase_account(account)
            return await columns(account, actor, mailbox)

        world.store.columns = erasing  # type: ignore[method-assign]
        await user.send(b"ESEARCH IN (personal) ALL")
        assert b"* BYE" in await user.client.read_all()
        world.store.columns = columns  # type: ignore[method-assign]
        await world.store.create_account(7)

    play(script)


def test_many_mailboxes_hold_up_nobody(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for number in range(600):
            await user.ok(b"CREATE m%d" % number)
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn)

        turn()
        before = turns
        assert await user.ok(b"ESEARCH IN (personal) RETURN (COUNT) TEXT needle") == []
        assert turns - before > 2

    play(script)


def test_how_far_it_is_stands_between_whole_answers(play: Play) -> None:
    async def script(world: World) -> None:
        user = await with_mailboxes(world, *[b"m%d" % number for number in range(60)])
        lines = await user.ok(b"ESEARCH IN (personal) TEXT needle")
        heads = (b"* ESEARCH (TAG ", b"* OK [INPROGRESS (")
        assert all(line.startswith(heads) for line in lines)
        assert sum(line.startswith(heads[0]) for line in lines) == 60
        assert any(line.startswith(heads[1]) for line in lines)

    play(script, progress_every=0.0005)


def row(number: int, path: str, *, selectable: bool = True) -> MailboxRow:
    return MailboxRow(number, path, None, selectable, False, number, 1, 0, 1)


TREE = Picture(
    1,
    [
        row(1, "INBOX"),
        row(2, "a"),
        row(3, "a/b"),
        row(4, "a/b/c", selectable=False),
        row(5, "a/b/c/d"),
        row(6, "ab"),
    ],
    frozenset(("ab", "missing")),
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([Source(Which.PERSONAL), Source(Which.MAILBOXES, ("a",))], [1, 2, 3, 5, 6]),
        ([Source(Which.INBOXES)], [1, 2, 3, 5, 6]),
        ([Source(Which.SUBTREE, ("a",))], [2, 3, 5]),
        ([Source(Which.SUBTREE, ("a/b/c", "missing"))], [5]),
        ([Source(Which.SUBTREE_ONE, ("a",)), Source(Which.MAILBOXES, ("INBOX", "a/b", "A"))], [1, 2, 3]),
        ([Source(Which.SUBTREE_ONE, ("a/b/c",))], [5]),
        ([Source(Which.MAILBOXES, ("a/b/c", ""))], []),
        ([Source(Which.SUBSCRIBED), Source(Which.SELECTED)], [6]),
    ],
)
def test_sources(asked: list[Source], found: list[int]) -> None:
    assert [one.id for one in multisearch.sources(tuple(asked), TREE, None)] == found
