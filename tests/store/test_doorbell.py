"""Rings inside a process and between processes: coalesced, never lost for good, never waited for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.store import doorbell
from pillarbox.store.doorbell import Doorbell

WAIT = 10.0


class Listener:
    def __init__(self) -> None:
        self.count = 0
        self.rung = asyncio.Event()

    def wake(self) -> None:
        self.count += 1
        self.rung.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self.rung.wait(), WAIT)
        self.rung.clear()


def with_bells(folder: Path, number: int, story: Callable[..., Awaitable[None]]) -> None:
    """`number` ends on one loop: the sockets do not know that there is only one process."""

    folder.mkdir(parents=True, exist_ok=True)

    async def told() -> None:
        logs = folder / "logs"
        bells = [Doorbell(folder, lambda account: logs / str(account)) for _ in range(number)]
        for bell in bells:
            bell.open()
        try:
            await story(*bells)
        finally:
            for bell in bells:
                bell.close()

    asyncio.run(told())


def names(folder: Path, suffix: str) -> int:
    return len(list(folder.glob("*" + suffix)))


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_stopped_listening_is_not_woken_any_more(tmp_path: Path) -> None:
    async def story(bell: Doorbell) -> None:
        stays, goes = Listener(), Listener()
        unlisten = bell.listen(7, goes.wake)
        bell.listen(7, stays.wake)
        bell.ring(7, 1)
        # After the ring was passed on and before it is heard.
        asyncio.get_running_loop().call_soon(unlisten)
        await stays.wait()
        await turn()
        assert (stays.count, goes.count) == (1, 0)

    with_bells(tmp_path, 1, story)


def test_many_rings_of_one_turn_wake_once(tmp_path: Path) -> None:
    async def story(bell: Doorbell) -> None:
        seven, eight = Listener(), Listener()
        bell.listen(7, seven.wake)
        bell.listen(8, eight.wake)
        for modseq in range(1000):
            bell.ring(7, modseq)
        await seven.wait()
        await turn()
        assert (seven.count, eight.count) == (1, 0)

    with_bells(tmp_path, 1, story)


def test_who_stopped_listening_is_left_alone(tmp_path: Path) -> None:
    async def story(bell: Doorbell) -> None:
        gone, there = Listener(), Listener()
        unlisten = bell.listen(7, gone.wake)
        bell.listen(7, there.wake)
        unlisten()
        unlisten()
        bell.ring(7, 1)
        await there.wait()
        assert gone.count == 0

    with_bells(tmp_path, 1, story)


def test_a_listener_that_fails_does_not_silence_the_others(tmp_path: Path) -> None:
    async def story(bell: Doorbell) -> None:
        errors = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
        there = Listener()
        bell.listen(7, lambda: 1 / 0)  # type: ignore[func-returns-value,arg-type,return-value]
        bell.listen(7, there.wake)
        bell.ring(7, 1)
        await there.wait()
        assert len(errors) == 1

    with_bells(tmp_path, 1, story)


def test_other_processes_hear_it(tmp_path: Path) -> None:
    async def story(here: Doorbell, there: Doorbell) -> None:
        seven, eight = Listener(), Listener()
        there.listen(7, seven.wake)
        there.listen(8, eight.wake)
        here.ring(7, 12)
        await seven.wait()
        assert eight.count == 0
        here.ring(8, 13)
        await eight.wait()

    with_bells(tmp_path, 2, story)


def test_a_deep_folder_is_no_obstacle(tmp_path: Path) -> None:
    async def story(here: Doorbell, there: Doorbell) -> None:
        listener = Listener()
        there.listen(7, listener.wake)
        here.ring(7, 1)
        await listener.wait()

    with_bells(tmp_path / ("x" * 100) / ("y" * 100), 2, story)


def test_a_full_queue_overflows_into_waking_all(tmp_path: Path) -> None:
    async def story(here: Doorbell, there: Doorbell) -> None:
        listeners = {account: Listener() for account in range(1, 200)}
        for account, listener in listeners.items():
            there.listen(account, listener.wake)
        # The receiver does not run in between, so its queue of some ten datagrams is full at once.
        for account in listeners:
            here._others.ring({account: 1})
        for listener in listeners.values():
            await listener.wait()

    with_bells(tmp_path, 2, story)


def test_a_dead_process_leaves_nothing_that_matters(tmp_path: Path) -> None:
    async def story(here: Doorbell, dead: Doorbell, alive: Doorbell) -> None:
        assert dead._socket is not None and dead._loop is not None
        dead._loop.remove_reader(dead._socket.fileno())
        dead._socket.close()  # as the kernel does it; the names stay
        assert names(tmp_path, ".ring") == 3
        listener = Listener()
        alive.listen(7, listener.wake)
        here.ring(7, 1)
        await listener.wait()
        assert names(tmp_path, ".ring") == names(tmp_path, ".map") == 2
        dead._others.close()
        dead._loop = None

    with_bells(tmp_path, 3, story)


def test_an_orderly_end_leaves_nothing(tmp_path: Path) -> None:
    async def story(bell: Doorbell) -> None:
        assert names(tmp_path, "") == 2

    with_bells(tmp_path, 1, story)
    assert list(tmp_path.iterdir()) == []


def test_the_sweep_finds_what_no_ring_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "SWEEP", 0.01)
    monkeypatch.setattr(doorbell, "SWEEP_SLICE", 2)
    logs = tmp_path / "logs"
    logs.mkdir()

    async def story(bell: Doorbell) -> None:
        listeners = {account: Listener() for account in range(1, 6)}
        for account, listener in listeners.items():
            (logs / str(account)).write_bytes(b"")
            bell.listen(account, listener.wake)
        for listener in listeners.values():
            await listener.wait()  # the first sweep knows nothing yet
        (logs / "3").write_bytes(b"written by a process without a bell")
        await listeners[3].wait()
        assert [listener.count for listener in listeners.values()] == [1, 1, 2, 1, 1]

    with_bells(tmp_path, 1, story)


def test_a_real_other_process(tmp_path: Path) -> None:
    ring = (
        "import asyncio, sys, pathlib\n"
        "from pillarbox.store.doorbell import Doorbell\n"
        "async def main():\n"
        "    bell = Doorbell(pathlib.Path(sys.argv[1]), lambda account: pathlib.Path('/nowhere'))\n"
        "    bell.open()\n"
        "    bell.ring(7, 1)\n"
        "    bell.close()\n"  # without another turn of its loop
        "asyncio.run(main())\n"
    )

    async def story(bell: Doorbell) -> None:
        listener = Listener()
        bell.listen(7, listener.wake)
        done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", ring, str(tmp_path)])
        assert done.returncode == 0
        await listener.wait()

    with_bells(tmp_path, 1, story)


def test_nonsense_in_a_datagram_is_ignored(tmp_path: Path) -> None:
    async def story(here: Doorbell, there: Doorbell) -> None:
        listener = Listener()
        there.listen(7, listener.wake)
        here._others.ring({8: 1})
        for datagram in (b"", b"\n\n", b"x y", b"\xff\xfe 1", b"-7 1", b"7" * 5000):
            here._others._send(there._name, datagram)
        await turn()
        assert listener.count == 0
        here.ring(7, 1)
        await listener.wait()

    with_bells(tmp_path, 2, story)


def test_only_who_listens_is_woken(tmp_path: Path) -> None:
    async def story(here: Doorbell, listening: Doorbell, deaf: Doorbell) -> None:
        here.ring(7, 1)
        await turn()  # they have met
        came: list[bytes] = []
        sent = here._others._try
        here._others._try = lambda name, data: (came.append(data), sent(name, data))[1]  # type: ignore[method-assign,func-returns-value]
        seven, other = Listener(), Listener()
        unlisten = listening.listen(7, seven.wake)
        another = listening.listen(7, other.wake)
        deaf.listen(8, other.wake)
        here.ring(7, 2)
        await seven.wait()
        assert came == [b"7 2"]
        unlisten()
        here.ring(7, 3)
        await other.wait()
        assert (came, seven.count) == ([b"7 2", b"7 3"], 1)
        another()
        here.ring(7, 4)
        await turn()
        assert came == [b"7 2", b"7 3"]

    with_bells(tmp_path, 3, story)


def test_who_hears_of_all_accounts_hears_of_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "LAZY", 0.01)

    async def story(here: Doorbell, there: Doorbell) -> None:
        heard: list[int | None] = []
        rung = asyncio.Event()

        def hear(account: int | None) -> None:
            heard.append(account)
            if account == 9:
                rung.set()

        there.hear(hear)
        for modseq in range(1, 100):
            here.ring(7, modseq)
            here.ring(8, modseq)
            await turn()
        here.ring(9, 1)
        await asyncio.wait_for(rung.wait(), WAIT)
        assert set(heard) == {7, 8, 9} and len(heard) < 100
        there.hear(None)
        here.ring(10, 1)
        await turn()
        assert here._later is None and 10 not in heard

    with_bells(tmp_path, 2, story)
