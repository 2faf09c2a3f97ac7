"""Which path leads where.

`site(services, mounted)`: other parts of the server add routes of their own, which are looked at first and
are under the same limits. A route is starlette's: `Route("/.well-known/acme-challenge/{token}", endpoint)`.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, Router

from pillarbox.model.errors import Refused
from pillarbox.web import account, app_passwords, pages, passkeys, sign_in
from pillarbox.web.oauth import authorize, token, verify
from pillarbox.web.oauth.metadata import AUTHORIZE, DEVICE, REVOKE, TOKEN, VERIFY, WELL_KNOWN, metadata
from pillarbox.web.strict import Inner, Report, strict
from pillarbox.web.visits import Problem, Services

Handler = Callable[[Services, Request], Awaitable[Response]]
_STATIC = {"style.css": "text/css", "passkeys.js": "text/javascript"}
_FOLDER = Path(__file__).parent / "static"


def site(services: Services, report: Report, mounted: Sequence[BaseRoute] = ()) -> Inner:
    """The application of all HTTP listeners."""

    def at(path: str, method: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await handler(services, request)
            except Problem as problem:
                return pages.problem(problem.words, problem.status)
            except Refused as refused:
                return pages.problem(refused.text, 503 if refused.temporary else 400)

        return Route(path, endpoint, methods=[method])

    async def describe(services: Services, request: Request) -> Response:
        return metadata(services, request)

    routes = [
        *mounted,
        at("/", "GET", _home),
        at("/static/{name}", "GET", _static),
        at(WELL_KNOWN, "GET", describe),
        at("/sign-in", "GET", sign_in.ask),
        at("/sign-in", "POST", sign_in.sign_in),
        at("/sign-out", "POST", sign_in.sign_out),
        at("/passkey/options", "POST", passkeys.sign_in_options),
        at("/passkey", "POST", passkeys.sign_in),
        at("/account", "GET", account.show),
        at("/account/revoke", "POST", account.revoke),
        at(app_passwords.ADD, "POST", app_passwords.add),
        at(app_passwords.REVOKE, "POST", app_passwords.revoke),
        at("/account/passkeys/options", "POST", passkeys.options),
        at("/account/passkeys", "POST", passkeys.add),
        at("/account/passkeys/remove", "POST", passkeys.remove),
        at(AUTHORIZE, "GET", authorize.ask),
        at(AUTHORIZE, "POST", authorize.answer),
        at(TOKEN, "POST", token.token),
        at(REVOKE, "POST", token.revoke),
        at(DEVICE, "POST", token.device_authorization),
        at(VERIFY, "GET", verify.ask),
        at(VERIFY, "POST", verify.answer),
    ]
    return strict(Router(routes, redirect_slashes=False), report, services.clock)


async def _home(services: Services, request: Request) -> Response:
    return RedirectResponse("/account", status_code=303)


async def _static(services: Services, request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return PlainTextResponse("Not Found", 404)
    headers = {"cache-control": "public, max-age=3600"}
    return FileResponse(_FOLDER / name, media_type=_STATIC[name], headers=headers)
