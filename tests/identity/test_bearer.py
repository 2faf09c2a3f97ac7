"""OAUTHBEARER and XOAUTH2 as messages, and what tokens lead to."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.identity import grants
from pillarbox.identity.abuse import Ledger, Rules
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.bearer import Bearer
from pillarbox.identity.claims import Channel, Token
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.tokens import Tokens
from pillarbox.model.errors import Code, PeerSyntax, Refused

KIM = "kim@example.test"
HERE = Channel("imap", "192.0.2.1", tls=True)


def bearer(name: str = "OAUTHBEARER") -> Bearer:
    return Bearer(name, "imap", "https://mail.example.test/.well-known/oauth-authorization-server")


def said(token: str, acts: str = "", name: str = "OAUTHBEARER") -> bytes:
    if name == "XOAUTH2":
        return f"user={acts or KIM}\x01auth=Bearer {token}\x01\x01".encode()
    return f"n,{f'a={acts}' if acts else ''},\x01host=localhost\x01auth=Bearer {token}\x01\x01".encode()


@pytest.mark.parametrize(
    ("message", "token"),
    [
        # RFC 7628 4.1
        (
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
            Token("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "user@example.com"),
        ),
        (b"n,,\x01auth=bearer abc\x01\x01", Token("abc")),
        (b"y,,\x01auth=BEARER  abc\x01unknown=x y\t\x01\x01", Token("abc")),
        (b"n,a=a=2Cb=3D@example.com,\x01auth=Bearer abc\x01\x01", Token("abc", "a,b=@example.com")),
    ],
)
def test_messages(message: bytes, token: Token) -> None:
    assert bearer().step(None) == b""
    exchange = bearer()
    assert exchange.step(message) == token
    assert "abc" not in repr(Token("abc"))


def test_the_older_message() -> None:
    message = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qm\x01\x01"
    assert bearer("XOAUTH2").step(message) == Token("ya29.vF9dft4qm", "someuser@example.com")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,\x01auth=Bearer abc\x01",  # no end
        b"p=tls-unique,,\x01auth=Bearer abc\x01\x01",  # nothing binds
        b"n,b=x,\x01auth=Bearer abc\x01\x01",
        b"n,a=x=y,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01",
        b"n,,\x01\xff=Bearer abc\x01\x01",
        b"n,,auth=Bearer abc\x01\x01",
        b"auth=Bearer abc\x01\x01",
    ],
)
def test_what_is_no_message(message: bytes) -> None:
    with pytest.raises(PeerSyntax):
        bearer().step(message)


@pytest.mark.parametrize(
    "auth", [b"", b"auth=\x01", b"auth=Basic abc\x01", b"auth=Bearer a b\x01", b"auth=Bearer\x01"]
)
def test_a_message_without_a_token_is_told_where_to_get_one(auth: bytes) -> None:
    exchange = bearer()
    challenge = exchange.step(b"n,,\x01" + auth + b"\x01")
    assert isinstance(challenge, bytes)
    told = json.loads(challenge)
    assert told["status"] == "invalid_request"
    assert told["scope"] == "imap"
    assert told["openid-configuration"].startswith("https://")
    with pytest.raises(Refused):
        exchange.step(b"\x01")


@given(st.binary(max_size=60))
def test_garbage_is_refused(garbage: bytes) -> None:
    for name in ("OAUTHBEARER", "XOAUTH2"):
        for prefix in (b"", b"n,,\x01auth=Bearer ", b"user=x\x01auth=Bearer "):
            try:
                outcome = bearer(name).step(prefix + garbage)
            except (PeerSyntax, Refused):
                continue
            assert isinstance(outcome, (bytes, Token))


@dataclass
class Door:
    """All that a token goes through."""

    directory: Directory
    clock: Callable[[], float]
    ledger: Ledger = field(default_factory=lambda: Ledger(Rules(delay_after=2, ban_after=4)))
    slept: list[float] = field(default_factory=list)
    written: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = Gate(
            self.ledger,
            clock=self.clock,
            take=lambda note: self.ledger.take(note, self.clock()) and None,
            write=lambda event, **fields: self.written.append(
                (event, str(fields["device"]), str(fields["detail"]))
            ),
            sleep=self.sleep,  # type: ignore[arg-type]
        )
        self.users = Authenticator(
            self.directory, PasswordPool(1), clock=self.clock, key=bytes(32), gate=self.gate
        )
        self.mechanisms = Mechanisms(self.directory, gate=self.gate, tokens=Tokens(self.directory, self.gate))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def login(
        self, token: str, acts: str = "", channel: Channel = HERE, name: str = "OAUTHBEARER"
    ) -> Any:
        """The address that is open then, or what the client is told."""
        exchange = self.mechanisms.start(name, channel)
        assert exchange is not None
        try:
            outcome = await self.mechanisms.step(exchange, said(token, acts, name), channel)
            if isinstance(outcome, bytes):
                with pytest.raises(Refused) as refused:
                    await self.mechanisms.step(exchange, b"\x01" if name == "OAUTHBEARER" else b"", channel)
                assert refused.value.code is Code.AUTHENTICATIONFAILED
                return json.loads(outcome)["status"]
            return (await self.users.login(outcome, channel)).address
        except Refused as refused:
            return refused.code

    def __call__(self, token: str, acts: str = "", channel: Channel = HERE, name: str = "OAUTHBEARER") -> Any:
        return asyncio.run(self.login(token, acts, channel, name))


@pytest.fixture
def door(directory: Directory, clock: Callable[[], float]) -> Door:
    directory.add(KIM, None)
    directory.add("lee@example.test", None)
    return Door(directory, clock)


def grant(directory: Directory, scope: str = "imap smtp", address: str = KIM) -> grants.Pair:
    with directory.changing():
        made = grants.begin(directory, directory.require(address).prefix, "app", "An app", scope)
        return grants.issue(directory, made, scope, secrets.token_bytes)


def test_a_token_opens_its_account(door: Door, directory: Directory) -> None:
    access = grant(directory).access
    for name in ("OAUTHBEARER", "XOAUTH2"):
        assert door(access, name=name) == KIM
        assert door(access, "Kim@EXAMPLE.test", name=name) == KIM
    assert door.written[0] == ("login", "An app", "")
    assert not any(access in str(each) for each in door.written)


def test_a_token_opens_nobody_else(door: Door, directory: Directory) -> None:
    assert door(grant(directory).access, "lee@example.test") is Code.AUTHORIZATIONFAILED
    assert door.written[-1][0] == "refusal"


def test_a_token_opens_what_it_is_for(door: Door, directory: Directory) -> None:
    access = grant(directory).access
    assert door(access, channel=Channel("smtp", "192.0.2.1", tls=True)) == KIM
    assert door(access, channel=Channel("pop", "192.0.2.1", tls=True)) == "insufficient_scope"
    assert door(access, channel=Channel("pop", "192.0.2.1", tls=True), name="XOAUTH2") == "403"


def test_a_token_ends(door: Door, directory: Directory, clock: Any) -> None:
    access = grant(directory).access
    clock.now += grants.ACCESS_SECONDS - 1
    assert door(access) == KIM
    clock.now += 1
    assert door(access) == "invalid_token"
    # Programs find out so that they need another: nobody is banned for it.
    for _ in range(10):
        assert door(access) == "invalid_token"
    assert not door.slept
    assert door.written[-1] == ("refusal", "", "token has run out")


def test_a_refresh_token_opens_nothing(door: Door, directory: Directory) -> None:
    assert door(grant(directory).refresh) == "invalid_token"


def test_disabled_and_deleted_accounts(door: Door, directory: Directory) -> None:
    access, kim = grant(directory).access, directory.require(KIM)
    directory.set_enabled(kim.prefix, False)
    assert door(access) == "invalid_token"
    directory.set_enabled(kim.prefix, True)
    assert door(access) == KIM
    directory.delete(kim.prefix)
    assert door(access) == "invalid_token"
    assert directory.run("SELECT count(*) FROM oauth_token") == [(0,)]


def test_wrong_tokens_count_as_wrong_passwords(door: Door, directory: Directory) -> None:
    assert [door(f"wrong{each}", KIM) for each in range(4)] == ["invalid_token"] * 4
    assert door.slept == [0.5, 1.0]
    assert door("wrong", KIM) is Code.UNAVAILABLE
    assert door(grant(directory).access) == KIM  # nobody guesses that


def test_who_repeats_a_wrong_token_is_counted_once(door: Door) -> None:
    assert [door("wrong", KIM) for each in range(9)] == ["invalid_token"] * 9
    assert not door.slept


def test_an_administrators_ban_holds_for_tokens(door: Door, directory: Directory, clock: Any) -> None:
    door.ledger.ban("192.0.2.1", clock(), 60)
    assert door(grant(directory).access) is Code.UNAVAILABLE


def test_tokens_are_not_said_in_the_clear(door: Door) -> None:
    assert door.mechanisms.offered(HERE)[-2:] == ("OAUTHBEARER", "XOAUTH2")
    assert "XOAUTH2" in door.mechanisms.offered(Channel("imap", "127.0.0.1"))
    assert "XOAUTH2" not in door.mechanisms.offered(Channel("imap", "192.0.2.1"))
    assert door.mechanisms.start("oauthbearer", Channel("imap", "192.0.2.1")) is None
    without = Mechanisms(door.directory)
    assert "XOAUTH2" not in without.offered(HERE)
    assert without.start("XOAUTH2", HERE) is None
