"""What was seen is counted over processes, reported once a day is over, and forgotten."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

from pillarbox.delivery.dmarc_reports import seen
from pillarbox.delivery.dmarc_reports.seen import DAY, KEPT, Notebook, Reports
from pillarbox.delivery.dmarc_reports.sending import GIVEN_UP, Sender
from pillarbox.delivery.queue import asking
from pillarbox.filter import dns
from tests.delivery.office import ANN, HOST, NOW, Office, office
from tests.delivery.test_authentication import delivered, from_stranger, judging, published
from tests.filter.auth.test_aggregate import ROW, SCHEMA
from tests.filter.auth.zone import Zone

TODAY = int(NOW) // DAY


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def broken(error: BaseException) -> None:
    raise AssertionError from error


def reporting(here: Office, folder: Path, zone: Zone, clock: Clock, **more: Any) -> Sender:
    async def resolve(question: dns.Question) -> dns.Answer:
        await asyncio.sleep(0)
        return zone(question)

    names = iter(f"R{number}" for number in range(100))
    return Sender(
        *(folder, here.queue, resolve, lambda address, detail: here.resolve(address)),
        hostname=HOST,
        sign=unsigned,
        clock=clock,
        name=names.__next__,
        report=broken,
        **more,
    )


async def unsigned(raw: bytes) -> bytes:
    return raw


def noted(folder: Path, *rows: Any, day: int = TODAY - 1) -> None:
    reports = Reports(folder)
    reports.add(Counter((day, row) for row in rows))
    reports.close()


def run(folder: Path, play: Callable[[Office], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with office(folder) as here:
            await play(here)

    asyncio.run(whole())


def test_a_report_is_made_of_mail_and_arrives_as_mail(tmp_path: Path) -> None:
    zone = published("p=reject; rua=mailto:ann@example.test, mailto:d@far.test!1")
    zone.add("example.org._report._dmarc.example.test", "TXT", "v=DMARC1")
    zone.add("example.org._report._dmarc.far.test", "TXT", "v=DMARC1")

    async def play(here: Office) -> None:
        clock = Clock()
        notebook = Notebook(tmp_path, clock=clock, report=broken)
        here.delivery.authentication = judging(zone, seen=notebook.note)
        for author in (b"example.org", b"example.org", b"silent.test", b"example.org"):
            envelope = from_stranger(here, "ann@example.test")
            await delivered(here, envelope, b"From: kim@%s\r\n\r\nx\r\n" % author)
        notebook.close()
        sender = reporting(here, tmp_path, zone, clock)
        await sender.look()
        assert await here.queue.do(asking.entries) == []  # the day goes on
        clock.now += DAY
        await sender.look()
        await sender.look()  # once
        [entry] = await here.queue.do(asking.entries)  # one octet was not enough for the other
        [to] = entry.recipients
        assert (entry.letter.sender, to.target, to.local) == ("", "ann@example.test", True)
        message = message_from_bytes(entry.letter.content.read(tmp_path))
        assert message["From"] == f"DMARC reports <postmaster@{HOST}>"
        subject = " ".join(message["Subject"].split())
        assert subject.startswith(f"Report Domain: example.org Submitter: {HOST} Report-ID: <")
        _, attached = message.get_payload()  # type: ignore[misc]
        assert attached.get_content_type() == "application/gzip"  # type: ignore[union-attr]
        name = attached.get_filename()  # type: ignore[union-attr]
        assert name == f"{HOST}!example.org!{TODAY * DAY}!{TODAY * DAY + DAY - 1}.xml.gz"
        xml = gzip.decompress(attached.get_payload(decode=True))  # type: ignore[union-attr,arg-type]
        found = SCHEMA.to_dict(xml)
        [record] = found["record"]
        assert record["row"]["count"] == 3
        assert record["row"]["policy_evaluated"]["disposition"] == "reject"
        assert len(await here.filed(ANN)) == 1  # the one of silent.test
        day = Reports(tmp_path).read(TODAY, "example.org")
        assert day.how == "sent to ann@example.test"

    run(tmp_path, play)


def test_who_is_spared_and_who_does_not_want_it(tmp_path: Path) -> None:
    async def play(here: Office) -> None:
        noted(tmp_path, ROW, replace(ROW, domain="sub.spared.test"))
        zone = Zone()  # d@example.org is within the domain, sub.spared.test is not asked about at all
        sender = reporting(here, tmp_path, zone, Clock(), spared=("spared.test",))
        await sender.look()
        [entry] = await here.queue.do(asking.entries)
        assert entry.recipients[0].target == "d@example.org"
        assert Reports(tmp_path).read(TODAY - 1, "sub.spared.test").how == "spared"
        assert not any("spared" in question.name for question in zone.asked)

    run(tmp_path, play)


def test_without_an_answer_it_is_tried_for_some_days(tmp_path: Path) -> None:
    async def play(here: Office) -> None:
        noted(tmp_path, replace(ROW, reports=("mailto:d@other.test",)))
        clock = Clock()
        sender = reporting(here, tmp_path, Zone().breaks("example.org._report._dmarc.other.test"), clock)
        for _ in range(GIVEN_UP):
            await sender.look()
            assert Reports(tmp_path).read(TODAY - 1, "example.org").how == ""
            clock.now += DAY
        await sender.look()
        assert Reports(tmp_path).read(TODAY - 1, "example.org").how == "the DNS did not say who wants it"
        clock.now += KEPT * DAY
        await sender.look()
        assert Reports(tmp_path).days() == []

    run(tmp_path, play)


def test_it_is_bounded(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(seen, "MOST", 50)
    monkeypatch.setattr(seen, "MOST_EACH", 10)
    noted(tmp_path, *(replace(ROW, source=f"192.0.2.{number}") for number in range(30)))
    noted(tmp_path, replace(ROW, source="192.0.2.3"))
    reports = Reports(tmp_path)
    rows = reports.read(TODAY - 1, "example.org").rows
    assert len(rows) == 10
    assert rows[3].count == 2  # what is known is counted on
    noted(tmp_path, *(replace(ROW, domain=f"d{number}.test") for number in range(100)))
    assert len(reports.days()) == 41
    reports.close()


def test_several_processes_count_together(tmp_path: Path) -> None:
    books = [Notebook(tmp_path, clock=Clock(), report=broken) for _ in range(2)]
    for book in books:
        book.note(ROW)
        book.note(None)
    for book in books:
        book.close()
    [counted] = Reports(tmp_path).read(TODAY, "example.org").rows
    assert counted.count == 2
