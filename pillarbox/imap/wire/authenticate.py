"""LOGIN, AUTHENTICATE, STARTTLS, LOGOUT (RFC 9051 6.1.3, 6.2), UNAUTHENTICATE (RFC 8437).

The exchange of lines after AUTHENTICATE is the session's; base64 is decoded and encoded here.
"""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind
from pillarbox.model.errors import PeerSyntax

_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Login:
    """`LOGIN userid password`. The password never shows in a repr, so that no log can hold it."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`AUTHENTICATE mechanism [initial-response]`: the mechanism in capitals, the response decoded.

    `initial` is None when there was none and b"" when it was written `=` (RFC 9051 6.2.2).
    """

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    pass


@dataclass(frozen=True, slots=True)
class Logout:
    pass


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    pass


@dataclass(frozen=True, slots=True)
class Challenge:
    """`+ base64`: one server step of a SASL exchange; b"" asks for the client's first step."""

    data: bytes


def parse_login(reader: Reader) -> Login:
    """login = "LOGIN" SP userid SP password"""
    reader.space()
    user = reader.text(reader.astring("A user name"), "The user name")
    reader.space()
    password = reader.text(reader.astring("A password"), "The password")
    return Login(user, password)


def parse_authenticate(reader: Reader) -> Authenticate:
    """authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]"""
    reader.space()
    mechanism = reader.word("A mechanism name")
    if not reader.maybe(b" "):
        return Authenticate(mechanism)
    if reader.maybe(b"="):
        return Authenticate(mechanism, b"")
    return Authenticate(mechanism, response(reader.take(_BASE64, "An initial response in base64")[0]))


def parse_starttls(reader: Reader) -> StartTls:
    return StartTls()


def parse_logout(reader: Reader) -> Logout:
    return Logout()


def parse_unauthenticate(reader: Reader) -> Unauthenticate:
    return Unauthenticate()


def encode_challenge(challenge: Challenge, kind: Kind) -> bytes:
    # continue-req = "+" SP (resp-text / base64) CRLF: the space stays where the step is empty.
    return b"+ " + b64encode(challenge.data) + b"\r\n"


def response(line: bytes) -> bytes:
    """A client's step of the exchange, from base64 (RFC 9051 6.2.2; `*` is the session's business).

    RFC 4648 3.5: padded and canonical, so that what is authenticated has one spelling.
    """
    try:
        data = b64decode(line, validate=True)
    except binascii.Error:
        data = b""
    if b64encode(data) != line:
        raise PeerSyntax("A step of the authentication exchange is not base64")
    return data
