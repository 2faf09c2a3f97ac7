"""Names that lead back to their address, and those that do not (RFC 8601 3)."""

import pytest

from pillarbox.filter.auth import results
from pillarbox.filter.auth.iprev import NAMES_LIMIT, Iprev, Result, check, method
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

FOUR, OTHER, SIX = "192.0.2.7", "192.0.2.8", "2001:db8::7"
PTR = "7.2.0.192.in-addr.arpa"
PTR6 = f"7.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.mark.parametrize(
    ("zone", "address", "result", "name"),
    [
        (Zone(), FOUR, Result.PERMERROR, ""),
        (Zone().add(PTR, "TXT", "x"), FOUR, Result.PERMERROR, ""),
        (Zone().breaks(PTR), FOUR, Result.TEMPERROR, ""),
        (Zone().add(PTR, "PTR", "mail.else.test"), FOUR, Result.FAIL, ""),
        (Zone().add(PTR, "PTR", "A.test").add("a.test", "A", FOUR), FOUR, Result.PASS, "a.test"),
        (Zone().add(PTR, "PTR", "a.test").add("a.test", "A", OTHER), FOUR, Result.FAIL, ""),
        (Zone().add(PTR, "PTR", "a.test", "b.t").add("b.t", "A", OTHER, FOUR), FOUR, Result.PASS, "b.t"),
        (Zone().add(PTR, "PTR", "a.test", "b.test").breaks("a.test"), FOUR, Result.TEMPERROR, ""),
        (
            Zone().add(PTR, "PTR", "a.test", "b.test").breaks("a.test").add("b.test", "A", FOUR),
            *(FOUR, Result.PASS, "b.test"),
        ),
        (Zone().add(PTR, "PTR", "l.test").add("l.test", "CNAME", "l.test"), FOUR, Result.TEMPERROR, ""),
        (Zone().add(PTR, "PTR", "a..test", "x" * 70 + ".test"), FOUR, Result.FAIL, ""),
        (Zone().add(PTR, "PTR", "a.test").add("a.test", "A", "nonsense"), FOUR, Result.FAIL, ""),
        (Zone().add(PTR6, "PTR", "a.test").add("a.test", "AAAA", "2001:DB8::7"), SIX, Result.PASS, "a.test"),
        (Zone().add(PTR6, "PTR", "a.test").add("a.test", "A", FOUR), SIX, Result.FAIL, ""),
    ],
)  # fmt: skip
def test_what_is_found(zone: Zone, address: str, result: Result, name: str) -> None:
    assert answered(check(address), zone) == Iprev(result, address, name)


def test_of_many_names_only_some_are_looked_at() -> None:
    zone = Zone().add(PTR, "PTR", *(f"n{number}.test" for number in range(1000)))
    assert answered(check(FOUR), zone).result is Result.FAIL
    assert len(zone.asked) == 1 + NAMES_LIMIT


def test_how_it_is_written_down() -> None:
    written = results.field("mx.test", [method(Iprev(Result.PASS, SIX, "a.test"))])
    assert written == (
        b'Authentication-Results: mx.test;\r\n\tiprev=pass (a.test) policy.iprev="2001:db8::7"\r\n'
    )
    found = results.parse(written.partition(b":")[2])
    assert found is not None
    assert found.methods[0].properties == (("policy.iprev", SIX),)
