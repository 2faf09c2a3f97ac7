"""Cookies, sessions, forms that are really ours, and whether a connection is private.

Each browser has a cookie `visit` of random octets before anybody signs in; a form carries an HMAC of it
and of the session, so that a page elsewhere cannot post one (and an Origin header from elsewhere is
refused whatever the form says). The session's own cookie is a new one at each sign-in.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.identity import web_sessions
from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.oauth_clients import Clients, Lifetimes
from pillarbox.identity.pool import PasswordPool, network
from pillarbox.identity.scram import ITERATIONS, MODERN, Hash
from pillarbox.identity.web_sessions import WebSession
from pillarbox.net.session import Peer

T = TypeVar("T")

MAX_FIELDS = 40
FRESH = 900  # seconds since signing in within which what stays when the session is over may be made
SESSION, VISIT = "session", "visit"


class LogIn(Protocol):
    """`Authenticator.login`, of people and not of devices."""

    async def __call__(self, claim: Claim, channel: Channel = ...) -> Login: ...


class Problem(Exception):
    """Said to a person; `status` of HTTP."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


@dataclass(frozen=True, slots=True)
class Services:
    """What the site works with. `directory` is read on the loop, `writer` changed on threads; `url`: what
    the server is called from outside, without a slash at its end; `cleartext` as in the mail protocols;
    `hashes` and `iterations`: of what is stored for SCRAM."""

    directory: Directory
    writer: Directory
    pool: PasswordPool
    login: LogIn
    gate: Gate
    url: str
    hostname: str
    clients: Clients
    lifetimes: Lifetimes
    random: Callable[[int], bytes]
    clock: Callable[[], float]
    cleartext: str = "loopback"
    hashes: Hash = MODERN
    iterations: int = ITERATIONS

    async def change(self, request: Request, work: Callable[[Directory], T]) -> T:
        """Do this on a thread, in the line of the client's network."""
        return await self.pool.run(partial(work, self.writer), network(peer_of(request).address))


def peer_of(request: Request) -> Peer:
    found: Peer = request.scope["state"]["peer"]
    return found


def channel_of(request: Request) -> Channel:
    return Channel("http", peer_of(request).address, tls=request.url.scheme == "https")


def note(services: Services, request: Request, address: str, what: str) -> None:
    """What somebody has done on his account page, into the audit log."""
    channel = channel_of(request)
    services.gate.write(
        "admin", account=address, address=channel.peer, protocol="http", tls=channel.tls, detail=what
    )


def require_privacy(services: Services, request: Request) -> None:
    """Passwords and tokens go over TLS, or stay on the machine, as in the mail protocols."""
    if request.url.scheme == "https" or services.cleartext == "always":
        return
    if services.cleartext == "never" or not peer_of(request).is_loopback:
        raise Problem("This page is there over https only", 403)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; none of them twice (RFC 6749 3.2)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem("A form is expected", 415)
    return fields((await request.body()).decode("ascii", "replace"))


def query_of(request: Request) -> dict[str, str]:
    return fields(request.scope["query_string"].decode("ascii", "replace"))


def fields(encoded: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise Problem("The fields are not to be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem("A field is there twice")
    return found


# Who is there


def session_of(services: Services, request: Request) -> WebSession | None:
    """Refused, for now, from a network that an administrator has shut."""
    token = _cookie(request, SESSION)
    session = web_sessions.find(services.directory, token) if token else None
    if session is not None:
        services.gate.check(session.address, channel_of(request))
    return session


def require_session(services: Services, request: Request) -> WebSession:
    session = session_of(services, request)
    if session is None:
        raise Problem("You are not signed in any more, please sign in again", 403)
    return session


def fresh_session_of(services: Services, request: Request) -> WebSession:
    """Of somebody who has signed in just now."""
    session = session_of(services, request)
    if session is None or services.directory.now() >= session.created_at + FRESH:
        raise Problem("Please sign out and in again first", 403)
    return session


def session_token(request: Request) -> str:
    return _cookie(request, SESSION)


def signed_in(services: Services, request: Request, response: Response, token: str) -> None:
    _set(request, response, SESSION, token, web_sessions.SECONDS)


def signed_out(request: Request, response: Response) -> None:
    response.delete_cookie(
        _name(request, SESSION), secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )


# Forms that are ours


def proof(services: Services, request: Request) -> tuple[str, str]:
    """What a form has to carry to be taken, and the cookie that it is of."""
    visit = _cookie(request, VISIT) or services.random(16).hex()
    return _proof(services, visit, _cookie(request, SESSION)), visit


def visit_of(request: Request) -> str:
    return _cookie(request, VISIT)


def keep_visit(request: Request, response: Response, visit: str) -> None:
    if _cookie(request, VISIT) != visit:
        _set(request, response, VISIT, visit, None)


def require_own_form(services: Services, request: Request, form: dict[str, str]) -> None:
    origin = request.headers.get("origin")
    # RFC 6454 7.1: scheme, "://", host and port; whatever else it is, it is not ours.
    if origin and origin != "null" and origin.partition("://")[2] != request.headers.get("host", ""):
        raise Problem("That form is not ours", 403)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem("That form is not ours", 403)
    visit = _cookie(request, VISIT)
    wanted = _proof(services, visit, _cookie(request, SESSION))
    if not visit or not hmac.compare_digest(
        wanted.encode(), form.get("proof", "").encode("utf-8", "surrogatepass")
    ):
        raise Problem("That page was too old, please go back, load it again and try once more", 403)


async def own_form_of(services: Services, request: Request) -> dict[str, str]:
    """What was typed into a form of ours that came as it has to."""
    require_privacy(services, request)
    form = await form_of(request)
    require_own_form(services, request, form)
    return form


def _proof(services: Services, visit: str, session: str) -> str:
    return hmac.digest(services.directory.web_key, f"form:{visit}:{session}".encode(), hashlib.sha256).hex()


def _name(request: Request, name: str) -> str:
    # RFC 6265bis 4.1.3.2: no other host and no connection in the clear can set these.
    return f"__Host-{name}" if request.url.scheme == "https" else name


def _cookie(request: Request, name: str) -> str:
    found = request.cookies.get(_name(request, name), "")
    return found if len(found) <= 64 and found.isalnum() and found.isascii() else ""


def _set(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _name(request, name),
        value,
        max_age=seconds,
        secure=request.url.scheme == "https",
        httponly=True,
        # Lax: a program that sends its user here comes from elsewhere, and he shall not sign in each time.
        samesite="lax",
    )
