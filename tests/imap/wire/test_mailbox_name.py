import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.wire.mailbox_name import decode, encode
from pillarbox.model.errors import PeerSyntax

NAMES = [
    ("INBOX", b"INBOX"),
    ("", b""),
    ("a&b", b"a&-b"),
    ("&", b"&-"),
    ("&-", b"&--"),
    ("&&", b"&-&-"),
    ("Entwürfe", b"Entw&APw-rfe"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 5.1.3
    ("ä&ö", b"&AOQ-&-&APY-"),
    ("😀", b"&2D3eAA-"),
    ("a\tb", b"a&AAk-b"),
    ("\x7f", b"&AH8-"),
    ("~", b"~"),
    ("*%", b"*%"),
]

INVALID = [
    b"&",
    b"a&b",
    b"&Jjo",
    b"&Jjo!",
    b"&Jjo!-",
    b"&J-",
    b"&Jj-",
    b"&Jjo=-",
    b"&AGE-",
    b"&Jjo-&Jjo-",
    b"&Jjp-",
    b"&U/BTFw-",
    b"&2AA-",
    b"&2ADYAA-",
    b"&3gA-",
    b"\x7f",
    b"a\tb",
    b"\xc3\xa4",
    b"\xff",
    b"&\xc3\xa4-",
]


@pytest.mark.parametrize(("name", "spelled"), NAMES)
def test_modified_utf7(name, spelled):
    assert encode(name, False) == spelled
    assert decode(spelled, False) == name


@pytest.mark.parametrize(("name", "spelled"), NAMES)
def test_utf8(name, spelled):
    assert encode(name, True) == name.encode()
    assert decode(name.encode(), True) == name


@pytest.mark.parametrize("spelled", INVALID)
def test_there_is_no_second_spelling(spelled):
    with pytest.raises(PeerSyntax):
        decode(spelled, False)


@pytest.mark.parametrize("spelled", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf8(spelled):
    with pytest.raises(PeerSyntax):
        decode(spelled, True)


@given(st.text(max_size=40))
def test_any_name_comes_back(name):
    for utf8 in (False, True):
        spelled = encode(name, utf8)
        assert decode(spelled, utf8) == name
    assert all(0x20 <= octet < 0x7F for octet in encode(name, False))


@given(st.binary(max_size=20) | st.text("&-+,/=AQJjo09ab", max_size=20).map(str.encode))
def test_what_decodes_is_canonical(raw):
    for utf8 in (False, True):
        try:
            name = decode(raw, utf8)
        except PeerSyntax:
            continue
        assert encode(name, utf8) == raw
