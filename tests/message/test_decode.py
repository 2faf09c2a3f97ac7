"""Transfer encodings, charsets and encoded words."""

import base64
import quopri
import re
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.decode import (
    UnknownEncoding,
    charset_decode,
    has_ascii,
    header_text,
    known_charset,
    transfer_decode,
)


@pytest.mark.parametrize(
    ("encoding", "data", "octets"),
    [
        ("7bit", b"a=3D\r\n", b"a=3D\r\n"),
        ("8bit", b"\xff", b"\xff"),
        ("binary", b"\0\r", b"\0\r"),
        ("", b"x", b"x"),
        ("BASE64", b"aGVsbG8=", b"hello"),
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("base64", b"aG!Vs bG8", b"hello"),
        ("base64", b"aGVsbG8=aGVsbG8=", b"hellohello"),
        ("base64", b"aGVsbG8=\r\n--\r\nsent by a list", b"hello" + base64.b64decode(b"sentbyalist=")),
        ("base64", b"aGVsb", b"hel"),
        ("base64", b"a", b""),
        ("base64", b"", b""),
        ("quoted-printable", b"a=3Db=\r\nc =20\r\n", b"a=bc  \r\n"),
        ("Quoted-Printable", b"end   \r\nnext\t", b"end\r\nnext"),
        ("quoted-printable", b"soft=  \r\nbreak=\nagain=", b"softbreakagain"),
        ("quoted-printable", b"=zz=4", b"=zz=4"),
        ("x-uuencode", b"begin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\n", b"hello"),
        ("x-uuencode", b"nothing", b""),
    ],
)
def test_transfer_encodings(encoding: str, data: bytes, octets: bytes) -> None:
    assert transfer_decode(data, encoding) == octets


def test_an_unknown_encoding_is_said_to_be() -> None:
    with pytest.raises(UnknownEncoding):
        transfer_decode(b"x", "x-new")


@given(st.binary(max_size=200))
def test_what_is_encoded_comes_back(data: bytes) -> None:
    assert transfer_decode(base64.encodebytes(data), "base64") == data
    text = data.replace(b"\r", b"").replace(b"\n", b"")
    assert transfer_decode(quopri.encodestring(text), "quoted-printable") == text


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "x-uuencode"]))
def test_anything_can_be_decoded(data: bytes, encoding: str) -> None:
    transfer_decode(data, encoding)
    transfer_decode(b"begin 644 x\n" + data, encoding)


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf-8", "grün".encode(), "grün"),
        ("UTF8", "grün".encode(), "grün"),
        ("iso-8859-1", b"gr\xfcn \x80", "grün €"),
        ("ISO_8859-15", b"\xa4", "€"),
        ("us-ascii", b"gr\xfcn", "grün"),
        ("us-ascii", "grün".encode(), "grün"),
        ("", b"plain", "plain"),
        ("x-unknown", "grün".encode(), "grün"),
        ("x-unknown", b"gr\xfcn", "grün"),
        ("windows-1251", b"\xcf\xf0\xe8", "При"),
        ("koi8-r", b"\xf0\xd2\xc9", "При"),
        ("gb2312", "简体".encode("gb18030"), "简体"),
        ("ks_c_5601-1987", "한글".encode("cp949"), "한글"),
        ("shift_jis", "日本".encode("cp932"), "日本"),
        ("iso-2022-jp", "日本".encode("iso2022_jp"), "日本"),
        ("big5", "繁體".encode("big5"), "繁體"),
        ("utf-7", b"Hi +AOk-", "Hi é"),
        ("utf-16", "é".encode("utf-16"), "é"),
        ("utf-8", b"a\xffb", "a\ufffdb"),
    ],
)
def test_charsets(charset: str, data: bytes, text: str) -> None:
    assert charset_decode(data, charset) == text


@given(
    st.binary(max_size=100),
    st.sampled_from(
        ["utf-7", "utf-16", "utf-32", "iso-2022-jp", "iso-2022-kr", "hz", "gb18030", "big5", "johab"]
    )
    | st.text(max_size=20),
)
def test_anything_is_some_text(data: bytes, charset: str) -> None:
    charset_decode(data, charset).encode("utf-8")


def test_only_charsets_reach_the_codecs() -> None:
    for name in ("rot13", "zlib", "hex", "unicode_escape", "idna", "punycode", "undefined", "os", "../x"):
        assert known_charset(name) is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?gr=C3=BCn?=", "grün"),
        (b"=?UTF-8?B?Z3LDvG4=?=", "grün"),
        (b"=?utf-8*de?Q?gr=C3=BCn?=", "grün"),
        (b"=?iso-8859-1?q?a_b?= c", "a b c"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        # RFC 2047 6.2: white space between encoded words is not shown.
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=  \t =?iso-8859-1?q?=FC?=", "aü"),
        (b"=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        # a character cut in two
        (b"=?utf-8?q?gr=C3?= =?utf-8?q?=BCn?=", "grün"),
        (b"=?utf-8?b?Z3LD?= =?utf-8?b?vG4=?=", "grün"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        ("grün =?utf-8?q?x?=".encode(), "grün x"),
        (b"gr\xfcn", "grün"),
        (b"=?x-unknown?q?a=FC?=", "aü"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?a", "=?utf-8?q?a"),
        (b"=?utf-8?q??=", ""),
        (b"=?utf-8?b?!!!?=", ""),
        (b'"=?utf-8?q?a?=" <a@b>', '"a" <a@b>'),
        (b"=?utf-8?q?a b?=", "a b"),
    ],
)
def test_encoded_words(raw: bytes, text: str) -> None:
    assert header_text(raw) == text


@given(st.text("a \t\r\n=", max_size=40).map(str.encode))
def test_spaces_before_line_ends_were_not_in_what_was_encoded(data: bytes) -> None:
    without = re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", data)
    assert transfer_decode(data, "quoted-printable") == quopri.decodestring(without)


CHARSETS = sorted({*aliases, *aliases.values(), "", "x-nonsense"})


@given(st.text(st.characters(max_codepoint=127), max_size=40).map(str.encode))
def test_ascii_is_itself_where_that_is_said(data: bytes) -> None:
    for charset in CHARSETS:
        if has_ascii(charset):
            assert charset_decode(data, charset) == data.decode("ascii")
    assert not has_ascii("utf-16le") and not has_ascii("ISO-2022-JP") and has_ascii("KOI8-R")
