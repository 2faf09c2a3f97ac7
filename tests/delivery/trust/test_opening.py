"""Which hosts get mail, and how: by DANE, by MTA-STS, as it comes, and as the sender asks. Real TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pillarbox.delivery.outbound.conversation import Conversation, Message, To, Way
from pillarbox.delivery.outbound.opening import Opener, Smarthost
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Failed
from pillarbox.delivery.trust.policies import Policies
from pillarbox.delivery.trust.results import Session
from tests.authority import NOW, Authority, Issued
from tests.zone import Zone

CA, OTHER = Authority(), Authority("Other")
GOOD = CA.issue("mx.two.test")
SELF_SIGNED = OTHER.issue("mx.two.test")
MESSAGE = Message("a@one.test", [To("b@two.test")], b"Subject: x\r\n\r\n", requires_tls=True)


@dataclass
class Host:
    """An SMTP server on loopback; `said`: what it was told, with a mark where that was under TLS."""

    context: ssl.SSLContext | None
    offers: tuple[str, ...] = ()
    said: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self.converse(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = False
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            self.said.append(f"TLS {text}" if tls else text)
            verb = text.partition(" ")[0]
            if verb == "EHLO":
                more = self.offers if tls else (("STARTTLS",) if self.context else ())
                writer.write("".join(f"250-{each}\r\n" for each in ("mx", *more)).encode() + b"250 SIZE\r\n")
            elif verb == "STARTTLS":
                assert self.context is not None
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(self.context)
                tls = True
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"250 yes\r\n")

    @property
    def is_sent_to(self) -> bool:
        return any("DATA" in line for line in self.said)


@dataclass
class World:
    zone: Zone
    policies: Policies
    port: int
    noted: list[Session] = field(default_factory=list)
    route: Callable[[str], Smarthost | None] = lambda domain: None

    @property
    def way(self) -> Way:
        return Way(self.port, authorities=CA.context)

    async def sent(self, wish: str = "", domain: str = "two.test") -> Outcome:
        """What becomes of a message to the domain."""

        async def note(session: Session) -> None:
            self.noted.append(session)

        opener = Opener(
            *(self.zone, self.route, self.way),
            hostname="us.test",
            shuffle=lambda names: None,
            clock=lambda: NOW.timestamp(),
            policies=self.policies,
            note=note,
        )
        opened = await opener.open(domain, wish)
        if isinstance(opened, Outcome):
            return opened
        assert isinstance(opened, Conversation)
        [outcome] = await opened.send(MESSAGE)
        await opened.quit()
        return outcome

    @property
    def results(self) -> list[tuple[str, str]]:
        return [(each.followed.kind, each.result) for each in self.noted]


def policy(mode: str = "enforce", host: str = "mx.two.test") -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: 86400\n".encode()


@asynccontextmanager
async def world(folder: Path, host: Host, *, text: bytes | None = None) -> AsyncIterator[World]:
    """mx.two.test on loopback takes mail for two.test; `text` is the domain's policy."""
    zone = Zone({"two.test": [(10, "mx.two.test")]}, {"mx.two.test": ["127.0.0.1"]})

    async def fetch(name: str, path: str, limit: int) -> tuple[str, bytes]:
        if not text:
            raise Failed("nobody is there")
        return "text/plain", text

    if text is not None:
        zone.texts["_mta-sts.two.test"] = ["v=STSv1; id=1;"]
    trust = Trust(folder)
    server = await asyncio.start_server(host.accept, "127.0.0.1", 0)
    try:
        policies = Policies(trust, zone, fetch, lambda: NOW.timestamp())
        yield World(zone, policies, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.gather(*host.tasks)
        trust.close()


def play(
    folder: Path,
    certificate: Issued | None,
    scene: Callable[[World, Host], Awaitable[None]],
    *,
    text: bytes | None = None,
    offers: Sequence[str] = (),
) -> None:
    async def run() -> None:
        host = Host(certificate.context(folder) if certificate else None, tuple(offers))
        async with world(folder, host, text=text) as there:
            await scene(there, host)

    asyncio.run(run())


# Without a policy


@pytest.mark.parametrize(
    ("certificate", "result"), [(GOOD, ""), (SELF_SIGNED, ""), (None, "starttls-not-supported")]
)
def test_without_a_policy_tls_is_taken_as_it_comes(
    tmp_path: Path, certificate: Issued | None, result: str
) -> None:
    async def scene(there: World, host: Host) -> None:
        assert (await there.sent()).code == 250
        assert there.results == [("no-policy-found", result)]
        assert ("TLS DATA" in host.said) is (certificate is not None)

    play(tmp_path, certificate, scene)


def test_a_policy_that_cannot_be_fetched_stops_nothing_and_is_told(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        assert (await there.sent()).code == 250
        assert there.results == [("sts", "sts-policy-fetch-error")]

    play(tmp_path, SELF_SIGNED, scene, text=b"")


# MTA-STS

BAD = {
    "another authority": (SELF_SIGNED, "mx.two.test", "certificate-not-trusted"),
    "another name": (CA.issue("else.test"), "mx.two.test", "certificate-host-mismatch"),
    "expired": (CA.issue("mx.two.test", days=-1), "mx.two.test", "certificate-expired"),
    "no TLS": (None, "mx.two.test", "starttls-not-supported"),
    "not in the policy": (GOOD, "mx.else.test", "validation-failure"),
}


def test_a_host_that_proves_its_name_gets_mail(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        assert (await there.sent()).code == 250
        assert there.results == [("sts", "")]
        assert there.noted[0].followed.hosts == ("*.two.test",)
        assert "TLS DATA" in host.said

    play(tmp_path, GOOD, scene, text=policy(host="*.two.test"))


@pytest.mark.parametrize("what", BAD)
def test_where_it_is_enforced_a_host_that_does_not_gets_none(tmp_path: Path, what: str) -> None:
    certificate, named, result = BAD[what]

    async def scene(there: World, host: Host) -> None:
        outcome = await there.sent()
        assert (outcome.code, outcome.enhanced) == (451, "4.7.5")  # it may be mended
        assert not host.is_sent_to
        assert there.results == [("sts", result)]
        assert (there.noted[0].host, there.noted[0].address) == ("mx.two.test", "127.0.0.1")

    play(tmp_path, certificate, scene, text=policy(host=named))


@pytest.mark.parametrize("what", BAD)
def test_where_it_is_tested_it_gets_mail_and_the_failure_is_told(tmp_path: Path, what: str) -> None:
    certificate, named, result = BAD[what]

    async def scene(there: World, host: Host) -> None:
        assert (await there.sent()).code == 250
        assert there.results == [("sts", result)]

    play(tmp_path, certificate, scene, text=policy("testing", named))


def test_a_policy_that_was_taken_back(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        assert (await there.sent()).code == 250
        assert there.results == [("no-policy-found", "")]

    play(tmp_path, SELF_SIGNED, scene, text=policy("none"))


# DANE


def with_tlsa(there: World, *records: str, name: str = "mx.two.test") -> None:
    there.zone.secure = None
    there.zone.tlsas[f"_{there.port}._tcp.{name}"] = list(records)


@pytest.mark.parametrize("usage", [2, 3])
def test_a_certificate_that_fits_gets_mail_whoever_signed_it(tmp_path: Path, usage: int) -> None:
    async def scene(there: World, host: Host) -> None:
        issued = OTHER.own if usage == 2 else SELF_SIGNED
        with_tlsa(there, issued.tlsa(usage, 1, 1))
        assert (await there.sent()).code == 250
        assert there.results == [("tlsa", "")]
        assert there.noted[0].followed.domain == "mx.two.test"
        assert "TLS DATA" in host.said

    # It wins over MTA-STS, which this host does not satisfy (RFC 8461 2).
    play(tmp_path, SELF_SIGNED, scene, text=policy(host="mx.else.test"))


def test_one_that_does_not_fit_gets_none_though_an_authority_vouches_for_it(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there, SELF_SIGNED.tlsa(3, 1, 1))
        assert (await there.sent()).enhanced == "4.7.5"
        assert not host.is_sent_to
        assert there.results == [("tlsa", "validation-failure")]

    play(tmp_path, GOOD, scene, text=policy())


def test_there_is_no_cleartext_where_there_are_records(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there, GOOD.tlsa(3, 1, 1))
        assert (await there.sent()).enhanced == "4.7.5"
        with_tlsa(there, "1 1 1 " + "ab" * 32)  # of no use, but a promise of TLS
        assert (await there.sent()).enhanced == "4.7.5"
        assert not host.is_sent_to
        assert there.results == [("tlsa", "starttls-not-supported")] * 2

    play(tmp_path, None, scene)


def test_records_of_no_use_ask_for_tls_alone(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there, "1 1 1 " + "ab" * 32)
        assert (await there.sent()).code == 250
        assert "TLS DATA" in host.said

    play(tmp_path, SELF_SIGNED, scene)


def test_records_that_nobody_vouches_for_are_none(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there, GOOD.tlsa(3, 1, 1))
        for insecure in ("two.test", "mx.two.test", f"_{there.port}._tcp.mx.two.test"):
            names = {"two.test", "mx.two.test", f"_{there.port}._tcp.mx.two.test"}
            there.zone.secure = names - {insecure}
            assert (await there.sent()).code == 250
        assert there.results == [("no-policy-found", "")] * 3

    play(tmp_path, SELF_SIGNED, scene)


def test_a_dns_that_hides_records_stops_mail(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there)
        there.zone.broken.add(f"_{there.port}._tcp.mx.two.test")
        assert (await there.sent()).code == 451
        assert host.said == []
        assert there.results == [("tlsa", "dnssec-invalid")]

    play(tmp_path, GOOD, scene)


def test_another_host_may_do_what_the_first_does_not(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        there.zone.mails["two.test"] = [(5, "a.two.test"), (10, "mx.two.test")]
        there.zone.hosts["a.two.test"] = ["127.0.0.1"]
        assert (await there.sent()).code == 250
        assert [(each.host, each.result) for each in there.noted] == [
            ("a.two.test", "certificate-host-mismatch"),
            ("", ""),
        ]

    play(tmp_path, GOOD, scene, text=policy(host="*.two.test"))


# REQUIRETLS (RFC 8689)

PROMISE = ("REQUIRETLS",)


def test_required_and_done(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        assert (await there.sent("required")).code == 250
        assert "TLS MAIL FROM:<a@one.test> SIZE=14 REQUIRETLS" in host.said

    play(tmp_path, GOOD, scene, text=policy(), offers=PROMISE)


def test_required_by_dnssec(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        with_tlsa(there, SELF_SIGNED.tlsa(3, 1, 1))
        assert (await there.sent("required")).code == 250
        there.zone.tlsas.clear()
        # The name is proved, the host by no authority that we know.
        assert (await there.sent("required")).enhanced == "5.7.10"

    play(tmp_path, SELF_SIGNED, scene, offers=PROMISE)


def test_required_by_dnssec_and_an_authority(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        there.zone.secure = {"two.test"}
        assert (await there.sent("required")).code == 250

    play(tmp_path, GOOD, scene, offers=PROMISE)


@pytest.mark.parametrize(
    ("certificate", "text", "offers", "enhanced"),
    [
        (GOOD, policy(), (), "5.7.30"),
        (SELF_SIGNED, policy(), PROMISE, "5.7.10"),
        (SELF_SIGNED, policy("testing"), PROMISE, "5.7.10"),
        (None, policy(), PROMISE, "5.7.10"),
        (GOOD, policy(host="mx.else.test"), PROMISE, "5.7.10"),
        (GOOD, None, PROMISE, "5.7.10"),  # nothing proves the name
    ],
)
def test_required_and_not_done(
    tmp_path: Path, certificate: Issued | None, text: bytes | None, offers: Sequence[str], enhanced: str
) -> None:
    async def scene(there: World, host: Host) -> None:
        outcome = await there.sent("required")
        assert (outcome.code, outcome.enhanced) == (550, enhanced)
        assert not host.is_sent_to

    play(tmp_path, certificate, scene, text=text, offers=offers)


def test_required_and_a_host_that_is_down_is_waited_for(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        there.zone.mails["two.test"] = [(5, "down.two.test"), (10, "mx.two.test")]
        there.zone.hosts["down.two.test"] = ["127.0.0.99"]
        assert (await there.sent("required")).enhanced == "4.4.1"

    play(tmp_path, GOOD, scene, text=policy(host="*.two.test"))


def test_required_of_a_smarthost(tmp_path: Path) -> None:
    async def scene(there: World, host: Host) -> None:
        way = Way(there.port, "opportunistic", authorities=CA.context)
        there.route = lambda domain: Smarthost("127.0.0.1", way)
        assert (await there.sent()).code == 250  # as it is configured
        assert (await there.sent("required")).enhanced == "5.7.10"  # its name is not in the certificate
        host.context = CA.issue("localhost").context(tmp_path)
        there.route = lambda domain: Smarthost("localhost", way)
        assert (await there.sent("required")).code == 250
        host.offers = ()
        assert (await there.sent("required")).enhanced == "5.7.30"

    play(tmp_path, SELF_SIGNED, scene, offers=PROMISE)


@pytest.mark.parametrize("what", BAD)
def test_who_does_not_care_is_not_stopped_by_a_policy(tmp_path: Path, what: str) -> None:
    # RFC 8689 4.2.2
    certificate, named, result = BAD[what]

    async def scene(there: World, host: Host) -> None:
        assert (await there.sent("optional")).code == 250
        assert there.results == [("sts", result)]
        with_tlsa(there, OTHER.issue("x.test").tlsa(3, 1, 1))
        assert (await there.sent("optional")).code == 250
        there.zone.broken.add(f"_{there.port}._tcp.mx.two.test")
        assert (await there.sent("optional")).code == 250

    play(tmp_path, certificate, scene, text=policy(host=named))
