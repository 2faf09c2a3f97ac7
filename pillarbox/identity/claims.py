"""What comes out of a SASL exchange, and what an exchange may know of its connection. Plain data."""

from dataclasses import dataclass, field

from pillarbox.model.errors import Code, Refused


@dataclass(frozen=True, slots=True)
class Channel:
    """The connection a client logs in on: the protocol it speaks, from which address it comes, and the
    hash of our certificate where that can bind it to what is said on it (RFC 5929 4). `tls`: whether it is
    private; `certified`: the mail addresses of the client's certificate, which has been verified."""

    protocol: str = "imap"
    peer: str = ""
    end_point: bytes | None = None
    tls: bool = False
    certified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client claims. `authorize_as` is '' when it wants to be who it says it is."""

    name: str
    password: str
    authorize_as: str = ""
    mechanism: str = field(default="LOGIN", compare=False)  # or what a protocol has in its place

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r}, authorize_as={self.authorize_as!r})"  # never the password


@dataclass(frozen=True, slots=True)
class Proven:
    """What a mechanism has found proved: whose name, by which state of the account's credentials, and with
    the app password of which device, if it was one; by a token: which program has it, of which grant."""

    name: str
    account: int
    version: int
    authorize_as: str = ""
    device: str = ""
    mechanism: str = field(default="", compare=False)
    grant: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token (RFC 6750), and whom its bearer wants to be, if he says so. What it is worth is still
    to be found out."""

    token: str
    authorize_as: str = ""
    mechanism: str = field(default="OAUTHBEARER", compare=False)

    def __repr__(self) -> str:
        return f"Token(authorize_as={self.authorize_as!r})"  # never the token


Claim = Credentials | Proven
WRONG_CODE = "wrong code"  # the reason that tells of a right password


class Rejected(Refused):
    """Somebody who cannot come in. `reason` is for the log, and for nobody else: the client is told the same
    whatever it was."""

    def __init__(self, reason: str) -> None:
        super().__init__("Authentication failed", Code.AUTHENTICATIONFAILED)
        self.reason = reason


class Unchecked(Refused):
    """Nobody has looked at what was claimed: it says nothing against whoever claimed it."""


def refusal(reason: str = "wrong password") -> Rejected:
    """The one answer to whoever cannot come in."""
    return Rejected(reason)
