"""`pillarbox domain records` and `domain check`: what a domain is to publish, and what it does."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from pillarbox.app.commands.init import Addresses, Zone
from pillarbox.app.config import Config, load
from pillarbox.app.output import Json, show
from pillarbox.app.publishing import words, zone
from pillarbox.app.publishing.fetch import fetched
from pillarbox.app.publishing.finding import Finding
from pillarbox.app.publishing.judge import judgements
from pillarbox.app.publishing.keys import keys_of
from pillarbox.app.publishing.records import records
from pillarbox.app.publishing.services import Fetched
from pillarbox.app.publishing.setup import Setup, setup
from pillarbox.app.wiring import existing, names
from pillarbox.filter.dns import Kind, Question, resolved
from pillarbox.identity import routes
from pillarbox.model.errors import Code, Refused

Name = Annotated[str, typer.Argument(help="The domain, like example.org.")]


def show_records(
    context: typer.Context,
    name: Name,
    address: Addresses = None,
    zone_file: Zone = False,
    json: Json = False,
) -> None:
    """Show the DNS records that the domain is to publish."""
    made = _setup(load(context.obj), name, address)
    found = records(made)
    if zone_file:
        print(zone.fragment(made.domain, found), end="")
        return
    plain = {
        "domain": made.domain,
        "records": [words.plain_record(each) for each in found],
        "zone": zone.fragment(made.domain, found),
        "mta_sts": words.plain_policy(made),
    }
    show(plain, json, *words.lines(made, found)[1:])


def check(context: typer.Context, name: Name, address: Addresses = None, json: Json = False) -> None:
    """Look up what the domain publishes: right, missing, or wrong and why."""
    config = load(context.obj)
    made = _setup(config, name, address)
    findings = asyncio.run(_check(config, made))
    good = all(each.good for each in findings)
    plain = {
        "domain": made.domain,
        "good": good,
        "records": [words.plain_finding(each) for each in findings],
    }
    bad = sum(not each.good for each in findings)
    work = "1 record needs work" if bad == 1 else f"{bad} records need work"
    verdict = f"{made.domain} is set up." if good else f"{made.domain}: {work}."
    show(plain, json, *words.judged(findings), "", verdict)
    if not good:
        raise typer.Exit(1)


async def _check(config: Config, made: Setup) -> list[Finding]:
    resolve = names(config)
    # Without the record nobody asks for the policy, and a web server that does not answer is waited for.
    told = await resolve(Question(f"_mta-sts.{made.domain}", Kind.TXT))
    served = await fetched(made.domain) if told.values else Fetched()
    found = await asyncio.gather(*(resolved(each, resolve) for each in judgements(made, served)))
    return [finding for findings in found for finding in findings]


def _setup(config: Config, name: str, addresses: list[str] | None) -> Setup:
    made = setup(config, name, addresses=addresses or ())
    with existing(config) as directory:
        if not routes.is_local(directory, made.domain):
            raise Refused(f"There is no domain {name}; `domain add` makes it", Code.NONEXISTENT)
    return replace(made, keys=keys_of(config, made.domain))
