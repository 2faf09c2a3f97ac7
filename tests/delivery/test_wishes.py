"""Not before, at the latest by, sooner than others: what a sender wishes, and what becomes of it."""

import asyncio
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import apsw
import pytest

from pillarbox.delivery.outbound.conversation import NOT_BY, NOT_SO_SOON, Message, To
from pillarbox.delivery.post import TOO_LATE, Letter
from pillarbox.delivery.queue import asking, bell, schema, waiting
from pillarbox.delivery.queue.database import FILE, Database
from pillarbox.delivery.queue.entries import Letter as Entry
from pillarbox.delivery.queue.entries import Waiting, small
from pillarbox.delivery.queue.waiting import New
from pillarbox.delivery.wishes import DeliverBy, Hold, Wishes
from tests.delivery.office import ANN, BOB, NOW, Office, office
from tests.delivery.test_conversation import OFFERS, sent
from tests.delivery.test_runner import CONTENT, DAY, HOUR, reports, rewind, sending, until
from tests.zone import Zone

FAR = Waiting("b@far.test", "b@far.test")


async def put(here: Office, wishes: Wishes, *recipients: Waiting, arrived_at: float = NOW) -> None:
    letter = Entry("T1", "ann@example.test", small(CONTENT), int(arrived_at), wishes=wishes)
    await here.queue.do(waiting.put, [New(letter, recipients)])


def by(seconds: int, *, returns: bool = True, trace: bool = False) -> Wishes:
    return Wishes(by=DeliverBy(int(NOW) + seconds, returns, trace))


# RFC 2852


def test_what_is_too_late_goes_back_untried(tmp_path: Path) -> None:
    # RFC 2852 4.1.3
    async def play() -> None:
        zone = Zone(broken={"far.test"})
        async with office(tmp_path) as here, sending(here, zone):
            await put(here, by(0), FAR)
            await put(here, by(0), replace(FAR, notify="DELAY"))
            await put(here, by(0), Waiting("bob@example.test", "bob@example.test", local=True))
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            assert zone.asked == []
            assert await reports(here) == [("failed", "5.4.7"), ("failed", "5.4.7")]
            assert await here.filed(BOB) == []
            report = message_from_bytes((await here.filed(ANN))[0].raw)
            about = report.get_payload()[1].get_payload()[0]  # type: ignore[index,union-attr]
            assert about["Deliver-By-Date"] == about["Arrival-Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"

    asyncio.run(play())


def test_it_is_looked_at_when_its_time_is_over(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone(broken={"far.test"})):
            await put(here, by(90), FAR)
            bell.ring(tmp_path)
            [entry] = await until(here, lambda found: found[0].recipients[0].attempts == 1)
            assert entry.recipients[0].due_at == NOW + 90  # and not after five minutes

    asyncio.run(play())


def test_who_only_wants_to_know_is_told_once_and_it_goes_on(tmp_path: Path) -> None:
    # RFC 2852 4.1.3, by-mode N
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone(broken={"far.test"})):
            await put(here, by(-10, returns=False), FAR, arrived_at=NOW - 60)
            for attempts in (1, 2):
                bell.ring(tmp_path)
                await until(
                    here, lambda found, attempts=attempts: found[0].recipients[0].attempts == attempts
                )
                await here.queue.do(lambda db: db.run("UPDATE recipient SET due_at = 0"))
            assert await reports(here) == [("delayed", "4.4.7")]

    asyncio.run(play())


def test_who_got_it_late_already_tells_nobody(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone(broken={"far.test"})):
            await put(here, by(-60, returns=False), FAR)
            bell.ring(tmp_path)
            await until(here, lambda found: found[0].recipients[0].attempts == 1)
            assert await reports(here) == []

    asyncio.run(play())


def test_content_that_came_too_late_is_refused(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            accepted = here.post.accept("ann@example.test")
            letter = Letter("who@else.test", (accepted,), "X1", wishes=by(5))  # type: ignore[arg-type]
            for late, outcome in ((4.9, 250), (5.0, TOO_LATE.code)):
                arriving = here.post.begin(letter)
                await arriving.write(CONTENT)
                here.delivery.clock = lambda late=late: NOW + late
                assert [each.code for each in await arriving.finish()] == [outcome]
            assert len(await here.filed(ANN)) == 1

    asyncio.run(play())


@pytest.mark.parametrize(
    ("offered", "wishes", "said"),
    [
        ("DELIVERBY", by(98), "BY=98;R"),
        ("DELIVERBY 30", by(98, trace=True), "BY=98;RT"),
        ("DELIVERBY 98,later", by(98), "BY=98;R"),
        ("DELIVERBY 99", by(-5, returns=False), "BY=-5;N"),
        ("MT-PRIORITY MIXER", Wishes(priority=-4), "MT-PRIORITY=-4"),
    ],
)
def test_the_next_host_is_told(offered: str, wishes: Wishes, said: str) -> None:
    # RFC 2852 4.1.4, RFC 6710 4.2
    message = Message("a@one.test", [To("b@two.test")], CONTENT, wishes=wishes, now=int(NOW))
    outcomes, lines = sent(message, offers=(*OFFERS, offered))
    assert outcomes[0].delivered
    assert said in lines[1].split(" ")


def test_a_host_that_keeps_no_time_gets_no_mail_that_has_one() -> None:
    # RFC 2852 4.1.4.1
    message = Message("a@one.test", [To("b@two.test")], CONTENT, wishes=by(98), now=int(NOW))
    assert sent(message)[0] == [NOT_BY]
    assert sent(message, offers=(*OFFERS, "DELIVERBY 99"))[0] == [NOT_SO_SOON]


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ("", "NOTIFY=FAILURE,DELAY"),
        ("SUCCESS", "NOTIFY=SUCCESS,DELAY"),
        ("DELAY", "NOTIFY=DELAY"),
        ("NEVER", "NOTIFY=NEVER"),
    ],
)
def test_a_host_that_keeps_no_time_is_to_tell_of_delays(notify: str, said: str) -> None:
    # RFC 2852 4.1.4.2
    to = To("b@two.test", notify)
    message = Message("a@one.test", [to], CONTENT, wishes=by(98, returns=False), now=int(NOW))
    outcomes, lines = sent(message, offers=(*OFFERS, "DSN"))
    assert outcomes[0].delivered
    assert lines[2].endswith(said)


# RFC 4865


def test_held_mail_is_not_old_when_its_time_comes(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone(broken={"far.test"})):
            hold = Hold(int(NOW), "for;864000")
            await put(here, Wishes(hold=hold), FAR, arrived_at=NOW - 10 * DAY)
            bell.ring(tmp_path)
            [entry] = await until(here, lambda found: found[0].recipients[0].attempts == 1)
            assert entry.letter.wishes.hold == hold
            assert await reports(here) == []  # neither too old nor late
            await here.queue.do(
                lambda db: db.run("UPDATE letter SET held_until = held_until - ?", 5 * DAY + HOUR)
            )
            await here.queue.do(rewind, 1)
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            [report] = await here.filed(ANN)
            assert b"Future-Release-Request: for;864000\r\n" in report.raw

    asyncio.run(play())


# RFC 6710


def test_what_is_urgent_is_taken_first(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            for priority in (0, -3, 5, 0, 9):
                await put(here, Wishes(priority=priority), FAR)
            jobs = await here.queue.do(waiting.take, int(NOW), 4)
            assert [job.letter.wishes.priority for job in jobs] == [9, 5, 0, 0]
            assert [job.letter.id for job in jobs] == [5, 3, 1, 4]
            assert await here.queue.do(waiting.next_due) == 0

    asyncio.run(play())


def test_a_report_is_as_urgent_as_what_it_is_about(tmp_path: Path) -> None:
    # RFC 6710 4.6
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone()):
            await put(here, Wishes(priority=7), Waiting("b@no.test", "b@no.test"))
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            [report] = await here.filed(ANN)
            assert b" PRIORITY 7; " in report.raw.partition(b"\r\nFrom:")[0]

    asyncio.run(play())


# RFC 9422


def test_no_more_recipients_at_once_than_the_host_takes() -> None:
    message = Message("a@one.test", [To(f"b{n}@two.test") for n in range(5)], CONTENT)
    outcomes, lines = sent(message, offers=(*OFFERS, "LIMITS RCPTMAX=2 MAILMAX=2"))
    assert [each.code for each in outcomes] == [250, 250, 250, 250, 451]  # the fifth on another connection
    assert [line[:4] for line in lines if line[:4] in ("MAIL", "RCPT", "DATA")] == [
        *("MAIL", "RCPT", "RCPT", "DATA"),
        *("MAIL", "RCPT", "RCPT", "DATA"),
    ]


# What was there before


def test_a_queue_of_before_is_still_good(tmp_path: Path) -> None:
    old = apsw.Connection(str(tmp_path / FILE))
    for statement in schema.FIRST:
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO letter VALUES (1, 'T1', 'ann@example.test', 0, '', 3, 0, '8BITMIME', '', '', 5, 0, NULL,"
        " x'00', '')"
    )
    old.execute(
        "INSERT INTO recipient VALUES (1, 0, 'b@far.test', 'b@far.test', 0, NULL, '', '', 0, 0, 7, 0, 0, '')"
    )
    old.close()
    with_wishes = Database(tmp_path)
    [entry] = asking.entries(with_wishes)
    assert entry.letter.wishes == Wishes()
    assert waiting.next_due(with_wishes) == 7
    assert [job.recipients[0].address for job in waiting.take(with_wishes, 7, 10)] == ["b@far.test"]
    with_wishes.close()
