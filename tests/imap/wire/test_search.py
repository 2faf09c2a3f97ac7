import pytest

from pillarbox.imap.wire.command import parse
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.esearch import EVERYTHING, Esearch, Returning, ReturnOption, Updated
from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.partial import Range
from pillarbox.imap.wire.search import Found, Search
from pillarbox.imap.wire.strings import REV1, REV2
from pillarbox.model import flags, ids
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.model.search import (
    All,
    And,
    Body,
    Day,
    EmailId,
    Flag,
    Fuzzy,
    Header,
    InThread,
    MessageId,
    Modseq,
    Not,
    Or,
    Saved,
    Sequence,
    Size,
    Text,
    ThreadId,
    ThreadLeaf,
    ThreadRoot,
    Uid,
    Within,
)
from pillarbox.model.threading import Algorithm

SEEN, DELETED = Flag(flags.SEEN), Flag(flags.DELETED)
FEB_1994 = 8797  # 1-Feb-1994
EMAIL = ids.spell(ids.Kind.EMAIL, ids.make(7, 9)).encode()
THREAD = ids.spell(ids.Kind.THREAD, ids.make(7, 9)).encode()

KEYS = [
    (b"ALL", All()),
    (b"all", All()),
    (b"ANSWERED", Flag(flags.ANSWERED)),
    (b"DELETED", DELETED),
    (b"DRAFT", Flag(flags.DRAFT)),
    (b"FLAGGED", Flag(flags.FLAGGED)),
    (b"SEEN", SEEN),
    (b"RECENT", Flag(flags.RECENT)),
    (b"UNANSWERED", Not(Flag(flags.ANSWERED))),
    (b"UNDELETED", Not(DELETED)),
    (b"UNDRAFT", Not(Flag(flags.DRAFT))),
    (b"UNFLAGGED", Not(Flag(flags.FLAGGED))),
    (b"UNSEEN", Not(SEEN)),
    (b"OLD", Not(Flag(flags.RECENT))),
    (b"NEW", And((Flag(flags.RECENT), Not(SEEN)))),
    (b"KEYWORD $Junk", Flag("$Junk")),
    (b"UNKEYWORD x", Not(Flag("x"))),
    (b"BCC a", Header("bcc", "a")),
    (b"CC a", Header("cc", "a")),
    (b'FROM "SMITH"', Header("from", "SMITH")),
    (b"SUBJECT {3}\r\na b", Header("subject", "a b")),
    (b'TO ""', Header("to", "")),
    (b'HEADER X-Foo ""', Header("x-foo", "")),
    (b'HEADER "Message-ID" <a@b>', Header("message-id", "<a@b>")),
    (b"BODY a]b", Body("a]b")),
    (b"TEXT {2}\r\n\xc3\xa4", Text("ä")),
    (b"BEFORE 1-Feb-1994", Day("internal", "before", FEB_1994)),
    (b'ON "01-feb-1994"', Day("internal", "on", FEB_1994)),
    (b"SINCE 1-Jan-1970", Day("internal", "since", 0)),
    (b"SENTBEFORE 31-Dec-1969", Day("sent", "before", -1)),
    (b"SENTON 29-Feb-2000", Day("sent", "on", 11016)),
    (b"SENTSINCE 1-Feb-1994", Day("sent", "since", FEB_1994)),
    (b"SAVEDBEFORE 1-Feb-1994", Day("saved", "before", FEB_1994)),
    (b"SAVEDON 1-Feb-1994", Day("saved", "on", FEB_1994)),
    (b"SAVEDSINCE 1-Feb-1994", Day("saved", "since", FEB_1994)),
    (b"SAVEDATESUPPORTED", All()),
    (b"OLDER 259200", Within(259200, older=True)),
    (b"younger 1", Within(1, older=False)),
    (b"FUZZY TEXT a", Fuzzy(Text("a"))),
    (b"fuzzy FUZZY (SEEN NOT TEXT a)", Fuzzy(And((SEEN, Not(Text("a")))))),
    (b"NOT FUZZY OR SEEN DELETED ALL", And((Not(Fuzzy(Or((SEEN, DELETED)))), All()))),
    (b"OR FUZZY SEEN FUZZY OR ALL DELETED", Or((Fuzzy(SEEN), Fuzzy(Or((All(), DELETED)))))),
    (b"LARGER 0", Size(0, larger=True)),
    (b"SMALLER 9223372036854775807", Size(2**63 - 1, larger=False)),
    (b"UID 1:*", Uid(((1, 0),))),
    (b"UID $", Saved()),
    (b"$", Saved()),
    (b"2,4:7,9,12:*", Sequence(((2, 2), (4, 7), (9, 9), (12, 0)))),
    (b"*:4", Sequence(((0, 4),))),
    (b"MODSEQ 620162338", Modseq(620162338)),
    (b'MODSEQ "/flags/\\\\draft" all 5', Modseq(5)),
    (b"EMAILID " + EMAIL, EmailId(ids.make(7, 9))),
    (b"THREADID " + THREAD, ThreadId(ids.make(7, 9))),
    (b"EMAILID M6d99ac3275bb4e", Not(All())),
    (b"THREADID " + EMAIL, Not(All())),
    (b"INTHREAD SEEN", InThread(SEEN, Algorithm.REFS)),
    (b"INTHREAD refs SEEN", InThread(SEEN, Algorithm.REFS)),
    (b"INTHREAD REFERENCES UID 1", InThread(Uid(((1, 1),)), Algorithm.REFERENCES)),
    (b"INTHREAD ORDEREDSUBJECT (SEEN ALL)", InThread(And((SEEN, All())), Algorithm.ORDEREDSUBJECT)),
    (b"INTHREAD INTHREAD REFS (INTHREAD SEEN)", InThread(SEEN, Algorithm.REFS)),
    (
        b"INTHREAD REFERENCES INTHREAD REFS SEEN",
        InThread(InThread(SEEN, Algorithm.REFS), Algorithm.REFERENCES),
    ),
    (b"NOT INTHREAD NOT SEEN", Not(InThread(Not(SEEN), Algorithm.REFS))),
    (b"OR INTHREAD SEEN DELETED", Or((InThread(SEEN, Algorithm.REFS), DELETED))),
    (b"INTHREAD SEEN DELETED", And((InThread(SEEN, Algorithm.REFS), DELETED))),
    (b"THREADROOT threadleaf", And((ThreadRoot(Algorithm.REFS), ThreadLeaf(Algorithm.REFS)))),
    (b"MESSAGEID <4321@example.com>", MessageId(b"4321@example.com")),
    (b'MESSAGEID "4321@example.com"', MessageId(b"4321@example.com")),
    (b'MESSAGEID {5}\r\n<"a">', MessageId(b"a")),
    (b'MESSAGEID "<"', Not(All())),
    (b"NOT SEEN", Not(SEEN)),
    (b"NOT NOT SEEN", SEEN),
    (b"NOT (SEEN DELETED)", Not(And((SEEN, DELETED)))),
    (b"(SEEN)", SEEN),
    (b"((SEEN))", SEEN),
    (b"SEEN DELETED", And((SEEN, DELETED))),
    (b"(SEEN DELETED)", And((SEEN, DELETED))),
    (b"SEEN (DELETED (ALL 1))", And((SEEN, DELETED, All(), Sequence(((1, 1),))))),
    (b"((SEEN DELETED) ALL) 1", And((SEEN, DELETED, All(), Sequence(((1, 1),))))),
    (b"OR SEEN DELETED", Or((SEEN, DELETED))),
    (b"OR (OR SEEN DELETED) ALL", Or((SEEN, DELETED, All()))),
    (b"OR OR SEEN DELETED ALL", Or((SEEN, DELETED, All()))),
    (b"OR ALL OR SEEN DELETED", Or((All(), SEEN, DELETED))),
    (b"OR SEEN DELETED ALL", And((Or((SEEN, DELETED)), All()))),
    (b"OR (SEEN ALL) NOT DELETED", Or((And((SEEN, All())), Not(DELETED)))),
    (b"NOT OR SEEN NOT DELETED ALL", And((Not(Or((SEEN, Not(DELETED)))), All()))),
    (b"OR NOT OR SEEN DELETED ALL 1", And((Or((Not(Or((SEEN, DELETED))), All())), Sequence(((1, 1),))))),
    (
        b'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',
        And((Flag(flags.FLAGGED), Day("internal", "since", FEB_1994), Not(Header("from", "Smith")))),
    ),
]

REFUSED = [
    b"SEARCH",
    b"SEARCH ",
    b"SEARCH ()",
    b"SEARCH (ALL",
    b"SEARCH ALL)",
    b"SEARCH (ALL))",
    b"SEARCH  ALL",
    b"SEARCH ALL ",
    b"SEARCH ( ALL)",
    b"SEARCH (ALL )",
    b"SEARCH NOT",
    b"SEARCH NOT ",
    b"SEARCH NOT ()",
    b"SEARCH OR ALL",
    b"SEARCH OR ALL ",
    b"SEARCH (OR ALL) ALL",
    b"SEARCH OR (ALL) (",
    b"SEARCH UNKNOWN",
    b"SEARCH FROM",
    b"SEARCH FROM (a)",
    b"SEARCH FROM \xc3\xa4",
    b'SEARCH FROM "\xc3\xa4"',
    b"SEARCH FROM {1}\r\n\xff",
    b"SEARCH HEADER a",
    b"SEARCH KEYWORD \\Seen",
    b'SEARCH KEYWORD "a"',
    b"SEARCH ON 1994-02-01",
    b"SEARCH ON 1-2-1994",
    b"SEARCH ON 001-Feb-1994",
    b"SEARCH ON 30-Feb-1994",
    b"SEARCH ON 1-Feb-94",
    b'SEARCH ON "1-Feb-1994',
    b'SEARCH ON 1-Feb-1994"',
    b"SEARCH LARGER -1",
    b"SEARCH LARGER 9223372036854775808",
    b"SEARCH LARGER 1k",
    b"SEARCH FUZZY",
    b"SEARCH FUZZY ",
    b"SEARCH (FUZZY) ALL",
    b"SEARCH INTHREAD",
    b"SEARCH INTHREAD ",
    b"SEARCH INTHREAD REFS",
    b"SEARCH INTHREAD REFS REFS ALL",
    b"SEARCH INTHREAD SUBJECTS ALL",
    b'SEARCH INTHREAD "REFS" ALL',
    b"SEARCH (INTHREAD) ALL",
    b"SEARCH THREADROOT REFS",
    b"SEARCH MESSAGEID",
    b"SEARCH RETURN (THREAD=) ALL",
    b"SEARCH RETURN (THREAD=REFS THREAD=REFS) ALL",
    b"SEARCH " + b"INTHREAD REFS INTHREAD REFERENCES " * 51 + b"ALL",
    b"SEARCH OLDER 0",
    b"SEARCH YOUNGER",
    b"SEARCH YOUNGER -5",
    b"SEARCH YOUNGER 4294967296",
    b"SEARCH UID",
    b"SEARCH UID x",
    b"SEARCH 0",
    b"SEARCH 1:0",
    b"SEARCH 1,",
    b"SEARCH 1:2:3",
    b"SEARCH 4294967296",
    b'SEARCH MODSEQ "/flags/x" 5',
    b'SEARCH MODSEQ "/flags/x" mine 5',
    b"SEARCH RETURN ALL ALL",
    b"SEARCH RETURN (ALL)",
    b"SEARCH RETURN (SOME) ALL",
    b"SEARCH RETURN (MIN MAX",
    b"SEARCH RETURN (UPDATE ()) ALL",
    b"SEARCH RETURN (UPDATE(UID)) ALL",
    b"SEARCH RETURN (UPDATE (SOME)) ALL",
    b"SEARCH RETURN (COUNT (UID)) ALL",
    b"SEARCH CHARSET UTF-8",
    b"SEARCH CHARSET",
    b"SEARCH CHARSET US-ASCII FROM {2}\r\n\xc3\xa4",
    b"SEARCH CHARSET UTF-8 RETURN (ALL) ALL",
]

RESPONSES = [
    (Found(()), REV1, b"* SEARCH\r\n"),
    (Found(((2, 84, 882),)), REV1, b"* SEARCH 2 84 882\r\n"),
    (Found((range(8, 12), (84,), range(882, 884))), REV1, b"* SEARCH 8 9 10 11 84 882 883\r\n"),
    (Found(((2, 5),), 917162500), REV1, b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"),
    (Esearch(b"a", all=((1, 3),), modseq=1236), REV1, b'* ESEARCH (TAG "a") ALL 1:3 MODSEQ 1236\r\n'),
    (
        Esearch(b"a", True, partial=(Range(-1, -100), ((7, 9),))),
        REV1,
        b'* ESEARCH (TAG "a") UID PARTIAL (-1:-100 7:9)\r\n',
    ),
    (Esearch(b"a", partial=(Range(8, 9), ())), REV1, b'* ESEARCH (TAG "a") PARTIAL (8:9 NIL)\r\n'),
    (
        Updated(b"B01", True, added=((0, ((32768, 32769),)),)),
        REV1,
        b'* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)\r\n',
    ),
    (
        Updated(
            b"C01",
            True,
            ((1, ((5, 5),)), (7, ((9, 9), (2, 3)))),
            ((1, ((2733, 2733),)), (1, ((2731, 2732),))),
        ),
        REV1,
        b'* ESEARCH (TAG "C01") UID REMOVEFROM (1 5 7 9,2:3) ADDTO (1 2733 1 2731:2732)\r\n',
    ),
    (
        Updated(b"a", removed=((0, ((4, 4),)),), source=("a b", 7)),
        REV2,
        b'* ESEARCH (TAG "a" MAILBOX "a b" UIDVALIDITY 7) REMOVEFROM (0 4)\r\n',
    ),
    (
        Esearch(b"B1", all=((1, 1), (5, 5)), modseq=7, relevancy=(4, 99)),
        REV1,
        b'* ESEARCH (TAG "B1") ALL 1,5 RELEVANCY (4 99) MODSEQ 7\r\n',
    ),
    (Esearch(b"A282"), REV2, b'* ESEARCH (TAG "A282")\r\n'),
    (Esearch(b"A282", least=2, count=3), REV1, b'* ESEARCH (TAG "A282") MIN 2 COUNT 3\r\n'),
    (
        Esearch(b'A"\\', True, 1, 4294967295, ((1, 3), (5, 5)), 4),
        REV2,
        b'* ESEARCH (TAG "A\\"\\\\") UID MIN 1 MAX 4294967295 ALL 1:3,5 COUNT 4\r\n',
    ),
    (Esearch(b"a", all=(), count=0), REV2, b'* ESEARCH (TAG "a") COUNT 0\r\n'),
]


@pytest.mark.parametrize(("written", "key"), KEYS)
def test_keys(reads, written, key):
    reads(b"SEARCH " + written, Search(key))
    reads(
        b"uid search return (count) " + written,
        Search(key, True, Returning(frozenset((ReturnOption.COUNT,)))),
    )


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(("response", "kind", "spelled"), RESPONSES)
def test_responses(response, kind, spelled):
    assert encode(response, kind) == spelled


def test_return_options(reads):
    everything = frozenset(ReturnOption) - {ReturnOption.PARTIAL}
    reads(
        b"SEARCH RETURN (MIN MAX ALL COUNT save UPDATE CONTEXT RELEVANCY) ALL",
        Search(All(), returning=Returning(everything)),
    )
    # RFC 9051 6.4.4: "an empty list of options is treated as ALL"
    reads(b"SEARCH RETURN () ALL", Search(All(), returning=EVERYTHING))
    some = frozenset((ReturnOption.PARTIAL, ReturnOption.SAVE))
    reads(b"SEARCH RETURN (PARTIAL 5:1 SAVE) ALL", Search(All(), returning=Returning(some, Range(5, 1))))
    some = frozenset((ReturnOption.UPDATE, ReturnOption.COUNT))
    items = FetchItems((Item("UID", b"UID"), Item("FLAGS", b"FLAGS")))
    reads(
        b"SEARCH RETURN (UPDATE (UID FLAGS) COUNT) ALL", Search(All(), returning=Returning(some, items=items))
    )
    root = ThreadRoot(Algorithm.REFERENCES)
    alone = Returning(EVERYTHING.options, threading=Algorithm.REFERENCES)
    reads(b"SEARCH RETURN (thread=references) THREADROOT", Search(root, returning=alone))
    some = frozenset((ReturnOption.COUNT,))
    reads(
        b"SEARCH RETURN (COUNT THREAD=REFERENCES) INTHREAD REFS THREADROOT",
        Search(InThread(root, Algorithm.REFS), returning=Returning(some, threading=Algorithm.REFERENCES)),
    )
    some = frozenset((ReturnOption.PARTIAL,))
    reads(b"UID SEARCH RETURN (partial -1:-9) ALL", Search(All(), True, Returning(some, Range(-1, -9))))


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("UTF-8", "жар".encode()),
        ("utf-8", "жар".encode()),
        ('"KOI8-R"', "жар".encode("koi8-r")),
        ("windows-1251", "жар".encode("cp1251")),
        ("ISO-8859-5", "жар".encode("iso8859-5")),
    ],
)
def test_needles_are_decoded(reads, charset, octets):
    written = f"SEARCH CHARSET {charset} SUBJECT {{{len(octets)}}}\r\n".encode() + octets
    reads(written, Search(Header("subject", "жар"), charset=charset.strip('"').upper()))


def test_every_charset_that_is_known_decodes():
    from pillarbox.imap.wire.charset import NAMES, codec_of

    for charset in NAMES:
        needle = "abc".encode(codec_of(charset))
        pieces = [b"a SEARCH CHARSET %b BODY {%d}" % (charset.encode(), len(needle)), needle, b""]
        if b"\0" not in needle:
            assert parse(pieces).command.key == Body("abc")


@pytest.mark.parametrize("charset", [b"UNKNOWN", b"rot13", b"base64", b"punycode", b"UTF-7", b'""', b"utf_8"])
def test_an_unknown_charset_is_refused_not_a_syntax_error(charset):
    with pytest.raises(Refused) as caught:
        parse([b"a SEARCH CHARSET " + charset + b" ALL"])
    assert caught.value.code is Code.BADCHARSET


def test_utf8_quoted_needles(reads):
    reads('SEARCH TEXT "ä"'.encode(), Search(Text("ä")), utf8=True)


def deepest(key):
    match key:
        case Not(inner) | Fuzzy(inner) | InThread(inner):
            return 1 + deepest(inner)
        case And(keys) | Or(keys):
            return 1 + max(map(deepest, keys))
    return 1


@pytest.mark.parametrize(
    "chain",
    [
        b"NOT " * 9_000 + b"ALL",
        b"FUZZY " * 9_000 + b"ALL",
        b"INTHREAD " * 4_000 + b"INTHREAD REFS " * 4_000 + b"ALL",
        b"(" * 9_000 + b"ALL" + b")" * 9_000,
        b"OR ALL " * 4_000 + b"ALL",
        b"OR " * 4_000 + b"ALL " * 4_000 + b"ALL",
        b"(ALL " * 4_000 + b"ALL" + b")" * 4_000,
        b"(" * 4_000 + b"ALL" + b" ALL)" * 4_000,
        b"OR ALL (" * 3_000 + b"ALL" + b")" * 3_000,
    ],
)
def test_long_chains_stay_flat(chain):
    assert deepest(parse([b"a SEARCH " + chain]).command.key) <= 3


@pytest.mark.parametrize(
    "nest",
    [
        b"NOT (ALL " * 101 + b"ALL" + b")" * 101,
        b"NOT FUZZY " * 101 + b"ALL",
        b"NOT OR ALL " * 101 + b"ALL",
        b"OR (ALL " * 101 + b"ALL" + b") ALL" * 101,
    ],
)
def test_what_nests_too_deep_is_refused(nest):
    with pytest.raises(PeerSyntax, match="deep"):
        parse([b"a SEARCH " + nest])


def test_what_nests_is_accepted_up_to_the_limit():
    key = parse([b"a SEARCH " + b"NOT (ALL " * 49 + b"ALL" + b")" * 49]).command.key
    assert deepest(key) == 49 * 2 + 1


def test_too_many_keys():
    with pytest.raises(PeerSyntax, match="10000 keys"):
        parse([b"a SEARCH" + b" ALL" * 100_000])
