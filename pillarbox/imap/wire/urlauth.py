"""GENURLAUTH, RESETKEY and URLFETCH (RFC 4467, RFC 5524). URLs pass through as they were written; what
they mean is the business of `url`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pillarbox.imap.wire.fetch_plan import Content, Stream
from pillarbox.imap.wire.limits import URLS
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind, astring, literal
from pillarbox.model.errors import PeerSyntax

# mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
_MECHANISM = re.compile(rb"[A-Za-z0-9.-]+")


class What(Enum):
    """url-fetch-param (RFC 5524 3.1)."""

    BODYPARTSTRUCTURE = "BODYPARTSTRUCTURE"
    BINARY = "BINARY"
    BODY = "BODY"


@dataclass(frozen=True, slots=True)
class ResetKey:
    """`mailbox` None: of all mailboxes. Mechanisms are in capitals, here and below."""

    mailbox: str | None = None
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GenUrlAuth:
    """URLs to be authorized, each with its mechanism."""

    urls: tuple[tuple[bytes, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A URL and what of it; nothing for its content alone, in the unextended form of the answer."""

    url: bytes
    what: frozenset[What] = frozenset()


@dataclass(frozen=True, slots=True)
class UrlFetch:
    urls: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Authorized:
    """`* GENURLAUTH url ...`"""

    urls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to one `Wanted`: what was asked for. `content` NIL: it cannot be decoded."""

    content: Content = None
    structure: bytes | None = None


def parse_resetkey(reader: Reader) -> ResetKey:
    """resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]"""
    if reader.at_end():
        return ResetKey()
    reader.space()
    mailbox = reader.mailbox()
    mechanisms: dict[str, None] = {}
    while reader.maybe(b" "):
        mechanisms[_mechanism(reader)] = None
    return ResetKey(mailbox, tuple(mechanisms))


def parse_genurlauth(reader: Reader) -> GenUrlAuth:
    """genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)"""
    urls: list[tuple[bytes, str]] = []
    reader.space()
    while True:
        url = reader.astring("A URL")
        reader.space()
        urls.append((url, _mechanism(reader)))
        if not reader.maybe(b" "):
            return GenUrlAuth(tuple(urls))
        _require_room(len(urls))


def parse_urlfetch(reader: Reader) -> UrlFetch:
    """urlfetch = "URLFETCH" 1*(SP url-fetch-arg)     (RFC 5524 5)"""
    urls: list[Wanted] = []
    reader.space()
    while True:
        urls.append(_extended(reader) if reader.maybe(b"(") else Wanted(reader.astring("A URL")))
        if not reader.maybe(b" "):
            return UrlFetch(tuple(urls))
        _require_room(len(urls))


def _extended(reader: Reader) -> Wanted:
    """url-fetch-ext = "(" url-full *(SP url-fetch-param) ")" """
    url = reader.astring("A URL")
    what: set[What] = set()
    while reader.maybe(b" "):
        word = reader.word("BODY, BINARY or BODYPARTSTRUCTURE")
        if word not in What.__members__ or What(word) in what:
            reader.fail("BODY, BINARY or BODYPARTSTRUCTURE, once,")
        what.add(What(word))
    reader.expect(b")")
    if {What.BODY, What.BINARY} <= what:
        raise PeerSyntax("BODY and BINARY exclude each other")  # RFC 5524 3.1
    return Wanted(url, frozenset(what))


def _mechanism(reader: Reader) -> str:
    return reader.take(_MECHANISM, "A mechanism")[0].decode("ascii").upper()


def _require_room(count: int) -> None:
    if count == URLS:
        raise PeerSyntax(f"One command names at most {URLS} URLs")


def encode_authorized(response: Authorized, kind: Kind) -> bytes:
    """genurlauth-data = "*" SP "GENURLAUTH" 1*(SP url-full)"""
    return b" ".join([b"* GENURLAUTH", *[astring(url, kind) for url in response.urls]]) + b"\r\n"


def url_data(wanted: Wanted, fetched: Fetched | None, kind: Kind) -> Iterator[bytes]:
    """The line that answers `wanted`; None where its URL is not valid.

    urldata-ext = SP url-full 1*(SP "(" url-metadata-el ")")
    """
    line = b"* URLFETCH " + astring(wanted.url, kind)
    if fetched is None:
        yield line + b" NIL\r\n"
        return
    if not wanted.what:
        # RFC 4467 BASE.7.4.URLFETCH: what is valid is never NIL.
        yield from _nstring(line + b" ", b"" if fetched.content is None else fetched.content)
        yield b"\r\n"
        return
    if fetched.structure is not None:
        line += b" (BODYPARTSTRUCTURE " + fetched.structure + b")"
    if What.BINARY in wanted.what:
        yield from _nstring(line + b" (BINARY ", fetched.content, binary=True)
        line = b")"
    elif What.BODY in wanted.what:
        yield from _nstring(line + b" (BODY ", fetched.content)
        line = b")"
    yield line + b"\r\n"


def _nstring(before: bytes, content: Content, *, binary: bool = False) -> Iterator[bytes]:
    if content is None:
        yield before + b"NIL"
    elif isinstance(content, Stream):
        # RFC 5524 3.2: literal8 where there are NULs; nobody has looked for them here.
        yield b"%b%b{%d}\r\n" % (before, b"~" if binary else b"", content.size)
        for piece in content.pieces:
            yield piece if binary else piece.replace(b"\0", b"\x80")
    else:
        assert isinstance(content, bytes)
        if binary and b"\0" in content:
            yield b"%b~{%d}\r\n%b" % (before, len(content), content)
        else:
            yield before + (literal(content) if content else b'""')
