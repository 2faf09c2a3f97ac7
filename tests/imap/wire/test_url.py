"""IMAP URLs: the examples of the RFCs, what is no URL, and any URL there may be."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.wire.url import parse, rump
from pillarbox.model import names
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.urls import Access, Audience, Server, Url

TOKEN = "91354a473744909de610943775f92038"
JOE = Server("example.com", "joe")

URLS = [
    # RFC 5092 9
    (
        b"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
        Url(Server("minbari.example.org"), "gray-council", 385759045, uid=20, partial=(0, 1024)),
    ),
    (
        b"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
        Url(Server("psicorp.example.org"), "~peter/日本語/台北"),
    ),
    (
        b"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2",
        Url(Server("minbari.example.org", auth="GSSAPI"), "gray-council", uid=20, section=b"1.2"),
    ),
    (
        b"imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows",
        Url(Server("minbari.example.org", auth="*"), "gray council", search="SUBJECT shadows"),
    ),
    (
        b"imap://john;AUTH=*@minbari.example.org/babylon5/personel?charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A"
        b"%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2%D0%B0",
        Url(
            Server("minbari.example.org", "john", "*"),
            "babylon5/personel",
            search="charset UTF-8 SUBJECT {14+}\r\nИванова",
        ),
    ),
    (b"/foo/;UID=20/..", Url(None, "foo")),
    (b"/foo", Url(None, "foo")),
    (b"/..;UIDVALIDITY=385759045/;UID=20", Url(None, "..", 385759045, uid=20)),
    # RFC 4467 3, RFC 5092 6.1.2
    (
        f"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:{TOKEN}".encode(),
        Url(
            *(JOE, "INBOX", None, None, 20, b"1.2", None, None, Access(Audience.SUBMIT, "fred")),
            *("INTERNAL", TOKEN),
        ),
    ),
    (b"IMAP://EXAMPLE.com", Url(Server("example.com"), None)),
    (b"imap://example.com/", Url(Server("example.com"), None)),
    (b"//example.com:1143/inbox", Url(Server("example.com", port=1143), "INBOX")),
    (b"imap://[2001:db8::1]:/x", Url(Server("[2001:db8::1]"), "x")),
    (b"", Url(None, None)),
    (b"/", Url(None, None)),
    (b"/inbox/a/;uid=4294967295", Url(None, "INBOX/a", uid=4294967295)),
    (b"/a/b/../c/./;UID=1", Url(None, "a/c", uid=1)),
    (b"/a%2Fb/%2e%2E/;UID=1", Url(None, "a/b/..", uid=1)),
    (
        b"/x/;UID=1/;SECTION=HEADER.FIELDS%20(From%20To)",
        Url(None, "x", uid=1, section=b"HEADER.FIELDS (From To)"),
    ),
    (b"/x/;UID=1/;SECTION=a/./b", Url(None, "x", uid=1, section=b"a/b")),
    (b"/x/;UID=1/;SECTION=a/b/;PARTIAL=7", Url(None, "x", uid=1, section=b"a/b", partial=(7, None))),
    (
        b"/x/;UID=1/;PARTIAL=0.1;EXPIRE=2026-11-23T05:00:00.5+01:00;URLAUTH=authuser",
        Url(
            *(None, "x", None, None, 1, b"", (0, 1)),
            expires=1795406400,
            access=Access(Audience.AUTHUSER),
        ),
    ),
    (
        b"/x/;UID=1;expire=1985-04-12t23:20:50z;urlauth=USER+a%40b",
        Url(None, "x", uid=1, expires=482196050, access=Access(Audience.USER, "a@b")),
    ),
    (b"/x/;UIDVALIDITY=1/;UID=1", Url(None, "x", 1, uid=1)),
    (b";UID=20", Url(None, "Öl/..", uid=20)),
    (b";UID=20/;SECTION=1", Url(None, "Öl/..", uid=20, section=b"1")),
]

NO_URLS = [
    b"http://example.com/x",
    b"imap:",
    b"imap:/x",
    b"imap:///x",
    b"imap://@example.com/x",
    b"imap://a@b@example.com/x",
    b"imap://;AUTH=@example.com/x",
    b"imap://example.com:123456/x",
    b"imap://example.com?x",
    b"imap://exa mple.com/x",
    b"x",
    b"x/;UID=1",
    b"./;UID=1",
    b"?ALL",
    b"#x",
    b"/x#y",
    b"/x y",
    b"/x%",
    b"/x%4",
    b"/x%gg",
    b"/x\xc3\xbc",
    b"/x\0",
    b"/%ff/;UID=1",
    b"/x/;UID=0",
    b"/x/;UID=",
    b"/x/;UID=01",
    b"/x/;UID=4294967296",
    b"/x/;UID=1,2",
    b"/x/;UID=1/",
    b"/x;UID=1",
    b"/;UID=1",
    b"/x;UIDVALIDITY=0/;UID=1",
    b"/x/;SECTION=1",
    b"/x/;UID=1/;SECTION=",
    b"/x/;UID=1/;PARTIAL=",
    b"/x/;UID=1/;PARTIAL=1.0",
    b"/x/;UID=1/;PARTIAL=1.2.3",
    b"/x/;UID=1/;PARTIAL=4294967296",
    b"/x/;UID=1/;PARTIAL=0.1/;SECTION=1",
    b"/x/;UID=1?ALL",
    b"/x;URLAUTH=anonymous",
    b"/x/;UID=1;URLAUTH=",
    b"/x/;UID=1;URLAUTH=everybody",
    b"/x/;UID=1;URLAUTH=user+",
    b"/x/;UID=1;URLAUTH=user",
    b"/x/;UID=1;URLAUTH=anonymous:internal",
    b"/x/;UID=1;URLAUTH=anonymous:internal:" + TOKEN[1:].encode(),
    b"/x/;UID=1;URLAUTH=anonymous:internal:" + b"g" * 32,
    b"/x/;UID=1;URLAUTH=anonymous;EXPIRE=2026-11-23T05:00:00Z",
    b"/x/;UID=1;EXPIRE=2026-11-23T05:00:00Z",
    b"/x/;UID=1;EXPIRE=2026-02-30T05:00:00Z;URLAUTH=anonymous",
    b"/x/;UID=1;EXPIRE=0000-01-01T05:00:00Z;URLAUTH=anonymous",
    b"/x/;UID=1;EXPIRE=2026-11-23;URLAUTH=anonymous",
    b"/x/;UID=1;EXPIRE=2026-11-23T05:00:00;URLAUTH=anonymous",
    b"/x/;UID=1;EXPIRE=;URLAUTH=anonymous",
]


@pytest.mark.parametrize(("written", "url"), URLS)
def test_urls(written: bytes, url: Url) -> None:
    assert parse(written, "Öl/..") == url
    for cut in range(len(written)):
        try:
            parse(written[:cut])
        except PeerSyntax as error:
            assert str(error).isascii() and len(str(error)) < 100


@pytest.mark.parametrize("written", NO_URLS)
def test_no_urls(written: bytes) -> None:
    with pytest.raises(PeerSyntax):
        parse(written, "base")


def test_a_reference_to_no_mailbox() -> None:
    with pytest.raises(PeerSyntax):
        parse(b";UID=20")


@pytest.mark.parametrize("garbage", [b" ", b"\0", b"\r\n", b"x", b")", b":a:b"])
def test_nothing_follows_a_token(garbage: bytes) -> None:
    with pytest.raises(PeerSyntax):
        parse(f"/x/;UID=1;URLAUTH=anonymous:internal:{TOKEN}".encode() + garbage)


def test_the_rump_is_the_url_without_its_proof() -> None:
    # RFC 4467 6: no other octet is touched.
    written = b"imap://jO%65@EXAMPLE.com/INBOX/;uid=20;Urlauth=submit+fred"
    assert rump(written + b":InterNal:" + TOKEN.upper().encode()) == written
    assert rump(written) == written


def spelled(url: Url) -> bytes:
    """One spelling of a URL."""
    out = ""
    if url.server is not None:
        server = url.server
        who = "" if server.user is None else quote(server.user, safe="")
        if server.auth is not None:
            who += ";AUTH=" + (server.auth if server.auth == "*" else quote(server.auth, safe=""))
        out = "imap://" + (f"{who}@" if who else "") + server.host
        out += "" if server.port is None else f":{server.port}"
    if url.mailbox is None:
        return (out + "/").encode()
    out += "/" + quote(url.mailbox, safe="").replace(".", "%2e")
    out += "" if url.uidvalidity is None else f";UIDVALIDITY={url.uidvalidity}"
    if url.search is not None:
        out += "?" + quote(url.search, safe="/:@")
    if url.uid is not None:
        section = quote(url.section, safe="/:@").replace("/.", "/%2E")
        out += f"/;UID={url.uid}" + (f"/;SECTION={section}" if section else "")
        if url.partial is not None:
            first, count = url.partial
            out += f"/;PARTIAL={first}" + ("" if count is None else f".{count}")
        if url.access is not None:
            out += f";URLAUTH={url.access.audience.value}"
            out += f"+{quote(url.access.user, safe='')}" if url.access.user else ""
            out += f":{url.mechanism}:{url.token}" if url.mechanism else ""
    return out.encode()


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
numbers = st.integers(1, 2**32 - 1)
mailboxes = words.filter(lambda name: names.normalise(name) == name)
servers = st.builds(
    Server,
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True),
    st.none() | words,
    st.none() | st.just("*") | st.from_regex(r"[A-Z0-9-]{1,20}", fullmatch=True),
    st.none() | st.integers(0, 65535),
)
parts = st.fixed_dictionaries(
    {
        "uidvalidity": st.none() | numbers,
        "uid": numbers,
        "section": st.binary(max_size=12),
        "partial": st.none() | st.tuples(st.integers(0, 2**32 - 1), st.none() | numbers),
    }
)
proofs = st.just((None, None)) | st.tuples(
    st.sampled_from(["INTERNAL", "X-A.1"]), st.from_regex(r"[0-9a-f]{32,70}", fullmatch=True)
)
accesses = st.one_of(
    st.sampled_from([Access(Audience.ANONYMOUS), Access(Audience.AUTHUSER)]),
    st.builds(Access, st.sampled_from([Audience.USER, Audience.SUBMIT]), words),
)


@given(st.none() | servers, mailboxes, parts, st.none() | st.tuples(accesses, proofs))
def test_any_message(server, mailbox, part, authorized) -> None:
    url = Url(server, mailbox, **part)
    if authorized is not None:
        access, (mechanism, token) = authorized
        url = Url(server, mailbox, **part, access=access, mechanism=mechanism, token=token)
    assert parse(spelled(url)) == url


@given(st.none() | servers, mailboxes, st.none() | numbers, st.none() | words)
def test_any_mailbox(server, mailbox, uidvalidity, search) -> None:
    url = Url(server, mailbox, uidvalidity, search)
    assert parse(spelled(url)) == url


@given(st.binary(max_size=60) | st.text("/;:.%@?imapUID=1SECTIONURLAUTH+", max_size=60).map(str.encode))
def test_anything_is_a_url_or_is_not(written: bytes) -> None:
    try:
        assert isinstance(parse(written, "x"), Url)
    except PeerSyntax as error:
        assert str(error).isascii()
