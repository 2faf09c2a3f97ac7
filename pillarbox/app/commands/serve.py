"""`pillarbox serve`: run the server until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
import typer
import uvloop
from rich.console import Console

from pillarbox import __version__
from pillarbox.app import log
from pillarbox.app.acme import renewing
from pillarbox.app.config import Config, load
from pillarbox.app.heap import keep_buffers_apart
from pillarbox.app.notify import READY, STOPPING, notify, reloading, watched
from pillarbox.app.output import Json, table
from pillarbox.app.reload import reload, take_certificates
from pillarbox.app.serve import FirstAccount, Foundation, cores, serving
from pillarbox.app.wiring import PROTOCOLS
from pillarbox.app.workers import several
from pillarbox.net.certificates import Material
from pillarbox.net.session import Peer


class Running(Protocol):
    """A server, of one process or of several."""

    config: Config
    material: Material
    foundation: Foundation
    first_account: FirstAccount | None

    async def adopt(self, config: Config, material: Material) -> None: ...

    def hurry(self) -> None: ...


def serve(context: typer.Context, json: Json = False) -> None:
    """Run the server. SIGTERM stops it, SIGHUP reloads certificate and configuration."""
    read = partial(_read, context.obj)
    config = read()
    log.configure("json" if json else "text")
    keep_buffers_apart()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, read, json))


def _read(path: Path | None) -> Config:
    config = load(path)
    return msgspec.structs.replace(config, workers=config.workers or cores())


async def _serve(config: Config, read: Callable[[], Config], as_json: bool) -> None:
    events = structlog.get_logger()
    loop = asyncio.get_running_loop()
    stop, changed, hang_up, renewed = (asyncio.Event() for _ in range(4))
    hurry: Callable[[], None] = stop.set

    def stopping() -> None:
        hurry() if stop.is_set() else stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)

    def have(event: asyncio.Event) -> None:
        event.set()
        changed.set()

    loop.add_signal_handler(signal.SIGHUP, have, hang_up)

    async def reload_when_told(server: Running) -> None:
        """One after the other, so that nothing old is put over something new."""
        while await changed.wait():
            changed.clear()
            if renewed.is_set():
                renewed.clear()
                await take_certificates(server, events.info, events.error)
            if hang_up.is_set():
                hang_up.clear()
                reloading()
                await reload(server, read, events.info, events.error)
                notify(READY)

    async with (
        _running(config, "json" if as_json else "text") as server,
        watched(),
        renewing.running(config, partial(have, renewed), events.info, events.error),
    ):
        hurry = server.hurry
        _announce(server, as_json)
        events.info("ready", version=__version__, data=config.data)
        on_hang_up = asyncio.create_task(reload_when_told(server))
        notify(READY)
        await stop.wait()
        notify(STOPPING)
        on_hang_up.cancel()
        events.info("stopping")
    events.info("stopped")


def _running(config: Config, form: log.Form) -> AbstractAsyncContextManager[Running]:
    tell = structlog.get_logger().info
    if config.workers == 1:  # a parent and a keeper beside it would serve nobody any better
        return serving(config, tell=tell, report=_report)
    return several(config, tell=tell, form=form)


def _report(error: BaseException, peer: Peer | None = None) -> str:
    return log.fault(error, peer.address if peer else None)


def _announce(server: Running, as_json: bool) -> None:
    """The addresses, and at the first start the account, for a person or as one line of JSON."""
    if as_json:
        print(dumps(_plain(server)), flush=True)
        return
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    rows = [
        (PROTOCOLS[each.protocol].name, each.address, PROTOCOLS[each.protocol].security)
        for each in server.foundation.bound
    ]
    console.print(f"\nPillarbox {__version__} serves {server.config.hostname} from {server.config.data}\n")
    console.print(table(("protocol", "address", "security"), rows))
    if server.foundation.certificate.self_signed:
        console.print(f"\nThe certificate is self-signed: {server.foundation.certificate.certificate}")
    if server.first_account is not None:
        _introduce(server, console)
    console.print("\nStop with Ctrl-C.\n")


def _introduce(server: Running, console: Console) -> None:
    """What to type into a mail client."""
    first = server.first_account
    assert first is not None
    console.print("\nYour first account. The password is shown this once; type this into a mail client:\n")
    rows = [("user name", first.address), ("password", first.password)]
    for protocol, name in (("imaps", "IMAP server"), ("submissions", "SMTP server")):
        host, _, port = next(
            (each.address for each in server.foundation.bound if each.protocol == protocol), ""
        ).rpartition(":")
        if host:
            rows += [(name, host), ("port", port), ("security", "SSL/TLS"), ("authentication", "password")]
    console.print(table(None, rows))


def _plain(server: Running) -> dict[str, Any]:
    first = server.first_account
    return {
        "hostname": server.config.hostname,
        "data": server.config.data,
        "listeners": [
            {"protocol": each.protocol, "address": each.address} for each in server.foundation.bound
        ],
        "certificate": str(server.foundation.certificate.certificate),
        "account": {"address": first.address, "password": first.password} if first else None,
    }
