"""`pillarbox search`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pillarbox.app.config import load
from pillarbox.app.wiring import core
from pillarbox.model.actors import SERVER
from pillarbox.store import mailboxes, messages
from pillarbox.testing.verbs import staged
from tests.app.conftest import Run

PDF = (
    b"From: Bob <bob@x.example>\r\nSubject: the report\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nsee report.pdf\r\n--b\r\n'
    b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=Numbers.PDF\r\n\r\n"
    b"x\r\n--b--\r\n"
)
MAIL: list[tuple[str, int, tuple[str, ...], bytes]] = [
    (
        "INBOX",
        100,
        ("\\Seen",),
        b"From: Ann <ann@x.example>\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\r\nlunch?\r\n",
    ),
    ("INBOX", 300, ("todo",), PDF),
    ("Sent", 200, ("\\Seen", "\\Flagged"), b"From: me\r\nSubject: [red]x[/]\x1b[2J\r\n\r\nlunch, yes\r\n"),
    ("Trash", 400, (), b"From: Ann <ann@x.example>\r\nSubject: gone\r\n\r\nlunch\r\n"),
]


@pytest.fixture
def kim(run: Run) -> Run:
    run("account", "add", "kim@example.test")

    async def fill() -> None:
        async with core(load(None)) as parts:
            account = parts.directory.require("kim@example.test").prefix
            for path, at, flags, raw in MAIL:
                mailbox = await parts.store.read(account, mailboxes.require, SERVER, path)
                await parts.store.write(
                    account, messages.append, SERVER, mailbox.id, staged(raw), flags, 1_700_000_000 + at, 0
                )

    asyncio.run(fill())
    return run


def found(run: Run, *arguments: str) -> list[tuple[str, int]]:
    value = run("search", "kim@example.test", *arguments, "--json").value
    assert value["total"] >= len(value["matches"])
    return [(each["mailbox"], each["uid"]) for each in value["matches"]]


ANN, REPORT, REPLY, GONE = ("INBOX", 1), ("INBOX", 2), ("Sent", 1), ("Trash", 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [REPORT, REPLY, ANN]),
        ("lunch", [REPLY, ANN]),
        ("lunch in:anywhere", [GONE, REPLY, ANN]),
        ("lunch in:trash", [GONE]),
        ("lunch -in:inbox", [GONE, REPLY]),
        ("in:INBOX OR in:sent", [REPORT, REPLY, ANN]),
        ("in:nowhere", []),
        ("label:sent", [REPLY]),
        ("label:todo", [REPORT]),
        ("-label:todo lunch -in:trash", [REPLY, ANN]),
        ("from:ann", [ANN]),
        ("subject:CAFÉ", [ANN]),
        ("-is:read", [REPORT]),
        ("is:starred", [REPLY]),
        ("has:attachment", [REPORT]),
        ("filename:numbers", [REPORT]),
        ("filename:report", []),
        ("filename:.pdf -has:attachment", []),
        ("larger:200", [REPORT]),
        ("older_than:1d", [REPORT, REPLY, ANN]),
        ("newer_than:1d", []),
        ("after:1700000200 before:1700000300", [REPLY]),
        ("{from:ann from:bob} -subject:report", [ANN]),
    ],
)
def test_queries(kim: Run, query: str, expected: list[tuple[str, int]]) -> None:
    assert found(kim, query) == expected
    kim("reindex", "kim@example.test")
    assert found(kim, query) == expected


def test_what_people_see(kim: Run) -> None:
    shown = kim("search", "kim@example.test", "lunch", "--limit", "1")
    assert shown.code == 0
    assert "[red]x[/] [2J" in shown.out and "\x1b" not in shown.out
    assert shown.out.endswith("2 messages match; these are the newest 1.\n")
    assert kim("search", "kim@example.test", "nowhere").out == "0 messages match.\n"


def test_the_plan(kim: Run) -> None:
    shown = kim("search", "kim@example.test", "lunch is:unread", "--explain")
    assert "INBOX: no index" in shown.out and "text 'lunch'" in shown.out
    kim("reindex", "kim@example.test")
    plan: list[dict[str, Any]] = kim("search", "kim@example.test", "lunch", "--explain", "--json").value[
        "plan"
    ]
    assert [each["mailbox"] for each in plan][:2] == ["INBOX", "Archive"]
    assert plan[0]["steps"][0]["by"] in ("index", "texts")


def test_errors_point_at_what_is_wrong(kim: Run) -> None:
    wrong = kim("search", "kim@example.test", "a is:red")
    assert wrong.code == 1
    said, query, mark = wrong.err.splitlines()
    assert said.startswith("pillarbox: is: knows read, ") and said.endswith(" at character 6")
    assert query[mark.index("^") :] == "red"
    assert "error" in kim("search", "kim@example.test", "(", "--json").err
    assert kim("search", "nobody@example.test", "a").code == 1
