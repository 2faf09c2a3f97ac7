"""Signing in with a browser: name, password and, where there is a second factor, a code of it.

The code goes behind the password, as `authenticate` takes both; so all that holds for passwords of mail
clients holds here: throttles, bans, the audit log, one answer for whatever was wrong. App passwords do not
sign in: a device that is lost shall not be able to let others in.
"""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.identity import web_sessions
from pillarbox.identity.claims import Credentials
from pillarbox.identity.directory import Directory
from pillarbox.model.errors import Refused
from pillarbox.web import pages
from pillarbox.web.visits import (
    Services,
    channel_of,
    keep_visit,
    own_form_of,
    proof,
    query_of,
    require_privacy,
    session_token,
    signed_in,
    signed_out,
)

MAX_TYPED = 1_000  # characters
# Where a sign-in may lead: pages of ours, so that nobody is led elsewhere by a link to us.
_NEXT = re.compile(r"/(?:account|device|oauth/authorize)(?:\?[!-~]*)?")
HOME = "/account"


def to_sign_in(next_: str) -> Response:
    return RedirectResponse("/sign-in?" + urlencode({"next": next_}), status_code=303)


def onward(next_: str) -> str:
    return next_ if _NEXT.fullmatch(next_) else HOME


async def ask(services: Services, request: Request) -> Response:
    require_privacy(services, request)
    return _page(services, request, query_of(request).get("next", ""))


async def sign_in(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    name, password = form.get("name", "").strip()[:MAX_TYPED], form.get("password", "")[:MAX_TYPED]
    code = form.get("code", "").strip().lower().replace(" ", "")[:MAX_TYPED]
    next_ = onward(form.get("next", ""))
    channel = channel_of(request)
    try:
        if not name or not password:
            raise Refused("Name and password, please")
        login = await services.login(Credentials(name, password + code, mechanism="FORM"), channel)
    except Refused as refused:
        words = refused.text if refused.temporary else "That is not right: name, password, or the code."
        return _page(services, request, next_, words, 503 if refused.temporary else 403, name)
    return await admit(services, request, login.address, RedirectResponse(next_, status_code=303))


async def admit(services: Services, request: Request, address: str, response: Response) -> Response:
    """Whoever this is has proved it: the response with a session of his."""
    credential = services.directory.credential(address)
    if credential is None or not credential.enabled:
        return _page(services, request, "", "That is not right.", 403)
    old = session_token(request)

    def begin(directory: Directory) -> str:
        if old:
            web_sessions.end(directory, old)
        return web_sessions.begin(directory, credential.account, credential.version, services.random)

    signed_in(services, request, response, await services.change(request, begin))
    return response


async def sign_out(services: Services, request: Request) -> Response:
    await own_form_of(services, request)
    token = session_token(request)
    await services.change(request, lambda directory: web_sessions.end(directory, token))
    response = RedirectResponse("/sign-in", status_code=303)
    signed_out(request, response)
    return response


def _page(
    services: Services, request: Request, next_: str, wrong: str = "", status: int = 200, name: str = ""
) -> Response:
    mark, visit = proof(services, request)
    next_ = onward(next_)
    name = name or parse_qs(urlsplit(next_).query).get("login_hint", [""])[0]
    response = pages.page(
        f"Sign in to {services.hostname}",
        pages.text(wrong, "wrong") if wrong else "",
        pages.form(
            "/sign-in",
            pages.field(
                "Mail address",
                "name",
                kind="email",
                value=name,
                complete="username webauthn",
                more="required",
            ),
            pages.field(
                "Password", "password", kind="password", complete="current-password", more="required"
            ),
            pages.field(
                "Code, if you have an authenticator; or a recovery code", "code", complete="one-time-code"
            ),
            pages.button("Sign in"),
            hidden={"proof": mark, "next": next_},
            id="sign-in",
        ),
        pages.button("Sign in with a passkey", kind="button", id="passkey-sign-in"),
        status=status,
        scripts=("passkeys.js",),
    )
    keep_visit(request, response, visit)
    return response
