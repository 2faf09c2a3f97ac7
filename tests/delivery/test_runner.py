"""What goes out, over days: delays, the end of trying, and what another had taken when it died."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes
from pathlib import Path

from pytest import MonkeyPatch

from pillarbox.delivery.outbound.runner import Runner, Settings
from pillarbox.delivery.queue import asking, bell, waiting
from pillarbox.delivery.queue.database import Database
from pillarbox.delivery.queue.entries import Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from tests.delivery.office import ANN, HOST, NOW, Office, office
from tests.zone import Zone

HOUR, DAY = 3600, 86_400
CONTENT = b"From: ann@example.test\r\nSubject: x\r\n\r\nbody\r\n"


@asynccontextmanager
async def sending(here: Office, zone: Zone) -> AsyncIterator[None]:
    runner = Runner(
        here.queue,
        here.delivery,
        lambda address, detail: here.resolve(address),
        lambda sender: sender,
        zone,
        Settings(HOST),
        random=lambda: 0.5,
        shuffle=lambda names: None,
        name=iter(f"R{number}" for number in range(100)).__next__,
        report=here.errors.append,
    )
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def put(
    here: Office, *recipients: Waiting, sender: str = "ann@example.test", arrived_at: float = NOW
) -> None:
    letter = Letter("T1", sender, small(CONTENT), int(arrived_at))
    await here.queue.do(waiting.put, [New(letter, recipients)])


async def until(here: Office, done: Callable[[list[asking.Entry]], bool]) -> list[asking.Entry]:
    """The queue, once `done(entries)`."""
    while True:
        found = await here.queue.do(asking.entries)
        if done(found):
            return found


def rewind(db: Database, hours: int) -> None:
    """As if the letters had come so long ago, and were due."""
    db.run("UPDATE letter SET arrived_at = arrived_at - ?", hours * HOUR)
    db.run("UPDATE recipient SET due_at = 0")


async def reports(here: Office) -> list[tuple[str, str]]:
    """(Action, Status) of each report to ann."""
    found = []
    for filed in await here.filed(ANN):
        status = message_from_bytes(filed.raw).get_payload()[1].get_payload()[1]  # type: ignore[index,union-attr]
        found.append((status["Action"], status["Status"]))
    return found


def test_a_delay_is_told_once_and_the_end_too(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone(broken={"far.test"})):
            await put(here, Waiting("b@far.test", "b@far.test"))
            bell.ring(tmp_path)
            [entry] = await until(here, lambda found: found[0].recipients[0].attempts == 1)
            assert entry.recipients[0].due_at == NOW + 300
            assert await reports(here) == []  # too soon for the sender to hear of it
            for attempts in (2, 3):
                await here.queue.do(rewind, 5)
                bell.ring(tmp_path)
                await until(
                    here,
                    lambda found, attempts=attempts: [e.recipients[0].attempts for e in found] == [attempts],
                )
                assert await reports(here) == [("delayed", "4.4.3")]
            await here.queue.do(rewind, 5 * 24)
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            assert await reports(here) == [("delayed", "4.4.3"), ("failed", "4.4.3")]

    asyncio.run(play())


def test_who_wants_to_hear_nothing_hears_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone()):
            await put(here, Waiting("b@no.test", "b@no.test", notify="NEVER"))
            await put(here, Waiting("b@no.test", "b@no.test"), sender="")
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            assert await here.filed(ANN) == []

    asyncio.run(play())


def test_what_another_had_taken_is_delivered_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            await put(here, Waiting("ann@example.test", "ann@example.test", local=True, taken=True))
            for _ in range(2):
                async with sending(here, Zone()):
                    await until(here, lambda found: not found)
                assert len(await here.filed(ANN)) == 1
                # As if it had died after filing and before crossing out: the store remembers.
                await put(here, Waiting("ann@example.test", "ann@example.test", local=True, taken=True))
            async with sending(here, Zone()):
                await until(here, lambda found: not found)
            assert len(await here.filed(ANN)) == 1

    asyncio.run(play())


def test_only_one_sends(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone()), sending(here, Zone()):
            await put(here, *(Waiting("ann@example.test", "ann@example.test", local=True),) * 2)
            bell.ring(tmp_path)
            await until(here, lambda found: not found)
            assert len(await here.filed(ANN)) == 1

    asyncio.run(play())


def test_reports_on_what_had_to_be_under_tls_have_to_be_too_and_show_only_its_header(tmp_path: Path) -> None:
    # RFC 8689 5
    async def play() -> None:
        async with office(tmp_path) as here, sending(here, Zone()):
            letter = Letter("T1", "far@else.test", small(CONTENT), int(NOW), ret="FULL", tls="required")
            zone_less = Waiting("b@no.test", "b@no.test")
            await here.queue.do(waiting.put, [New(letter, (zone_less,))])
            bell.ring(tmp_path)
            # The report cannot be delivered either: it is seen on its way, and the record tells of it.
            await until(here, lambda found: not found)
            assert [each.tls for each in seen] == ["required"]
            [raw] = [each.content.read(tmp_path) for each in seen]
            assert b"text/rfc822-headers" in raw and b"body" not in raw.partition(b"text/rfc822-headers")[2]

    seen: list[Letter] = []
    real = waiting.put

    def put_and_see(db: Database, news: list[New], *rest: object) -> list[int]:
        seen.extend(new.letter for new in news if not new.letter.sender)
        return real(db, news, *rest)  # type: ignore[arg-type]

    with MonkeyPatch.context() as patch:
        patch.setattr(waiting, "put", put_and_see)
        asyncio.run(play())
