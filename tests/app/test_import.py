from pathlib import Path

from tests.app.conftest import Run

ADDRESS = "kim@example.test"
MBOX = (
    b"From a Sat Jan  3 01:05:34 1996\nStatus: RO\nSubject: one\n\n>From here\n\n"
    b"From a Sat Jan  3 01:05:34 1996\nSubject: two\n\nx\n"
)


def counts(run: Run) -> dict[str, tuple[int, int]]:
    shown = run("account", "show", ADDRESS, "--json").value["mailboxes"]
    return {each["path"]: (each["messages"], each["unseen"]) for each in shown if each["messages"]}


def test_an_mbox(run: Run) -> None:
    run("account", "add", ADDRESS)
    Path("old.mbox").write_bytes(MBOX)
    assert run("import", ADDRESS, "old.mbox").out == "2 messages are imported into INBOX.\n"
    assert counts(run) == {"INBOX": (2, 1)}
    assert run("check").code == 0


def test_few_messages(run: Run) -> None:
    run("account", "add", ADDRESS)
    Path("one.eml").write_bytes(b"Subject: one\n\nx\n")
    assert run("import", ADDRESS, "one.eml").out == "1 message is imported into INBOX.\n"
    Path("Drafts").write_bytes(b"")
    assert run("import", ADDRESS, "Drafts").out == "0 messages are imported into no mailbox.\n"
    assert counts(run) == {"INBOX": (1, 1)}


def test_into_a_mailbox(run: Run) -> None:
    run("account", "add", ADDRESS)
    Path("old.mbox").write_bytes(MBOX)
    assert run("import", ADDRESS, "old.mbox", "--mailbox", "Archive/1996", "--json").value == {
        "messages": 2,
        "octets": 58,
        "mailboxes": ["Archive/1996"],
    }
    assert counts(run) == {"Archive/1996": (2, 1)}


def test_a_maildir(run: Run) -> None:
    run("account", "add", ADDRESS)
    for name in ("cur/1.a:2,S", "new/2.a", ".Sent/cur/3.a:2,S", ".Lists.Python/cur/4.a:2,"):
        path = Path("Maildir") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"A: b\n\nx\n")
    assert run("import", ADDRESS, "Maildir", "--json").value["messages"] == 4
    assert counts(run) == {"INBOX": (2, 1), "Sent": (1, 0), "Lists/Python": (1, 1)}


def test_what_cannot_be_imported(run: Run) -> None:
    run("account", "add", ADDRESS)
    Path("empty").mkdir()
    assert "holds no mail" in run("import", ADDRESS, "empty").err
    assert "does not exist" in run("import", ADDRESS, "missing").err
    assert (
        run("import", "ada@example.test", "empty").err == "pillarbox: There is no account ada@example.test\n"
    )
    assert run("import", ADDRESS, "empty", "--mailbox", "a//b").code == 1


def test_deliver(run: Run) -> None:
    run("account", "add", ADDRESS)
    assert run("deliver", ADDRESS, stdin=b"Subject: x\n\ny\n").out == f"Delivered to {ADDRESS}.\n"
    assert counts(run) == {"INBOX": (1, 1)}
    assert run("check").code == 0


def test_deliver_to_nobody(run: Run) -> None:
    run("account", "add", ADDRESS)
    missing = run("deliver", "ada@example.test", "--json", stdin=b"x")
    assert (missing.code, missing.out) == (1, "")
    assert "ada@example.test" in missing.err
