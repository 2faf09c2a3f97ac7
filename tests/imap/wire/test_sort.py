import pytest

from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.sort import PIECE, Sort, encode_sorted
from pillarbox.model import search
from pillarbox.model.sorting import Criterion, SortKey

ALL = Search(search.All(), charset="UTF-8")
COMMANDS = [
    (b"SORT (SUBJECT) UTF-8 ALL", Sort((Criterion(SortKey.SUBJECT),), ALL)),
    (
        b'uid sort (subject reverse date) "utf-8" all',
        Sort(
            (Criterion(SortKey.SUBJECT), Criterion(SortKey.DATE, True)),
            Search(search.All(), True, None, "UTF-8"),
        ),
    ),
    (
        b"SORT (REVERSE DISPLAYFROM DISPLAYTO UID MODSEQ) US-ASCII TEXT {3}\r\nnot UNSEEN",
        Sort(
            (
                Criterion(SortKey.DISPLAYFROM, True),
                *(Criterion(SortKey.DISPLAYTO), Criterion(SortKey.UID), Criterion(SortKey.MODSEQ)),
            ),
            Search(
                search.And((search.Text("not"), search.Not(search.Flag("\\Seen")))), False, None, "US-ASCII"
            ),
        ),
    ),
]
REFUSED = [
    *(b"SORT", b"SORT ", b"SORT () UTF-8 ALL", b"SORT SUBJECT UTF-8 ALL", b"SORT (SUBJECT) UTF-8"),
    *(b"SORT (SUBJECT)", b"SORT (REVERSE) UTF-8 ALL", b"SORT (REVERSE REVERSE DATE) UTF-8 ALL"),
    *(b"SORT (COLOUR) UTF-8 ALL", b"SORT (SUBJECT  DATE) UTF-8 ALL"),
    b"SORT (" + b" ".join([b"DATE"] * 51) + b") UTF-8 ALL",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(
    ("numbers", "modseq", "line"),
    [
        ([], None, b"* SORT\r\n"),
        ([5, 3, 4], None, b"* SORT 5 3 4\r\n"),
        ([5, 3], 917162500, b"* SORT 5 3 (MODSEQ 917162500)\r\n"),
    ],
)
def test_the_answer(numbers, modseq, line):
    assert b"".join(encode_sorted(numbers, modseq)) == line


def test_a_long_answer_comes_in_pieces():
    pieces = list(encode_sorted(range(1, 3 * PIECE)))
    assert len(pieces) == 5
    assert b"".join(pieces) == b"* SORT " + b" ".join(b"%d" % one for one in range(1, 3 * PIECE)) + b"\r\n"
