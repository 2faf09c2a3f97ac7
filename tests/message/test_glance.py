"""What is told by a glance is never a "no" where the truth is a "yes"."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pillarbox.message import glance, own_fields
from pillarbox.message.casemap import fold_text
from pillarbox.message.derive import derive
from pillarbox.message.searchable import (
    in_body,
    line,
    searchable,
    searchable_headers,
    searchable_parts,
)
from tests import corpus
from tests.places import LONG

OWN = ("from", "to", "cc", "bcc", "subject")
TIMES = 3000 if LONG else 300

# Everything that makes an address be shown otherwise than it is written, and a text be decoded.
ODD = r"""red hat ann a 1 @ . , ; : < > ( ) [ ] " \ \" \( = ? =?utf-8?q?red?= =?utf-8?b?aGF0?= =?x?q?red?=
    MISSING_MAILBOX =?iso-8859-1*en?q?h=E9?= <red(c)hat@x> "red"hat, <@a,@b:red@hat> r e d"""
LAYOUT = (" ", "  ", "\t", "\r", "\0", "\x0b", "\r\n ", "\n\t")
OCTETS = ("\xc3\xa9", "\xe9", "\xef\xac\x81", "\xc2\xad", "\xff")
PIECES = st.sampled_from((*ODD.split(), *LAYOUT, *OCTETS))
values = st.lists(PIECES, max_size=9).map("".join)
names = st.sampled_from(
    ["From", "from ", "TO", "Cc", "bCC", "Subject", "Sender", "Reply-To", "X-Other", "Red"]
)
headers = st.lists(st.tuples(names, values), max_size=6).map(
    lambda fields: "".join([f"{name}:{value}\r\n" for name, value in fields]).encode("latin-1") + b"\r\n"
)
needles = st.lists(
    st.sampled_from(
        ["RED", "HAT", "REDHAT", "A", "E", "D", "1", " ", "<", "@", "(C)", ": ", "ANN", "FI", "\xe9"]
    ),
    min_size=1,
    max_size=3,
).map("".join)


def of_fields(message: bytes) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, text in searchable_headers(message):
        if name in OWN:
            out.setdefault(name, []).append(text)
    return out


def assert_kept(message: bytes) -> bool:
    """The fields that are kept beside a message say what the message says; whether any are."""
    kept = derive(message).own_fields
    if kept is None:
        return False
    told = {}
    for name in OWN:
        value = own_fields.value_of(kept, name)
        if value is not None:
            told[name] = list(own_fields.texts(name, value))
    assert told == of_fields(message), message
    return True


def test_the_kept_fields_of_all_mail() -> None:
    some = [mail.raw for mail in corpus.mails("torture")]
    some += corpus.real() if LONG else corpus.real()[:1000]
    kept = sum(map(assert_kept, some))
    assert kept > len(some) * 9 // 10


@settings(max_examples=TIMES, deadline=None)
@given(headers)
def test_the_kept_fields_of_odd_headers(header: bytes) -> None:
    assert_kept(header)


def test_a_field_that_is_there_twice_is_not_kept() -> None:
    assert derive(b"To: a@x\r\nTO : b@x\r\n\r\n").own_fields is None
    assert derive(b"Subject: a\r\nSubject: a\r\n\r\n").own_fields is None
    assert derive(b"Subject: a\r\n\r\nSubject: b\r\n").own_fields == b"Sa\n"
    assert derive(b"To: " + b"ada@example.org, " * 200 + b"\r\n\r\n").own_fields is None


@settings(max_examples=TIMES, deadline=None)
@given(st.lists(headers, max_size=5), st.sampled_from(OWN), needles)
@example([b"From: <red (c) hat@x>\r\n\r\n"], "from", "REDHAT")
@example([b'From: "red"hat <a@x>\r\n\r\n'], "from", "REDHAT")
@example([b"From: < red hat@x>\r\n\r\n"], "from", "REDHAT")
@example([b"From: <=(c)?utf-8?q?red?=hat@x>\r\n\r\n"], "from", "RED")
@example([b"Subject: re\0d\r\n\r\n", b"From: x\r\n\r\n"], "subject", "RED")
def test_no_message_is_passed_over_for_its_fields(some: list[bytes], name: str, needle: str) -> None:
    kept = [fields for fields in (derive(header).own_fields for header in some) if fields is not None]
    may = own_fields.may_have(kept, name, needle)
    assert list(may) == sorted(set(may))
    for number, fields in enumerate(kept):
        value = own_fields.value_of(fields, name)
        if value is not None and any(needle in text for text in own_fields.texts(name, value)):
            assert number in may


@settings(max_examples=TIMES, deadline=None)
@given(headers, needles)
@example(b"From: <red\r\n hat@x>\r\n\r\n", "REDHAT")
@example(b"Reply-To: <red(c)hat@x>\r\n\r\n", "REDHAT")
@example(b"Re\0d: x\r\n\r\n", "RED")
def test_no_message_is_passed_over_for_its_header(header: bytes, needle: str) -> None:
    word = glance.word_of(needle)
    if word and glance.absent_from_header(header, word):
        assert not any(needle in line(name, text) for name, text in searchable_headers(header))


LETTERS = ("red", "Hat", "a", "1", " ", "\n", "\r\n", "\0", "x" * 40, "\u0301" * 70)
OTHERS = ("\xad", "\xe9", "e\u0301", "\ufb01", "\uff21", "\xdf", "\u200b", "\xbd", "\u2122", "\ud800")
texts = st.lists(st.sampled_from(LETTERS + OTHERS), max_size=12).map("".join)


@settings(max_examples=TIMES, deadline=None)
@given(texts, needles)
@example("re\xadd", "RED")
@example("x" * 100 + "re" + "\u200b" * 50 + "d", "RED")
@example("\uff32ed", "RED")
@example("re" + "\u200b\0" * 3 + "d", "RED")
def test_no_text_is_passed_over(text: str, needle: str) -> None:
    folded = glance.folding(needle)(text) if glance.word_of(needle) else fold_text(text)
    assert (needle in folded) is (needle in fold_text(text))


@settings(max_examples=TIMES, deadline=None)
@given(texts, st.sampled_from(["", "utf-8", "iso-8859-1", "windows-1252"]), st.binary(max_size=2), needles)
@example("x" * 30 + "re\xad", "iso-8859-1", b"d", "RED")
@example("re\xadd" + " " * 90 + "\ufb01", "utf-8", b"\xc3", "RED")
def test_no_octets_of_plain_text_are_passed_over(text: str, charset: str, end: bytes, needle: str) -> None:
    body = text.encode("utf-8" if charset in ("", "utf-8") else "cp1252", "ignore") + end
    head = b"Content-Type: text/plain" + (f"; charset={charset}" if charset else "").encode() + b"\r\n\r\n"
    word = glance.word_of(needle)
    if word and glance.absent_from_text(body, charset, word):
        assert not in_body(searchable(head + body), needle)


def test_a_text_of_many_letters_that_are_not_ascii_is_not_passed_over() -> None:
    text = "\xe9 and some more words " * 200 + "r\u0301ed"
    assert "R\u0301ED" in glance.folding("R\u0301ED")(text)
    assert glance.folding("REDD")(text) == ""


PLAIN = b"Content-Type: text/plain"


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        (b"Subject: x", True),
        (PLAIN + b"; charset=us-ascii", True),
        (PLAIN + b"; charset=UTF-8; format=flowed\r\nContent-Disposition: inline", True),
        (PLAIN + b"; format=flowed; delsp=yes", False),  # lines are joined without a space
        (PLAIN + b"; name=red.txt", False),  # which is searched too
        (PLAIN + b"; charset=utf-7", False),
        (PLAIN + b"; charset=iso-2022-jp", False),
        (PLAIN + b"\r\nContent-Transfer-Encoding: quoted-printable", False),
        (PLAIN + b"\r\nContent-Transfer-Encoding: x-uuencode", False),
        (PLAIN + b"\r\nContent-Disposition: attachment; filename=red", False),
        (b"Content-Type: text/html", False),
        (b"Content-Type: text/calendar", False),
        (b"Content-Type: multipart/mixed; boundary=x", False),
    ],
)
def test_which_message_is_plain_text(header: bytes, plain: bool) -> None:
    structure = derive(header + b"\r\n\r\ntext\r\n").structure
    assert (glance.charset_of_plain(structure) is not None) is plain, structure


def test_what_is_passed_over_of_all_mail_does_not_have_it() -> None:
    """Words that are there, whole and in pieces, and others."""
    some = [mail.raw for mail in corpus.mails("torture") if len(mail.raw) < 1 << 17][:: 1 if LONG else 5]
    some += corpus.real()[:: 1 if LONG else 10]
    passed = 0
    for number, message in enumerate(some):
        whole = searchable(message)
        said = " ".join([text for _, text in whole.headers] + list(whole.parts)).split()
        for needle in {said[number % len(said)][:9] if said else "x", "PATENT", "RE: A", "E", "QQZ"}:
            word = glance.word_of(needle)
            if not word:
                continue
            made = derive(message)
            if glance.absent_from_header(message[: made.header_size], word):
                passed += 1
                assert not any(needle in line(*field) for field in whole.headers), (needle, message)
            fold = glance.folding(needle)
            found = any(needle in text for text in searchable_parts(message, fold=fold))
            assert found is in_body(whole, needle), (needle, message)
            body = message[made.header_size :]
            charset = glance.charset_of_plain(made.structure)
            if charset is not None and glance.absent_from_text(body, charset, word):
                passed += 1
                assert not found, (needle, message)
    assert passed > len(some)
