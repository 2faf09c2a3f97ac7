"""Mail of strangers is judged on its way in: what is stored says so, and the policy is carried out."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.envelope import Envelope, Origin
from pillarbox.delivery.outcome import DELIVERED, Outcome
from pillarbox.delivery.patience import within
from pillarbox.delivery.steps.authentication import Authentication, kind
from pillarbox.filter import dns
from pillarbox.filter.auth.dkim.key import PrivateKey
from pillarbox.filter.auth.verdict import Obey, Policy
from pillarbox.filter.dns import Answer, Question
from pillarbox.model.actors import SERVER
from pillarbox.store import mailboxes
from tests.delivery.office import ANN, BOB, DATE, HOST, NOW, Filed, Office, office
from tests.filter.auth.test_dkim import ED, MESSAGE, RSA, record, signed
from tests.filter.auth.zone import Zone

STRANGER = "192.0.2.7"


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def published(dmarc: str = "p=reject", key: PrivateKey = ED) -> Zone:
    return (
        Zone()
        .add("example.org", "TXT", "v=spf1 ip4:192.0.2.99 -all")
        .add("_dmarc.example.org", "TXT", f"v=DMARC1; {dmarc}")
        .add("s1._domainkey.example.org", "TXT", record(key))
    )


def judging(zone: Zone, policy: Policy | None = None, *kinds: str, **more: Any) -> Authentication:
    async def resolve(question: Question) -> Answer:
        await asyncio.sleep(0)
        return zone(question)

    asked = more.pop("resolve", resolve)
    return Authentication(
        *(asked, policy or Policy(dmarc=Obey.REJECT), frozenset(kinds or ("smtp",))),
        hostname=HOST,
        clock=lambda: NOW,
        **more,
    )


def from_stranger(here: Office, *paths: str, address: str = STRANGER, protocol: str = "ESMTPS") -> Envelope:
    envelope = here.envelope(*paths, sender="kim@example.org")
    return Envelope(
        envelope.sender, envelope.recipients, envelope.id, Origin("out.example.org", address, protocol)
    )


async def delivered(here: Office, envelope: Envelope, message: bytes, size: int = 1 << 20) -> list[Outcome]:
    incoming = here.delivery.begin(envelope)
    for at in range(0, len(message), size):
        await incoming.write(message[at : at + size])
    return await incoming.finish()


def before(path: str, findings: bytes, protocol: str = "ESMTPS") -> bytes:
    first = f"Return-Path: <kim@example.org>\r\nDelivered-To: {path}\r\n"
    last = (
        f"Received: from out.example.org ([192.0.2.7])\r\n\tby {HOST} with {protocol} id X1\r\n"
        f"\tfor <{path}>; {DATE}\r\n"
    )
    return first.encode() + findings + last.encode()


PASSED = (
    b"Authentication-Results: mx.example.test;\r\n"
    b"\tspf=fail smtp.mailfrom=kim@example.org;\r\n"
    b"\tdkim=pass header.d=example.org header.s=s1 header.a=ed25519-sha256\r\n\t\theader.b=%b;\r\n"
    b"\tdmarc=pass header.from=example.org policy.published-domain-policy=reject\r\n"
    b"Received-SPF: fail (mx.example.test: 192.0.2.7 may not send for example.org)\r\n"
    b" receiver=mx.example.test;\r\n identity=mailfrom;\r\n client-ip=192.0.2.7;\r\n"
    b' envelope-from="kim@example.org";\r\n helo=out.example.org;\r\n mechanism=-all;\r\n'
)


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_what_was_found_stands_above_the_message(tmp_path: Path, size: int) -> None:
    message = signed(MESSAGE, ED)
    begin = message.partition(b"\tb=")[2] or message.partition(b" b=")[2]

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            envelope = from_stranger(here, "ann@example.test")
            assert await delivered(here, envelope, message, size) == [DELIVERED]
            findings = PASSED % begin.replace(b"\r\n\t", b"")[:8]
            assert await here.filed(ANN) == [Filed("INBOX", before("ann@example.test", findings) + message)]

    run(scene())


def test_what_a_domain_disowns_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            (outcome,) = await delivered(here, from_stranger(here, "ann@example.test"), MESSAGE)
            assert (outcome.code, outcome.enhanced) == (550, "5.7.26")
            assert "DMARC" in outcome.text and "example.org" in outcome.text
            assert await here.filed(ANN) == []

    run(scene())


def test_or_put_where_junk_goes(tmp_path: Path) -> None:
    """By default, and wherever the recipient wished it to be; also when that mailbox has another name."""

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published(), Policy())) as here:
            await here.create(ANN, "lists")
            await here.store.write(BOB, mailboxes.rename, SERVER, "Junk", "Spam")
            envelope = from_stranger(here, "ann+lists@example.test", "bob@example.test")
            assert await delivered(here, envelope, MESSAGE) == [DELIVERED, DELIVERED]
            filed = [await here.filed(account) for account in (ANN, BOB)]
            assert [(each.path, each.flags) for (each,) in filed] == [
                ("Junk", ("$Junk",)),
                ("Spam", ("$Junk",)),
            ]
            assert all(b"dmarc=fail header.from=example.org" in each.raw for (each,) in filed)

    run(scene())


def test_many_recipients_cost_one_judgement(tmp_path: Path) -> None:
    zone = published()
    questions = []

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(zone)) as here:
            for paths in (
                ("ann@example.test",),
                ("ann@example.test", "bob@example.test", "annie@example.test"),
            ):
                zone.asked.clear()
                outcomes = await delivered(here, from_stranger(here, *paths), signed(MESSAGE, ED))
                assert outcomes == [DELIVERED] * len(paths)
                questions.append(len(zone.asked))

    run(scene())
    assert questions[0] == questions[1]


def test_forged_findings_are_taken_out_and_signatures_checked_over_what_came(tmp_path: Path) -> None:
    forged = b"Authentication-Results: mx.example.test; dmarc=pass header.from=example.org\r\n"
    other = b"Authentication-Results: mx.else.test; dmarc=pass header.from=example.org\r\n"
    message = signed(MESSAGE, ED)

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            envelope = from_stranger(here, "ann@example.test")
            assert await delivered(here, envelope, forged + other + message + forged) == [
                Outcome(550, "5.7.26", (await delivered(here, envelope, message + b"x"))[0].text)
            ]
            assert await delivered(here, envelope, forged + other + message, 10) == [DELIVERED]
            (one,) = await here.filed(ANN)
            assert one.raw.endswith(b"\r\n" + other + message)
            assert one.raw.count(b"Authentication-Results: mx.example.test") == 1

    run(scene())


@pytest.mark.parametrize("protocol", ["ESMTPSA", "ESMTPA", "UTF8SMTPSA", "LMTP"])
def test_who_logged_in_or_comes_by_lmtp_is_not_judged(tmp_path: Path, protocol: str) -> None:
    zone = published()
    forged = b"Authentication-Results: mx.example.test; dmarc=pass\r\n"

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(zone)) as here:
            envelope = from_stranger(here, "ann@example.test", protocol=protocol)
            assert await delivered(here, envelope, forged + MESSAGE) == [DELIVERED]
            filed = [Filed("INBOX", before("ann@example.test", b"", protocol) + forged + MESSAGE)]
            assert await here.filed(ANN) == filed

    run(scene())
    assert zone.asked == []


@pytest.mark.parametrize(
    "protocol, address", [("LMTP", STRANGER), ("ESMTP", "127.0.0.1"), ("ESMTP", "fd00::1")]
)
def test_behind_another_server_nobody_fails_for_its_address(
    tmp_path: Path, protocol: str, address: str
) -> None:
    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published(), None, "smtp", "lmtp")) as here:
            envelope = from_stranger(here, "ann@example.test", address=address, protocol=protocol)
            assert await delivered(here, envelope, MESSAGE) == [DELIVERED]
            assert await delivered(here, envelope, signed(MESSAGE, ED)) == [DELIVERED]
            first, second = await here.filed(ANN)
            assert b"spf=" not in first.raw and b"Received-SPF" not in first.raw
            assert b'dmarc=none reason="SPF was not checked"' in first.raw
            assert b"dmarc=pass" in second.raw

    run(scene())


def test_a_dns_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    async def silent(question: Question) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async def scene() -> None:
        never = judging(Zone(), None, resolve=silent, patience=0.05)
        async with office(tmp_path, authentication=never) as here:
            envelope = from_stranger(here, "ann@example.test")
            assert await delivered(here, envelope, signed(MESSAGE, RSA)) == [DELIVERED]
            (one,) = await here.filed(ANN)
            for each in (b"spf=temperror", b"dkim=temperror", b"dmarc=temperror"):
                assert each in one.raw

    run(scene())


def test_a_resolver_that_breaks_is_our_trouble(tmp_path: Path) -> None:
    async def broken(question: Question) -> Answer:
        raise RuntimeError("a bug")

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(Zone(), None, resolve=broken)) as here:
            (outcome,) = await delivered(here, from_stranger(here, "ann@example.test"), MESSAGE)
            assert outcome.code == 451
            assert len(here.errors) == 1

    run(scene())


@pytest.mark.parametrize(
    "message",
    [b"", b"\r\n", b"\r\nno header\r\n", b"no header", b"Subject: only a header\r\n", b"X: y" * 200_000],
    ids=range(6),
)
def test_messages_without_a_shape(tmp_path: Path, message: bytes) -> None:
    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            envelope = from_stranger(here, "ann@example.test")
            assert await delivered(here, envelope, message, 1000) == [DELIVERED]
            (one,) = await here.filed(ANN)
            assert one.path == "Junk"  # no author at all
            assert one.raw.endswith(message)

    run(scene())


def test_an_author_behind_a_header_without_end_is_no_author(tmp_path: Path) -> None:
    message = b"X: " + b"x" * 300_000 + b"\r\n" + MESSAGE

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            envelope = from_stranger(here, "ann@example.test")
            assert await delivered(here, envelope, message, 4096) == [DELIVERED]
            assert [each.path for each in await here.filed(ANN)] == ["Junk"]

    run(scene())


def test_a_large_message_streams_by(tmp_path: Path) -> None:
    message = signed(MESSAGE + b"0123456789abcde\r\n" * 100_000, ED)

    async def scene() -> None:
        async with office(tmp_path, authentication=judging(published())) as here:
            envelope = from_stranger(here, "ann@example.test")
            incoming = here.delivery.begin(envelope)
            for at in range(0, len(message), 65_536):
                await incoming.write(message[at : at + 65_536])
                assert incoming._watch is not None and len(incoming._watch._streamed._header) < 2000
            assert await incoming.finish() == [DELIVERED]
            (one,) = await here.filed(ANN)
            assert one.raw.endswith(message)

    run(scene())


def test_kinds() -> None:
    names = ["SMTP", "ESMTP", "ESMTPS", "UTF8SMTP", "UTF8SMTPS", "LMTP", "UTF8LMTPS", "ESMTPA", "LMTPSA"]
    found = [kind(Origin("h", "", name)) for name in names]
    assert found == ["smtp"] * 5 + ["lmtp"] * 2 + [""] * 2


def test_time_is_bounded_over_all_questions() -> None:
    asked: list[Question] = []

    async def slow(question: Question) -> Answer:
        asked.append(question)
        await asyncio.Event().wait()
        raise AssertionError

    async def scene() -> None:
        resolve = within(slow, 0.01)
        for _ in range(5):
            assert await resolve(Question("example.org", dns.Kind.A)) is dns.TROUBLE

    run(scene())
    assert len(asked) == 1
