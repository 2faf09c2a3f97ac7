"""Where somebody types the code that his device shows (RFC 8628 3.3), and says yes or no."""

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.identity import devices, web_sessions
from pillarbox.web import pages
from pillarbox.web.oauth.metadata import VERIFY
from pillarbox.web.sign_in import to_sign_in
from pillarbox.web.visits import (
    Services,
    keep_visit,
    note,
    own_form_of,
    proof,
    query_of,
    require_privacy,
    session_of,
    session_token,
)

MAX_TYPED = 32


async def ask(services: Services, request: Request) -> Response:
    require_privacy(services, request)
    typed = query_of(request).get("user_code", "")[:MAX_TYPED]
    if session_of(services, request) is None:
        return to_sign_in(f"{VERIFY}?user_code={devices.spelled(devices.plain(typed))}" if typed else VERIFY)
    return _code_page(services, request, typed)


async def answer(services: Services, request: Request) -> Response:
    form = await own_form_of(services, request)
    session = session_of(services, request)
    if session is None:
        return to_sign_in(VERIFY)
    typed, decision = form.get("user_code", "")[:MAX_TYPED], form.get("decision", "")
    wanted = devices.find(services.directory, typed)
    if wanted is None:
        token = session_token(request)
        await services.change(request, lambda directory: web_sessions.note_wrong(directory, token))
        return _code_page(services, request, "", "No device shows this code, or not any more.")
    if decision not in ("allow", "deny"):
        return _decision_page(services, request, typed, wanted, session.address)
    account = session.account if decision == "allow" else devices.DENIED
    if not await services.change(request, lambda directory: devices.decide(directory, typed, account)):
        return _code_page(services, request, "", "That was too late. Let the device begin again.")
    if decision != "allow":
        return pages.page("Not allowed", pages.text("The device gets nothing. You can close this page."))
    note(services, request, session.address, f"tokens allow {wanted.name} on a device: {wanted.scope}")
    return pages.page("Done", pages.text("Your device goes on by itself. You can close this page."))


def _code_page(services: Services, request: Request, typed: str, wrong: str = "") -> Response:
    mark, visit = proof(services, request)
    response = pages.page(
        "Connect a device",
        pages.text(wrong, "wrong") if wrong else "",
        pages.form(
            VERIFY,
            pages.field(
                "The code that your device shows", "user_code", value=typed, more="required autofocus"
            ),
            pages.button("Go on"),
            hidden={"proof": mark},
        ),
        status=400 if wrong else 200,
    )
    keep_visit(request, response, visit)
    return response


def _decision_page(
    services: Services, request: Request, typed: str, wanted: devices.Request, address: str
) -> Response:
    mark, visit = proof(services, request)
    response = pages.page(
        f"{wanted.name} wants to use your mail",
        pages.text(
            f"On a device that shows {devices.spelled(devices.plain(typed))}. It may then, as {address}:"
        ),
        pages.items(*(pages.words(pages.SCOPE_WORDS[each]) for each in wanted.scope.split())),
        # RFC 8628 5.4: whoever sends you such a code wants your mail on his device.
        pages.text("Say yes only if that device is yours and in front of you."),
        pages.form(
            VERIFY,
            pages.button("Allow", "decision", "allow"),
            pages.button("Do not", "decision", "deny"),
            hidden={"proof": mark, "user_code": typed},
        ),
    )
    keep_visit(request, response, visit)
    return response
