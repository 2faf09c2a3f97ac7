"""Aggregate reports: valid by the schema of RFC 7489, and sent only to who wants them."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.filter.auth.dmarc.aggregate import (
    Counted,
    Period,
    compressed,
    file_name,
    report_id,
    subject,
    total,
    written,
)
from pillarbox.filter.auth.dmarc.destinations import Destination, destinations
from pillarbox.filter.auth.dmarc.judge import Row
from pillarbox.filter.auth.dmarc.record import Policy, parse
from pillarbox.filter.auth.dmarc.walk import Trouble
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "rfc7489.xsd"))
PERIOD = Period(1_800_000_000, 1_800_086_399)
ROW = Row(
    domain="example.org",
    reports=("mailto:d@example.org",),
    source="192.0.2.7",
    disposition="quarantine",
    dkim="fail",
    spf="fail",
    header_from="mail.example.org",
    envelope_from="else.test",
    published=Policy.REJECT,
    testing=False,
    signatures=(("list.test", "s1", "pass"), ("example.org", "s2", "permerror")),
    sender_check=("else.test", "softfail"),
    override="local_policy",
    sizes=(0,),
    policy=Policy.REJECT,
    subdomains=Policy.QUARANTINE,
    strict_dkim=True,
)


def read(*rows: Counted) -> Any:
    xml = written(rows, "mx.example.test", "postmaster@mx.example.test", PERIOD)
    SCHEMA.validate(xml)
    return SCHEMA.to_dict(xml)


def test_a_report_is_what_the_schema_says() -> None:
    passed = replace(ROW, source="2001:db8::7", disposition="pass", override="")
    found = read(Counted(ROW, 3), Counted(passed, 2))
    about = found["report_metadata"]
    assert (about["org_name"], about["email"]) == ("mx.example.test", "postmaster@mx.example.test")
    assert about["date_range"] == {"begin": 1_800_000_000, "end": 1_800_086_399}
    policy = found["policy_published"]
    assert {key: policy[key] for key in ("domain", "p", "sp", "adkim", "aspf")} == {
        **{"domain": "example.org", "p": "reject", "sp": "quarantine", "adkim": "s", "aspf": "r"}
    }
    first, second = found["record"]
    assert (first["row"]["source_ip"], first["row"]["count"]) == ("192.0.2.7", 3)
    assert first["row"]["policy_evaluated"]["reason"] == [{"type": "local_policy"}]
    assert first["identifiers"] == {"envelope_from": "else.test", "header_from": "mail.example.org"}
    assert [each["result"] for each in first["auth_results"]["dkim"]] == ["pass", "permerror"]
    assert first["auth_results"]["spf"] == [{"domain": "else.test", "scope": "mfrom", "result": "softfail"}]
    assert second["row"]["source_ip"] == "2001:0db8:0000:0000:0000:0000:0000:0007"
    assert second["row"]["policy_evaluated"]["disposition"] == "none"


def test_test_mode_is_said() -> None:
    found = read(Counted(replace(ROW, testing=True, override="", disposition="none"), 1))
    reason = found["record"][0]["row"]["policy_evaluated"]["reason"]
    assert reason == [{"type": "other", "comment": "the policy is in test mode"}]


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=300))
def test_whatever_a_sender_wrote_it_is_valid(envelope: str, selector: str, options: str) -> None:
    row = replace(
        ROW, envelope_from=envelope, signatures=(("a.test", selector, "fail"),), failure_options=options
    )
    read(Counted(row, 1))


def test_how_it_is_called() -> None:
    # RFC 7489 7.2.1.1
    name = "mx.example.test!example.org!1800000000!1800086399.xml.gz"
    assert file_name("example.org", "mx.example.test", PERIOD) == name
    id = report_id("example.org", "mx.example.test", PERIOD)
    assert id == report_id("example.org", "mx.example.test", PERIOD)  # the same when it is sent again
    assert id != report_id("example.net", "mx.example.test", PERIOD)
    assert subject("example.org", "mx.example.test", id) == (
        f"Report Domain: example.org Submitter: mx.example.test Report-ID: <{id}@mx.example.test>"
    )
    assert gzip.decompress(compressed(b"x" * 1000)) == b"x" * 1000
    assert total([Counted(ROW, 3), Counted(replace(ROW, disposition="pass"), 4)]) == (7, 4)


def wanted(rua: str, zone: Zone) -> tuple[Destination, ...]:
    record = parse(f"v=DMARC1; p=none; rua={rua}")
    assert record is not None
    for domain in ("example.org", "other.test"):
        zone.add(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none")
    return answered(destinations(replace(ROW, reports=record.reports, sizes=record.sizes)), zone)


HERE, THERE = Destination("d@example.org"), Destination("d@other.test")
WITNESS = "example.org._report._dmarc.other.test"


@pytest.mark.parametrize(
    ("rua", "zone", "found"),
    [
        ("mailto:d@example.org", Zone(), (HERE,)),
        ("mailto:d@example.org, MAILTO:d@example.org", Zone(), (HERE,)),
        ("mailto:d@mail.example.org!10k", Zone(), (Destination("d@mail.example.org", 10_240),)),
        ("mailto:d%2Bx@example.org!5", Zone(), (Destination("d+x@example.org", 5),)),
        ("mailto:d@example.org!big", Zone(), (HERE,)),
        ("https://example.org/d, mailto:nobody, mailto:@example.org", Zone(), ()),
        ("mailto:d@example.org%0d%0aBcc:x@y.test", Zone(), ()),
        ("mailto:%3Cd@example.org", Zone(), ()),
        # Elsewhere: only who says so gets them (RFC 9990 4).
        ("mailto:d@other.test", Zone(), ()),
        ("mailto:d@other.test", Zone().add(WITNESS, "TXT", "v=DMARC1"), (THERE,)),
        ("mailto:d@other.test", Zone().add(WITNESS, "TXT", "v=DMARC1;", "x"), (THERE,)),
        ("mailto:d@other.test", Zone().add(WITNESS, "TXT", "DMARC1"), ()),
        (
            "mailto:d@other.test",
            Zone().add(WITNESS, "TXT", "v=DMARC1; rua=mailto:else@other.test!1m"),
            (Destination("else@other.test", 1 << 20),),
        ),
        ("mailto:d@other.test", Zone().add(WITNESS, "TXT", "v=DMARC1; rua=mailto:x@third.test"), ()),
    ],
)
def test_who_gets_it(rua: str, zone: Zone, found: tuple[Destination, ...]) -> None:
    assert wanted(rua, zone) == found


def test_no_answer_means_later() -> None:
    with pytest.raises(Trouble):
        wanted("mailto:d@other.test", Zone().breaks(WITNESS))
