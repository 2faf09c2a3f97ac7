"""Nothing a peer sends raises, takes long, or takes much memory.

The time limits are far above what is needed, and far below what a quadratic step would take.
"""

import binascii
import mmap
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.message.derive import Derived, derive
from pillarbox.message.folded import folded
from pillarbox.message.limits import MAX_FIELDS, MAX_PARTS
from pillarbox.message.parts import unpack
from pillarbox.message.searchable import searchable, searchable_headers, searchable_parts
from pillarbox.message.section import fields
from pillarbox.message.structure import body_from_structure
from pillarbox.message.walk import Kind
from tests.message.grammar import read_body, read_envelope

MIB = 1 << 20
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = b"Content-Type: text/html\r\n\r\n"
PLAIN = b"Content-Type: text/plain; "


def nested(levels: int) -> bytes:
    # Boundaries that have nothing in common, so that every "--" might begin one.
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="%c%d."\r\n\r\n--%c%d.\r\n'
        % (65 + n % 50, n, 65 + n % 50, n)
        for n in range(levels)
    )


def encoded(levels: int, message: bytes) -> bytes:
    for _ in range(levels):
        message = (
            b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + binascii.b2a_base64(message[: 6 * MIB])
        )
    return message


HOSTILE = {
    "parts": MULTIPART + b"--b\r\n\r\nx\r\n" * 50_000,
    "parts without blank lines": MULTIPART + b"--b\nX: y\n" * 20_000 + b"foo\n" * MIB,
    "nested multiparts": nested(1_000),
    "nested multiparts, false delimiters": nested(99) + b"\r\n" + b"--\r\n" * MIB,
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"\r\n" * MIB,
    "many fields": b"X-Field: value\r\n" * (5 * MIB // 16) + b"\r\nx",
    "long field": b"To: " + b"a" * (10 * MIB) + b"\r\n\r\n",
    "addresses": b"To: " + b"a@b, " * MIB + b"\r\n\r\n",
    "groups": b"To: " + b":;" * MIB + b"\r\n\r\n",
    "open comments": b"To: " + b"(" * MIB + b"\r\n\r\n",
    "comments": b"To: " + b"() " * MIB + b"\r\n\r\n",
    "open quotes": b"To: " + b'"' * MIB + b'"\r\n\r\n',
    "backslashes": b'To: "' + b"\\" * MIB + b"\r\n\r\n",
    "angles": b"To: " + b"<" * MIB + b"\r\n\r\n",
    "brackets": b"To: " + b"[" * MIB + b"\r\n\r\n",
    "words": b"To: " + b"a " * MIB + b"\r\n\r\n",
    "ats": b"To: " + b"@ " * MIB + b"\r\n\r\n",
    "blobs": b"Subject: " + b"[a]" * MIB + b"\r\n\r\n",
    "forwards": b"Subject: " + b"[fwd:" * MIB + b"]" * MIB + b"\r\n\r\n",
    "replies": b"Subject: " + b"re:" * MIB + b"\r\n\r\n",
    "trailers": b"Subject: " + b"(fwd)" * MIB + b"\r\n\r\n",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * (MIB // 8) + b"\r\n\r\n",
    "half encoded words": b"Subject: " + b"=?a?q?" * MIB + b"\r\n\r\n",
    "references": b"References: " + b"<a@b> " * MIB + b"\r\n\r\n",
    "half references": b"References: " + b'<"' * MIB + b"\r\n\r\n",
    "parameters": b"Content-Type: a/b" + b";a=b" * MIB + b"\r\n\r\n",
    "half parameters": b"Content-Type: a/b" + b";a " * MIB + b"\r\n\r\n",
    "languages": b"Content-Language: " + b"en," * MIB + b"\r\n\r\n",
    "date": b"Date: " + b"1 " * MIB + b"\r\n\r\n",
    "folds": b"Subject: x" + b"\r\n " * MIB + b"\r\n\r\n",
    "tags": HTML + b"<" * MIB,
    "open attributes": HTML + b'<a "' * MIB,
    "open comments in HTML": HTML + b"<!--" * MIB,
    "open scripts": HTML + b"<script></scrip" * (MIB // 4),
    "entities": HTML + b"&amp" * MIB,
    "spaces": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * MIB + b"x",
    "padding": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"A=" * MIB,
    "combining marks": b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    + "\u0301\u0316".encode() * (MIB // 4),
    "images": HTML + b"<img alt=a>" * MIB,
    "tags in words": HTML + b"a<b>" * (2 * MIB),
    "numbers of characters": HTML + b"&#1" * MIB,
    "charsets of documents": HTML + b"<meta " * MIB + b"\xff",
    "quotations": PLAIN + b"format=flowed; delsp=yes\r\n\r\n" + b"> \r\n" * MIB,
    "marks of quotations": PLAIN + b"format=flowed\r\n\r\n" + b">" * (4 * MIB),
    "letters that are many": PLAIN + b"charset=utf-8\r\n\r\n" + "\ufdfa".encode() * MIB,
    "what UTF-7 is not": PLAIN + b"charset=utf-7\r\n\r\n" + b"+A-\xff" * MIB,
    "what ISO 2022 is not": PLAIN + b"charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\xff\x1b" * MIB,
    "what HZ is not": PLAIN + b"charset=hz\r\n\r\n" + b"~{\xff" * MIB,
    "what Shift JIS is not": PLAIN + b"charset=shift_jis\r\n\r\n" + b"\x81\xff" * MIB,
    "folds of a calendar": b"Content-Type: text/calendar\r\n\r\n" + b"\r\n " * MIB + b"\\" * MIB,
    "rich text": b"Content-Type: text/rtf\r\n\r\n" + b"{\\u1" * MIB,
    "octets in words": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * (4 * MIB),
    "uuencoded lines": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 1 a\n" + b"M\n" * MIB,
    "pieces of a name": b"Content-Type: a/b" + b";name*0*=''%41;name*1*=%" * (MIB // 8) + b"\r\n\r\n",
    "encoded messages": encoded(40, b"x" * (4 * MIB)),
    "messages in quoted-printable": (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" * 100_000
    ),
    "NULs": b"\0" * (4 * MIB),
    "line feeds": b"\n" * (4 * MIB),
    "returns": b"\r" * (4 * MIB),
    "high octets": b"\xff" * MIB,
}


def everything(raw: bytes) -> Derived:
    """All that is ever made of a message, held against the grammar."""
    derived = derive(raw)
    read_envelope(derived.envelope)
    read_body(derived.structure)
    read_body(body_from_structure(derived.structure), extensible=False)
    for part in unpack(derived.offsets).parts:
        assert 0 <= part.start <= part.body <= part.end <= len(raw)
    fields(raw[: derived.header_size], frozenset([b"to"]), False)
    assert len(derived.preview.decode("utf-8")) <= 200
    for name, text in searchable_headers(raw):
        (name + text).encode("utf-8")
    assert folded(raw).parts == [text.encode("utf-8") for text in searchable_parts(raw)]
    return derived


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_cost_what_they_weigh(name: str) -> None:
    started = time.process_time()
    everything(HOSTILE[name])
    assert time.process_time() - started < 10


def test_what_is_kept_of_a_hostile_message_is_bounded() -> None:
    for name in ("addresses", "groups", "languages", "references", "parameters", "long field"):
        derived = derive(HOSTILE[name])
        kept = len(derived.envelope) + len(derived.structure) + sum(map(len, derived.references))
        assert kept < MIB, name


def test_fields_beyond_the_limit_are_only_octets() -> None:
    many = b"X: y\r\n" * MAX_FIELDS
    assert derive(many[6:] + b"Subject: seen\r\n\r\n").base_subject == "seen"
    derived = derive(many + b"Subject: late\r\n\r\n")
    assert derived.base_subject == ""
    assert fields(many + b"Subject: late\r\n\r\n", frozenset([b"subject"]), False) == b"Subject: late\r\n\r\n"


def test_messages_at_the_end_of_the_limit_of_parts_are_opaque() -> None:
    parts = b"--b\r\n\r\nx\r\n" * (MAX_PARTS - 2)
    raw = MULTIPART + parts + b"--b\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 50
    table = unpack(derive(raw).offsets)
    assert len(table.parts) == MAX_PARTS
    assert table.parts[-1].kind is Kind.OPAQUE


@contextmanager
def mapped(pieces: Iterator[bytes]) -> Iterator[mmap.mmap]:
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            yield whole


def sixty_mebibytes() -> Iterator[bytes]:
    yield b"Subject: large\r\n" + MULTIPART + b"--b\r\n\r\n"
    line = b"junk that no one reads\r\n"
    for _ in range(60):
        yield line * (MIB // len(line))
    yield b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nlast\r\n--b--\r\n"


def test_a_mapped_message_is_not_copied() -> None:
    with mapped(sixty_mebibytes()) as whole:
        tracemalloc.start()
        started = time.process_time()
        derived = derive(whole)
        took = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        last = unpack(derived.offsets).parts[2]
        assert whole[last.body : last.end] == b"last"
    assert peak < 8 * MIB
    assert took < 10


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (PLAIN + b"charset=us-ascii\r\n", b"all of this text is read by no one at all\r\n"),
        (PLAIN + b"charset=utf-8\r\n", "ſo ſtehet eş hier, 漢字\r\n".encode()),
        (PLAIN + b"charset=us-ascii\r\nContent-Transfer-Encoding: base64\r\n", b"YWJj" * 19 + b"\r\n"),
        (b"Content-Type: text/html\r\n", b"<p>a<b>word</b> of it<img alt=one>\r\n"),
    ],
)
def test_the_text_of_a_bomb_is_bounded(fields: bytes, line: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        yield fields + b"\r\n"
        for _ in range(100):
            yield line * (MIB // len(line))

    with mapped(pieces()) as whole:
        tracemalloc.start()
        started = time.process_time()
        message = searchable(whole, limit=2 * MIB)
        took = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert MIB // 2 < sum(map(len, message.parts)) <= 2 * MIB
    assert peak < 20 * MIB
    assert took < 10


def test_a_mapped_message_without_a_header_end_is_not_copied() -> None:
    with mapped(iter([b"X: y\r\n" * (60 * MIB // 6)])) as whole:
        tracemalloc.start()
        derived = derive(whole)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert derived.header_size == len(whole)
    assert peak < 64 * MIB


@given(st.binary(max_size=300))
def test_any_octets_are_a_message(raw: bytes) -> None:
    everything(raw)


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/digest; boundary=bb\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: message/global\r\n",
        b"Content-Type: text/html; charset=utf-7\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b'Content-Disposition: attachment; filename="\xc3\xb6"\r\n',
        b"Subject: =?utf-8?q?x?= [a] re: \xff\0\r\n",
        b'From: "a" <b@c>, d:e@f;, (x) y@z\r\n',
        b'To: <>,;:@\\"(\r\n',
        b"Date: Wed, 21 Aug 2002 20:31:57 -0100\r\n",
        b"References: <a@b> <c@d>\r\n",
        b" folded\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"--bb\n",
        b"--bb--\n",
        b"--b",
        b"\r\n",
        b"\n",
        b"\r",
        b"text",
        b"<p>&amp;",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map(b"".join))
def test_any_pieces_are_a_message(raw: bytes) -> None:
    derived = everything(raw)
    with mapped(iter([raw or b"\n"])) as whole:
        assert derive(whole) == (derived if raw else derive(b"\n"))
    assert derive(memoryview(raw)) == derived
