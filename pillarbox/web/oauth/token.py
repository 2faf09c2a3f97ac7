"""What programs ask for themselves: tokens (RFC 6749 3.2), to give them back (RFC 7009), a code for a device
(RFC 8628 3.1). Errors are JSON in the words of RFC 6749 5.2."""

from base64 import b64decode
from binascii import Error
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pillarbox.identity import codes, devices, grants
from pillarbox.identity.directory import Directory
from pillarbox.identity.grants import Pair
from pillarbox.identity.oauth_clients import Client, scopes
from pillarbox.identity.pool import network
from pillarbox.model.errors import Refused
from pillarbox.web.oauth.metadata import DEVICE_GRANT, VERIFY
from pillarbox.web.visits import Problem, Services, channel_of, form_of, peer_of, require_privacy


class Failed(Exception):
    """RFC 6749 5.2."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


Handler = Callable[[Services, Request, Client, dict[str, str]], Awaitable[Response]]


def answering(handler: Handler) -> Callable[[Services, Request], Awaitable[Response]]:
    """Around an endpoint: the form, whose it is, and what failures look like."""

    async def endpoint(services: Services, request: Request) -> Response:
        try:
            require_privacy(services, request)
            services.gate.check("", channel_of(request))
            form = await form_of(request)
            return await handler(services, request, await _client(services, request, form), form)
        except Failed as failed:
            return _error(failed)
        except Problem as problem:
            return _error(Failed("invalid_request", problem.words, problem.status))
        except Refused as refused:
            if not refused.temporary:
                raise
            return _error(Failed("temporarily_unavailable", refused.text, 503))

    return endpoint


async def _client(services: Services, request: Request, form: dict[str, str]) -> Client:
    """RFC 6749 2.3: by its secret where it has one, and in one way only."""
    id, secret = form.get("client_id", ""), form.get("client_secret", "")
    header = request.headers.get("authorization", "")
    if header:
        if secret:
            raise Failed("invalid_request", "Say the secret once")
        id, secret = _basic(header)
    client = services.clients.get(id)
    if client is None or not client.knows(secret):
        channel = channel_of(request)
        if client is not None and client.secret:  # somebody guesses a secret, or has an old one
            await services.gate.enter("", channel)
            services.gate.failed("", channel, "client secret", f"wrong secret of client {client.id}")
        raise Failed("invalid_client", "There is no such client, or its secret is wrong", 401)
    return client


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        id, colon, secret = b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        if not colon:
            raise ValueError(scheme)
    except (ValueError, Error):
        raise Failed("invalid_client", "Only Basic is known", 401) from None
    return unquote_plus(id), unquote_plus(secret)  # RFC 6749 2.3.1: both are form-encoded first


async def _token(services: Services, request: Request, client: Client, form: dict[str, str]) -> Response:
    exchange: Callable[[Directory], Pair | devices.Waiting | None]
    match form.get("grant_type"):
        case "authorization_code":
            exchange = partial(
                codes.exchange,
                code=_need(form, "code"),
                client=client,
                redirect_uri=_need(form, "redirect_uri"),
                verifier=_need(form, "code_verifier"),
                random=services.random,
                lifetimes=services.lifetimes,
            )
        case "refresh_token":
            exchange = partial(
                grants.refresh,
                token=_need(form, "refresh_token"),
                client=client.id,
                scope=_scope(form) if form.get("scope") else "",
                random=services.random,
                access_seconds=services.lifetimes.access,
                refresh_seconds=services.lifetimes.refresh,
            )
        case g if g == DEVICE_GRANT:
            exchange = partial(
                devices.poll,
                device_code=_need(form, "device_code"),
                client=client,
                random=services.random,
                lifetimes=services.lifetimes,
            )
        case None | "":
            raise Failed("invalid_request", "grant_type is missing")
        case _:
            raise Failed("unsupported_grant_type")
    try:
        found = await services.change(request, exchange)
    except Refused as refused:
        if refused.temporary:
            raise
        raise Failed("invalid_scope", refused.text) from None
    if isinstance(found, str):
        raise Failed(found)
    if found is None:
        raise Failed("invalid_grant")
    return JSONResponse(
        {
            "access_token": found.access,
            "token_type": "Bearer",
            "expires_in": found.expires_in,
            "refresh_token": found.refresh,
            "scope": found.scope,
        },
        headers=_NO_STORE,
    )


async def _revoke(services: Services, request: Request, client: Client, form: dict[str, str]) -> Response:
    token = _need(form, "token")
    await services.change(request, lambda directory: grants.revoke_token(directory, token, client.id))
    return Response(status_code=200)  # RFC 7009 2.2: whatever it was


async def _device(services: Services, request: Request, client: Client, form: dict[str, str]) -> Response:
    scope = _scope(form)
    await services.gate.enter("", channel_of(request))
    where = network(peer_of(request).address)
    counted = "" if services.gate.ledger.is_exempt(where) else where
    asked = await services.change(
        request, lambda directory: devices.ask(directory, client, scope, services.random, counted)
    )
    shown = devices.spelled(asked.user_code)
    page = services.url + VERIFY
    return JSONResponse(
        {
            "device_code": asked.device_code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={shown}",
            "expires_in": devices.SECONDS,
            "interval": devices.PAUSE,
        },
        headers=_NO_STORE,
    )


token, revoke, device_authorization = answering(_token), answering(_revoke), answering(_device)

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 6749 5.1


def _scope(form: dict[str, str]) -> str:
    wanted = scopes(form.get("scope", ""))
    if wanted is None:
        raise Failed("invalid_scope")
    return wanted


def _need(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise Failed("invalid_request", f"{name} is missing")
    return form[name]


def _error(failed: Failed) -> Response:
    headers = dict(_NO_STORE)
    if failed.status == 401:
        headers["www-authenticate"] = "Basic"  # RFC 6749 5.2
    about = {"error": failed.error}
    if failed.description:
        about["error_description"] = failed.description
    return JSONResponse(about, failed.status, headers=headers)
