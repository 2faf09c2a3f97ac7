"""`pillarbox ban`: which networks are shut out, and since when."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from pillarbox.app import folder
from pillarbox.app.acted import acted
from pillarbox.app.config import Config, load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.identity import tallies
from pillarbox.identity.abuse import NETWORK, ORDERED, Tally, spelled
from pillarbox.identity.tallies import Tallies
from pillarbox.model.errors import Refused

app = typer.Typer(help="List, add and lift bans of networks that guess passwords.", no_args_is_help=True)

Network = Annotated[str, typer.Argument(help="An IP address, or a network like 192.0.2.0/24.")]
_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@app.command("list")
def list_bans(context: typer.Context, json: Json = False) -> None:
    """List the networks that are shut out now."""
    with _file(load(context.obj)) as file:
        found = file.bans(time.time())
    rows = [
        (each.key, moment(int(each.since)), moment(int(each.until)), each.bans, each.reason) for each in found
    ]
    columns = ("network", "since", "until", "time", "reason")
    show([_plain(each) for each in found], json, table(columns, rows))


@app.command()
def add(
    context: typer.Context,
    network: Network,
    length: Annotated[str, typer.Option("--for", help="How long, like 30m, 12h or 7d.")] = "1d",
    json: Json = False,
) -> None:
    """Shut a network out: nobody logs in from there. A running server does so within a second."""
    config, known = load(context.obj), _known(network)
    match = _LENGTH.fullmatch(length)
    if match is None:
        raise Refused(f"{length} is no length of time; write 30m, 12h or 7d")
    now = time.time()
    until = now + int(match[1]) * _UNITS[match[2]]
    made = Tally(NETWORK, known, at=now, since=now, until=until, reason=ORDERED)
    with _file(config) as file:
        file.order(made)
    acted(config, f"ban add for {length}", network=known)
    show(_plain(made), json, f"{known} is shut out until {moment(int(until))}.")


@app.command()
def lift(context: typer.Context, network: Network, json: Json = False) -> None:
    """Let a network in again, as if nothing had failed there. A running server does so within a second."""
    config, known = load(context.obj), _known(network)
    now = time.time()
    with _file(config) as file:
        if known not in [each.key for each in file.bans(now)]:
            raise Refused(f"{known} is not shut out")
        file.order(Tally(NETWORK, known, at=now))
    acted(config, "ban lift", network=known)
    show({"lifted": known}, json, f"{known} is let in again.")


def _known(text: str) -> str:
    try:
        return spelled(text)
    except ValueError:
        raise Refused(f"{text} is no IP address and no network") from None


@contextmanager
def _file(config: Config) -> Iterator[Tallies]:
    folder.require(config.data_folder)
    file = Tallies(config.data_folder / tallies.FILE)
    try:
        yield file
    finally:
        file.close()


def _plain(each: Tally) -> dict[str, Any]:
    return {
        "network": each.key,
        "since": moment(int(each.since)),
        "until": moment(int(each.until)),
        "times": each.bans,
        "reason": each.reason,
    }
