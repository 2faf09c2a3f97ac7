"""`MailServer`: the real server on free ports of loopback, its data in a temporary folder.

It runs in a thread with an event loop of its own, so a test may talk to it with whatever client it likes,
blocking or not. What the server's sessions raised is kept and fails `check`: a bug that only cost a
connection must not stay unseen.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import uvloop

from pillarbox.app import accounts
from pillarbox.app.checking import check_all
from pillarbox.app.config import DEFAULT_LISTEN, Addresses, Auth, Authentication, Config, Listen
from pillarbox.app.deliver import deliver
from pillarbox.app.serve import Foundation, serving
from pillarbox.app.wiring import Core, core, existing, hashes, post
from pillarbox.app.workers import Several, several
from pillarbox.filter.dns import Resolve
from pillarbox.identity.passwords import store
from pillarbox.identity.scram import ITERATIONS, MIN_ITERATIONS
from pillarbox.net.session import Peer

T = TypeVar("T")

_FREE = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class _Started:
    """What the thread of the server has for the others."""

    foundation: Foundation
    parts: Core
    several: Several | None
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


class MailServer:
    """A context manager. `config` is what the server would read from its file, but for data and ports.

    With more than one worker these are processes of their own, as with `pillarbox serve`. `resolver` answers
    in the place of the DNS, in a server of one process.
    """

    host = "127.0.0.1"

    def __init__(
        self, config: Config | None = None, *, workers: int = 1, resolver: Resolve | None = None
    ) -> None:
        self._wanted = config or Config()
        self._resolver = resolver
        self._workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="pillarbox-", ignore_cleanup_errors=True)
        self.errors: list[BaseException] = []
        self.log: list[tuple[str, dict[str, Any]]] = []
        self._thread: threading.Thread | None = None
        self._started: Future[_Started] = Future()

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
    def smtp_port(self) -> int:
        """SMTP as another mail server speaks it: without a password, for those who have an address here."""
        return self._port("smtp")

    @property
    def submission_port(self) -> int:
        """SMTP for mail clients, with STARTTLS; on loopback passwords are taken without it too."""
        return self._port("submission")

    @property
    def submissions_port(self) -> int:
        return self._port("submissions")

    @property
    def pop3_port(self) -> int:
        """POP3 with STLS; passwords are taken without it too, because this is loopback."""
        return self._port("pop3")

    @property
    def pop3s_port(self) -> int:
        return self._port("pop3s")

    @property
    def http_port(self) -> int:
        return self._port("http")

    @property
    def https_port(self) -> int:
        return self._port("https")

    @property
    def certificate(self) -> Path:
        """The self-signed certificate, PEM: what a client has to trust for `localhost` and 127.0.0.1."""
        return self._server.foundation.certificate.certificate

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._config.data_folder

    @property
    def workers(self) -> dict[int, int]:
        """The process ids of the workers that run now, by number; empty when there is only one."""
        server = self._server.several
        return {} if server is None else server.workers

    # What to do with it

    def add_account(self, address: str, password: str) -> None:
        parts = self._server.parts
        salt, config = parts.directory.salt(address), self._config
        stored = store(password, salt, hashes(config), config.auth.scram_iterations)
        self._run(accounts.add(parts.directory, parts.store, address, stored.hash, stored.verifiers))

    def deliver(self, address: str, message: bytes) -> None:
        """File a message as if it had come by LMTP; bare LF becomes CRLF. It is durable when this returns."""
        office = post(self._config, self._server.parts, self._report)
        self._run(deliver(office, address, [message]))

    @property
    def config(self) -> Config:
        """What it runs with, for what is done beside it."""
        return self._config

    def check(self) -> None:
        """AssertionError unless no session failed so far and the store is as it should be."""
        errors = [*self.errors, *self._faults()]
        if errors:
            raise AssertionError(f"{len(errors)} sessions failed") from errors[0]
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
        self._server.loop.call_soon_threadsafe(self._server.stop.set)
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
        async with self._serving() if self._workers == 1 else self._several() as started:
            self._started.set_result(started)
            await started.stop.wait()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[_Started]:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(
            self._config, tell=self._tell, report=self._report, begin=False, resolve=self._resolver
        ) as server:
            yield _Started(server.foundation, server.parts, None, loop, stop)

    @asynccontextmanager
    async def _several(self) -> AsyncIterator[_Started]:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        with self._output.open("wb") as output:
            running = several(self._config, tell=self._tell, begin=False, form="json", output=output)
            # The parent has no account open: what this object does itself is done beside the server.
            async with running as server, core(self._config) as parts:
                yield _Started(server.foundation, parts, server, loop, stop)

    def _tell(self, event: str, **fields: Any) -> None:
        self.log.append((event, fields))

    def _report(self, error: BaseException, peer: Peer | None = None) -> str:
        self.errors.append(error)
        return f"test-{len(self.errors)}"

    def _faults(self) -> Iterator[BaseException]:
        """What workers have logged that no server should."""
        for line in self._output.read_text("utf-8").splitlines() if self._output.exists() else ():
            if not line.startswith("{") or json.loads(line)["event"] == "fault":
                yield RuntimeError(line)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._server.loop).result()

    def _port(self, protocol: str) -> int:
        bound = self._server.foundation.bound
        return int(next(each.address for each in bound if each.protocol == protocol).rpartition(":")[2])

    @property
    def _server(self) -> _Started:
        return self._started.result()

    @property
    def _output(self) -> Path:
        return Path(self._folder.name) / "log"

    def _wanted_at(self, protocol: str) -> Addresses:
        """HTTP is served where it is asked for, because it costs a test some of its time."""
        listen = self._wanted.listen
        return getattr(listen, protocol) if listen is not DEFAULT_LISTEN else ()

    @property
    def _authentication(self) -> Authentication:
        """As it is wanted; without a word on it nobody is judged, because a test has no DNS."""
        wanted = self._wanted.authentication
        return wanted if wanted != Authentication() else Authentication(smtp=False)

    @property
    def _auth(self) -> Auth:
        """As few iterations as there may be: an account of a test shall not cost what it does in earnest."""
        wanted = self._wanted.auth
        few = MIN_ITERATIONS if wanted.scram_iterations == ITERATIONS else wanted.scram_iterations
        return msgspec.structs.replace(wanted, scram_iterations=few)

    @property
    def _config(self) -> Config:
        return msgspec.structs.replace(
            self._wanted,
            data=str(Path(self._folder.name) / "var"),
            workers=self._workers,
            authentication=self._authentication,
            auth=self._auth,
            listen=Listen(
                imap=_FREE,
                imaps=_FREE,
                lmtp=_FREE,
                smtp=self._wanted.listen.smtp if self._wanted.listen is not DEFAULT_LISTEN else _FREE,
                submission=_FREE,
                submissions=_FREE,
                pop3=_FREE,
                pop3s=_FREE,
                http=self._wanted_at("http"),
                https=self._wanted_at("https"),
            ),
        )
