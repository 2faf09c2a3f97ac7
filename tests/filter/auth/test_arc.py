"""Chains: sealed by us, by dkimpy, broken in every way of RFC 8617 5.2."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.filter.auth import fields
from pillarbox.filter.auth.arc import chain
from pillarbox.filter.auth.arc.chain import Arc, Status
from pillarbox.filter.auth.arc.seal import seal
from pillarbox.filter.auth.dkim import sign
from pillarbox.filter.auth.dkim.body import Bodies
from pillarbox.filter.auth.dkim.key import PrivateKey
from pillarbox.filter.auth.results import Method
from pillarbox.filter.dns import answered
from tests.filter.auth.test_dkim import ED, MESSAGE, NOW, RSA, record
from tests.filter.auth.zone import Zone

SAID = [Method("dmarc", "pass", (("header.from", "example.org"),))]
KEYS = (
    Zone()
    .add("s1._domainkey.one.test", "TXT", record(RSA))
    .add("s1._domainkey.two.test", "TXT", record(ED))
    .add("s1._domainkey.example.org", "TXT", record(RSA))
)


def parts(message: bytes) -> tuple[tuple[fields.Field, ...], bytes]:
    header, _, content = message.partition(b"\r\n\r\n")
    return fields.split(header + b"\r\n"), content


def checked(message: bytes, zone: Zone = KEYS) -> Arc:
    header, content = parts(message)
    bodies = Bodies(chain.forms(header))
    bodies.feed(content)
    return answered(chain.check(header, bodies.hashes()), zone)


def sealed(message: bytes, domain: str = "one.test", key: PrivateKey = RSA, arc: Arc | None = None) -> bytes:
    header, content = parts(message)
    bodies = Bodies([sign.FORM])
    bodies.feed(content)
    added = seal(
        *(header, bodies.hashes()[sign.FORM], arc or checked(message), SAID),
        authserv_id=f"mx.{domain}",
        domain=domain,
        selector="s1",
        key=key,
        now=NOW,
    )
    return message if added is None else added + message


def test_no_chain() -> None:
    assert checked(MESSAGE) == Arc(Status.NONE)


def test_a_chain_of_three() -> None:
    message = MESSAGE
    for domain, key in (("one.test", RSA), ("two.test", ED), ("one.test", RSA)):
        message = sealed(message, domain, key)
    found = checked(message)
    assert (found.status, found.oldest_pass, found.highest) == (Status.PASS, 0, 3)
    assert [link.domain for link in found.links] == ["one.test", "two.test", "one.test"]
    assert found.links[0].said is not None
    assert found.links[0].said.authserv_id == "mx.one.test"
    assert found.links[0].said.methods == tuple(SAID)


def test_a_list_may_change_the_message_and_seal_it_again() -> None:
    message = sealed(
        sealed(MESSAGE).replace(b"Hello", b"[list] Hello"), "two.test", ED, Arc(Status.PASS, highest=1)
    )
    found = checked(message)
    assert (found.status, found.oldest_pass) == (Status.PASS, 2)


TWICE = sealed(sealed(MESSAGE), "two.test", ED)


@pytest.mark.parametrize(
    "old, new",
    [
        (b"Hello", b"Hallo"),
        (b"From: kim", b"From: eve"),
        (b"dmarc=pass", b"dmarc=fail"),
        (b"cv=pass", b"cv=none"),
        (b"cv=none", b"cv=pass"),
        (b"cv=none", b"cv=fail"),
        (b"cv=none", b"cv=none; h=from"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=3"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=0"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=x"),
        (b"ARC-Seal: i=1", b"X-Seal: i=1"),
        (b"ARC-Message-Signature: i=1", b"ARC-Message-Signature: i=2"),
        (b"ARC-Authentication-Results: i=1;", b"ARC-Authentication-Results: i=51;"),
        (b"ARC-Authentication-Results: i=1;", b"ARC-Authentication-Results:"),
        (b"a=rsa-sha256", b"a=rsa-sha1"),
        (b"d=two.test", b"d=three.test"),
        (b"h=from:from", b"h=arc-seal:from"),
        (b"d=two.test", b"d=two.test; d=two.test"),
    ],
)
def test_what_breaks_a_chain(old: bytes, new: bytes) -> None:
    assert checked(TWICE).status is Status.PASS
    assert old in TWICE
    assert checked(TWICE.replace(old, new)).status is Status.FAIL


def test_a_dns_that_does_not_answer_breaks_it_too() -> None:
    zone = Zone(KEYS.data).breaks("s1._domainkey.one.test")  # RFC 8617 5.2.1
    assert checked(TWICE, zone).status is Status.FAIL


def test_a_broken_chain_is_closed_by_one_more_seal() -> None:
    broken = TWICE.replace(b"Hello", b"Hallo")
    closed = sealed(broken)
    assert b"ARC-Seal: i=3" in closed and b"cv=fail" in closed
    found = checked(closed)
    assert (found.status, found.closed) == (Status.FAIL, True)
    assert sealed(closed) == closed


def test_fifty_sets_and_no_more() -> None:
    message = MESSAGE
    for _ in range(50):
        message = sealed(
            message,
            "two.test",
            ED,
            Arc(Status.PASS if b"ARC" in message else Status.NONE, highest=message.count(b"ARC-Seal")),
        )
    assert checked(message).status is Status.PASS
    assert sealed(message) == message


def test_dkimpy_agrees() -> None:
    dkim = pytest.importorskip("dkim", reason="dkimpy is the other side")

    def dns(name: bytes, timeout: float = 5) -> bytes:
        return KEYS.data[name.decode().removesuffix(".")]["TXT"][0].encode()

    once = sealed(MESSAGE, "example.org")
    assert dkim.arc_verify(once, dnsfunc=dns)[0] == b"pass"
    pem = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    first = b"Authentication-Results: mx.one.test; spf=pass smtp.mailfrom=kim@example.org\r\n" + MESSAGE
    theirs = b"".join(dkim.arc_sign(first, b"s1", b"one.test", pem, b"mx.one.test")) + first
    found = checked(theirs)
    assert (found.status, found.reason) == (Status.PASS, "")
    ours = sealed(theirs, "example.org")
    assert checked(ours).status is Status.PASS
    assert dkim.arc_verify(ours, dnsfunc=dns)[0] == b"pass"


LINES = TWICE.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").split(b"\r\n")


@given(
    st.lists(
        st.sampled_from([*LINES, b"ARC-Seal: ", b"ARC-Seal: i=1; cv=none", b"arc-message-signature: i=1"])
    )
)
@settings(deadline=None)
def test_any_order_gives_a_status(lines: list[bytes]) -> None:
    checked(b"\r\n".join(lines) + b"\r\n\r\n")


@given(st.binary(max_size=100), st.sampled_from(chain._NAMES))
def test_any_value_gives_a_status(value: bytes, name: bytes) -> None:
    assert (
        checked(name + b": " + value.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" + TWICE).status
        is not Status.NONE
    )
