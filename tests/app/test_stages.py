"""A destination that drops the connection, says "later" or is slow, at each stage: mail arrives, and once.

Only where it took the message and its reply was lost may there be a second copy: nobody can know (RFC 1047).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.app.config import Config, Outbound
from pillarbox.delivery.outbound import runner
from pillarbox.delivery.queue import asking, bell, waiting
from pillarbox.delivery.queue.database import opened
from pillarbox.delivery.queue.entries import Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from pillarbox.testing.server import MailServer
from tests.app.test_sending import LETTER, submit, wait_until_empty
from tests.oracle import PASSWORD
from tests.sink import Do, Sink, Stage
from tests.zone import Zone

TO = "bob@sink.test"
LOST = {Stage.REPLY}  # the message is taken, and we cannot know


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[MailServer, Sink]]:
    zone = Zone({"sink.test": [(10, "mx.sink.test")]}, {"mx.sink.test": ["127.0.0.1"]})
    with (
        pytest.MonkeyPatch.context() as patch,
        Sink() as sink,
        MailServer(Config(outbound=Outbound(port=sink.port)), resolver=zone) as one,
    ):
        patch.setattr(runner, "LINGER", 0.02)  # each message has a conversation of its own
        one.add_account("ann@one.test", PASSWORD)
        yield one, sink
        one.check()


def until_delivered(one: MailServer, sink: Sink) -> None:
    """What waits for later is tried again at once."""
    with opened(one.data) as db:
        while entries := asking.entries(db):
            for entry in entries:
                if any(each.reply and not each.taken for each in entry.recipients):
                    with db.transaction():
                        asking.retry(db, entry.letter.id, 0)
                    bell.ring(one.data)
            sink.wait(lambda: False, 0.05)


NOTHING_SAID = (Stage.CONTENT, Stage.REPLY, Stage.AFTER)  # where a server has no "later" to say


@pytest.mark.parametrize(
    "do, stage",
    [
        (do, stage)
        for do in (Do.DROP, Do.LATER, Do.SLOWLY)
        for stage in Stage
        if do is not Do.LATER or stage not in NOTHING_SAID
    ],
)
def test_mail_arrives_whatever_happens_at_a_stage(server: Any, do: Do, stage: Stage) -> None:
    one, sink = server
    sink.taken.clear()
    left = [do, do]  # a conversation that finds it has been closed tries once more at once

    def script(at: Stage, number: int) -> Do:
        return left.pop() if at is stage and left else Do.GO_ON

    sink.script = script
    assert submit(one, TO)[0] == 250
    until_delivered(one, sink)
    assert all(
        each.recipients == [TO] and each.content.endswith(b"\r\nhi\r\n..dot\r\n") for each in sink.taken
    )
    if do is Do.DROP and stage in LOST:
        assert 1 <= len(sink.taken) <= 3
        assert not any(each.heard for each in sink.taken[:-1])
    else:
        assert len(sink.taken) == 1
    if (do, stage) != (Do.DROP, Stage.AFTER):
        assert sink.wait(lambda: sink.taken[-1].heard)


def test_many_to_one_that_drops_whenever_it_likes(server: Any) -> None:
    one, sink = server
    sink.taken.clear()
    stages = list(Stage)
    # Every connection has its stage; each third gets through.
    sink.script = lambda at, number: (
        Do.DROP if number % 3 and at is stages[number * 7 % len(stages)] else Do.GO_ON
    )
    marks = [f"<many-{number}@one.test>".encode() for number in range(30)]
    for mark in marks:
        submit(one, TO, content=LETTER.replace(b"<m1@one.test>", mark))
    until_delivered(one, sink)
    wait_until_empty(one)
    for mark in marks:
        copies = [each for each in sink.taken if mark in each.content]
        assert copies, mark
        # Another copy is sent only where the reply to the one before was not heard.
        assert not any(each.heard for each in copies[:-1])


def test_one_that_cannot_be_reached_is_called_once_for_all_that_waits(server: Any) -> None:
    one, sink = server
    sink.taken.clear()
    sink.script = lambda at, number: Do.DROP if at is Stage.CONNECT else Do.GO_ON
    with opened(one.data) as db:
        letter = Letter("T", "", small(LETTER), int(time.time()))
        news = [New(letter, (Waiting(to := f"b{n}@sink.test", to),)) for n in range(runner.MOST_OF_ONE)]
        with db.transaction():
            waiting.put(db, news)
        began = sink.connections
        bell.ring(one.data)
        while not all(each.attempts for entry in asking.entries(db) for each in entry.recipients):
            sink.wait(lambda: False, 0.05)
        assert sink.connections - began <= 2
        sink.script = lambda at, number: Do.GO_ON
    until_delivered(one, sink)
    assert len(sink.taken) == runner.MOST_OF_ONE
    assert sink.connections - began <= 2 + runner.EACH
