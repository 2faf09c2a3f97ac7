"""Records and findings for people and for programs."""

from collections.abc import Iterable
from typing import Any

from pillarbox.app.publishing import policy
from pillarbox.app.publishing.finding import Finding, State
from pillarbox.app.publishing.records import UNKNOWN_ADDRESS, WHY, Record
from pillarbox.app.publishing.setup import Setup
from pillarbox.app.publishing.zone import spelled


def plain_record(record: Record) -> dict[str, Any]:
    return {
        "topic": str(record.topic),
        "name": record.name,
        "kind": str(record.kind),
        "value": record.value or None,
        "needed": record.needed,
    }


def plain_policy(setup: Setup) -> dict[str, str]:
    return {"url": policy.url(setup.domain), "text": policy.text(setup.host, setup.mta_sts)}


def plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        **plain_record(finding.record),
        "state": str(finding.state),
        "reason": finding.reason,
        "notes": list(finding.notes),
    }


def lines(setup: Setup, records: Iterable[Record]) -> list[str]:
    """Each record as it is typed in, under what it is for."""
    out: list[str] = []
    before = None
    for record in records:
        if record.topic is not before:
            before = record.topic
            out += ["", f"{record.topic}: {WHY[record.topic]}"]
        value = spelled(record) if record.value != UNKNOWN_ADDRESS else "(the public address of this machine)"
        out.append(f"  {record.name}. {record.kind} {value}")
    who = "this server serves" if setup.web else "listen.https (or another web server) is to serve"
    out += ["", f"The policy of MTA-STS, which {who} at {policy.url(setup.domain)}:"]
    return [*out, *(f"  {line}" for line in policy.text(setup.host, setup.mta_sts).splitlines())]


def judged(findings: Iterable[Finding]) -> list[str]:
    """A line for each record, and below it what is wrong, what to publish, and what is worth knowing."""
    out: list[str] = []
    for each in findings:
        record = each.record
        state = str(each.state) if each.good else each.state.upper()
        out.append(f"{state:<8} {record.topic}: {record.name} {record.kind}")
        below = [each.reason] if each.reason else []
        if each.state is not State.RIGHT and record.value != UNKNOWN_ADDRESS:
            below.append(f"publish: {spelled(record)}")
        out += [f"{'':<9}{line}" for line in (*below, *(f"note: {note}" for note in each.notes))]
    return out
