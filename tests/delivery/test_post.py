"""The post office: one answer for several, the queue behind it, and what a full disk does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery import filing
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.post import Accepted, Letter
from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.database import opened
from pillarbox.identity.routes import Expansion, Remote
from pillarbox.model.errors import Code, Refused
from tests.delivery.office import ANN, BOB, Office, office

CONTENT = b"Subject: x\r\nMessage-ID: <m@else.test>\r\n\r\nbody\r\n"


async def send(here: Office, *paths: str, content: bytes = CONTENT, **more: Any) -> list[Outcome]:
    accepted = [here.post.accept(path) for path in paths]
    assert all(isinstance(each, Accepted) for each in accepted), accepted
    letter = Letter("who@else.test", tuple(accepted), "T1", **more)  # type: ignore[arg-type]
    arriving = here.post.begin(letter)
    await arriving.write(content)
    return await arriving.finish()


def queued(here: Office) -> list[Any]:
    with opened(here.queue.folder) as db:
        return asking.entries(db)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Filing fails so for this account."""
    real = filing.file

    def fail(refused: Refused, account: int) -> None:
        def file(tx: Any, *rest: Any) -> Any:
            if tx.prefix == account:
                raise refused
            return real(tx, *rest)

        monkeypatch.setattr(filing, "file", file)

    return fail


BUSY = Refused("busy", Code.UNAVAILABLE, temporary=True)
FULL = Refused("full", Code.OVERQUOTA)


@pytest.mark.parametrize("refused", [BUSY, FULL])
def test_who_could_not_be_delivered_to_is_queued_when_another_was(
    tmp_path: Path, failing: Any, refused: Refused
) -> None:
    # RFC 5321 4.2.5: a 2xx takes the message for all of them, and nobody gets it twice.
    async def play() -> None:
        async with office(tmp_path) as here:
            failing(refused, BOB)
            outcomes = await send(here, "ann@example.test", "bob@example.test")
            assert [each.code for each in outcomes] == [250, 250]
            assert len(await here.filed(ANN)) == 1
            assert await here.filed(BOB) == []
            [entry] = queued(here)
            assert [(each.address, each.local) for each in entry.recipients] == [("bob@example.test", True)]
            assert entry.letter.content.read(tmp_path).endswith(CONTENT)

    asyncio.run(play())


@pytest.mark.parametrize(("refused", "code"), [(BUSY, 451), (FULL, 552)])
def test_when_nobody_could_be_the_sender_keeps_it(
    tmp_path: Path, failing: Any, refused: Refused, code: int
) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            failing(refused, BOB)
            assert [each.code for each in await send(here, "bob@example.test")] == [code]
            assert queued(here) == []

    asyncio.run(play())


def test_lmtp_answers_each_for_itself(tmp_path: Path, failing: Any) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            failing(BUSY, BOB)
            outcomes = await send(here, "ann@example.test", "bob@example.test", answers=True)
            assert [each.code for each in outcomes] == [250, 451]
            assert queued(here) == []

    asyncio.run(play())


def led(here: Office, **where: Expansion) -> None:
    real = here.expand
    here.expand = lambda address: where.get(address.partition("@")[0]) or real(address)  # type: ignore[method-assign]


def test_mail_for_here_and_elsewhere(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            ann = here.resolve("ann@example.test")
            assert ann is not None
            led(here, all=Expansion((ann,), (Remote("far@else.test", "all@example.test"),)))
            assert [each.code for each in await send(here, "all@example.test")] == [250]
            assert len(await here.filed(ANN)) == 1
            [entry] = queued(here)
            assert [each.target for each in entry.recipients] == ["far@else.test"]
            assert entry.letter.sender.startswith("SRS0=")
            assert entry.letter.sender.endswith("=else.test=who@example.test")
            content = entry.letter.content.read(tmp_path)
            assert content.startswith(
                b"Delivered-To: all@example.test\r\nReceived: by mx.example.test id T1;"
            )
            # It comes back: it is not sent on again.
            again = await send(here, "all@example.test", content=content)
            assert [each.code for each in again] == [250]
            assert len(queued(here)) == 1
            led(here, all=Expansion((), (Remote("far@else.test", "all@example.test"),)))
            assert [each.code for each in await send(here, "all@example.test", content=content)] == [550]

    asyncio.run(play())


def test_a_large_message_has_a_file_that_goes_with_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            led(here, far=Expansion((), (Remote("far@else.test", "far@example.test"),)))
            noise = CONTENT + b"".join(b"%x\r\n" % (hash((n, "x")) & 2**63 - 1) for n in range(60_000))
            await send(here, "far@example.test", content=noise)
            [entry] = queued(here)
            assert entry.letter.content.file
            assert entry.letter.content.read(tmp_path).endswith(noise)
            with opened(tmp_path) as db, db.transaction():
                _, gone = asking.cancel(db, entry.letter.id, 0)
            assert gone is not None
            (tmp_path / "queue" / gone.file).unlink()

    asyncio.run(play())


def test_a_queue_that_cannot_be_written_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            ann = here.resolve("ann@example.test")
            assert ann is not None
            led(here, all=Expansion((ann,), (Remote("far@else.test", "all@example.test"),)))
            (tmp_path / "queue.db").mkdir()
            assert [each.code for each in await send(here, "all@example.test")] == [451]
            assert await here.filed(ANN) == []
            (tmp_path / "queue.db").rmdir()

    asyncio.run(play())


def test_a_loop_is_not_sent_on_either(tmp_path: Path) -> None:
    # RFC 5321 6.3
    async def play() -> None:
        async with office(tmp_path) as here:
            led(here, far=Expansion((), (Remote("far@else.test", "far@example.test"),)))
            content = b"Received: from a by b\r\n" * 101 + CONTENT
            assert [each.enhanced for each in await send(here, "far@example.test", content=content)] == [
                "5.4.6"
            ]
            assert queued(here) == []

    asyncio.run(play())
