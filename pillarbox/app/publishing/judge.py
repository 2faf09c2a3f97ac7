"""What a domain does publish, held against what it is to: right, missing, or wrong and why.

Each judgement asks the DNS by the seam of `filter/dns.py`, and none waits for another. What the web server
says of MTA-STS is fetched by who calls.
"""

from collections.abc import Iterator

from pillarbox.app.publishing import hosts, senders, services
from pillarbox.app.publishing.finding import Finding
from pillarbox.app.publishing.records import Topic, records
from pillarbox.app.publishing.services import Fetched
from pillarbox.app.publishing.setup import Setup
from pillarbox.filter.dns import Asking


def judgements(setup: Setup, fetched: Fetched) -> Iterator[Asking[list[Finding]]]:
    """In the order of the records. `fetched` is what `policy.url` gave."""
    for record in records(setup):
        match record.topic:
            case Topic.MX:
                yield hosts.exchanges(setup, record)
                yield hosts.addresses(setup)
            case Topic.SPF | Topic.HELO:
                yield senders.policy(setup, record)
            case Topic.DKIM:
                yield senders.key(record)
            case Topic.DMARC:
                yield senders.dmarc(setup, record)
            case Topic.STS:
                yield services.transport(setup, record, fetched)
            case Topic.TLSRPT:
                yield services.reports(record)
            case Topic.SRV:
                yield services.place(record)
            case Topic.CONFIGURATION | Topic.STS_HOST:
                yield services.name(setup, record)
            case Topic.ADDRESS | Topic.PTR:  # with the MX
                pass
