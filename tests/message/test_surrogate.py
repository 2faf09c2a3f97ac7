"""Headers for clients that read ASCII only (RFC 6858)."""

from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.message.surrogate import surrogate

NOBODY = "<invalid@internationalized-address.invalid>"


def shown(header: bytes) -> dict[str, str]:
    """Fields by name, encoded words decoded, as a client of old has them."""
    parsed = message_from_bytes(header)
    return {name: str(make_header(decode_header(value))) for name, value in parsed.items()}


@pytest.mark.parametrize(
    ("field", "seen"),
    [
        ("Subject: Grüße\r\n", {"Subject": "Grüße"}),
        ("SUBJECT:\r\n Grüße\r\n und mehr\r\n", {"SUBJECT": "Grüße und mehr"}),
        ("Subject: =?iso-8859-1?q?F=FC?= und ü\r\n", {"Subject": "Fü und ü"}),
        # 2.1: the address itself is not ASCII
        ("From: Fred <frëd@example.com>\r\n", {"From": f"Fred frëd@example.com {NOBODY}"}),
        ("To: frëd@example.com\r\n", {"To": f"frëd@example.com {NOBODY}"}),
        ("To: x@éxample.com, b@c\r\n", {"To": f"x@éxample.com {NOBODY}, <b@c>"}),
        # only the name
        ("From: Zoë <zoe@example.com>\r\n", {"From": "Zoë <zoe@example.com>"}),
        ('Cc: "A, \\"B\\"" <a@b>, Zoë <c@d>\r\n', {"Cc": '"A, \\"B\\"" <a@b>, Zoë <c@d>'}),
        ("To: Büro: a@b, c@d;\r\n", {"To": "Büro :<a@b>, <c@d>;"}),
        # 2.2
        (
            'Content-Disposition: attachment; filename="ü.txt"; size=3\r\n',
            {"Content-Disposition": "attachment; size=3"},
        ),
        (
            "Content-Type: text/plain; charset=utf-8; x=ü\r\n",
            {"Content-Type": "text/plain; charset=utf-8"},
        ),
        ("Content-Type: text/pläin; charset=utf-8\r\n", {}),
        # 2.4
        ("Comments: ü\r\n", {}),
        ("Réceived: x\r\n", {}),
        ("no field at all ü\r\n", {}),
    ],
)
def test_fields(field: str, seen: dict[str, str]) -> None:
    before, after = b"Received: from a\r\n\tby b\r\n", b"X-Last: as it is\r\n"
    made = surrogate(before + field.encode() + after + b"\r\n")
    assert made.isascii()
    assert made.startswith(before)
    assert made.endswith(after + b"\r\n")
    rest = shown(made)
    del rest["Received"], rest["X-Last"]
    assert {name: " ".join(value.split()) for name, value in rest.items()} == seen


def test_what_is_ascii_stays_octet_for_octet() -> None:
    header = b'From: "a" <b@c>\r\nSubject: =?utf-8?q?=C3=BC?=\r\n  x\r\nodd line\r\nTo : d\n\r\n'
    assert surrogate(header) == header


@pytest.mark.parametrize("header", [b"", b"A: b", b"A: b\r\n", b"Subject: \xff"])
def test_a_blank_line_ends_it(header: bytes) -> None:
    assert surrogate(header).endswith(b"\r\n")
    assert surrogate(header + b"\r\n\r\n").endswith(b"\r\n\r\n")


def test_long_subjects_are_words_of_whole_characters() -> None:
    made = surrogate(b"Subject: " + "漢字".encode() * 200 + b"\r\n\r\n")
    assert max(len(line) for line in made.splitlines()) <= 76
    assert shown(made)["Subject"] == "漢字" * 200


names = st.sampled_from(
    [b"Subject", b"From", b"To", b"Content-Type", b"X-Y", b"Content-Disposition", b"\xc3\xa9"]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(names, st.binary(max_size=60))))
def test_any_header_becomes_ascii_lines(fields: list[tuple[bytes, bytes]]) -> None:
    header = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    made = surrogate(header)
    assert made.isascii()
    assert surrogate(made) == made
