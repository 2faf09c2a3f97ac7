"""A process of a server of several: a worker, or the keeper. `workers` spawns it.

    python -m pillarbox.app.worker NUMBER DESCRIPTOR FORM

The descriptor is its end of the channel to the parent, which it obeys and does not outlive.
"""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import structlog
import uvloop

from pillarbox.app import log
from pillarbox.app.config import ConfigError
from pillarbox.app.guard import Guard, rules
from pillarbox.app.heap import keep_buffers_apart
from pillarbox.app.metering import Gathered, rates, summed
from pillarbox.app.orders import (
    Adopt,
    Adopted,
    Begin,
    Channel,
    Done,
    Failed,
    Hurry,
    Learned,
    Measured,
    Missed,
    Noted,
    Ready,
)
from pillarbox.app.serve import keeping
from pillarbox.app.wiring import core
from pillarbox.app.workers import KEEPER, name_of
from pillarbox.app.working import Working, working
from pillarbox.identity import audit
from pillarbox.identity.abuse import Ledger, Note
from pillarbox.identity.audit import Scribe
from pillarbox.identity.rates import Did, Meter
from pillarbox.model.errors import Refused
from pillarbox.net.session import Peer


def main() -> None:
    number, descriptor, form = int(sys.argv[1]), int(sys.argv[2]), cast(log.Form, sys.argv[3])
    # The parent answers these for all of us. SIGTERM alone ends one worker as it ends a server: in order.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    log.configure(form, worker=name_of(number))
    keep_buffers_apart()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(number, socket.socket(fileno=descriptor)))


async def _serve(number: int, end: socket.socket) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGHUP, signal.SIGTERM})
    channel = await Channel.over(end)
    begin = await channel.order()
    if not isinstance(begin, Begin):
        return  # the parent is gone already
    obeying = None
    try:
        async with keeper(begin) if number == KEEPER else worker(begin, channel) as working:
            channel.send(Ready())
            obeying = asyncio.create_task(_obey(channel, working, stop))
            await stop.wait()
    except (Refused, ConfigError, OSError) as error:
        if obeying is not None:
            raise
        channel.send(Failed(error.text if isinstance(error, Refused) else str(error)))
    channel.close()


async def _obey(channel: Channel, working: Working | None, stop: asyncio.Event) -> None:
    """Until the parent is gone, and also while sessions are being ended."""
    try:
        while (order := await channel.order()) is not None:
            match order:
                case Adopt(config, material):
                    if working is not None:
                        working.adopt(config, material)
                    channel.send(Adopted())
                case Learned(tallies):
                    if working is not None:
                        working.guard.ledger.put(tallies)
                case Measured(counts):
                    if working is not None:
                        working.guard.meter.put(counts)
                case Missed():
                    if working is not None:
                        working.look_again()
                case Hurry():
                    stop.set()
                    if working is not None:
                        working.hurry()
                case _:
                    stop.set()
    except Exception as error:
        _report(error)  # who cannot follow the others is replaced
    finally:
        stop.set()


@asynccontextmanager
async def worker(begin: Begin, channel: Channel) -> AsyncIterator[Working]:
    sockets = [(protocol, socket.socket(fileno=descriptor)) for protocol, descriptor in begin.sockets]
    ledger = Ledger(rules(begin.config.abuse))
    scribe = Scribe(begin.config.data_folder / audit.FILE, clock=time.time, report=_report)

    def take(note: Note) -> None:
        if ledger.take(note, time.time()):
            channel.send(Noted(note))

    meter = Meter(rates(begin.config.mx))
    gathered: Gathered[Did] = Gathered(lambda done: channel.send(Done(summed(done))))

    def did(each: Did) -> None:
        if meter.take(each, time.time()) is not None:
            gathered.add(each)

    guard = Guard(ledger, take, scribe.note, meter, did)
    try:
        async with working(begin.config, begin.material, sockets, _report, guard) as made:
            for _, sock in sockets:
                sock.close()
            yield made
    finally:
        scribe.close()


@asynccontextmanager
async def keeper(begin: Begin) -> AsyncIterator[None]:
    """Serves nobody."""
    tell = structlog.get_logger().info
    async with core(begin.config) as parts, keeping(begin.config, parts, tell, _report):
        yield None


def _report(error: BaseException, peer: Peer | None = None) -> str:
    return log.fault(error, peer.address if peer else None)


if __name__ == "__main__":
    main()
