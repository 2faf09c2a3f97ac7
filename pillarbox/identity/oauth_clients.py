"""Programs that may ask for grants: those that are configured, and one profile for any mail program.

Nobody registers by himself (RFC 7591 is not there). A mail program on somebody's machine can keep no
secret and be no one in particular, so one public client stands for all of them; what protects it is that
its redirections lead to the machine it is on (RFC 8252 7.3), that PKCE ties the code to whoever asked for
it, and that the user says yes.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pillarbox.identity import grants

SCOPES = ("imap", "pop", "smtp")
OFFLINE = "offline_access"  # RFC 7628 3.2.2 recommends it; there is always a refresh token here
MAX_URI = 2_000

# A loopback redirection: RFC 8252 7.3. Written so that no parser can read another host out of it.
_LOOPBACK = re.compile(
    r"(?P<host>https?://(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?P<port>\d{1,5}))?"
    r"(?P<rest>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)"
)


@dataclass(frozen=True, slots=True)
class Client:
    """`any_loopback`: it may be sent to any port and path of its user's machine. Without a secret it is
    public."""

    id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    any_loopback: bool = False

    def may_return_to(self, uri: str) -> bool:
        """RFC 9700 4.1.3: exact, but for the port of a loopback address."""
        if len(uri) > MAX_URI or not uri.isascii() or not uri.isprintable():
            return False
        if uri in self.redirect_uris:
            return True
        asked = _LOOPBACK.fullmatch(uri)
        if asked is None or int(asked["port"] or 80) > 65535:
            return False
        if self.any_loopback:
            return True
        registered = filter(None, map(_LOOPBACK.fullmatch, self.redirect_uris))
        return any((each["host"], each["rest"]) == (asked["host"], asked["rest"]) for each in registered)

    def knows(self, secret: str) -> bool:
        return hmac.compare_digest(self.secret.encode(), secret.encode("utf-8", "surrogatepass"))


MAIL_PROGRAM = Client("mail-program", "A mail program", any_loopback=True)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds."""

    access: int = grants.ACCESS_SECONDS
    refresh: int = grants.REFRESH_SECONDS


class Clients:
    def __init__(self, configured: Iterable[Client] = (), *, mail_programs: bool = True) -> None:
        own = (MAIL_PROGRAM,) if mail_programs else ()
        self._clients = {each.id: each for each in (*own, *configured)}

    def get(self, id: str) -> Client | None:
        return self._clients.get(id)


def scopes(wanted: str) -> str | None:
    """What is granted of what is asked for; without a word all of it; None for what there is not."""
    names = wanted.split() if wanted.strip() else list(SCOPES)
    if any(each not in SCOPES and each != OFFLINE for each in names):
        return None
    return " ".join(each for each in SCOPES if each in names) or None
