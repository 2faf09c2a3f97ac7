import pytest

from pillarbox.imap.table import TABLE
from pillarbox.imap.wire.capability import Noop
from pillarbox.imap.wire.command import PARSERS, Split, Tagged, parse, split
from pillarbox.model.errors import PeerSyntax


def test_every_row_of_the_table_has_a_parser_and_no_parser_lacks_a_row():
    assert set(PARSERS) == set(TABLE)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"a NOOP", Split(b"a", "NOOP", 6)),
        (b"A-1.x]=/ noop", Split(b"A-1.x]=/", "NOOP", 13)),
        (b"a uid Fetch 1 UID", Split(b"a", "UID FETCH", 11)),
        (b"a UID", Split(b"a", "UID", 5)),
        (b"a UIDX", Split(b"a", "UIDX", 6)),
        (b"a LOGIN x y", Split(b"a", "LOGIN", 7)),
        (b"a", Split(b"a", "", 1)),
        (b"a ", Split(b"a", "", 1)),
        (b"a  NOOP", Split(b"a", "", 1)),
        (b"a {5}", Split(b"a", "", 1)),
        (b"a\tNOOP", Split(b"a", "", 1)),
    ],
)
def test_heads(line, found):
    assert split(line) == found


@pytest.mark.parametrize(
    "line",
    [b"", b" NOOP", b"+ NOOP", b"a+b NOOP"[1:], b"* OK", b"(x)", b'"a" NOOP', b"\xff NOOP", b"{3}", b"\0"],
)
def test_without_a_tag_there_is_nothing_to_answer_to(line):
    with pytest.raises(PeerSyntax):
        split(line)
    with pytest.raises(PeerSyntax):
        parse([line])


@pytest.mark.parametrize(
    "line",
    [
        b"a",
        b"a ",
        b"a UID",
        b"a UID NOOP",
        b"a XYZZY",
        b"a NOOP NOOP",
        b"a  NOOP",
        b"a NOOP ",
        b"a " + b"X" * 5_000,
        b"GET / HTTP/1.1",
    ],
)
def test_what_is_no_command(line):
    with pytest.raises(PeerSyntax) as caught:
        parse([line])
    assert len(str(caught.value)) < 200


def test_a_head_that_is_known_is_not_read_again():
    assert parse([b"a NOOP"], head=split(b"a NOOP")) == Tagged(b"a", "NOOP", Noop())


def test_a_command_ends_with_its_last_piece():
    with pytest.raises(PeerSyntax):
        parse([b"a NOOP {3}", b"abc", b""])
    with pytest.raises(PeerSyntax):
        parse([])
