"""What others are told of the server: MTA-STS, TLSRPT, SRV, and names that mail clients ask for settings."""

from dataclasses import dataclass

from pillarbox.app.publishing import policy
from pillarbox.app.publishing.finding import Finding, absent, right, wrong
from pillarbox.app.publishing.records import Record
from pillarbox.app.publishing.setup import Setup
from pillarbox.filter.dns import Asking, Found, Kind, Question


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the web server said, or why it said nothing."""

    text: str = ""
    failure: str = ""


def transport(setup: Setup, record: Record, fetched: Fetched) -> Asking[list[Finding]]:
    """RFC 8461: the record, the policy, and that the policy lets mail go where the MX says."""
    answer = yield Question(record.name, Kind.TXT)
    found = [text for text in answer.values if text.startswith("v=STSv1")]  # RFC 8461 3.1
    if not found:
        return [absent(record, answer)]
    if len(found) > 1:
        return [wrong(record, f"there are {len(found)} records; others ignore them all")]
    fields = dict(_field(part) for part in found[0].split(";"))
    if not (0 < len(fields.get("id", "")) <= 32 and fields["id"].isascii() and fields["id"].isalnum()):
        return [wrong(record, "it has no id= of 1 to 32 letters and digits")]
    where = policy.url(setup.domain)
    if fetched.failure:
        return [wrong(record, f"{where}: {fetched.failure}")]
    try:
        served = policy.parse(fetched.text)
    except policy.NotAPolicy as reason:
        return [wrong(record, f"{where} is no policy: {reason}")]
    exchanges = yield Question(setup.domain, Kind.MX)
    if served.mode != "none":
        for host in (each.lower() for each in exchanges.values):
            if not policy.covers(served, host):
                return [wrong(record, f"the policy does not name {host}, which the MX does")]
    if served.mode == "none":
        return [right(record, "mode: none: the policy asks for nothing")]
    return [right(record, "mode: testing: failures are reported only" if served.mode == "testing" else "")]


def reports(record: Record) -> Asking[list[Finding]]:
    """RFC 8460 3."""
    answer = yield Question(record.name, Kind.TXT)
    found = [text for text in answer.values if text.startswith("v=TLSRPTv1")]
    if not found:
        return [absent(record, answer)]
    if len(found) > 1:
        return [wrong(record, f"there are {len(found)} records; others ignore them all")]
    fields = dict(_field(part) for part in found[0].split(";"))
    uris = [uri.strip() for uri in fields.get("rua", "").split(",")]
    if not all(uri.lower().startswith(("mailto:", "https:")) for uri in uris):
        return [wrong(record, "it has no rua= with mailto: or https: addresses")]
    return [right(record)]


def place(record: Record) -> Asking[list[Finding]]:
    """SRV (RFC 6186, RFC 8314): the port and the host as they are, or "." for what is off."""
    answer = yield Question(record.name, Kind.SRV)
    if not answer.values:
        return [absent(record, answer)]
    *_, port, host = record.value.split(" ")
    wanted = f"{port} {host.rstrip('.')}" if host != "." else ""
    found = [_place(value) for value in answer.values]
    if wanted in found:
        others = [each for each in found if each != wanted]
        return [right(record, f"there is also {', '.join(others)}" if others else "")]
    said = ", ".join(each or "." for each in found)
    if not wanted:
        return [wrong(record, f"it says {said}, and the service is off")]
    return [wrong(record, f"it says {said}, and the service is at {wanted}")]


def _place(value: str) -> str:
    *_, port, host = value.lower().split(" ")
    return "" if host == "." else f"{port} {host}"


def name(setup: Setup, record: Record) -> Asking[list[Finding]]:
    """A name that is an alias of the host, or has the host's addresses, whatever they are made by."""
    leads: list[str] = []
    ours: list[str] = []
    for kind in (Kind.A, Kind.AAAA):
        answer = yield Question(record.name, kind)
        if answer.found is Found.TROUBLE:
            return [absent(record, answer)]
        leads += answer.values
        ours += (yield Question(setup.host, kind)).values
    if not leads:
        return [absent(record, answer)]
    if not set(leads) & set(ours):
        return [right(record, f"it leads to another server, {leads[0]}")]
    return [right(record)]


def _field(part: str) -> tuple[str, str]:
    key, _, value = part.partition("=")
    return key.strip(), value.strip()
