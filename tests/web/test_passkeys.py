"""Passkeys, with an authenticator in software: registering, signing in, and who tries without one."""

import secrets
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pillarbox.app.wiring import existing
from pillarbox.identity import second_factor
from pillarbox.testing.server import MailServer
from tests.web.authenticator import PRESENT, Authenticator
from tests.web.browser import PASSWORD, Browser, words

ADDRESS = "keys@example.test"


@pytest.fixture(autouse=True)
def account(server: MailServer) -> None:
    with existing(server.config) as directory:
        known = directory.find(ADDRESS) is not None
        if known:
            with directory.changing():
                directory.run("DELETE FROM passkey")
    if not known:
        server.add_account(ADDRESS, PASSWORD)


def register(browser: Browser, authenticator: Authenticator, **other: Any) -> httpx.Response:
    browser.sign_in(ADDRESS)
    browser.get("/account")
    proof = browser.form("/account").fields["proof"]
    options = browser.json("/account/passkeys/options", {"proof": proof})
    assert options.status_code == 200, options.text
    assert options.json()["authenticatorSelection"]["userVerification"] == "required"
    message = {"proof": proof, "name": "a key", "credential": authenticator.create(options.json()), **other}
    return browser.json("/account/passkeys", message)


def ask(browser: Browser) -> tuple[str, dict[str, Any]]:
    browser.get("/sign-in")
    proof = browser.form("/sign-in").fields["proof"]
    options = browser.json("/passkey/options", {"proof": proof})
    assert options.status_code == 200
    return proof, options.json()


def enter(browser: Browser, authenticator: Authenticator, **other: Any) -> httpx.Response:
    proof, options = ask(browser)
    message = {"proof": proof, "credential": authenticator.get(options), "next": "/device", **other}
    return browser.json("/passkey", message)


@pytest.fixture
def authenticator(server: MailServer, browser: Browser) -> Authenticator:
    """With a passkey that is registered; the browser is signed out again."""
    made = Authenticator(browser.site)
    answer = register(browser, made)
    assert answer.json() == {"next": "/account"}
    browser.get("/account")
    assert "a key, since" in words(browser.at)
    browser.submit("/sign-out")
    return made


def test_a_passkey_signs_in(server: MailServer, browser: Browser, authenticator: Authenticator) -> None:
    assert enter(browser, authenticator).json() == {"next": "/device"}
    page = browser.get("/account")
    assert ADDRESS in words(page)
    assert "used last on" in words(page)


def test_a_passkey_is_both_factors(
    server: MailServer, browser: Browser, authenticator: Authenticator
) -> None:
    with existing(server.config) as directory:
        kim = directory.require(ADDRESS)
        second_factor.enable(directory, kim, "here", secrets.randbelow)
    try:
        assert enter(browser, authenticator).status_code == 200
    finally:
        with existing(server.config) as directory:
            second_factor.disable(directory, kim)


def test_a_disabled_account_stays_closed(
    server: MailServer, browser: Browser, authenticator: Authenticator
) -> None:
    with existing(server.config) as directory:
        directory.set_enabled(directory.require(ADDRESS).prefix, False)
    try:
        assert enter(browser, authenticator).status_code == 403
    finally:
        with existing(server.config) as directory:
            directory.set_enabled(directory.require(ADDRESS).prefix, True)


def test_a_removed_passkey_signs_nobody_in(browser: Browser, authenticator: Authenticator) -> None:
    browser.sign_in(ADDRESS)
    browser.get("/account")
    browser.submit("/account/passkeys/remove")
    assert not browser.is_signed_in
    assert enter(browser, authenticator).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"flags": PRESENT},  # nobody has unlocked it
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"id": b"nobody's"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_who_deceives_is_refused(
    browser: Browser, authenticator: Authenticator, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(authenticator, name, value)
    answer = enter(browser, authenticator)
    assert answer.status_code == 403
    assert not browser.is_signed_in


def test_an_answer_is_good_once(server: MailServer, browser: Browser, authenticator: Authenticator) -> None:
    proof, options = ask(browser)
    message = {"proof": proof, "credential": authenticator.get(options)}
    assert browser.json("/passkey", message).status_code == 200
    browser.get("/account")
    browser.submit("/sign-out")
    assert browser.json("/passkey", message).status_code == 403
    assert not browser.is_signed_in


def test_a_challenge_is_one_browsers(
    server: MailServer, browser: Browser, authenticator: Authenticator
) -> None:
    _, options = ask(browser)
    with Browser(server) as other:
        proof, _ = ask(other)
        answer = other.json("/passkey", {"proof": proof, "credential": authenticator.get(options)})
        assert answer.status_code == 403


def test_a_challenge_is_for_one_purpose(browser: Browser) -> None:
    made = Authenticator(browser.site)
    browser.sign_in(ADDRESS)
    browser.get("/account")
    proof = browser.form("/account").fields["proof"]
    options = browser.json("/account/passkeys/options", {"proof": proof}).json()
    options["challenge"] = browser.json("/passkey/options", {"proof": proof}).json()["challenge"]
    message = {"proof": proof, "name": "x", "credential": made.create(options)}
    assert browser.json("/account/passkeys", message).status_code == 400


def test_a_copied_passkey_is_noticed(browser: Browser, authenticator: Authenticator) -> None:
    authenticator.count = 10
    assert enter(browser, authenticator).status_code == 200
    authenticator.count = 5  # as a copy of it would be
    assert enter(browser, authenticator).status_code == 403


def test_registering_needs_somebody_who_has_just_signed_in(server: MailServer, browser: Browser) -> None:
    browser.get("/sign-in")
    proof = browser.form("/sign-in").fields["proof"]
    assert browser.json("/account/passkeys/options", {"proof": proof}).status_code == 403
    browser.sign_in(ADDRESS)
    browser.get("/account")
    proof = browser.form("/account").fields["proof"]
    assert browser.json("/account/passkeys/options", {"proof": "0"}).status_code == 403
    with existing(server.config) as directory, directory.changing():
        directory.run("UPDATE web_session SET created_at = created_at - 3600")
    assert browser.json("/account/passkeys/options", {"proof": proof}).status_code == 403


def test_a_passkey_without_verification_is_not_taken(browser: Browser) -> None:
    assert register(browser, Authenticator(browser.site, flags=PRESENT)).status_code == 400
    assert register(browser, Authenticator("https://evil.example")).status_code == 400
    assert register(browser, Authenticator(browser.site), name="x" * 100).status_code == 400


@pytest.mark.parametrize(
    "credential",
    [
        None,
        7,
        [],
        {},
        {"response": {"clientDataJSON": "!!"}},
        {"id": "x", "response": {"clientDataJSON": "e30"}},
    ],
)
def test_garbage(browser: Browser, credential: object) -> None:
    proof, _ = ask(browser)
    assert browser.json("/passkey", {"proof": proof, "credential": credential}).status_code == 403
    assert browser.json("/passkey", [proof]).status_code == 400  # type: ignore[arg-type]


def test_a_signature_of_something_else(browser: Browser, authenticator: Authenticator) -> None:
    proof, options = ask(browser)
    credential = authenticator.get(options)
    for name in ("signature", "authenticatorData", "clientDataJSON"):
        broken = {**credential, "response": {**credential["response"], name: "AAAA"}}
        assert browser.json("/passkey", {"proof": proof, "credential": broken}).status_code == 403
