"""Passwords that are not stored in every way that is wanted are completed when they are seen: at a login.

Accounts of an earlier version have no SCRAM verifiers, or of another number of iterations, imported ones a
hash of another server. Only the password itself can make what is lacking, so it is made when its owner has
just proved to know it, after the answer, on the threads that check passwords. A completion that fails is
tried again at the next login.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from pillarbox.identity.directory import Credential
from pillarbox.identity.passwords import is_current, store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.scram import ITERATIONS, Hash, Verifier

LINE = "completion"  # one line among those of the networks
MAX_AT_ONCE = 100  # accounts; who comes beyond that is completed at another login


class Record(Protocol):
    """`Directory.complete`, of a directory that only changes are made in; called on threads."""

    def __call__(
        self, prefix: int, version: int, password_hash: str | None, verifiers: Iterable[Verifier]
    ) -> None: ...


class Completion:
    """`iterations`: with how many an account's password is to be stored; `stored_iterations`: with how many
    it is."""

    def __init__(
        self,
        pool: PasswordPool,
        *,
        hashes: Hash,
        salt: Callable[[str], bytes],
        record: Record,
        report: Callable[[BaseException], object],
        iterations: Callable[[int], int] = lambda prefix: ITERATIONS,
        stored_iterations: Callable[[int], set[int]] = lambda prefix: set(),
    ) -> None:
        self._iterations = iterations
        self._stored_iterations = stored_iterations
        self._pool = pool
        self._hashes = hashes
        self._salt = salt
        self._record = record
        self._report = report
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def begin(self, credential: Credential, password: str) -> None:
        """Complete in the background what is stored of this password, which is the right one."""
        complete = (
            credential.scram & self._hashes == self._hashes
            and is_current(credential.password_hash)
            and self._stored_iterations(credential.account) <= {self._iterations(credential.account)}
        )
        if complete or credential.account in self._under_way or len(self._under_way) >= MAX_AT_ONCE:
            return
        task = asyncio.create_task(self._complete(credential, password))
        self._under_way[credential.account] = task
        task.add_done_callback(lambda _: self._under_way.pop(credential.account, None))

    async def settled(self) -> None:
        """Until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def _complete(self, credential: Credential, password: str) -> None:
        salt, iterations = self._salt(credential.address), self._iterations(credential.account)

        def make_and_record() -> None:
            made = store(password, salt, self._hashes, iterations)
            kept = is_current(credential.password_hash)
            new_hash = None if kept else made.hash
            self._record(credential.account, credential.version, new_hash, made.verifiers)

        try:
            await self._pool.run(make_and_record, LINE)
        except Exception as error:
            self._report(error)
