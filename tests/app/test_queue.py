"""`pillarbox queue` and `pillarbox trace`, and mail that `deliver` sends on."""

from pathlib import Path

import pytest

from pillarbox.app.commands.queue import LISTED
from pillarbox.delivery.queue import waiting
from pillarbox.delivery.queue.database import opened
from pillarbox.delivery.queue.entries import Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from tests.app.conftest import Run

LETTER = b"Subject: hello\nMessage-ID: <m1@else.test>\n\nhi\n"


@pytest.fixture
def queued(run: Run) -> Run:
    """ann, whose mail is sent on to two others, and one letter to them. No server runs."""
    run("account", "add", "ann@one.test")
    run("account", "forward", "ann@one.test", "--to", "a@else.test", "--to", "b@else.test")
    assert run("deliver", "ann@one.test", stdin=LETTER).code == 0
    return run


def test_the_queue_is_listed_and_shown(queued: Run) -> None:
    [letter] = queued("queue", "list", "--json").value
    assert (letter["number"], letter["message_id"], letter["from"]) == (2, "m1@else.test", "")
    assert [(each["to"], each["state"], each["attempts"]) for each in letter["recipients"]] == [
        ("a@else.test", "waiting", 0),
        ("b@else.test", "waiting", 0),
    ]
    listed = queued("queue", "list").out.splitlines()
    assert len(listed) == 3
    assert "a@else.test" in listed[1]
    shown = queued("queue", "show", "2")
    assert "Subject: hello" in shown.out
    assert queued("queue", "show", "2", "--json").value["header"].startswith("Delivered-To: ann@one.test\r\n")


def test_what_is_held_waits_until_it_is_retried(queued: Run) -> None:
    assert queued("queue", "hold", "2", "--json").value == {"held": 2}
    [letter] = queued("queue", "list", "--json").value
    assert {each["state"] for each in letter["recipients"]} == {"held"}
    assert queued("queue", "retry", "--all").out == "Tried again now: 2 recipients.\n"
    [letter] = queued("queue", "list", "--json").value
    assert {each["state"] for each in letter["recipients"]} == {"waiting"}
    assert queued("queue", "retry").code == 1


def test_what_is_cancelled_is_gone_and_recorded(queued: Run) -> None:
    assert queued("queue", "cancel", "2").out == "Cancelled: 2 recipients.\n"
    assert queued("queue", "list", "--json").value == []
    assert queued("queue", "cancel", "2").err == "pillarbox: There is no 2 in the queue\n"
    told = queued("trace", "<m1@else.test>", "--json").value
    assert [(each["event"], each["address"]) for each in told] == [
        ("arrived", ""),
        ("delivered", "ann@one.test"),
        ("queued", "a@else.test"),
        ("queued", "b@else.test"),
        ("cancelled", "a@else.test"),
        ("cancelled", "b@else.test"),
    ]
    assert queued("trace", told[0]["trace"]).out.count("\n") == 7
    assert queued("trace", "nothing").code == 1


def test_mail_for_an_alias_is_delivered(run: Run) -> None:
    run("account", "add", "ann@one.test")
    run("alias", "add", "info@one.test", "ann@one.test")
    assert run("deliver", "info@one.test", stdin=LETTER).code == 0
    found = run("account", "show", "ann@one.test", "--json").value["mailboxes"]
    assert next(each["messages"] for each in found if each["path"] == "INBOX") == 1


def test_of_a_long_queue_the_oldest_are_listed(run: Run) -> None:
    run("account", "add", "ann@one.test")
    news = [
        New(
            Letter(f"T{number}", "ann@one.test", small(b"Subject: x\r\n\r\n"), 0),
            (Waiting(to := f"b{number}@{'far' if number % 3 else 'near'}.test", to),),
        )
        for number in range(LISTED + 10)
    ]
    with opened(Path("var")) as db, db.transaction():
        waiting.put(db, news)
    listed = run("queue", "list").out
    assert listed.count("ann@one.test") == LISTED
    assert f"10 more, in all {LISTED + 10}; `--most 0` lists them. Most wait for:\nfar.test" in listed
    assert run("queue", "list", "--most", "0").out.count("ann@one.test") == LISTED + 10
    short = run("queue", "list", "--most", "2").out
    assert short.count("ann@one.test") == 2
    assert f"{LISTED + 8} more" in short
    assert len(run("queue", "list", "--json").value) == LISTED + 10
    assert run("queue", "retry", "--all").out == f"Tried again now: {LISTED + 10} recipients.\n"
