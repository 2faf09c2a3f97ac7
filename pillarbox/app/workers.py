"""A server of several processes, seen from its parent.

The parent binds the addresses, and spawns workers that all accept on them and one keeper that tidies
accounts. It serves nobody itself and has no account open. A process that dies is replaced, at once or, if
it had not lived for long, after a while; the others and their connections do not notice. A process whose
parent dies drains and ends: it reads the end of its channel.

Processes are begun afresh, never forked with open accounts: SQLite's locks do not survive that. They
inherit the listening sockets, their end of a channel, and the lock of the data folder, so that no second
server begins while one of them is left.
"""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO

from pillarbox.app.config import Config
from pillarbox.app.guard import Truth, guarding
from pillarbox.app.log import Form
from pillarbox.app.orders import (
    Adopt,
    Adopted,
    Answer,
    Begin,
    Channel,
    Done,
    Failed,
    Hurry,
    Learned,
    Measured,
    Missed,
    Noted,
    Order,
    Ready,
    Stop,
)
from pillarbox.app.serve import FirstAccount, Foundation, Tell, first_account, foundation
from pillarbox.app.spawn import command, environment
from pillarbox.app.wiring import core
from pillarbox.app.working import GRACE
from pillarbox.identity.abuse import Tally
from pillarbox.identity.rates import Count
from pillarbox.model.errors import Refused
from pillarbox.net.certificates import Material

KEEPER = 0  # the number of the process that tidies; workers count from 1
LIVED = 10.0  # seconds after which a death is not the fault of the beginning
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds before the next one; longer for what keeps dying
MARGIN = 5.0  # seconds that a process has to end after its sessions have

PIECE = 1_000  # tallies that are told at once

_TAKEN = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Several:
    """The parent's picture of its processes. `config` and `material` are those in force."""

    def __init__(
        self,
        config: Config,
        foundation: Foundation,
        tell: Tell,
        form: Form,
        output: IO[bytes] | None,
        truth: Truth,
    ) -> None:
        self.config = config
        self.truth = truth
        truth.changed = self._tell_changed
        truth.measured = self._tell_measured
        self.foundation = foundation
        self.first_account: FirstAccount | None = None
        self.material = foundation.material
        self._tell = tell
        self._form = form
        self._output = output
        self._stopping = asyncio.Event()
        workers = config.workers or 1
        self._members = [_Member(number, self) for number in range(KEEPER, workers + 1)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """All processes, ready. Refused with the reason of the first that cannot begin."""
        self._tasks = [asyncio.create_task(member.keep()) for member in self._members]
        await asyncio.gather(*[member.began for member in self._members])

    async def adopt(self, config: Config, material: Material) -> None:
        """Serve new connections with this, which has been found good; returns when every worker does."""
        self.config, self.material = config, material
        self.truth.adopt(config)
        order = Adopt(config, material)
        await asyncio.gather(*[member.adopt(order) for member in self._members])

    async def stop(self) -> None:
        self._stopping.set()
        self._tell_all(Stop())
        asyncio.get_running_loop().call_later(GRACE + MARGIN, self._kill)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def hurry(self) -> None:
        """Give up waiting for sessions, while the server stops."""
        self._tell_all(Hurry())
        asyncio.get_running_loop().call_later(MARGIN, self._kill)

    @property
    def workers(self) -> dict[int, int]:
        """The process id of each that runs, by number."""
        members = [member for member in self._members if member.number != KEEPER]
        return {member.number: member.process.pid for member in members if member.process is not None}

    def _tell_all(self, order: Order) -> None:
        for member in self._members:
            member.tell(order)

    def _tell_changed(self, tallies: list[Tally]) -> None:
        for member in self._members:
            if member.number != KEEPER:
                member.tell(Learned(tuple(tallies)))

    def _tell_measured(self, counts: list[Count]) -> None:
        latest = {(each.kind, each.network): each for each in counts}
        for member in self._members:
            if member.number != KEEPER:
                member.tell(Measured(tuple(latest.values())))

    def _kill(self) -> None:
        for member in self._members:
            if member.process is not None:
                member.process.kill()

    # For `_Member`.

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    async def pause(self, seconds: float) -> None:
        """Not longer than until the server stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def say(self, event: str, **fields: object) -> None:
        self._tell(event, **fields)

    def look_again(self) -> None:
        """Who died between a change and telling of it has left listeners in the dark."""
        self._tell_all(Missed())

    def begin(self, number: int) -> Begin:
        bound = () if number == KEEPER else self.foundation.bound
        sockets = tuple((each.protocol, each.socket.fileno()) for each in bound)
        return Begin(self.config, self.material, sockets)

    def teach(self, channel: Channel) -> None:
        """What is known of who guesses, to a new process."""
        tallies = tuple(self.truth.ledger)
        for begin in range(0, len(tallies), PIECE):
            channel.send(Learned(tallies[begin : begin + PIECE]))

    def spawn(self, number: int, end: socket.socket) -> subprocess.Popen[bytes]:
        inherited = [end.fileno(), self.foundation.lock]
        if number != KEEPER:
            inherited += [each.socket.fileno() for each in self.foundation.bound]
        # Until it has said what to do with them, a new process must not be ended by the signals that a
        # terminal sends to all: those it inherits as blocked wait.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
        try:
            return subprocess.Popen(
                command("worker", str(number), str(end.fileno()), self._form),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._output,
                pass_fds=inherited,
                env=environment(),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Member:
    """A worker or the keeper: one process after another under the same number."""

    def __init__(self, number: int, server: Several) -> None:
        self.number = number
        self.name = name_of(number)
        self.process: subprocess.Popen[bytes] | None = None
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._channel: Channel | None = None
        self._adopted: list[asyncio.Future[None]] = []

    async def keep(self) -> None:
        """Until the server stops, or cannot begin."""
        server = self._server
        pause = FIRST_PAUSE / 2
        while not server.stopping:
            since = time.monotonic()
            await self._live()
            if server.stopping:
                break
            if not self.began.done():
                self.began.set_exception(Refused("A worker died while it began; its log says why"))
            if self.began.exception() is not None:
                break
            lived_long = time.monotonic() - since > LIVED
            pause = FIRST_PAUSE if lived_long else min(pause * 2, LONGEST_PAUSE)
            await server.pause(pause)
        if not self.began.done():
            self.began.cancel()

    async def adopt(self, order: Adopt) -> None:
        """Done also when the process dies of it: the next one begins with the same."""
        if self._channel is not None:
            adopted = asyncio.get_running_loop().create_future()
            self._adopted.append(adopted)
            self._channel.send(order)
            await adopted

    def tell(self, order: Order) -> None:
        if self._channel is not None:
            self._channel.send(order)

    async def _live(self) -> None:
        server = self._server
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = server.spawn(self.number, theirs)
            except OSError as error:  # no memory, no process left
                ours.close()
                server.say("cannot be begun", worker=self.name, reason=str(error))
                return
        self.process = process
        self._channel = channel = await Channel.over(ours)
        channel.send(server.begin(self.number))
        if self.number != KEEPER:
            server.teach(channel)
        if server.stopping:
            channel.send(Stop())
        while (answer := await channel.answer()) is not None:
            self._hear(answer, process.pid)
        code = await asyncio.to_thread(process.wait)
        self._channel = self.process = None
        channel.close()
        self._all_adopted()
        if not server.stopping:
            server.say("ended", worker=self.name, pid=process.pid, status=_words(code))
            server.look_again()

    def _hear(self, answer: Answer, pid: int) -> None:
        match answer:
            case Ready():
                self._server.say("begun", worker=self.name, pid=pid)
                if not self.began.done():
                    self.began.set_result(None)
            case Failed(reason):
                if not self.began.done():
                    self.began.set_exception(Refused(reason))
                else:
                    self._server.say("cannot begin", worker=self.name, reason=reason)
            case Noted(note):
                self._server.truth.take(note)
            case Done(done):
                for each in done:
                    self._server.truth.did(each)
            case Adopted():
                self._adopted.pop(0).set_result(None)

    def _all_adopted(self) -> None:
        while self._adopted:
            self._adopted.pop().set_result(None)


@asynccontextmanager
async def several(
    config: Config,
    *,
    tell: Tell,
    begin: bool = True,
    form: Form = "text",
    output: IO[bytes] | None = None,
) -> AsyncIterator[Several]:
    """As `serve.serving`, with `config.workers`. Their log goes to `output`, else to standard error."""
    with foundation(config, tell) as ready:
        async with guarding(config, tell, lambda error: tell("fault", error=repr(error))) as truth:
            server = Several(config, ready, tell, form, output, truth)
            try:
                await server.start()
                if begin:
                    async with core(config) as parts:
                        server.first_account = await first_account(config, parts)
                yield server
            finally:
                ready.release()
                await server.stop()


def name_of(number: int) -> int | str:
    """What the log calls it."""
    return "keeper" if number == KEEPER else number


def _words(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else str(code)
