"""SASL mechanisms as steps without IO (RFC 4422). The protocol room speaks base64 and its own continuations.

    mechanism = sasl.start("PLAIN")
    outcome = mechanism.step(initial_response_or_None)
    while isinstance(outcome, bytes): send it as a challenge, outcome = mechanism.step(answer)
    login = await authenticator.login(outcome)        # outcome is Credentials

A broken message is PeerSyntax, and the exchange is over. A client that cancels with `*` is the protocol
room's business: it forgets the mechanism.
"""

from dataclasses import dataclass
from typing import Protocol

from pillarbox.model.errors import PeerSyntax


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client claims. `authorize_as` is '' when it wants to be who it says it is."""

    name: str
    password: str
    authorize_as: str = ""

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r}, authorize_as={self.authorize_as!r})"  # never the password


Outcome = bytes | Credentials


class Mechanism(Protocol):
    """One exchange. `step(None)` starts it when the client sent no initial response."""

    def step(self, response: bytes | None) -> Outcome: ...


class Plain:
    """PLAIN (RFC 4616): one message, `authzid NUL authcid NUL passwd`."""

    def step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b""  # RFC 4616 2: the client speaks first, so the challenge is empty
        pieces = response.split(b"\0")
        if len(pieces) != 3:
            raise PeerSyntax("A PLAIN message has three parts separated by NUL")
        authorize_as, name, password = (_utf8(piece) for piece in pieces)
        if not name or not password:
            raise PeerSyntax("A PLAIN message names a user and a password")  # RFC 4616 2: 1*SAFE
        return Credentials(name, password, authorize_as)


class Login:
    """LOGIN: never standardised, still the only mechanism of some clients. Name, then password."""

    def __init__(self) -> None:
        self._name: str | None = None

    def step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b"Username:"
        if self._name is None:
            self._name = _utf8(response)
            return b"Password:"
        return Credentials(self._name, _utf8(response))


_MECHANISMS: dict[str, type[Plain] | type[Login]] = {"PLAIN": Plain, "LOGIN": Login}

# In the order in which they are announced: the best first.
MECHANISMS: tuple[str, ...] = tuple(_MECHANISMS)


def start(name: str) -> Mechanism | None:
    """A fresh exchange with the mechanism of that name, in any case; None when there is none."""
    mechanism = _MECHANISMS.get(name.upper())
    return mechanism() if mechanism else None


def _utf8(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerSyntax("Names and passwords are UTF-8") from None
