from pathlib import Path

import pytest

from pillarbox.app.importing import mbox
from pillarbox.model.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN


def read(tmp_path: Path, content: bytes) -> list[tuple[bytes, tuple[str, ...], int | None]]:
    path = tmp_path / "mail"
    path.write_bytes(content)
    return [(b"".join(each.pieces), each.flags, each.internal_at) for each in mbox.letters(path)]


def test_messages_begin_at_from_lines(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        b"From kim@example.test Sat Jan  3 01:05:34 1996\n"
        b"Subject: one\n\nHello\n\n"
        b"From MAILER-DAEMON Sat Jan 03 03:05:34 1996 +0200\r\n"
        b"Subject: two\r\n\r\nHello\r\n\r\n",
    )
    assert [raw for raw, _, _ in found] == [b"Subject: one\n\nHello\n", b"Subject: two\r\n\r\nHello\r\n"]
    assert [at for _, _, at in found] == [820631134, 820631134]


def test_quoting_is_undone_by_one_level(tmp_path: Path) -> None:
    ((raw, _, _),) = read(
        tmp_path,
        b"From a Sat Jan  3 01:05:34 1996\nSubject: x\n\n>From here\n>>From there\n> From\n>Fro\nx >From y\n",
    )
    assert raw == b"Subject: x\n\nFrom here\n>From there\n> From\n>Fro\nx >From y\n"


def test_a_body_line_that_is_no_separator(tmp_path: Path) -> None:
    body = b"Subject: x\n\nFrom what I see\n\nFrom here it is 12:30 on\nFrom a Sat Jan  3 01:05:34 1996\n"
    ((raw, _, _),) = read(tmp_path, b"From a Sat Jan  3 01:05:34 1996\n" + body)
    assert raw == body


def test_empty_lines_belong_to_the_message_unless_they_end_it(tmp_path: Path) -> None:
    one = b"From a Sat Jan  3 01:05:34 1996\n"
    found = read(tmp_path, one + b"\n\n\n\n" + one + b"A: b\n\n\nx\n\n\n\n")
    assert [raw for raw, _, _ in found] == [b"\n\n\n", b"A: b\n\n\nx\n\n\n"]


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        (b"", ()),
        (b"Status: O\n", ()),
        (b"Status: RO\n", (SEEN,)),
        (b"status: RO\nX-Status: AF\n", (ANSWERED, FLAGGED, SEEN)),
        (b"X-Status: DT\n", (DELETED, DRAFT)),
        (b"X-Keywords: Work $Forwarded bad{ \xff              \n", ("$Forwarded", "Work")),
    ],
)
def test_flags_are_in_the_header(tmp_path: Path, fields: bytes, flags: tuple[str, ...]) -> None:
    content = b"From a Sat Jan  3 01:05:34 1996\n" + fields + b"Subject: x\n\nStatus: RO\n"
    ((raw, found, _),) = read(tmp_path, content)
    assert found == flags
    assert raw == fields + b"Subject: x\n\nStatus: RO\n"


@pytest.mark.parametrize(
    "date", [b"", b" nonsense", b" Sat Jan 99 99:99:99 1996", b" Sat Foo  3 01:05:34 1996"]
)
def test_a_from_line_without_a_date(tmp_path: Path, date: bytes) -> None:
    assert read(tmp_path, b"From kim" + date + b"\nA: b\n\nx\n") == [(b"A: b\n\nx\n", (), None)]


def test_housekeeping_of_other_servers_is_no_message(tmp_path: Path) -> None:
    one = b"From a Sat Jan  3 01:05:34 1996\n"
    found = read(
        tmp_path,
        one
        + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nText\n\n"
        + one
        + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n",
    )
    assert len(found) == 1


def test_a_long_line_is_not_held_whole(tmp_path: Path) -> None:
    line = b"From " * 100_000
    path = tmp_path / "mail"
    path.write_bytes(b"From a Sat Jan  3 01:05:34 1996\nA: b\n\n\n" + b"x" + line + b"\n>From x\n")
    for letter in mbox.letters(path):
        pieces = list(letter.pieces)
    assert max(len(piece) for piece in pieces) < 200_000
    assert b"".join(pieces) == b"A: b\n\n\nx" + line + b"\nFrom x\n"


def test_letters_may_be_skipped_unread(tmp_path: Path) -> None:
    path = tmp_path / "mail"
    path.write_bytes(b"From a Sat Jan  3 01:05:34 1996\nA: b\n\nx\n\n" * 3)
    assert [letter.source[-9:] for letter in mbox.letters(path)] == ["message 1", "message 2", "message 3"]


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []
