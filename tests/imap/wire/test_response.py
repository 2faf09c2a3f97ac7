import pytest

from pillarbox.imap.wire.charset import NAMES
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.response import (
    AppendUid,
    CapabilityCode,
    Continue,
    HighestModseq,
    InProgress,
    MailboxId,
    Mark,
    MessageLimit,
    Modified,
    ObjectIdCode,
    PermanentFlags,
    UidNext,
    UidValidity,
    Unseen,
    bad,
    bye,
    no,
    ok,
    preauth,
)
from pillarbox.imap.wire.strings import REV1, REV2
from pillarbox.model.errors import Code

RESPONSES = [
    (ok(b"A001", "LOGIN completed"), b"A001 OK LOGIN completed\r\n"),
    (ok(None, "Ready", CapabilityCode(("IMAP4rev2", "IDLE"))), b"* OK [CAPABILITY IMAP4rev2 IDLE] Ready\r\n"),
    (no(b"b", "Not this", Code.AUTHENTICATIONFAILED), b"b NO [AUTHENTICATIONFAILED] Not this\r\n"),
    (no(b"b", "No", Code.UNKNOWN_CTE), b"b NO [UNKNOWN-CTE] No\r\n"),
    (no(b"b", "No", Code.BADCHARSET), f"b NO [BADCHARSET ({' '.join(NAMES)})] No\r\n".encode()),
    (bad(None, "Empty command line"), b"* BAD Empty command line\r\n"),
    (bad(b"c", "What?", Code.CLIENTBUG), b"c BAD [CLIENTBUG] What?\r\n"),
    (bye("Autologout"), b"* BYE Autologout\r\n"),
    (bye("Soon", Code.UNAVAILABLE), b"* BYE [UNAVAILABLE] Soon\r\n"),
    (preauth("Hello"), b"* PREAUTH Hello\r\n"),
    (
        ok(None, "Limited", PermanentFlags(("\\Deleted", "\\*"))),
        b"* OK [PERMANENTFLAGS (\\Deleted \\*)] Limited\r\n",
    ),
    (ok(None, "None", PermanentFlags(())), b"* OK [PERMANENTFLAGS ()] None\r\n"),
    (ok(None, "Next", UidNext(4392)), b"* OK [UIDNEXT 4392] Next\r\n"),
    (ok(None, "Valid", UidValidity(3857529045)), b"* OK [UIDVALIDITY 3857529045] Valid\r\n"),
    (ok(None, "First", Unseen(17)), b"* OK [UNSEEN 17] First\r\n"),
    (ok(None, "Highest", HighestModseq(2**63 - 1)), b"* OK [HIGHESTMODSEQ 9223372036854775807] Highest\r\n"),
    (ok(b"d", "Some", Modified(((7, 7), (9, 11)))), b"d OK [MODIFIED 7,9:11] Some\r\n"),
    (bad(b"d", "No", Mark.UIDREQUIRED), b"d BAD [UIDREQUIRED] No\r\n"),
    (ok(b"d", "Created", MailboxId("Mabc")), b"d OK [MAILBOXID (Mabc)] Created\r\n"),
    (
        ok(b"d", "Created", ObjectIdCode("MAILBOXID Mabc ACCOUNTID Ax")),
        b"d OK [OBJECTID (MAILBOXID Mabc ACCOUNTID Ax)] Created\r\n",
    ),
    (ok(b"d", "Done", Mark.READ_WRITE), b"d OK [READ-WRITE] Done\r\n"),
    (ok(None, "Closed", Mark.CLOSED), b"* OK [CLOSED] Closed\r\n"),
    (ok(b"e", "Done", AppendUid(38505, ((3955, 3955),))), b"e OK [APPENDUID 38505 3955] Done\r\n"),
    (ok(b"e", "Done", AppendUid(38505, ((3955, 3957),))), b"e OK [APPENDUID 38505 3955:3957] Done\r\n"),
    (ok(None, "x", InProgress(b"A1")), b'* OK [INPROGRESS ("A1" NIL NIL)] x\r\n'),
    (ok(None, "x", InProgress(b"A1", 175, 1000)), b'* OK [INPROGRESS ("A1" 175 1000)] x\r\n'),
    (ok(None, "x", InProgress(b"A]1", 0, 1)), b"* OK [INPROGRESS (NIL 0 1)] x\r\n"),
    (no(b"a", "x", MessageLimit(1000, 20001)), b"a NO [MESSAGELIMIT 1000 20001] x\r\n"),
    (no(b"a", "x", MessageLimit(1000)), b"a NO [MESSAGELIMIT 1000] x\r\n"),
    (Continue("Ready for literal"), b"+ Ready for literal\r\n"),
]


@pytest.mark.parametrize(("response", "spelled"), RESPONSES)
def test_responses(response, spelled):
    for kind in (REV1, REV2):
        assert encode(response, kind) == spelled


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("a\r\nb OK injected", b"a??b OK injected"),
        ("n\0l \x7f", b"n?l ?"),
        ("Müll", b"M?ll"),
        ("", b"-"),
        ("[ALERT] not a code", b"(ALERT] not a code"),
        ("x" * 5_000, b"x" * 400),
    ],
)
def test_text_never_breaks_out_of_its_line(text, spelled):
    assert encode(no(b"a", text), REV1) == b"a NO " + spelled + b"\r\n"


@pytest.mark.parametrize("code", sorted({*Code, *Mark} - {Code.BADCHARSET}, key=str))
def test_every_code_is_spelled_as_the_rfcs_do(code):
    assert encode(ok(None, "x", code), REV1) == f"* OK [{code.value}] x\r\n".encode()
