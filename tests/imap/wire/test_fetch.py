import pytest

from pillarbox.imap.wire.command import parse
from pillarbox.imap.wire.fetch import Fetch, FetchItems, Item, Partial
from pillarbox.imap.wire.partial import Range
from pillarbox.message.section import Section
from pillarbox.model.search import Saved

FLAGS, UID = Item("FLAGS", b"FLAGS"), Item("UID", b"UID")
DATE, SIZE = Item("INTERNALDATE", b"INTERNALDATE"), Item("RFC822.SIZE", b"RFC822.SIZE")
ENVELOPE, BODY = Item("ENVELOPE", b"ENVELOPE"), Item("BODY", b"BODY")


def section(label, *arguments, seen=True, partial=None):
    return Item("SECTION", label, Section(*arguments), partial, seen)


def binary(label, path=(), seen=True, partial=None):
    return Item("BINARY", label, Section(path), partial, seen)


ITEMS = [
    (b"FAST", (FLAGS, DATE, SIZE)),
    (b"all", (FLAGS, DATE, SIZE, ENVELOPE)),
    (b"Full", (FLAGS, DATE, SIZE, ENVELOPE, BODY)),
    (b"FLAGS", (FLAGS,)),
    (b"(FLAGS)", (FLAGS,)),
    (b"(UID FLAGS uid)", (UID, FLAGS)),
    (b"BODY", (BODY,)),
    (b"(BODY BODYSTRUCTURE)", (BODY, Item("BODYSTRUCTURE", b"BODYSTRUCTURE"))),
    (b"rfc822.size", (SIZE,)),
    (b"RFC822", (section(b"RFC822"),)),
    (b"RFC822.HEADER", (section(b"RFC822.HEADER", (), "HEADER", seen=False),)),
    (b"RFC822.TEXT", (section(b"RFC822.TEXT", (), "TEXT"),)),
    (b"BODY[]", (section(b"BODY[]"),)),
    (b"body.peek[]", (section(b"BODY[]", seen=False),)),
    (b"(BODY.PEEK[] BODY[])", (section(b"BODY[]"),)),
    (b"(BODY[] BODY.PEEK[])", (section(b"BODY[]"),)),
    (b"BODY[header]", (section(b"BODY[HEADER]", (), "HEADER"),)),
    (b"BODY[TEXT]<0.2048>", (section(b"BODY[TEXT]<0>", (), "TEXT", partial=Partial(0, 2048)),)),
    (
        b"(BODY[]<0.5> BODY[]<0.6>)",
        (section(b"BODY[]<0>", partial=Partial(0, 5)), section(b"BODY[]<0>", partial=Partial(0, 6))),
    ),
    (
        b"BODY[]<9223372036854775807.9223372036854775807>",
        (section(b"BODY[]<9223372036854775807>", partial=Partial(2**63 - 1, 2**63 - 1)),),
    ),
    (b"BODY[1]", (section(b"BODY[1]", (1,)),)),
    (b"BODY[4294967295.1.MIME]", (section(b"BODY[4294967295.1.MIME]", (4294967295, 1), "MIME"),)),
    (b"BODY[4.2.2.header]", (section(b"BODY[4.2.2.HEADER]", (4, 2, 2), "HEADER"),)),
    (
        b"BODY.PEEK[HEADER.FIELDS (From  To)]".replace(b"  ", b" "),
        (section(b"BODY[HEADER.FIELDS (From To)]", (), "HEADER.FIELDS", (b"From", b"To"), seen=False),),
    ),
    (
        b'BODY[2.header.fields.not ("X-]" {4}\r\nA: b NIL)]',
        (
            section(
                b'BODY[2.HEADER.FIELDS.NOT (X-] "A: b" "NIL")]',
                (2,),
                "HEADER.FIELDS.NOT",
                (b"X-]", b"A: b", b"NIL"),
            ),
        ),
    ),
    (b"BINARY[]", (binary(b"BINARY[]"),)),
    (b"BINARY.PEEK[1.2]<3.4>", (binary(b"BINARY[1.2]<3>", (1, 2), False, Partial(3, 4)),)),
    (b"BINARY.SIZE[1.2]", (Item("BINARY.SIZE", b"BINARY.SIZE[1.2]", Section((1, 2))),)),
    (b"BINARY.SIZE[]", (Item("BINARY.SIZE", b"BINARY.SIZE[]", Section()),)),
    (
        b"(MODSEQ EMAILID THREADID SAVEDATE PREVIEW)",
        tuple(Item(what, what.encode()) for what in ("MODSEQ", "EMAILID", "THREADID", "SAVEDATE", "PREVIEW")),
    ),
    (b"PREVIEW (LAZY)", (Item("PREVIEW", b"PREVIEW"),)),
    (b"(UID PREVIEW (lazy) FLAGS)", (UID, Item("PREVIEW", b"PREVIEW"), FLAGS)),
]

REFUSED = [
    b"",
    b" ",
    b" ()",
    b" (ALL)",
    b" (FLAGS FAST)",
    b" FLAGS UID",
    b" (FLAGS  UID)",
    b" (FLAGS",
    b" FLAGS)",
    b" UNKNOWN",
    b" RFC822.PEEK",
    b" BODY.PEEK",
    b" BODY.PEEK[] ",
    b" BODY[",
    b" BODY[] []",
    b" BODY [1]",
    b" BODY[0]",
    b" BODY[01]",
    b" BODY[1.]",
    b" BODY[1..2]",
    b" BODY[1.FOO]",
    b" BODY[1TEXT]",
    b" BODY[.TEXT]",
    b" BODY[MIME]",
    b" BODY[TEXT.1]",
    b" BODY[4294967296]",
    b" BODY[" + b".".join([b"1"] * 101) + b"]",
    b" BODY[HEADER.FIELDS]",
    b" BODY[HEADER.FIELDS ()]",
    b" BODY[HEADER.FIELDS (a b ]",
    b" BODY[HEADER (From)]",
    b" BODY[HEADER.FIELDS (\xc3\xa4)]",
    b" BODY[]<0>",
    b" BODY[]<0.0>",
    b" BODY[]<-1.5>",
    b" BODY[]<0.9223372036854775808>",
    b" BODY[]<9223372036854775808.1>",
    b" BODY[] <0.1>",
    b" BINARY",
    b" BINARY[TEXT]",
    b" BINARY.SIZE[1]<0.1>",
    b" (" + b" ".join([b"UID"] * 1001) + b")",
    b" FLAGS (CHANGEDSINCE)",
    b" FLAGS (CHANGEDSINCE 0)",
    b" FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
    b" FLAGS (VANISHED)",
    b" FLAGS (CHANGEDSINCE 1 VANISHED)",
    b" FLAGS (PARTIAL 1:2)",
    b" FLAGS (UNCHANGEDSINCE 1)",
    b" FLAGS ()",
    b" PREVIEW (EAGER)",
]


@pytest.mark.parametrize(("written", "items"), ITEMS)
def test_items(reads, written, items):
    reads(b"FETCH 2:4 " + written, Fetch(((2, 4),), FetchItems(items)))
    reads(b"uid fetch $ " + written, Fetch(Saved(), FetchItems(items), uid=True))


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(b"FETCH 1" + written)


def test_modifiers(reads):
    items = FetchItems((FLAGS,))
    reads(b"FETCH 1:* FLAGS (CHANGEDSINCE 12345)", Fetch(((1, 0),), items, changed_since=12345))
    for modifiers in (b"(changedsince 5 vanished)", b"(VANISHED CHANGEDSINCE 5)"):
        reads(b"UID FETCH 1 (FLAGS) " + modifiers, Fetch(((1, 1),), items, True, 5, True))
    page = Fetch(((1, 1),), items, True, 5, partial=Range(-1, -30))
    for modifiers in (b"(PARTIAL -1:-30 CHANGEDSINCE 5)", b"(CHANGEDSINCE 5 partial -1:-30)"):
        reads(b"UID FETCH 1 (FLAGS) " + modifiers, page)


def test_a_label_names_the_section_it_was_made_from():
    for written, _ in ITEMS:
        if b"[" not in written or b"\r" in written:
            continue
        for item in parse([b"a FETCH 1 " + written]).command.items.items:
            if item.partial is None:
                (again,) = parse([b"a FETCH 1 " + item.label]).command.items.items
                assert again.section == item.section and again.label == item.label


def test_errors_name_the_octet_in_the_command(refuses):
    assert "octet 21 " in refuses(b"FETCH 1 (FLAGS ?)")
    assert "octet 21 " in refuses(b"FETCH 1 (FLAGS ?)")  # not remembered, and not differently
