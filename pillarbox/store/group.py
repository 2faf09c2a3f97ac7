"""Several verbs in one transaction.

While a sync of an account's log is in flight, a durable write would have to wait for the next one in any
case. So it waits with its verb not yet run, and all that have come meanwhile run in one transaction when
the sync ends. They are on disk no later than they would have been, and together they write each page once:
of a delivery's cost most is the dozen pages it touches.

Each verb has a savepoint. One that refuses takes back its own work and nobody else's.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import apsw

from pillarbox.store.commit import Answers
from pillarbox.store.engine.sqlite import Database, Transaction, translated

MOMENT = 0.002  # seconds a group may hold up the loop; who does not fit comes with the next


@dataclass(slots=True)
class Call:
    """A verb that waits to be run, and who waits for it."""

    verb: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)


def run(database: Database, queue: deque[Call]) -> tuple[Answers, bool]:
    """Run verbs from `queue` as one transaction: whom to answer with what once it is durable, and whether
    the account's mod-sequence moved. Refusals are answered at once.

    When the transaction itself fails, all whose verbs it had begun are told so, and the error is raised.
    When the lock is not free that is nobody, and the queue is as it was.
    """
    begun: list[asyncio.Future[Any]] = []
    answers: Answers = []
    transaction = database.transaction(write=True)
    try:
        with transaction as tx:
            until = time.monotonic() + MOMENT
            while queue and (not begun or time.monotonic() < until):
                call = queue.popleft()
                if call.answer.done():  # cancelled
                    continue
                begun.append(call.answer)
                try:
                    answers.append((call.answer, _run_one(tx, call)))
                except _Alone as failed:
                    call.answer.set_exception(failed.error)
    except Exception as error:
        for answer in begun:
            if not answer.done():
                answer.set_exception(error)
        raise
    return answers, transaction.touched


class _Alone(Exception):
    """A verb has failed, and its transaction has not."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _run_one(tx: Transaction, call: Call) -> Any:
    tx.rows("SAVEPOINT verb")
    try:
        result = call.verb(tx, *call.args, **call.kwargs)
    except Exception as error:
        if isinstance(error, apsw.Error) and translated(error) is not error:
            raise  # a full or broken disk is everybody's trouble
        tx.rows("ROLLBACK TO verb")
        tx.taken_back()
        tx.rows("RELEASE verb")
        raise _Alone(error) from error
    tx.rows("RELEASE verb")
    return result


def refuse(queue: deque[Call], error: Exception) -> None:
    """Run none of them."""
    while queue:
        answer = queue.popleft().answer
        if not answer.done():
            answer.set_exception(error)
