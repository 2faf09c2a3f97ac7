"""Signing in with a browser: second factors, who guesses, forms from elsewhere, limits."""

import secrets
import socket
import ssl
from pathlib import Path

import msgspec
import pyotp
import pytest

from pillarbox.app.config import Abuse, Auth, Config, Limits, Proxy
from pillarbox.app.wiring import existing
from pillarbox.identity import app_passwords, second_factor
from pillarbox.identity.audit import FILE, Audit
from pillarbox.testing.server import MailServer
from tests.app.test_abuse import asking, until
from tests.web.browser import KIM, PASSWORD, Browser, Program, words
from tests.web.conftest import CONFIG


def test_name_and_password(browser: Browser) -> None:
    assert browser.sign_in(password="wrong").status_code == 403
    assert "That is not right" in words(browser.at)
    assert not browser.is_signed_in
    browser.sign_in("KIM@example.test")
    assert browser.at.url.path == "/account"
    assert KIM in words(browser.at)
    browser.submit("/sign-out")
    assert not browser.is_signed_in


@pytest.mark.parametrize("origin", ["https://[", "https://[x]", "no origin"])
def test_an_origin_that_is_none_is_no_fault_of_ours(browser: Browser, origin: str) -> None:
    browser.get("/sign-in")
    form = browser.form("/sign-in")
    said = {**form.fields, "name": KIM, "password": PASSWORD}
    assert browser.post(form.action, said, headers={"origin": origin}).status_code == 403
    assert not browser.is_signed_in


def test_a_proof_that_is_no_text_is_refused(browser: Browser) -> None:
    browser.get("/sign-in")
    headers = {"origin": browser.site, "content-type": "application/json"}
    said = browser.http.post("/passkey", content=rb'{"proof": "\ud800"}', headers=headers)
    assert said.status_code in (400, 403)


def test_where_a_sign_in_leads_may_be_any_words(browser: Browser) -> None:
    for path in ("//[", "/[", "/\\[", "/?login_hint=%ff"):
        assert browser.get("/sign-in", params={"next": path}).status_code in (200, 400)


def test_cookies_are_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.http.get("/account")
    cookies = {cookie.name: cookie for cookie in browser.http.cookies.jar}
    assert set(cookies) == {"__Host-session", "__Host-visit"}
    assert all(each.secure and each.path == "/" for each in cookies.values())
    assert all(each.has_nonstandard_attr("HttpOnly") for each in cookies.values())
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "date" in answer.headers


def test_the_session_is_a_new_one_at_each_sign_in(browser: Browser) -> None:
    browser.http.cookies.set("__Host-session", "f" * 64, domain="localhost.local", path="/")
    browser.sign_in()
    first = browser.http.cookies.get("__Host-session", domain="localhost.local")
    assert first != "f" * 64


def test_a_second_factor(server: MailServer) -> None:
    server.add_account("two@example.test", PASSWORD)
    with existing(server.config) as directory:
        account = directory.require("two@example.test")
        enabled = second_factor.enable(directory, account, "here", secrets.randbelow)
    totp, recovery = pyotp.TOTP(enabled.secret), enabled.recovery_codes[0]
    with Browser(server) as browser:
        assert browser.sign_in("two@example.test").status_code == 403
        assert browser.sign_in("two@example.test", code="000000").status_code == 403
        assert browser.sign_in("two@example.test", "wrong", totp.now()).status_code == 403
        browser.sign_in("two@example.test", code=totp.now())
        assert browser.at.url.path == "/account"
        browser.submit("/sign-out")
        assert browser.sign_in("two@example.test", code=totp.now()).status_code == 403  # it was used
        browser.sign_in("two@example.test", code=f" {recovery.upper()} ")
        assert "9 recovery codes left" in words(browser.at)
        browser.submit("/sign-out")
        assert browser.sign_in("two@example.test", code=recovery).status_code == 403


def test_app_passwords_do_not_sign_in(server: MailServer, browser: Browser) -> None:
    with existing(server.config) as directory:
        app_passwords.add(directory, directory.require(KIM), "phone", "abc-def-ghi-jkl")
    assert browser.sign_in(password="abc-def-ghi-jkl").status_code == 403
    browser.sign_in()
    assert "phone" in words(browser.at)


def test_a_change_of_the_password_signs_out(server: MailServer) -> None:
    server.add_account("changing@example.test", PASSWORD)
    with Browser(server) as browser:
        browser.sign_in("changing@example.test")
        assert browser.is_signed_in
        with existing(server.config) as directory:
            directory.set_password(directory.require("changing@example.test").prefix, "other")
        assert not browser.is_signed_in


def test_programs_are_listed_and_taken_back(program: Program) -> None:
    tokens = program.tokens()
    page = program.browser.get("/account")
    assert "A mail program (imap smtp)" in words(page)
    while "/account/revoke" in program.browser.at.text:
        program.browser.submit("/account/revoke")
    assert "Programs and devices that you have allowed in None." in words(program.browser.at)
    assert program.refresh(tokens["refresh_token"]).status_code == 400


def test_nobody_takes_back_what_is_not_theirs(server: MailServer, program: Program) -> None:
    program.tokens()
    program.browser.get("/account")
    grant = program.browser.form("/account/revoke").fields["grant"]
    with Browser(server) as lee:
        lee.sign_in("lee@example.test", "another")
        lee.get("/account")
        mark = lee.form("/sign-out").fields["proof"]
        assert lee.post("/account/revoke", {"proof": mark, "grant": grant}).status_code == 400
        assert lee.post("/account/revoke", {"proof": mark, "grant": "x"}).status_code == 400
    assert "A mail program" in words(program.browser.get("/account"))


@pytest.mark.parametrize("proof", ["", "0" * 64, "ü"])
def test_a_form_without_proof_is_refused(browser: Browser, proof: str) -> None:
    browser.get("/sign-in")
    answer = browser.post("/sign-in", {"name": KIM, "password": PASSWORD, "proof": proof})
    assert answer.status_code == 403
    assert not browser.is_signed_in


def test_a_form_from_elsewhere_is_refused(browser: Browser) -> None:
    browser.get("/sign-in")
    form = {**browser.form("/sign-in").fields, "name": KIM, "password": PASSWORD}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert browser.post("/sign-in", form, headers=headers).status_code == 403
    assert browser.post("/sign-in", form).url.path == "/account"


def test_a_proof_is_one_browsers(server: MailServer, browser: Browser) -> None:
    with Browser(server) as other:
        other.get("/sign-in")
        mark = other.form("/sign-in").fields["proof"]
    browser.get("/sign-in")
    assert browser.post("/sign-in", {"name": KIM, "password": PASSWORD, "proof": mark}).status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/sign-out", "/account\r\nx: y"],
)
def test_a_sign_in_leads_nowhere_else(browser: Browser, elsewhere: str) -> None:
    browser.get("/sign-in", params={"next": elsewhere})
    browser.submit("/sign-in", name=KIM, password=PASSWORD)
    assert (browser.at.url.path, browser.left) == ("/account", "")
    browser.submit("/sign-out")
    browser.get("/sign-in")
    browser.submit("/sign-in", name=KIM, password=PASSWORD, next=elsewhere)
    assert (browser.at.url.path, browser.left) == ("/account", "")


def test_what_is_typed_is_no_html(browser: Browser) -> None:
    page = browser.sign_in('"><script>alert(1)</script>', "x")
    assert "<script>alert" not in page.text
    page = browser.get("/device", params={"user_code": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text


def test_who_guesses_is_shut_out_everywhere(guarded: MailServer) -> None:
    with Browser(guarded) as browser:
        for each in range(3):
            assert browser.sign_in(password=f"wrong {each}").status_code == 403
        answer = browser.sign_in()
        assert answer.status_code == 503
        assert "try again later" in words(answer)
    log = Audit(guarded.data / FILE)
    try:
        found = [each for each in log.find(event="failure") if each.detail == "wrong password"]
    finally:
        log.close()
    assert {(each.protocol, each.mechanism, each.account) for each in found} <= {("http", "FORM", KIM)}


def test_an_administrators_ban_holds_for_who_is_signed_in(
    guarded: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be for somebody who has been robbed, of his cookie or of what his program has."""
    ask = asking(guarded, tmp_path, monkeypatch, capsys)
    with Browser(guarded) as browser:
        program = Program(browser)
        tokens = program.tokens()
        assert browser.is_signed_in
        ask("ban", "add", "127.0.0.1")
        until(lambda: browser.http.get("/account").status_code == 503)
        mark = {"proof": "x", "name": "x", "imap": "1"}
        assert browser.post("/account/app-passwords", mark).status_code in (403, 503)
        answer = program.refresh(tokens["refresh_token"])
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        ask("ban", "lift", "127.0.0.1")
        until(lambda: browser.http.get("/account").status_code == 200)
        assert program.refresh(tokens["refresh_token"]).status_code == 200


# What is no good as HTTP


def test_too_much(browser: Browser) -> None:
    browser.get("/sign-in")
    answer = browser.http.post(
        "/sign-in", content=b"x" * 70_000, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 413
    answer = browser.http.get("/sign-in", headers={"x": "y" * 20_000})
    assert answer.status_code == 431
    fields = "&".join(f"f{each}=1" for each in range(100))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.http.post("/sign-in", content=fields, headers=kind).status_code == 400


def test_methods_and_kinds(browser: Browser) -> None:
    assert browser.http.put("/sign-in").status_code == 405
    assert browser.http.get("/oauth/token").status_code == 405
    assert browser.http.post("/sign-in", json={}).status_code == 415
    assert browser.http.post("/oauth/token", json={}).json()["error"] == "invalid_request"
    assert browser.http.get("/static/../site.py").status_code == 404
    assert browser.http.get("/static/%2e%2e%2fsite.py").status_code == 404


def test_garbage_costs_a_connection(server: MailServer) -> None:
    for port in (server.http_port, server.https_port):
        with socket.create_connection((server.host, port)) as peer:
            peer.sendall(b"\0\1\2 garbage\r\n\r\n")
            while peer.recv(1000):
                pass


def test_in_the_clear_on_loopback(server: MailServer) -> None:
    with Browser(server, tls=False) as browser:
        browser.sign_in()
        assert browser.at.url.path == "/account"


def test_in_the_clear_never() -> None:
    with MailServer(msgspec.structs.replace(CONFIG, auth=Auth(cleartext="never"))) as server:
        with Browser(server, tls=False) as browser:
            assert browser.get("/sign-in").status_code == 403
            assert browser.http.post("/oauth/token", data={"client_id": "app"}).status_code == 403
            assert browser.http.get("/.well-known/oauth-authorization-server").status_code == 200
        server.check()


def test_tls_is_offered_for_http_1(server: MailServer) -> None:
    context = ssl.create_default_context(cafile=server.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((server.host, server.https_port)) as peer,
        context.wrap_socket(peer, server_hostname="localhost") as secured,
    ):
        assert secured.selected_alpn_protocol() == "http/1.1"


def test_a_server_stops_though_browsers_are_connected() -> None:
    with MailServer(CONFIG) as server:
        peer = socket.create_connection((server.host, server.http_port))
        peer.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert peer.recv(1000).startswith(b"HTTP/1.1 303")
        half = socket.create_connection((server.host, server.https_port))
    peer.close()
    half.close()


def test_several_workers_know_the_same_sessions() -> None:
    with MailServer(CONFIG, workers=2) as server:
        server.add_account(KIM, PASSWORD)
        with Browser(server) as browser:
            browser.sign_in()
            for _ in range(6):
                assert browser.http.get("/account", headers={"connection": "close"}).status_code == 200
        server.check()


def test_without_http_no_tokens_are_taken() -> None:
    import imaplib

    with MailServer(Config()) as server, imaplib.IMAP4(server.host, server.imap_port) as imap:
        assert "AUTH=XOAUTH2" not in imap.capabilities


def test_a_proxy_says_who_its_client_is() -> None:
    config = msgspec.structs.replace(
        CONFIG, proxy=Proxy(networks=("127.0.0.1",), protocols=("http",)), auth=Auth(cleartext="always")
    )
    with MailServer(config) as server:
        server.add_account(KIM, PASSWORD)
        with socket.create_connection((server.host, server.http_port)) as peer:
            body = b"client_id=webmail&client_secret=wrong&token=x"
            peer.sendall(
                b"PROXY TCP4 192.0.2.77 192.0.2.1 1 2\r\nPOST /oauth/revoke HTTP/1.1\r\nhost: x\r\n"
                b"connection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n"
                b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            )
            said = b""
            while piece := peer.recv(4096):
                said += piece
        assert said.startswith(b"HTTP/1.1 401")
        assert b"invalid_client" in said


def test_a_proxy_in_front_of_tls() -> None:
    config = msgspec.structs.replace(CONFIG, proxy=Proxy(networks=("127.0.0.1",), protocols=("https",)))
    with MailServer(config) as server:
        context = ssl.create_default_context(cafile=server.certificate)
        peer = socket.create_connection((server.host, server.https_port))
        peer.sendall(b"PROXY TCP4 192.0.2.77 192.0.2.1 1 2\r\n")
        with context.wrap_socket(peer, server_hostname="localhost") as secured:
            secured.sendall(b"GET /sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert secured.recv(4096).startswith(b"HTTP/1.1 200")
        server.check()


def test_too_many_strangers_make_room() -> None:
    config = msgspec.structs.replace(
        CONFIG, limits=Limits(strangers=3, strangers_each=3), abuse=Abuse(exempt=())
    )
    with MailServer(config) as server:
        slow = [socket.create_connection((server.host, server.http_port)) for _ in range(6)]
        for each in slow[:3]:
            each.settimeout(10)
            assert each.recv(1) == b""  # the oldest have gone
        with Browser(server, tls=False) as browser:
            assert browser.get("/sign-in").status_code == 200
        for each in slow:
            each.close()
        server.check()
