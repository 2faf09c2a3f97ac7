"""SPF beyond the published suite: identities, bounds on what one check may cost, and garbage."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.filter.auth.spf import record
from pillarbox.filter.auth.spf.check import Identity, Result, Spf, check
from pillarbox.filter.auth.spf.received import field
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

ADDRESS = "192.0.2.7"


def found(
    zone: Zone, address: str = ADDRESS, sender: str = "kim@example.org", helo: str = "mx.example.org"
) -> Spf:
    return answered(check(address, sender, helo), zone)


def publishing(text: str) -> Zone:
    return Zone().add("example.org", "TXT", text).add("a.example.org", "A", ADDRESS)


@pytest.mark.parametrize(
    "text, result, mechanism",
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", Result.PASS, "ip4:192.0.2.0/24"),
        ("v=spf1 a:a.example.org -all", Result.PASS, "a:a.example.org"),
        ("v=spf1 -all", Result.FAIL, "-all"),
        ("v=spf1 ~all", Result.SOFTFAIL, "~all"),
        ("v=spf1 ?all", Result.NEUTRAL, "?all"),
        ("v=spf1", Result.NEUTRAL, "default"),
        ("v=spf10 -all", Result.NONE, ""),
        ("v=spf1 unknown -all", Result.PERMERROR, ""),
    ],
)
def test_results(text: str, result: Result, mechanism: str) -> None:
    assert found(publishing(text)) == Spf(
        *(result, Identity.MAIL_FROM, "example.org", mechanism),
        problem="the policy is malformed: an unknown mechanism" if result is Result.PERMERROR else "",
    )


def test_ipv6_and_ipv4_in_its_clothes() -> None:
    zone = publishing("v=spf1 ip4:192.0.2.7 ip6:2001:db8::/32 -all")
    assert found(zone, "2001:db8::1").result is Result.PASS
    assert found(zone, "2001:db9::1").result is Result.FAIL
    assert found(zone, "::ffff:192.0.2.7").result is Result.PASS
    assert found(zone, "nonsense").result is Result.NONE


def test_the_null_sender_is_the_name_of_helo() -> None:
    zone = Zone().add("mx.example.org", "TXT", "v=spf1 a -all").add("mx.example.org", "A", ADDRESS)
    assert found(zone, sender="") == Spf(Result.PASS, Identity.HELO, "mx.example.org", "a")
    asking = check(ADDRESS, "kim@other.test", "mx.example.org", identity=Identity.HELO)
    assert answered(asking, zone).result is Result.PASS


def test_names_in_other_scripts() -> None:
    zone = Zone().add("xn--bcher-kva.example", "TXT", "v=spf1 ip4:192.0.2.7 exists:%{l}.x.test -all")
    assert found(zone, sender="grüße@bücher.example").result is Result.PASS
    assert found(zone, "192.0.2.8", sender="grüße@bücher.example").result is Result.FAIL


def test_trouble_is_temporary() -> None:
    assert found(Zone().breaks("example.org")).result is Result.TEMPERROR
    assert found(publishing("v=spf1 a:x.test -all").breaks("x.test")).result is Result.TEMPERROR


def test_a_fail_may_be_explained() -> None:
    zone = publishing("v=spf1 -all exp=why.example.org")
    zone.add("why.example.org", "TXT", "%{i} is not one of %{d}'s")
    assert found(zone).explanation == "192.0.2.7 is not one of example.org's"
    zone.data["why.example.org"]["TXT"] = ("a\r\nb",)
    assert found(zone).explanation == ""


def test_a_check_ends_however_policies_are_woven() -> None:
    zone = Zone()
    for number in range(20):
        more = " ".join(f"include:d{other}.test" for other in range(20))
        zone.add(f"d{number}.test", "TXT", f"v=spf1 {more} redirect=d{number}.test")
    assert answered(check(ADDRESS, "a@d1.test", "x"), zone).result is Result.PERMERROR
    assert len(zone.asked) <= 11


def test_ten_mx_of_ten_terms_are_the_most_a_check_costs() -> None:
    zone = Zone().add("example.org", "TXT", "v=spf1 " + "mx:m.test " * 50 + "-all")
    zone.add("m.test", "MX", *[f"h{number}.test" for number in range(10)])
    for number in range(10):
        zone.add(f"h{number}.test", "A", "198.51.100.1")
    assert found(zone).result is Result.PERMERROR
    assert len(zone.asked) <= 1 + 10 * 11


def test_void_lookups() -> None:
    assert found(publishing("v=spf1 a:x.test a:y.test -all")).result is Result.FAIL
    assert found(publishing("v=spf1 a:x.test a:y.test a:z.test -all")).result is Result.PERMERROR


TERMS = [
    *("a", "mx", "ptr", "all", "-all", "include:example.org", "exists:%{i}.x.test", "redirect=example.org"),
    *(
        "exp=x.test",
        "ip4:192.0.2.0/24",
        "ip6:::/0",
        "a//",
        "a/33",
        "mx:%{",
        "%",
        "=",
        "a:",
        "ip6:1:2",
        "x=%%",
    ),
    *("%{d1r-}", "a:%{p}.test", "\xe9", "a:%{s999999r./}x.test", "include:%{l}"),
]


@given(st.lists(st.sampled_from(TERMS), max_size=30))
@settings(max_examples=300)
def test_shuffled_terms_give_a_result(terms: list[str]) -> None:
    zone = publishing("v=spf1 " + " ".join(terms)).add("x.test", "TXT", "%{p}%{t}")
    found(zone)
    assert len(zone.asked) <= 10 * 12 + 25


@given(st.text(max_size=200), st.text(max_size=80), st.text(max_size=80), st.text(max_size=45))
@settings(max_examples=300)
def test_any_text_gives_a_result(policy: str, sender: str, helo: str, address: str) -> None:
    class Everywhere(Zone):
        pass

    zone = Everywhere()
    for name in ("example.org", helo.lower(), sender.rpartition("@")[2].lower()):
        zone.add(name, "TXT", "v=spf1 " + policy)
    for client in (address, ADDRESS, "2001:db8::1"):
        spf = found(zone, client, sender, helo)
        found(zone, client, "kim@example.org", helo)
        text = field(spf, address=client, sender=sender, helo=helo, receiver="mx")
        lines = text.split(b"\r\n")
        assert lines[-1] == b"" and lines[0].startswith(b"Received-SPF: ")
        assert all(line.startswith(b" ") for line in lines[1:-1])
        assert b"\r" not in text.replace(b"\r\n", b"") and b"\n" not in text.replace(b"\r\n", b"")


@given(st.text(alphabet="ab.-/:%{}1234567890dr _+=", max_size=120))
def test_any_record_parses_or_is_a_mistake(text: str) -> None:
    with suppress(record.Mistake):
        record.parse("v=spf1 " + text)


def test_received_spf() -> None:
    spf = Spf(Result.PASS, Identity.MAIL_FROM, "example.org", "ip4:192.0.2.0/24")
    assert field(spf, address=ADDRESS, sender='"k m"@example.org', helo="c.test", receiver="mx.test") == (
        b"Received-SPF: pass (mx.test: 192.0.2.7 may send for example.org)\r\n"
        b" receiver=mx.test;\r\n identity=mailfrom;\r\n client-ip=192.0.2.7;\r\n"
        b' envelope-from="\\"k m\\"@example.org";\r\n helo=c.test;\r\n mechanism="ip4:192.0.2.0/24";\r\n'
    )
