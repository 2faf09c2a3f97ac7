"""What comes out of a SASL exchange, and what an exchange may know of its connection. Plain data."""

from dataclasses import dataclass

from pillarbox.model.errors import Code, Refused


@dataclass(frozen=True, slots=True)
class Channel:
    """The connection a client logs in on: the protocol it speaks, from which address it comes, and the
    hash of our certificate where that can bind it to what is said on it (RFC 5929 4)."""

    protocol: str = "imap"
    peer: str = ""
    end_point: bytes | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client claims. `authorize_as` is '' when it wants to be who it says it is."""

    name: str
    password: str
    authorize_as: str = ""

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r}, authorize_as={self.authorize_as!r})"  # never the password


@dataclass(frozen=True, slots=True)
class Proven:
    """What a mechanism has found proved: whose name, by which state of the account's credentials, and with
    the app password of which device, if it was one."""

    name: str
    account: int
    version: int
    authorize_as: str = ""
    device: str = ""


Claim = Credentials | Proven


def refusal() -> Refused:
    """The one answer to whoever cannot come in, whatever the reason."""
    return Refused("Authentication failed", Code.AUTHENTICATIONFAILED)
