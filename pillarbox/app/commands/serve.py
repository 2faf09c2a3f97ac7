"""`pillarbox serve`: run the server until it is told to stop."""

import asyncio
import signal
import sys
from json import dumps
from typing import Any

import structlog
import typer
import uvloop
from rich.console import Console

from pillarbox import __version__
from pillarbox.app import log
from pillarbox.app.config import Config, load
from pillarbox.app.output import Json, table
from pillarbox.app.serve import Server, serving
from pillarbox.app.wiring import PROTOCOLS
from pillarbox.net.session import Peer


def serve(context: typer.Context, json: Json = False) -> None:
    """Run the server. SIGTERM stops it, SIGHUP reloads the certificate."""
    config = load(context.obj)
    log.configure("json" if json else "text")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, json))


async def _serve(config: Config, as_json: bool) -> None:
    events = structlog.get_logger()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def report(error: BaseException, peer: Peer | None = None) -> str:
        trace = log.trace_id()
        events.error("fault", trace=trace, peer=peer.address if peer else None, exc_info=error)
        return trace

    async with serving(config, tell=events.info, report=report) as server:
        loop.add_signal_handler(signal.SIGHUP, _reload, server, events)
        if (config.workers or 1) > 1:
            events.info("one worker serves all connections", configured=config.workers)
        _announce(server, as_json)
        events.info("ready", version=__version__, data=config.data)
        await stop.wait()
        events.info("stopping")
    events.info("stopped")


def _reload(server: Server, events: Any) -> None:
    try:
        server.reload_certificate()
    except OSError as error:
        events.error("certificate not reloaded, the old one stays", reason=str(error))
    else:
        events.info("certificate reloaded", certificate=str(server.certificate.certificate))


def _announce(server: Server, as_json: bool) -> None:
    """The addresses, and at the first start the account, for a person or as one line of JSON."""
    if as_json:
        print(dumps(_plain(server)), flush=True)
        return
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    rows = [
        (PROTOCOLS[each.protocol].name, each.address, PROTOCOLS[each.protocol].security)
        for each in server.bound
    ]
    console.print(f"\nPillarbox {__version__} serves {server.config.hostname} from {server.config.data}\n")
    console.print(table(("protocol", "address", "security"), rows))
    if server.certificate.self_signed:
        console.print(f"\nThe certificate is self-signed: {server.certificate.certificate}")
    if server.first_account is not None:
        _introduce(server, console)
    console.print("\nStop with Ctrl-C.\n")


def _introduce(server: Server, console: Console) -> None:
    """What to type into a mail client."""
    first = server.first_account
    assert first is not None
    host, _, port = next((each.address for each in server.bound if each.protocol == "imaps"), "").rpartition(
        ":"
    )
    console.print("\nYour first account. The password is shown this once; type this into a mail client:\n")
    rows = [("user name", first.address), ("password", first.password)]
    if host:
        rows += [
            ("IMAP server", host),
            ("port", port),
            ("security", "SSL/TLS"),
            ("authentication", "password"),
        ]
    console.print(table(None, rows))


def _plain(server: Server) -> dict[str, Any]:
    first = server.first_account
    return {
        "hostname": server.config.hostname,
        "data": server.config.data,
        "listeners": [{"protocol": each.protocol, "address": each.address} for each in server.bound],
        "certificate": str(server.certificate.certificate),
        "account": {"address": first.address, "password": first.password} if first else None,
    }
