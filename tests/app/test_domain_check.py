"""`pillarbox domain check`: each record right, missing, or wrong and why."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.publishing import policy
from pillarbox.app.publishing.fetch import MOST, fetched
from pillarbox.app.publishing.finding import Finding, State
from pillarbox.app.publishing.judge import judgements
from pillarbox.app.publishing.records import Topic, records
from pillarbox.app.publishing.services import Fetched
from pillarbox.app.publishing.setup import SERVICES, Setup
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Kind, Question, answered
from pillarbox.filter.dns import records as found
from pillarbox.net.tls import write_self_signed
from tests.app.conftest import Run
from tests.app.dns_server import dns_thread
from tests.filter.auth.test_dkim import ED, RSA, record

HOST, ADDRESS = "mail.example.org", "8.8.4.7"
SETUP = Setup(
    "example.org",
    HOST,
    {"imaps": 993, "submissions": 465, "submission": 587, "pop3s": 995},
    keys=(("r1", record(RSA)), ("e1", record(ED))),
)
POINTER = "7.4.8.8.in-addr.arpa"
POLICY = Fetched(policy.text(HOST))
BROKEN = "broken"

Zone = dict[tuple[str, Kind], list[str]]


def good() -> Zone:
    """All as it is to be."""
    zone: Zone = {("example.org", Kind.MX): [HOST], (HOST, Kind.A): [ADDRESS], (POINTER, Kind.PTR): [HOST]}
    for each in records(SETUP):
        match each.kind:
            case Kind.TXT:
                zone[each.name, Kind.TXT] = [each.value]
            case Kind.SRV:
                zone[each.name, Kind.SRV] = [each.value.removesuffix(".") or each.value]
            case Kind.CNAME:
                zone[each.name, Kind.CNAME] = [HOST]
                zone[each.name, Kind.A] = [ADDRESS]
            case _:
                pass
    return {key: [_bare(value) for value in values] for key, values in zone.items()}


def _bare(value: str) -> str:
    return value + "." if value.endswith("0 0 0 ") else value


def judged(zone: Zone, served: Fetched = POLICY, setup: Setup = SETUP) -> list[Finding]:
    def answer(question: Question) -> Answer:
        values = zone.get((question.name, question.kind))
        if values == [BROKEN]:
            return TROUBLE
        if values:
            return found(*values)
        return NO_DATA if any(name == question.name for name, _ in zone) else NO_NAME

    return [each for asking in judgements(setup, served) for each in answered(asking, answer)]


def of(topic: Topic, findings: list[Finding], name: str = "") -> Finding:
    return next(each for each in findings if each.record.topic is topic and name in each.record.name)


def test_all_is_right() -> None:
    findings = judged(good())
    assert [each for each in findings if each.state is not State.RIGHT] == []
    assert {each.record.topic for each in findings} == set(Topic)
    assert sum(each.record.topic is Topic.SRV for each in findings) == len(SERVICES)
    assert of(Topic.DMARC, findings).notes == (
        "p=none: others report, and do nothing; when reports are good, say p=quarantine",
    )


def test_nothing_is_there() -> None:
    findings = judged({})
    assert {each.state for each in findings} == {State.MISSING}
    bad = {each.record.topic for each in findings if not each.good}
    assert bad == {Topic.MX, Topic.ADDRESS, Topic.SPF, Topic.DKIM, Topic.DMARC}


def test_nobody_answers() -> None:
    zone: Zone = {key: [BROKEN] for key in good()} | {(HOST, Kind.AAAA): [BROKEN]}
    findings = judged(zone)
    assert {each.state for each in findings} == {State.UNKNOWN}
    assert not any(each.good for each in findings)


def includes(count: int) -> Zone:
    zone: Zone = {("example.org", Kind.TXT): ["v=spf1 mx include:s0.test -all"]}
    for number in range(count):
        zone[f"s{number}.test", Kind.TXT] = [f"v=spf1 a:a.test include:s{number + 1}.test ?all"]
    zone[f"s{count}.test", Kind.TXT] = ["v=spf1 ip4:192.0.2.1 -all"]
    return zone


TXT = Kind.TXT
WRONG: list[tuple[Topic, str, Zone, str]] = [
    (Topic.MX, "", {("example.org", Kind.MX): ["mx.else.test"]}, "mail goes to mx.else.test, not to"),
    (Topic.MX, "", {("example.org", Kind.MX): [ADDRESS]}, "8.8.4.7 is an address"),
    (Topic.MX, "", {("example.org", Kind.MX): ["."]}, "says that the domain takes no mail"),
    (Topic.MX, "", {(HOST, Kind.CNAME): ["host.else.test"]}, "is a CNAME of host.else.test; an MX names"),
    (Topic.ADDRESS, "", {(HOST, Kind.A): ["10.0.0.7"]}, "10.0.0.7 cannot be reached from the internet"),
    (Topic.PTR, "", {(POINTER, Kind.PTR): ["dsl-7.isp.test"]}, "dsl-7.isp.test, which does not lead back"),
    (
        Topic.PTR,
        "",
        {(POINTER, Kind.PTR): ["a.isp.test"], ("a.isp.test", Kind.A): [ADDRESS]},
        "8.8.4.7 is called a.isp.test, and this server says it is mail.example.org",
    ),
    (Topic.SPF, "", {("example.org", TXT): ["v=spf1 mx -all", "v=spf1 -all"]}, "there are 2 policies"),
    (Topic.SPF, "", {("example.org", TXT): ["v=spf1 mx -al"]}, "malformed: an unknown mechanism"),
    (Topic.SPF, "", {("example.org", TXT): ["v=spf1 +all"]}, "+all lets everybody"),
    (Topic.SPF, "", {("example.org", TXT): ["v=spf1 ip4:192.0.2.1 -all"]}, "mail from 8.8.4.7 is fail"),
    (Topic.SPF, "", includes(5), "it asks the DNS 12 times; with more than 10 it is void"),
    (
        Topic.SPF,
        "",
        {("example.org", TXT): ["v=spf1 include:nowhere.test -all"]},
        "it is in error: include of a domain without a policy",
    ),
    (Topic.HELO, "", {(HOST, TXT): ["v=spf1 -all"]}, "mail from 8.8.4.7 is fail"),
    (
        Topic.DKIM,
        "r1",
        {("r1._domainkey.example.org", TXT): [record(ED)]},
        "the key is for another algorithm",
    ),
    (Topic.DKIM, "e1", {("e1._domainkey.example.org", TXT): [record(RSA)]}, "for another algorithm"),
    (Topic.DKIM, "e1", {("e1._domainkey.example.org", TXT): ["v=DKIM1; k=ed25519; p="]}, "key is revoked"),
    (
        Topic.DKIM,
        "e1",
        {("e1._domainkey.example.org", TXT): ["v=DKIM1; k=ed25519; p=" + "A" * 43 + "="]},
        "the key is not the one this server signs with",
    ),
    (Topic.DKIM, "r1", {("r1._domainkey.example.org", TXT): [record(RSA)] * 2}, "more than one key"),
    (Topic.DMARC, "", {("_dmarc.example.org", TXT): ["v=DMARC1; p=none"] * 2}, "there are 2 records"),
    (Topic.DMARC, "", {("_dmarc.example.org", TXT): ["v=DMARC1; p=quarantined"]}, "its p= is none of"),
    (Topic.DMARC, "", {("_dmarc.example.org", TXT): ["p=none"]}, "begins with v=DMARC1"),
    (
        Topic.DMARC,
        "",
        {("_dmarc.example.org", TXT): ["v=DMARC1; p=none; rua=mailto:a@else.test"]},
        "else.test does not say that it takes reports on example.org",
    ),
    (Topic.STS, "", {("_mta-sts.example.org", TXT): ["v=STSv1; id="]}, "it has no id="),
    (Topic.STS, "", {("_mta-sts.example.org", TXT): ["v=STSv1; id=1"] * 2}, "there are 2 records"),
    (
        Topic.STS,
        "",
        {("example.org", Kind.MX): [HOST, "b.else.test"]},
        "does not name b.else.test, which the",
    ),
    (Topic.TLSRPT, "", {("_smtp._tls.example.org", TXT): ["v=TLSRPTv1; rua=me"]}, "it has no rua="),
    (
        Topic.SRV,
        "_imaps",
        {("_imaps._tcp.example.org", Kind.SRV): ["0 1 1993 mail.example.org"]},
        "it says 1993 mail.example.org, and the service is at 993 mail.example.org",
    ),
    (
        Topic.SRV,
        "_imap.",
        {("_imap._tcp.example.org", Kind.SRV): ["0 1 143 mail.example.org"]},
        "it says 143 mail.example.org, and the service is off",
    ),
]


@pytest.mark.parametrize("topic, name, change, reason", WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_and_why(topic: Topic, name: str, change: Zone, reason: str) -> None:
    finding = of(topic, judged(good() | change), name)
    assert (finding.state, finding.good) == (State.WRONG, False)
    assert reason in finding.reason


@pytest.mark.parametrize(
    "served, reason",
    [
        (Fetched(failure="the web server answers 404 Not Found"), "mta-sts.txt: the web server answers 404"),
        (
            Fetched("version: STSv1\nmode: enforce\nmx: other.test\nmax_age: 9\n"),
            "does not name mail.example",
        ),
        (Fetched("mode: enforce\nmx: mail.example.org\nmax_age: 9\n"), "does not say version: STSv1"),
        (Fetched("version: STSv1\nmode: on\nmx: mail.example.org\nmax_age: 9\n"), "its mode is none of"),
        (Fetched("version: STSv1\nmode: enforce\nmx: mail.example.org\n"), "it has no max_age"),
        (Fetched("version: STSv1\nmode: enforce\nmax_age: 9\n"), "it names no host"),
        (Fetched("<html>"), "a line of it is no field"),
    ],
)
def test_the_policy_of_mta_sts(served: Fetched, reason: str) -> None:
    finding = of(Topic.STS, judged(good(), served))
    assert finding.state is State.WRONG
    assert reason in finding.reason


@pytest.mark.parametrize(
    "text, note",
    [
        ("version: STSv1\r\nmode: enforce\r\nmx: *.example.org\r\nmax_age: 86400\r\nnew: x\r\n", None),
        ("version: STSv1\nmode: none\nmax_age: 9\n", "mode: none: the policy asks for nothing"),
    ],
)
def test_policies_that_are_right(text: str, note: str | None) -> None:
    finding = of(Topic.STS, judged(good(), Fetched(text)))
    assert (finding.state, finding.notes) == (State.RIGHT, (note,) if note else ())


def test_more_than_one_way_to_be_right() -> None:
    zone = good() | {
        ("example.org", Kind.MX): [HOST, "backup.else.test"],
        ("example.org", TXT): ["v=spf1 redirect=_spf.else.test", "something else"],
        ("_spf.else.test", TXT): ["v=spf1 ip4:8.8.4.0/24 ?all"],
        ("_dmarc.example.org", TXT): ["v=DMARC1; p=reject; rua=mailto:a@else.test"],
        ("example.org._report._dmarc.else.test", TXT): ["v=DMARC1"],
        ("autoconfig.example.org", Kind.A): ["192.0.2.80"],
    }
    findings = judged(zone, Fetched("version: STSv1\nmode: enforce\nmx: *.org\nmx: *.else.test\n"))
    assert of(Topic.MX, findings).notes == ("mail may also go to backup.else.test",)
    assert of(Topic.SPF, findings).state is State.RIGHT
    assert of(Topic.DMARC, findings) == Finding(of(Topic.DMARC, findings).record, State.RIGHT)
    assert of(Topic.CONFIGURATION, findings, "autoconfig").notes == (
        "it leads to another server, 192.0.2.80",
    )


def test_mail_that_leaves_by_another_server_is_not_judged_by_this_ones_address() -> None:
    away = Setup(SETUP.domain, SETUP.host, SETUP.ports, smarthost=True)
    zone = good() | {("example.org", TXT): ["v=spf1 include:_spf.else.test -all"]}
    finding = of(Topic.SPF, judged(zone, setup=away))
    assert finding.state is State.RIGHT
    assert "has to name" in finding.notes[0]


def test_the_address_that_was_given_is_the_hosts() -> None:
    given = Setup(SETUP.domain, SETUP.host, SETUP.ports, ("8.8.4.9", "2001:db8::9"))
    finding = of(Topic.ADDRESS, judged(good(), setup=given))
    assert finding.reason == "8.8.4.7 is not this server, which is at 8.8.4.9"


# The command


def strings(text: str) -> str:
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


@pytest.fixture
def published(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Run, Any]]:
    """`run`, in a folder with a server for example.org, and a zone that its DNS server answers from."""

    async def served(domain: str) -> Fetched:
        return POLICY

    monkeypatch.setattr("pillarbox.app.commands.publishing.fetched", served)
    zone: dict[tuple[str, str], list[str]] = {}
    with dns_thread(zone) as address:
        run("init", "--domain", "example.org")
        path = tmp_path / "pillarbox.toml"
        path.write_text(f'dns = ["{address}"]\n' + path.read_text())
        for each in run("domain", "records", "example.org", "--address", ADDRESS, "--json").value["records"]:
            value = strings(each["value"]) if each["kind"] == "TXT" else each["value"]
            zone.setdefault((each["name"], each["kind"]), []).append(value)
        yield run, zone


def test_what_init_says_is_what_check_finds_right(published: tuple[Run, Any]) -> None:
    run, _ = published
    ran = run("domain", "check", "example.org")
    assert ran.code == 0, ran.out
    assert ran.out.endswith("\nexample.org is set up.\n")
    assert "right    SRV: _imaps._tcp.example.org SRV\n" in ran.out
    assert "         note: p=none" in ran.out
    told = run("domain", "check", "example.org", "--json").value
    assert told["good"]
    assert {each["state"] for each in told["records"]} == {"right"}


def test_what_is_wrong_is_said_and_fails(published: tuple[Run, Any]) -> None:
    run, zone = published
    zone["example.org", "TXT"] = ['"v=spf1 mx -all"', '"v=spf1 ~all"']
    del zone["_dmarc.example.org", "TXT"]
    del zone["autoconfig.example.org", "CNAME"]
    ran = run("domain", "check", "example.org")
    assert ran.code == 1
    assert "WRONG    SPF: example.org TXT\n         there are 2 policies" in ran.out
    assert "MISSING  DMARC: _dmarc.example.org TXT\n         publish: " in ran.out
    assert "missing  autoconfiguration: autoconfig.example.org CNAME\n" in ran.out
    assert ran.out.endswith("\nexample.org: 2 records need work.\n")
    failed = run("domain", "check", "example.org", "--json")
    assert (failed.code, failed.value["good"]) == (1, False)
    assert run("domain", "check", "example.net").code == 1


# The web server


@contextmanager
def web_server(folder: Path, name: str, answer: bytes) -> Iterator[tuple[tuple[str, int], ssl.SSLContext]]:
    """Says `answer` to whoever asks by TLS; with the context that believes it."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    write_self_signed(certificate, key, name, datetime.now(UTC))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0, ssl=own), loop)
    server = starting.result(10)
    try:
        yield server.sockets[0].getsockname(), ssl.create_default_context(cafile=str(certificate))
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    "name, answer, wanted",
    [
        ("mta-sts.example.org", http("200 OK", b"version: STSv1"), Fetched("version: STSv1")),
        (
            "mta-sts.example.org",
            http("301 Moved Permanently", b""),
            Fetched(failure="the web server answers 301 Moved Permanently"),
        ),
        (
            "mta-sts.example.org",
            http("200 OK", b"x" * (MOST + 1)),
            Fetched(failure="it is longer than 65536 octets"),
        ),
        ("example.org", http("200 OK", b"version: STSv1"), "the certificate is not good: "),
        ("mta-sts.example.org", b"nonsense\r\n\r\n", "the web server does not answer: "),
    ],
)
def test_the_policy_is_fetched(tmp_path: Path, name: str, answer: bytes, wanted: Any) -> None:
    with web_server(tmp_path, name, answer) as (address, context):
        got = asyncio.run(fetched("example.org", address=address, context=context))
    if isinstance(wanted, str):
        assert got.failure.startswith(wanted)
    else:
        assert got == wanted
