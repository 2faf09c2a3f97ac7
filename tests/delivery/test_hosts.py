"""Which hosts take mail for a domain, and when to try again."""

import asyncio

import pytest

from pillarbox.delivery.outbound import schedule
from pillarbox.delivery.outbound.hosts import (
    DNS_TROUBLE,
    NO_ADDRESS,
    NO_DOMAIN,
    NULL_MX,
    OURSELVES,
    Host,
    hosts,
)
from pillarbox.delivery.outcome import Outcome
from tests.zone import Zone

ZONE = Zone(
    {
        "mx.test": [(20, "b.test"), (10, "a.test"), (20, "c.test")],
        "null.test": [(0, ".")],
        "ours.test": [(5, "a.test"), (10, "Us.test"), (20, "b.test")],
        "only.test": [(10, "us.test")],
        "gone.test": [(10, "nothing.test")],
        "half.test": [(10, "broken.test"), (20, "b.test")],
        "dark.test": [(10, "broken.test")],
        "xn--bcher-kva.test": [(10, "a.test")],
    },
    {
        "a.test": ["192.0.2.1", "2001:db8::1"],
        "b.test": ["192.0.2.2"],
        "c.test": ["192.0.2.3"],
        "bare.test": ["192.0.2.9"],
    },
    {"broken.test", "servfail.test"},
)


def find(domain: str) -> list[str] | Outcome:
    found = asyncio.run(
        hosts(ZONE, domain, own_name="us.test", shuffle=lambda names: names.sort(reverse=True))
    )
    return found if isinstance(found, Outcome) else [each.address for each in found]


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("mx.test", ["192.0.2.1", "2001:db8::1", "192.0.2.3", "192.0.2.2"]),  # RFC 5321 5.1: by preference
        ("MX.test", ["192.0.2.1", "2001:db8::1", "192.0.2.3", "192.0.2.2"]),
        ("bücher.test", ["192.0.2.1", "2001:db8::1"]),
        ("bare.test", ["192.0.2.9"]),  # the implicit MX
        ("[192.0.2.7]", ["192.0.2.7"]),
        ("[IPv6:2001:db8::7]", ["2001:db8::7"]),
        ("null.test", NULL_MX),  # RFC 7505
        ("no.test", NO_DOMAIN),
        ("gone.test", NO_ADDRESS),
        ("servfail.test", DNS_TROUBLE),
        ("dark.test", DNS_TROUBLE),
        ("half.test", ["192.0.2.2"]),
        ("ours.test", ["192.0.2.1", "2001:db8::1"]),  # RFC 5321 5.1: only hosts before ourselves
        ("only.test", OURSELVES),
    ],
)
def test_hosts(domain: str, found: list[str] | Outcome) -> None:
    assert find(domain) == found


def test_hosts_have_their_names() -> None:
    assert asyncio.run(hosts(ZONE, "bare.test", own_name="", shuffle=lambda names: None)) == [
        Host("bare.test", "192.0.2.9", named_securely=True)  # by itself
    ]


@pytest.mark.parametrize(
    ("secure", "named", "addressed"),
    [
        (set(), False, False),
        ({"mx.test"}, True, False),
        ({"a.test"}, False, False),
        ({"mx.test", "a.test"}, True, True),
    ],
)
def test_hosts_know_what_dnssec_vouches_for(secure: set[str], named: bool, addressed: bool) -> None:
    # RFC 7672 2.2: the MX record and the addresses behind it; and where a CNAME led to.
    zone = Zone({"mx.test": [(1, "a.test")]}, {"b.test": ["192.0.2.1"]}, aliases={"a.test": "b.test"})
    zone.secure = secure
    [host] = asyncio.run(hosts(zone, "mx.test", own_name="", shuffle=lambda names: None))
    assert (host.named_securely, host.secure) == (named, addressed)
    assert host.full_name == ("b.test" if addressed else "")


def test_the_schedule_waits_longer_each_time_and_never_alike() -> None:
    pauses = [schedule.again_at(0, attempts, lambda: 0.5) for attempts in range(1, 12)]
    assert pauses[:6] == [300, 600, 1200, 2400, 4800, 9600]
    assert set(pauses[6:]) == {4 * 3600}
    assert schedule.again_at(0, 1, lambda: 0.0) == 240
    assert schedule.again_at(0, 1, lambda: 1.0) == 360
    assert schedule.again_at(0, 10_000, lambda: 0.5) == 4 * 3600
