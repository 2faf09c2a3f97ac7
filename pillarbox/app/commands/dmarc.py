"""`pillarbox report dmarc`: what was seen of mail from elsewhere."""

from typing import Any

import typer
from rich.markup import escape

from pillarbox.app import folder
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.delivery.dmarc_reports.seen import Day, Reports
from pillarbox.filter.auth.dmarc.aggregate import total


def dmarc(context: typer.Context, json: Json = False) -> None:
    """Show what was seen of mail whose authors' domains want reports, by day, and what they were told."""
    data = load(context.obj).data_folder
    folder.require(data)
    reports = Reports(data)
    try:
        days = [reports.read(*each) for each in reports.days()]
    finally:
        reports.close()
    rows = [
        (_date(each), escape(each.domain), *total(each.rows), escape(each.how or "not yet")) for each in days
    ]
    shown = table(("day", "domain", "messages", "passed", "report"), rows)
    show([_plain(each) for each in days], json, shown)


def _date(day: Day) -> str:
    return moment(day.period.begin)[:10]


def _plain(day: Day) -> dict[str, Any]:
    return {
        "day": _date(day),
        "domain": day.domain,
        "report": day.how,
        "rows": [
            {
                "source": each.row.source,
                "count": each.count,
                "disposition": each.row.disposition,
                "dkim": each.row.dkim,
                "spf": each.row.spf,
                "from": each.row.header_from,
                "envelope_from": each.row.envelope_from,
                "override": each.row.override,
            }
            for each in day.rows
        ],
    }
