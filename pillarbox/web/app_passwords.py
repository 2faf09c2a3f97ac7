"""App passwords on the account page: one is made for a device and shown once, and taken away.

Making one takes a sign-in of a few minutes ago, as a passkey does: it stays when the session is over, and
goes past the second factor. Taking one away is always possible.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.identity import app_passwords, scram, web_sessions
from pillarbox.identity.app_passwords import AppPassword
from pillarbox.identity.directory import Directory
from pillarbox.identity.passwords import generate
from pillarbox.identity.web_sessions import WebSession
from pillarbox.web import pages
from pillarbox.web.visits import (
    Problem,
    Services,
    fresh_session_of,
    note,
    own_form_of,
    require_session,
    session_token,
)

# Which of `app_passwords.PROTOCOLS` are offered, in words; mail programs need the first and the last.
_OFFERED = {"imap": "Read mail (IMAP)", "pop3": "Fetch mail (POP3)", "smtp": "Send mail (SMTP)"}
_TICKED = ("imap", "smtp")
ADD, REVOKE = "/account/app-passwords", "/account/app-password/revoke"


def section(services: Services, session: WebSession, mark: str) -> tuple[str, ...]:
    """`mark` is the proof that the forms are ours."""
    found = app_passwords.each_of(services.directory, session.account)
    return (
        pages.heading("App passwords"),
        pages.items(
            *(
                pages.words(_about(each))
                + pages.form(REVOKE, pages.button("Revoke"), hidden={"proof": mark, "name": each.name})
                for each in found
            )
        )
        or pages.text("None."),
        pages.form(
            ADD,
            pages.field("Name of the device", "name", more=f'required maxlength="{app_passwords.MAX_NAME}"'),
            *(pages.tick(words, protocol, protocol in _TICKED) for protocol, words in _OFFERED.items()),
            pages.field("Last day it is good, if there is one", "expires", kind="date"),
            pages.button("Make an app password"),
            hidden={"proof": mark},
        ),
    )


async def add(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    session = fresh_session_of(services, request)
    name = form.get("name", "").strip()
    protocols = tuple(each for each in _OFFERED if form.get(each))
    if not protocols:
        raise Problem("Please say what the device may do")
    expires = app_passwords.end_of(form.get("expires", "").strip(), services.directory.now())
    password = generate(lambda below: int.from_bytes(services.random(8), "big") % below)

    def make(directory: Directory) -> AppPassword:
        account = directory.require(session.address)
        salt = directory.salt(account.address)
        iterations = directory.device_iterations(account.prefix, services.iterations)
        verifiers = [
            scram.derive(each, password, salt, iterations) for each in scram.Hash if each in services.hashes
        ]
        return app_passwords.add(
            directory, account, name, password, verifiers, protocols=protocols, expires_at=expires
        )

    made = await services.change(request, make)
    note(services, request, session.address, f"app-password add {made.name}")
    return pages.page(
        f"App password for {made.name}",
        pages.text("Type it into the device now: it is not shown again."),
        pages.code(password),
        pages.text(f"Name: {session.address}"),
        pages.link("/account", "Back to the account"),
    )


async def revoke(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    session = require_session(services, request)
    name = form.get("name", "")
    await services.change(
        request, partial(_revoke, address=session.address, name=name, token=session_token(request))
    )
    note(services, request, session.address, f"app-password revoke {name}")
    return RedirectResponse("/account", status_code=303)


def _revoke(directory: Directory, *, address: str, name: str, token: str) -> None:
    app_passwords.revoke(directory, directory.require(address), name)
    web_sessions.go_on(directory, token)


def _about(each: AppPassword) -> str:
    until = f", until {pages.day(each.expires_at - 1)}" if each.expires_at is not None else ""
    return (
        f"{each.name} ({' '.join(each.protocols) or 'all'}){until}, since {pages.day(each.created_at)},"
        f" {pages.used(each.used_at)}" + (f" from {each.used_from}" if each.used_from else "")
    )
