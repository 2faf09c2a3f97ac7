"""Who has come before (RFC 6647): waits, comes again, is known, is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from pillarbox.delivery.reception.greylist import FILE, RETRY, Greylist, Patience

KIM, ANN = "kim@else.test", "ann@example.test"
PATIENCE = Patience(wait=300, keep=1000 * 86_400)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock, **more: Any) -> AsyncIterator[Greylist]:
    greylist = Greylist(folder, more.pop("patience", PATIENCE), clock=clock, **more)
    try:
        yield greylist
    finally:
        greylist.close()


def run(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(play())


def test_who_comes_again_is_let_in_and_known(tmp_path: Path) -> None:
    async def play() -> None:
        clock = Clock()
        async with opened(tmp_path, clock) as one, opened(tmp_path, clock) as two:  # two workers
            assert await one.came("192.0.2.7", KIM, ANN) == 300
            clock.now += 299
            assert await two.came("192.0.2.7", KIM, ANN) == 1
            clock.now += 1
            assert not await one.is_known("192.0.2.7")
            assert await two.came("192.0.2.200", KIM, ANN) == 0  # another host of theirs
            assert await one.is_known("192.0.2.9")
            assert not await one.is_known("192.0.3.9")
            assert await one.came("2001:db8::1", KIM, ANN) == 300
            assert await one.came("192.0.3.9", KIM, "bob@example.test") == 300

    run(play)


def test_who_comes_much_later_begins_again(tmp_path: Path) -> None:
    async def play() -> None:
        clock = Clock()
        async with opened(tmp_path, clock) as greylist:
            await greylist.came("192.0.2.7", KIM, ANN)
            clock.now += RETRY
            assert await greylist.came("192.0.2.7", KIM, ANN) == 300

    run(play)


def test_the_known_are_forgotten_when_they_stay_away(tmp_path: Path) -> None:
    async def play() -> None:
        clock = Clock()
        async with opened(tmp_path, clock, patience=Patience(1, 36 * 86_400)) as greylist:
            await greylist.came("192.0.2.7", KIM, ANN)
            clock.now += 1
            await greylist.came("192.0.2.7", KIM, ANN)
            for _ in range(3):
                clock.now += 30 * 86_400
                assert await greylist.is_known("192.0.2.7")
            clock.now += 37 * 86_400
            assert not await greylist.is_known("192.0.2.7")

    run(play)


def test_it_holds_so_many_and_nobodys_name(tmp_path: Path) -> None:
    async def play() -> None:
        async with opened(tmp_path, Clock(), most=10) as greylist:
            for number in range(95):
                await greylist.came("192.0.2.7", KIM, f"{number}@example.test")

    run(play)
    rows = apsw.Connection(str(tmp_path / FILE)).execute("SELECT * FROM triplet").fetchall()
    assert 10 <= len(rows) < 20
    assert b"example" not in (tmp_path / FILE).read_bytes()
