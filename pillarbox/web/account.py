"""The account page: what opens this account besides its password, and taking it away."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.identity import grants, passkeys, second_factor
from pillarbox.web import app_passwords, pages
from pillarbox.web.sign_in import to_sign_in
from pillarbox.web.visits import (
    Problem,
    Services,
    keep_visit,
    note,
    own_form_of,
    proof,
    require_privacy,
    require_session,
    session_of,
)


async def show(services: Services, request: Request) -> Response:
    require_privacy(services, request)
    session = session_of(services, request)
    if session is None:
        return to_sign_in("/account")
    directory, account = services.directory, session.account
    mark, visit = proof(services, request)
    factor = second_factor.status(directory, account)
    response = pages.page(
        session.address,
        pages.heading("Passkeys"),
        pages.items(
            *(
                _row(
                    f"{each.name}, since {pages.day(each.created_at)}, {pages.used(each.used_at)}",
                    pages.form(
                        "/account/passkeys/remove",
                        pages.button("Remove"),
                        hidden={"proof": mark, "id": each.id.hex()},
                    ),
                )
                for each in passkeys.each_of(directory, account)
            )
        ),
        pages.form(
            "/account",
            pages.field("Name of a new one", "name", value=""),
            pages.button("Add a passkey", kind="button", id="passkey-add"),
            hidden={"proof": mark},
            id="passkeys",
        ),
        pages.heading("Programs and devices that you have allowed in"),
        pages.items(
            *(
                _row(
                    f"{each.name} ({each.scope}), since {pages.day(each.created_at)},"
                    f" {pages.used(each.used_at)}" + (f" from {each.used_from}" if each.used_from else ""),
                    pages.form(
                        "/account/revoke",
                        pages.button("Take back"),
                        hidden={"proof": mark, "grant": str(each.id)},
                    ),
                )
                for each in grants.each_of(directory, account)
            )
        )
        or pages.text("None."),
        *app_passwords.section(services, session, mark),
        pages.heading("Second factor"),
        pages.text(
            f"On, with {factor.recovery_codes} recovery codes left." if factor is not None else "Off."
        ),
        pages.form("/sign-out", pages.button("Sign out"), hidden={"proof": mark}),
        scripts=("passkeys.js",),
    )
    keep_visit(request, response, visit)
    return response


async def revoke(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    session = require_session(services, request)
    number = form.get("grant", "")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Problem("There is no such program")
    account = services.directory.require(session.address)
    await services.change(request, lambda directory: grants.revoke(directory, account, int(number)))
    note(services, request, session.address, f"tokens revoke {number}")
    return RedirectResponse("/account", status_code=303)


def _row(words: str, form: str) -> str:
    return pages.words(words) + form
