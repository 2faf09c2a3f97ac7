"""`pillarbox account tokens`, `recovery-codes`, and what a change of the password takes along."""

import secrets

from pillarbox.app.config import load
from pillarbox.app.wiring import existing
from pillarbox.identity import grants, passkeys, second_factor
from tests.app.conftest import Run

KIM = "kim@example.test"


def begin() -> grants.Pair:
    with existing(load()) as directory, directory.changing():
        made = grants.begin(directory, directory.require(KIM).prefix, "app", "An app", "imap smtp")
        return grants.issue(directory, made, "imap smtp", secrets.token_bytes)


def test_listing_and_revoking(run: Run) -> None:
    run("account", "add", KIM)
    assert run("account", "tokens", "list", KIM, "--json").value == []
    pair = begin()
    (listed,) = run("account", "tokens", "list", KIM, "--json").value
    assert (listed["program"], listed["scope"], listed["used"]) == ("An app", "imap smtp", None)
    shown = run("account", "tokens", "list", KIM).out
    assert "An app" in shown
    assert pair.access not in shown
    assert run("account", "tokens", "revoke", KIM).code == 2
    assert run("account", "tokens", "revoke", KIM, "--id", "77").code == 1
    assert (
        run("account", "tokens", "revoke", KIM, "--id", str(listed["id"])).out == "1 program was let out.\n"
    )
    begin()
    begin()
    assert run("account", "tokens", "revoke", KIM, "--all").out == "2 programs were let out.\n"
    with existing(load()) as directory:
        assert grants.find(directory, pair.access) is None
    assert "tokens revoke --all" in str(run("audit", "--json").value)


def test_a_password_takes_tokens_along_when_asked(run: Run) -> None:
    run("account", "add", KIM)
    begin()
    run("account", "password", KIM, "--password-stdin", stdin=b"other")
    assert len(run("account", "tokens", "list", KIM, "--json").value) == 1
    run("account", "password", KIM, "--password-stdin", "--revoke-tokens", stdin=b"another")
    assert run("account", "tokens", "list", KIM, "--json").value == []


def test_new_recovery_codes(run: Run) -> None:
    run("account", "add", KIM)
    assert run("account", "recovery-codes", KIM).code == 1  # no second factor
    old = run("account", "totp", "enable", KIM, "--json").value["recovery_codes"]
    codes = run("account", "recovery-codes", KIM, "--json").value["recovery_codes"]
    assert len(set(codes)) == len(codes) == second_factor.RECOVERY_CODES
    with existing(load()) as directory:
        prefix = directory.require(KIM).prefix
        assert not second_factor.take(directory, prefix, old[0])
        assert second_factor.take(directory, prefix, codes[0])
        assert not second_factor.take(directory, prefix, codes[0])
        assert codes[1] not in str(directory.run("SELECT * FROM recovery_code"))


def test_passkeys_are_listed_and_removed(run: Run) -> None:
    run("account", "add", KIM)
    with existing(load()) as directory:
        for id_, name in ((b"\x01\x02", "phone"), (b"\x03", "key")):
            passkeys.add(directory, directory.require(KIM).prefix, id_, name, b"cose", 0)
    listed = run("account", "passkeys", "list", KIM, "--json").value
    assert [each["name"] for each in listed] == ["phone", "key"]
    assert run("account", "passkeys", "remove", KIM).code == 2
    assert run("account", "passkeys", "remove", KIM, "--id", "zz").code == 1
    assert run("account", "passkeys", "remove", KIM, "--id", "0102").out == "1 passkey is removed.\n"
    assert run("account", "passkeys", "remove", KIM, "--all").out == "1 passkey is removed.\n"
    assert run("account", "passkeys", "list", KIM, "--json").value == []
