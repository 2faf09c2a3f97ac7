"""`pillarbox report`: what this server has found out about others, and told them."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape

from pillarbox.app import folder
from pillarbox.app.commands.dmarc import dmarc
from pillarbox.app.config import Config, load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import names
from pillarbox.delivery.trust import results
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.results import Count
from pillarbox.identity.addresses import fold_domain

app = typer.Typer(help="Show what was found out about others, and what they were told.", no_args_is_help=True)


@app.callback()
def report() -> None:
    """Show what was found out about others, and what they were told."""


app.command("dmarc")(dmarc)


@app.command("tls")
def tls(
    context: typer.Context,
    domain: Annotated[str | None, typer.Argument(help="Only sessions for mail to this domain.")] = None,
    json: Json = False,
) -> None:
    """TLS with the hosts of other domains, by day: how often, what was wrong, who has been told."""
    config = load(context.obj)
    folder.require(config.data_folder)
    trust = Trust(config.data_folder)
    folded = None if domain is None else fold_domain(domain)
    try:
        found = trust.do(lambda db: results.counts(db, None, folded))
        told = [each for each in trust.do(results.reports) if folded in (None, each[1])]
    finally:
        trust.close()
    dane = asyncio.run(_dane(config))
    rows = [
        [
            _day(each.day),
            each.session.domain,
            each.session.followed.kind,
            each.session.result or "success",
            each.session.host,
            str(each.count),
            each.session.reason,
        ]
        for each in found
    ]
    show(
        {
            "dane": dane,
            "sessions": [_plain(each) for each in found],
            "reports": [
                {"day": _day(day), "domain": of, "at": moment(at), "to": to} for day, of, at, to in told
            ],
        },
        json,
        "DANE is on: the DNS server on this machine checks DNSSEC."
        if dane
        else "DANE is off: it takes a DNS server on this machine that checks DNSSEC.",
        table(
            ("day", "domain", "policy", "result", "host", "sessions", "why"),
            [[escape(cell) for cell in row] for row in rows],
        ),
        *(f"Reported on {_day(day)} to {to} for {of}." for day, of, _, to in told),
    )


async def _dane(config: Config) -> bool:
    return await names(config).checks_dnssec()


def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def _plain(each: Count) -> dict[str, Any]:
    session = each.session
    return {
        "day": _day(each.day),
        "domain": session.domain,
        "policy": each.policy,
        "result": session.result or "success",
        "host": session.host,
        "address": session.address,
        "reason": session.reason,
        "count": each.count,
    }
