"""`MailServer`: the real server on free ports of loopback, its data in a temporary folder.

It runs in a thread with an event loop of its own, so a test may talk to it with whatever client it likes,
blocking or not. What the server's sessions raised is kept and fails `check`: a bug that only cost a
connection must not stay unseen.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import uvloop

from pillarbox.app import accounts
from pillarbox.app.checking import check_all
from pillarbox.app.config import Config, Listen
from pillarbox.app.deliver import deliver
from pillarbox.app.serve import Server, serving
from pillarbox.app.wiring import existing
from pillarbox.identity.passwords import hash_password
from pillarbox.net.session import Peer

T = TypeVar("T")

_FREE = "127.0.0.1:0"


class MailServer:
    """A context manager. `config` is what the server would read from its file, but for data and ports."""

    host = "127.0.0.1"

    def __init__(self, config: Config | None = None) -> None:
        self._wanted = config or Config()
        self._folder = tempfile.TemporaryDirectory(prefix="pillarbox-", ignore_cleanup_errors=True)
        self.errors: list[BaseException] = []
        self.log: list[tuple[str, dict[str, Any]]] = []
        self._thread: threading.Thread | None = None
        self._started: Future[tuple[Server, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    # Where it is

    @property
    def imap_port(self) -> int:
        """IMAP with STARTTLS; passwords are taken without it too, because this is loopback."""
        return self._port("imap")

    @property
    def imaps_port(self) -> int:
        return self._port("imaps")

    @property
    def lmtp_port(self) -> int:
        return self._port("lmtp")

    @property
    def certificate(self) -> Path:
        """The self-signed certificate, PEM: what a client has to trust for `localhost` and 127.0.0.1."""
        return self._server.certificate.certificate

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._config.data_folder

    # What to do with it

    def add_account(self, address: str, password: str) -> None:
        hashed = hash_password(password)
        core = self._server.core
        self._run(accounts.add(core.directory, core.store, address, hashed))

    def deliver(self, address: str, message: bytes) -> None:
        """File a message as if it had come by LMTP; bare LF becomes CRLF. It is durable when this returns."""
        self._run(deliver(self._server.delivery, address, [message]))

    def check(self) -> None:
        """AssertionError unless no session failed so far and the store is as it should be."""
        if self.errors:
            raise AssertionError(f"{len(self.errors)} sessions failed") from self.errors[0]
        with existing(self._config) as directory:
            _, problems = check_all(self.data, directory)
        if problems:
            raise AssertionError("\n".join(f"{each.account}: {each.text}" for each in problems))

    # How it comes and goes

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, name="pillarbox", daemon=True)
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self._thread.join()
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _, loop, stop = self._started.result()
        loop.call_soon_threadsafe(stop.set)
        assert self._thread is not None
        self._thread.join()
        self._folder.cleanup()

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._until_stopped())
        except BaseException as error:
            if self._started.done():
                self.errors.append(error)
            else:
                self._started.set_exception(error)

    async def _until_stopped(self) -> None:
        stop = asyncio.Event()
        async with serving(self._config, tell=self._tell, report=self._report, begin=False) as server:
            self._started.set_result((server, asyncio.get_running_loop(), stop))
            await stop.wait()

    def _tell(self, event: str, **fields: Any) -> None:
        self.log.append((event, fields))

    def _report(self, error: BaseException, peer: Peer | None = None) -> str:
        self.errors.append(error)
        return f"test-{len(self.errors)}"

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        _, loop, _ = self._started.result()
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def _port(self, protocol: str) -> int:
        address = next(each.address for each in self._server.bound if each.protocol == protocol)
        return int(address.rpartition(":")[2])

    @property
    def _server(self) -> Server:
        return self._started.result()[0]

    @property
    def _config(self) -> Config:
        return msgspec.structs.replace(
            self._wanted,
            data=str(Path(self._folder.name) / "var"),
            workers=1,
            listen=Listen(imap=_FREE, imaps=_FREE, lmtp=_FREE),
        )
