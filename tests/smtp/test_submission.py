"""SMTP as mail clients speak it: login and what comes after."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.delivery.post import Submission
from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.waiting import Limits
from pillarbox.delivery.wishes import Hold, Wishes
from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim, Credentials, refusal
from pillarbox.identity.sasl import Mechanisms
from pillarbox.model.errors import Refused
from pillarbox.net.memory import connect
from pillarbox.net.session import Peer
from pillarbox.smtp.profile import MAX_FAILED_LOGINS, SUBMISSION
from pillarbox.smtp.session import Session, Users
from tests.delivery.office import ANN, BOB, NOW

Scene = Callable[..., None]
IN = b"235 2.7.0 Logged in"
BAD = b"535 5.7.8 Authentication failed"


async def login(claim: Claim, channel: Channel) -> Login:
    assert channel.protocol == "smtp"
    assert isinstance(claim, Credentials)
    if claim.password == "busy":
        raise Refused("Too many logins at once, try again", temporary=True)
    if (claim.name, claim.password) != ("ann@example.test", "secret"):
        raise refusal()
    return Login(ANN, 1, "ann@example.test")


def known(name: str) -> Login | None:
    return Login(ANN, 1, name) if name == "ann@example.test" else None


USERS = Users(
    login,
    Mechanisms(),
    lambda account, address: (account, address) == (ANN, "ann@example.test"),
    known=known,
)
SUBMITTING = {"profile": SUBMISSION, "users": USERS}


def plain(name: str, password: str) -> bytes:
    return b64encode(f"\0{name}\0{password}".encode())


GOOD = plain("ann@example.test", "secret")


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"AUTH PLAIN " + GOOD, [IN]),
        (b"auth plain\r\n" + GOOD, [b"334 ", IN]),
        (
            b"AUTH LOGIN\r\n" + b64encode(b"ann@example.test") + b"\r\n" + b64encode(b"secret"),
            [b"334 VXNlcm5hbWU6", b"334 UGFzc3dvcmQ6", IN],
        ),
        (b"AUTH PLAIN " + plain("ann@example.test", "wrong"), [BAD]),
        (b"AUTH PLAIN " + plain("bob", "busy"), [b"454 4.7.0 Too many logins at once, try again"]),
        (b"AUTH PLAIN\r\n*", [b"334 ", b"501 5.7.0 Authentication given up"]),
        (b"AUTH PLAIN\r\nnonsense!", [b"334 ", b"501 5.5.2 That is not base64"]),
        (b"AUTH PLAIN =", [b"501 5.5.2 A PLAIN message has three parts separated by NUL"]),
        (b"AUTH CRAM-MD5", [b"504 5.5.4 There is no such authentication mechanism"]),
        (b"AUTH PLAIN " + GOOD + b"\r\nAUTH PLAIN", [IN, b"503 5.5.1 You have logged in already"]),
        (b"MAIL FROM:<ann@example.test>", [b"530 5.7.0 Log in first"]),
    ],
)
def test_login(scene: Scene, said: bytes, answers: list[bytes]) -> None:
    async def play(talk: Any) -> None:
        assert await talk(said + b"\r\n") == answers

    scene(play, **SUBMITTING)


def test_auth_is_announced_where_it_may_be_used(scene: Scene) -> None:
    # RFC 4954 4.1: not after login; RFC 8314 3: not where passwords could be read on the way.
    async def play(talk: Any) -> None:
        assert b"250 AUTH PLAIN LOGIN" in await talk(b"EHLO a.test\r\n")
        await talk(b"AUTH PLAIN " + GOOD + b"\r\n")
        assert not [line for line in await talk(b"EHLO a.test\r\n") if b"AUTH" in line]
        far = connect(Session(talk.session.service), peer=Peer("192.0.2.7", 4000))
        await far.read_line()
        await far.send(b"EHLO a.test\r\nAUTH PLAIN " + GOOD + b"\r\n")
        said = await far.read_until(b"538 5.7.11 Passwords are not taken without TLS\r\n")
        assert b"AUTH" not in said
        await far.disconnect()

    scene(play, **SUBMITTING)


def test_guessing_ends_the_connection(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        guess = b"AUTH PLAIN " + plain("ann@example.test", "x") + b"\r\n"
        await talk.client.send(guess * MAX_FAILED_LOGINS)
        said = await talk.client.read_all()
        assert said.count(BAD) == MAX_FAILED_LOGINS
        assert said.endswith(b"421 4.7.0 Too many failed logins\r\n")

    scene(play, **SUBMITTING)


def test_received_says_that_somebody_had_logged_in(scene: Scene) -> None:
    # RFC 3848: ESMTPSA
    async def play(talk: Any) -> None:
        await talk(b"AUTH PLAIN " + GOOD + b"\r\n")
        await talk.start(b"ann@example.test", mail=b"MAIL FROM:<ann@example.test>")
        await talk(b"DATA\r\nFrom: ann@example.test\r\n\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert b" with ESMTPSA id X" in filed.raw

    scene(play, tls=True, **SUBMITTING)


def test_what_is_held_waits_in_the_queue(scene: Scene) -> None:
    # RFC 4865 4.2, 5: also for who is here
    async def play(talk: Any) -> None:
        talk.session.service.post.submission = Submission(Limits(held=5, held_octets=1000))
        await talk(b"AUTH PLAIN " + GOOD + b"\r\n")
        await talk.start(b"bob@example.test", mail=b"MAIL FROM:<ann@example.test> HOLDFOR=3600 MT-PRIORITY=2")
        assert (await talk(b"DATA\r\nSubject: x\r\n\r\n.\r\n"))[-1] == b"250 2.0.0 Taken as X1"
        assert await talk.office.filed(BOB) == []
        [entry] = await talk.office.queue.do(asking.entries)
        assert [each.due_at for each in entry.recipients] == [NOW + 3600]
        assert entry.letter.wishes == Wishes(Hold(int(NOW) + 3600, "for;3600"), None, 2)
        assert b" PRIORITY 2;" in entry.letter.content.read(talk.office.queue.folder)

    scene(play, longest_hold=86_400, **SUBMITTING)
