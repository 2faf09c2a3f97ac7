from array import array

import pytest
from imapclient import response_parser

from pillarbox.imap.wire.command import parse
from pillarbox.imap.wire.fetch_plan import Plan, Stream, heads, message, pieces, plan, render
from pillarbox.imap.wire.strings import REV1, REV2, Kind
from pillarbox.model import ids

FLAGS = {1: b"", 2: b"\\Seen", 3: b"\\Answered \\Seen $x"}
STRUCTURE = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 9 1 NIL NIL NIL NIL)'
ENVELOPE = b'("Tue" "100% x" NIL NIL NIL NIL NIL NIL NIL {3}\r\na\rb)'


def planned(items: bytes, kind=REV1, **more) -> Plan:
    return plan(parse([b"a FETCH 1 " + items]).command.items, kind, **more)


def render_rows(plan: Plan, numbers, rows, flags_of) -> bytes:
    return render(plan, numbers, list(zip(*rows)), flags_of)


def row(plan: Plan, **values):
    known = {
        **{"uid": 7, "flag_set": 2, "modseq": 99, "email": 5, "thread": 6, "blob": 11, "offsets": b""},
        **{"internal_at": 760686745, "internal_tz": -480, "saved_at": 0, "size": 4321, "header_size": 40},
        **{"envelope": ENVELOPE, "structure": STRUCTURE, "preview": "Grüße".encode()},
    }
    return tuple((known | values)[column] for column in plan.columns)


LINES = [
    (b"FLAGS", b"FLAGS (\\Seen)"),
    (b"(UID FLAGS)", b"UID 7 FLAGS (\\Seen)"),
    (b"(FLAGS UID)", b"FLAGS (\\Seen) UID 7"),
    (b"FAST", b'FLAGS (\\Seen) INTERNALDATE " 7-Feb-1994 21:52:25 -0800" RFC822.SIZE 4321'),
    (b"ENVELOPE", b"ENVELOPE " + ENVELOPE),
    (b"BODYSTRUCTURE", b"BODYSTRUCTURE " + STRUCTURE),
    (b"BODY", b'BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 9 1)'),
    (b"MODSEQ", b"MODSEQ (99)"),
    (b"EMAILID", b"EMAILID (%b)" % ids.spell(ids.Kind.EMAIL, 5).encode()),
    (b"THREADID", b"THREADID (%b)" % ids.spell(ids.Kind.THREAD, 6).encode()),
    (
        b"OBJECTID",
        b"OBJECTID (EMAILID %b THREADID %b)"
        % (ids.spell(ids.Kind.EMAIL, 5).encode(), ids.spell(ids.Kind.THREAD, 6).encode()),
    ),
    (b"SAVEDATE", b'SAVEDATE " 1-Jan-1970 00:00:00 +0000"'),
    (b"PREVIEW", "PREVIEW {7}\r\nGrüße".encode()),
]


@pytest.mark.parametrize(("items", "spelled"), LINES)
def test_metadata(items, spelled):
    that = planned(items)
    assert not that.bodies and not that.sets_seen
    assert render_rows(that, [12], [row(that)], FLAGS) == b"* 12 FETCH (%b)\r\n" % spelled


def test_uids_in_the_place_of_numbers():
    """RFC 9586 3.3: UID is said again only when it was asked for."""
    kind = Kind(uid_only=True)
    for items, spelled in ((b"FLAGS", b"FLAGS (\\Seen)"), (b"(FLAGS UID)", b"FLAGS (\\Seen) UID 7")):
        that = planned(items, kind, uid=True)
        assert render_rows(that, [12], [row(that)], FLAGS) == b"* 7 UIDFETCH (%b)\r\n" % spelled
    that = planned(b"BODY[]", kind, uid=True)
    (head,) = heads(that, [12], tuple(zip(row(that))), FLAGS)
    assert message(that, head, [b"x"]) == b"* 7 UIDFETCH (BODY[] {1}\r\nx)\r\n"


def test_what_fetch_has_changed_is_told_with_its_mod_sequence():
    """RFC 7162 3.2.4"""
    for kind, spelled in ((REV1, b""), (Kind(condstore=True), b" MODSEQ (99)")):
        that = planned(b"BODY[]", kind, flags=True)
        (head,) = heads(that, [12], tuple(zip(row(that))), FLAGS)
        uid = b"UID 7 " if spelled else b""
        assert head == b"* 12 FETCH (" + uid + b"FLAGS (\\Seen)" + spelled + b" "


def test_rev2_spells_utf8_in_quotes():
    that = planned(b"PREVIEW", REV2)
    assert render_rows(that, [1], [row(that)], FLAGS) == '* 1 FETCH (PREVIEW "Grüße")\r\n'.encode()


def test_rev1_knows_no_message_global():
    inner = (
        b'("message" "global" NIL NIL NIL "8bit" 9 ' + ENVELOPE + b" " + STRUCTURE + b" 3 NIL NIL NIL NIL)"
    )
    for items, cut in ((b"BODYSTRUCTURE", b" NIL NIL NIL NIL)"), (b"BODY", b")")):
        old, new = planned(items, REV1), planned(items, REV2)
        short = b' ("message" "global" NIL NIL NIL "8bit" 9' + cut
        assert render_rows(old, [1], [row(old, structure=inner)], FLAGS).endswith(short + b")\r\n")
        assert ENVELOPE in render_rows(new, [1], [row(new, structure=inner)], FLAGS)


def test_what_only_the_view_is_asked_for():
    for items in (b"FLAGS", b"UID", b"(UID FLAGS MODSEQ)"):
        assert planned(items).from_view
    for items in (b"FAST", b"(UID RFC822.SIZE)", b"BODY[]", b"EMAILID"):
        assert not planned(items).from_view


def test_a_batch_from_arrays():
    that = planned(b"(UID FLAGS)")
    columns = (array("I", [5, 9, 4294967295]), array("H", [3, 1, 2]))
    assert that.columns == ("uid", "flag_set")
    assert render(that, range(4, 7), columns, FLAGS) == (
        b"* 4 FETCH (UID 5 FLAGS (\\Answered \\Seen $x))\r\n"
        b"* 5 FETCH (UID 9 FLAGS ())\r\n"
        b"* 6 FETCH (UID 4294967295 FLAGS (\\Seen))\r\n"
    )
    assert render(that, [], (array("I"), array("H")), FLAGS) == b""


def test_uid_and_flags_are_added_when_the_command_needs_them():
    that = planned(b"ENVELOPE", uid=True, flags=True)
    assert (
        render_rows(that, [1], [row(that)], FLAGS)
        == b"* 1 FETCH (UID 7 ENVELOPE %b FLAGS (\\Seen))\r\n" % ENVELOPE
    )
    assert planned(b"(UID FLAGS)", uid=True, flags=True) == planned(b"(UID FLAGS)")


def test_plans_are_made_once():
    assert planned(b"(UID FLAGS)") is planned(b"(UID FLAGS)")


@pytest.mark.parametrize(
    ("items", "columns", "seen"),
    [
        (b"BODY[]", ("uid", "blob", "size"), True),
        (b"BODY.PEEK[]", ("uid", "blob", "size"), False),
        (b"RFC822.HEADER", ("uid", "blob", "size", "header_size"), False),
        (b"BODY.PEEK[TEXT]", ("uid", "blob", "size", "header_size"), False),
        (b"BODY.PEEK[1]", ("uid", "blob", "size", "offsets"), False),
        (b"BINARY.PEEK[1]", ("uid", "blob", "size", "offsets"), False),
        (b"BINARY[]", ("uid", "blob", "size"), True),
        (b"BINARY.SIZE[1]", ("uid", "blob", "size", "offsets"), False),
        (b"(FLAGS RFC822.SIZE BODY[])", ("uid", "flag_set", "size", "blob"), True),
    ],
)
def test_what_bodies_need(items, columns, seen):
    that = planned(items)
    assert that.columns == columns and that.sets_seen is seen


BODIES = [
    (b"BODY[]", [b"abc"], b"* 3 FETCH (BODY[] {3}\r\nabc)\r\n"),
    (b"BODY[]<5.2>", [b""], b"* 3 FETCH (BODY[]<5> {0}\r\n)\r\n"),
    (b"BODY[9]", [None], b"* 3 FETCH (BODY[9] NIL)\r\n"),
    (b"(BODY[TEXT] UID)", [b"x\0y"], b"* 3 FETCH (UID 7 BODY[TEXT] {3}\r\nx\x80y)\r\n"),
    (b"BINARY[1]", [b"x\0y"], b"* 3 FETCH (BINARY[1] ~{3}\r\nx\0y)\r\n"),
    (b"BINARY[1]", [b"xy"], b"* 3 FETCH (BINARY[1] {2}\r\nxy)\r\n"),
    (b"BINARY.SIZE[1]", [17], b"* 3 FETCH (BINARY.SIZE[1] 17)\r\n"),
    (
        b"(FLAGS BODY[HEADER] BINARY.SIZE[1] RFC822.TEXT)",
        [b"a: b", 5, b"t"],
        b"* 3 FETCH (FLAGS (\\Seen) BODY[HEADER] {4}\r\na: b BINARY.SIZE[1] 5 RFC822.TEXT {1}\r\nt)\r\n",
    ),
    (
        b"BODY[HEADER.FIELDS (100%)]"[:-6] + b'"100%")]',
        [b""],
        b'* 3 FETCH (BODY[HEADER.FIELDS ("100%")] {0}\r\n)\r\n',
    ),
]


@pytest.mark.parametrize(("items", "contents", "spelled"), BODIES)
def test_bodies(items, contents, spelled):
    that = planned(items)
    (head,) = heads(that, [3], tuple(zip(row(that))), FLAGS)
    assert message(that, head, contents) == spelled
    assert b"".join(pieces(that, head, contents)) == spelled


def test_bodies_in_pieces():
    that = planned(b"(UID BODY[] BODY[TEXT] BINARY[1] BODY[1])")
    (head,) = heads(that, [3], tuple(zip(row(that))), FLAGS)
    contents = [Stream(4, [b"a\0", b"bc"]), b"t", Stream(3, iter([b"\0", b"xy"])), Stream(0, [])]
    assert list(pieces(that, head, contents)) == [
        b"* 3 FETCH (UID 7 BODY[] {4}\r\n",
        b"a\x80",
        b"bc",
        b" BODY[TEXT] {1}\r\nt BINARY[1] ~{3}\r\n",
        b"\0",
        b"xy",
        b" BODY[1] {0}\r\n",
        b")\r\n",
    ]


def test_heads_of_no_rows():
    assert heads(planned(b"BODY[]"), [], [], FLAGS) == []


def test_a_client_library_understands_the_lines():
    that = planned(b"(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    plain = b'("Tue, 1 Jan 2019 00:00:00 +0000" "100% x" NIL NIL NIL NIL NIL NIL NIL "<a@b>")'
    line = render_rows(that, [12], [row(that, envelope=plain)], FLAGS)
    parsed = response_parser.parse_fetch_response([line[2:-2].replace(b"12 FETCH ", b"12 ")])
    assert parsed[7][b"FLAGS"] == (b"\\Seen",)
    assert parsed[7][b"RFC822.SIZE"] == 4321
    assert parsed[7][b"ENVELOPE"].subject == b"100% x"
    assert parsed[7][b"BODYSTRUCTURE"][:2] == (b"text", b"plain")
