"""LOGIN, AUTHENTICATE, STARTTLS, LOGOUT (RFC 9051 6.1.3, 6.2).

The exchange of lines after AUTHENTICATE is the session's; base64 is decoded and encoded here.
"""

from dataclasses import dataclass, field


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
class Challenge:
    """`+ base64`: one server step of a SASL exchange; b"" asks for the client's first step."""

    data: bytes
