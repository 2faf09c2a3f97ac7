"""What the operator may decide about POP3, and its limits."""

from dataclasses import dataclass
from typing import Literal

Cleartext = Literal["never", "loopback", "always"]

LINE = 8 * 1024  # octets. RFC 2449 4 asks for 255; RFC 5034 4 for what a mechanism says, and tokens are long
MAX_BAD_BEFORE_LOGIN = 10  # commands in a row; a stranger that cannot speak POP3 is not worth a socket
MAX_BAD = 100  # in a row after login: a client gone mad
MAX_FAILED_LOGINS = 5  # a connection; the throttle across connections is not POP3's business
MOST_HEADER = 256 * 1024  # octets of a header that is made ASCII for a client that wants it so


@dataclass(frozen=True, slots=True)
class Settings:
    """`hostname` is what the greeting says; `cleartext` where passwords may be sent without TLS: on
    connections from this machine ("loopback": by the client's real address), nowhere, or everywhere."""

    hostname: str
    cleartext: Cleartext = "loopback"
    tls: bool = True  # STLS can be offered: there is a certificate
    # Deviates: RFC 1939 3 has an autologout timer of at least ten minutes. Who has not logged in has one
    # minute between two commands, because strangers can come in any number.
    login_timeout: float = 60.0
    idle_timeout: float = 600.0  # RFC 1939 3: at least 10 minutes
