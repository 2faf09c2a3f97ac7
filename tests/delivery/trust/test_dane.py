"""TLSA records: found where DNSSEC vouches for them, and certificates that fit them or not (RFC 7672)."""

import asyncio
import time

import pytest

from pillarbox.delivery.outbound.hosts import Host
from pillarbox.delivery.trust.dane import Tlsa, Unusable, find, misfit, parse
from tests.authority import Authority
from tests.zone import Zone

CA, OTHER = Authority(), Authority("Other")
LEAF = CA.issue("mx.two.test")
NAMES = ("mx.two.test", "two.test")
RECORD = "3 1 1 " + "ab" * 32


def records(*texts: str) -> list[Tlsa]:
    return [each for each in map(parse, texts) if each is not None]


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_every_kind_of_record_fits_its_certificate_and_no_other(
    usage: int, selector: int, matching: int
) -> None:
    ours, theirs = (CA.own, OTHER.own) if usage == 2 else (LEAF, OTHER.issue("mx.two.test"))
    good, bad = (records(each.tlsa(usage, selector, matching)) for each in (ours, theirs))
    assert good[0].is_usable
    assert misfit(good, LEAF.der, NAMES, time.time()) is None
    assert misfit(bad, LEAF.der, NAMES, time.time()) is not None
    assert misfit([*bad, *good], LEAF.der, NAMES, time.time()) is None  # one is enough


def test_of_the_hosts_own_certificate_neither_name_nor_time_counts() -> None:
    # RFC 7672 3.1.1
    old = CA.issue("else.test", days=-5)
    assert misfit(records(old.tlsa(3, 1, 1)), old.der, NAMES, time.time()) is None


def test_under_a_trust_anchor_both_count() -> None:
    # RFC 7672 3.1.2
    anchor = records(CA.own.tlsa(2, 0, 1))
    for issued, wrong in (
        (CA.issue("else.test"), "certificate-host-mismatch"),
        (CA.issue("mx.two.test", days=-5), "certificate-expired"),
    ):
        found = misfit(anchor, issued.der, NAMES, time.time())
        assert found is not None and found[0] == wrong
    assert misfit(anchor, CA.issue("two.test").der, NAMES, time.time()) is None
    assert misfit(anchor, CA.issue("*.two.test").der, NAMES, time.time()) is None


def test_an_anchor_that_did_not_sign_proves_nothing() -> None:
    stranger = OTHER.issue("mx.two.test")
    chain = [*stranger.der, CA.own.der[0]]
    found = misfit(records(CA.own.tlsa(2, 1, 1)), chain, NAMES, time.time())
    assert found is not None and found[0] == "certificate-not-trusted"
    # The anchor has to be sent, unless the record is it.
    alone = LEAF.der[:1]
    assert misfit(records(CA.own.tlsa(2, 0, 1)), alone, NAMES, time.time()) is not None
    assert misfit(records(CA.own.tlsa(2, 0, 0)), alone, NAMES, time.time()) is None


def test_garbage_fits_nothing() -> None:
    for chain in ([], [b"nonsense"]):
        found = misfit(records(LEAF.tlsa(3, 1, 1), "2 0 0 ffff"), chain, NAMES, time.time())
        assert found is not None and found[0] == "validation-failure"
    found = misfit(records("2 0 0 ffff"), LEAF.der, NAMES, time.time())
    assert found is not None and found[0] == "validation-failure"


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (RECORD, True),
        ("1 1 1 " + "ab" * 32, False),  # PKIX-EE means nothing in SMTP
        ("0 0 1 " + "ab" * 32, False),
        ("3 2 1 " + "ab" * 32, False),
        ("3 1 3 " + "ab" * 32, False),
        ("3 1 1 " + "ab" * 31, False),
        ("3 1 2 " + "ab" * 64, True),
        ("2 0 0 " + "ab" * 700, True),
    ],
)
def test_which_records_can_be_used(text: str, usable: bool) -> None:
    [record] = records(text)
    assert (record.is_usable, record.text) == (usable, text)


@pytest.mark.parametrize("text", ["", "3 1 1", "3 1 1 xyz", "a b c ab"])
def test_what_is_no_record(text: str) -> None:
    assert parse(text) is None


SECURE = Host("mx.two.test", "192.0.2.1", True, True, "mx.two.test")


def found(zone: Zone, host: Host = SECURE) -> tuple[str, list[str]] | None:
    there = asyncio.run(find(zone, host, 25))
    return None if there is None else (there[0], [each.text for each in there[1]])


def test_where_they_are_found() -> None:
    zone = Zone(tlsas={"_25._tcp.mx.two.test": [RECORD]}, secure=None)
    assert found(zone) == ("mx.two.test", [RECORD])
    # What DNSSEC does not vouch for is nothing, and need not be asked for.
    zone.asked.clear()
    assert found(zone, Host("mx.two.test", "192.0.2.1", True)) is None
    assert zone.asked == []
    zone.secure = set()
    assert found(zone) is None
    assert found(Zone(secure=None)) is None


def test_behind_an_alias() -> None:
    # RFC 7672 2.2.2: the end of the chain first, then its beginning.
    host = Host("mx.two.test", "192.0.2.1", True, True, "real.test")
    both = Zone(tlsas={"_25._tcp.mx.two.test": [RECORD], "_25._tcp.real.test": [RECORD]}, secure=None)
    assert found(both, host) == ("real.test", [RECORD])
    del both.tlsas["_25._tcp.real.test"]
    assert found(both, host) == ("mx.two.test", [RECORD])


def test_a_dns_that_does_not_say_stops_the_mail() -> None:
    # RFC 7672 2.1.2: else who can break it could have mail go in the clear.
    with pytest.raises(Unusable):
        found(Zone(broken={"_25._tcp.mx.two.test"}))
