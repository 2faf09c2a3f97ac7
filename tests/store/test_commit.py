"""One sync in flight, everybody else with the next."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.store.commit import Log, to_disk


class Gate:
    """A sync that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.count = 0
        self.fail = False

    def sync(self, fd: int) -> None:
        self.count += 1
        self.begun.release()
        self.go.acquire()
        if self.fail:
            raise OSError(5, "Input/output error")

    async def wait_begun(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.begun.acquire)


def with_log(tmp_path: Path, story: Callable[..., object]) -> None:
    async def told() -> None:
        path = tmp_path / "log"
        path.write_bytes(b"x")
        gate, rung, idle = Gate(), [], []
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as executor:
            log = Log(
                path,
                lambda fd: loop.run_in_executor(executor, gate.sync, fd),
                rung.append,
                lambda: idle.append(True),
            )
            await story(log, gate, rung, idle)
            await log.settle()
            log.close()

    asyncio.run(told())


def test_all_who_come_during_a_sync_share_the_next(tmp_path: Path) -> None:
    async def story(log: Log, gate: Gate, rung: list[int], idle: list[bool]) -> None:
        first = log.durable(1)
        await gate.wait_begun()
        others = [log.durable(modseq) for modseq in (2, 3, 4)]
        gate.go.release()
        await first
        assert rung == [1] and not idle
        await gate.wait_begun()
        assert not any(other.done() for other in others)
        gate.go.release()
        await asyncio.gather(*others)
        assert rung == [1, 4]
        assert gate.count == 2
        await log.settle()
        assert idle == [True]

    with_log(tmp_path, story)


def test_who_went_away_is_rung_for_all_the_same(tmp_path: Path) -> None:
    async def story(log: Log, gate: Gate, rung: list[int], idle: list[bool]) -> None:
        log.durable(7).cancel()
        gate.go.release()
        await log.settle()
        assert rung == [7]

    with_log(tmp_path, story)


def test_nothing_moved_nobody_rung(tmp_path: Path) -> None:
    async def story(log: Log, gate: Gate, rung: list[int], idle: list[bool]) -> None:
        gate.go.release()
        await log.durable(0)
        assert rung == []

    with_log(tmp_path, story)


def test_a_failed_sync_is_final(tmp_path: Path) -> None:
    async def story(log: Log, gate: Gate, rung: list[int], idle: list[bool]) -> None:
        gate.fail = True
        first = log.durable(1)
        await gate.wait_begun()
        second = log.durable(2)
        gate.go.release()
        for answer in (first, second, log.durable(3)):
            with pytest.raises(Refused) as refused:
                await answer
            assert refused.value.code is Code.UNAVAILABLE and refused.value.temporary
        assert (gate.count, rung, log.failed, idle) == (1, [], True, [True])

    with_log(tmp_path, story)


def test_to_disk_takes_a_descriptor_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        to_disk(file.fileno())
    reading, writing = os.pipe()  # which no disk takes
    with pytest.raises(OSError):
        to_disk(writing)
    os.close(reading)
    os.close(writing)
