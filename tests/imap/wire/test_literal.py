import pytest

from pillarbox.imap.wire.literal import Literal, literal_at_end
from pillarbox.model.errors import PeerSyntax


@pytest.mark.parametrize(
    ("line", "literal"),
    [
        (b"a LOGIN {5}", Literal(5, sync=True, binary=False)),
        (b"a LOGIN {5+}", Literal(5, sync=False, binary=False)),
        (b"a APPEND x ~{5}", Literal(5, sync=True, binary=True)),
        (b"a APPEND x ~{5+}", Literal(5, sync=False, binary=True)),
        (b"{0}", Literal(0, True, False)),
        (b"{00000000000000000000000000000000000005}", Literal(5, True, False)),
        (b"{9223372036854775807}", Literal(2**63 - 1, True, False)),
        # Not where the grammar has one, and the octets will come all the same.
        (b'a LOGIN "x{5}', Literal(5, True, False)),
        (b"x{5}", Literal(5, True, False)),
        (b"", None),
        (b"}", None),
        (b"{}", None),
        (b"{+}", None),
        (b"{5", None),
        (b"{5} ", None),
        (b"{5}x", None),
        (b"{-5}", None),
        (b"{5-}", None),
        (b"{ 5}", None),
        (b"{5++}", None),
        (b"{\xd9\xa1}", None),
        (b"{5}\n", None),
    ],
)
def test_announcements(line, literal):
    assert literal_at_end(line) == literal


@pytest.mark.parametrize("size", [b"9223372036854775808", b"9" * 40])
def test_sizes_that_are_no_63_bit_number(size):
    with pytest.raises(PeerSyntax, match="63-bit"):
        literal_at_end(b"a {%b}" % size)


def test_more_digits_than_any_number_has_announce_nothing():
    assert literal_at_end(b"a {" + b"9" * 60_000 + b"}") is None
