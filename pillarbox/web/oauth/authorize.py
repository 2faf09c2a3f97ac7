"""Where a program sends its user to be asked (RFC 6749 4.1.1), and the user's answer.

A request with a wrong program or a wrong way back is told to the user and leads nowhere (RFC 6749
4.1.2.1); whatever else is wrong is told to the program. The page always asks, because any program on the
user's machine can call itself his mail program (RFC 8252 8.6). The request comes back in the form and is
looked at again.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.identity import codes
from pillarbox.identity.oauth_clients import Client, scopes
from pillarbox.web import pages
from pillarbox.web.oauth.metadata import AUTHORIZE
from pillarbox.web.strict import POLICY
from pillarbox.web.visits import (
    Problem,
    Services,
    keep_visit,
    note,
    own_form_of,
    proof,
    query_of,
    require_privacy,
    require_session,
    session_of,
)

MAX_STATE = 2_000
_KEPT = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://[A-Za-z0-9.:\[\]-]+)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    client: Client
    redirect_uri: str
    state: str
    scope: str
    challenge: str


class Told(Exception):
    """What is told to the program."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.description = description


async def ask(services: Services, request: Request) -> Response:
    require_privacy(services, request)
    said = query_of(request)
    client, uri = _whose(services, said)
    try:
        wanted = _read(client, uri, said)
        session = session_of(services, request)
        if session is None or said.get("prompt") == "login":
            if said.get("prompt") == "none":
                raise Told("login_required")
            kept = {name: said[name] for name in (*_KEPT, "login_hint") if name in said}
            return RedirectResponse(
                "/sign-in?" + urlencode({"next": f"{AUTHORIZE}?{urlencode(kept)}"}), status_code=303
            )
        if said.get("prompt") == "none":
            raise Told("consent_required")
    except Told as told:
        return _back(services, uri, said, {"error": told.error, "error_description": told.description})
    mark, visit = proof(services, request)
    hidden = {name: said[name] for name in _KEPT if name in said} | {"proof": mark}
    response = pages.page(
        f"{wanted.client.name} wants to use your mail",
        pages.text(f"It may then, as {session.address}:"),
        pages.items(*(pages.words(pages.SCOPE_WORDS[each]) for each in wanted.scope.split())),
        pages.text(f"You will be sent to {_shown(uri)}. Say yes only if you have just begun this yourself."),
        pages.form(
            AUTHORIZE,
            pages.button("Allow", "decision", "allow"),
            pages.button("Do not", "decision", "deny"),
            hidden=hidden,
        ),
        pages.form("/sign-out", pages.button("Sign in as somebody else"), hidden={"proof": mark}),
    )
    # Browsers hold redirections after a form to form-action too.
    response.headers["content-security-policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {_source(uri)}".rstrip()
    )
    keep_visit(request, response, visit)
    return response


async def answer(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    client, uri = _whose(services, form)
    session = require_session(services, request)
    try:
        wanted = _read(client, uri, form)
        if form.get("decision") != "allow":
            raise Told("access_denied")
    except Told as told:
        return _back(services, uri, form, {"error": told.error, "error_description": told.description})
    code = await services.change(
        request,
        lambda directory: codes.issue(
            directory, session.account, client, uri, wanted.scope, wanted.challenge, services.random
        ),
    )
    note(services, request, session.address, f"tokens allow {client.name}: {wanted.scope}")
    return _back(services, uri, form, {"code": code})


def _whose(services: Services, said: dict[str, str]) -> tuple[Client, str]:
    client = services.clients.get(said.get("client_id", ""))
    if client is None:
        raise Problem("A program has sent you here that this server does not know")
    uri = said.get("redirect_uri", "")
    if not client.may_return_to(uri):
        raise Problem(f"{client.name} wants to send you to an address that is not its own")
    return client, uri


def _read(client: Client, uri: str, said: dict[str, str]) -> Wanted:
    if said.get("response_type") != "code":
        raise Told("unsupported_response_type")
    if said.get("response_mode", "query") != "query":
        raise Told("invalid_request", "response_mode is query")
    # RFC 7636 4.4.1, RFC 9700 2.1.1: without PKCE a code is good for whoever catches it.
    if said.get("code_challenge_method") != "S256" or not codes.CHALLENGE.fullmatch(
        said.get("code_challenge", "")
    ):
        raise Told("invalid_request", "code_challenge with S256 is required")
    if len(said.get("state", "")) > MAX_STATE:
        raise Told("invalid_request", "state is too long")
    scope = scopes(said.get("scope", ""))
    if scope is None:
        raise Told("invalid_scope")
    return Wanted(client, uri, said.get("state", ""), scope, said["code_challenge"])


def _back(services: Services, uri: str, said: dict[str, str], about: dict[str, str]) -> Response:
    answer = {name: value for name, value in about.items() if value}
    if said.get("state") and len(said["state"]) <= MAX_STATE:
        answer["state"] = said["state"]
    answer["iss"] = services.url  # RFC 9207
    mark = "&" if "?" in uri else "?"
    return RedirectResponse(f"{uri}{mark}{urlencode(answer)}", status_code=303)


def _shown(uri: str) -> str:
    parts = urlsplit(uri)
    return parts.netloc or f"{parts.scheme}:"


def _source(uri: str) -> str:
    """A redirection's origin, as CSP spells it; '' where it cannot be spelled."""
    parts = urlsplit(uri)
    written = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    return written if _SOURCE.fullmatch(written) else ""
