"""App passwords of the account page: made and shown once, used by a mail program, taken away."""

import imaplib
import poplib
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from scramp import ScramClient

from pillarbox.app.wiring import existing
from pillarbox.identity import app_passwords
from pillarbox.identity.audit import FILE, Audit
from pillarbox.testing.server import MailServer
from tests.clients.test_scram import log_in
from tests.web.browser import KIM, Browser, words

ADD, REVOKE = "/account/app-passwords", "/account/app-password/revoke"


def shown(browser: Browser) -> str:
    found = re.search(r"<code>([^<]+)</code>", browser.at.text)
    assert found is not None, browser.at.text
    return found[1]


def opens(server: MailServer, password: str, name: str = KIM) -> bool:
    with imaplib.IMAP4(server.host, server.imap_port) as imap:
        try:
            imap.login(name, password)
        except imaplib.IMAP4.error as error:
            assert "AUTHENTICATIONFAILED" in str(error), error
            return False
        return imap.select()[0] == "OK"


def opens_pop3(server: MailServer, password: str) -> bool:
    client = poplib.POP3(server.host, server.pop3_port)
    try:
        client.user(KIM)
        client.pass_(password)
    except poplib.error_proto:
        return False
    finally:
        client.close()
    return True


def audited(server: MailServer, detail: str) -> None:
    """The audit log is written by a thread of its own, a moment later."""
    log = Audit(server.data / FILE)
    try:
        deadline = time.monotonic() + 20
        while detail not in [each.detail for each in log.find(event="admin") if each.account == KIM]:
            assert time.monotonic() < deadline, detail
            server.check()
    finally:
        log.close()


def test_made_shown_once_used_and_taken_away(server: MailServer, browser: Browser) -> None:
    browser.sign_in()
    assert browser.submit(ADD, name="My <phone>", smtp="").status_code == 200
    password = shown(browser)
    assert opens(server, password)
    assert not opens_pop3(server, password)  # only where it was ticked
    with imaplib.IMAP4(server.host, server.imap_port) as imap:
        log_in(imap, ScramClient(["SCRAM-SHA-256"], KIM, password))
    page = browser.get("/account")
    assert "My &lt;phone&gt; (imap)" in page.text and "<phone>" not in page.text
    assert password not in page.text
    audited(server, "app-password add My <phone>")
    browser.submit(REVOKE)
    assert browser.at.url.path == "/account"  # and still signed in
    assert "My <phone>" not in words(browser.at).replace("&lt;", "<").replace("&gt;", ">")
    assert not opens(server, password)
    audited(server, "app-password revoke My <phone>")


def test_until_a_day(server: MailServer, browser: Browser) -> None:
    browser.sign_in()
    tomorrow = datetime.now(UTC).date() + timedelta(1)
    browser.submit(ADD, name="until", imap="1", smtp="1", expires=tomorrow.isoformat())
    assert opens(server, shown(browser))
    with existing(server.config) as directory:
        (made,) = (
            x for x in app_passwords.each_of(directory, directory.require(KIM).prefix) if x.name == "until"
        )
        assert made.protocols == ("imap", "smtp")
        assert made.expires_at == datetime(*(tomorrow + timedelta(1)).timetuple()[:3], tzinfo=UTC).timestamp()
    assert f"until (imap smtp), until {tomorrow}" in words(browser.get("/account"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "line\nline"},
        {"imap": "", "smtp": ""},
        {"expires": "2020-01-01"},
        {"expires": "soon"},
        {"expires": "99999999999d"},
    ],
    ids=str,
)
def test_what_is_not_taken(browser: Browser, wrong: dict[str, str]) -> None:
    browser.sign_in()
    browser.get("/account")
    assert browser.submit(ADD, **{"name": "n", "imap": "1", **wrong}).status_code == 400
    assert "<code>" not in browser.at.text


def test_a_name_is_there_once(browser: Browser) -> None:
    browser.sign_in()
    assert browser.submit(ADD, name="twice", imap="1").status_code == 200
    browser.get("/account")
    assert browser.submit(ADD, name="twice", imap="1").status_code == 400


@pytest.mark.parametrize("path", [ADD, REVOKE])
def test_only_from_our_page_and_signed_in(server: MailServer, browser: Browser, path: str) -> None:
    browser.sign_in()
    browser.submit(ADD, name=f"for {path}", imap="1")
    browser.get("/account")
    form = {**browser.form(ADD).fields, "name": f"for {path}", "imap": "1"}
    assert browser.post(path, {**form, "proof": "0" * 64}).status_code == 403
    assert browser.post(path, form, headers={"origin": "https://evil.example"}).status_code == 403
    with Browser(server) as nobody:
        nobody.get("/sign-in")
        mark = nobody.form("/sign-in").fields["proof"]
        assert nobody.post(path, {**form, "proof": mark}).status_code == 403
    with Browser(server) as lee:
        lee.sign_in("lee@example.test", "another")
        mark = lee.form("/sign-out").fields["proof"]
        assert lee.post(REVOKE, {"proof": mark, "name": f"for {path}"}).status_code == 400
    assert f"for {path}" in words(browser.get("/account"))


def test_a_session_of_an_hour_ago_makes_no_other_way_in(server: MailServer) -> None:
    """Who finds a browser open shall not be able to come back for ever."""
    with Browser(server) as browser:
        browser.sign_in()
        browser.submit(ADD, name="early", imap="1")
        with existing(server.config) as directory, directory.changing():
            directory.run("UPDATE web_session SET created_at = created_at - 3600")
        browser.get("/account")
        assert browser.submit(ADD, name="late", imap="1").status_code == 403
        assert "sign out and in again" in words(browser.at)
        browser.get("/account")
        browser.submit(REVOKE, name="early")  # taking away is always possible
        assert "early" not in words(browser.get("/account"))
