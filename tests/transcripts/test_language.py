"""The language and its matching, tested as what they are: a parser and a comparison."""

from pathlib import Path

import pytest

from tests.transcripts import match
from tests.transcripts.language import BadTranscript, Directive, Expect, Send, read


def scene(tmp_path: Path, text: str) -> list[Send | Expect | Directive]:
    path = tmp_path / "x.txt"
    path.write_text("== a scene\n" + text)
    return read(path)[0].steps


def test_lines_become_steps(tmp_path: Path) -> None:
    steps = scene(
        tmp_path,
        "connections: 2\n\nC: a1 NOOP\nC: a2 NOOP\nS: a1 OK\nS: a2 OK\n"
        "C2: b1 LOGOUT\nS2: * BYE\nS2: b1 OK\n[2 closed]\n",
    )
    said = [
        step.text
        if isinstance(step, Send)
        else step.word
        if isinstance(step, Directive)
        else [pattern.text for pattern in step.patterns]
        for step in steps
    ]
    assert said == [
        b"a1 NOOP\r\n",
        b"a2 NOOP\r\n",
        [b"a1 OK"],
        [b"a2 OK"],
        b"b1 LOGOUT\r\n",
        [b"* BYE", b"b1 OK"],
        "closed",
    ]


def test_a_literal_is_counted_on_both_sides(tmp_path: Path) -> None:
    steps = scene(
        tmp_path,
        "C: a APPEND x {=}\nS: +\nL: one\nL-: \\x00\nC:\nS: * 1 FETCH (X {=}\nL: two\nS: )\nS: a OK\n",
    )
    assert [step.text for step in steps if isinstance(step, Send)] == [
        b"a APPEND x {6}\r\n",
        b"one\r\n\0",
        b"\r\n",
    ]
    last = steps[-1]
    assert isinstance(last, Expect)
    assert last.patterns[0].text == b"* 1 FETCH (X {5}\r\ntwo\r\n)"


@pytest.mark.parametrize(
    "text",
    [
        "C: a NOOP\n",  # expects nothing
        "flavour: sweet\nC: a NOOP\nS: a OK\n",
        "skip-on dovecot:\nC: a NOOP\nS: a OK\n",
        "C: a X {=}\nS: a OK\n",
        "C2: a NOOP\nS2: a OK\n",
        "C: a NOOP\nwhat is this\nS: a OK\n",
        "S: * 1 FETCH (X {=}\nL: x\nC: a NOOP\nS: a OK\n",
    ],
)
def test_what_is_not_in_the_language(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadTranscript):
        scene(tmp_path, text)


def matched(pattern: bytes, actual: bytes, **bound: bytes) -> dict[bytes, bytes] | None:
    known = {name.encode(): value for name, value in bound.items()}
    return match.match(match.parse(pattern), match.parse(actual), known)


@pytest.mark.parametrize(
    ("pattern", "actual"),
    [
        (b"a1 OK", b"a1 OK [READ-WRITE] done"),
        (b"a1 NO|BAD", b"a1 BAD no"),
        (b"a1 OK [COPYUID 5 1:3 7:9] x", b"a1 OK [COPYUID 5 1,2:3 7:9] y"),
        (b'* LIST () "/" inbox', b'* LIST (\\HasNoChildren) "/" INBOX'),
        (b'* LIST (\\Subscribed) "/" a', b'* LIST (\\HasChildren \\Subscribed) "/" {1}\r\na'),
        (b"* STATUS a (MESSAGES 1 UNSEEN 2)", b'* STATUS "a" (UNSEEN 2 MESSAGES 1)'),
        (b"* 1 FETCH (FLAGS (\\Seen x) UID 3)", b"* 1 FETCH (UID 3 FLAGS (X \\Recent \\Seen))"),
        (b"* 1 FETCH (UID 3 ...)", b"* 1 FETCH (UID 3 FLAGS ())"),
        (b"* 1 FETCH (BODY[HEADER.FIELDS (DATE)] x)", b'* 1 FETCH (BODY[HEADER.FIELDS ("Date")] {1}\r\nx)'),
        (b"* SEARCH 1 2", b"* SEARCH 2 1"),
        (b'* ESEARCH (TAG "a") UID MIN 1 ALL 1:3', b'* ESEARCH (TAG "a") UID ALL 1,2,3 MIN 1'),
        (b"* CAPABILITY IDLE !STARTTLS ...", b"* CAPABILITY IMAP4rev1 IDLE"),
        (
            b'* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
            b'* 1 FETCH (INTERNALDATE "17-Jul-1996 09:44:25 +0000")',
        ),
        (b'* 1 FETCH (BODYSTRUCTURE ("TEXT" NIL))', b'* 1 FETCH (BODYSTRUCTURE ("text" NIL))'),
    ],
)
def test_what_means_the_same_matches(pattern: bytes, actual: bytes) -> None:
    assert matched(pattern, actual) is not None


@pytest.mark.parametrize(
    ("pattern", "actual"),
    [
        (b"a1 OK", b"a2 OK"),
        (b"a1 OK", b"a1 NO"),
        (b"a1 NO [TRYCREATE]", b"a1 NO no"),
        (b"a1 OK [COPYUID 5 1:3 7:9]", b"a1 OK [COPYUID 5 1:3 7:10] y"),
        (b'* LIST () "/" a', b'* LIST (\\Noselect) "/" a'),
        (b'* LIST () "/" a', b'* LIST () "/" A'),
        (b'* LIST (!\\HasChildren) "/" a', b'* LIST (\\HasChildren) "/" a'),
        (b"* 1 FETCH (UID 3)", b"* 1 FETCH (UID 3 FLAGS ())"),
        (b"* 1 FETCH (FLAGS ())", b"* 1 FETCH (FLAGS (\\Seen))"),
        (b"* 1 FETCH (UID 3)", b"* 2 FETCH (UID 3)"),
        (b'* 1 FETCH (ENVELOPE (NIL "A"))', b'* 1 FETCH (ENVELOPE ("NIL" "A"))'),
        (b'* 1 FETCH (ENVELOPE ("a"))', b'* 1 FETCH (ENVELOPE ("A"))'),
        (b"* SEARCH 1 2", b"* SEARCH 1"),
        (b"* SEARCH", b"* SEARCH 1"),
        (b'* ESEARCH (TAG "a") ALL 1:3', b'* ESEARCH (TAG "a") UID ALL 1:3'),
        (b"* CAPABILITY !STARTTLS ...", b"* CAPABILITY STARTTLS"),
        (b"* FLAGS (\\Seen)", b"* FLAGS (\\Seen \\Draft)"),
    ],
)
def test_what_means_something_else_does_not(pattern: bytes, actual: bytes) -> None:
    assert matched(pattern, actual) is None


def test_variables_bind_once() -> None:
    assert matched(b"* OK [UIDNEXT $next]", b"* OK [UIDNEXT 7] x") == {b"next": b"7"}
    assert matched(b"* OK [UIDNEXT $next]", b"* OK [UIDNEXT 8] x", next=b"7") is None
    assert matched(b"a OK [COPYUID $v $one:$two 1:2]", b"a OK [COPYUID 9 4:5 1:2]", v=b"9") == {
        b"v": b"9",
        b"one": b"4",
        b"two": b"5",
    }


def responses(*lines: bytes) -> list[match.Response]:
    return [match.parse(line) for line in lines]


def test_expunges_may_come_in_any_order_of_the_same_messages() -> None:
    pending = responses(b"* 3 EXPUNGE", b"* 3 EXPUNGE", b"* 5 EXPUNGE")  # messages 3, 4 and 7
    left = match.expunged(pending, match.parse(b"* 7 EXPUNGE"))
    assert left is not None
    assert [each.tokens[0] for each in left] == [b"3", b"3"]
    assert match.expunged(pending, match.parse(b"* 5 EXPUNGE")) is None


def test_a_fetch_before_an_expunge_counts_by_the_older_numbers() -> None:
    late = match.parse(b"* 3 FETCH (UID 9)")
    early = match.now(late, responses(b"* 2 EXPUNGE", b"* 2 EXPUNGE"))
    assert early is not None
    assert early.tokens[0] == b"5"
    assert match.now(match.parse(b"* 3 EXISTS"), responses(b"* 2 EXPUNGE")) is None


@pytest.mark.parametrize("raw", [b"* 1 FETCH (", b'* X "open', b"* X {5}\r\nabc", b"* X )"])
def test_what_is_not_imap_is_said_to_be_unreadable(raw: bytes) -> None:
    with pytest.raises(match.Unreadable):
        match.parse(raw)
