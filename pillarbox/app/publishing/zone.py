"""Records as a fragment of a zone file (RFC 1035 5), to be pasted into the domain's."""

from collections.abc import Iterable

from pillarbox.app.publishing.records import UNKNOWN_ADDRESS, WHY, Record, Topic
from pillarbox.delivery import published
from pillarbox.filter.auth.domains import within

TTL = 3600


def fragment(domain: str, records: Iterable[Record]) -> str:
    """Lines that belong to other zones, or that only the operator can fill in, are comments."""
    lines = [f"$ORIGIN {domain}.", f"$TTL {TTL}"]
    before: Topic | None = None
    for record in records:
        if record.topic is not before:
            lines.append(f"; {record.topic}: {WHY[record.topic]}")
            before = record.topic
        line = line_of(record)
        if record.value == UNKNOWN_ADDRESS:
            line = f"; {line}the public address of this machine"
        elif not within(record.name, domain):
            line = f"; in another zone: {line}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def line_of(record: Record) -> str:
    """As a zone file has it: a TXT is strings between quotes."""
    return published.zone_line(published.Record(record.name, record.kind, record.value))


def spelled(record: Record) -> str:
    """The value alone."""
    return line_of(record).partition(f" IN {record.kind} ")[2]
