"""DEFLATE (RFC 1951) below a protocol's framing, as RFC 4978 puts it there. Pure: bytes in, bytes out.

Rules of the place:
* whatever is written ends in a flush, so the peer can read all of it at once and nothing ever hangs;
* input is inflated only as it is asked for, PIECE octets at most: a bomb is as long as it likes and takes
  no more room than that;
* a connection that has been quiet holds no zlib state at all. A deflater may be dropped after any flush:
  the next one refers to nothing before itself and begins at an octet, and to the peer it is one stream. An
  inflater needs the 32 KiB before (RFC 1951 2), so they are kept, deflated: what a client writes is little
  and all alike.
"""

import zlib

QUIET = 2.0  # seconds after which zlib's memory is given back
PIECE = 64 * 1024  # octets inflated at a time
TAKE = 16 * 1024  # octets of input given to zlib at a time; it copies what it has no use for yet
WINDOW = 32 * 1024  # how far back a peer's stream may refer

# 1,024 * (2^(WINDOW_BITS - 8) + 2^(MEMORY - 1)) and some octets in use: 70 KiB, not 263, for 2% more output.
WINDOW_BITS = 13
MEMORY = 6
LEVEL = 1  # twice as fast as 6, for 3% more output where messages are fetched

_MARK = b"\0\0\xff\xff"  # the end of a flush (RFC 1951 3.2.4: an empty stored block)
_LAST = b"\x03\0"  # an empty last block, from the beginning of an octet


class Compression:
    """Both directions of one connection."""

    __slots__ = ("_deflater", "_inflater", "ended", "slot", "used")

    def __init__(self, first: bytes) -> None:
        """`first` has come in already."""
        self._deflater: zlib._Compress | None = None
        self._inflater = Inflater()
        self._inflater.feed(first)
        self.ended = False
        self.slot = 0
        self.used = 0.0  # when anything went either way

    @property
    def pending(self) -> int:
        """Octets of input not yet inflated."""
        return self._inflater.pending

    @property
    def done(self) -> bool:
        """After `end`: whether all that comes now comes as it is."""
        return self._inflater.done

    def feed(self, data: bytes) -> None:
        self._inflater.feed(data)

    def inflate(self) -> bytes | None:
        return self._inflater.inflate()

    def deflate(self, data: bytes, *, last: bool = False) -> bytes:
        """All of `data`, readable to its end; with `last` the stream ends too."""
        if self.ended:
            return data
        deflater = self._deflater
        if deflater is None:
            deflater = self._deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY)
        return deflater.compress(data) + deflater.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    def end(self) -> None:
        """Output goes as it is from now on, and input comes so after the next flush, or end, of the peer."""
        self.ended = True
        self._deflater = None
        self._inflater.end()

    def overdue(self, now: float) -> float | None:
        """Asked by the wheel: give the memory back, if it is time."""
        if now < self.used + QUIET:
            return self.used + QUIET
        self._deflater = None
        self._inflater.rest()
        return None


class Inflater:
    """A peer's stream. Each piece ends where the peer flushed, if not sooner, so that what follows the
    stream is not mistaken for a part of it (RFC 8437 4.1)."""

    __slots__ = (
        "_asleep",
        "_at",
        "_ending",
        "_full",
        "_history",
        "_over",
        "_queue",
        "_seen",
        "_zlib",
        "done",
    )

    def __init__(self) -> None:
        self._zlib: zlib._Decompress | None = zlib.decompressobj(-15)
        self._queue = b""
        self._at = 0  # how much of _queue zlib has
        self._seen = b""  # the last octets before that: a mark may lie across
        self._full = False  # zlib has more output than it was let make
        self._history = bytearray()  # WINDOW octets of output at least, if there were so many
        self._asleep = b""  # the same, deflated, while there is no _zlib
        self._over = False
        self._ending = False
        self.done = False

    @property
    def pending(self) -> int:
        return len(self._queue) - self._at + self._full

    def feed(self, data: bytes) -> None:
        self._queue = self._queue[self._at :] + data if self._at < len(self._queue) else data
        self._at = 0

    def inflate(self) -> bytes | None:
        """The next PIECE octets at most; b"" when they have not all come; None when the stream is over or
        makes no sense, and nothing more will come of it. After `end`, what follows the stream."""
        while not self._over:
            if self._ending and not self._full and self._between():
                return self._after()
            if not self._full and self._at >= len(self._queue):
                return b""
            inflater = self._zlib or self._wake()
            try:
                out = inflater.decompress(inflater.unconsumed_tail if self._full else self._take(), PIECE)
            except zlib.error:
                self._over = True
                self._ending = False
                break
            self._full = len(out) == PIECE
            if inflater.eof:
                self._over, self._full = True, False
                self._queue, self._at = inflater.unused_data + self._queue[self._at :], 0
            if out:
                self._history += out
                if len(self._history) > 2 * WINDOW:
                    del self._history[:-WINDOW]
                return out
        return self._rest_as_it_is() if self._ending else None

    def end(self) -> None:
        self._ending = True

    def _after(self) -> bytes:
        """What comes after a flush, when the stream may be over there."""
        rest = self._queue[self._at :]
        if len(rest) < len(_LAST) and _LAST.startswith(rest):
            return b""
        # A peer may flush first, and end its stream afterwards.
        self._queue, self._at = rest.removeprefix(_LAST), 0
        return self._rest_as_it_is()

    def _rest_as_it_is(self) -> bytes:
        rest = self._queue[self._at :]
        self._queue, self._at = b"", 0
        self._over = self.done = True
        self._zlib = None
        return rest

    def rest(self) -> None:
        """Hold no memory for zlib, where that is possible: after a flush."""
        if self._zlib is None or self._over or self.pending or not self._between():
            return
        self._asleep = zlib.compress(self._history[-WINDOW:])
        self._history = bytearray()
        self._queue, self._at = b"", 0
        self._zlib = None

    def _between(self) -> bool:
        """Between two blocks, at an octet: there, and nowhere else, the stream could end with _LAST."""
        if self._zlib is None:
            return True
        probe = self._zlib.copy()
        try:
            return not probe.decompress(_LAST) and probe.eof
        except zlib.error:
            return False

    def _wake(self) -> "zlib._Decompress":
        self._history = bytearray(zlib.decompress(self._asleep))
        self._asleep = b""
        self._zlib = zlib.decompressobj(-15, zdict=bytes(self._history))
        return self._zlib

    def _take(self) -> bytes:
        """Input up to the next mark."""
        queue, at, seen = self._queue, self._at, self._seen
        across = (seen + queue[at : at + len(_MARK) - 1]).find(_MARK)
        if across >= 0:
            end = at + across + len(_MARK) - len(seen)
        else:
            end = queue.find(_MARK, at, at + TAKE) + len(_MARK)
            if end < len(_MARK):
                end = min(at + TAKE, len(queue))
        taken = queue[at:end]
        self._at = end
        self._seen = (seen + taken)[1 - len(_MARK) :]
        return taken
