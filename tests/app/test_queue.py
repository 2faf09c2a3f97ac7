"""`pillarbox queue` and `pillarbox trace`, and mail that `deliver` sends on."""

import pytest

from tests.app.conftest import Run

LETTER = b"Subject: hello\nMessage-ID: <m1@else.test>\n\nhi\n"


@pytest.fixture
def waiting(run: Run) -> Run:
    """ann, whose mail is sent on to two others, and one letter to them. No server runs."""
    run("account", "add", "ann@one.test")
    run("account", "forward", "ann@one.test", "--to", "a@else.test", "--to", "b@else.test")
    assert run("deliver", "ann@one.test", stdin=LETTER).code == 0
    return run


def test_the_queue_is_listed_and_shown(waiting: Run) -> None:
    [letter] = waiting("queue", "list", "--json").value
    assert (letter["number"], letter["message_id"], letter["from"]) == (2, "m1@else.test", "")
    assert [(each["to"], each["state"], each["attempts"]) for each in letter["recipients"]] == [
        ("a@else.test", "waiting", 0),
        ("b@else.test", "waiting", 0),
    ]
    listed = waiting("queue", "list").out.splitlines()
    assert len(listed) == 3
    assert "a@else.test" in listed[1]
    shown = waiting("queue", "show", "2")
    assert "Subject: hello" in shown.out
    assert (
        waiting("queue", "show", "2", "--json").value["header"].startswith("Delivered-To: ann@one.test\r\n")
    )


def test_what_is_held_waits_until_it_is_retried(waiting: Run) -> None:
    assert waiting("queue", "hold", "2", "--json").value == {"held": 2}
    [letter] = waiting("queue", "list", "--json").value
    assert {each["state"] for each in letter["recipients"]} == {"held"}
    assert waiting("queue", "retry", "--all").out == "Tried again now: 2 recipients.\n"
    [letter] = waiting("queue", "list", "--json").value
    assert {each["state"] for each in letter["recipients"]} == {"waiting"}
    assert waiting("queue", "retry").code == 1


def test_what_is_cancelled_is_gone_and_recorded(waiting: Run) -> None:
    assert waiting("queue", "cancel", "2").out == "Cancelled: 2 recipients.\n"
    assert waiting("queue", "list", "--json").value == []
    assert waiting("queue", "cancel", "2").err == "pillarbox: There is no 2 in the queue\n"
    told = waiting("trace", "<m1@else.test>", "--json").value
    assert [(each["event"], each["address"]) for each in told] == [
        ("arrived", ""),
        ("delivered", "ann@one.test"),
        ("queued", "a@else.test"),
        ("queued", "b@else.test"),
        ("cancelled", "a@else.test"),
        ("cancelled", "b@else.test"),
    ]
    assert waiting("trace", told[0]["trace"]).out.count("\n") == 7
    assert waiting("trace", "nothing").code == 1


def test_mail_for_an_alias_is_delivered(run: Run) -> None:
    run("account", "add", "ann@one.test")
    run("alias", "add", "info@one.test", "ann@one.test")
    assert run("deliver", "info@one.test", stdin=LETTER).code == 0
    found = run("account", "show", "ann@one.test", "--json").value["mailboxes"]
    assert next(each["messages"] for each in found if each["path"] == "INBOX") == 1
