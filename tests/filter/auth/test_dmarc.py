"""DMARC: policies found by climbing, compared with what was authenticated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.filter.auth import fields
from pillarbox.filter.auth.dkim.verify import Dkim
from pillarbox.filter.auth.dkim.verify import Result as DkimResult
from pillarbox.filter.auth.dmarc import judge, record, walk
from pillarbox.filter.auth.dmarc.judge import Dmarc, Result
from pillarbox.filter.auth.dmarc.record import Policy
from pillarbox.filter.auth.spf.check import Identity, Spf
from pillarbox.filter.auth.spf.check import Result as SpfResult
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

NO_SPF = Spf(SpfResult.NONE, Identity.MAIL_FROM, "elsewhere.test")


def zone(**policies: str) -> Zone:
    """`example_com="p=reject"`; com is a public suffix that says so."""
    made = Zone()
    for name, text in policies.items():
        made.add("_dmarc." + name.replace("_", "."), "TXT", f"v=DMARC1; {text}")
    return made


def judged(there: Zone, author: str, *signed: str, spf: Spf | None = NO_SPF) -> Dmarc:
    header = fields.split(f"From: Kim <kim@{author}>\r\n".encode())
    dkim = [Dkim(DkimResult.PASS, domain) for domain in signed]
    return answered(judge.judge(header, spf, dkim), there)


def passed(domain: str) -> Spf:
    return Spf(SpfResult.PASS, Identity.MAIL_FROM, domain)


def test_the_questions_of_a_long_walk() -> None:
    # RFC 9989 4.10, its illustration.
    there = Zone()
    answered(walk.Walker().walk("a.b.c.d.e.f.g.h.i.j.mail.example.com"), there)
    assert [each.name.removeprefix("_dmarc.") for each in there.asked] == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]


@pytest.mark.parametrize(
    "policies, organization",
    [
        # RFC 9989 4.10.2, its three examples, and none at all.
        ({"mail_example_com": "p=none", "example_com": "p=none"}, "example.com"),
        ({"mail_example_com": "p=none; psd=n", "example_com": "p=none"}, "mail.example.com"),
        ({"com": "p=none; psd=y"}, "example.com"),
        ({}, "a.mail.example.com"),
        ({"mail_example_com": "p=none; psd=y"}, "a.mail.example.com"),
        ({"a_mail_example_com": "p=none; psd=y"}, "a.mail.example.com"),
    ],
)
def test_where_an_organization_begins(policies: dict[str, str], organization: str) -> None:
    assert answered(walk.Walker().walk("a.mail.example.com"), zone(**policies)).organization == organization


def test_alignment() -> None:
    relaxed = zone(example_com="p=reject")
    assert judged(relaxed, "mail.example.com", "example.com").result is Result.PASS
    assert judged(relaxed, "example.com", "news.example.com").result is Result.PASS
    assert judged(relaxed, "example.com", "example.net").result is Result.FAIL
    assert judged(relaxed, "example.com", spf=passed("bounce.example.com")).result is Result.PASS
    assert judged(relaxed, "example.com", spf=passed("example.com.evil.test")).result is Result.FAIL
    strict = zone(example_com="p=reject; adkim=s; aspf=s")
    assert judged(strict, "example.com", "news.example.com").result is Result.FAIL
    assert judged(strict, "example.com", spf=passed("bounce.example.com")).result is Result.FAIL
    assert judged(strict, "example.com", "example.com").result is Result.PASS
    # Below a public suffix everybody is somebody else.
    suffix = zone(com="p=none; psd=y", example_com="p=reject")
    assert judged(suffix, "example.com", "other.com").result is Result.FAIL
    assert judged(suffix, "other.com", "example.com").policy_domain == "com"


@pytest.mark.parametrize(
    "text, author, asked",
    [
        ("p=reject", "example.com", Policy.REJECT),
        ("p=reject", "there.example.com", Policy.REJECT),
        ("p=reject; sp=none", "there.example.com", Policy.NONE),
        ("p=none; sp=quarantine; np=reject", "there.example.com", Policy.QUARANTINE),
        ("p=none; sp=quarantine; np=reject", "missing.example.com", Policy.REJECT),
        ("p=none; np=reject", "missing.example.com", Policy.REJECT),
        ("p=none; np=reject", "there.example.com", Policy.NONE),
        ("p=reject; t=y", "example.com", Policy.QUARANTINE),
        ("p=quarantine; t=y", "example.com", Policy.NONE),
        ("p=reject; pct=0; unknown=x; =; ; x", "example.com", Policy.REJECT),
        ("P=Reject", "example.com", Policy.REJECT),
        ("rua=mailto:a@example.com", "example.com", Policy.NONE),
        ("p=no; rua=mailto:a@example.com", "example.com", Policy.NONE),
        ("p=reject; sp=no; rua=mailto:a@example.com", "example.com", Policy.NONE),
    ],
)
def test_what_is_asked_for(text: str, author: str, asked: Policy) -> None:
    there = (
        zone(example_com=text).add("there.example.com", "MX", "mx.test").add("example.com", "A", "192.0.2.1")
    )
    found = judged(there, author)
    assert (found.result, found.asked) == (Result.FAIL, asked)


@pytest.mark.parametrize("text", ["sp=reject", "p=maybe", "p=reject; np=x"])
def test_a_broken_policy_without_a_place_for_reports_is_none(text: str) -> None:
    assert judged(zone(example_com=text), "example.com").result is Result.NONE


def test_records_that_are_none() -> None:
    for text in ("p=reject; v=DMARC1", "v=dmarc1; p=reject", "v=DMARC2; p=reject", "v=spf1"):
        there = Zone().add("_dmarc.example.com", "TXT", text)
        assert judged(there, "example.com").result is Result.NONE
    there = zone(example_com="p=reject").add("_dmarc.example.com", "TXT", "v=DMARC1; p=none")
    assert judged(there, "example.com").result is Result.NONE


def test_the_author_has_to_be_one() -> None:
    there = zone(example_com="p=reject")
    for header in (
        b"",
        b"From: a@example.com\r\nFrom: a@example.com\r\n",
        b"From: a@example.com, b@example.net\r\n",
        b"From: nobody\r\n",
        b"From: a@[192.0.2.1]\r\n",
    ):
        assert answered(judge.judge(fields.split(header), NO_SPF, ()), there).result is Result.PERMERROR
    two = fields.split(b"From: a@example.com, b@EXAMPLE.com\r\n")
    assert answered(judge.judge(two, NO_SPF, ()), there).result is Result.FAIL


def test_names_in_other_scripts() -> None:
    there = Zone().add("_dmarc.xn--bcher-kva.example", "TXT", "v=DMARC1; p=reject")
    assert judged(there, "bücher.example", "xn--bcher-kva.example").result is Result.PASS


def test_where_nobody_knows_nobody_fails() -> None:
    there = zone(example_com="p=reject")
    assert judged(there, "example.com", spf=None).result is Result.NONE
    assert judged(there, "example.com", "example.com", spf=None).result is Result.PASS
    trouble = Spf(SpfResult.TEMPERROR, Identity.MAIL_FROM, "example.com")
    assert judged(there, "example.com", spf=trouble).result is Result.TEMPERROR
    assert judged(Zone().breaks("_dmarc.example.com"), "example.com").result is Result.TEMPERROR


def test_the_row_of_a_report() -> None:
    there = zone(example_com="p=reject; rua=mailto:d@example.com!10m, https://x.test/r, nonsense")
    dkim = [Dkim(DkimResult.PASS, "example.com", "s1"), Dkim(DkimResult.FAIL, "list.test", "s2")]
    header = fields.split(b"From: kim@mail.example.com\r\n")
    found = answered(judge.judge(header, NO_SPF, dkim), there)
    row = judge.row(found, NO_SPF, dkim, source="192.0.2.7", sender="b@elsewhere.test", disposition="none")
    assert row is not None
    assert (row.domain, row.reports) == ("example.com", ("mailto:d@example.com", "https://x.test/r"))
    assert (row.disposition, row.dkim, row.spf) == ("pass", "pass", "fail")
    assert row.signatures == (("example.com", "s1", "pass"), ("list.test", "s2", "fail"))
    silent = answered(judge.judge(header, NO_SPF, dkim), zone(example_com="p=reject"))
    assert judge.row(silent, NO_SPF, dkim, source="", sender="", disposition="none") is None


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(["p=reject", ";", "=", "sp=", "psd=y", "t=y", "rua=mailto:a@b", ",", "!", "\0"])
    ).map("".join)
)
def test_any_record_parses(text: str) -> None:
    record.parse(text)
    record.parse("v=DMARC1;" + text)


@given(st.binary(max_size=200))
def test_any_author_gives_a_result(value: bytes) -> None:
    there = Zone()
    answered(judge.judge(fields.split(b"From: " + value + b"\r\n"), NO_SPF, ()), there)
    assert len(there.asked) <= walk.QUERY_LIMIT
