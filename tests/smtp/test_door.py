"""The door of the MX: who may do how much, and who is not let in. Strangers come through XCLIENT."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.reception import reception
from pillarbox.delivery.reception.greylist import FILE, Greylist, Patience
from pillarbox.delivery.reception.reception import Reception
from pillarbox.filter.block_lists import BlockList, Of
from pillarbox.filter.dns import Answer, Question
from pillarbox.identity.rates import Did, Meter, Rates
from pillarbox.smtp.door import Door, Rules
from pillarbox.smtp.profile import MX
from tests.delivery.office import ANN, HOST, NOW
from tests.delivery.test_authentication import judging
from tests.filter.auth.zone import Zone

Scene = Callable[..., None]
STRANGER = b"XCLIENT ADDR=192.0.2.7 HELO=out.else.test\r\n"
GREETING = b"220 mx.example.test ESMTP Pillarbox"
OK, TAKEN = b"250 2.1.0 Sender OK", b"250 2.1.5 Recipient OK"
SLOWER = b"450 4.7.1 Your network sends too much for now, try again later"
TOO_MUCH = b"421 4.7.0 Your network does too much here, try again later"


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def fresh_clock() -> None:
    CLOCK.now = NOW


def door(
    rates: Rates | None = None, rules: Rules | None = None, asked: Reception | None = None
) -> dict[str, Any]:
    meter = Meter(rates or Rates())

    def did(each: Did) -> None:
        meter.take(each, CLOCK())

    exempt = (ip_network("127.0.0.0/8"),)
    rules = rules or Rules(exempt=exempt)
    made = Door(meter, did, rules, clock=CLOCK, reception=asked)
    return {"profile": MX, "xclient": exempt, "door": made}


def asking(zone: Zone, rules: reception.Rules, **more: Any) -> Reception:
    async def resolve(question: Question) -> Answer:
        await asyncio.sleep(0)
        return zone(question)

    def report(error: BaseException) -> None:
        raise AssertionError from error

    more = {"resolve": resolve, "report": report, **more}
    return Reception(more.pop("resolve"), rules, hostname=HOST, clock=CLOCK, **more)


# How much


def test_messages_of_an_hour(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        assert await talk(STRANGER) == [GREETING]
        begun = b"MAIL FROM:<who@else.test>\r\nRSET\r\n"
        assert (await talk(begun * 3))[::2] == [OK, OK, SLOWER]
        CLOCK.now += 3600
        assert (await talk(begun))[0] == OK

    scene(play, **door(Rates(messages=2)))


def test_recipients_of_an_hour(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\n")
        assert await talk(b"RCPT TO:<ann@example.test>\r\n" * 3) == [TAKEN, TAKEN, SLOWER]
        assert (await talk(b"DATA\r\nA: b\r\n\r\n.\r\n"))[-1].startswith(b"250")

    scene(play, **door(Rates(recipients=2)))


def test_connections_of_an_hour(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER * 2)
        await talk.client.send(STRANGER)
        assert await talk.client.read_all() == TOO_MUCH + b"\r\n"

    scene(play, **door(Rates(connections=2)))


def test_who_asks_for_many_that_nobody_is_learns_nothing_more(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\n")
        said = await talk(b"RCPT TO:<nobody@example.test>\r\n" * 2 + b"RCPT TO:<ann@example.test>\r\n")
        assert said == [b"550 5.1.1 There is no such user here"] * 2 + [SLOWER]
        await talk.client.send(b"RSET\r\n" + STRANGER)
        assert (await talk.client.read_all()).endswith(TOO_MUCH + b"\r\n")

    scene(play, **door(Rates(unknown=2)))


def test_a_session_asks_for_so_many_that_nobody_is(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(b"MAIL FROM:<who@else.test>\r\n")
        await talk.client.send(b"RCPT TO:<nobody@example.test>\r\n" * 9)
        said = (await talk.client.read_all()).split(b"\r\n")
        assert said[-2] == b"421 4.7.0 Too many recipients that nobody is"
        assert len(said) == 3 + 2

    scene(play, **door(rules=Rules(unknown=3)))


def test_errors_of_a_session_and_of_an_hour(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.client.send(b"NOOP\r\nNONSENSE\r\n" * 9)
        said = (await talk.client.read_all()).split(b"\r\n")
        assert said[-2] == b"421 4.7.0 Too many errors"
        assert len([line for line in said if line.startswith(b"500")]) == 4

    scene(play, **door(rules=Rules(errors=4, exempt=(ip_network("127.0.0.0/8"),))))


def test_friends_are_not_counted(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        for _ in range(5):
            assert (await talk(b"MAIL FROM:<who@else.test>\r\nRSET\r\n"))[0] == OK

    scene(play, **door(Rates(1, 1, 1, 1, 1)))


# The name of the address

PTR = "7.2.0.192.in-addr.arpa"
NAMED = Zone().add(PTR, "PTR", "out.else.test").add("out.else.test", "A", "192.0.2.7")


@pytest.mark.parametrize(
    ("zone", "answer"),
    [
        (NAMED, TAKEN),
        (Zone(), b"550 5.7.25 192.0.2.7 has no name that leads back to it"),
        (Zone().add(PTR, "PTR", "out.else.test"), b"550 5.7.25 192.0.2.7 has no name that leads back to it"),
        (Zone().breaks(PTR), b"450 4.7.25 The name of 192.0.2.7 cannot be looked up at the moment"),
    ],
)
def test_who_has_to_have_a_name(scene: Scene, zone: Zone, answer: bytes) -> None:
    async def play(talk: Any) -> None:
        said = await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\nRCPT TO:<ann@example.test>\r\n")
        assert said == [GREETING, OK, answer]
        # RFC 5321 4.5.1: the postmaster is told of mistakes.
        assert await talk(b"RCPT TO:<Postmaster>\r\nDATA\r\nA: b\r\n\r\n.\r\n") == [
            TAKEN,
            b"354 Send the message, end with a dot on a line of its own",
            b"250 2.1.5 Taken as X1",
        ]

    scene(play, **door(asked=asking(zone, reception.Rules(reverse_required=True))))


def test_what_was_found_is_in_authentication_results(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        talk.office.delivery.authentication = judging(Zone())
        await talk(STRANGER)
        await talk.start(b"ann@example.test")
        await talk(b"DATA\r\nFrom: who@else.test\r\n\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        found = b"iprev=pass (out.else.test) policy.iprev=192.0.2.7;\r\n"
        assert b"Authentication-Results: mx.example.test;\r\n\t" + found in filed.raw

    scene(play, **door(asked=asking(NAMED, reception.Rules())))


def test_a_broken_dns_keeps_no_mail_out(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test", b"bob@example.test")
        assert (await talk(b"DATA\r\nA: b\r\n\r\n.\r\n"))[-1].startswith(b"250")

    never = asyncio.Event

    async def silent(question: Question) -> Answer:
        await never().wait()
        raise AssertionError

    rules = reception.Rules(lists=(BlockList("bl.test"),))
    scene(play, **door(asked=asking(Zone(), rules, resolve=silent, patience=0.01)))


# Block lists

SOUND = Zone().add("2.0.0.127.bl.test", "A", "127.0.0.2").add("test.dbl.test", "A", "127.0.1.2")
LISTS = reception.Rules(lists=(BlockList("bl.test"), BlockList("dbl.test", Of.DOMAINS, weight=5)))


def listed(**names: str) -> Zone:
    zone = Zone({name: dict(kinds) for name, kinds in SOUND.data.items()})
    for name, reason in names.items():
        zone.add(name, "A", "127.0.0.2").add(name, "TXT", reason)
    return zone


def test_who_is_listed_is_refused_with_the_lists_words(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        said = await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\nRCPT TO:<ann@example.test>\r\n")
        assert said[2] == b"554 5.7.1 192.0.2.7 is listed at bl.test: ask bl.test"
        await talk(b"RCPT TO:<postmaster@example.test>\r\nDATA\r\nA: b\r\n\r\n.\r\n")

    scene(play, **door(asked=asking(listed(**{"7.2.0.192.bl.test": "ask bl.test"}), LISTS)))


@pytest.mark.parametrize("name", ["else.test.dbl.test", "out.else.test.dbl.test", "author.test.dbl.test"])
def test_who_uses_a_listed_name_goes_to_junk(scene: Scene, name: str) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test")
        await talk(b"DATA\r\nFrom: <kim@author.test>\r\n\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert (filed.path, filed.flags) == ("Junk", ("$Junk",))

    scene(play, **door(asked=asking(listed(**{name: "spam"}), LISTS)))


def test_light_lists_together_weigh_as_one(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        said = await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\nRCPT TO:<ann@example.test>\r\n")
        assert said[2].startswith(b"554 5.7.1 ")

    zone = listed(**{"else.test.dbl.test": "a", "out.else.test.dbl.test": "b"})
    scene(play, **door(asked=asking(zone, LISTS)))


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [(b"ann@example.test", b"554 5.7.1 "), (b"postmaster@example.test", b"250 2.1.5 ")],
)
def test_an_author_on_a_list_makes_it_heavier(scene: Scene, recipient: bytes, answer: bytes) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(recipient)
        said = await talk(b"DATA\r\nFrom: a@author.test, b@else.test\r\n\r\n.\r\n")
        assert said[-1].startswith(answer)

    zone = listed(**{"else.test.dbl.test": "a", "author.test.dbl.test": "b"})
    scene(play, **door(asked=asking(zone, LISTS)))


def test_a_resolver_that_fails_keeps_no_mail_out(scene: Scene) -> None:
    reported: list[BaseException] = []

    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test")
        assert (await talk(b"DATA\r\nFrom: a@author.test\r\n\r\n.\r\n"))[-1].startswith(b"250 ")
        assert reported

    async def broken(question: Question) -> Answer:
        raise RuntimeError(question.name)

    scene(play, **door(asked=asking(Zone(), LISTS, resolve=broken, report=reported.append)))


def test_who_leaves_while_he_is_asked_about_leaves_nothing(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER + b"MAIL FROM:<who@else.test>\r\n")
        await talk.client.send(b"RCPT TO:<ann@example.test>\r\n")
        await asked.wait()
        await talk.client.disconnect()
        await ended.wait()

    asked, ended = asyncio.Event(), asyncio.Event()

    async def slow(question: Question) -> Answer:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    scene(play, **door(asked=asking(Zone(), LISTS, resolve=slow)))


def test_a_dead_list_that_lists_everybody_is_not_believed(scene: Scene) -> None:
    told: list[str] = []

    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test")
        assert told == ["bl.test"]

    zone = listed(**{"7.2.0.192.bl.test": "for sale", "1.0.0.127.bl.test": "for sale"})
    rules = reception.Rules(lists=(BlockList("bl.test"),))
    scene(play, **door(asked=asking(zone, rules, tell=lambda event, zone: told.append(zone))))


# The greylist


def test_a_stranger_comes_again(scene: Scene, tmp_path: Path) -> None:
    async def play(talk: Any) -> None:
        begun = b"MAIL FROM:<who@else.test>\r\nRCPT TO:<ann@example.test>\r\nRSET\r\n"
        assert (await talk(STRANGER + begun))[2] == b"451 4.7.1 Come again in 300 seconds"
        CLOCK.now += 300
        assert (await talk(begun))[1] == TAKEN
        assert (await talk(begun.replace(b"who", b"other")))[1] == TAKEN  # who came again is known

    greylist = Greylist(tmp_path, Patience(), clock=CLOCK)
    scene(play, **door(asked=asking(Zone(), reception.Rules(False), greylist=greylist)))
    greylist.close()


def test_who_spf_vouches_for_need_not(scene: Scene, tmp_path: Path) -> None:
    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test")

    greylist = Greylist(tmp_path, Patience(), clock=CLOCK)
    zone = Zone().add("else.test", "TXT", "v=spf1 ip4:192.0.2.7 -all")
    scene(play, **door(asked=asking(zone, reception.Rules(False), greylist=greylist)))
    greylist.close()


def test_a_greylist_that_cannot_be_read_keeps_nobody_out(scene: Scene, tmp_path: Path) -> None:
    reported: list[BaseException] = []

    async def play(talk: Any) -> None:
        await talk(STRANGER)
        await talk.start(b"ann@example.test")
        assert len(reported) == 1

    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    greylist = Greylist(tmp_path, Patience(), clock=CLOCK)
    scene(
        play, **door(asked=asking(Zone(), reception.Rules(False), greylist=greylist, report=reported.append))
    )
    greylist.close()
