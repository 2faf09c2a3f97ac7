"""`pillarbox audit`: who came in, who did not, who was shut out, who did what."""

import ipaddress
import re
import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.identity import audit as log
from pillarbox.identity.audit import Audit, Entry, account_name
from pillarbox.model.errors import Refused

_AGO = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Event(StrEnum):
    LOGIN = "login"
    FAILURE = "failure"
    BAN = "ban"
    REFUSAL = "refusal"
    ADMIN = "admin"


def audit(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    address: Annotated[str | None, typer.Option(help="Only this IP address, or network.")] = None,
    since: Annotated[str | None, typer.Option(help="Not earlier than so long ago, like 2h or 7d.")] = None,
    event: Annotated[Event | None, typer.Option(help="Only this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 1000,
    json: Json = False,
) -> None:
    """Show the audit log, oldest first."""
    path = load(context.obj).data_folder / log.FILE
    found = _found(path.exists() and Audit(path), account, address, since, event, limit)
    rows = [
        (moment(int(each.at)), each.event, each.account, each.address, each.protocol, _how(each), each.detail)
        for each in found
    ]
    columns = ("time", "event", "account", "address", "protocol", "by", "detail")
    show([_plain(each) for each in found], json, table(columns, rows))


def _found(
    audit: Audit | bool,
    account: str | None,
    address: str | None,
    since: str | None,
    event: Event | None,
    limit: int,
) -> list[Entry]:
    network = _network(address)
    oldest = _since(since)
    if isinstance(audit, bool):
        return []
    try:
        found = audit.find(
            account=account and account_name(account),
            address=str(network.network_address) if network and network.num_addresses == 1 else None,
            since=oldest,
            event=event and event.value,
            limit=limit if network is None or network.num_addresses == 1 else -1,
        )
    finally:
        audit.close()
    if network is not None and network.num_addresses > 1:
        found = [each for each in found if _within(each.address, network)][-limit:]
    return found


def _network(text: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if text is None:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Refused(f"{text} is no IP address and no network") from None


def _within(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_network(address).network_address in network
    except ValueError:
        return False


def _since(text: str | None) -> float | None:
    if text is None:
        return None
    match = _AGO.fullmatch(text)
    if match is None:
        raise Refused(f"{text} is no length of time; write 90s, 30m, 2h or 7d")
    return time.time() - int(match[1]) * _UNITS[match[2]]


def _how(entry: Entry) -> str:
    tls = "TLS" if entry.tls else ""
    return " ".join(filter(None, (entry.mechanism, entry.device and f"({entry.device})", tls)))


def _plain(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "at": moment(int(entry.at))}
