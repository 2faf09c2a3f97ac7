"""What a protocol session is to the network, and what the network is to a session.

A session is sans-IO. It says what it wants next (`wants`), is given exactly one event, and returns its
answer. The driver gives no further event before that answer is complete and the peer is reading, so a
session never sees two things at once and never has to ask whether it may write.

Rules of the place:
* an answer is `bytes`, an iterator of `bytes` (long output: driven in slices of time), an async iterator
  of `bytes` (the same, when making the next piece may have to wait), None (nothing to say), or an
  awaitable of one of these;
* a coroutine runs inline until it first waits for something and becomes a Task only then, so it must not
  enter `asyncio.timeout`, `wait_for` or a TaskGroup before its first suspension: there is no current task;
* when the peer goes away a waiting coroutine is cancelled where it stands; `closed()` is the last call.
"""

from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Line:
    """Next: one line, given without its line end. One that is longer than `limit` octets, line end
    included, is an `overflow()`."""

    limit: int


@dataclass(frozen=True, slots=True)
class Octets:
    """Next: exactly `count` octets, in pieces as they arrive, none larger than `piece`. Octets(0) is one
    empty last piece."""

    count: int
    piece: int = 65536


@dataclass(frozen=True, slots=True)
class Dotted:
    """Next: SMTP message content (RFC 5321 4.5.2), dots unstuffed, in pieces as they arrive; the line "."
    ends it and comes as the last piece, which may be empty."""


Wants = Line | Octets | Dotted
Answer = bytes | Iterator[bytes] | AsyncIterator[bytes] | None


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end. `is_loopback` holds also for a Unix socket: nothing leaves the machine."""

    address: str
    port: int = 0
    is_loopback: bool = False
    is_unix: bool = False


@dataclass(frozen=True, slots=True)
class TlsInfo:
    version: str  # "TLSv1.3"
    cipher: str
    bits: int
    alpn: str | None
    certified: tuple[str, ...] = ()  # the mail addresses of the client's certificate, which is good


class Connection(Protocol):
    """What the driver gives the session in `opened()`."""

    @property
    def peer(self) -> Peer: ...

    @property
    def local(self) -> Peer: ...

    @property
    def tls(self) -> bool: ...

    @property
    def tls_info(self) -> TlsInfo | None: ...

    @property
    def end_point(self) -> bytes | None:
        """Under TLS the hash of the certificate that the peer was shown (RFC 5929 4.1), if it has one."""

    @property
    def bare_lf(self) -> bool:
        """Whether the line just given ended in LF alone."""

    @property
    def writable(self) -> bool:
        """False while the peer does not read what was written; an optional method
        `writable_again(self) -> None` of the session is called when that changes."""

    @property
    def answering(self) -> bool:
        """Whether an answer is being made or written; what is pushed now may stand in the middle of it."""

    @property
    def half_closed(self) -> bool:
        """The peer will say nothing more. Whether it still listens shows only when it is told something."""

    def logged_in(self) -> None:
        """The peer is no stranger any more: he has said whose mail he wants, and may stay."""

    def push(self, data: bytes) -> None:
        """Output that answers nothing (IDLE). Ask `writable` first: a peer that is pushed a megabyte
        without reading is disconnected. While an iterator is being answered it comes after that."""

    def start_tls(self) -> None:
        """After the current answer: forget what was received in clear, then shake hands. TLS is on, or
        the connection gone, before the next event."""

    @property
    def compressed(self) -> bool: ...

    def start_compress(self) -> None:
        """After the current answer: DEFLATE in both directions (RFC 4978)."""

    def stop_compress(self) -> None:
        """After the current answer: no more DEFLATE. The peer's stream ends where its last command did."""

    def close(self) -> None:
        """After the current answer: close. No further event comes."""


class Session(Protocol):
    @property
    def wants(self) -> Wants:
        """Read before each event."""

    @property
    def timeout(self) -> float:
        """Seconds of silence allowed now. While the session itself works it never runs out."""

    def opened(self, connection: Connection) -> Answer | Awaitable[Answer]: ...

    def line(self, line: bytes) -> Answer | Awaitable[Answer]:
        """One line. It ended in LF and one CR before that is taken off too; any other CR and any NUL
        are still in it."""

    def octets(self, piece: bytes, last: bool) -> Answer | Awaitable[Answer]:
        """A piece of what `Octets` or `Dotted` asked for."""

    def overflow(self) -> Answer:
        """The line is too long. The rest of it is skipped, unless the session closes."""

    def expired(self) -> Answer:
        """The peer was silent, or did not read, for `timeout` seconds. The connection is closed after
        the answer, if the peer reads at all."""

    def draining(self) -> Answer:
        """The server is about to stop. The session closes now or at its next good moment."""

    def closed(self) -> None:
        """The connection is gone and nothing of this session runs any more."""
