import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.wire.internal_date import internal_date
from pillarbox.imap.wire.reader import DateTime, Reader
from pillarbox.imap.wire.strings import REV1, REV2, astring, literal, nstring, quoted, string
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import text
from pillarbox.model.search import Saved

NUMBERS = st.integers(1, 2**32 - 1)


def reader_of(spelled: bytes, utf8: bool = False) -> Reader:
    """A reader on what a response spelled: its literals become pieces, as a client's would."""
    if spelled.startswith(b"{"):
        head, _, octets = spelled.partition(b"\r\n")
        return Reader([head, octets, b""], utf8)
    return Reader([spelled], utf8)


@given(st.lists(st.tuples(NUMBERS, NUMBERS).map(sorted).map(tuple), min_size=1, max_size=20))
def test_sets_go_both_ways(pairs):
    reader = Reader([text(pairs).encode()])
    assert reader.numbers() == tuple(pairs)
    reader.end()


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        (b"1", ((1, 1),)),
        (b"*", ((0, 0),)),
        (b"*:*", ((0, 0),)),
        (b"4:2", ((4, 2),)),
        (b"$", Saved()),
        (b"4294967295", ((4294967295, 4294967295),)),
    ],
)
def test_sets(written, numbers):
    reader = Reader([written])
    assert reader.numbers() == numbers
    reader.end()


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"0",
        b"01",
        b"1:",
        b":1",
        b",1",
        b"1,,2",
        b"1:2:3",
        b"-1",
        b"1, 2",
        b"$,1",
        b"4294967296",
        b"1:99999999999",
        b"1:4294967296",
        b"**",
        b"x",
    ],
)
def test_what_is_no_set(written):
    reader = Reader([written])
    with pytest.raises(PeerSyntax):
        reader.numbers()
        reader.end()


@pytest.mark.parametrize(
    ("method", "most"),
    [("nz_number", 2**32 - 1), ("number64", 2**63 - 1), ("nz_number64", 2**63 - 1)],
)
def test_numbers_have_bounds(method, most):
    def read(written: bytes) -> int:
        reader = Reader([written])
        number = getattr(reader, method)()
        reader.end()
        return number

    assert read(b"1") == 1
    assert read(str(most).encode()) == most
    for wrong in (str(most + 1).encode(), b"9" * 50_000, b"", b"-1", b"+1", b"1.0", b"\xd9\xa1"):
        with pytest.raises(PeerSyntax):
            read(wrong)
    if method.startswith("nz"):
        for wrong in (b"0", b"01", b"00"):
            with pytest.raises(PeerSyntax):
                read(wrong)
    else:
        assert read(b"0") == 0
        assert read(b"0" * 50_000 + b"7") == 7


@given(st.binary(max_size=60), st.sampled_from([REV1, REV2]))
def test_strings_go_both_ways(raw, kind):
    raw = raw.replace(b"\0", b"")
    for spell, read in ((string, Reader.string), (astring, Reader.astring), (nstring, Reader.nstring)):
        reader = reader_of(spell(raw, kind), kind.utf8)
        assert read(reader) == raw
        reader.end()
    assert Reader([nstring(None, kind)]).nstring() is None


def test_which_spelling_is_chosen():
    assert astring(b"INBOX", REV1) == b"INBOX"
    assert astring(b"a]b", REV1) == b"a]b"
    for raw in (b"a b", b"a(b", b"a%b", b"a*b", b"{3}"):
        assert astring(raw, REV1) == b'"%b"' % raw
    assert astring(b"", REV1) == b'""'
    assert astring(b"nil", REV1) == b'"nil"'
    assert quoted(b'a"b\\c') == b'"a\\"b\\\\c"'
    assert string(b"a\r\nb", REV1) == b"{4}\r\na\r\nb"
    assert string("ä".encode(), REV1) == "{2}\r\nä".encode()
    assert string("ä".encode(), REV2) == '"ä"'.encode()
    assert string(b"\xff", REV2) == b"{1}\r\n\xff"
    assert string("ä\n".encode(), REV2) == "{3}\r\nä\n".encode()
    assert string(b"x" * 1024, REV1) == b'"%b"' % (b"x" * 1024)
    assert string(b"x" * 1025, REV1).startswith(b"{1025}\r\n")
    assert literal(b"a\0b") == b"{3}\r\na\x80b"


@given(
    st.integers(-62135596800 + 86400 * 2, 253402300799 - 86400 * 2), st.integers(-23 * 60 - 59, 23 * 60 + 59)
)
def test_dates_go_both_ways(at, zone):
    reader = Reader([internal_date(at, zone)])
    assert reader.date_time() == DateTime(at, zone)
    reader.end()


@pytest.mark.parametrize(
    ("at", "zone", "spelled"),
    [
        (0, 0, b'" 1-Jan-1970 00:00:00 +0000"'),
        (-1, 0, b'"31-Dec-1969 23:59:59 +0000"'),
        (760686745, -480, b'" 7-Feb-1994 21:52:25 -0800"'),
        (837596665, -420, b'"17-Jul-1996 02:44:25 -0700"'),
        (0, 345, b'" 1-Jan-1970 05:45:00 +0545"'),
        (0, -210, b'"31-Dec-1969 20:30:00 -0330"'),
        (10**15, 0, b'"31-Dec-9999 01:46:40 +0000"'),
        (-(10**15), 0, b'" 1-Jan-0001 22:13:20 +0000"'),
    ],
)
def test_dates(at, zone, spelled):
    assert internal_date(at, zone) == spelled


def test_a_leap_second_is_a_second():
    assert Reader([b'"31-Dec-2016 23:59:60 +0000"']).date_time() == DateTime(1483228800, 0)


def test_a_million_days_keep_no_memory():
    from pillarbox.imap.wire import internal_date as module

    for day in range(50_000):
        internal_date(day * 86400, day % 1440)
    assert len(module._days) <= 20_000 and len(module._zones) <= 2880


def test_errors_count_octets_through_literals():
    reader = Reader([b"a {5}", b"12345", b" x"], start=2)
    assert reader.astring() == b"12345"
    reader.space()
    with pytest.raises(PeerSyntax, match="octet 12 of"):
        reader.nz_number()


def test_a_reader_without_pieces():
    with pytest.raises(PeerSyntax):
        Reader([]).atom()
    with pytest.raises(PeerSyntax):
        Reader([b"{3}"]).astring()
    with pytest.raises(PeerSyntax):
        Reader([b"{3}", b"abc"]).astring()
