import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.app.importing import filing
from pillarbox.app.importing.filing import Imported, file_letters, target
from pillarbox.app.importing.letter import Letter
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Refused
from pillarbox.model.flags import FLAGGED, SEEN
from pillarbox.store import blobs, emails, mailboxes
from pillarbox.store.store import Store

ACCOUNT = 7


def letter(content: bytes, mailbox: str = "", flags: tuple[str, ...] = (), at: int | None = 5) -> Letter:
    return Letter("x", mailbox, flags, at, 9, iter([content]))


def imported(
    tmp_path: Path, letters: list[Letter], into: str = "INBOX"
) -> tuple[Imported, dict[str, list[tuple]]]:
    """What filing says, and (raw, internal date) of what is then there, by mailbox."""

    async def run() -> tuple[Imported, dict[str, list[tuple]]]:
        store = Store(tmp_path, clock=lambda: 1_000_000.0)
        await store.open()
        try:
            await store.create_account(ACCOUNT)
            done = await file_letters(store, ACCOUNT, into, iter(letters))
            return done, await found(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def found(store: Store) -> dict[str, list[tuple]]:
    out = {}
    for row in await store.read(ACCOUNT, mailboxes.list_all, SERVER):
        columns = ("blob", "internal_at")
        rows = await store.read(ACCOUNT, emails.rows, SERVER, row.id, 1, 1_000_000, columns)
        if rows:
            out[row.path] = [(await store.read(ACCOUNT, blobs.raw, blob), at) for blob, at in rows]
    return out


def test_line_ends_and_dates(tmp_path: Path) -> None:
    done, there = imported(
        tmp_path,
        [
            letter(b"A: b\n\nx\r\ny\n"),
            letter(b"Date: Thu, 1 Jan 1970 00:01:00 +0000\n\n", at=None),
            letter(b"no date\n", at=None),
        ],
    )
    assert (done.messages, done.mailboxes) == (3, ["INBOX"])
    assert there == {
        "INBOX": [
            (b"A: b\r\n\r\nx\r\ny\r\n", 5),
            (b"Date: Thu, 1 Jan 1970 00:01:00 +0000\r\n\r\n", 60),
            (b"no date\r\n", 9),
        ]
    }


def test_mailboxes_are_made_where_they_are_missing(tmp_path: Path) -> None:
    done, there = imported(
        tmp_path,
        [letter(b"1", "Sent"), letter(b"2", "Lists/Python"), letter(b"3", "Sent")],
    )
    assert done.mailboxes == ["Sent", "Lists/Python"]
    assert {path: [raw for raw, _ in rows] for path, rows in there.items()} == {
        "Sent": [b"1", b"3"],
        "Lists/Python": [b"2"],
    }


def test_everything_may_go_below_one_mailbox(tmp_path: Path) -> None:
    _, there = imported(tmp_path, [letter(b"1"), letter(b"2", "Sent")], into="Old")
    assert set(there) == {"Old", "Old/Sent"}
    assert target("INBOX", "inbox") == "INBOX"


def test_batches_are_cut_by_number_and_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "BATCH_MESSAGES", 3)
    monkeypatch.setattr(filing, "BATCH_OCTETS", 10)
    contents = [b"1", b"2", b"3", b"4", b"a" * 300_000, b"5", b"", b"6"]
    done, there = imported(tmp_path, [letter(each, flags=(SEEN, FLAGGED)) for each in contents])
    assert [raw for raw, _ in there["INBOX"]] == contents
    assert done.octets == sum(len(each) for each in contents)


def test_a_name_no_mailbox_may_have(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        imported(tmp_path, [letter(b"1", "a/" * 40 + "b")])


def test_a_reader_that_fails_leaves_what_was_filed_before(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        imported(tmp_path, [letter(b"1"), letter(b"2", "Sent"), Letter("x", "Sent", (), 1, 1, broken())])
    assert not list((tmp_path / "spool").iterdir())
