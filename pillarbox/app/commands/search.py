"""`pillarbox search`: find messages of an account."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.searching import Found, search_all
from pillarbox.app.wiring import core
from pillarbox.model.errors import Refused
from pillarbox.model.query import QueryError, parse
from pillarbox.store.query.plan import Plan, spell

STEP = ("by", "candidates", "found", "sure", "looked_into", "read", "seconds")
SHOWN = 60  # characters of a name or a subject


def search(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The account to search.")],
    query: Annotated[
        str, typer.Argument(help="As in Gmail: from:ann subject:lunch has:attachment -is:read ...")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the newest.")] = 50,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the answer was found.")] = False,
    json: Json = False,
) -> None:
    """Find messages, in all mailboxes but Junk and Trash unless the query says in:... or label:...

    Operators: from: to: cc: bcc: subject: filename: list: rfc822msgid: has:attachment is:unread is:starred
    is:answered in:NAME in:anywhere label:NAME older_than:3d newer_than:2m before:2024/12/31 after:...
    larger:10M smaller:500K. Words beside each other must all match; OR, -, ( ), { } and "phrases" are known.
    """
    try:
        key = parse(query)
    except QueryError as error:
        raise Refused(f"{error}\n  {query}\n  {' ' * (error.at - 1)}^") from None

    config = load(context.obj)

    async def run() -> Found:
        async with core(config, make=False) as parts:
            account = parts.directory.require(address)
            return await search_all(parts.store, account.prefix, key, limit)

    found = asyncio.run(run())
    acted(config, "search", address)  # not for what: that is as private as what is found
    rows = [
        (escape(each.mailbox), each.uid, moment(each.at), _short(each.sender), _short(each.subject))
        for each in found.matches
    ]
    value: dict[str, Any] = {
        "total": found.total,
        "matches": [{**asdict(each), "at": moment(each.at)} for each in found.matches],
    }
    lines: list[Any] = [table(("mailbox", "uid", "date", "from", "subject"), rows)] if rows else []
    lines.append(_counted(found))
    if explain:
        value["plan"] = [{"mailbox": path, **_plain(plan)} for path, plan in found.plans.items()]
        lines += [line for path, plan in found.plans.items() for line in _explained(path, plan)]
    show(value, json, *lines)


def _plain(plan: Plan) -> dict[str, Any]:
    steps = [{**{name: getattr(step, name) for name in STEP}, "key": spell(step.key)} for step in plan.steps]
    return {"indexed": plan.indexed, "behind": plan.behind, "steps": steps}


def _short(text: str) -> str:
    return escape(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…")


def _counted(found: Found) -> str:
    if found.total > len(found.matches):
        return f"{found.total} messages match; these are the newest {len(found.matches)}."
    return "1 message matches." if found.total == 1 else f"{found.total} messages match."


def _explained(path: str, plan: Plan) -> list[Any]:
    indexed = "no index" if plan.indexed is None else f"{plan.indexed} segments of the index"
    head = f"\n{path}: {indexed}, {plan.behind} messages behind"
    if not plan.steps:
        return [f"{head}; nothing had to be looked at."]
    rows = [
        (
            escape(spell(step.key)),
            step.by,
            step.candidates,
            step.found,
            step.sure,
            step.looked_into,
            step.read,
            f"{step.seconds * 1000:.1f}",
        )
        for step in plan.steps
    ]
    columns = ("key", "by", "candidates", "found", "sure", "looked into", "read", "ms")
    return [head, table(columns, rows)]
