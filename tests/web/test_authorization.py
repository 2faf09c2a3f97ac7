"""The authorization server, as a program and its user's browser meet it."""

import secrets
import ssl
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pillarbox.app.wiring import existing
from pillarbox.identity import devices, grants
from pillarbox.testing.server import MailServer
from tests.web.browser import KIM, Browser, Program, words
from tests.web.conftest import WEBMAIL

Opens = Callable[[str], bool]


def test_it_says_what_it_is(browser: Browser) -> None:
    answer = browser.http.get("/.well-known/oauth-authorization-server")
    about = answer.json()
    assert about["issuer"] == browser.site
    assert about["code_challenge_methods_supported"] == ["S256"]
    assert about["response_types_supported"] == ["code"]
    for name in ("authorization", "token", "revocation", "device_authorization"):
        assert about[f"{name}_endpoint"].startswith(browser.site + "/oauth/")


def test_a_user_lets_a_program_in(program: Program, opens: Opens) -> None:
    program.browser.get(program.address())
    assert "Sign in" in program.browser.at.text
    asked = program.browser.sign_in()
    assert "A mail program wants to use your mail" in words(asked)
    assert KIM in words(asked)
    assert "send mail as you" in words(asked)
    assert "POP3" not in words(asked)
    # Chrome holds redirections after a form to this too.
    assert "form-action 'self' http://127.0.0.1:4711;" in asked.headers["content-security-policy"]
    program.browser.submit("/oauth/authorize", "allow")
    back = program.came_back()
    answer = program.exchange(back["code"])
    assert answer.headers["cache-control"] == "no-store"
    about = answer.json()
    assert (about["token_type"], about["expires_in"], about["scope"]) == ("Bearer", 3600, "imap smtp")
    assert opens(about["access_token"])
    assert not opens(about["refresh_token"])


def test_a_user_says_no(program: Program) -> None:
    program.browser.get(program.address())
    program.browser.sign_in()
    program.browser.submit("/oauth/authorize", "deny")
    assert program.came_back()["error"] == "access_denied"


def test_a_code_is_good_once(program: Program, opens: Opens) -> None:
    code = program.code()
    first = program.exchange(code).json()
    assert opens(first["access_token"])
    again = program.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert not opens(first["access_token"])  # somebody else has seen the code


@pytest.mark.parametrize(
    "other",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": "http://127.0.0.1:4712/"},
        {"client_id": "app"},
        {"code": "0" * 64},
        {"code": "\u00ff"},
    ],
)
def test_a_code_is_its_programs(program: Program, other: dict[str, str]) -> None:
    code = program.code()
    answer = program.exchange(code, **other)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    if "code_verifier" in other:  # whoever guesses gets no second try
        assert program.exchange(code).status_code == 400


@pytest.mark.parametrize("missing", ["code", "redirect_uri", "code_verifier", "grant_type"])
def test_what_is_missing(program: Program, missing: str) -> None:
    answer = program.exchange("x", **{missing: ""})
    assert answer.json()["error"] == "invalid_request"


def test_other_grant_types(program: Program) -> None:
    for name in ("password", "client_credentials", "implicit"):
        answer = program.token(grant_type=name, username=KIM, password="the password")
        assert answer.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        "http://127.0.0.1:4711@evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://evil.example/?http://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:4711/#fragment",
        "http://127.0.0.1:4711/\\@evil.example",
        "http://127.0.0.1:4711\r\nSet-Cookie: a=b",
        "http://[::2]/",
        "http://0/",
        "http://127.1/",
        "//evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "",
        None,
    ],
)
def test_where_a_program_may_not_send_its_user(program: Program, uri: str | None) -> None:
    answer = program.browser.get(program.address(redirect_uri=uri))
    assert answer.status_code == 400
    assert program.browser.left == ""


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/x/y?z=1", "http://[::1]:65535/", "http://localhost/", "https://localhost"]
)
def test_where_it_may(program: Program, uri: str) -> None:
    program.redirect_uri = uri
    assert program.exchange(program.code()).status_code == 200


def test_a_configured_programs_addresses_are_exact(server: MailServer) -> None:
    with Browser(server) as browser:
        program = Program(browser, "webmail")
        for uri in (
            WEBMAIL + "/",
            WEBMAIL + "?x=1",
            WEBMAIL.replace("https", "http"),
            "http://127.0.0.1:1/cb",
        ):
            assert browser.get(program.address(redirect_uri=uri)).status_code == 400
        program.redirect_uri = "http://localhost:2222/cb"  # RFC 8252 7.3: the port of loopback may be any
        assert browser.get(program.address()).status_code == 200
        program.redirect_uri = WEBMAIL
        code = program.code()
        assert program.exchange(code).json()["error"] == "invalid_client"
        assert program.exchange(code, client_secret="wrong").status_code == 401
        assert program.exchange(code, client_secret="a secret").status_code == 200
        again = browser.http.post(
            "/oauth/token",
            data={"grant_type": "refresh_token", "refresh_token": "x"},
            auth=("webmail", "a secret"),
        )
        assert again.json()["error"] == "invalid_grant"


def test_an_address_of_an_apps_own(server: MailServer) -> None:
    with Browser(server) as browser:
        program = Program(browser, "app")
        program.redirect_uri = "com.example.app:/back"
        assert program.exchange(program.code()).status_code == 200


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "imap everything"}, "invalid_scope"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_what_is_told_to_the_program(program: Program, other: dict[str, str | None], error: str) -> None:
    program.browser.get(program.address(**other))
    back = program.came_back()
    assert (back["error"], back["state"]) == (error, program.state)


def test_an_unknown_program_and_a_field_twice(program: Program) -> None:
    assert program.browser.get(program.address(client_id="nobody")).status_code == 400
    assert program.browser.get(program.address() + "&client_id=mail-program").status_code == 400
    assert program.browser.left == ""


def test_what_the_user_agreed_to_cannot_be_changed_in_the_form(program: Program) -> None:
    program.browser.get(program.address())
    program.browser.sign_in()
    assert (
        program.browser.submit("/oauth/authorize", "allow", redirect_uri="https://evil.example/").status_code
        == 400
    )
    assert program.browser.left == ""


def test_refreshing(program: Program, opens: Opens) -> None:
    first = program.tokens()
    second = program.refresh(first["refresh_token"]).json()
    assert opens(second["access_token"])
    assert program.refresh(second["refresh_token"], scope="imap").json()["scope"] == "imap"
    assert program.refresh(first["refresh_token"], scope="pop").json()["error"] == "invalid_scope"
    assert program.refresh("pbx_" + "0" * 64).json()["error"] == "invalid_grant"
    assert program.refresh(first["refresh_token"], client_id="app").json()["error"] == "invalid_grant"


def test_revoking(program: Program, opens: Opens) -> None:
    tokens = program.tokens()
    form = {"token": tokens["access_token"], "client_id": "app"}
    assert program.browser.http.post("/oauth/revoke", data=form).status_code == 200
    assert opens(tokens["access_token"])  # it was not App's to give back
    form["client_id"] = "mail-program"
    assert program.browser.http.post("/oauth/revoke", data=form).status_code == 200
    assert not opens(tokens["access_token"])
    assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert program.browser.http.post("/oauth/revoke", data=form).status_code == 200  # RFC 7009 2.2


def test_a_token_that_has_run_out(server: MailServer, opens: Opens) -> None:
    with existing(server.config) as directory, directory.changing():
        made = grants.begin(directory, directory.require(KIM).prefix, "app", "An app", "imap")
        pair = grants.issue(directory, made, "imap", secrets.token_bytes, access_seconds=-1)
    assert not opens(pair.access)


def test_no_token_is_in_any_log(server: MailServer, program: Program, opens: Opens) -> None:
    tokens = program.tokens()
    assert opens(tokens["access_token"])
    said = [str(each) for each in server.log] + [
        path.read_bytes().decode("latin-1") for path in server.data.glob("a*.db*")
    ]
    for secret in (tokens["access_token"], tokens["refresh_token"]):
        assert not any(secret in each for each in said)


# Devices


def device(browser: Browser, **form: str) -> dict[str, str]:
    answer = browser.http.post(
        "/oauth/device_authorization", data={"client_id": "mail-program", "scope": "imap", **form}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def poll(program: Program, about: dict[str, str], server: MailServer, **other: str) -> dict[str, str]:
    with existing(server.config) as directory, directory.changing():  # as if it had waited
        directory.run("UPDATE oauth_device SET asked_at = 0")
    answer = program.token(
        grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=about["device_code"], **other
    )
    found: dict[str, str] = answer.json()
    return found


def test_a_device_is_let_in(server: MailServer, program: Program, opens: Opens) -> None:
    about = device(program.browser)
    assert about["verification_uri"] == program.browser.site + "/device"
    assert poll(program, about, server)["error"] == "authorization_pending"
    program.browser.get(about["verification_uri_complete"])
    program.browser.sign_in()
    asked = program.browser.submit("/device")
    assert about["user_code"] in words(asked)
    program.browser.submit("/device", "allow")
    assert poll(program, about, server, client_id="app")["error"] == "invalid_grant"
    assert opens(poll(program, about, server)["access_token"])
    assert poll(program, about, server)["error"] == "invalid_grant"


def test_a_device_is_not_let_in(server: MailServer, program: Program) -> None:
    about = device(program.browser)
    program.browser.get("/device")
    program.browser.sign_in()
    program.browser.submit("/device", user_code=about["user_code"].lower().replace("-", " "))
    program.browser.submit("/device", "deny")
    assert poll(program, about, server)["error"] == "access_denied"


def test_a_device_that_does_not_wait(program: Program) -> None:
    about = device(program.browser)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": about["device_code"]}
    assert program.token(**form).json()["error"] == "authorization_pending"
    assert program.token(**form).json()["error"] == "slow_down"


def test_a_device_that_nobody_looked_at(server: MailServer, program: Program) -> None:
    about = device(program.browser)
    with existing(server.config) as directory, directory.changing():
        directory.run("UPDATE oauth_device SET expires_at = ?", int(time.time()))
    assert poll(program, about, server)["error"] == "expired_token"
    program.browser.get(about["verification_uri_complete"])
    program.browser.sign_in()
    assert program.browser.submit("/device").status_code == 400


def test_who_guesses_devices_is_signed_out(program: Program) -> None:
    program.browser.get("/device")
    program.browser.sign_in()
    for _ in range(10):
        assert program.browser.submit("/device", user_code="BBBB-BBBB").status_code == 400
    assert not program.browser.is_signed_in


def test_the_way_back_keeps_its_own_query(program: Program) -> None:
    program.redirect_uri = "http://127.0.0.1:4711/?own=1"
    program.code()
    query = parse_qs(urlsplit(program.browser.left).query)
    assert query["own"] == ["1"]
    assert "code" in query


def test_the_devices_of_one_network_leave_room_for_others(guarded: MailServer) -> None:
    context = ssl.create_default_context(cafile=guarded.certificate)

    def ask(source: str, times: int = 1) -> list[int]:
        transport = httpx.HTTPTransport(verify=context, local_address=source)
        where = f"https://localhost:{guarded.https_port}/oauth/device_authorization"
        about = {"client_id": "mail-program", "scope": "imap"}
        with httpx.Client(transport=transport, timeout=30) as client:
            return [client.post(where, data=about).status_code for _ in range(times)]

    most = devices.MAX_WAITING_EACH
    assert ask("127.0.0.2", most + 1) == [200] * most + [503]
    assert ask("127.0.0.3") == [200]
