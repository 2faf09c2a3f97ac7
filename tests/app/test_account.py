from pathlib import Path

import pytest

from pillarbox.app.config import load
from pillarbox.app.wiring import existing
from pillarbox.identity.passwords import verify
from pillarbox.store.changes import LEAP
from pillarbox.store.engine.sqlite import open_account
from pillarbox.store.files import account_folder
from tests.app.conftest import Run


def password_works(address: str, password: str) -> bool:
    with existing(load()) as directory:
        credential = directory.credential(address)
        assert credential is not None
        return credential.enabled and verify(credential.password_hash, password)


def test_an_account_with_a_password_that_is_made(run: Run) -> None:
    added = run("account", "add", "kim@example.test")
    assert (added.code, added.err) == (0, "")
    assert added.out.startswith("kim@example.test is added.\nPassword: ")
    assert password_works("kim@example.test", added.out.split()[-1])


def test_an_account_with_a_password_that_is_given(run: Run) -> None:
    added = run(
        "account", "add", "kim@example.test", "--password-stdin", "--json", stdin=b"p\xc3\xa4ss word\n"
    )
    assert "password" not in added.value
    assert password_works("kim@example.test", "päss word")


def test_programs_get_the_password_too(run: Run) -> None:
    added = run("account", "add", "kim@example.test", "--json").value
    assert added["address"] == "kim@example.test"
    assert password_works("kim@example.test", added["password"])


def test_as_many_iterations_as_the_owner_wants(run: Run) -> None:
    def stored() -> list[int]:
        found: list[int] = run("account", "show", "kim@example.test", "--json").value["scram_iterations"]
        return found

    run("account", "add", "kim@example.test")
    assert stored() == [65_536]
    Path("pillarbox.toml").write_text("[auth]\nscram_iterations = 100_000\n")
    run("account", "app-password", "add", "kim@example.test", "--name", "phone")
    run("account", "password", "kim@example.test")
    assert stored() == [65_536]  # as the phone's, which the same exchange is for
    run("account", "app-password", "revoke", "kim@example.test", "--name", "phone")
    run("account", "password", "kim@example.test")
    assert stored() == [100_000]


def test_a_hash_of_another_server(run: Run) -> None:
    sha = b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
    added = run("account", "add", "kim@example.test", "--hash-stdin", "--json", stdin=sha)
    assert (added.code, added.value["scram"], "password" in added.value) == (0, [], False)
    assert password_works("kim@example.test", "secret")
    run("account", "password", "kim@example.test", "--hash-stdin", stdin=b"{PLAIN}in clear")
    assert password_works("kim@example.test", "in clear")
    shown = run("account", "show", "kim@example.test", "--json").value
    assert shown["scram"] == ["SCRAM-SHA-512", "SCRAM-SHA-256"]
    refused = run("account", "password", "kim@example.test", "--hash-stdin", stdin=b"{SHA}5en")
    assert refused.code == 1
    assert "This hash is damaged" in refused.err
    both = run("account", "password", "kim@example.test", "--hash-stdin", "--password-stdin")
    assert both.err == "pillarbox: --password-stdin and --hash-stdin exclude each other\n"


@pytest.mark.parametrize("address", ["kim", "kim@", "a b@example.test", ""])
def test_not_an_address(run: Run, address: str) -> None:
    added = run("account", "add", address)
    assert (added.code, added.out) == (1, "")
    assert added.err == f"pillarbox: {address!r} is not a mail address (expected name@domain)\n"
    assert run("account", "list", "--json").value == []
    assert not list(Path("var/accounts").iterdir())


def test_an_address_that_exists(run: Run) -> None:
    run("account", "add", "kim@example.test")
    again = run("account", "add", "KIM@example.test", "--json")
    assert again.code == 1
    assert again.err == '{"error": "KIM@example.test exists already"}\n'
    assert len(list(Path("var/accounts").glob("??/*"))) == 1


def test_an_empty_password(run: Run) -> None:
    assert (
        run("account", "add", "kim@example.test", "--password-stdin").err
        == "pillarbox: The password is empty\n"
    )
    assert run("account", "list", "--json").value == []


def test_listing(run: Run) -> None:
    run("account", "add", "kim@example.test")
    run("account", "add", "ada@example.test")
    run("account", "disable", "kim@example.test")
    listed = run("account", "list", "--json").value
    assert [(each["address"], each["state"]) for each in listed] == [
        ("ada@example.test", "enabled"),
        ("kim@example.test", "disabled"),
    ]
    lines = run("account", "list").out.splitlines()
    assert lines[0].split() == ["address", "state", "admin", "directory", "created"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ada@example.test", "enabled"],
        ["kim@example.test", "disabled"],
    ]


def test_showing(run: Run) -> None:
    run("account", "add", "kim@example.test")
    shown = run("account", "show", "kim@example.test", "--json").value
    assert shown["user"] == 1
    assert {"path": "INBOX", "messages": 0, "unseen": 0, "octets": 0} in shown["mailboxes"]
    assert "INBOX" in run("account", "show", "KIM@example.test").out


def test_a_new_password(run: Run) -> None:
    old = run("account", "add", "kim@example.test", "--json").value["password"]
    new = run("account", "password", "kim@example.test", "--json").value["password"]
    assert password_works("kim@example.test", new)
    assert not password_works("kim@example.test", old)
    run("account", "password", "kim@example.test", "--password-stdin", stdin=b"third\n")
    assert password_works("kim@example.test", "third")


def test_disabling_and_enabling(run: Run) -> None:
    run("account", "add", "kim@example.test", "--password-stdin", stdin=b"secret")
    assert run("account", "disable", "kim@example.test").out == "kim@example.test is disabled.\n"
    assert not password_works("kim@example.test", "secret")
    assert run("account", "enable", "kim@example.test", "--json").value["state"] == "enabled"
    assert password_works("kim@example.test", "secret")


def test_deleting_erases_the_mail(run: Run) -> None:
    run("account", "add", "kim@example.test")
    refused = run("account", "delete", "kim@example.test")
    assert refused.code == 1
    assert "say --yes" in refused.err
    assert len(list(Path("var/accounts").glob("??/*"))) == 1
    assert run("account", "delete", "kim@example.test", "--yes").code == 0
    assert not list(Path("var/accounts").glob("??/*"))
    assert run("account", "list", "--json").value == []
    assert run("account", "add", "kim@example.test").code == 0


@pytest.mark.parametrize("command", ["show", "password", "disable", "enable", "delete"])
def test_an_account_that_does_not_exist(run: Run, command: str) -> None:
    run("account", "add", "ada@example.test")
    missing = run("account", command, "kim@example.test")
    assert (missing.code, missing.err) == (1, "pillarbox: There is no account kim@example.test\n")


@pytest.mark.parametrize("command", [["account", "list"], ["account", "show", "a@b"], ["check"]])
def test_before_there_is_any_mail(run: Run, command: list[str]) -> None:
    early = run(*command)
    assert early.code == 1
    assert "There is no mail in" in early.err
    assert not Path("var").exists()


def test_an_account_that_is_older_than_it_seems(run: Run) -> None:
    prefix = int(run("account", "add", "kim@example.test", "--json").value["account"], 16)
    folder = account_folder(Path("var"), prefix)

    def modseq() -> int:
        database = open_account(folder)
        try:
            return database.read_modseq()
        finally:
            database.close()

    before = modseq()
    restored = run("account", "restored", "kim@example.test")
    assert (restored.code, restored.err) == (0, "")
    assert modseq() >= before + LEAP
    assert run("check").code == 0
