import pytest

from pillarbox.imap.wire.comparator import Compare, Comparing
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.strings import REV1, REV2
from pillarbox.message.collation import ASCII_CASEMAP, COMPARATORS, DEFAULT, OCTET

COMMANDS = [
    (b"COMPARATOR", Compare()),
    (b'comparator "i;octet"', Compare(((OCTET,),))),
    (b'COMPARATOR "cz;*" i;basic', Compare(((), ()))),
    (b"COMPARATOR i;basic default", Compare(((), (DEFAULT,)))),
    (b"COMPARATOR {9}\r\ni;*ca*map", Compare(((DEFAULT, ASCII_CASEMAP),))),
    (b'COMPARATOR "*"', Compare((COMPARATORS,))),
]
REFUSED = [
    *(b"COMPARATOR ", b'COMPARATOR ""', b'COMPARATOR "**"', b"COMPARATOR i;octet,", b'COMPARATOR "i; octet"'),
    *(b"COMPARATOR *", b"COMPARATOR (i;octet)", b"COMPARATOR 1", b"COMPARATOR {1}\r\n\xff"),
    b"COMPARATOR" + b" i;octet" * 21,
]
RESPONSES = [
    (Comparing("i;unicode-casemap"), b"* COMPARATOR i;unicode-casemap\r\n"),
    (Comparing("-i;octet"), b"* COMPARATOR -i;octet\r\n"),
    (
        Comparing("i;octet", ("i;octet", "i;ascii-casemap")),
        b"* COMPARATOR i;octet (i;octet i;ascii-casemap)\r\n",
    ),
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(("response", "spelled"), RESPONSES)
def test_responses(response, spelled):
    assert encode(response, REV1) == encode(response, REV2) == spelled
