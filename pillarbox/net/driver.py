"""The one connection driver: it turns what a transport delivers into a session's events, in order, one at
a time, and carries the answers away.

Theory of operation. `_run` is a loop: take the next event out of the input, give it to the session, deal
with the answer. It goes on until the input is used up, something holds it (`_hold`), or its slice of time
is over, when it leaves the loop to others and comes back. Answers of one run leave in one write.

    PULLING   the answer is an iterator that has more     -> pulled by the next run, nobody else's turn
    WAITING   the answer is a Task that is not done       -> `_resolved` runs on
    UNREAD    the transport is full, the peer not reading -> `resume_writing` runs on
    UPGRADING TLS is due after this answer                -> `_upgrade` begins it
    TURNING   compression begins or ends after it         -> `_turn` does that and the next run goes on
    SHAKING   the TLS handshake is under way              -> `_shake` runs on
    CLOSING   the connection closes after this answer     -> no further event
    LOST      the connection is gone

Bounds. Input is read ahead up to INPUT_HIGH while held, then reading stops, and the peer's own TCP window
fills. Compressed input is inflated a piece at a time, when the one before is used up. Output is the
transport's buffer (64 KiB high water) plus one answer or one iterator's piece.

Everything that calls the session can be called by the transport while the session runs (a push, a write
that fills the buffer). `_running` makes the inner call leave its mark only; the outer loop sees it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import chain
from types import CoroutineType, GeneratorType
from typing import Any, cast

from pillarbox.net.common import Common as Common
from pillarbox.net.compress import QUIET, Compression
from pillarbox.net.framing import TOO_LONG, Unstuffer, find_line
from pillarbox.net.inline import begin
from pillarbox.net.peer import local_of, peer_of, tls_info_of
from pillarbox.net.session import Answer, Line, Octets, Peer, Session, TlsInfo
from pillarbox.net.tls import feed

SLICE = 0.001  # seconds a connection may hold the loop; three times that made no bulk answer faster
JOIN = 64 * 1024  # octets of answers joined to one write; uvloop sends nothing below that during a run
INPUT_HIGH = 64 * 1024  # octets read ahead of a session that is not ready for them
PUSH_HIGH = 1024 * 1024  # octets pushed at a peer that does not read, then it is disconnected
LINGER = 30.0  # seconds a closed connection may take to send its last answer

CR = 13
PULLING, WAITING, UNREAD, UPGRADING, SHAKING, CLOSING, LOST, TURNING = 1, 2, 4, 8, 16, 32, 64, 128


class Driver(asyncio.Protocol):
    __slots__ = (
        "_at",
        "_common",
        "_compression",
        "_dots",
        "_draining",
        "_expiring",
        "_heard",
        "_hold",
        "_input",
        "_left",
        "_loop",
        "_opened",
        "_out",
        "_out_size",
        "_pending",
        "_readable",
        "_reading",
        "_running",
        "_scheduled",
        "_session",
        "_skipping",
        "_timeout",
        "_transport",
        "bare_lf",
        "end_point",
        "half_closed",
        "peer",
        "slot",
        "tls",
    )
    _transport: asyncio.Transport
    _loop: asyncio.AbstractEventLoop
    peer: Peer

    def __init__(self, session: Session, common: Common) -> None:
        self._session = session
        self._common = common
        self._input = b""
        self._at = 0  # how much of _input is used
        self._out: list[bytes] = []
        self.slot = self._out_size = self._hold = 0
        self._pending: Any = None  # the iterator of PULLING, the Task of WAITING or SHAKING
        self._left = -1  # octets still to come of an Octets event that has begun
        self._compression: Compression | None = None
        self._dots: Unstuffer | None = None  # of a Dotted event that has begun
        self._skipping = False  # the rest of a line that was too long
        self._opened = self._running = self._scheduled = False
        self._reading = True
        self._readable: asyncio.Future[None] | None = None  # done when UNREAD ends
        self.half_closed = self._draining = self._expiring = False
        self._timeout = self._heard = 0.0
        self.bare_lf = self.tls = False
        self.end_point: bytes | None = None

    # What the session may use (session.Connection).

    @property
    def local(self) -> Peer:
        return local_of(self._transport)

    @property
    def tls_info(self) -> TlsInfo | None:
        return tls_info_of(self._transport) if self.tls else None

    @property
    def compressed(self) -> bool:
        return self._compression is not None and not self._compression.ended

    @property
    def writable(self) -> bool:
        return not self._hold & (UNREAD | UPGRADING | SHAKING | CLOSING | LOST)

    @property
    def answering(self) -> bool:
        return self._running or bool(self._hold & (WAITING | PULLING))

    @property
    def lost(self) -> bool:
        return bool(self._hold & LOST)

    def logged_in(self) -> None:
        self._common.known(self)

    def push(self, data: bytes) -> None:
        if self._hold & (UPGRADING | SHAKING | CLOSING | LOST):
            return
        if self._hold & PULLING:
            self._pending = chain(self._pending, (data,))
            return
        self._out.append(data)
        self._out_size += len(data)
        if not self._running:
            self._flush()
            if self._hold & UNREAD and self._transport.get_write_buffer_size() > PUSH_HIGH:
                self._transport.abort()

    def start_tls(self) -> None:
        self._hold |= UPGRADING
        self._run()

    def start_compress(self) -> None:
        self._hold |= TURNING

    stop_compress = start_compress

    def close(self) -> None:
        if not self._hold & LOST:
            self._hold |= CLOSING
            self._run()

    # What the transport calls (asyncio.Protocol).

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.arrived(cast(asyncio.Transport, transport), peer_of(transport), b"")

    def arrived(self, transport: asyncio.Transport, peer: Peer, first: bytes) -> None:
        """The connection is made; `first` is what `peer` has said on it already."""
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self.peer = peer
        self._heard = self._common.wheel.now()
        self._common.came(self)
        if self._common.implicit_tls:
            self._upgrade()
            if first:
                self._loop.call_soon(feed, transport, first)
            return
        self._run(opening=True)
        if first:
            self.data_received(first)

    def data_received(self, data: bytes) -> None:
        if self._hold & CLOSING:
            return  # read only so that the kernel does not answer unread octets with a reset
        begun = self._skipping or self._at < len(self._input)
        if self._compression is not None:
            self._compression.feed(data)
            self._use(self._compression)
        else:
            self._input = self._input[self._at :] + data if self._at < len(self._input) else data
            self._at = 0
        # Who says one line octet by octet is as silent as who says nothing.
        if not begun or b"\n" in data or self._compression is not None:
            self._heard = self._common.wheel.now()
        self._run()

    def eof_received(self) -> bool:
        """A peer that has said all it has to say is still answered; TLS has no half-closed state."""
        self.half_closed = True
        if self.tls or self._hold & SHAKING:
            return False
        self._run()
        return True

    def pause_writing(self) -> None:
        self._hold |= UNREAD

    def resume_writing(self) -> None:
        self._hold &= ~UNREAD
        self._heard = self._common.wheel.now()
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)
        if (again := getattr(self._session, "writable_again", None)) is not None:
            self._guard(again)
        self._run()

    def connection_lost(self, reason: Exception | None) -> None:
        if self._hold & LOST:
            return
        hold, self._hold = self._hold, LOST
        self._input, self._at = b"", 0
        self._out.clear()
        self._common.wheel.disarm(self)
        if self._compression is not None:
            self._common.wheel.disarm(self._compression)
            self._compression = None
        if hold & WAITING:
            # The end comes when the coroutine has let go of what it holds: see _resolved.
            self._pending.cancel()
            return
        if hold & PULLING and hasattr(self._pending, "close"):
            self._guard(self._pending.close)
        self._pending = None
        self._end()

    # What the listener and the wheel call.

    def drain(self) -> None:
        """Tell the session, when it is free, that the server stops; half a handshake promises nothing."""
        if self._hold & SHAKING:
            self.abort()
        self._draining = True
        self._run()

    def expire(self) -> None:
        """As if the peer had been silent for too long."""
        self._expiring = True
        self._run()

    def abort(self) -> None:
        if not self._hold & LOST:
            self._transport.abort()
            if self._hold & SHAKING and self._pending is not None:
                self._pending.cancel()  # uvloop does not tell a handshake that its transport is gone

    def overdue(self, now: float) -> float | None:
        hold = self._hold
        if hold & LOST:
            return None
        if hold & SHAKING or (hold & WAITING and not hold & UNREAD):
            return now + self._timeout  # not the peer's silence
        if self._expiring or (hold & CLOSING and not hold & (WAITING | PULLING)):
            self._transport.abort()  # it had LINGER seconds to take its last answer
            return None
        due = self._heard + self._timeout
        if now < due:
            return due
        if hold & UNREAD:
            # Nothing more can be said to a peer that does not read.
            self._guard(self._session.expired)
            self._transport.abort()
            return None
        self._expiring = True
        self._run()
        return now + LINGER

    # The loop.

    def _run(self, *, opening: bool = False, answer: Answer | Awaitable[Answer] = None) -> None:
        """Give the session its events and carry its answers away, until something ends the run."""
        if self._running:
            return
        self._running = True
        now = self._common.wheel.now
        until = now() + SLICE
        session = self._session
        try:
            if opening:
                self._opened = True
                answer = session.opened(self)
            if answer is not None:
                self._deal(answer)
            while True:
                hold = self._hold
                if hold:
                    if not hold & PULLING or hold & (UNREAD | LOST):
                        break
                    self._pull(until)
                elif self._expiring:
                    self._hold = CLOSING
                    self._deal(session.expired())
                elif self._draining:
                    self._draining = False
                    self._deal(session.draining())
                elif not self._event(session) and not self._inflate():
                    break
                if self._out_size >= JOIN:
                    self._flush()
                if now() >= until:
                    if not self._scheduled:
                        self._scheduled = True
                        self._loop.call_soon(self._run_again)
                    break
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
        self._running = False
        self._settle(session)

    def _run_again(self) -> None:
        self._scheduled = False
        self._run()

    def _event(self, session: Session) -> bool:
        """Give the session the next event of the input; False when it is not all there yet."""
        data, at = self._input, self._at
        wants = session.wants
        kind = type(wants)
        if kind is Octets and self._left < 0:
            self._left = wants.count  # type: ignore[union-attr]
        if at >= len(data) and self._left != 0:
            return False
        if kind is Line:
            if self._skipping:
                return self._skip()
            end = find_line(data, at, wants.limit)  # type: ignore[union-attr]
            if end > 0:
                self._at = end
                self.bare_lf = end - at < 2 or data[end - 2] != CR
                self._deal(session.line(data[at : end - (1 if self.bare_lf else 2)]))
                return True
            if end == TOO_LONG:
                self._skipping = True
                self._deal(session.overflow())
                return True
            return False
        if kind is Octets:
            take = min(self._left, len(data) - at, wants.piece)  # type: ignore[union-attr]
            self._at = at + take
            self._left -= take
            last = self._left == 0
            if last:
                self._left = -1
            self._deal(session.octets(data if take == len(data) else data[at : at + take], last))
            return True
        if self._dots is None:
            self._dots = Unstuffer()
        content, used = self._dots.feed(data[at:] if at else data)
        self._at = at + used
        last = self._dots.ended
        if last:
            self._dots = None
        if content or last:
            self._deal(session.octets(content, last))
        return True

    def _skip(self) -> bool:
        end = self._input.find(b"\n", self._at)
        self._at = end + 1 if end >= 0 else len(self._input)
        self._skipping = end < 0
        return not self._skipping

    def _deal(self, answer: Answer | Awaitable[Answer]) -> None:
        if answer is None:
            return
        kind = type(answer)
        if kind is bytes:
            self._out.append(answer)  # type: ignore[arg-type]
            self._out_size += len(answer)  # type: ignore[arg-type]
            if self._compression is not None and self._out_size > JOIN:
                # Compressing takes so long that the slices of time must have a say in it.
                whole = b"".join(self._out)
                self._out, self._out_size = [], 0
                self._hold |= PULLING
                self._pending = (whole[at : at + JOIN] for at in range(0, len(whole), JOIN))
        elif kind is GeneratorType:
            self._hold |= PULLING
            self._pending = answer
        elif kind is CoroutineType or isinstance(answer, Awaitable):
            begun = begin(cast(Awaitable[Answer], answer), self._loop)
            if isinstance(begun, tuple):
                self._deal(begun[0])
            else:
                self._hold |= WAITING
                self._pending = begun
                begun.add_done_callback(self._resolved)
        elif isinstance(answer, AsyncIterator):
            self._deal(self._gather(answer))
        else:
            self._hold |= PULLING
            self._pending = iter(cast(Iterator[bytes], answer))

    def _pull(self, until: float) -> None:
        """Write what the iterator makes, until it ends, the peer stops reading, or the slice is over."""
        now, out, pieces = self._common.wheel.now, self._out, self._pending
        self._heard = now()
        for piece in pieces:
            out.append(piece)
            self._out_size += len(piece)
            if self._out_size >= JOIN:
                self._flush()
                if self._hold & (UNREAD | LOST):
                    return
            if now() >= until:
                return
        if self._pending is pieces:  # else something was pushed meanwhile and comes after it
            self._pending = None
            self._hold &= ~PULLING

    async def _gather(self, answer: AsyncIterator[bytes]) -> None:
        """What `_pull` does, for an iterator that may have to wait; it runs as the session's coroutine."""
        now = self._common.wheel.now
        until = now() + SLICE
        async with aclosing(cast(Any, answer)) as pieces:
            async for piece in pieces:
                self._out.append(piece)
                self._out_size += len(piece)
                if self._out_size < JOIN and now() < until:
                    continue
                self._flush()
                while self._hold & UNREAD:
                    self._readable = self._loop.create_future()
                    await self._readable
                if now() >= until:
                    await asyncio.sleep(0)
                    until = now() + SLICE

    def _resolved(self, task: "asyncio.Task[Answer]") -> None:
        """The Task of a WAITING answer is done."""
        self._pending = None
        if self._hold & LOST:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._common.on_error(error, self.peer)
            self._end()
            return
        self._hold &= ~WAITING
        self._heard = self._common.wheel.now()
        try:
            answer = task.result()
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
            self._settle(self._session)
        else:
            self._run(answer=answer)

    def _fail(self, error: BaseException) -> None:
        """The session raised: whatever state it is in, no further event can be trusted to it."""
        self._common.on_error(error, self.peer)
        if not self._hold & LOST:
            self._pending = None
            self._hold = self._hold & ~(PULLING | WAITING) | CLOSING

    def _end(self) -> None:
        if self._opened:
            self._guard(self._session.closed)
        self._common.gone(self)

    def _guard(self, call: Callable[[], object]) -> None:
        """A call to the session outside `_run`."""
        try:
            call()
        except Exception as error:
            self._fail(error)

    # After a run.

    def _settle(self, session: Session) -> None:
        """Send what a run has said, and do what it has decided: close, start TLS, read on or not, wait."""
        if self._hold & (LOST | SHAKING):
            return
        if self._out:
            self._flush()
        hold = self._hold
        if not hold & (PULLING | WAITING):
            if hold & CLOSING:
                self._finish()
                return
            if hold & UPGRADING:
                self._upgrade()
                return
            if hold & TURNING:
                self._turn()
                hold = self._hold
            if self.half_closed and not hold & UNREAD and not self._scheduled:
                self._finish()
                return
        reading = self._unused() <= INPUT_HIGH or not (hold or self._scheduled)
        if reading != self._reading and not self.half_closed:
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
        timeout = session.timeout
        if timeout != self._timeout or not self.slot:
            self._timeout = timeout
            self._common.wheel.arm(self, self._heard + timeout)

    def _unused(self) -> int:
        return len(self._input) - self._at + (self._compression.pending if self._compression else 0)

    def _flush(self) -> None:
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        hold = self._hold
        if not hold & (LOST | SHAKING) and not self._transport.is_closing():
            if self._compression is not None:
                self._use(self._compression)
                # RFC 8437 4.1: the stream ends right after the answer that ends it.
                last = bool(hold & TURNING) and not hold & (PULLING | WAITING)
                data = self._compression.deflate(data, last=last)
            self._transport.write(data)

    def _finish(self) -> None:
        """Close, in a way that lets the last answer arrive."""
        self._hold |= CLOSING
        transport = self._transport
        unread = self._unused() or self._skipping or self._left > 0 or self._dots is not None
        self._input, self._at = b"", 0
        self._common.wheel.arm(self, self._common.wheel.now() + LINGER)
        if unread and not self.half_closed and transport.can_write_eof():
            # Closing a socket with octets unread resets it, and a reset overtakes the last answer. So
            # say EOF and read on, forgetting what comes, until the peer has closed too.
            transport.write_eof()
            if not self._reading:
                self._reading = True
                transport.resume_reading()
        else:
            transport.close()

    def _inflate(self) -> bool:
        """More input out of what has come compressed; False when there is none yet."""
        if self._compression is None:
            return False
        more = self._compression.inflate()
        if self._compression.done:
            self._common.wheel.disarm(self._compression)
            self._compression = None
        if more:
            self._input = self._input[self._at :] + more if self._at < len(self._input) else more
            self._at = 0
            return True
        if more is None:
            # The peer ended its stream, or damaged it: nothing it says can be understood any more.
            self._hold |= CLOSING
        return False

    def _turn(self) -> None:
        """The answer has left that compression begins or ends with."""
        self._hold &= ~TURNING
        if self._compression is not None and not self._compression.ended:
            self._compression.end()
        else:
            self._compression = Compression(self._input[self._at :])
            self._input, self._at = b"", 0
            self._use(self._compression)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run_again)

    def _use(self, compression: Compression) -> None:
        """See to it that its memory is given back when nothing follows."""
        compression.used = now = self._common.wheel.now()
        if not compression.slot:
            self._common.wheel.arm(compression, now + QUIET)

    def _upgrade(self) -> None:
        # RFC 9051 11.1, RFC 3207 6: nothing received in clear may count as said under TLS.
        self._hold = self._hold & ~UPGRADING | SHAKING
        self._input, self._at = b"", 0
        # Begun inline: the next octets are for TLS, and a transport reads as soon as this call returns.
        self._pending = begin(self._shake(), self._loop)

    async def _shake(self) -> None:
        try:
            transport = await self._common.upgrade(self._transport, self)
        except (OSError, asyncio.CancelledError):  # ssl.SSLError and timeouts are OSErrors
            self._transport.abort()
            self.connection_lost(None)
            return
        if self._hold & LOST:
            return
        self._transport = transport
        self.end_point = self._common.end_point(transport)
        self._reading = self.tls = True
        self._pending = None
        self._hold &= ~SHAKING
        self._heard = self._common.wheel.now()
        self._run(opening=not self._opened)
