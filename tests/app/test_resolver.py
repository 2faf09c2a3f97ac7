"""Questions to a real DNS server on this machine: the four kinds of answers, and the bounds."""

import asyncio
import gc
import warnings
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import pytest
import uvloop

from pillarbox.app.config import ConfigError, dns_server, parse
from pillarbox.app.resolver import RECORDS_LIMIT, Resolver
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Kind, Question, records
from tests.app import dns_server as server

ZONE = {
    (".", "NS"): ["a.root.test."],
    ("example.test", "A"): ["192.0.2.1", "192.0.2.2"],
    ("example.test", "AAAA"): ["2001:db8::1"],
    ("example.test", "MX"): ["20 b.example.test.", "10 a.example.test."],
    ("example.test", "TXT"): ['"v=spf1 " "-all"', '"\\195\\169\\000"'],
    ("null.test", "MX"): ["0 ."],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.example.test."],
    ("_imaps._tcp.example.test", "SRV"): ["0 1 993 mx.example.test."],
    ("_imap._tcp.example.test", "SRV"): ["0 0 0 ."],
    ("alias.test", "CNAME"): ["example.test."],
    ("lost.test", "CNAME"): ["nowhere.test."],
    ("circle.test", "CNAME"): ["circle2.test."],
    ("_25._tcp.mx.test", "TLSA"): ["3 1 1 " + "ab" * 32],
    ("circle2.test", "CNAME"): ["circle.test."],
    ("many.test", "A"): [f"10.0.{number // 256}.{number % 256}" for number in range(RECORDS_LIMIT + 1)],
}
FAILING = {"broken.test": dns.rcode.SERVFAIL, "refused.test": dns.rcode.REFUSED}


@pytest.mark.parametrize(
    "name, kind, wanted",
    [
        ("example.test", Kind.A, {"192.0.2.1", "192.0.2.2"}),
        ("EXAMPLE.test", Kind.AAAA, {"2001:db8::1"}),
        ("example.test", Kind.MX, ("a.example.test", "b.example.test")),
        ("example.test", Kind.TXT, {"v=spf1 -all", "\xc3\xa9\0"}),
        ("1.2.0.192.in-addr.arpa", Kind.PTR, {"mx.example.test"}),
        ("alias.test", Kind.A, {"192.0.2.1", "192.0.2.2"}),
        ("alias.test", Kind.CNAME, {"example.test"}),
        ("_imaps._tcp.example.test", Kind.SRV, {"0 1 993 mx.example.test"}),
        ("_imap._tcp.example.test", Kind.SRV, {"0 0 0 ."}),
        ("example.test", Kind.CNAME, NO_DATA),
        ("example.test", Kind.PTR, NO_DATA),
        ("null.test", Kind.MX, (".",)),
        ("_25._tcp.mx.test", Kind.TLSA, {"3 1 1 " + "ab" * 32}),
        ("nowhere.test", Kind.A, NO_NAME),
        ("broken.test", Kind.A, TROUBLE),
        ("refused.test", Kind.A, TROUBLE),
        ("circle.test", Kind.A, TROUBLE),
        ("many.test", Kind.A, TROUBLE),
        ("a\\.b.test", Kind.A, NO_NAME),
    ],
)
def test_answers(name: str, kind: Kind, wanted: Any) -> None:
    async def scene() -> None:
        async with server.dns_server(server.of(ZONE, FAILING)) as address:
            found = await Resolver([address], question_seconds=0.5)(Question(name, kind))
            if isinstance(wanted, Answer):
                assert found == wanted
            else:
                assert type(wanted)(found.values) == wanted

    asyncio.run(scene())


def test_the_order_of_mail_exchangers_comes_with_them_and_where_names_led_to() -> None:
    async def scene() -> None:
        async with server.dns_server(server.of(ZONE, FAILING)) as address:
            resolver = Resolver([address])
            assert (await resolver(Question("example.test", Kind.MX))).preferences == (10, 20)
            assert (await resolver(Question("alias.test", Kind.A))).name == "example.test"
            assert (await resolver(Question("example.test", Kind.A))).name == ""

    asyncio.run(scene())


@pytest.mark.parametrize("checked", [False, True])
def test_a_server_on_this_machine_is_believed_what_it_says_of_dnssec(checked: bool) -> None:
    answer = server.of(ZONE, FAILING)

    def checking(query: dns.message.Message, response: dns.message.Message) -> dns.message.Message | None:
        assert query.flags & dns.flags.AD  # RFC 6840 5.7
        if checked:
            response.flags |= dns.flags.AD
        return answer(query, response)

    async def scene() -> None:
        async with server.dns_server(checking) as address:
            resolver = Resolver([address])
            assert await resolver.checks_dnssec() is checked
            assert (await resolver(Question("example.test", Kind.A))).secure is checked
            resolver.is_near = False
            assert not (await resolver(Question("example.test", Kind.AAAA))).secure
            assert not await resolver.checks_dnssec()

    asyncio.run(scene())
    assert Resolver(["127.0.0.1:5353", "[::1]:53"]).is_near
    assert not Resolver(["127.0.0.1", "192.0.2.1"]).is_near


def test_a_server_that_is_silent_is_trouble() -> None:
    async def scene() -> None:
        async with server.dns_server(lambda query, response: None) as address:
            resolver = Resolver([address], try_seconds=0.05, question_seconds=0.1)
            assert await resolver(Question("example.test", Kind.A)) == TROUBLE

    asyncio.run(scene())


def test_answers_are_kept_as_long_as_they_live() -> None:
    asked: list[str] = []
    answer = server.of(ZONE, FAILING)

    def counting(query: dns.message.Message, response: dns.message.Message) -> dns.message.Message | None:
        asked.append(query.question[0].name.to_text(True))
        return answer(query, response)

    async def scene() -> None:
        async with server.dns_server(counting) as address:
            resolver = Resolver([address])
            for _ in range(3):
                found = await resolver(Question("example.test", Kind.A))
                assert sorted(found.values) == ["192.0.2.1", "192.0.2.2"]
                assert found == records(*found.values)

    asyncio.run(scene())
    assert asked == ["example.test"]


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_how_servers_are_written(text: str, wanted: tuple[str, int]) -> None:
    assert dns_server(text) == wanted
    assert parse(f'dns = ["{text}"]').dns == (text,)


@pytest.mark.parametrize(
    "text", ["", "ns.example.org", "192.0.2.1:0", "192.0.2.1:99999", "[192.0.2.1", "1:2:3"]
)
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: dns: .* is no DNS server"):
        parse(f'dns = ["{text}"]')


@pytest.mark.parametrize("steps", range(6))
def test_a_question_that_is_given_up_leaves_no_socket(steps: int) -> None:
    async def story() -> None:
        question = asyncio.ensure_future(Resolver(["127.0.0.1:9"])(Question("a.test", Kind.A)))
        for _ in range(steps):
            await asyncio.sleep(0)
        question.cancel()
        await asyncio.gather(question, return_exceptions=True)
        for _ in range(6):
            await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(story())
        gc.collect()
    assert [str(each.message) for each in said] == []
