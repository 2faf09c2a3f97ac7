"""Real sockets: TCP, IPv6, Unix, TLS both ways, limits and stopping."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pillarbox.net.address import bind, release, spell
from pillarbox.net.certificates import Certificates, Material
from pillarbox.net.driver import Common, Driver
from pillarbox.net.listen import Listener, Listening
from pillarbox.net.memory import MemoryTransport
from pillarbox.net.session import Peer
from pillarbox.net.tls import (
    Pair,
    read_pair,
    self_signed,
    server_context,
    upgrading,
    write_self_signed,
)
from pillarbox.net.wheel import Wheel

Run = Callable[[Coroutine[Any, Any, None]], None]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    write_self_signed(
        folder / "cert.pem", folder / "key.pem", "mail.example.test", datetime.datetime.now(datetime.UTC)
    )
    return folder


@pytest.fixture
def context(folder: Path) -> ssl.SSLContext:
    return server_context(read_pair(folder / "cert.pem", folder / "key.pem"), alpn=("imap",))


class Server:
    """A listening server that keeps its sessions and its errors."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self.sessions: list[Any] = []
        self.errors: list[BaseException] = []
        self.listening = Listening(Wheel(), self.failed)
        self.address = ""

    def failed(self, error: BaseException, peer: Peer) -> None:
        self.errors.append(error)

    def session(self) -> Any:
        self.sessions.append(self.told())
        return self.sessions[-1]

    async def connect(self) -> Stream:
        if self.address.startswith("unix:"):
            return await asyncio.open_unix_connection(self.address.removeprefix("unix:"))
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))


@asynccontextmanager
async def serving(told: Any, address: str = "127.0.0.1:0", **options: Any) -> AsyncIterator[Server]:
    server = Server(told)
    sockets = bind(address)
    server.address = spell(sockets[0])
    try:
        await server.listening.start(Listener(server.address, server.session, **options), sockets)
        yield server
        await server.listening.stop(grace=0)
    finally:
        release(sockets)
    assert server.errors == []


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds."""
    async with asyncio.timeout(10):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def trusting(folder: Path) -> ssl.SSLContext:
    client = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    client.set_alpn_protocols(["imap"])
    return client


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_tcp(run: Run, told: Any) -> None:
    async def scene() -> None:
        async with serving(told) as server:
            reader, writer = await server.connect()
            writer.write(b"a\r\nflood\r\nclose\r\n")
            data = await reader.read()
            assert data.startswith(b"hello\r\na\r\nflood 000000\r\n")
            assert data.endswith(b"flood 099999\r\ngoing\r\n")
            port = writer.get_extra_info("sockname")[1]
            assert server.sessions[0].connection.peer == Peer("127.0.0.1", port, is_loopback=True)
            await hang_up(writer)

    run(scene())


def test_answers_are_not_delayed_by_nagle(run: Run, told: Any) -> None:
    async def scene() -> None:
        async with serving(told) as server:
            reader, writer = await server.connect()
            await reader.readline()
            connected = server.sessions[0].connection._transport.get_extra_info("socket")
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await hang_up(writer)

    run(scene())


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6(run: Run, told: Any) -> None:
    async def scene() -> None:
        async with serving(told, "[::1]:0") as server:
            assert server.address.startswith("[::1]:")
            reader, writer = await server.connect()
            assert await reader.readline() == b"hello\r\n"
            assert server.sessions[0].connection.peer.address == "::1"
            assert server.sessions[0].connection.peer.is_loopback
            await hang_up(writer)

    run(scene())


def test_unix_socket(run: Run, told: Any, tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / "run" / "lmtp"
        for _ in range(2):  # the name is free again afterwards
            async with serving(told, f"unix:{path}") as server:
                assert server.address == f"unix:{path}"
                assert path.stat().st_mode & 0o777 == 0o666  # the folder says who may come
                reader, writer = await server.connect()
                assert await reader.readline() == b"hello\r\n"
                assert server.sessions[0].connection.peer.is_unix
                assert server.sessions[0].connection.peer.is_loopback
                await hang_up(writer)
            assert not path.exists()

    run(scene())


def test_a_unix_socket_left_behind_is_taken_over_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    bind(f"unix:{path}")[0].close()
    assert path.exists()
    live = bind(f"unix:{path}")
    with pytest.raises(OSError):
        bind(f"unix:{path}")
    assert path.exists()
    release(live)


def test_a_port_in_use_is_an_error() -> None:
    first = bind("127.0.0.1:0")
    with pytest.raises(OSError):
        bind(spell(first[0]))
    release(first)


def test_all_addresses_of_the_machine_share_one_port() -> None:
    sockets = bind("*:0")
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    release(sockets)


def test_implicit_tls(run: Run, told: Any, folder: Path, context: ssl.SSLContext) -> None:
    async def scene() -> None:
        async with serving(told, tls="implicit", context=context) as server:
            port = int(server.address.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting(folder))
            assert await reader.readline() == b"hello\r\n"
            connection = server.sessions[0].connection
            assert connection.tls
            assert connection.tls_info.version == "TLSv1.3"
            assert connection.tls_info.alpn == "imap"
            assert connection.peer.address == "127.0.0.1"
            writer.write(b"x\r\nflood\r\nclose\r\n")
            data = await reader.read()
            assert data.startswith(b"x\r\nflood 000000\r\n")
            assert data.endswith(b"flood 099999\r\ngoing\r\n")
            await hang_up(writer)

    run(scene())


def test_starttls(run: Run, told: Any, folder: Path, context: ssl.SSLContext) -> None:
    async def scene() -> None:
        async with serving(told, tls="starttls", context=context) as server:
            reader, writer = await server.connect()
            await reader.readline()
            # RFC 9051 11.1: what was put behind STARTTLS in clear is never carried out.
            writer.write(b"tls\r\ninjected\r\n")
            assert await reader.readline() == b"going\r\n"
            await writer.start_tls(trusting(folder), server_hostname="localhost")
            writer.write(b"x\r\nclose\r\n")
            assert await reader.read() == b"x\r\ngoing\r\n"
            assert server.sessions[0].connection.tls
            await hang_up(writer)

    run(scene())


async def before_handshake(server: Server, tls: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that is to begin one."""
    reader, writer = await server.connect()
    if tls == "starttls":
        writer.write(b"tls\r\n")
        await reader.readuntil(b"going\r\n")
    return reader, writer


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_no_handshake_no_connection(run: Run, told: Any, context: ssl.SSLContext, tls: str) -> None:
    async def scene() -> None:
        async with serving(told, tls=tls, context=context) as server:
            reader, writer = await before_handshake(server, tls)
            writer.write(b"this is no ClientHello\r\n" * 10)
            with suppress(ConnectionResetError):
                await reader.read()
            await hang_up(writer)
            await until(lambda: server.listening.connections == 0)
            assert ("closed" in server.sessions[0].log) == (tls == "starttls")

    run(scene())


def test_old_tls_is_refused(run: Run, told: Any, context: ssl.SSLContext) -> None:
    # RFC 8314 4.1, RFC 8996
    async def scene() -> None:
        async with serving(told, tls="implicit", context=context) as server:
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            client.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning):
                client.minimum_version = ssl.TLSVersion.TLSv1
                client.maximum_version = ssl.TLSVersion.TLSv1_1
            host, _, port = server.address.rpartition(":")
            with pytest.raises(OSError):
                await asyncio.open_connection(host, int(port), ssl=client)

    run(scene())


def test_a_disconnect_under_tls_is_noticed(
    run: Run, told: Any, folder: Path, context: ssl.SSLContext
) -> None:
    async def scene() -> None:
        async with serving(told, tls="implicit", context=context) as server:
            port = int(server.address.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting(folder))
            await reader.readline()
            writer.write(b"wait\r\n")
            await writer.drain()
            writer.transport.abort()
            await hang_up(writer)
            await until(lambda: "closed" in server.sessions[0].log)
            assert server.sessions[0].log in (["opened", "closed"], ["opened", "cancelled", "closed"])

    run(scene())


def test_over_the_limit_connections_are_refused_and_others_live_on(run: Run, told: Any) -> None:
    async def scene() -> None:
        async with serving(told, limit=2, refusal=b"busy\r\n") as server:
            streams = [await server.connect() for _ in range(2)]
            for reader, _ in streams:
                assert await reader.readline() == b"hello\r\n"
            reader, writer = await server.connect()
            assert await reader.read() == b"busy\r\n"
            await hang_up(writer)
            streams[0][1].write(b"x\r\nclose\r\n")
            assert await streams[0][0].read() == b"x\r\ngoing\r\n"
            await hang_up(streams[0][1])
            await until(lambda: server.listening.connections < 2)
            reader, writer = await server.connect()
            assert await reader.readline() == b"hello\r\n"
            await hang_up(writer)
            await hang_up(streams[1][1])

    run(scene())


def test_stopping_drains_sessions_and_ends_those_that_do_not_end(run: Run, told: Any) -> None:
    async def scene() -> None:
        async with serving(told) as server:
            free, busy = await server.connect(), await server.connect()
            await free[0].readline()
            await busy[0].readline()
            busy[1].write(b"wait\r\n")
            await busy[1].drain()
            await asyncio.sleep(0)
            stop = asyncio.create_task(server.listening.stop(grace=0.2))
            assert await free[0].read() == b"stopping\r\n"
            await hang_up(free[1])
            await stop
            assert server.listening.connections == 0
            assert [session.log[-1] for session in server.sessions] == ["closed", "closed"]
            await hang_up(busy[1])

    run(scene())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_half_a_handshake_does_not_hold_up_a_stop(
    run: Run, told: Any, context: ssl.SSLContext, tls: str, said: bytes
) -> None:
    async def scene() -> None:
        async with serving(told, tls=tls, context=context) as server:
            reader, writer = await before_handshake(server, tls)
            writer.write(said)
            await until(lambda: server.listening.connections == 1)
            async with asyncio.timeout(20):
                await server.listening.stop(grace=60)
            assert server.listening.connections == 0
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            await hang_up(writer)
            assert not server.errors

    run(scene())


def test_a_connection_that_comes_in_while_stopping_is_drained_too(run: Run, told: Any) -> None:
    async def scene() -> None:
        server = Server(told)
        await server.listening.stop(grace=0)
        common = Common(Wheel(), server.failed, upgrading(None), came=server.listening._came)
        session = server.session()
        driver, transport = Driver(session, common), MemoryTransport(Peer("127.0.0.1"))
        transport.driver = driver
        driver.connection_made(transport)
        await until(lambda: driver.lost)
        assert bytes(transport.delivered) == b"hello\r\nstopping\r\n"
        assert session.log == ["opened", "draining", "closed"]

    run(scene())


def test_self_signed_certificates_name_the_server_and_this_machine() -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    pem, _ = self_signed("mail.example.test", now)
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.test", "localhost"]
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc


def test_the_key_file_is_private(folder: Path) -> None:
    assert (folder / "key.pem").stat().st_mode & 0o077 == 0


def test_reloading_takes_effect_and_a_bad_file_changes_nothing(
    run: Run, told: Any, folder: Path, tmp_path: Path
) -> None:
    certificates = Certificates(Material((read_pair(folder / "cert.pem", folder / "key.pem"),)))
    new = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_self_signed(*new, "new.example.test", datetime.datetime.now(datetime.UTC))

    async def presented(server: Server) -> str:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        port = int(server.address.rpartition(":")[2])
        _, writer = await asyncio.open_connection("localhost", port, ssl=client)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await hang_up(writer)
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()

    async def scene() -> None:
        async with serving(told, tls="implicit", context=certificates.finder("imap")) as server:
            assert await presented(server) == "CN=mail.example.test"
            with pytest.raises(ssl.SSLError):
                certificates.adopt(Material((Pair(b"nonsense", b"nonsense"),)))
            assert await presented(server) == "CN=mail.example.test"
            certificates.adopt(Material((read_pair(*new),)))
            assert await presented(server) == "CN=new.example.test"

    run(scene())
