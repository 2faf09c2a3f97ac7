"""Where a report may go: not to who has not asked for it (RFC 9990 4, RFC 7489 7.1)."""

from dataclasses import dataclass
from urllib.parse import unquote

from pillarbox.filter.auth.dmarc.judge import Row
from pillarbox.filter.auth.dmarc.record import parse
from pillarbox.filter.auth.dmarc.walk import Trouble, Walker
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.dns import Asking, Found, Kind, Question, is_name


@dataclass(frozen=True, slots=True)
class Destination:
    """`most`: octets that a report may have there, 0 for any number (RFC 7489 6.3)."""

    address: str
    most: int = 0


def destinations(row: Row) -> Asking[tuple[Destination, ...]]:
    """All that are allowed. Raises `Trouble` where the DNS does not say."""
    walker = Walker()
    own = (yield from walker.walk(row.domain)).organization
    found: dict[str, Destination] = {}
    for uri, most in zip(row.reports, row.sizes):
        address = _mailbox(uri)
        host = None if address is None else a_labels(address.rpartition("@")[2])
        if address is None or host is None:
            continue
        if (yield from walker.walk(host)).organization != own:
            allowed = yield from _external(row.domain, host, Destination(address, most))
        else:
            allowed = (Destination(address, most),)
        for each in allowed:
            found.setdefault(each.address, each)
    return tuple(found.values())


def _external(domain: str, host: str, asked: Destination) -> Asking[tuple[Destination, ...]]:
    """RFC 9990 4: a record at the other side says that it wants them, and may name another mailbox there."""
    name = f"{domain}._report._dmarc.{host}"
    if not is_name(name):
        return ()
    answer = yield Question(name, Kind.TXT)
    if answer.found is Found.TROUBLE:
        raise Trouble(name)
    records = [record for record in map(parse, answer.values) if record is not None]
    if not records:
        return ()
    instead = [(uri, most) for each in records for uri, most in zip(each.reports, each.sizes)]
    if not instead:
        return (asked,)
    there = [(_mailbox(uri), most) for uri, most in instead]
    # RFC 9990 4: an override that leads elsewhere again voids all.
    if any(box is None or a_labels(box.rpartition("@")[2]) != host for box, _ in there):
        return ()
    return tuple(Destination(box, most) for box, most in there if box is not None)


def _mailbox(uri: str) -> str | None:
    scheme, _, rest = uri.partition(":")
    address = unquote(rest.partition("?")[0])
    if scheme.lower() != "mailto" or not address.isascii() or not address.isprintable():
        return None
    local, _, host = address.rpartition("@")
    return address if local and host and not set(address) & set(' ,;<>"()[]\\') else None
