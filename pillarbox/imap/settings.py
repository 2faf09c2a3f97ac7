"""What the operator may decide about IMAP, and the limits that are not of the grammar (`wire/limits`)."""

from dataclasses import dataclass
from typing import Literal

Cleartext = Literal["never", "loopback", "always"]

MAX_BAD_BEFORE_LOGIN = 10  # commands in a row; a stranger that cannot speak IMAP is not worth a socket
MAX_BAD = 100  # in a row after login: a client gone mad, not one that tries an extension
MAX_CATENATED = 4  # times the greatest message: what the URLs of one APPEND bring; its line is short
MAX_FAILED_LOGINS = 5  # a connection; the throttle across connections is not IMAP's business


@dataclass(frozen=True, slots=True)
class Settings:
    """`hostname` is what the greeting says; `cleartext` where passwords may be sent without TLS: on
    connections from this machine ("loopback": by the client's real address), nowhere, or everywhere."""

    hostname: str
    cleartext: Cleartext = "loopback"
    tls: bool = True  # STARTTLS can be offered: there is a certificate
    append_limit: int = 100 * 1024 * 1024  # octets of one message
    unauthenticate: bool = True  # RFC 8437 8: a proxy that trusts one login a connection needs it off
    append_memory: int = 64 * 1024 * 1024  # octets that the messages of one MULTIAPPEND hold until its end
    login_timeout: float = 60.0  # seconds of silence before login
    upload_timeout: float = 300.0  # within a command that has begun
    idle_timeout: float = 1860.0  # RFC 9051 5.4: at least 30 minutes
    submitters: tuple[str, ...] = ()  # who may use URLs that are authorized for submission (RFC 4467 3)
    save_limit: int | None = None  # messages that one COPY or APPEND may save (RFC 9738); None: any number
    progress_every: float = 12.0  # seconds between two words from a long command; RFC 9585 4: 10 to 15
