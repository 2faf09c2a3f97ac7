"""Who is signed in with a browser, and until when."""

import secrets

import pytest

from pillarbox.identity import app_passwords, web_sessions
from pillarbox.identity.directory import Account, Directory, State


@pytest.fixture
def kim(directory: Directory) -> Account:
    return directory.add("kim@example.test", "hash")


def begin(directory: Directory, account: Account) -> str:
    credential = directory.credential(account.address)
    assert credential is not None
    return web_sessions.begin(directory, account.prefix, credential.version, secrets.token_bytes)


def test_who_is_dismissed_in_the_directory_elsewhere_is_signed_out(
    directory: Directory, kim: Account
) -> None:
    directory.run("INSERT INTO outside VALUES (?, 'staff', 'key', ?, NULL, 0)", kim.prefix, State.ENABLED)
    token = begin(directory, kim)
    found = web_sessions.find(directory, token)
    assert found is not None and found.address == kim.address
    for state in (State.DISABLED, State.ABSENT):
        directory.run("UPDATE outside SET state = ?", state)
        assert web_sessions.find(directory, token) is None


def test_a_session_goes_on_after_its_own_change_and_no_other(directory: Directory, kim: Account) -> None:
    token, other = begin(directory, kim), begin(directory, kim)
    app_passwords.add(directory, kim, "phone", "a long password")
    app_passwords.revoke(directory, kim, "phone")
    web_sessions.go_on(directory, token)
    assert web_sessions.find(directory, token) is not None
    assert web_sessions.find(directory, other) is None
    directory.set_password(kim.prefix, "new")  # by somebody else, at the same moment
    directory.touch(kim.prefix)
    web_sessions.go_on(directory, token)
    assert web_sessions.find(directory, token) is None
