"""When and from where each app password and each grant was used last, written off the loop and seldom."""

import asyncio
from collections.abc import Callable

from pillarbox.identity import app_passwords, grants
from pillarbox.identity.directory import Directory
from pillarbox.identity.pool import PasswordPool

LINE = "uses"  # one line among those of the networks
MAX_KNOWN = 10_000  # uses that this process remembers to have noted


class Uses:
    """`writer` is a directory that only changes are made in."""

    def __init__(
        self, pool: PasswordPool, writer: Directory, *, report: Callable[[BaseException], object]
    ) -> None:
        self._pool = pool
        self._writer = writer
        self._report = report
        self._noted: dict[tuple[int, str, str, int], int] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def note(self, account: int, device: str, peer: str, grant: int = 0) -> None:
        """`grant`: the one that was used, in the place of an app password."""
        use, now = (account, device, peer, grant), self._writer.now()
        if now < self._noted.get(use, 0) + app_passwords.USE_NOTED:
            return
        if len(self._noted) >= MAX_KNOWN:
            self._noted.clear()
        self._noted[use] = now
        task = asyncio.create_task(self._write(account, device, peer, grant))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _write(self, account: int, device: str, peer: str, grant: int) -> None:
        def note() -> None:
            if grant:
                grants.note_use(self._writer, grant, peer)
            else:
                app_passwords.note_use(self._writer, account, device, peer)

        try:
            await self._pool.run(note, LINE)
        except Exception as error:
            self._report(error)
