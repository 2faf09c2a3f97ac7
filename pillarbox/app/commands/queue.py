"""`pillarbox queue`: mail that is on its way out. `pillarbox trace`: what became of a message."""

from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from time import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from pillarbox.app import folder
from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.delivery.queue import asking, bell
from pillarbox.delivery.queue.asking import Entry
from pillarbox.delivery.queue.database import Database, opened
from pillarbox.delivery.queue.entries import Content, Event, Waiting, forget
from pillarbox.model.errors import Code, Refused

app = typer.Typer(
    help="List, show, retry, hold and cancel mail that waits to be delivered.", no_args_is_help=True
)

LISTED = 500  # letters, unless more are wanted: a longer table is not read
DOMAINS = 10
PAGE = 1000

Number = Annotated[int, typer.Argument(help="The number that `queue list` shows.")]


@app.command("list")
def list_queue(
    context: typer.Context,
    most: Annotated[
        int, typer.Option("--most", help="How many letters to list, oldest first; 0 is all of them.", min=0)
    ] = LISTED,
    json: Json = False,
) -> None:
    """List what waits to be delivered; of a long queue the oldest, and how much there is for whom."""
    with _queue(context) as db:
        if json:
            return _stream(db)
        found = asking.entries(db, most or -1, content=False)
        letters, domains = asking.counted(db)
    rows = [
        (entry.letter.id, *_cells(f"<{entry.letter.sender}>", each.address, _state(each), each.reply))
        for entry in found
        for each in entry.recipients
    ]
    listed = table(("number", "from", "to", "when", "last answer"), rows)
    if len(found) == letters:
        return show(None, json, listed)
    names = [(domain or "here", count) for domain, count in domains[:DOMAINS]]
    others = sum(count for _, count in domains[DOMAINS:])
    return show(
        None,
        json,
        listed,
        "",
        f"{letters - len(found)} more, in all {letters}; `--most 0` lists them. Most wait for:",
        table(None, [*names, *([("others", others)] if others else [])]),
    )


@app.command("show")
def show_letter(context: typer.Context, number: Number, json: Json = False) -> None:
    """Show one letter, its recipients and its header."""
    with _queue(context) as db:
        entry = asking.entry(db, number)
        header = entry.letter.content.read(db.folder).partition(b"\r\n\r\n")[0].decode(errors="replace")
    acted(load(context.obj), f"queue show {number}")
    plain = _plain(entry)
    show(
        {**plain, "header": header},
        json,
        *(f"{key}: {value}" for key, value in plain.items() if key != "recipients"),
        table(
            ("to", "when", "attempts", "last answer"),
            [_cells(each.address, _state(each), each.attempts, each.reply) for each in entry.recipients],
        ),
        "",
        header.replace("\r", ""),
    )


@app.command()
def retry(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="The number that `queue list` shows.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is in the queue.")] = False,
    json: Json = False,
) -> None:
    """Deliver now what waits or is held."""
    if (number is None) != everything:
        raise Refused("Say a number, or --all")
    with _queue(context) as db, db.transaction():
        now = int(time())
        count = asking.retry_all(db, now) if number is None else asking.retry(db, number, now)
    config = load(context.obj)
    bell.ring(config.data_folder)
    acted(config, f"queue retry {'--all' if number is None else number}")
    show({"retried": count}, json, f"Tried again now: {_recipients(count)}.")


@app.command()
def hold(context: typer.Context, number: Number, json: Json = False) -> None:
    """Keep a letter in the queue until `queue retry`."""
    with _queue(context) as db, db.transaction():
        count = asking.hold(db, number)
    acted(load(context.obj), f"queue hold {number}")
    show({"held": count}, json, f"Held: {_recipients(count)}.")


@app.command()
def cancel(context: typer.Context, number: Number, json: Json = False) -> None:
    """Take a letter out of the queue; nobody is told."""
    with _queue(context) as db:
        gone: Content | None
        with db.transaction():
            count, gone = asking.cancel(db, number, int(time()))
        if gone is not None:
            forget(gone, db.folder)
    acted(load(context.obj), f"queue cancel {number}")
    show({"cancelled": count}, json, f"Cancelled: {_recipients(count)}.")


def trace(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="A Message-ID, or the id in a Received field or an answer.")],
    json: Json = False,
) -> None:
    """Show what became of a message, from its arrival to its delivery."""
    with _queue(context) as db:
        found = asking.record(db, wanted)
    if not found:
        raise Refused(f"Nothing is recorded of {wanted}", Code.NONEXISTENT)
    rows = [_cells(moment(each.at), each.trace, each.event, each.address, each.text) for each in found]
    show([_event(each) for each in found], json, table(("when", "trace", "what", "whom", "how"), rows))


def _stream(db: Database) -> None:
    """All there is, for a program, and never much of it in memory."""
    before, after = "[", 0
    while page := asking.entries(db, PAGE, after=after, content=False):
        for each in page:
            print(before + dumps(_plain(each), ensure_ascii=False), end="")
            before = ", "
        after = page[-1].letter.id
    print("]" if after else "[]")


@contextmanager
def _queue(context: typer.Context) -> Iterator[Database]:
    data = load(context.obj).data_folder
    folder.require(data)
    with opened(data) as db:
        yield db


def _cells(*cells: object) -> tuple[str, ...]:
    """What stands in mail, and what others answer, is no markup."""
    return tuple(escape(str(cell)) for cell in cells)


def _state(each: Waiting) -> str:
    if each.taken:
        return "being delivered"
    return "held" if each.held else moment(each.due_at)


def _recipients(count: int) -> str:
    return "1 recipient" if count == 1 else f"{count} recipients"


def _plain(entry: Entry) -> dict[str, Any]:
    letter = entry.letter
    return {
        "number": letter.id,
        "trace": letter.trace,
        "message_id": letter.message_id,
        "from": letter.sender,
        "octets": letter.content.size,
        "arrived": moment(letter.arrived_at),
        "held_until": moment(letter.wishes.hold.until) if letter.wishes.hold is not None else None,
        "deliver_by": moment(letter.wishes.by.at) if letter.wishes.by is not None else None,
        "priority": letter.wishes.priority,
        "recipients": [
            {
                "to": each.address,
                "target": each.target,
                "local": each.local,
                "state": "taken" if each.taken else "held" if each.held else "waiting",
                "due": moment(each.due_at),
                "attempts": each.attempts,
                "reply": each.reply,
            }
            for each in entry.recipients
        ],
    }


def _event(each: Event) -> dict[str, Any]:
    return {
        "at": moment(each.at),
        "trace": each.trace,
        "message_id": each.message_id,
        "event": each.event,
        "address": each.address,
        "text": each.text,
    }
