"""IMAP URLs on the wire (RFC 5092): octets -> `model.urls.Url`, relative references resolved.

The grammar of section 11 to the letter. Unlike in all other places here, mailbox names are UTF-8 behind
percent signs whatever the client has enabled (RFC 5092 8).
"""

import re
from datetime import date
from urllib.parse import quote, unquote_to_bytes

from pillarbox.imap.wire.limits import NUMBER
from pillarbox.model import names
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.urls import Access, Audience, Server, Url

# achar = unreserved / sub-delims without ";" / pct-encoded      bchar = achar / ":" / "@" / "/"
_ENCODED = rb"%[0-9A-Fa-f]{2}"
_ACHARS = rb"(?:[A-Za-z0-9._~!$'()*+,&=-]|" + _ENCODED + rb")+"
_BCHARS = rb"(?:[A-Za-z0-9._~!$'()*+,&=:@/-]|" + _ENCODED + rb")+"
_NZ_NUMBER = rb"[1-9][0-9]{0,9}"
# iserver = [iuserinfo "@"] host [ ":" port ]     iuserinfo = enc-user [iauth] / [enc-user] iauth
_SERVER = re.compile(
    rb"(?:imap:)?//(?:(?=[^/?@]*@)(?!@)(?P<user>%b)?(?:;AUTH=(?P<auth>\*|%b))?@)?"
    rb"(?P<host>\[[0-9A-F:.]+\]|(?:[A-Z0-9._~!$&'()*+,;=-]|%b)+)(?::(?P<port>[0-9]{0,5}))?(?=/|\Z)"
    % (_ACHARS, _ACHARS, _ENCODED),
    re.IGNORECASE,
)
# icommand = imessagelist / imessagepart [iurlauth]
# access = ("submit+" enc-user) / ("user+" enc-user) / "authuser" / "anonymous"
# iua-verifier = ":" uauth-mechanism ":" enc-urlauth
_COMMAND = re.compile(
    rb"(?P<mailbox>%(bchars)b)(?:;UIDVALIDITY=(?P<uidvalidity>%(nz)b))?"
    rb"(?:\?(?P<search>%(bchars)b)|/;UID=(?P<uid>%(nz)b)"
    rb"(?:/;SECTION=(?P<section>%(bchars)b))?"
    rb"(?:/;PARTIAL=(?P<first>[0-9]{1,10})(?:\.(?P<count>%(nz)b))?)?"
    rb"(?:(?:;EXPIRE=(?P<expires>[^;]+))?;URLAUTH=(?P<access>anonymous|authuser|(?:submit|user)\+%(achars)b)"
    rb"(?::(?P<mechanism>[A-Z0-9.-]+):(?P<token>[0-9A-F]{32,}))?)?"
    rb")?" % {b"bchars": _BCHARS, b"achars": _ACHARS, b"nz": _NZ_NUMBER},
    re.IGNORECASE,
)
_VERIFIER = re.compile(rb":[A-Za-z0-9.-]+:[0-9A-Fa-f]{32,}\Z")
# RFC 3339 5.6: date-time
_DATE_TIME = re.compile(
    rb"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]{1,20})?"
    rb"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_EPOCH = date(1970, 1, 1).toordinal()


def parse(written: bytes, base: str | None = None) -> Url:
    """The URL, or `PeerSyntax`. `base` is the mailbox that a reference without one is about."""
    server, path = _server(written)
    if server is None and written.startswith(b";"):
        # RFC 5092 7.2 forbids relative-path references, 9.1 has this one, and RFC 4469 3 the selected
        # mailbox as its base.
        if base is None:
            raise PeerSyntax("The URL names no mailbox, and none is selected")
        path = b"/%b/%b" % (quote(base, safe="").replace(".", "%2E").encode("ascii"), path)
    elif path and not path.startswith(b"/"):
        raise PeerSyntax("The URL is neither an IMAP URL nor an absolute path")
    path = _without_dots(path)[1:]
    if not path:
        return Url(server, None)
    found = _COMMAND.fullmatch(path)
    if not found:
        raise PeerSyntax("The URL does not follow the grammar of IMAP URLs")
    search, section, expires, access, mechanism, token = found.group(
        "search", "section", "expires", "access", "mechanism", "token"
    )
    return Url(
        server,
        names.normalise(_text(found["mailbox"])),
        _number(found["uidvalidity"]),
        None if search is None else _text(search),
        _number(found["uid"]),
        b"" if section is None else unquote_to_bytes(section),
        _partial(found["first"], found["count"]),
        None if expires is None else _instant(expires),
        None if access is None else _access(access),
        None if mechanism is None else mechanism.decode("ascii").upper(),
        None if token is None else token.decode("ascii").lower(),
    )


def rump(written: bytes) -> bytes:
    """What was authorized: the URL without mechanism and token, nothing else changed (RFC 4467 6)."""
    return _VERIFIER.sub(b"", written)


def _server(written: bytes) -> tuple[Server | None, bytes]:
    """What stands before the path, and the path with all that follows."""
    found = _SERVER.match(written)
    if not found:
        if re.match(rb"(?:imap:)?//", written, re.IGNORECASE):
            raise PeerSyntax("The URL does not say well which server it means")
        return None, written
    user, auth, port = found.group("user", "auth", "port")
    server = Server(
        _text(found["host"]).lower(),
        None if user is None else _text(user),
        None if auth is None else _text(auth).upper(),
        int(port) if port else None,
    )
    return server, written[found.end() :]


def _without_dots(path: bytes) -> bytes:
    """RFC 3986 5.2.4. RFC 5092 7: what is part of a name, and no step, is percent-encoded."""
    if b"/." not in path:
        return path
    path, mark, query = path.partition(b"?")
    out: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            out = out[:-1]
        elif segment != b".":
            out.append(segment)
    if segments[-1] in (b".", b".."):
        out.append(b"")
    return b"/" + b"/".join(out) + mark + query


def _text(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise PeerSyntax("The URL holds octets that are not UTF-8") from None


def _number(digits: bytes | None) -> int | None:
    if digits is None:
        return None
    number = int(digits)
    if number > NUMBER:
        raise PeerSyntax("A number in the URL is not a 32-bit number")
    return number


def _partial(first: bytes | None, count: bytes | None) -> tuple[int, int | None] | None:
    """partial-range = number ["." nz-number]"""
    start = _number(first)
    return None if start is None else (start, _number(count))


def _access(written: bytes) -> Access:
    audience, plus, user = written.partition(b"+")
    return Access(Audience(audience.decode("ascii").lower()), _text(user) if plus else "")


def _instant(written: bytes) -> int:
    """RFC 3339 date-time as seconds since 1970; fractions do not count."""
    found = _DATE_TIME.fullmatch(written)
    if not found:
        raise PeerSyntax("EXPIRE is followed by a date and time like 2026-11-23T05:00:00Z")
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])).toordinal() - _EPOCH
    except ValueError:
        raise PeerSyntax("There is no such day in the calendar") from None
    zone = int(found[8]) * 60 + int(found[9]) if found[7] else 0
    if found[7] == b"-":
        zone = -zone
    return day * 86400 + int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6]) - zone * 60
