import pytest

from pillarbox.imap.wire.append import Append, End, Message, Text, Url, UrlLiteral, following, head
from pillarbox.imap.wire.command import parse, split
from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.reader import DateTime
from pillarbox.model.errors import PeerSyntax

PLAIN = Literal(310, sync=True, binary=False)
DATE = DateTime(760686745, -480)  # 7 Feb 1994 21:52:25 -0800


def plain(mailbox, flags=(), date=None, literal=PLAIN, utf8=False):
    return Append(mailbox, (Message(flags, date), Text(literal, utf8)))


def catenated(*steps, flags=(), date=None):
    return Append("x", (Message(flags, date, catenated=True), *steps))


HEADS = [
    (b"saved {310}", plain("saved")),
    (b"saved-messages (\\Seen) {310}", plain("saved-messages", ("\\Seen",))),
    (b'inbox " 7-Feb-1994 21:52:25 -0800" {310}', plain("INBOX", (), DATE)),
    (
        b'x (\\seen $Forwarded \\DELETED) "07-feb-1994 21:52:25 -0800" {310}',
        plain("x", ("\\Deleted", "\\Seen", "$Forwarded"), DATE),
    ),
    (b"x () {310}", plain("x")),
    (b"x (\\Recent \\Strange) {310}", plain("x")),
    (b"x {310+}", plain("x", literal=Literal(310, False, False))),
    (b"x ~{310}", plain("x", literal=Literal(310, True, True))),
    (b"x ~{0+}", plain("x", literal=Literal(0, False, True))),
    (b"x UTF8 (~{5}", plain("x", literal=Literal(5, True, True), utf8=True)),
    (b"x (\\Draft) utf8 (~{5+}", plain("x", ("\\Draft",), None, Literal(5, False, True), utf8=True)),
    (b"x {9223372036854775807}", plain("x", literal=Literal(2**63 - 1, True, False))),
    (b"x CATENATE (TEXT {310}", catenated(Text(PLAIN))),
    (b"x catenate (text ~{310}", catenated(Text(Literal(310, True, True)))),
    (b"x CATENATE (UTF8 (~{5+}", catenated(Text(Literal(5, False, True), utf8=True))),
    (b"x CATENATE (URL {310}", catenated(UrlLiteral(PLAIN))),
    (
        b'x (\\Seen) " 7-Feb-1994 21:52:25 -0800" CATENATE (URL "/a b;UID=2" url /c TEXT {310}',
        catenated(Url(b"/a b;UID=2"), Url(b"/c"), Text(PLAIN), flags=("\\Seen",), date=DATE),
    ),
    (b"x CATENATE (URL /a) {310}", catenated(Url(b"/a"), End(), Message((), None), Text(PLAIN))),
    (
        b"x CATENATE (URL /a) (\\Seen) CATENATE (URL /b URL {310}",
        catenated(
            Url(b"/a"), End(), Message(("\\Seen",), None, catenated=True), Url(b"/b"), UrlLiteral(PLAIN)
        ),
    ),
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
    b" x CATENATE {3}",
    b" x CATENATE ({3}",
    b" x CATENATE  (TEXT {3}",
    b" x CATENATE (TEXT {3} ",
    b" x CATENATE ( TEXT {3}",
    b" x CATENATE (TEXT{3}",
    b" x CATENATE (TEXT abc {3}",
    b" x CATENATE (TEXT abc)",
    b" x CATENATE (UTF8 {3}",
    b" x CATENATE (UTF8 ({3}",
    b" x CATENATE (URL ~{3}",
    b" x CATENATE (URL {3} ",
    b" x CATENATE (URL /a",
    b" x CATENATE (URL /a,",
    b" x CATENATE (URL /a)  ",
    b" x CATENATE (URL /a)TEXT {3}",
    b" x CATENATE (URL /a TEXT {3}) {3}",
    b" x CATENATE (URL (a))",
    b" x CATENATE ()",
    b" x CATENATE",
    b" x CATENATE (",
    b" x CATENATE (BODY {3}",
    b" x CATENATE (NIL)",
    b" x CATENATE (\\Seen) (URL /a)",
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
    assert head([line, b"inbox", b" {310}"], start) == plain("INBOX")
    assert head([line, b"inbox", b" (\\Seen) {310}"], start) == plain("INBOX", ("\\Seen",))
    assert head([line, b"inbox", b" CATENATE (URL /a TEXT {310}"], start).steps[1:] == (
        Url(b"/a"),
        Text(PLAIN),
    )
    for rest in (b"{310}", b" ", b" x", b""):
        with pytest.raises(PeerSyntax):
            head([line, b"inbox", rest], start)


FIRST = Text(PLAIN)
WRAPPED = Text(Literal(5, True, True), utf8=True)


def test_several_messages_in_one_command():
    assert following(b"", FIRST, catenated=False) == (End(),)
    assert following(b' (\\Seen) " 7-Feb-1994 21:52:25 -0800" {310}', FIRST, catenated=False) == (
        *(End(), Message(("\\Seen",), DATE), Text(PLAIN)),
    )
    assert following(b"  {310+}", FIRST, catenated=False)[2] == Text(Literal(310, False, False))
    assert following(b" CATENATE (URL /a)", FIRST, catenated=False) == (
        *(End(), Message((), None, catenated=True), Url(b"/a"), End()),
    )
    for line in (b" ", b"x", b"{310}", b" x", b")", b" (\\Seen)", b" saved {310}", b"\0", b"\r"):
        with pytest.raises(PeerSyntax):
            following(line, FIRST, catenated=False)


def test_a_utf8_message_is_closed_by_a_parenthesis():
    assert following(b")", WRAPPED, catenated=False) == (End(),)
    assert following(b") {310}", WRAPPED, catenated=False) == (End(), Message((), None), Text(PLAIN))
    assert following(b") UTF8 (~{5}", WRAPPED, catenated=False) == (End(), Message((), None), WRAPPED)
    for line in (b"", b" {310}", b"))", b"){310}"):
        with pytest.raises(PeerSyntax):
            following(line, WRAPPED, catenated=False)


@pytest.mark.parametrize("after", [FIRST, UrlLiteral(PLAIN)])
def test_what_follows_a_part(after):
    assert following(b")", after, catenated=True) == (End(),)
    assert following(b" TEXT {310}", after, catenated=True) == (FIRST,)
    assert following(b" UTF8 (~{5}", after, catenated=True) == (WRAPPED,)
    assert following(b" URL {310}", after, catenated=True) == (UrlLiteral(PLAIN),)
    assert following(b' URL "/a" URL /b)', after, catenated=True) == (Url(b"/a"), Url(b"/b"), End())
    assert following(b") {310}", after, catenated=True) == (End(), Message((), None), FIRST)
    assert following(b") () CATENATE (TEXT {310}", after, catenated=True) == (
        *(End(), Message((), None, catenated=True), FIRST),
    )
    for line in (
        b"",
        b" ",
        b"))",
        b" )",
        b"TEXT {310}",
        b" {310}",
        b" URL /a",
        b") ",
        b" TEXT x)",
        b" URL /a TEXT)",
    ):
        with pytest.raises(PeerSyntax):
            following(line, after, catenated=True)


def test_a_wrapped_part_is_closed_twice():
    assert following(b"))", WRAPPED, catenated=True) == (End(),)
    assert following(b") TEXT {310}", WRAPPED, catenated=True) == (FIRST,)
    for line in (b")", b" TEXT {310}", b"", b")))"):
        with pytest.raises(PeerSyntax):
            following(line, WRAPPED, catenated=True)


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        (b'APPEND x CATENATE (URL "/a")', (Message((), None, catenated=True), Url(b"/a"), End())),
        (
            b"APPEND x (\\Seen) CATENATE (URL /a URL {2+}\r\n/b)",
            None,
        ),
        (
            b"APPEND {1}\r\nx CATENATE (URL /a URL /b) CATENATE (URL /c)",
            (
                *(Message((), None, catenated=True), Url(b"/a"), Url(b"/b"), End()),
                *(Message((), None, catenated=True), Url(b"/c"), End()),
            ),
        ),
    ],
)
def test_an_append_of_urls_alone(pieces, reads, refuses, written, steps):
    if steps is None:
        assert "A URL" in refuses(written)  # as a literal it streams by, and never comes here
    else:
        reads(written, Append("x", steps))


@pytest.mark.parametrize("written", [b"x y", b"x CATENATE (TEXT abc)", b"x CATENATE (URL /a) (\\Seen)", b"x"])
def test_an_append_that_announces_no_message_is_an_error(refuses, written):
    refuses(b"APPEND " + written)


@pytest.mark.parametrize("rest", [b"", b" ", b" {2}"])
def test_nor_does_a_literal_that_is_a_name_make_one(rest):
    with pytest.raises(PeerSyntax):
        parse([b"a APPEND {1}", b"x", rest])
