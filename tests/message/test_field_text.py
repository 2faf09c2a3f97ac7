"""The texts of header fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.casemap import fold_text
from pillarbox.message.envelope import ADDRESS_FIELDS
from pillarbox.message.field_text import field_texts, header_lines, header_texts
from pillarbox.message.header import fields
from pillarbox.message.limits import MAX_FIELD, MAX_FIELDS
from pillarbox.message.searchable import line


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (b"j@x.example", ["j@x.example"]),
        (b"John Doe <j@x.example>", ["John Doe <j@x.example>"]),
        (b'"Doe, John" <j@x.example>', ['"Doe, John" <j@x.example>']),
        (b'"a \\"b\\" c" <j@x>', ['"a \\"b\\" c" <j@x>', 'a "b" c <j@x>']),
        (b'"back\\\\slash" <j@x>', ['"back\\\\slash" <j@x>', "back\\slash <j@x>"]),
        (b'"A" "B" <j@x>', ['"A" "B" <j@x>', "A B <j@x>"]),
        (b'John "Q" Doe <j@x>', ['John "Q" Doe <j@x>', "John Q Doe <j@x>"]),
        (b"j@x.example (John Doe)", ["j@x.example (John Doe)", "John Doe <j@x.example>"]),
        (b"j (he) @ x . example", ["j (he) @ x . example", "he <j@x.example>"]),
        (b"Friends: a@x, B <b@y>;", ["Friends: a@x, B <b@y>;"]),
        (b"Friends:a@x,B <b@y>;", ["Friends:a@x,B <b@y>;", "Friends: a@x, B <b@y>;"]),
        (b"undisclosed-recipients:;", ["undisclosed-recipients:;", "undisclosed-recipients: ;"]),
        (b'"quoted part"@x', ['"quoted part"@x', "quoted part@x"]),
        (b"<@route:j@x>", ["<@route:j@x>"]),
        (b"no address", ["no address"]),
        (b"=?utf-8?q?J=C3=BCrgen?= <j@x>", ["Jürgen <j@x>"]),
        (b'"=?utf-8?q?J=C3=BCrgen?=" <j@x>', ['"Jürgen" <j@x>']),
        (b"=?utf-8?b?w5w=?= =?utf-8?q?ber?= <j@x>", ["Über <j@x>"]),
        ("Jürgen <j@x>".encode(), ["Jürgen <j@x>"]),
        (b"", [""]),
        (b",", [","]),
        (b'"never closed <j@x>', ['"never closed <j@x>']),
    ],
)
def test_addresses_are_searched_as_written_and_as_shown(value: bytes, texts: list[str]) -> None:
    assert list(field_texts(b"from", value)) == [fold_text(text) for text in texts]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"a\t b   c", "a b c"),
        (b"=?utf-8?q?a_b?= =?utf-8?q?c?=", "a bc"),
        (b"=?utf-8?q?_a_?=", "a"),
        (b"=?utf-8?B?5pel5pys?=\t=?utf-8?B?6Kqe?=", "日本語"),
        (b"=?utf-8?B?5pel5pw=?= =?utf-8?B?rOiqng==?=", "日本語"),  # a character in two words
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-7?q?+AOQ-?=", "ä"),
        (b"=?x-unknown?q?abc?=", "abc"),
        (b"=?x-unknown?q?=E4?=", "ä"),
        (b"=?utf-8?x?abc?= =?utf-8?q?", "=?utf-8?x?abc?= =?utf-8?q?"),
        (b"=?utf-8*de?q?sch=C3=B6n?=", "schön"),
        (b"=?utf-8?q?a=zz?=b", "a=zzb"),
        (b"=?utf-8?b?!!!YQ==?=", "a"),
        (b"a\0b", "ab"),
        ("ö \u3000ö".encode(), "ö ö"),
        (b"\xf6", "ö"),
    ],
)
def test_other_fields_are_decoded(value: bytes, text: str) -> None:
    assert list(field_texts(b"subject", value)) == [fold_text(text)]


def test_a_header() -> None:
    header = (
        b"From: A\r\n <a@x>\r\nSubject : two\r\n\twords\r\nX-Empty:\r\nno field\r\n"
        b"SUBJECT: =?utf-8?q?caf?=\r\n =?utf-8?q?=C3=A9?=\r\n\r\n"
    )
    texts = [
        ("from", "A <A@X>"),
        ("subject", "TWO WORDS"),
        ("x-empty", ""),
        ("subject", fold_text("café")),
    ]
    assert list(header_texts(header)) == texts
    # Nothing is different where octets make the short way impossible.
    assert list(header_texts(header[:-2] + b"X: \xff\0\r\n\r\n")) == [*texts, ("x", fold_text("ÿ"))]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"From", b"SUBJECT", b"x-A ", b"To\t", b"", b"a b"]),
            st.text('ab \t"\\<>@,:;()=?=q_\u00e9', max_size=20).map(str.encode),
        ),
        max_size=6,
    )
)
def test_the_short_way_leads_to_the_same(lines: list[tuple[bytes, bytes]]) -> None:
    header = b"".join([name + b":" + value + b"\r\n" for name, value in lines])
    expected = [(name.decode(), text) for name, value in fields(header) for text in field_texts(name, value)]
    assert list(header_texts(header)) == expected
    whole = [(name.encode(), line(name, text).encode(), text.encode()) for name, text in expected]
    assert header_lines(header).lines == whole


@pytest.mark.parametrize(
    "value",
    [
        "a@x",
        "A B <a@x>",
        "a@x, b.c@y.z,d@e",
        '"A, B" <a@x>',
        "A <a@x",
        "<a@x> b@y",
        "a@x (A B)",
        "A  B\t<a@x>",
    ],
)
def test_addresses_whose_octets_are_not_looked_at(value: str) -> None:
    found = [text.decode() for _, _, text in header_lines(f"To: {value}\r\n\r\n".encode()).lines]
    assert found == list(field_texts(b"to", value.encode()))


@given(st.text('ab "\\<>@,:;().=?', max_size=30).map(str.encode))
def test_any_address_field_has_texts(value: bytes) -> None:
    for name in ADDRESS_FIELDS:
        texts = field_texts(name, value)
        assert len(texts) in (1, 2)
        assert fold_text(value.decode()).strip() == texts[0]


def test_limits_of_a_header() -> None:
    many = b"X: y\r\n" * (MAX_FIELDS + 10)
    assert len(list(header_texts(many))) == MAX_FIELDS
    long = b"Subject: " + b"x" * (MAX_FIELD + 100) + b"\r\nTo: a@" + b"x" * (MAX_FIELD + 100) + b"\r\n"
    assert [len(text) for _, text in header_texts(long)] == [MAX_FIELD, MAX_FIELD]
