"""Shared columns: always as of now, whoever wrote, and never changed under a reader."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import column
from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.changes import Columns, Delta, Rows
from pillarbox.model.errors import Refused
from pillarbox.model.numbers import runs_of
from pillarbox.store import changes, columns, flags, mailboxes, messages
from pillarbox.store.columns import apply
from pillarbox.store.store import Store

ACCOUNT = 7
Play = Callable[[Callable[[Store], Awaitable[None]]], None]


def made(rows: dict[int, tuple[int, int]], modseq: int) -> Columns:
    uids = sorted(rows)
    columns = array("I", uids), [rows[uid][0] for uid in uids], [rows[uid][1] for uid in uids]
    return Columns.joined(1, modseq, [Rows(columns[0], array("H", columns[1]), array("Q", columns[2]))])


def aligned(rows: dict[int, tuple[int, int]]) -> tuple[array[int], array[int], array[int]]:
    columns = made(rows, 0)
    return columns.uids[:], columns.flag_sets[:], columns.modseqs[:]


@pytest.fixture(autouse=True, scope="module")
def short_pieces() -> Iterator[None]:
    """Columns of a few messages are made of several pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "PIECE", 4)
        yield


@settings(max_examples=200)
@given(
    st.sets(st.integers(1, 60), max_size=40),
    st.sets(st.integers(1, 60)),
    st.sets(st.integers(1, 60)),
    st.integers(0, 5),
)
def test_applying_a_delta_is_arithmetic(present: set[int], moved: set[int], gone: set[int], new: int) -> None:
    before = dict.fromkeys(present, (1, 5))
    gone &= present
    moved = (moved & present) - gone
    fresh = dict.fromkeys(range(61, 61 + new), (3, 9))
    way = Delta(9, *aligned(fresh), *aligned(dict.fromkeys(moved, (2, 8))), gone=runs_of(sorted(gone)))
    old = made(before, 5)
    assert old == apply(made({}, 4), Delta(5, *aligned(before), *aligned({}), gone=()))
    after = {uid: (2, 8) if uid in moved else (1, 5) for uid in present - gone} | fresh
    assert apply(old, way) == made(after, 9)
    assert old == made(before, 5)  # others still look at it


async def append(store: Store, mailbox: int, count: int) -> None:
    staging = store.staging()
    await staging.write(b"Subject: x\r\n\r\nx\r\n")
    staged = await staging.finish()
    items = [messages.Incoming(staged, (), 1, 0)] * count
    await store.write(ACCOUNT, messages.append_many, SERVER, mailbox, items)


async def inbox(store: Store) -> int:
    row = await store.read(ACCOUNT, mailboxes.find, SERVER, "INBOX")
    assert row is not None
    return row.id


async def truth(store: Store, mailbox: int) -> Columns:
    return await store.read(ACCOUNT, changes.columns, SERVER, mailbox)


def test_they_follow_every_change_and_are_shared(play: Play) -> None:
    async def story(store: Store) -> None:
        mailbox = await inbox(store)
        empty = await store.columns(ACCOUNT, SERVER, mailbox)
        assert len(empty.uids) == 0
        await append(store, mailbox, 10)
        ten = await store.columns(ACCOUNT, SERVER, mailbox)
        assert ten == await truth(store, mailbox)
        assert list(ten.uids) == list(range(1, 11))
        assert await store.columns(ACCOUNT, SERVER, mailbox) is ten
        await store.write(ACCOUNT, flags.store_flags, SERVER, mailbox, ((2, 5),), "add", ("\\Deleted",))
        flagged = await store.columns(ACCOUNT, SERVER, mailbox)
        assert flagged == await truth(store, mailbox) != ten
        await store.write(ACCOUNT, messages.expunge, SERVER, mailbox, None)
        await append(store, mailbox, 3)
        fewer = await store.columns(ACCOUNT, SERVER, mailbox)
        assert fewer == await truth(store, mailbox)
        assert list(fewer.uids) == [1, 6, 7, 8, 9, 10, 11, 12, 13]
        assert list(ten.uids) == list(range(1, 11))

    play(story)


def test_what_happens_elsewhere_keeps_the_arrays(play: Play) -> None:
    async def story(store: Store) -> None:
        mailbox = await inbox(store)
        await append(store, mailbox, 3)
        before = await store.columns(ACCOUNT, SERVER, mailbox)
        await store.write(ACCOUNT, mailboxes.create, SERVER, "other")
        after = await store.columns(ACCOUNT, SERVER, mailbox)
        assert after.modseq > before.modseq
        assert after.uids is before.uids

    play(story)


def test_a_long_mailbox_is_loaded_in_slices_while_it_changes(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "SLICE", 4)

    async def story(store: Store) -> None:
        mailbox = await inbox(store)
        await append(store, mailbox, 50)
        loads = [asyncio.create_task(store.columns(ACCOUNT, SERVER, mailbox)) for _ in range(3)]
        await asyncio.sleep(0)
        loads[0].cancel()
        # Behind, at and before where the slices are; and messages that come and go meanwhile.
        await asyncio.sleep(0)
        await store.write(
            ACCOUNT,
            flags.store_flags,
            SERVER,
            mailbox,
            ((1, 3), (30, 33)),
            "add",
            ("\\Deleted",),
            durable=False,
        )
        await store.write(ACCOUNT, messages.expunge, SERVER, mailbox, ((1, 2), (30, 31)), durable=False)
        await append(store, mailbox, 5)
        await store.write(
            ACCOUNT, flags.store_flags, SERVER, mailbox, ((52, 53),), "add", ("\\Deleted",), durable=False
        )
        await store.write(ACCOUNT, messages.expunge, SERVER, mailbox, ((52, 53),), durable=False)
        await asyncio.gather(*loads, return_exceptions=True)
        assert loads[1].result().uids == loads[2].result().uids
        assert await store.columns(ACCOUNT, SERVER, mailbox) == await truth(store, mailbox)
        assert not store._columns._loading

    play(story)


def test_a_deleted_mailbox_has_none(play: Play) -> None:
    async def story(store: Store) -> None:
        row = await store.write(ACCOUNT, mailboxes.create, SERVER, "other")
        await store.columns(ACCOUNT, SERVER, row.id)
        await store.write(ACCOUNT, mailboxes.delete, SERVER, "other")
        with pytest.raises(Refused):
            await store.columns(ACCOUNT, SERVER, row.id)

    play(story)


def test_memory_is_bounded(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MESSAGES", 20)

    async def story(store: Store) -> None:
        for name in ("a", "b", "c", "d"):
            row = await store.write(ACCOUNT, mailboxes.create, SERVER, name)
            await append(store, row.id, 8)
            assert len((await store.columns(ACCOUNT, SERVER, row.id)).uids) == 8
            await append(store, row.id, 1)
            await store.columns(ACCOUNT, SERVER, row.id)
        kept = store._columns._kept
        assert 1 <= len(kept) <= 2
        assert store._columns._messages == sum(len(one.columns.uids) + 1 for one in kept.values())

    play(story)


def test_what_was_just_stored_is_known_without_reading(play: Play) -> None:
    async def scene(store: Store) -> None:
        mailbox = await inbox(store)
        await append(store, mailbox, 11)
        await store.columns(ACCOUNT, SERVER, mailbox)
        verb = flags.store_flags
        for uids in (((3, 9),), ((1, 1), (11, 11))):
            stored = await store.write(ACCOUNT, verb, SERVER, mailbox, uids, "add", ("x",), durable=False)
            found = await store.columns(ACCOUNT, SERVER, mailbox, stored)
            assert found == await truth(store, mailbox) and found.modseq == stored.modseq
        # Where something else has happened in between, it is read.
        stored = await store.write(ACCOUNT, verb, SERVER, mailbox, ((5, 5),), "replace", ("y",))
        later = await store.write(ACCOUNT, verb, SERVER, mailbox, ((6, 6),), "replace", ("z",))
        assert await store.columns(ACCOUNT, SERVER, mailbox, later) == await truth(store, mailbox)
        assert await store.columns(ACCOUNT, SERVER, mailbox, stored) == await truth(store, mailbox)
        assert store.modseq_known(ACCOUNT) == store.modseq(ACCOUNT) == later.modseq

    play(scene)


def test_after_a_store_of_one_message_nothing_is_read(play: Play) -> None:
    async def story(store: Store) -> None:
        mailbox = await inbox(store)
        await append(store, mailbox, 5)
        before = await store.columns(ACCOUNT, SERVER, mailbox)
        owner = Actor(reader=1)
        stored = await store.write(ACCOUNT, flags.store_one, owner, mailbox, 3, "add", ("\\Seen",))
        after = store.columns_after(ACCOUNT, mailbox, stored)
        assert after == await truth(store, mailbox) != before
        assert after.uids is before.uids
        assert store.columns_after(ACCOUNT, mailbox, stored) is None, "that is how it is already"

    play(story)
