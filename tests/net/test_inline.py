"""Coroutines that begin outside a Task behave as if they had always been inside one."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.net.inline import begin


def task_of(begun: Any) -> asyncio.Task[Any]:
    assert isinstance(begun, asyncio.Task)
    return begun


def test_what_never_waits_needs_no_task(run: Callable[..., None]) -> None:
    async def answer() -> int:
        return 1

    async def scene() -> None:
        tasks = asyncio.all_tasks()
        assert begin(answer(), asyncio.get_running_loop()) == (1,)
        assert asyncio.all_tasks() == tasks

    run(scene())


def test_an_exception_before_the_first_wait_is_raised_at_once(run: Callable[..., None]) -> None:
    async def fail() -> None:
        raise KeyError("early")

    async def scene() -> None:
        with pytest.raises(KeyError, match="early"):
            begin(fail(), asyncio.get_running_loop())

    run(scene())


def test_results_and_exceptions_of_what_is_awaited_arrive(run: Callable[..., None]) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        good, bad = loop.create_future(), loop.create_future()
        seen: list[Any] = []

        async def both() -> str:
            seen.append(await good)
            try:
                await bad
            except OSError as error:
                seen.append(str(error))
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())
            return "done"

        task = task_of(begin(both(), loop))
        loop.call_soon(good.set_result, 7)
        loop.call_soon(bad.set_exception, OSError("no"))
        assert await task == "done"
        assert seen == [7, "no", task]

    run(scene())


def test_a_future_that_is_done_before_the_task_first_runs(run: Callable[..., None]) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        for outcome in (5, OSError("no")):
            future = loop.create_future()

            async def wait(future: asyncio.Future[Any] = future) -> Any:
                try:
                    return await future
                except OSError as error:
                    return str(error)

            task = task_of(begin(wait(), loop))
            if isinstance(outcome, OSError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
            assert await task == (5 if outcome == 5 else "no")

    run(scene())


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_cancelling_reaches_the_coroutine_and_what_it_awaits(run: Callable[..., None], turns: int) -> None:
    """Also when the Task has not made its first step yet."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        seen: list[str] = []

        async def wait() -> None:
            try:
                await future
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("unwound")

        task = task_of(begin(wait(), loop))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cancelled", "unwound"]
        assert future.cancelled()

    run(scene())


def test_a_coroutine_may_refuse_to_be_cancelled(run: Callable[..., None]) -> None:
    async def scene() -> None:
        async def stubborn() -> str:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            return "finished"

        task = task_of(begin(stubborn(), asyncio.get_running_loop()))
        task.cancel()
        assert await task == "finished"

    run(scene())


def test_timeouts_hold_once_there_is_a_task(run: Callable[..., None]) -> None:
    async def scene() -> None:
        async def late() -> str:
            await asyncio.sleep(0)
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(60)
            except TimeoutError:
                return "timed out"
            return "never"

        assert await task_of(begin(late(), asyncio.get_running_loop())) == "timed out"

    run(scene())


def test_any_awaitable_will_do(run: Callable[..., None]) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        future.set_result(3)
        assert begin(future, loop) == (3,)

    run(scene())
