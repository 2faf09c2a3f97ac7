r"""The network without a network: the same driver on a transport made of memory, for tests.

    client = connect(session)
    await client.send(b"a NOOP\r\n")
    assert await client.read_line() == b"a OK done\r\n"

Nothing waits for a clock: a read that can never be satisfied fails after PATIENCE seconds with what had
come until then. An exception out of the session is raised by the client's next call.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from pillarbox.net.driver import Common, Driver
from pillarbox.net.session import Peer, Session
from pillarbox.net.wheel import Wheel

PATIENCE = 10.0
WRITE_HIGH = 64 * 1024
LOCAL = ("127.0.0.1", 143)


class MemoryTransport(asyncio.Transport):
    """The server's end. What it writes goes to the client at once while the client reads, else piles up
    here and pauses the driver as a socket would."""

    def __init__(self, peer: Peer) -> None:
        super().__init__({"peername": (peer.address, peer.port), "sockname": LOCAL})
        self.driver: Driver | None = None
        self.delivered = bytearray()  # what the client has
        self.waiting: list[bytes] = []  # what it does not read
        self.inbox: list[bytes] = []  # what the driver does not read
        self.client_reads = True
        self.reading = True
        self.paused = False
        self.client_done = False  # the client will send no more
        self.ended = False  # neither will the server
        self.closed = False
        self.changed = asyncio.Event()
        self.inflater: zlib._Decompress | None = None  # the client's

    # asyncio.Transport

    def write(self, data: Any) -> None:
        if self.ended:
            return
        if self.client_reads:
            self._arrive(bytes(data))
            return
        self.waiting.append(bytes(data))
        if not self.paused and self.get_write_buffer_size() > WRITE_HIGH:
            self.paused = True
            self._driver().pause_writing()

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.waiting))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        asyncio.get_running_loop().call_soon(self.deliver)

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True
        self.changed.set()

    def close(self) -> None:
        if not self.waiting:
            self.abort()
        self.ended = self.closed = True

    def abort(self) -> None:
        self.ended = self.closed = True
        self.waiting.clear()
        asyncio.get_running_loop().call_soon(self.lose)

    # The client's side

    def lose(self) -> None:
        self.changed.set()
        self._driver().connection_lost(None)

    def deliver(self) -> None:
        while self.inbox and self.reading and not self.closed:
            self._driver().data_received(self.inbox.pop(0))
        if self.client_done and not self.inbox and self.reading and not self.closed:
            self.client_done = False
            if not self._driver().eof_received():
                self.close()

    def read_again(self) -> None:
        self.client_reads = True
        while self.waiting and self.client_reads:
            waiting, self.waiting = self.waiting, []
            self._arrive(b"".join(waiting))
            if self.paused:
                self.paused = False
                self._driver().resume_writing()
        if self.closed and not self.waiting:
            self.abort()

    def _arrive(self, data: bytes) -> None:
        if self.inflater is not None:
            inflated = self.inflater.decompress(data)
            if self.inflater.eof:
                inflated += self.inflater.unused_data
                self.inflater = None
            data = inflated
        self.delivered += data
        self.changed.set()

    def _driver(self) -> Driver:
        assert self.driver is not None
        return self.driver


class Client:
    """The other end of a session in memory."""

    def __init__(self, transport: MemoryTransport, driver: Driver, failures: list[BaseException]) -> None:
        self._transport = transport
        self._failures = failures
        self._deflater: zlib._Compress | None = None
        self.driver = driver

    @property
    def closed(self) -> bool:
        """Whether the server has said its last word."""
        return self._transport.ended

    @property
    def unsent(self) -> int:
        """Octets written by the server that wait for a client that does not read."""
        return self._transport.get_write_buffer_size()

    @property
    def read_ahead(self) -> bool:
        """Whether the server takes octets from us at present."""
        return self._transport.reading

    async def send(self, data: bytes, *, pieces: int = 0) -> None:
        """Send, in one piece or in `pieces` octets at a time."""
        if self._deflater is not None:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        step = pieces or len(data) or 1
        for at in range(0, len(data), step):
            self._transport.inbox.append(data[at : at + step])
            self._transport.deliver()
            await asyncio.sleep(0)
        self._check()

    async def read_line(self) -> bytes:
        return await self.read_until(b"\r\n")

    async def read_until(self, end: bytes) -> bytes:
        """Everything up to and including the first `end`."""
        delivered = self._transport.delivered
        return await self._take(lambda: delivered.find(end) + len(end) if end in delivered else 0, repr(end))

    async def read_exactly(self, count: int) -> bytes:
        delivered = self._transport.delivered
        return await self._take(lambda: count if len(delivered) >= count else 0, f"{count} octets")

    async def read_all(self) -> bytes:
        """Everything up to the server's closing; then this end closes too, as a client would."""
        await self._wait(lambda: self.closed, "the end")
        await self.send_eof()
        data = bytes(self._transport.delivered)
        self._transport.delivered.clear()
        return data

    def read_now(self) -> bytes:
        """What has come, without waiting."""
        self._check()
        data = bytes(self._transport.delivered)
        self._transport.delivered.clear()
        return data

    def start_compress(self) -> None:
        """Deflate what is sent from now on, and inflate what comes until the server ends its stream."""
        self._deflater = zlib.compressobj(wbits=-15)
        self._transport.inflater = zlib.decompressobj(wbits=-15)

    def stop_compress(self) -> None:
        """Send as it is again."""
        self._deflater = None

    def stop_reading(self) -> None:
        self._transport.client_reads = False

    def start_reading(self) -> None:
        self._transport.read_again()

    async def send_eof(self) -> None:
        """Half-close: nothing more will be sent, but answers are still read."""
        self._transport.client_done = True
        self._transport.deliver()
        await asyncio.sleep(0)

    async def disconnect(self) -> None:
        """Go away without a word."""
        self._transport.abort()
        await self._wait(lambda: self.driver.lost, "the loss")
        await asyncio.sleep(0)
        self._check()

    def _check(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    async def _take(self, length: Callable[[], int], what: str) -> bytes:
        await self._wait(lambda: length() > 0 or self.closed, what)
        size = length()
        if not size:
            raise EOFError(f"closed before {what}, after {bytes(self._transport.delivered)!r}")
        data = bytes(self._transport.delivered[:size])
        del self._transport.delivered[:size]
        return data

    async def _wait(self, done: Callable[[], bool], what: str) -> None:
        self._check()
        try:
            async with asyncio.timeout(PATIENCE):
                while not done():
                    self._transport.changed.clear()
                    await self._transport.changed.wait()
                    self._check()
        except TimeoutError:
            raise TimeoutError(f"waited for {what}, got {bytes(self._transport.delivered)!r}") from None


def connect(
    session: Session,
    *,
    tls: bool = False,
    peer: Peer = Peer("127.0.0.1", 40000, is_loopback=True),  # noqa: B008
    wheel: Wheel | None = None,
    end_point: bytes | None = None,
) -> Client:
    """Connect to `session`. TLS, from the start or by STARTTLS, is only believed, not spoken; `end_point` is
    what its certificate binds to."""
    failures: list[BaseException] = []
    transport = MemoryTransport(peer)

    def failed(error: BaseException, peer: Peer) -> None:
        failures.append(error)
        transport.changed.set()

    async def upgrade(plain: asyncio.Transport, driver: Driver) -> asyncio.Transport:
        await asyncio.sleep(0)
        plain.resume_reading()
        return plain

    common = Common(
        wheel or Wheel(), failed, upgrade, implicit_tls=tls, end_point=lambda transport: end_point
    )
    driver = Driver(session, common)
    transport.driver = driver
    driver.connection_made(transport)
    return Client(transport, driver, failures)
