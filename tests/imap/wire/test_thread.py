import pytest

from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.thread import PIECE, Algorithm, Thread, encode_threads
from pillarbox.model import search

COMMANDS = [
    (
        b"THREAD REFERENCES UTF-8 ALL",
        Thread(Algorithm.REFERENCES, Search(search.All(), False, None, "UTF-8")),
    ),
    (
        b'uid thread orderedsubject "us-ascii" text {4}\r\ngewp',
        Thread(Algorithm.ORDEREDSUBJECT, Search(search.Text("gewp"), True, None, "US-ASCII")),
    ),
    (
        b"THREAD REFS UTF-8 $ SEEN",
        Thread(
            Algorithm.REFS,
            Search(search.And((search.Saved(), search.Flag("\\Seen"))), False, None, "UTF-8"),
        ),
    ),
]
REFUSED = [
    *(b"THREAD", b"THREAD REFERENCES", b"THREAD REFERENCES UTF-8", b"THREAD (REFERENCES) UTF-8 ALL"),
    *(b"THREAD SUBJECT UTF-8 ALL", b"THREAD REFERENCES  UTF-8 ALL", b'THREAD "REFS" UTF-8 ALL'),
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(
    ("nodes", "children", "line"),
    [
        ([], [], b"* THREAD\r\n"),
        # RFC 5256 4
        (
            [2, 3, 6, 4, 23, 44, 7, 96],
            [0, 1, 2, 1, 0, 1, 1, 0],
            b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n",
        ),
        ([-1, 3, 5], [2, 0, 0], b"* THREAD ((3)(5))\r\n"),
        ([1, 2, 3], [1, 1, 0], b"* THREAD (1 2 3)\r\n"),
        ([1, 2, 3, 4, 5, 6], [2, 2, 0, 0, 0, 0], b"* THREAD (1 (2 (3)(4))(5))(6)\r\n"),
        ([-1, 1, 2, 3, 4], [2, 2, 0, 0, 0], b"* THREAD ((1 (2)(3))(4))\r\n"),
    ],
)
def test_the_answer(nodes, children, line):
    assert b"".join(encode_threads(nodes, children, range(100))) == line


def test_a_long_answer_comes_in_pieces():
    size = 3 * PIECE
    row = list(encode_threads(range(size), [1] * (size - 1) + [0], range(size)))
    assert len(row) > 3
    assert b"".join(row) == b"* THREAD (" + b" ".join(b"%d" % one for one in range(size)) + b")\r\n"
    apart = list(encode_threads(range(size), [0] * size, range(size)))
    assert len(apart) > 3
    assert b"".join(apart) == b"* THREAD " + b"".join(b"(%d)" % one for one in range(size)) + b"\r\n"
