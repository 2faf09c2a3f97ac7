"""Whatever a peer writes parses or raises `PeerSyntax`, in time that its length bounds."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.imap.wire import append
from pillarbox.imap.wire.command import PARSERS, Tagged, parse, split
from pillarbox.imap.wire.limits import LINE
from pillarbox.imap.wire.literal import literal_at_end
from pillarbox.model.errors import Code, PeerSyntax, Refused

WORDS = [
    *(name.encode() for name in PARSERS),
    *b"ALL NOT OR FROM KEYWORD UID BODY[ BODY.PEEK[1.2. HEADER.FIELDS ] <0.5> BINARY[".split(),
    *b'( ) () NIL INBOX "" "a\\"b" RETURN CHARSET UTF-8 1-Feb-1994 {3} ~{3+}'.split(),
    *b"1:* $ * % 0 1 4294967296 99999999999999999999999 UTF8 = AA== &Jjo- &".split(),
    *b"FLAGS +FLAGS.SILENT \\Seen \\Recent QRESYNC CHANGEDSINCE OBJECTID STATUS USE RECURSIVEMATCH".split(),
    b'" 7-Feb-1994 21:52:25 -0800"',
    b'"',
    b" ",
    b"  ",
    b"\0",
    b"\r",
    b"\xff",
    "ä".encode(),
]
LINES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=5), max_size=12).flatmap(
    lambda words: st.sampled_from([b"", b" "]).map(lambda glue: glue.join(words))
)


def survives(pieces: list[bytes], utf8: bool) -> None:
    try:
        assert isinstance(parse(pieces, utf8), Tagged)
    except PeerSyntax as error:
        assert str(error).isascii() and len(str(error)) < 300
    except Refused as error:
        assert error.code is Code.BADCHARSET


@settings(max_examples=600)
@given(st.sampled_from(sorted(PARSERS)), st.lists(LINES, min_size=1, max_size=5), st.booleans())
def test_garbage_behind_a_command_name(name, pieces, utf8):
    survives([b"a " + name.encode() + b" " + pieces[0], *pieces[1:]], utf8)


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_any_octets(pieces, utf8):
    survives(pieces, utf8)


@settings(max_examples=200)
@given(LINES, LINES, st.booleans())
def test_garbage_in_append(first, second, utf8):
    line = b"a APPEND " + first
    try:
        literal_at_end(line)
        found = append.head([line], split(line).start, utf8)
        if found:
            append.following(second, found.message, utf8)
    except PeerSyntax as error:
        assert str(error).isascii()


HOSTILE = [
    b"SEARCH " + b"(" * 10_000,
    b"SEARCH " + b"(" * 10_000 + b"ALL" + b")" * 10_000,
    b"SEARCH " + b"NOT " * 10_000,
    b"SEARCH " + b"OR " * 10_000,
    b"SEARCH " + b"ALL " * 100_000,
    b"SEARCH " + b"(ALL " * 13_000,
    b"SEARCH " + b"OR (ALL " * 8_000,
    b"SEARCH " + b"TEXT " * 10_000,
    b"SEARCH LARGER " + b"9" * LINE,
    b"SEARCH " + b"9" * LINE,
    b'SEARCH FROM "' + b'\\"' * (LINE // 2),
    b'SEARCH FROM "' + b"\\a" * (LINE // 2),
    b"FETCH 1 (" + b"BODY[" * 13_000,
    b"FETCH 1 BODY[" + b"1." * 30_000,
    b"FETCH 1 BODY[HEADER.FIELDS (" + b"a " * 30_000,
    b"FETCH 1 " + b"(" * LINE,
    b"FETCH 1 BODY[]<" + b"9" * LINE,
    b"STORE 1 FLAGS (" + b"\\" * LINE,
    b"STORE 1 FLAGS (" + b"a " * 30_000,
    b'LIST "" (' + b"* " * 30_000,
    b"LIST (" + b"SUBSCRIBED " * 6_000,
    b"SELECT " + b"&" * LINE,
    b"SELECT " + b"&-" * (LINE // 2),
    b"SELECT " + b"&Jjo-" * (LINE // 5),
    b"SELECT &" + b"Jjo" * (LINE // 3) + b"-",
    b"ID (" + b'"a" "b" ' * 8_000,
    b"ENABLE" + b" X" * 30_000,
    b"AUTHENTICATE PLAIN " + b"A" * LINE,
    b"A" * LINE,
    b"UID " * 10_000,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("utf8", [False, True])
def test_hostile_lines_cost_what_they_weigh(hostile, utf8):
    started = time.process_time()
    survives([b"a " + hostile], utf8)
    assert time.process_time() - started < 0.5


def test_a_set_of_a_million_pieces():
    """Longer than any line may be, and still cheap."""
    started = time.process_time()
    ranges = parse([b"a FETCH " + b",".join([b"1:2"] * 1_000_000) + b" FLAGS"]).command.numbers
    assert len(ranges) == 1_000_000
    assert time.process_time() - started < 5
