"""A server that many come to at once, and one behind a proxy."""

import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from pillarbox.app.arriving import Proxy
from pillarbox.app.config import Abuse, Auth, Config, Limits
from pillarbox.identity import audit
from pillarbox.identity.audit import Audit
from pillarbox.net.proxy import SIGNATURE
from pillarbox.testing.server import MailServer

KIM, PASSWORD = "kim@example.test", "the right password"
COUNTED = Abuse(exempt=())


@contextmanager
def serving(config: Config) -> Iterator[MailServer]:
    with MailServer(config) as server:
        server.add_account(KIM, PASSWORD)
        yield server
        server.check()


def connect(server: MailServer, protocol: str, source: str = "127.0.0.1") -> socket.socket:
    port = getattr(server, f"{protocol}_port")
    return socket.create_connection((server.host, port), 20, (source, 0))


def hear(sock: socket.socket, end: bytes = b"\r\n") -> bytes:
    """Until then, or the end."""
    heard = b""
    while end not in heard and (more := sock.recv(4096)):
        heard += more
    return heard


def test_one_too_many_of_a_network_is_told_so_in_the_words_of_the_protocol() -> None:
    with serving(Config(abuse=COUNTED, limits=Limits(connections_each=2))) as server, ExitStack() as stack:
        for protocol, source, words in (
            ("imap", "127.0.1.1", b"* BYE [UNAVAILABLE]"),
            ("pop3", "127.0.1.2", b"-ERR [SYS/TEMP]"),
            ("lmtp", "127.0.1.3", b"421 4.3.2"),
        ):
            for _ in range(2):
                there = stack.enter_context(connect(server, protocol, source))
                assert not hear(there).startswith(words)
            with connect(server, protocol, source) as refused:
                assert hear(refused, b"\0").startswith(words)
            with connect(server, protocol, "127.0.2.1") as other:
                assert not hear(other).startswith(words)
        # Under TLS from the start there are no words before the handshake.
        with connect(server, "imaps", "127.0.1.1") as refused:
            assert hear(refused) == b""


def is_open(sock: socket.socket) -> bool:
    try:
        sock.setblocking(False)
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_half_a_handshake_each_from_many_keeps_nobody_out() -> None:
    limits = Limits(strangers=40, strangers_each=20)
    with serving(Config(abuse=COUNTED, limits=limits)) as server, ExitStack() as stack:
        halves = []
        for number in range(300):
            half = stack.enter_context(connect(server, "imaps", f"127.0.3.{number % 30 + 1}"))
            halves.append(half)
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        trust = ssl.create_default_context(cafile=str(server.certificate))
        with imaplib.IMAP4_SSL("localhost", server.imaps_port, ssl_context=trust, timeout=20) as client:
            client.login(KIM, PASSWORD)
            assert sum(map(is_open, halves)) <= 40
            assert client.noop()[0] == "OK"


def test_a_stranger_that_talks_all_the_time_is_shown_the_door() -> None:
    with (
        serving(Config(limits=Limits(login=1.0))) as server,
        imaplib.IMAP4(server.host, server.imap_port) as kim,
    ):
        kim.login(KIM, PASSWORD)
        with connect(server, "imap") as talker:
            heard = hear(talker)
            while b"* BYE" not in heard:
                talker.sendall(b"a NOOP\r\n")
                heard = hear(talker)
        assert kim.noop()[0] == "OK"


PROXIED = Config(abuse=COUNTED, proxy=Proxy(networks=("127.0.9.0/24",)), auth=Auth(cleartext="loopback"))
V1 = b"PROXY TCP4 192.0.2.1 127.0.0.1 40001 143\r\n"
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes((192, 0, 2, 1, 127, 0, 0, 1)) + b"\x9c\x41\x00\x8f"


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("pieces", [1, 200])
def test_who_comes_through_a_proxy_is_who_he_is(header: bytes, pieces: int) -> None:
    with serving(PROXIED) as server:
        with connect(server, "imap", "127.0.9.1") as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(header), pieces):
                sock.sendall(header[at : at + pieces])
            # He is not on this machine, so he may not send his password in clear.
            assert b"LOGINDISABLED" in hear(sock)
        trust = ssl.create_default_context(cafile=str(server.certificate))
        with connect(server, "imaps", "127.0.9.1") as sock:
            # The header and the handshake come in one piece.
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            sock.sendall(header + outgoing.read())
            assert b"* OK" in over(sock, tls, incoming, outgoing, b"")
            said = f'a LOGIN {KIM} "{PASSWORD}"\r\n'.encode()
            assert b"a OK" in over(sock, tls, incoming, outgoing, said)


def over(
    sock: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, said: bytes
) -> bytes:
    """The next line of the server, after `said`."""
    while True:
        try:
            if said:
                tls.write(said)
                said = b""
            sock.sendall(outgoing.read())
            return tls.read(4096)
        except ssl.SSLWantReadError:
            if pending := outgoing.read():
                sock.sendall(pending)
            more = sock.recv(16384)
            assert more, "the server has gone"
            incoming.write(more)


def test_the_audit_log_and_the_bans_know_the_client_and_not_the_proxy() -> None:
    config = Config(
        abuse=Abuse(ban_after=2, exempt=()),
        proxy=Proxy(networks=("127.0.9.0/24",)),
        auth=Auth(cleartext="always"),
    )
    with serving(config) as server:

        def login(client: str, password: str) -> bytes:
            with connect(server, "imap", "127.0.9.1") as sock:
                sock.sendall(f"PROXY TCP4 {client} 127.0.0.1 40001 143\r\n".encode())
                hear(sock)
                sock.sendall(f'a LOGIN {KIM} "{password}"\r\n'.encode())
                return hear(sock)

        for number in range(2):
            assert b"AUTHENTICATIONFAILED" in login("192.0.2.1", f"guess {number}")
        assert b"UNAVAILABLE" in login("192.0.2.1", PASSWORD)
        assert b"a OK" in login("192.0.2.2", PASSWORD)
        log = Audit(server.data / audit.FILE)
        while len(found := log.find()) < 5:
            pass
        assert [each.address for each in found if each.event in ("ban", "login")] == [
            "192.0.2.1",
            "192.0.2.2",
        ]
        log.close()


@pytest.mark.parametrize("said", [b"a NOOP\r\n", b"PROXY TCP4 nonsense\r\n", b"\x16\x03\x01"])
def test_a_proxy_that_says_nothing_of_its_client_is_refused(said: bytes) -> None:
    with serving(PROXIED) as server, connect(server, "imap", "127.0.9.1") as sock:
        sock.sendall(said)
        assert hear(sock, b"\0") == b""


@pytest.mark.parametrize(
    "protocol, no",
    [
        ("imap", b"PROXY BAD"),
        ("pop3", b"-ERR"),
        ("smtp", b"500 "),
        ("submission", b"500 "),
        ("lmtp", b"500 "),
    ],
)
def test_a_header_from_elsewhere_is_a_bad_command(protocol: str, no: bytes) -> None:
    with serving(PROXIED) as server, connect(server, protocol, "127.0.8.1") as sock:
        hear(sock)
        sock.sendall(V1 + b"a NOOP\r\n" * 3)
        heard = hear(sock, b"\0")  # and the connection ends
        assert heard.startswith(no)


def test_a_header_of_version_2_from_elsewhere_ends_the_connection() -> None:
    with serving(PROXIED) as server:
        for protocol in ("imap", "imaps", "pop3", "smtp", "submission", "submissions", "lmtp"):
            with connect(server, protocol, "127.0.8.1") as sock:
                sock.sendall(V2)
                heard = hear(sock, b"\0")
                assert b"192.0.2.1" not in heard


def test_other_mail_servers_leave_room_for_people() -> None:
    with serving(Config(limits=Limits(connections=8))) as server, ExitStack() as stack:
        for _ in range(4):
            assert hear(stack.enter_context(connect(server, "smtp"))).startswith(b"220 ")
        with connect(server, "smtp") as refused:
            assert hear(refused, b"\0").startswith(b"421 4.3.2")
        with imaplib.IMAP4(server.host, server.imap_port) as kim:
            assert kim.login(KIM, PASSWORD)[0] == "OK"


# RFC 1939 3: POP3 has no word for it.
@pytest.mark.parametrize(
    "protocol, bye", [("imap", b"* BYE"), ("pop3", b"+OK"), ("submission", b"421 "), ("imaps", b"")]
)
def test_who_logs_in_octet_by_octet_is_shown_the_door(protocol: str, bye: bytes) -> None:
    with serving(Config(limits=Limits(login=1.0))) as server, connect(server, protocol) as sock:
        heard, octets = b"", iter(b"a LOGIN kim@example.test " + b"x" * 100_000)
        sock.settimeout(0.05)
        for octet in octets:
            try:
                sock.sendall(bytes((octet,)))
                more = sock.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if not more:
                break
            heard += more
        assert bye in heard
        assert sum(1 for _ in octets) > 1000  # long before it was through
