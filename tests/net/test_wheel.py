"""Timeouts without a timer each: never early, at most a tick late."""

import asyncio

from pillarbox.net.wheel import Wheel


class Bell:
    def __init__(self, again: float | None = None) -> None:
        self.slot = 0
        self.asked: list[float] = []
        self.again = again

    def overdue(self, now: float) -> float | None:
        self.asked.append(now)
        again, self.again = self.again, None
        return again


def with_clock() -> tuple[Wheel, list[float]]:
    time = [100.5]
    return Wheel(lambda: time[0]), time


def test_asked_when_due_and_not_before() -> None:
    async def scene() -> None:
        wheel, time = with_clock()
        bell = Bell()
        wheel.arm(bell, 103.2)
        for now in (101.0, 102.9, 103.1, 103.9):
            time[0] = now
            wheel.turn()
        assert bell.asked == []
        time[0] = 104.0
        wheel.turn()
        assert bell.asked == [104.0]
        time[0] = 200.0
        wheel.turn()
        assert len(bell.asked) == 1
        wheel.stop()

    asyncio.run(scene())


def test_asked_again_when_it_says_so_and_no_more_when_taken_off() -> None:
    async def scene() -> None:
        wheel, time = with_clock()
        bell, other = Bell(again=110.0), Bell()
        wheel.arm(bell, 101.0)
        wheel.arm(other, 101.0)
        wheel.disarm(other)
        wheel.disarm(other)
        for now in (105.0, 109.0, 112.0):
            time[0] = now
            wheel.turn()
        assert bell.asked == [105.0, 112.0]
        assert other.asked == []
        wheel.stop()

    asyncio.run(scene())


def test_a_sooner_time_replaces_a_later_one() -> None:
    async def scene() -> None:
        wheel, time = with_clock()
        bell = Bell()
        wheel.arm(bell, 900.0)
        wheel.arm(bell, 102.0)
        time[0] = 104.0
        wheel.turn()
        time[0] = 1000.0
        wheel.turn()
        assert bell.asked == [104.0]
        wheel.stop()

    asyncio.run(scene())


def test_one_that_takes_off_another_of_its_slot() -> None:
    async def scene() -> None:
        wheel, time = with_clock()
        bells = [Bell(), Bell()]

        def asks_alone(first: Bell, second: Bell) -> None:
            def overdue(now: float) -> None:
                first.asked.append(now)
                wheel.disarm(second)

            first.overdue = overdue  # type: ignore[method-assign, assignment]

        asks_alone(*bells)
        asks_alone(*reversed(bells))
        for bell in bells:
            wheel.arm(bell, 102.0)
        time[0] = 104.0
        wheel.turn()
        assert sum(len(bell.asked) for bell in bells) == 1
        wheel.stop()

    asyncio.run(scene())


def test_it_turns_by_itself_while_anyone_is_on_it() -> None:
    async def scene() -> None:
        wheel = Wheel(tick=0.001)
        rung = asyncio.Event()

        class Ringing(Bell):
            def overdue(self, now: float) -> float | None:
                rung.set()
                return None

        wheel.arm(Ringing(), wheel.now() + 0.002)
        await asyncio.wait_for(rung.wait(), 10)

    asyncio.run(scene())
