import pytest

from pillarbox.imap.wire.append import Append, Message, following, head
from pillarbox.imap.wire.command import parse, split
from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.reader import DateTime
from pillarbox.model.errors import PeerSyntax

PLAIN = Literal(310, sync=True, binary=False)
DATE = DateTime(760686745, -480)  # 7 Feb 1994 21:52:25 -0800

HEADS = [
    (b"saved {310}", Append("saved", Message((), None, PLAIN))),
    (b"saved-messages (\\Seen) {310}", Append("saved-messages", Message(("\\Seen",), None, PLAIN))),
    (b'inbox " 7-Feb-1994 21:52:25 -0800" {310}', Append("INBOX", Message((), DATE, PLAIN))),
    (
        b'x (\\seen $Forwarded \\DELETED) "07-feb-1994 21:52:25 -0800" {310}',
        Append("x", Message(("\\Deleted", "\\Seen", "$Forwarded"), DATE, PLAIN)),
    ),
    (b"x () {310}", Append("x", Message((), None, PLAIN))),
    (b"x (\\Recent \\Strange) {310}", Append("x", Message((), None, PLAIN))),
    (b"x {310+}", Append("x", Message((), None, Literal(310, False, False)))),
    (b"x ~{310}", Append("x", Message((), None, Literal(310, True, True)))),
    (b"x ~{0+}", Append("x", Message((), None, Literal(0, False, True)))),
    (b"x UTF8 (~{5}", Append("x", Message((), None, Literal(5, True, True), utf8=True))),
    (
        b"x (\\Draft) utf8 (~{5+}",
        Append("x", Message(("\\Draft",), None, Literal(5, False, True), utf8=True)),
    ),
    (b"x {9223372036854775807}", Append("x", Message((), None, Literal(2**63 - 1, True, False)))),
]

REFUSED = [
    b"",
    b" ",
    b" x",
    b' x "y"',
    b" x (\\Seen)",
    b" x (\\Seen) (\\Seen) {3}",
    b" x (\\Seen){3}",
    b" x  {3}",
    b" x{3}",
    b" x {3} ",
    b" x {-3}",
    b" x {3++}",
    b" x ~ {3}",
    b" x {9223372036854775808}",
    b' x "7-Feb-1994 21:52:25 -0800" {3}',
    b' x "30-Feb-1994 21:52:25 -0800" {3}',
    b' x " 7-Foo-1994 21:52:25 -0800" {3}',
    b' x " 7-Feb-1994 24:00:00 -0800" {3}',
    b' x " 7-Feb-1994 21:60:25 -0800" {3}',
    b' x " 7-Feb-1994 21:52:25 -0860" {3}',
    b' x " 7-Feb-0000 21:52:25 -0800" {3}',
    b' x " 7-Feb-1994 21:52:25 PST" {3}',
    b' x " 7-Feb-1994 21:52:25 -0800" (\\Seen) {3}',
    b" x UTF8 {3}",
    b" x UTF8 ({3}",
    b" x UTF8 ~{3}",
    b" x UTF16 (~{3}",
    b" x CATENATE (TEXT {3}",
    b" \xff {3}",
]


def start_of(command):
    line = b"A003 APPEND" + command
    return [line], split(line).start


@pytest.mark.parametrize(("written", "append"), HEADS)
def test_heads(written, append):
    pieces, start = start_of(b" " + written)
    assert head(pieces, start) == append


@pytest.mark.parametrize("written", REFUSED)
def test_refused(written):
    pieces, start = start_of(written)
    with pytest.raises(PeerSyntax):
        head(pieces, start)


def test_the_mailbox_may_be_a_literal_itself():
    line = b"a append {5}"
    start = split(line).start
    assert head([line], start) is None
    assert head([line, b"inbox", b" {310}"], start) == Append("INBOX", Message((), None, PLAIN))
    assert head([line, b"inbox", b" (\\Seen) {310}"], start).message.flags == ("\\Seen",)
    for rest in (b"{310}", b" ", b" x", b""):
        with pytest.raises(PeerSyntax):
            head([line, b"inbox", rest], start)


def test_several_messages_in_one_command():
    first = Message((), None, PLAIN)
    assert following(b"", first) is None
    assert following(b' (\\Seen) " 7-Feb-1994 21:52:25 -0800" {310}', first) == Message(
        ("\\Seen",), DATE, PLAIN
    )
    assert following(b" {310+}", first).literal == Literal(310, False, False)
    for line in (b" ", b"x", b"{310}", b" x", b")", b" (\\Seen)", b" saved {310}", b"\0", b"\r"):
        with pytest.raises(PeerSyntax):
            following(line, first)


def test_a_utf8_message_is_closed_by_a_parenthesis():
    first = Message((), None, Literal(5, True, True), utf8=True)
    assert following(b")", first) is None
    assert following(b") {310}", first) == Message((), None, PLAIN)
    assert following(b") UTF8 (~{5}", first) == first
    for line in (b"", b" {310}", b"))", b"){310}"):
        with pytest.raises(PeerSyntax):
            following(line, first)


@pytest.mark.parametrize(
    "pieces", [[b"a APPEND x y"], [b"a APPEND {1}", b"x", b""], [b"a APPEND x {1}", b"y", b""]]
)
def test_an_append_that_announces_no_message_is_an_error(pieces):
    with pytest.raises(PeerSyntax, match="literal"):
        parse(pieces)
