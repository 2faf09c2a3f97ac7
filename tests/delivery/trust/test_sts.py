"""MTA-STS as text: records, policies, names of hosts (RFC 8461 3, 4.1)."""

import pytest

from pillarbox.delivery.trust.sts import Invalid, Policy, id_of, parse

POLICY = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
)


@pytest.mark.parametrize(
    ("texts", "id"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1; more=x; id=abc; other=y"], "abc"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),  # RFC 8461 3.1: more than one is none
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["v=STSv1; id=" + "1" * 33], None),
        (["v=STSv1"], None),
        (["v=STSv2; id=1;"], None),
        ([], None),
    ],
)
def test_records(texts: list[str], id: str | None) -> None:
    assert id_of(texts) == id


def test_a_policy() -> None:
    found = parse(POLICY)
    assert found == Policy(
        *("enforce", ("mail.example.com", "*.example.net"), 604800),
        ("version: STSv1", "mode: enforce", "mx: mail.example.com", "mx: *.example.net", "max_age: 604800"),
    )
    # RFC 8461 3.2: LF alone, unknown keys, the first of several.
    loose = parse(b"version:STSv1\nmode : testing\nmode: none\nfuture: x\nmx:MX.example.com.\nmax_age: 1\n")
    assert (loose.mode, loose.hosts, loose.max_age) == ("testing", ("mx.example.com",), 1)
    assert parse(b"version: STSv1\nmode: none\nmax_age: 99999999999"[:-1]).max_age == 31_557_600


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"mode: enforce\nmx: a.example\nmax_age: 1\n",
        POLICY.replace(b"STSv1", b"STSv2"),
        POLICY.replace(b"enforce", b"obey"),
        POLICY.replace(b"604800", b"a week"),
        POLICY.replace(b"604800", b"-1"),
        POLICY.replace(b"max_age: 604800\r\n", b""),
        POLICY.replace(b"*.example.net", b"*example.net"),
        POLICY.replace(b"*.example.net", b"a.*.net"),
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
        POLICY + b"no colon\n",
        POLICY + b"x: \xff\n",
        POLICY + b"x: " + b"y" * 70_000,
        POLICY + b"mx: a.example\n" * 501,
    ],
)
def test_what_is_no_policy(text: bytes) -> None:
    with pytest.raises(Invalid):
        parse(text)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("mail.example.com", True),
        ("MAIL.example.com.", True),
        ("a.example.net", True),
        ("a.b.example.net", False),  # a star is one label
        ("example.net", False),
        ("other.example.com", False),
        ("mail.example.com.evil.test", False),
    ],
)
def test_which_hosts_it_names(host: str, named: bool) -> None:
    assert parse(POLICY).names(host) is named
