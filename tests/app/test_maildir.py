import os
from pathlib import Path

import pytest

from pillarbox.app.importing import detect, maildir
from pillarbox.app.importing.letter import Letter
from pillarbox.model.errors import Refused
from pillarbox.model.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN


def put(root: Path, name: str, content: bytes = b"A: b\r\n\r\nx\r\n", at: int = 1_000_000_000) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))


def summary(letters: list[Letter]) -> list[tuple[str, tuple[str, ...]]]:
    return [(letter.mailbox, letter.flags) for letter in letters]


def test_flags_are_in_the_name(tmp_path: Path) -> None:
    put(tmp_path, "new/1000000000.a.host")
    put(tmp_path, "cur/1000000001.b.host:2,")
    put(tmp_path, "cur/1000000002.c.host:2,DFPRST")
    put(tmp_path, "cur/1000000003.d.host,S=12:2,Sab,x")
    put(tmp_path, "cur/1000000004.e.host")
    put(tmp_path, "tmp/1000000005.f.host:2,S")
    (tmp_path / "dovecot-keywords").write_text("0 $Work\n1 Later\n26 Beyond\nnonsense\n")
    assert summary(list(detect.letters(tmp_path))) == [
        ("", ()),
        ("", ()),
        ("", (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT, "$Forwarded")),
        ("", (SEEN, "$Work", "Later")),
        ("", ()),
    ]


def test_the_date_is_the_files(tmp_path: Path) -> None:
    put(tmp_path, "cur/5.a.host:2,", b"raw\nas it is", at=1_234_567_890)
    (letter,) = detect.letters(tmp_path)
    assert (letter.internal_at, b"".join(letter.pieces)) == (1_234_567_890, b"raw\nas it is")


def test_messages_come_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    for name in ("cur/20.a", "new/3.b", "cur/100.c"):
        put(tmp_path, name)
    assert [Path(each.source).name for each in detect.letters(tmp_path)] == ["3.b", "20.a", "100.c"]


def test_folders_in_both_spellings(tmp_path: Path) -> None:
    for folder in (".", ".Sent", ".Archive.2024", ".Entw&APw-rfe", "nested/deep", ".A&AC8-B", ".&broken"):
        put(tmp_path / folder, "cur/1.a:2,")
    assert {letter.mailbox for letter in detect.letters(tmp_path)} == {
        "",
        "Sent",
        "Archive/2024",
        "Entwürfe",
        "nested/deep",
        "A&AC8-B",
        "&broken",
    }


def test_a_maildir_without_an_inbox_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, ".Sent/cur/1.a:2,S")
    assert summary(list(detect.letters(tmp_path))) == [("Sent", (SEEN,))]


def test_a_folder_of_files(tmp_path: Path) -> None:
    put(tmp_path, "b.eml", b"one", at=7)
    put(tmp_path, "a/c.EML", b"two")
    put(tmp_path, "Lists.mbox", b"From a Sat Jan  3 01:05:34 1996\nStatus: RO\n\nthree\n")
    put(tmp_path, "notes.txt", b"no mail")
    found = list(detect.letters(tmp_path))
    assert [letter.mailbox for letter in found] == ["Lists", "a", ""]
    assert (found[2].internal_at, found[2].modified_at) == (None, 7)


def test_one_file(tmp_path: Path) -> None:
    put(tmp_path, "one.eml", b"Subject: x\n\nFrom me\n")
    (letter,) = detect.letters(tmp_path / "one.eml")
    assert (letter.mailbox, b"".join(letter.pieces)) == ("", b"Subject: x\n\nFrom me\n")
    put(tmp_path, "two", b"From a Sat Jan  3 01:05:34 1996\nA: b\n\nx\n")
    assert [letter.flags for letter in detect.letters(tmp_path / "two")] == [()]


def test_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds no mail"):
        list(detect.letters(tmp_path))
    with pytest.raises(Refused, match="does not exist"):
        list(detect.letters(tmp_path / "missing"))


def test_how_much_there_is(tmp_path: Path) -> None:
    put(tmp_path, "cur/1.a:2,", b"12345")
    put(tmp_path, "new/2.a", b"123")
    assert detect.octets(tmp_path) == 8
    assert detect.octets(tmp_path / "new" / "2.a") == 3


def test_levels_of_a_path() -> None:
    assert maildir.mailbox_path(Path(".a.b/c/.d")) == "a/b/c/d"
    assert maildir.mailbox_path(Path()) == ""
