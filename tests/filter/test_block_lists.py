"""DNS lists (RFC 5782): what is asked, what counts as an answer, and when a list is not believed."""

from ipaddress import IPv4Network

import pytest

from pillarbox.filter.block_lists import BlockList, Listing, Of, Soundness, label, look_up, try_out
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

ADDRESSES = BlockList("bl.test")
DOMAINS = BlockList("dbl.test", Of.DOMAINS)
NAME = "7.2.0.192.bl.test"


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("192.0.2.99", "99.2.0.192"),  # RFC 5782 2.1
        # RFC 5782 2.4
        ("2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"),
        ("::FFFF:7F00:2", "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"),  # 5
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("a..b", None),
        ("", None),
    ],
)  # fmt: skip
def test_how_it_is_asked_for(subject: str, asked: str | None) -> None:
    assert label(subject) == asked


@pytest.mark.parametrize(
    ("answers", "codes", "listed"),
    [
        (["127.0.0.2"], (), True),
        (["127.0.0.1"], (), False),
        (["127.255.255.254"], (), False),  # "you may not ask"
        (["203.0.113.9"], (), False),  # a parked zone, or a resolver that invents answers
        (["203.0.113.9", "127.0.0.4"], (), True),
        (["127.0.0.4"], ("127.0.0.2/32",), False),
        (["127.0.0.4"], ("127.0.0.0/29",), True),
        (["203.0.113.9"], ("203.0.113.9/32",), False),
        (["nonsense"], (), False),
        (["nonsense"], ("127.0.0.0/8",), False),
        ([], (), False),
    ],
)
def test_what_is_a_listing(answers: list[str], codes: tuple[str, ...], listed: bool) -> None:
    zone = Zone().add(NAME, "A", *answers)
    entry = BlockList("bl.test", codes=tuple(map(IPv4Network, codes)))
    assert (answered(look_up(entry, "192.0.2.7"), zone) is not None) is listed


def test_the_reason_is_the_lists_own() -> None:
    zone = Zone().add(NAME, "A", "127.0.0.2").add(NAME, "TXT", "See https://bl.test/?192.0.2.7\r\n550 no")
    found = answered(look_up(ADDRESSES, "192.0.2.7"), zone)
    assert found == Listing("192.0.2.7", "bl.test", 10, "See https://bl.test/?192.0.2.7??550 no")
    zone.breaks(NAME, ["TXT"])
    assert answered(look_up(ADDRESSES, "192.0.2.7"), zone) == Listing("192.0.2.7", "bl.test", 10)


def test_no_answer_is_no_verdict() -> None:
    assert answered(look_up(ADDRESSES, "192.0.2.7"), Zone().breaks(NAME)) is None
    assert answered(look_up(DOMAINS, "x" * 250 + ".test"), Zone()) is None


SIX = "0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"


@pytest.mark.parametrize(
    ("entry", "version", "there", "not_there"),
    [
        (ADDRESSES, 4, "2.0.0.127", "1.0.0.127"),
        (ADDRESSES, 6, f"2.{SIX}", f"1.{SIX}"),
        (DOMAINS, 0, "test", "invalid"),
    ],
)
def test_lists_are_tested(entry: BlockList, version: int, there: str, not_there: str) -> None:
    # RFC 5782 5
    zone = Zone().add(f"{there}.{entry.zone}", "A", "127.0.0.2")
    assert answered(try_out(entry, version), zone) is Soundness.SOUND
    assert answered(try_out(entry, version), Zone()) is Soundness.NOT  # dead: nothing is on it
    zone.add(f"{not_there}.{entry.zone}", "A", "127.0.0.2")
    assert answered(try_out(entry, version), zone) is Soundness.NOT  # dead: everything is on it
    assert answered(try_out(entry, version), Zone().breaks(f"{not_there}.{entry.zone}")) is Soundness.UNKNOWN
