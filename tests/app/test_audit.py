"""What administrators do by commands, and what people may not do, is in the audit log."""

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from pillarbox.app.cli import app
from pillarbox.testing.server import MailServer
from tests.app.test_abuse import asking, until

KIM = "kim@example.test"

# What each command is called in the log. They are run one after the other.
ACTS: list[tuple[tuple[str, ...], str]] = [
    (("account", "add", KIM), "account add"),
    (("account", "password", KIM), "account password"),
    (("account", "forward", KIM, "--to", "tim@else.test"), "account forward to tim@else.test"),
    (("account", "forward", KIM), "account forward to nobody"),
    (("account", "disable", KIM), "account disable"),
    (("account", "enable", KIM), "account enable"),
    (("account", "admin", KIM), "account admin"),
    (("account", "admin", KIM, "--revoke"), "account admin --revoke"),
    (("account", "restored", KIM), "account restored"),
    (("account", "app-password", "add", KIM, "--name", "phone"), "app-password add phone"),
    (("account", "app-password", "revoke", KIM, "--name", "phone"), "app-password revoke phone"),
    (("account", "totp", "enable", KIM), "totp enable"),
    (("account", "recovery-codes", KIM), "recovery-codes"),
    (("account", "totp", "disable", KIM), "totp disable"),
    (("domain", "add", "other.test", "--catch-all", KIM), f"domain add other.test, catch-all {KIM}"),
    (("domain", "dkim", "other.test", "rotate"), "domain dkim other.test rotate"),
    (("alias", "add", "info@other.test", KIM), f"alias add, to {KIM}"),
    (("alias", "delete", "info@other.test"), "alias delete"),
    (("domain", "delete", "other.test"), "domain delete other.test"),
    (("ban", "add", "192.0.2.7", "--for", "1h"), "ban add for 1h"),
    (("ban", "lift", "192.0.2.7"), "ban lift"),
    (("reindex", KIM), "reindex"),
    (("search", KIM, "lunch"), "search"),
    (("check", "--repair"), "check --repair"),
    (("import", KIM, "message.eml"), "import of 1"),
    (("queue", "retry", "--all"), "queue retry --all"),
    (("account", "delete", KIM, "--yes"), "account delete"),
]
# Neither changes anything nor shows mail; what is delivered is told by `trace`.
UNNOTED = {
    *("serve", "deliver", "audit", "trace", "account list", "account show", "ban list", "domain list"),
    *("alias list", "queue list", "account app-password list", "account totp status", "report tls"),
    *("report dmarc", "certificate status", "systemd", "domain records", "domain check"),
    *("account tokens list", "account passkeys list"),
}
# tests/app/test_queue.py has mail in the queue, test_directories.py a directory, test_tokens.py tokens,
# tests/web/test_passkeys.py passkeys, test_init.py and test_acme.py nothing yet.
ELSEWHERE = {
    *("queue show", "queue hold", "queue cancel", "account unlink", "account tokens revoke"),
    *("account passkeys remove", "init", "certificate renew"),
}


def leaves(group: typer.Typer, name: str = "") -> Iterator[str]:
    for each in group.registered_commands:
        assert each.callback is not None
        yield f"{name} {each.name or each.callback.__name__}".strip()
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from leaves(inner.typer_instance, f"{name} {inner.name}".strip())


def test_every_command_is_noted_or_known_to_change_nothing() -> None:
    commands = set(leaves(app))
    noted = {name for name in commands for act, _ in ACTS if " ".join(act).startswith(f"{name} ")}
    assert commands - noted - UNNOTED - ELSEWHERE == set()


def test_what_administrators_do(run, tmp_path) -> None:
    (tmp_path / "message.eml").write_bytes(b"Subject: lunch\n\nx\n")
    for arguments, _ in ACTS:
        ran = run(*arguments)
        assert ran.code == 0, (arguments, ran.err)
    log = run("audit", "--event", "admin", "--json").value
    assert [each["detail"].rpartition(", by ")[0] for each in log] == [detail for _, detail in ACTS]
    assert {each["account"] for each in log} == {KIM, "info@other.test", ""}
    assert all(each["detail"].rpartition(", by ")[2] for each in log)


def test_what_failed_is_not_said_to_be_done(run) -> None:
    run("account", "add", KIM)
    for arguments in (
        ("account", "add", KIM),
        ("account", "delete", KIM),
        ("account", "admin", "tim@example.test"),
        ("domain", "delete", "example.test"),
        ("alias", "add", "a@nowhere.test", KIM),
    ):
        assert run(*arguments).code == 1
    assert len(run("audit", "--event", "admin", "--json").value) == 1


def test_who_sends_as_somebody_else_is_noted(tmp_path, monkeypatch, capsys) -> None:
    with MailServer() as server:
        server.add_account(KIM, "secret")
        with smtplib.SMTP(server.host, server.submission_port) as client:
            client.login(KIM, "secret")
            assert client.mail("boss@example.test")[0] == 550
        ask: Any = asking(server, tmp_path, monkeypatch, capsys)
        (entry,) = until(lambda: ask("audit", "--event", "refusal"))
        assert (entry["account"], entry["protocol"], entry["detail"]) == (
            KIM,
            "smtp",
            "to send as boss@example.test",
        )
        server.check()


@pytest.mark.parametrize("revoke", [False, True])
def test_administrators_are_shown(run, revoke) -> None:
    run("account", "add", KIM)
    run("account", "admin", KIM)
    if revoke:
        run("account", "admin", KIM, "--revoke")
    assert run("account", "show", KIM, "--json").value["admin"] is not revoke
    assert ("yes" in run("account", "list").out) is not revoke
