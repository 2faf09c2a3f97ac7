"""Evidence in, one disposition out."""

import asyncio

import pytest

from pillarbox.delivery.disposition import LOOP, File, Reject, judge
from pillarbox.delivery.envelope import Addressed, Arrival, Envelope
from pillarbox.delivery.steps import examine
from pillarbox.delivery.steps.detail import Detail
from pillarbox.delivery.steps.hops import MAX_HOPS, Hops
from pillarbox.identity.directory import Recipient


def arrival(header: bytes, detail: str | None = None) -> Arrival:
    to = Addressed("ann@example.test", Recipient(7, 1, "ann@example.test", detail))
    return Arrival(Envelope("", (to,), "X1"), to, header)


@pytest.mark.parametrize(
    ("header", "count"),
    [
        (b"", 0),
        (b"Subject: received: no\r\n", 0),
        (b"Received: one\r\nRECEIVED : two\r\n received: folded\r\nreceived:three\r\n", 3),
        (b"X-Received: no\r\n", 0),
    ],
)
def test_hops_are_counted(header: bytes, count: int) -> None:
    assert asyncio.run(examine(arrival(header))) == (Hops(count),)


def test_a_detail_is_evidence() -> None:
    assert asyncio.run(examine(arrival(b"", "lists"))) == (Hops(0), Detail("lists"))
    assert asyncio.run(examine(arrival(b"", ""))) == (Hops(0),)


def test_nothing_found_goes_to_inbox() -> None:
    assert judge((Hops(MAX_HOPS),)) == File("INBOX")


def test_a_loop_is_rejected_whatever_the_recipient_wishes() -> None:
    # RFC 5321 6.3
    disposition = judge((Detail("lists"), Hops(MAX_HOPS + 1)))
    assert isinstance(disposition, Reject)
    assert disposition.outcome == LOOP


def test_a_detail_names_the_mailbox() -> None:
    assert judge((Hops(0), Detail("lists"))) == File("lists", reasons=("addressed to +lists",))
