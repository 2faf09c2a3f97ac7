"""`queue.db` opened: for a command as it is, for a server as coroutines.

Verbs are functions `verb(db, ...)` that run in a transaction. A server's run on one thread, all that wait in
one transaction: each is answered when that is on the disk, so many submissions share one sync.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

import apsw

from pillarbox.delivery.queue import schema
from pillarbox.model.errors import Code, Refused

T = TypeVar("T")

FILE, FOLDER = "queue.db", "queue"
# How long a change waits for another process' change. SQLite's own waiting looks again after up to 100
# milliseconds, in which the sender has changed the queue ten times over: who submits would hardly get a turn.
BUSY_SECONDS, BUSY_PAUSE = 10.0, 0.001


class Database:
    """One connection, for one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._db = apsw.Connection(str(folder / FILE))
        self._db.set_busy_handler(_wait)
        self.run("PRAGMA journal_mode = WAL")
        self.run("PRAGMA synchronous = FULL")
        if self._version() != schema.VERSION:
            with self.transaction():
                version = self._version()  # another process may have been quicker
                if version > schema.VERSION:
                    raise Refused(f"{folder / FILE} was written by a newer Pillarbox (schema {version})")
                for step in schema.UPGRADES[version:]:
                    for statement in step:
                        self.run(statement)
                self.run(f"PRAGMA user_version = {schema.VERSION}")

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    @property
    def last_id(self) -> int:
        return self._db.last_insert_rowid()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """On the disk afterwards, or, if not `durable`, at least behind everything before it."""
        self.run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a failed COMMIT may have ended it already
                self.run("ROLLBACK")
            raise

    @contextmanager
    def part(self) -> Iterator[None]:
        """One verb of several in a transaction: what it did is undone if it fails."""
        self.run("SAVEPOINT verb")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self.run("ROLLBACK TO verb")
                self.run("RELEASE verb")
            raise
        self.run("RELEASE verb")

    def close(self) -> None:
        self._db.close()

    def _version(self) -> int:
        return int(self.run("PRAGMA user_version")[0][0])


@dataclass(frozen=True, slots=True)
class _Job:
    verb: Callable[[Database], Any]
    durable: bool
    done: asyncio.Future[Any]


class Queue:
    """The queue of a data folder, on a thread that begins with the first call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._executor: ThreadPoolExecutor | None = None
        self._database: Database | None = None
        self._jobs: list[_Job] = []
        self._running = False

    async def do(self, verb: Callable[..., T], *values: Any, durable: bool = True) -> T:
        """What `verb(db, *values)` returns. Refused, temporarily, when the disk does not take it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.append(_Job(lambda db: verb(db, *values), durable, done))
        self._go_on(loop)
        return await asyncio.shield(done)  # it is done, also for one who does not wait any more

    def close(self) -> None:
        if self._executor is not None:
            self._executor.submit(self._close)
            self._executor.shutdown()
            self._executor = None

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._jobs or self._running:
            return
        jobs, self._jobs = self._jobs, []
        self._running = True
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._executor.submit(self._run, jobs, loop)

    def _run(self, jobs: list[_Job], loop: asyncio.AbstractEventLoop) -> None:
        results: list[tuple[Any, BaseException | None]] = []
        try:
            if self._database is None:
                self._database = Database(self.folder)
            database = self._database
            with database.transaction(durable=any(job.durable for job in jobs)):
                for job in jobs:
                    try:
                        with database.part():
                            results.append((job.verb(database), None))
                    except apsw.FullError:
                        raise  # SQLite has rolled back everything
                    except Exception as error:
                        results.append((None, _translated(error)))
        except BaseException as error:
            results = [(None, _translated(error)) for _ in jobs]
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(self._ran, jobs, results, loop)

    def _ran(
        self,
        jobs: list[_Job],
        results: list[tuple[Any, BaseException | None]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._running = False
        for job, (value, error) in zip(jobs, results):
            if error is None:
                job.done.set_result(value)
            else:
                job.done.set_exception(error)
                job.done.exception()  # seen, also when nobody waits any more
        self._go_on(loop)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _wait(looked: int) -> bool:
    """Whether to look again, after a moment."""
    sleep(BUSY_PAUSE)
    return looked * BUSY_PAUSE < BUSY_SECONDS


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    """For a command."""
    database = Database(folder)
    try:
        yield database
    finally:
        database.close()


def _translated(error: BaseException) -> BaseException:
    if isinstance(
        error, (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.BusyError, apsw.ReadOnlyError)
    ):
        refused = Refused("The queue cannot be written at the moment", Code.UNAVAILABLE, temporary=True)
        refused.__cause__ = error
        return refused
    return error
