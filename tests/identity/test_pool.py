"""Who waits for whom. A gate holds the one thread, so that the order is that of the turns and no clock's."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from pillarbox.identity import pool as pools
from pillarbox.identity.passwords import hash_password
from pillarbox.identity.pool import PasswordPool, network
from pillarbox.model.errors import Code, Refused


class Gate:
    """The first job holds the only thread until `open`; later ones write down who they are."""

    def __init__(self) -> None:
        self.pool = PasswordPool(1)
        self.order: list[str] = []
        self._open = threading.Event()

    async def hold(self) -> asyncio.Task[object]:
        return await self.begin(self._open.wait, "gate")

    def open(self) -> None:
        self._open.set()

    async def begin(self, work: Callable[[], object], line: str) -> asyncio.Task[object]:
        task = asyncio.create_task(self.pool.run(work, line))
        await asyncio.sleep(0)
        return task

    async def client(self, name: str, line: str) -> asyncio.Task[object]:
        return await self.begin(lambda: self.order.append(name), line)


def play(script: Callable[[Gate], Awaitable[None]]) -> Gate:
    gate = Gate()
    try:
        asyncio.run(script(gate))
    finally:
        gate.open()
        gate.pool.close()
    return gate


def test_two_thousand_guesses_delay_somebody_else_by_one() -> None:
    async def script(gate: Gate) -> None:
        held = await gate.hold()
        guesses = [await gate.client("guess", "192.0.2.1") for _ in range(2000)]
        users = [await gate.client(f"user {number}", f"198.51.100.{number}") for number in range(3)]
        gate.open()
        answers = await asyncio.gather(held, *guesses, *users, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert len(refused) == 2000 - pools.MAX_WAITING_EACH
        assert {(each.code, each.temporary) for each in refused} == {(Code.UNAVAILABLE, True)}

    gate = play(script)
    assert gate.order[:4] == ["guess", "user 0", "user 1", "user 2"]
    assert gate.order[4:] == ["guess"] * (pools.MAX_WAITING_EACH - 1)


def test_all_lines_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_WAITING", 2)

    async def script(gate: Gate) -> None:
        held = await gate.hold()
        first, second, third = [await gate.client(line, line) for line in "abc"]
        with pytest.raises(Refused):
            await third
        gate.open()
        await asyncio.gather(held, first, second)

    assert play(script).order == ["a", "b"]


def test_who_goes_away_leaves_the_line() -> None:
    async def script(gate: Gate) -> None:
        held = await gate.hold()
        first, gone, last = [await gate.client(name, "line") for name in ("first", "gone", "last")]
        gone.cancel()
        gate.open()
        await asyncio.gather(held, first, last)
        assert gone.cancelled()

    assert play(script).order == ["first", "last"]


def test_who_goes_away_during_his_check_frees_no_thread_before_its_end() -> None:
    async def script(gate: Gate) -> None:
        held = await gate.hold()
        waits = await gate.client("waits", "line")
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert gate.order == []
        assert not waits.done()
        gate.open()
        await waits
        await gate.pool.run(lambda: gate.order.append("later"), "line")

    assert play(script).order == ["waits", "later"]


def test_a_check_that_fails_frees_its_thread() -> None:
    async def script(gate: Gate) -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await gate.pool.run(lambda: 1 / 0, "line")

    play(script)


def test_passwords_are_verified_off_the_loop() -> None:
    stored = hash_password("correct horse")

    async def both() -> list[bool]:
        pool = PasswordPool(1)
        try:
            return await asyncio.gather(pool.verify(stored, "correct horse"), pool.verify(stored, "wrong"))
        finally:
            pool.close()

    assert asyncio.run(both()) == [True, False]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_who_counts_as_one(address: str, expected: str) -> None:
    assert network(address) == expected
