"""Signatures: the examples of the standards, what breaks them, and what must not break us."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pillarbox.filter.auth import fields
from pillarbox.filter.auth.dkim import body, canonical, sign, verify
from pillarbox.filter.auth.dkim.body import Bodies, Form, Hashed
from pillarbox.filter.auth.dkim.canonical import Canonical
from pillarbox.filter.auth.dkim.key import PrivateKey
from pillarbox.filter.auth.dkim.verify import Dkim, Result
from pillarbox.filter.dns import answered
from tests.filter.auth.zone import Zone

SIMPLE, RELAXED = Canonical.SIMPLE, Canonical.RELAXED
NOW = 1_750_000_000.0
RSA = generate_private_key(65537, 1024)
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

# RFC 8463 appendix A.2 and A.3
RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.

""".replace(b"\n", b"\r\n")
FOOTBALL = (
    Zone()
    .add(
        "brisbane._domainkey.football.example.com",
        "TXT",
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    )
    .add(
        "test._domainkey.football.example.com",
        "TXT",
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
        "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
        "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
        "Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    )
)

MESSAGE = (
    b"From: kim@example.org\r\nTo: ann@example.test\r\nSubject: a  folded\r\n\tone\r\n\r\nHello,  you\r\n\r\n"
)


def verified(message: bytes, zone: Zone, now: float = NOW, size: int = 1 << 20) -> tuple[Dkim, ...]:
    header, _, content = message.partition(b"\r\n\r\n")
    found = fields.split(header + b"\r\n")
    bodies = Bodies(verify.forms(found))
    for at in range(0, len(content), size):
        bodies.feed(content[at : at + size])
    return answered(verify.verify(found, bodies.hashes(), now), zone)


def signed(message: bytes, key: PrivateKey, domain: str = "example.org", **more: float) -> bytes:
    header, _, content = message.partition(b"\r\n\r\n")
    bodies = Bodies([sign.FORM])
    bodies.feed(content)
    hashed = bodies.hashes()[sign.FORM]
    return (
        sign.sign(
            fields.split(header + b"\r\n"), hashed, domain=domain, selector="s1", key=key, now=NOW, **more
        )
        + message
    )


def record(key: PrivateKey) -> str:
    if isinstance(key, Ed25519PrivateKey):
        return "v=DKIM1; k=ed25519; p=" + sign.text(key.public_key().public_bytes_raw())
    octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + sign.text(octets)


def zone(key: PrivateKey, more: str = "") -> Zone:
    return Zone().add("s1._domainkey.example.org", "TXT", record(key) + more)


def test_the_example_of_rfc_8463() -> None:
    assert [each.result for each in verified(RFC_8463, FOOTBALL)] == [Result.PASS, Result.PASS]
    changed = RFC_8463.replace(b"We lost", b"We won")
    assert [each.result for each in verified(changed, FOOTBALL)] == [Result.FAIL, Result.FAIL]


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_what_we_sign_verifies(key: PrivateKey) -> None:
    message = signed(MESSAGE, key)
    (found,) = verified(message, zone(key))
    assert (found.result, found.domain, found.selector, found.identity) == (
        *(Result.PASS, "example.org", "s1"),
        "@example.org",
    )
    assert max(map(len, message.split(b"\r\n"))) <= 78
    # Folds and white space may change on the way (relaxed); nobody may add another author.
    assert verified(message.replace(b"folded\r\n\tone", b"folded one"), zone(key))[0].result is Result.PASS
    assert verified(b"From: eve@example.org\r\n" + message, zone(key))[0].result is Result.FAIL
    assert verified(message + b"more\r\n", zone(key))[0].reason == "the body has been changed"
    assert verified(message + b"\r\n\r\n", zone(key))[0].result is Result.PASS


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_dkimpy_agrees(key: PrivateKey) -> None:
    dkim = pytest.importorskip("dkim", reason="dkimpy is the other side")
    if isinstance(key, Ed25519PrivateKey):
        pytest.importorskip("nacl", reason="dkimpy needs PyNaCl for Ed25519")

    def dns(name: bytes, timeout: float = 5) -> bytes:
        return record(key).encode()

    assert dkim.verify(signed(MESSAGE, key), dnsfunc=dns)
    if key is RSA:
        from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

        pem = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        for forms in [(a, b) for a in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]:
            theirs = dkim.sign(MESSAGE, b"s1", b"example.org", pem, canonicalize=forms)
            assert verified(theirs + MESSAGE, zone(key))[0].result is Result.PASS


@pytest.mark.parametrize(
    "key, change, result",
    [
        ("", b"", Result.PERMERROR),
        ("v=DKIM1; p=", b"", Result.PERMERROR),  # revoked
        ("v=DKIM2; {}", b"", Result.PERMERROR),
        ("{}; h=sha1", b"", Result.PERMERROR),
        ("{}; s=tlsrpt", b"", Result.PERMERROR),
        ("{}; h=sha1:sha256; s=email:x; n=why; z=unknown", b"", Result.PASS),
        ("p=AAAA", b"", Result.PERMERROR),
        ("p=%%%", b"", Result.PERMERROR),
        ("k=ed25519; p=AAAA", b"", Result.PERMERROR),
        ("nonsense", b"", Result.PERMERROR),
        ("{}; t=y", b"", Result.PASS),
    ],
)
def test_keys(key: str, change: bytes, result: Result) -> None:
    there = Zone().add("s1._domainkey.example.org", "TXT", key.format(record(RSA).partition("; ")[2]))
    assert verified(signed(MESSAGE, RSA), there)[0].result is result


def test_no_key_trouble_and_two_keys() -> None:
    message = signed(MESSAGE, RSA)
    assert verified(message, Zone())[0].reason == "there is no such key"
    assert verified(message, Zone().breaks("s1._domainkey.example.org"))[0].result is Result.TEMPERROR
    twice = zone(RSA).add("s1._domainkey.example.org", "TXT", record(RSA))
    assert verified(message, twice)[0].result is Result.PERMERROR


def test_keys_that_are_too_short_are_no_keys() -> None:
    # RFC 8301 3.2. A key of 512 bits cannot be made here any more: this is one.
    short = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANmBe10IgY+u7h3enWTukkqtUD5PR52Tb"
        "/mPfjC0QJTocVBq6Za/PlzfV+Py92VaCak19F4WrbVTK5Gg5tW220MCAwEAAQ=="
    )
    there = Zone().add("s1._domainkey.example.org", "TXT", f"p={short}")
    found = verified(signed(MESSAGE, RSA), there)[0]
    assert (found.result, found.reason) == (Result.PERMERROR, "the key is too short to be secure")


@pytest.mark.parametrize(
    "old, new",
    [
        (b"v=1;", b"v=2;"),
        (b"a=rsa-sha256", b"a=rsa-sha1"),  # RFC 8301 3.1
        (b"a=rsa-sha256", b"a=rsa-sha512"),
        (b"h=from:from", b"h=sender"),
        (b"d=example.org", b"d=..."),
        (b"d=example.org", b"d=example.org; i=@example.net"),
        (b"d=example.org", b"d=example.org; d=example.org"),
        (b"d=example.org", b"d=example.org; l=many"),
        (b"c=relaxed/relaxed", b"c=nofws"),
        (b"bh=", b"bh=!"),
        (b"t=", b"t=x"),
        (b"t=1750000000", b"t=1750000000; x=1700000000"),
    ],
)
def test_malformed_signatures(old: bytes, new: bytes) -> None:
    message = signed(MESSAGE, RSA)
    assert old in message
    assert verified(message.replace(old, new, 1), zone(RSA))[0].result is Result.PERMERROR


def test_expired() -> None:
    message = signed(MESSAGE, RSA, lifetime=3600)
    assert verified(message, zone(RSA))[0].result is Result.PASS
    assert (
        verified(message, zone(RSA), NOW + 3600 + verify.DRIFT + 1)[0].reason == "the signature has expired"
    )


def test_a_body_signed_in_part_is_not_the_domains_word() -> None:
    dkim = pytest.importorskip("dkim", reason="dkimpy signs with l=")
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    pem = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    message = dkim.sign(MESSAGE, b"s1", b"example.org", pem, length=True) + MESSAGE
    assert verified(message, zone(RSA))[0].result is Result.PASS
    assert verified(message + b"buy!\r\n", zone(RSA))[0].result is Result.POLICY
    assert verified(message[:-14], zone(RSA))[0].result is Result.FAIL


def test_only_so_many_signatures_are_looked_at() -> None:
    there = zone(RSA)
    field = signed(MESSAGE, RSA).removesuffix(MESSAGE)
    assert len(verified(field * 50 + MESSAGE, there)) == verify.SIGNATURE_LIMIT == len(there.asked)


def test_strict_keys_are_for_the_domain_alone() -> None:
    header = fields.split(MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n")
    own = sign.unsigned_field(
        "DKIM-Signature",
        {
            **{"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "example.org", "s": "s1"},
            **{"i": "kim@mail.example.org", "h": "from", "bh": sign.text(_hash(MESSAGE))},
        },
    )
    from pillarbox.filter.auth.dkim import key

    data = canonical.signed(canonical.chosen(header, [b"from"]), own, RELAXED)
    message = sign.with_signature(own, key.signed(RSA, data)) + MESSAGE
    assert verified(message, zone(RSA))[0].result is Result.PASS
    assert verified(message, zone(RSA, "; t=s"))[0].result is Result.PERMERROR


def _hash(message: bytes) -> bytes:
    bodies = Bodies([sign.FORM])
    bodies.feed(message.partition(b"\r\n\r\n")[2])
    return bodies.hashes()[sign.FORM].digest


# Bodies


def whole(content: bytes, form: Canonical) -> bytes:
    """RFC 6376 3.4.3 and 3.4.4 as they are written, with all of the body at hand."""
    lines = content.split(b"\r\n")
    if form is RELAXED:
        lines = [b" ".join(line.replace(b"\t", b" ").split(b" ")) for line in lines]
        lines = [b" ".join(filter(None, (b"\0" + line).split(b" ")))[1:] for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return b"\r\n" if form is SIMPLE else b""
    return b"\r\n".join(lines) + b"\r\n"


@pytest.mark.parametrize(
    "content, relaxed, simple",
    [
        (b"", b"", b"\r\n"),
        (b"\r\n\r\n", b"", b"\r\n"),
        (b" \r\n", b"", b" \r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n", b" C \r\nD \t E\r\n"),  # RFC 6376 3.4.5
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        (b"a\n\r\n", b"a\n\r\n", b"a\n\r\n"),
        (b"a \t", b"a\r\n", b"a \t\r\n"),
        (b"\r\n\r\na", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
    ],
)
def test_canonical_bodies(content: bytes, relaxed: bytes, simple: bytes) -> None:
    for form, wanted in ((RELAXED, relaxed), (SIMPLE, simple)):
        bodies = Bodies([Form(form)])
        bodies.feed(content)
        assert bodies.hashes()[Form(form)] == Hashed(hashlib.sha256(wanted).digest(), len(wanted))


@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"x", b"yz", b"  "]), max_size=40),
    st.integers(1, 7),
    st.sampled_from(Canonical),
    st.none() | st.integers(0, 20),
)
@settings(max_examples=400)
@example([b"a", b"\r", b"\r\n"], 1, RELAXED, None)
@example([b"a", b" ", b"\r", b"x"], 2, RELAXED, None)
def test_how_a_body_is_cut_changes_nothing(
    parts: list[bytes], size: int, form: Canonical, limit: int | None
) -> None:
    content = b"".join(parts)
    bodies = Bodies([Form(form, limit)])
    for at in range(0, len(content), size):
        bodies.feed(content[at : at + size])
    wanted = whole(content, form)
    hashed = bodies.hashes()[Form(form, limit)]
    assert hashed == Hashed(hashlib.sha256(wanted[:limit]).digest(), len(wanted))


def test_empty_lines_without_end_are_counted_not_kept() -> None:
    bodies = Bodies([Form(RELAXED)])
    for _ in range(1000):
        bodies.feed(b"\r\n" * 10_000)
    (one,) = bodies._bodies.values()
    assert (one._line_ends, one._rest) == (10_000_000, b"")


@pytest.mark.parametrize(
    "unit", [b"\r\n", b"\r\r\n", b" ", b" \r\n", b"\t \t\r\r\n\n", b"\r", b"x\r\n\r\n \r\n"]
)
def test_hostile_bodies_take_time_in_proportion(unit: bytes) -> None:
    """Counted in octets that go through the forms, not by a clock: each comes out at most once."""
    content = unit * 20_000
    form = body._Body(Form(RELAXED))
    for at in range(0, len(content), 4096):
        form.feed(content[at : at + 4096])
        assert len(form._rest) <= 2
    assert form.finish().size <= len(content) + 2


# Hostile headers


@given(st.binary(max_size=300))
@example(b"v=1; a=rsa-sha256; b=AA==; bh=AA==; d=\xc3\xa9.example; s=s; h=from; i=@\xff")
@settings(max_examples=300)
def test_any_signature_field_gives_a_result(value: bytes) -> None:
    message = b"DKIM-Signature: " + value.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" + MESSAGE
    for found in verified(message, FOOTBALL):
        assert found.result in (Result.PERMERROR, Result.FAIL)


TAGS = ["v=1", "a=rsa-sha256", "b=AAAA", "bh=AAAA", "d=x.test", "s=s", "h=from:to", "c=simple", "l=9", "x=1"]


@given(st.lists(st.sampled_from([*TAGS, "i=a@x.test", "t=2", "q=dns/txt", ";", "=", "h=" + "to:" * 500])))
def test_shuffled_tags_give_a_result(tags: list[str]) -> None:
    message = b"DKIM-Signature: " + "; ".join(tags).encode() + b"\r\n" + MESSAGE
    assert verified(message, Zone())[0].result is not Result.PASS


@given(
    st.text(max_size=200) | st.lists(st.sampled_from(["p=", "k=rsa;", "v=DKIM1;", "AAAA", " "])).map("".join)
)
def test_any_key_record_gives_a_result(text: str) -> None:
    there = Zone().add("s1._domainkey.example.org", "TXT", text)
    assert verified(signed(MESSAGE, RSA), there)[0].result is Result.PERMERROR


def test_a_signature_may_be_folded_anywhere() -> None:
    message = signed(MESSAGE, RSA)
    start, _, rest = message.partition(b" b=")
    value, end, rest = rest.partition(b"\r\nFrom:")
    folded = b"\r\n ".join(value[at : at + 5] for at in range(0, len(value), 5))
    assert verified(start + b" b=" + folded + end + rest, zone(RSA))[0].result is Result.PASS
