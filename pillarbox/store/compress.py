"""Message bytes as zstd frames.

A small message is one frame. A larger one is cut so that the header is a frame of its own (most FETCHes
want only that) and any stretch of the body can be read by opening the few frames it lies in.

The dictionary makes small messages a third smaller: most of a header is words that all headers share.
Dictionaries are numbered and kept for ever; a blob's row says which one it needs, 0 meaning none.
"""

import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from importlib import resources

import zstandard

WHOLE_LIMIT = 32 * 1024  # up to here one frame: decompressing it all takes less than a second frame costs
FRAME_SIZE = 256 * 1024
LEVEL = 1  # level 3 costs half as much time again and gains 1% of the bytes
DICTIONARY = 1  # what new blobs use

_PAIR = struct.Struct("<QQ")

Index = tuple[tuple[int, int], ...]
"""Where each frame ends: (offset in the message, offset in the stored bytes), ascending."""


class Damaged(Exception):
    """Stored bytes are not what was written."""


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    content = resources.files("pillarbox.store").joinpath("dictionaries", f"{number}.zdict").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(content)
    if number == DICTIONARY:
        dictionary.precompute_compress(level=LEVEL)
    return dictionary


class _Threads(threading.local):
    """zstandard's objects serve one thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(
            level=LEVEL,
            dict_data=_dictionary(DICTIONARY),
            write_checksum=True,
            write_dict_id=False,
        )
        self.decompressors: dict[int, zstandard.ZstdDecompressor] = {}

    def decompressor(self, number: int) -> zstandard.ZstdDecompressor:
        found = self.decompressors.get(number)
        if found is None:
            found = zstandard.ZstdDecompressor(dict_data=_dictionary(number) if number else None)
            self.decompressors[number] = found
        return found


_threads = _Threads()


def prepare() -> None:
    """Have on this thread, and in memory, what the first message to be read would wait for."""
    decompress(compress_whole(b"Received"), DICTIONARY, 8)


def compress_whole(raw: bytes) -> bytes:
    return _tight(_threads.compressor.compress(raw))


def _tight(frame: bytes) -> bytes:
    """zstandard returns a frame in as much memory as it might have needed, and that stays with it."""
    return bytes(memoryview(frame))


def cuts(size: int, header_size: int) -> list[int]:
    """Where the frames of a message end, in its own octets."""
    if size <= WHOLE_LIMIT:
        return [size]
    ends = [header_size] if 0 < header_size < size else []
    # A header too long for one frame is cut like everything else; its last frame still ends with it.
    ends = [*range(FRAME_SIZE, ends[0], FRAME_SIZE), *ends] if ends else []
    start = ends[-1] if ends else 0
    return [*ends, *range(start + FRAME_SIZE, size, FRAME_SIZE), size]


def compress(raw: memoryview, header_size: int) -> Iterator[tuple[int, bytes]]:
    """Each frame with the octet of the message where it ends."""
    start = 0
    for end in cuts(len(raw), header_size):
        yield end, _tight(_threads.compressor.compress(raw[start:end]))
        start = end


def decompress(frame: bytes, dictionary: int, size: int) -> bytes:
    """The `size` octets that `frame` was made from."""
    try:
        raw = _threads.decompressor(dictionary).decompress(frame, max_output_size=size)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error
    if len(raw) != size:
        raise Damaged(f"a frame of {size} octets has become {len(raw)}")
    return raw


def pack(index: Index) -> bytes | None:
    """As `blob.frames` keeps it; one frame needs no index."""
    if len(index) == 1:
        return None
    return b"".join(_PAIR.pack(*pair) for pair in index)


def unpack(frames: bytes | None, size: int, stored: int) -> Index:
    return tuple(_PAIR.iter_unpack(frames)) if frames else ((size, stored),)


def frame_at(index: Index, offset: int) -> int:
    """Which frame the message's octet `offset` lies in."""
    return bisect_right(index, offset, key=lambda pair: pair[0])
