"""`pillarbox domain`: whose mail is taken, the keys that sign what it sends, and what its DNS says."""

import asyncio
import time
from typing import Annotated, Any, Literal

import typer

from pillarbox.app.acted import acted
from pillarbox.app.commands.publishing import check, show_records
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import existing, names
from pillarbox.delivery.published import zone_line
from pillarbox.delivery.signing import lookout
from pillarbox.delivery.signing.keys import KEPT_SECONDS, Keys, Named, State
from pillarbox.identity import routes
from pillarbox.identity.addresses import fold_domain
from pillarbox.identity.routes import Domain
from pillarbox.model.errors import Code, Refused

app = typer.Typer(help="Add, list, check and delete domains.", no_args_is_help=True)
app.command("records")(show_records)
app.command()(check)

Name = Annotated[str, typer.Argument(help="The domain, like example.org.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    catch_all: Annotated[
        str | None, typer.Option("--catch-all", help="Who gets mail for addresses that nobody has.")
    ] = None,
    json: Json = False,
) -> None:
    """Take mail for a domain. An account's domain needs no adding; said again, the catch-all is changed."""
    config = load(context.obj)
    with existing(config) as directory:
        made = routes.add_domain(directory, name, catch_all)
    keys, domain = Keys(config.data_folder), fold_domain(name)
    signing = keys.begin(domain, time.time())
    plain = [_plain_key(keys, domain, each) for each in signing]
    sentences = [f"Mail for {made.name} is taken."]
    if any(each.state is State.WAITING for each in signing):
        sentences += _to_publish(keys, domain, signing)
    acted(config, f"domain add {made.name}, catch-all {made.catch_all or 'nobody'}")
    show({**_plain(made), "dkim": plain}, json, *sentences)


@app.command("list")
def list_domains(context: typer.Context, json: Json = False) -> None:
    """List all domains."""
    with existing(load(context.obj)) as directory:
        found = routes.domains(directory)
    rows = [(each.name, each.catch_all or "", moment(each.created_at)) for each in found]
    show([_plain(each) for each in found], json, table(("domain", "catch-all", "created"), rows))


@app.command()
def delete(context: typer.Context, name: Name, json: Json = False) -> None:
    """Take no more mail for a domain that no account and no alias is in."""
    config = load(context.obj)
    with existing(config) as directory:
        routes.delete_domain(directory, name)
    acted(config, f"domain delete {name}")
    show({"deleted": name}, json, f"Mail for {name} is not taken any more.")


@app.command()
def dkim(
    context: typer.Context,
    name: Name,
    action: Annotated[
        Literal["list", "rotate", "check", "retire"],
        typer.Argument(
            help="list: show the keys. rotate: make new ones. check: look whether those that wait are"
            " published. retire: delete one that does not sign."
        ),
    ] = "list",
    selector: Annotated[str | None, typer.Argument(help="Which key to retire.")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="With rotate: sign with the new keys without looking for them.")
    ] = False,
    json: Json = False,
) -> None:
    """The keys that sign a domain's mail (DKIM), and what is to be published in the DNS for them."""
    config, domain = load(context.obj), fold_domain(name)
    with existing(config) as directory:
        ours = routes.is_local(directory, domain)
    keys = Keys(config.data_folder)
    if not ours and not keys.has(domain) and domain != fold_domain(config.hostname):
        raise Refused(f"There is no domain {name}; `domain add` makes it", Code.NONEXISTENT)
    if (selector is None) == (action == "retire"):
        raise Refused("Say which key to retire" if action == "retire" else "Only retire takes a key")
    sentences = []
    match action:
        case "rotate":
            made = keys.rotate(domain, time.time(), at_once=now)
            if now:
                sentences = [f"{each.selector} signs from now on." for each in made]
            sentences += _to_publish(keys, domain, made, waiting=not now)
        case "check":
            found = asyncio.run(lookout.look(keys, domain, names(config), time.time()))
            sentences = [f"{each.selector} is published and signs from now on." for each in found]
            left = [each for each in keys.listed(domain) if each.state is State.WAITING]
            sentences += [f"{each.selector} is not in the DNS yet." for each in left]
            sentences = sentences or ["No key waits to be published."]
        case "retire":
            assert selector is not None
            keys.retire(domain, selector)
            sentences = [f"{selector} is gone; its record may be taken out of the DNS."]
        case _:
            keys.begin(domain, time.time())
            sentences = _listed(keys, domain)
    if action != "list":
        acted(config, f"domain dkim {domain} {action} {selector or ''}".rstrip())
    show([_plain_key(keys, domain, each) for each in keys.listed(domain)], json, *sentences)


def _listed(keys: Keys, domain: str) -> list[Any]:
    listed = keys.listed(domain)
    rows = [
        (
            each.selector,
            each.algorithm,
            each.state.value,
            moment(each.since),
            f"published until {moment(each.since + KEPT_SECONDS)}" if each.state is State.OLD else "",
        )
        for each in listed
    ]
    shown = [each for each in listed if each.state is not State.OLD]
    found: list[Any] = [table(("selector", "algorithm", "state", "since", "its record stays"), rows)]
    return found + [zone_line(keys.record(domain, each.selector)) for each in shown]


def _to_publish(keys: Keys, domain: str, made: tuple[Named, ...], *, waiting: bool = True) -> list[str]:
    sentence = "To be published in the DNS"
    if waiting:
        sentence += "; mail is signed once that is found there"
    return [f"{sentence}:", *(zone_line(keys.record(domain, each.selector)) for each in made)]


def _plain_key(keys: Keys, domain: str, each: Named) -> dict[str, Any]:
    record = keys.record(domain, each.selector)
    return {
        "selector": each.selector,
        "algorithm": each.algorithm,
        "state": each.state.value,
        "since": moment(each.since),
        "record": {"name": record.name, "type": record.kind, "value": record.value},
    }


def _plain(domain: Domain) -> dict[str, Any]:
    return {"domain": domain.name, "catch_all": domain.catch_all, "created": moment(domain.created_at)}
