"""Passkeys: registering them on the account page, and signing in by one (WebAuthn).

A passkey proves that its owner is there and has unlocked it, so it is both factors at once. A challenge is
random, for one purpose and one browser, good for five minutes and once: it carries an HMAC, so no process
has to remember it before it comes back, and all of them remember that it did.

They are bound to the host name in the server's URL; at another address of the server, or at a bare IP
address, browsers offer none.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from binascii import Error
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from pillarbox.identity import passkeys, web_sessions
from pillarbox.identity.claims import Proven
from pillarbox.identity.passkeys import Passkey
from pillarbox.model.errors import Refused
from pillarbox.web.sign_in import admit, onward
from pillarbox.web.visits import (
    Problem,
    Services,
    channel_of,
    fresh_session_of,
    note,
    own_form_of,
    require_own_form,
    require_privacy,
    require_session,
    session_token,
    visit_of,
)

SECONDS = 300
_RANDOM = 16


async def sign_in_options(services: Services, request: Request) -> Response:
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    require_privacy(services, request)
    await _message(services, request)
    options = generate_authentication_options(
        rp_id=_host(services),
        challenge=_challenge(services, request, "sign in"),
        timeout=SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return JSONResponse(json.loads(options_to_json(options)))


async def sign_in(services: Services, request: Request) -> Response:
    require_privacy(services, request)
    said = await _message(services, request)
    channel = channel_of(request)
    name = ""
    try:
        services.gate.check(name, channel)
        passkey, count = await _verified(services, request, said)
        credential = _credential_of(services, passkey)
        name = credential.address
        if not await services.change(request, lambda directory: passkeys.used(directory, passkey, count)):
            raise Problem("used twice at once")
        proven = Proven(name, credential.account, credential.version, mechanism="PASSKEY")
        login = await services.login(proven, channel)
    except Refused as refused:
        return _wrong(refused.text, 503 if refused.temporary else 403)
    except Problem as problem:
        # As an app password, one that is right opens also where others guess.
        try:
            await services.gate.enter(name, channel)
        except Refused as refused:
            return _wrong(refused.text, 503)
        services.gate.failed(name, channel, "PASSKEY", problem.words)
        return _wrong("That passkey does not open anything here", 403)
    next_ = onward(str(said.get("next", "")))
    return await admit(services, request, login.address, JSONResponse({"next": next_}))


async def options(services: Services, request: Request) -> Response:
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    require_privacy(services, request)
    await _message(services, request)
    session = fresh_session_of(services, request)
    options = generate_registration_options(
        rp_id=_host(services),
        rp_name=services.hostname,
        user_id=hmac.digest(services.directory.web_key, f"user:{session.account}".encode(), hashlib.sha256),
        user_name=session.address,
        user_display_name=session.address,
        challenge=_challenge(services, request, "register"),
        timeout=SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=each.id)
            for each in passkeys.each_of(services.directory, session.account)
        ],
    )
    return JSONResponse(json.loads(options_to_json(options)))


async def add(services: Services, request: Request) -> Response:
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    require_privacy(services, request)
    said = await _message(services, request)
    session = fresh_session_of(services, request)
    credential = said.get("credential")
    challenge = _signed_challenge(services, request, credential, "register")
    try:
        verified = verify_registration_response(
            credential=json.dumps(credential),
            expected_challenge=challenge,
            expected_rp_id=_host(services),
            expected_origin=_origin(services),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        return _wrong(f"That passkey was not taken: {error}", 400)
    await _spend(services, request, challenge)
    name = str(said.get("name", ""))
    try:
        await services.change(
            request,
            lambda directory: passkeys.add(
                directory,
                session.account,
                verified.credential_id,
                name,
                verified.credential_public_key,
                verified.sign_count,
            ),
        )
    except Refused as refused:
        return _wrong(refused.text, 400)
    note(services, request, session.address, "passkey added")
    return JSONResponse({"next": "/account"})


async def remove(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    session = require_session(services, request)
    try:
        id_ = bytes.fromhex(form.get("id", ""))
    except ValueError:
        raise Problem("There is no such passkey") from None
    await services.change(request, lambda directory: passkeys.remove(directory, session.account, id_))
    note(services, request, session.address, "passkey removed")
    return RedirectResponse("/account", status_code=303)


async def _verified(services: Services, request: Request, said: dict[str, Any]) -> tuple[Passkey, int]:
    """Which passkey has signed our challenge, and its count now; Problem for everything else."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    credential = said.get("credential")
    challenge = _signed_challenge(services, request, credential, "sign in")
    id_ = _octets(credential.get("id") if isinstance(credential, dict) else None)
    passkey = passkeys.find(services.directory, id_)
    if passkey is None:
        raise Problem("unknown passkey")
    try:
        verified = verify_authentication_response(
            credential=json.dumps(credential),
            expected_challenge=challenge,
            expected_rp_id=_host(services),
            expected_origin=_origin(services),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Problem(f"passkey: {error}") from None
    await _spend(services, request, challenge)
    return passkey, verified.new_sign_count


def _credential_of(services: Services, passkey: Passkey) -> Any:
    rows = services.directory.run("SELECT address FROM account WHERE prefix = ?", passkey.account)
    credential = services.directory.credential(rows[0][0]) if rows else None
    if credential is None or not credential.enabled or credential.account != passkey.account:
        raise Problem("account is disabled")
    return credential


async def _message(services: Services, request: Request) -> dict[str, Any]:
    """The JSON that our script sends, with the proof that it is ours."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Problem("JSON is expected", 415)
    try:
        said = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Problem("That is not JSON") from None
    if not isinstance(said, dict):
        raise Problem("That is not JSON of ours")
    require_own_form(services, request, {"proof": str(said.get("proof", ""))})
    return said


# Challenges


def _challenge(services: Services, request: Request, purpose: str) -> bytes:
    begin = services.random(_RANDOM) + (services.directory.now() + SECONDS).to_bytes(8, "big")
    return begin + _mark(services, request, purpose, begin)


def _signed_challenge(services: Services, request: Request, credential: Any, purpose: str) -> bytes:
    """The challenge that was signed, which is one of ours, for this, and not too old."""
    try:
        data = json.loads(_octets(credential["response"]["clientDataJSON"]))
        challenge = _octets(data["challenge"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem("That is no passkey") from None
    begin, mark = challenge[: _RANDOM + 8], challenge[_RANDOM + 8 :]
    until = int.from_bytes(begin[_RANDOM:], "big")
    if len(begin) != _RANDOM + 8 or not hmac.compare_digest(mark, _mark(services, request, purpose, begin)):
        raise Problem("challenge is not ours")
    if services.directory.now() >= until:
        raise Problem("challenge is too old")
    return challenge


async def _spend(services: Services, request: Request, challenge: bytes) -> None:
    """For the last time. Only what was signed well is remembered, so that strangers fill no table."""
    digest, until = (
        hashlib.sha256(challenge).digest(),
        int.from_bytes(challenge[_RANDOM : _RANDOM + 8], "big"),
    )
    if not await services.change(request, lambda directory: web_sessions.spend(directory, digest, until)):
        raise Problem("challenge was used before")


def _mark(services: Services, request: Request, purpose: str, begin: bytes) -> bytes:
    whose = f"{purpose}:{visit_of(request)}:{session_token(request)}:".encode()
    return hmac.digest(services.directory.web_key, b"challenge:" + whose + begin, hashlib.sha256)


def _octets(written: object) -> bytes:
    if not isinstance(written, str) or not written.isascii():
        raise Problem("That is no passkey")
    try:
        return urlsafe_b64decode(written + "=" * (-len(written) % 4))
    except (ValueError, Error):
        raise Problem("That is no passkey") from None


def _host(services: Services) -> str:
    return urlsplit(services.url).hostname or ""


def _origin(services: Services) -> str:
    parts = urlsplit(services.url)
    return f"{parts.scheme}://{parts.netloc}"


def _wrong(words: str, status: int) -> Response:
    return JSONResponse({"error": words}, status)
