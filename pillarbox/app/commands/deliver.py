"""`pillarbox deliver`: file the message on standard input."""

import asyncio
import sys
from typing import Annotated

import typer

from pillarbox.app.config import load
from pillarbox.app.deliver import deliver as deliver_message
from pillarbox.app.importing.letter import PIECE
from pillarbox.app.output import Json, show
from pillarbox.app.wiring import core, post
from pillarbox.net.session import Peer


def deliver(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Whom it is for; kim+lists@example.org goes to `lists`.")],
    json: Json = False,
) -> None:
    """Deliver the message on standard input to an address, as if it had come over the network."""

    config = load(context.obj)

    async def run() -> None:
        async with core(config, make=False) as parts:
            await deliver_message(
                post(config, parts, _raise), address, iter(lambda: sys.stdin.buffer.read(PIECE), b"")
            )

    asyncio.run(run())
    show({"delivered": address}, json, f"Delivered to {address}.")


def _raise(error: BaseException, peer: Peer | None = None) -> str:
    """A bug of ours has nobody else to be told to."""
    raise error
