"""What people submit is signed, what is sent on is sealed: verified by us, by dkimpy and by OpenDKIM."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.envelope import Origin
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.post import Accepted, Letter, Post
from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.database import opened
from pillarbox.delivery.signing import lookout
from pillarbox.delivery.signing.keys import KEPT_SECONDS, Keys, State
from pillarbox.delivery.signing.signer import Signer
from pillarbox.delivery.submitting import Author
from pillarbox.filter.auth.arc.chain import Status
from pillarbox.filter.auth.dkim.verify import Result
from pillarbox.filter.dns import Answer, Question
from pillarbox.identity.routes import Expansion, Remote
from pillarbox.model.errors import Refused
from tests.delivery.office import ANN, HOST, NOW, Office, office
from tests.delivery.test_authentication import judging
from tests.filter.auth import test_arc as arc
from tests.filter.auth.test_dkim import ED, MESSAGE, record, signed, verified
from tests.filter.auth.zone import Zone

SIGNED_AT = 1_750_000_000.0  # of the past, as dkimpy has a clock of its own

LETTER = (
    b"From: Ann <ann@example.test>\r\nTo: kim@example.org\r\nSubject: a\r\n\tb\r\n\r\nHello  \r\n\r\n.dot\r\n"
)


def keys_of(folder: Path, *, signing: bool = True) -> Keys:
    keys = Keys(folder)
    keys.rotate("example.test", NOW, at_once=signing)
    return keys


def published(keys: Keys, domain: str = "example.test", zone: Zone | None = None) -> Zone:
    zone = zone or Zone()
    for each in keys.listed(domain):
        found = keys.record(domain, each.selector)
        zone.add(found.name, found.kind, found.value)
    return zone


def post(here: Office, keys: Keys, errors: list[BaseException] | None = None) -> Post:
    def ours(domain: str) -> str | None:
        return domain if domain == "example.test" else None

    report = here.errors.append if errors is None else errors.append
    signer = Signer(keys, ours, hostname=HOST, clock=lambda: SIGNED_AT, report=report)
    return Post(here.delivery, here.expand, here.queue, here.records, key=b"k" * 32, signer=signer)


async def submitted(
    office: Post, content: bytes, *, size: int = 1 << 20, to: Iterable[str] = ("kim@example.org",)
) -> list[Outcome]:
    author = Author(ANN, "ann@example.test", lambda text: True, lambda: "name")
    recipients = tuple(Accepted(each, (), (Remote(each, ""),)) for each in to)
    arriving = office.begin(Letter("ann@example.test", recipients, "T1", None, author))
    for at in range(0, len(content), size):
        await arriving.write(content[at : at + size])
    return await arriving.finish()


def queued(folder: Path) -> bytes:
    with opened(folder) as db:
        [entry] = asking.entries(db)
        return entry.letter.content.read(folder)


def submit(folder: Path, content: bytes, keys: Keys, **more: Any) -> bytes:
    """What is in the queue of it."""

    async def play() -> None:
        async with office(folder) as here:
            outcomes = await submitted(post(here, keys), content, **more)
            assert [each.code for each in outcomes] == [250]
            assert here.errors == []

    asyncio.run(play())
    return queued(folder)


def results(message: bytes, zone: Zone) -> list[tuple[Result, str, str]]:
    return [(each.result, each.domain, each.algorithm) for each in verified(message, zone, NOW)]


BOTH = [
    (Result.PASS, "example.test", "rsa-sha256"),
    (Result.PASS, "example.test", "ed25519-sha256"),
]


def opendkim(message: bytes, zone: Zone, folder: Path) -> list[str]:
    """What OpenDKIM says of each signature."""
    (folder / "message").write_bytes(message)
    lines = [f"{name} {kinds['TXT'][0]}\n" for name, kinds in zone.data.items() if "_domainkey" in name]
    (folder / "public").write_text("".join(lines))
    (folder / "conf").write_text(f"TestPublicKeys {folder / 'public'}\n")
    said = subprocess.run(
        ["opendkim", "-x", str(folder / "conf"), "-t", str(folder / "message"), "-vvv"],
        capture_output=True,
        check=True,
        text=True,
    )
    return re.findall(r"\bdkim=(\w+)", said.stdout)


def dkimpy(message: bytes, zone: Zone) -> list[bool]:
    dkim = pytest.importorskip("dkim", reason="dkimpy is the other side")
    pytest.importorskip("nacl", reason="dkimpy needs PyNaCl for Ed25519")

    def dns(name: bytes, timeout: float = 5) -> bytes:
        return zone.data[name.decode().rstrip(".")]["TXT"][0].encode()

    count = message.count(b"DKIM-Signature:")
    return [dkim.DKIM(message).verify(idx=index, dnsfunc=dns) for index in range(count)]


LETTERS: dict[str, bytes] = {
    "plain": LETTER,
    "no line end at the end": LETTER.removesuffix(b"\r\n"),
    "no body": b"From: ann@example.test\r\n\r\n",
    "all header": b"From: ann@example.test\r\nSubject: x\r\n",
    "empty lines": LETTER + b"\r\n" * 1000,
    "ends of lines of all kinds": b"From: ann@example.test\nSubject: x\n\na\rb\nc\r\nd\r\r\ne\r",
    "utf-8": "From: Änn <ann@example.test>\r\nSubject: é\r\n\r\nö\r\n".encode(),
    "without a From": b"Subject: x\r\n\r\nhi\r\n",
    "hidden": b"Bcc: x@example.org\r\n" + LETTER,
    "large": LETTER + b"0123456789 \t abcdef\r\n" * 100_000,
}


@pytest.mark.parametrize("what", LETTERS)
def test_what_is_submitted_is_signed_twice_and_everybody_agrees(tmp_path: Path, what: str) -> None:
    keys = keys_of(tmp_path)
    zone = published(keys)
    content = submit(tmp_path, LETTERS[what], keys)
    assert results(content, zone) == BOTH
    assert dkimpy(content, zone) == [True, True]
    # Nothing of it is lost or changed but what submission changes: signatures and trace are put before it.
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", LETTERS[what]).partition(b"\r\n\r\n")[2]
    assert content.partition(b"\r\n\r\n")[2] == body


@pytest.mark.skipif(shutil.which("opendkim") is None, reason="OpenDKIM is not installed")
@pytest.mark.parametrize("what", LETTERS)
def test_opendkim_agrees(tmp_path: Path, what: str) -> None:
    keys = keys_of(tmp_path)
    content = submit(tmp_path, LETTERS[what], keys)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"  # as SMTP sends it
    assert opendkim(content, published(keys), tmp_path) == ["pass", "pass"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_however_it_is_cut_it_is_signed_alike(tmp_path: Path, size: int) -> None:
    keys = keys_of(tmp_path)
    content = LETTERS["ends of lines of all kinds"]
    found = submit(tmp_path, content, keys, size=size)
    assert results(found, published(keys)) == BOTH


def test_who_is_here_gets_the_signatures_too_and_the_queue_keeps_the_same_octets(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            keys = keys_of(tmp_path)
            led = {
                "all@example.test": Expansion(
                    tuple(filter(None, [here.resolve("ann@example.test")])), (Remote("far@else.test", ""),)
                )
            }
            real = here.expand
            here.expand = lambda address: led.get(address) or real(address)  # type: ignore[method-assign]
            author = Author(ANN, "ann@example.test", lambda text: True, lambda: "name")
            there = post(here, keys)
            accepted = there.accept("all@example.test", anywhere=True)
            assert isinstance(accepted, Accepted)
            arriving = there.begin(Letter("ann@example.test", (accepted,), "T1", None, author))
            await arriving.write(LETTER)
            assert [each.code for each in await arriving.finish()] == [250]
            [filed] = await here.filed(ANN)
            zone = published(keys)
            assert results(filed.raw, zone) == BOTH
            assert results(queued(tmp_path), zone) == BOTH

    asyncio.run(play())


def test_nobody_signs_for_strangers_or_without_a_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    found = submit(tmp_path, LETTER, keys)
    assert b"DKIM-Signature" not in found
    # The first need makes them; they wait for the DNS.
    assert [(each.algorithm, each.state) for each in keys.listed("example.test")] == [
        ("rsa-sha256", State.WAITING),
        ("ed25519-sha256", State.WAITING),
    ]


def test_a_stranger_is_not_signed_for(tmp_path: Path) -> None:
    found = submit(tmp_path, LETTER.replace(b"ann@example.test", b"ann@else.test"), keys_of(tmp_path))
    assert b"DKIM-Signature" not in found


def test_a_key_that_cannot_be_read_costs_the_signature_and_not_the_mail(tmp_path: Path) -> None:
    async def play() -> None:
        async with office(tmp_path) as here:
            keys = keys_of(tmp_path)
            for path in (tmp_path / "dkim" / "example.test").glob("*.pem"):
                path.write_bytes(b"no key")
            errors: list[BaseException] = []
            outcomes = await submitted(post(here, Keys(tmp_path), errors), LETTER)
            assert [each.code for each in outcomes] == [250]
            assert b"DKIM-Signature" not in queued(tmp_path)
            [error] = errors
            assert "cannot be read" in str(error)
            assert keys.signing  # untouched

    asyncio.run(play())


def test_a_message_of_our_own_is_signed(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    signer = Signer(keys, lambda domain: domain or None, hostname=HOST, clock=lambda: SIGNED_AT, report=print)
    found = asyncio.run(signer.signed(LETTER))
    assert found.endswith(LETTER)
    assert results(found, published(keys)) == BOTH
    assert asyncio.run(signer.signed(b"no header\r\n\r\n")) == b"no header\r\n\r\n"


# Keys


def asking_of(zone: Zone) -> Callable[[Question], Any]:
    async def resolve(question: Question) -> Answer:
        return zone(question)

    return resolve


def test_keys_are_for_their_owner(tmp_path: Path) -> None:
    keys_of(tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "dkim").rglob("*")}
    assert modes == {
        "example.test": 0o700,
        "20270115-rsa.pem": 0o600,
        "20270115-ed25519.pem": 0o600,
        "keys.json": 0o600,
        "lock": 0o600,
    }


def test_a_rotation_waits_for_the_dns_and_the_old_key_stays_a_while(tmp_path: Path) -> None:
    async def play() -> None:
        keys = keys_of(tmp_path)
        told: list[tuple[str, str]] = []

        def tell(event: str, **more: Any) -> None:
            told.append((event, more["selector"]))

        new = keys.rotate("example.test", NOW)
        assert [each.selector for each in new] == ["20270115-2-rsa", "20270115-2-ed25519"]
        assert keys.rotate("example.test", NOW) == new  # one rotation at a time
        await lookout.round(keys, asking_of(Zone()), NOW, tell)
        assert [each for each, _ in keys.signing("example.test")] == ["20270115-rsa", "20270115-ed25519"]
        # Another key under its name is not this key, and a DNS that does not answer has none.
        other = Zone().add("20270115-2-ed25519._domainkey.example.test", "TXT", record(ED))
        other.breaks("20270115-2-rsa._domainkey.example.test")
        await lookout.round(keys, asking_of(other), NOW, tell)
        assert told == []
        # Each algorithm for itself.
        rsa = Zone().add(
            "20270115-2-rsa._domainkey.example.test",
            "TXT",
            keys.record("example.test", "20270115-2-rsa").value,
        )
        await lookout.round(keys, asking_of(rsa), NOW + 1, tell)
        assert [each for each, _ in keys.signing("example.test")] == ["20270115-ed25519", "20270115-2-rsa"]
        await lookout.round(keys, asking_of(published(keys)), NOW + 2, tell)
        assert {each for each, _ in keys.signing("example.test")} == {each.selector for each in new}
        assert [each.state for each in keys.listed("example.test")] == [State.OLD] * 2 + [State.SIGNING] * 2
        await lookout.round(keys, asking_of(Zone()), NOW + KEPT_SECONDS, tell)
        assert len(keys.listed("example.test")) == 4
        await lookout.round(keys, asking_of(Zone()), NOW + KEPT_SECONDS + 10, tell)
        assert [each.state for each in keys.listed("example.test")] == [State.SIGNING] * 2
        assert not list((tmp_path / "dkim").rglob("20270115-rsa.pem"))
        assert [selector for _, selector in told] == [
            *("20270115-2-rsa", "20270115-2-ed25519", "20270115-rsa", "20270115-ed25519")
        ]

    asyncio.run(play())


def test_another_process_sees_a_rotation_at_once(tmp_path: Path) -> None:
    keys, other = keys_of(tmp_path), Keys(tmp_path)
    before = other.signing("example.test")
    keys.rotate("example.test", NOW, at_once=True)
    assert len(before) == len(other.signing("example.test")) == 2
    assert not {each for each, _ in before} & {each for each, _ in other.signing("example.test")}


def test_what_signs_is_not_retired(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    with pytest.raises(Refused, match="signs"):
        keys.retire("example.test", "20270115-rsa")
    keys.rotate("example.test", NOW, at_once=True)
    keys.retire("example.test", "20270115-rsa")
    with pytest.raises(Refused, match="has no key"):
        keys.retire("example.test", "20270115-rsa")
    with pytest.raises(Refused, match="is no domain"):
        keys.rotate("../example.test", NOW)


# Sealing


def forwarded(folder: Path, message: bytes, zone: Zone, keys: Keys) -> bytes:
    """What is sent on of a message that comes for an alias of elsewhere."""

    async def play() -> None:
        async with office(folder, authentication=judging(zone)) as here:
            here.expand = lambda address: Expansion(  # type: ignore[method-assign]
                (), (Remote("far@else.test", "all@example.test"),)
            )
            there = post(here, keys)
            accepted = there.accept("all@example.test")
            assert isinstance(accepted, Accepted)
            origin = Origin("out.example.org", "192.0.2.7", "ESMTPS")
            arriving = there.begin(Letter("kim@example.org", (accepted,), "T1", origin))
            for at in range(0, len(message), 100):
                await arriving.write(message[at : at + 100])
            assert [each.code for each in await arriving.finish()] == [250]
            assert here.errors == []

    asyncio.run(play())
    return queued(folder)


def sent_by_kim() -> tuple[bytes, Zone]:
    zone = Zone(dict(arc.KEYS.data)).add("s1._domainkey.list.test", "TXT", record(ED))
    zone.data["s1._domainkey.example.org"] = {"TXT": (record(ED),)}
    return signed(MESSAGE, ED), zone


def dkimpy_arc(message: bytes, zone: Zone) -> bytes:
    dkim = pytest.importorskip("dkim", reason="dkimpy is the other side")

    def dns(name: bytes, timeout: float = 5) -> bytes:
        return zone.data[name.decode().rstrip(".")]["TXT"][0].encode()

    status: bytes = dkim.arc_verify(message, dnsfunc=dns)[0]
    return status


def test_what_is_sent_on_is_sealed_last(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    message, zone = sent_by_kim()
    sealed = forwarded(tmp_path, message, published(keys, zone=zone), keys)
    assert sealed.startswith(b"ARC-Seal: i=1; a=rsa-sha256;")
    assert sealed.endswith(message)
    found = arc.checked(sealed, zone)
    assert (found.status, found.highest, found.links[0].domain) == (Status.PASS, 1, "example.test")
    said = found.links[0].said
    assert said is not None and said.authserv_id == HOST
    assert {each.method: each.result for each in said.methods}["dkim"] == "pass"
    assert dkimpy_arc(sealed, zone) == b"pass"
    # Nobody else's signature is broken by it, and we add none in our name.
    assert [each.domain for each in verified(sealed, zone, NOW)] == ["example.org"]


def test_a_chain_goes_on_and_one_that_is_broken_is_closed(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir(), (tmp_path / "2").mkdir()
    keys = keys_of(tmp_path)
    message, zone = sent_by_kim()
    published(keys, zone=zone)
    before = arc.sealed(message)
    longer = forwarded(tmp_path / "1", before, zone, keys)
    assert b"ARC-Seal: i=2;" in longer and b"cv=pass" in longer
    assert [link.domain for link in arc.checked(longer, zone).links] == ["one.test", "example.test"]
    assert dkimpy_arc(longer, zone) == b"pass"
    broken = forwarded(tmp_path / "2", before.replace(b"Hello", b"Hallo"), zone, keys)
    assert b"ARC-Seal: i=2;" in broken and b"cv=fail" in broken
    assert arc.checked(broken, zone).closed


def test_forged_findings_are_gone_and_the_seal_holds(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    message, zone = sent_by_kim()
    forged = f"Authentication-Results: {HOST}; dkim=pass header.d=bank.test\r\n".encode()
    sealed = forwarded(tmp_path, forged + message, published(keys, zone=zone), keys)
    assert b"bank.test" not in sealed
    assert arc.checked(sealed, zone).status is Status.PASS
    assert dkimpy_arc(sealed, zone) == b"pass"


def test_without_a_key_that_signs_there_is_no_seal(tmp_path: Path) -> None:
    message, zone = sent_by_kim()
    sealed = forwarded(tmp_path, message, zone, keys_of(tmp_path, signing=False))
    assert b"ARC-" not in sealed
