"""Before login: USER and PASS, AUTH, STLS, UTF8, and who is turned away."""

from base64 import b64encode
from typing import Any

import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel
from pillarbox.pop3.session import refusal
from tests.pop3.conftest import Play

AWAY = Peer("192.0.2.1", 4)
PLAIN = b64encode(b"\0ada\0secret")
REFUSED = b"-ERR [AUTH] Authentication failed"
BEFORE = [
    b"TOP",
    b"UIDL",
    b"USER",
    b"SASL PLAIN LOGIN",
    b"STLS",
    b"PIPELINING",
    b"RESP-CODES",
    b"AUTH-RESP-CODE",
    b"EXPIRE NEVER",
    b"UTF8 USER",
    b"LANG",
    b"IMPLEMENTATION Pillarbox",
]


def test_the_greeting_has_no_timestamp(play: Play) -> None:
    # RFC 1939 7: with one, clients would try APOP.
    async def script(world: Any) -> None:
        pop = world.connect()
        assert await pop.line() == b"+OK Pillarbox at mail.example.org is ready"
        assert await pop(b"APOP mrose c4c9334bac560ecc979e58001b3e22fb") == b"-ERR There is no such command"

    play(script)


@pytest.mark.parametrize("pieces", [0, 1])
def test_user_and_pass(play: Play, pieces: int) -> None:
    async def script(world: Any) -> None:
        await world.append(b"a\r\n", b"bb\r\n")
        pop = world.connect()
        await pop.send(b"USER nobody", b"PASS secret", b"USER ada", b"PASS wrong", pieces=pieces)
        await pop.send(b"USER ada", b"PASS secret", b"STAT", pieces=pieces)
        said = [await pop.line() for _ in range(8)]
        assert said[1:] == [
            b"+OK Say the password",  # RFC 1939 13: it does not tell who exists
            REFUSED,
            b"+OK Say the password",
            REFUSED,
            b"+OK Say the password",
            b"+OK 2 messages (7 octets)",
            b"+OK 2 7",
        ]

    play(script)


def test_pass_comes_after_a_user_of_its_own(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop(b"PASS secret") == b"-ERR Say USER and a name first"
        await pop(b"USER ada")
        assert await pop(b"PASS wrong") == REFUSED
        assert await pop(b"PASS secret") == b"-ERR Say USER and a name first"
        await pop(b"USER ada")
        assert await pop(b"AUTH NONSENSE") == b"-ERR There is no such authentication mechanism"
        assert await pop(b"PASS secret") == b"-ERR Say USER and a name first"

    play(script)


def test_names_and_passwords_in_utf8(play: Play) -> None:
    # RFC 6856 2.2: with USER among the arguments of UTF8, also before the command UTF8
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop("USER zo\u00eb\u0007".encode()) == (
            b"-ERR The text contains a character that is not allowed here"
        )
        await pop("USER zoë".encode())
        assert await pop("PASS mot de passe ü".encode()) == b"+OK 0 messages (0 octets)"

    play(script)


# Every command has its states.


@pytest.mark.parametrize(
    "command",
    [b"STAT", b"LIST", b"LIST 1", b"UIDL", b"RETR 1", b"TOP 1 1", b"DELE 1", b"NOOP", b"RSET"],
)
def test_what_needs_a_login(play: Play, command: bytes) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop(command) == b"-ERR Log in first"

    play(script)


@pytest.mark.parametrize("command", [b"USER ada", b"PASS secret", b"AUTH PLAIN " + PLAIN, b"STLS", b"UTF8"])
def test_what_comes_only_before_login(play: Play, command: bytes) -> None:
    # RFC 5034 4: after a successful AUTH any further one is refused.
    async def script(world: Any) -> None:
        pop = await world.user()
        assert await pop(command) == b"-ERR You have logged in already"

    play(script)


# CAPA


def test_capabilities(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop.multi(b"CAPA") == BEFORE
        await pop.send(b"AUTH PLAIN " + PLAIN)
        assert (await pop.line()).startswith(b"+OK")
        # RFC 2449 5: what was announced before is announced still, but for STLS (RFC 2595 10).
        assert await pop.multi(b"CAPA") == [each for each in BEFORE if each != b"STLS"]

    play(script)


def test_capabilities_where_no_password_may_be_sent(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect(peer=AWAY)
        await pop.line()
        hidden = (b"USER", b"SASL PLAIN LOGIN")
        assert await pop.multi(b"CAPA") == [each for each in BEFORE if each not in hidden]
        secure = world.connect(peer=AWAY, tls=True)
        await secure.line()
        assert await secure.multi(b"CAPA") == [each for each in BEFORE if each != b"STLS"]

    play(script)


@pytest.mark.parametrize("command", [b"USER ada", b"AUTH PLAIN", b"AUTH PLAIN " + PLAIN])
def test_no_password_without_tls(play: Play, command: bytes) -> None:
    async def script(world: Any) -> None:
        pop = world.connect(peer=AWAY)
        await pop.line()
        assert await pop(command) == b"-ERR Passwords are not taken without TLS"
        assert await pop(b"STLS") == b"+OK Begin the TLS handshake"
        assert await pop(b"AUTH PLAIN " + PLAIN) == b"+OK 0 messages (0 octets)"

    play(script)


@pytest.mark.parametrize(
    ("policy", "peer", "taken"),
    [
        ("never", Peer("127.0.0.1", is_loopback=True), False),
        ("loopback", AWAY, False),
        ("always", AWAY, True),
    ],
)
def test_the_policy_is_the_operators(play: Play, policy: str, peer: Peer, taken: bool) -> None:
    async def script(world: Any) -> None:
        pop = world.connect(peer=peer)
        await pop.line()
        assert (await pop(b"USER ada")).startswith(b"+OK" if taken else b"-ERR")

    play(script, cleartext=policy)


# STLS (RFC 2595 4)


def test_what_was_said_before_the_handshake_is_forgotten(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        await pop(b"USER ada")
        # What somebody in the middle puts behind STLS is not obeyed afterwards.
        await pop.send(b"STLS", b"USER eve", b"CAPA")
        assert await pop.line() == b"+OK Begin the TLS handshake"
        assert await pop(b"PASS secret") == b"-ERR Say USER and a name first"
        assert await pop(b"STLS") == b"-ERR TLS is on already"

    play(script)


@pytest.mark.parametrize("tls", [True, False])
def test_stls_after_utf8_and_without_a_certificate(play: Play, tls: bool) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop(b"UTF8") == b"+OK UTF-8 from now on"
        expected = b"-ERR STLS comes before UTF8" if tls else b"-ERR There is no TLS here"
        assert await pop(b"STLS") == expected
        assert (b"STLS" in await pop.multi(b"CAPA")) is tls

    play(script, tls=tls)


# AUTH (RFC 5034)


def test_auth_with_and_without_an_initial_response(play: Play) -> None:
    async def script(world: Any) -> None:
        for commands in ([b"auth plain " + PLAIN], [b"AUTH PLAIN", PLAIN]):
            pop = world.connect()
            await pop.line()
            for command in commands[:-1]:
                assert await pop(command) == b"+ "  # the space stays
            assert await pop(commands[-1]) == b"+OK 0 messages (0 octets)"

    play(script)


def test_auth_that_comes_to_nothing(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        for response, answer in [
            (b"*", b"-ERR Authentication given up"),
            (b"=AAA", b"-ERR A step of the authentication exchange is not base64"),
            (b"", b"-ERR A PLAIN message has three parts separated by NUL"),
            (b64encode(b"\0ada\0wrong"), REFUSED),
        ]:
            assert await pop(b"AUTH PLAIN") == b"+ "
            assert await pop(response) == answer
            # RFC 5034 4: as if it had never been said
            assert (await pop.multi(b"CAPA"))[0] == b"TOP"
        assert await pop(b"AUTH LOGIN") == b"+ VXNlcm5hbWU6"
        assert await pop(b64encode(b"ada")) == b"+ UGFzc3dvcmQ6"
        assert await pop(b64encode(b"secret")) == b"+OK 0 messages (0 octets)"

    play(script)


# Who is turned away, and with which code (RFC 2449 8, RFC 3206)


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (Refused("no", Code.AUTHENTICATIONFAILED), b"[AUTH] "),
        (Refused("no", Code.AUTHORIZATIONFAILED), b"[AUTH] "),
        (Refused("no", Code.EXPIRED), b"[AUTH] "),
        (Refused("no", Code.INUSE), b"[IN-USE] "),
        (Refused("no", Code.CONTACTADMIN), b"[SYS/PERM] "),
        (Refused("no", Code.UNAVAILABLE), b"[SYS/TEMP] "),
        (Refused("no", temporary=True), b"[SYS/TEMP] "),
        (Refused("no"), b""),
    ],
)
def test_response_codes(play: Play, refused: Refused, code: bytes) -> None:
    async def script(world: Any) -> None:
        world.refusal = refused
        pop = world.connect()
        await pop.line()
        assert await pop(b"AUTH PLAIN " + PLAIN) == b"-ERR " + code + b"no"

    play(script)


def test_an_account_that_is_not_there(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.store.erase_account(7)
        pop = world.connect()
        await pop.line()
        assert await pop(b"AUTH PLAIN " + PLAIN) == b"-ERR [SYS/PERM] There is no such account"
        assert pop.client.closed
        await world.store.create_account(7)

    play(script)


def test_an_error_of_ours(play: Play) -> None:
    async def script(world: Any) -> None:
        world.refusal = ZeroDivisionError()
        world.expected_bugs = 1
        pop = world.connect()
        await pop.line()
        said = b"-ERR [SYS/TEMP] This is a fault of the server, logged as trace1"
        assert await pop(b"AUTH PLAIN " + PLAIN) == said
        assert await pop(b"QUIT") == b"+OK Good bye"

    play(script)


def test_five_wrong_passwords_end_it(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        for _ in range(4):
            assert await pop(b"AUTH PLAIN " + b64encode(b"\0ada\0x")) == REFUSED
        await pop.send(b"AUTH PLAIN " + b64encode(b"\0ada\0x"), b"AUTH PLAIN " + PLAIN)
        assert await pop.client.read_all() == REFUSED + b"\r\n"

    play(script)


def test_one_connection_too_many() -> None:
    assert refusal("h") == b"-ERR [SYS/TEMP] h has too many connections, try again later\r\n"


# Lines


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\rOP\r\n", b"CAPA \0\r\n", b"\r\n", b"USER \xff\r\n"])
def test_lines_that_are_none(play: Play, line: bytes) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        await pop.client.send(line)
        assert (await pop.line()).startswith(b"-ERR ")
        assert await pop(b"QUIT") == b"+OK Good bye"

    play(script)


def test_a_line_that_is_too_long(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        assert await pop(b"USER " + b"x" * 300) == b"+OK Say the password"  # RFC 2449 4: 255 at least
        assert await pop(b"USER " + b"x" * 1_000_000) == b"-ERR The line is too long"
        assert await pop(b"AUTH PLAIN") == b"+ "
        assert await pop(b"x" * 10_000) == b"-ERR The line is too long"
        assert await pop(b"AUTH PLAIN " + PLAIN) == b"+OK 0 messages (0 octets)"

    play(script)


def test_too_many_bad_commands(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = world.connect()
        await pop.line()
        await pop.send(*[b"GET / HTTP/1.1"] * 50)
        said = (await pop.client.read_all()).splitlines()
        assert len(said) == 10
        assert said[-1] == b"-ERR There is no such command; too many bad commands"
        user = await world.user()
        await user.send(*[b"XYZW"] * 99, b"RETR 1", *[b"XYZW"] * 99, b"NOOP")
        for _ in range(199):
            assert (await user.line()).startswith(b"-ERR")
        assert await user.line() == b"+OK Nothing done"

    play(script)


# Silence (RFC 1939 3)


def test_who_is_silent_is_left_without_a_word(play: Play) -> None:
    async def script(world: Any) -> None:
        now = [0.0]
        wheel = Wheel(clock=lambda: now[0])
        pop = world.connect(wheel=wheel)
        await pop.login()
        await world.append(b"x\r\n")
        now[0] += 599
        wheel.turn()
        assert await pop(b"NOOP") == b"+OK Nothing done"
        now[0] += 602
        wheel.turn()
        assert await pop.client.read_all() == b""
        stranger = world.connect(wheel=wheel)
        await stranger.line()
        now[0] += 62
        wheel.turn()
        assert await stranger.client.read_all() == b""
        wheel.stop()

    play(script)


def test_a_server_that_stops(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(b"a\r\n", b"b\r\n")
        stranger, idle, busy = world.connect(), await world.user(), await world.user()
        await stranger.line()
        await busy(b"DELE 1")
        for pop in (stranger, idle, busy):
            pop.client.driver.drain()
        for pop in (stranger, idle):
            assert await pop.client.read_all() == b"-ERR [SYS/TEMP] The server stops\r\n"
        # Who has deleted something may still say so.
        assert await busy(b"QUIT") == b"+OK Good bye, 1 messages left"
        assert await world.uids() == [2]

    play(script)
