"""What is kept of headers is what was said, for as long as it is true, and never more than was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from pillarbox.model.actors import SERVER
from pillarbox.store import buried, files, header_rows, incarnation, mailboxes, messages, upkeep
from pillarbox.store.header_rows import FILE, LEAST, LISTS, LONGEST, HeaderRows
from pillarbox.store.store import Store
from pillarbox.testing.verbs import account, staged

ACCOUNT = 7
NOW = 1_700_000_000
LINEAGE = "first"
ROWS = [(number, b"%d" % number) for number in range(2, 2 + 2 * LEAST, 2)]
EMAILS = [number for number, _ in ROWS]
SAID = [said for _, said in ROWS]
Story = Callable[[HeaderRows], Awaitable[None]]


def play(folder: Path, *stories: Story) -> None:
    """Each story is told in a process that has just begun, as far as memory goes."""

    async def told(story: Story, executor: ThreadPoolExecutor) -> None:
        kept = HeaderRows(lambda _: folder, executor)
        try:
            await story(kept)
        finally:
            await kept.stop()

    with ThreadPoolExecutor(2) as executor:
        for story in stories:
            asyncio.run(told(story, executor))


async def keep(kept: HeaderRows) -> None:
    kept.keep(ACCOUNT, LINEAGE, b"from to", ROWS)
    await kept.settle()


def test_what_was_said_is_found_by_those_who_come_later(tmp_path: Path) -> None:
    async def find(kept: HeaderRows) -> None:
        assert kept.find(ACCOUNT, LINEAGE, b"from to", EMAILS) == SAID
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [4, 3, 2]) == [b"4", None, b"2"]
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [10**15, 4]) == [None, b"4"]
        assert kept.find(ACCOUNT, LINEAGE, b"from", [2]) == [None]
        assert kept.find(ACCOUNT, "another", b"from to", [2]) == [None]

    play(tmp_path, keep, find)


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    async def find(kept: HeaderRows) -> None:
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [2, 4]) == [None, None]

    play(tmp_path, find)
    play(tmp_path / "no such folder", keep, find)


@pytest.mark.parametrize(
    ("fields", "rows"),
    [(b"from to", ROWS[1:]), (b"x" * (header_rows.KEY + 1), ROWS)],
    ids=["few messages", "a long list"],
)
def test_what_is_not_worth_it_is_not_kept(tmp_path: Path, fields: bytes, rows: header_rows.Rows) -> None:
    async def story(kept: HeaderRows) -> None:
        kept.keep(ACCOUNT, LINEAGE, fields, rows)
        await kept.settle()
        assert not (tmp_path / FILE).exists()

    play(tmp_path, story)


def test_long_fields_are_not_kept(tmp_path: Path) -> None:
    async def story(kept: HeaderRows) -> None:
        kept.keep(ACCOUNT, LINEAGE, b"from", [(1, b"x" * LONGEST), (3, b"x" * (LONGEST + 1)), *ROWS])
        await kept.settle()
        assert kept.find(ACCOUNT, LINEAGE, b"from", [1, 3]) == [b"x" * LONGEST, None]

    play(tmp_path, story)


def test_the_oldest_lists_go(tmp_path: Path) -> None:
    async def story(kept: HeaderRows) -> None:
        for number in range(LISTS + 2):
            kept.keep(ACCOUNT, LINEAGE, b"list-%d" % number, ROWS)
        await kept.settle()
        found = [kept.find(ACCOUNT, LINEAGE, b"list-%d" % number, [2]) for number in range(LISTS + 2)]
        assert found == [[None], [None], *[[b"2"]] * LISTS]

    play(tmp_path, story)
    assert apsw.Connection(str(tmp_path / FILE)).execute("SELECT count(*) FROM header_row").fetchall() == [
        (LISTS * len(ROWS),)
    ]


def test_lists_of_another_lineage_go_first(tmp_path: Path) -> None:
    async def story(kept: HeaderRows) -> None:
        kept.keep(ACCOUNT, LINEAGE, b"from", ROWS)
        kept.keep(ACCOUNT, "restored", b"from", [(email, b"new") for email in EMAILS])
        await kept.settle()
        assert kept.find(ACCOUNT, "restored", b"from", [2]) == [b"new"]
        assert kept.find(ACCOUNT, LINEAGE, b"from", [2]) == [None]

    play(tmp_path, story)


@pytest.mark.parametrize("found", [b"no database", b""], ids=["damaged", "empty"])
def test_a_file_of_no_use_is_made_anew(tmp_path: Path, found: bytes) -> None:
    (tmp_path / FILE).write_bytes(found * 1000)

    async def story(kept: HeaderRows) -> None:
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [2]) == [None]
        await keep(kept)
        await keep(kept)
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [2]) == [b"2"]

    play(tmp_path, story)


def test_a_file_of_another_layout_is_made_anew(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / FILE)).execute("CREATE TABLE header_row (x); PRAGMA user_version=99")

    async def story(kept: HeaderRows) -> None:
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [2]) == [None]
        await keep(kept)
        await keep(kept)
        assert kept.find(ACCOUNT, LINEAGE, b"from to", [2]) == [b"2"]

    play(tmp_path, story)


def test_no_more_waits_to_be_written_than_was_promised(tmp_path: Path) -> None:
    async def story(kept: HeaderRows) -> None:
        batch = len(ROWS)
        for number in range(header_rows.MOST + 10):
            rows = [(number * batch + at, b"x") for at in range(batch)]
            kept.keep(ACCOUNT, LINEAGE, b"from", rows)
        await kept.settle()
        all_of_them = list(range((header_rows.MOST + 10) * batch))
        written = sum(said is not None for said in kept.find(ACCOUNT, LINEAGE, b"from", all_of_them))
        assert header_rows.SOON * batch <= written <= (header_rows.MOST + header_rows.SOON) * batch

    play(tmp_path, story)


def test_nothing_stays_of_erased_emails(tmp_path: Path) -> None:
    with account(tmp_path) as verbs:
        messages_of = [staged(b"Subject: %d\r\n\r\n" % number) for number in range(3)]
        emails = [verbs.write(messages.append, verbs.inbox, one).email for one in messages_of]
        lineage = verbs.rows("SELECT lineage FROM account")[0][0]
        gone = max(emails) + 2

        async def story(kept: HeaderRows) -> None:
            kept.keep(ACCOUNT, lineage, b"from", [*[(email, b"x") for email in (*emails, gone)], *ROWS])
            kept.keep(ACCOUNT, lineage, b"to", [(gone, b"x"), *ROWS])
            await kept.settle()
            header_rows.sweep(verbs.folder, lineage)
            assert kept.find(ACCOUNT, lineage, b"from", [*emails, gone]) == [b"x", b"x", b"x", None]
            assert kept.find(ACCOUNT, lineage, b"to", [gone]) == [None]
            header_rows.sweep(verbs.folder, "restored")
            assert kept.find(ACCOUNT, lineage, b"from", emails) == [None] * 3

        play(verbs.folder, story)


def test_upkeep_sweeps_what_it_has_erased(tmp_path: Path) -> None:
    now = NOW

    async def told() -> None:
        nonlocal now
        store = Store(tmp_path, clock=lambda: now)
        await store.open()
        await store.create_account(ACCOUNT)
        inbox = await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
        kept, gone = [
            await store.write(
                ACCOUNT, messages.append, SERVER, inbox.id, staged(b"Subject: x\r\n\r\n"), flags
            )
            for flags in ((), ("\\Deleted",))
        ]
        lineage = await store.read(ACCOUNT, incarnation.lineage)
        rows = [(kept.email, b"x"), (gone.email, b"x"), *((10**12 + at, b"x") for at in range(LEAST))]
        store.header_rows.keep(ACCOUNT, lineage, b"subject", rows)
        await store.header_rows.settle()
        await store.write(ACCOUNT, messages.expunge, SERVER, inbox.id)
        now += buried.RETENTION + 1
        await upkeep.tidy(store, ACCOUNT)
        assert store.header_rows.find(ACCOUNT, lineage, b"subject", [kept.email, gone.email]) == [b"x", None]
        await store.close()

    asyncio.run(told())
    assert (files.account_folder(tmp_path, ACCOUNT) / FILE).exists()
