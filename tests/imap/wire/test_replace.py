import pytest

from pillarbox.imap.wire.append import Append, End, Message, Text, Url
from pillarbox.imap.wire.command import parse, split
from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.replace import Replace, head
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import STAR

ANNOUNCED = Text(Literal(312, sync=True, binary=False))
PLAIN = (Message((), None), ANNOUNCED)


def start_of(command):
    line = b"A003 REPLACE" + command
    return [line], split(line).start


def test_heads():
    flagged = (Message(("\\Seen", "\\Draft"), None), ANNOUNCED)
    assert head(*start_of(b" 4 Drafts (\\Seen \\Draft) {312}")) == Replace(4, Append("Drafts", flagged))
    assert head(*start_of(b" 4294967295 inbox {312}")) == Replace(4294967295, Append("INBOX", PLAIN))
    assert head(*start_of(b" * inbox {312}")) == Replace(STAR, Append("INBOX", PLAIN))
    line = b"A004 uid replace 2000 x {312}"
    assert split(line).name == "UID REPLACE"
    assert head([line], split(line).start, uid=True) == Replace(2000, Append("x", PLAIN), uid=True)


def test_the_mailbox_may_be_a_literal_itself():
    pieces, start = start_of(b" 4 {5}")
    assert head(pieces, start) is None
    assert head([*pieces, b"inbox", b" {312}"], start) == Replace(4, Append("INBOX", PLAIN))


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b" ",
        b" 4",
        b" 4 ",
        b" 4 x",
        b" {5}",
        b" 0 x {3}",
        b" 04 x {3}",
        b" -1 x {3}",
        b" 1,2 x {3}",
        b" 1:2 x {3}",
        b" $ x {3}",
        b" 4294967296 x {3}",
        b" 99999999999 x {3}",
        b" x {3}",
        b" 4  x {3}",
        b" 4 x (\\Seen) {3} ",
    ],
)
def test_refused(written):
    with pytest.raises(PeerSyntax):
        head(*start_of(written))


def test_parts(reads):
    begun = Message(("\\Seen",), None, catenated=True)
    assert head(*start_of(b" 4 x (\\Seen) CATENATE (URL /a TEXT {312}")) == (
        Replace(4, Append("x", (begun, Url(b"/a"), ANNOUNCED)))
    )
    whole = Append("x", (begun, Url(b"/a"), Url(b"/b"), End()))
    reads(b"REPLACE 4 x (\\Seen) CATENATE (URL /a URL /b)", Replace(4, whole))
    reads(b"UID REPLACE 4 x (\\Seen) CATENATE (URL /a URL /b)", Replace(4, whole, uid=True))


@pytest.mark.parametrize("written", [b"REPLACE 4 x y", b"UID REPLACE 4 x y"])
def test_without_a_message_it_is_an_error(written):
    with pytest.raises(PeerSyntax, match="literal"):
        parse([b"a " + written])
