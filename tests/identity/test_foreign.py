"""Tokens of other servers: what is believed of them, and what while they do not answer."""

import asyncio
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pillarbox.identity import foreign
from pillarbox.identity.claims import Channel
from pillarbox.identity.directory import Directory
from pillarbox.identity.foreign import Introspected, Keys, Signed, Terms
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.tokens import Tokens
from pillarbox.model.errors import Code
from tests.identity.issuer import KIM, URL, Issuer, rsa_key
from tests.identity.test_bearer import Door

TERMS = Terms(URL, ("mail", "post"), "email", "mail", ("example.test",), 60)


@pytest.fixture
def issuer(clock: Any) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def door(directory: Directory, clock: Any, issuer: Issuer) -> Door:
    """Takes tokens of one issuer, by its keys, or by asking it."""
    directory.add(KIM, None)
    directory.add("lee@example.test", None)
    directory.add("kim@elsewhere.test", None)
    door = Door(directory, clock)
    providers = (
        Signed(TERMS, Keys(URL + "/keys", issuer.fetch, clock), clock),
        Introspected(TERMS, URL + "/introspect", ("us", "secret"), issuer.fetch, clock, clock),
    )
    door.mechanisms = Mechanisms(
        directory, gate=door.gate, tokens=Tokens(directory, door.gate, foreign=providers)
    )
    return door


def test_a_signed_token(door: Door, issuer: Issuer) -> None:
    for _ in range(3):
        assert door(issuer.sign()) == KIM
    assert door(issuer.sign(aud=["other", "post"]), channel=Channel("pop", "192.0.2.1", tls=True)) == KIM
    assert issuer.asked == 1  # keys are remembered
    assert door.written[0] == ("login", "webmail", "")


@pytest.mark.parametrize(
    ("curve", "alg"), [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")]
)
def test_other_keys(door: Door, issuer: Issuer, curve: ec.EllipticCurve, alg: str) -> None:
    issuer.keys["curve"] = ec.generate_private_key(curve)
    assert door(issuer.sign("curve", alg)) == KIM
    assert door(issuer.sign("one", "PS384")) == KIM


@pytest.mark.parametrize(
    "other",
    [
        {"aud": "another service"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"email": None},
        {"email": 7},
        {"email": "no address"},
        {"email": "kim@elsewhere.test"},  # an account here, but not his to speak for
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": "True"},
        {"email_verified": 1},
    ],
    ids=str,
)
def test_what_is_not_believed(door: Door, issuer: Issuer, other: dict[str, Any]) -> None:
    assert door(issuer.sign(**other)) == "invalid_token"


def test_an_address_that_is_said_to_be_verified_in_words(door: Door, issuer: Issuer) -> None:
    assert door(issuer.sign(email_verified="true")) == KIM


def test_times_and_skew(door: Door, issuer: Issuer, clock: Any) -> None:
    now = int(clock.now)
    assert door(issuer.sign(exp=now - 59)) == KIM
    assert door(issuer.sign(nbf=now + 60)) == KIM
    assert door(issuer.sign(nbf=now + 61)) == "invalid_token"
    before = len(door.written)
    for _ in range(10):
        assert door(issuer.sign(exp=now - 60)) == "invalid_token"
    # It was good once: that is no guess.
    assert {each[2] for each in door.written[before:]} == {"token has run out"}


def test_a_scope_that_lacks(door: Door, issuer: Issuer) -> None:
    assert door(issuer.sign(scope="openid")) == "insufficient_scope"
    assert door(issuer.sign(scope=None, scp=["mail"])) == KIM
    assert door(issuer.sign(scope=None)) == "insufficient_scope"


def test_nobody_here(door: Door, issuer: Issuer) -> None:
    assert door(issuer.sign(email="nobody@example.test")) == "invalid_token"
    assert door(issuer.sign(), "lee@example.test") is Code.AUTHORIZATIONFAILED


# Forgeries


def encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def forged(issuer: Issuer, header: dict[str, Any], secret: bytes | None) -> str:
    said = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(issuer.claims()).encode())}"
    signature = b"" if secret is None else hmac.digest(secret, said.encode(), hashlib.sha256)
    return f"{said}.{encoded(signature)}"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_a_token_that_nobody_signed(door: Door, issuer: Issuer, alg: str) -> None:
    assert door(forged(issuer, {"alg": alg, "kid": "one"}, None)) == "invalid_token"


def test_a_public_key_as_a_secret(door: Door, issuer: Issuer) -> None:
    public = issuer.keys["one"].public_key()
    for octets in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.jwk("one")).encode(),
    ):
        assert door(forged(issuer, {"alg": "HS256", "kid": "one"}, octets)) == "invalid_token"


def test_a_key_that_the_token_brings_along(door: Door, issuer: Issuer) -> None:
    own = Issuer(issuer.now)
    header = {"kid": "one", "jwk": own.jwk("one"), "jku": "https://evil.example/keys"}
    token = jwt.encode(own.claims(), own.keys["one"], "RS256", header)
    assert door(token) == "invalid_token"
    assert (
        door(jwt.encode(issuer.claims(), issuer.keys["one"], "RS256", {"kid": "one", "crit": ["x"]})) != KIM
    )


def test_secrets_and_short_keys_among_the_keys_are_not_used(door: Door, issuer: Issuer) -> None:
    jwk = {"kty": "oct", "kid": "secret", "k": encoded(b"x" * 32)}
    issuer.keys["short"] = rsa.generate_private_key(65537, 1024)
    keys = {"keys": [jwk, issuer.jwk("short"), {**issuer.jwk("one"), "use": "enc"}, {"kty": []}, {}]}
    issuer.raw = json.dumps(keys).encode()
    assert door(forged(issuer, {"alg": "HS256", "kid": "secret"}, b"x" * 32)) == "invalid_token"
    with pytest.warns(match="below the minimum"):
        short = issuer.sign("short")
    for token in (issuer.sign("one"), short):
        assert door(token) == "invalid_token"


def test_a_changed_token(door: Door, issuer: Issuer) -> None:
    head, body, signature = issuer.sign().split(".")
    _, other, _ = issuer.sign(email="lee@example.test").split(".")
    assert door(f"{head}.{other}.{signature}") == "invalid_token"
    assert door(f"{head}.{body}.") == "invalid_token"
    assert door(f"{head}.{body}") == "invalid_token"
    assert door("..") == "invalid_token"


# Keys change, and servers die


def test_the_only_key_need_not_be_named(door: Door, issuer: Issuer) -> None:
    assert door(jwt.encode(issuer.claims(), issuer.keys["one"], "RS256")) == KIM


def test_a_new_key_is_fetched(door: Door, issuer: Issuer, clock: Any) -> None:
    assert door(issuer.sign()) == KIM
    issuer.keys["two"] = rsa_key()
    clock.now += foreign.SOON
    assert door(issuer.sign("two")) == KIM
    assert issuer.asked == 2


def test_unknown_keys_are_not_asked_for_all_the_time(door: Door, issuer: Issuer) -> None:
    assert door(issuer.sign()) == KIM
    other = Issuer(issuer.now, {f"key{each}": rsa_key() for each in range(2)})
    for kid in other.keys:
        assert door(other.sign(kid)) == "invalid_token"
    assert issuer.asked == 1


def test_a_key_that_was_taken_away(door: Door, issuer: Issuer, clock: Any) -> None:
    token = issuer.sign(exp=int(clock.now) + 7200)
    assert door(token) == KIM
    issuer.keys = {"two": rsa_key()}
    clock.now += foreign.KEYS_SECONDS
    assert door(token) == "invalid_token"


def test_a_dead_server_lets_nobody_in_and_shuts_nobody_out(door: Door, issuer: Issuer, clock: Any) -> None:
    token = issuer.sign(exp=int(clock.now) + 10**6)
    issuer.answers = False
    for _ in range(20):
        assert door(token) is Code.UNAVAILABLE
    assert issuer.asked == 1  # nor is it asked again at once
    assert not door.slept
    issuer.answers = True
    clock.now += foreign.DEAD_SECONDS
    assert door(token) == KIM
    issuer.answers = False
    clock.now += foreign.KEYS_SECONDS
    assert door(token) == KIM  # its keys are known
    clock.now += foreign.DEAD_SECONDS
    issuer.keys["two"] = rsa_key()
    assert door(issuer.sign("two")) is Code.UNAVAILABLE  # it may be a new one
    clock.now += foreign.STALE_SECONDS
    assert door(token) is Code.UNAVAILABLE


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_a_server_that_says_something_else(door: Door, issuer: Issuer, raw: bytes) -> None:
    issuer.raw = raw
    assert door(issuer.sign()) is Code.UNAVAILABLE
    assert door("opaque") is Code.UNAVAILABLE


@pytest.mark.parametrize(
    "keys", [7, {}, [7], [{"kty": []}], [{"kty": "RSA"}], [{"kty": "RSA", "n": 1, "e": 1}]]
)
def test_keys_that_are_none(door: Door, issuer: Issuer, keys: object) -> None:
    issuer.raw = json.dumps({"keys": keys}).encode()
    assert door(issuer.sign()) in ("invalid_token", Code.UNAVAILABLE)


# Asking


def test_a_token_that_is_asked_about(door: Door, issuer: Issuer, clock: Any) -> None:
    issuer.tokens["opaque"] = issuer.claims(active=True)
    for _ in range(3):
        assert door("opaque") == KIM
    assert issuer.asked == 1
    assert issuer.basic == ("us", "secret")
    del issuer.tokens["opaque"]
    clock.now += foreign.REMEMBERED_SECONDS
    assert door("opaque") == "invalid_token"


@pytest.mark.parametrize(
    "other",
    [
        {"active": False},
        {"active": "true"},
        {"active": None},
        {"aud": "another service"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"email": "kim@elsewhere.test"},
    ],
    ids=str,
)
def test_what_is_not_believed_of_an_answer(door: Door, issuer: Issuer, other: dict[str, Any]) -> None:
    issuer.tokens["opaque"] = issuer.claims(**{"active": True, **other})
    assert door("opaque") == "invalid_token"


def test_who_guesses_is_not_asked_about(door: Door, issuer: Issuer) -> None:
    for each in range(4):
        assert door(f"guess{each}", KIM) == "invalid_token"
    asked = issuer.asked
    assert door("guess", KIM) is Code.UNAVAILABLE
    assert issuer.asked == asked
    assert door(issuer.sign()) == KIM  # a signature is not guessed


def test_a_dead_server_that_is_asked(door: Door, issuer: Issuer, clock: Any) -> None:
    issuer.answers = False
    for each in range(20):
        assert door(f"opaque{each}") is Code.UNAVAILABLE
    assert not door.slept
    issuer.answers = True
    clock.now += foreign.DEAD_SECONDS
    assert door("opaque") == "invalid_token"


def test_many_at_once_ask_once(door: Door, issuer: Issuer) -> None:
    async def crowd() -> list[Any]:
        return await asyncio.gather(*[door.login(issuer.sign()) for _ in range(20)])

    assert asyncio.run(crowd()) == [KIM] * 20
    assert issuer.asked == 1
