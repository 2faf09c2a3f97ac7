"""The layer that deflates and inflates, and the driver on it."""

import asyncio
import tracemalloc
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pillarbox.net import compress
from pillarbox.net.compress import PIECE, QUIET, Compression, Inflater
from pillarbox.net.memory import Client, connect
from pillarbox.net.wheel import Wheel

Run = Callable[[Coroutine[Any, Any, None]], None]

WORDS = [b"a NOOP\r\n", b"b SELECT INBOX\r\n", b"c FETCH 1:* (UID FLAGS)\r\n", bytes(range(256)) * 40]


class Peer:
    """A client's deflater, which flushes after everything it says."""

    def __init__(self, level: int = 6, window: int = 15) -> None:
        self.zlib = zlib.compressobj(level, zlib.DEFLATED, -window)

    def says(self, data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
        return self.zlib.compress(data) + self.zlib.flush(flush)


def everything(inflater: Inflater) -> bytes:
    return b"".join(iter(inflater.inflate, b""))


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH])
def test_what_is_flushed_can_be_read_at_once_however_it_arrives(flush: int) -> None:
    peer = Peer()
    said = [peer.says(word, flush) for word in WORDS]
    stream = b"".join(said)
    for step in (1, 2, 3, 5, 7, len(stream)):
        inflater = Inflater()
        out = b""
        for at in range(0, len(stream), step):
            inflater.feed(stream[at : at + step])
            out += everything(inflater)
        assert out == b"".join(WORDS)
    inflater = Inflater()
    for one, word in zip(said, WORDS, strict=True):
        inflater.feed(one)
        assert everything(inflater) == word
        assert inflater.pending == 0


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_an_inflater_rests_wherever_the_peer_has_flushed_and_only_there(level: int) -> None:
    peer = Peer(level)
    stream = b"".join(peer.says(word) for word in WORDS * 3)
    borders, whole = set(), Inflater()
    at = 0
    peer = Peer(level)
    for word in WORDS * 3:
        at += len(peer.says(word))
        borders.add(at)
    rested = set()
    out = b""
    for cut in range(len(stream)):
        whole.feed(stream[cut : cut + 1])
        out += everything(whole)
        whole.rest()
        if whole._zlib is None:
            rested.add(cut + 1)
    assert out == b"".join(WORDS * 3)
    # A stored block of level 0 has borders of its own; no other place will do.
    assert borders <= rested
    if level:
        assert rested == borders


def test_what_a_rested_inflater_had_is_still_referred_to() -> None:
    peer, inflater = Peer(9), Inflater()
    text = bytes(zlib.crc32(b"%d" % n) & 0xFF for n in range(30_000))
    for _ in range(5):
        said = peer.says(text)
        inflater.feed(said)
        assert everything(inflater) == text
        inflater.rest()
        assert inflater._zlib is None
    assert len(said) < 1000  # it did refer


def test_a_deflater_may_be_dropped_at_any_time() -> None:
    ours = Compression(b"")
    theirs = zlib.decompressobj(-15)
    for number in range(50):
        word = WORDS[number % 4]
        assert theirs.decompress(ours.deflate(word)) == word
        if number % 3 == 0:
            assert ours.overdue(QUIET + 1) is None
    assert theirs.decompress(ours.deflate(b"bye", last=True)) == b"bye"
    assert theirs.eof


def test_rest_comes_only_after_quiet() -> None:
    ours = Compression(Peer().says(b"x"))
    assert ours.inflate() == b"x"
    ours.used = 10.0
    assert ours.overdue(11.0) == 10.0 + QUIET
    assert ours._inflater._zlib is not None
    assert ours.overdue(10.0 + QUIET) is None
    assert ours._inflater._zlib is None


def test_a_quiet_connection_holds_little() -> None:
    def quiet() -> Compression:
        peer = Peer()
        ours = Compression(b"")
        for number in range(200):
            ours.feed(peer.says(b"a%d UID FETCH %d (FLAGS BODY.PEEK[])\r\n" % (number, number * 7)))
            everything(ours._inflater)
            ours.deflate(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (number, number * 7))
        ours.overdue(QUIET + 1)
        return ours

    quiet()
    tracemalloc.start()
    kept = [quiet() for _ in range(20)]
    octets = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    assert octets < 4096  # 8,000 octets had been said


def test_a_bomb_takes_a_piece_of_room_at_a_time() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    million = bytes(1024 * 1024)
    bomb = b"".join(packer.compress(million) for _ in range(64)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 80_000
    inflater = Inflater()
    inflater.feed(bomb)
    tracemalloc.start()
    size = 0
    while piece := inflater.inflate():
        assert len(piece) <= PIECE
        size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 64 * 1024 * 1024
    assert peak < 512 * 1024


@pytest.mark.parametrize("damage", [b"\xff" * 20, b"\x07", b"\x00\x01\x00\x00\x00"])
def test_a_damaged_stream_is_over(damage: bytes) -> None:
    inflater = Inflater()
    inflater.feed(Peer().says(b"fine") + damage)
    assert inflater.inflate() == b"fine"
    assert inflater.inflate() is None
    inflater.rest()
    inflater.feed(b"more")
    assert inflater.inflate() is None


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize("ending", ["finished", "flushed", "flushed, then finished"])
def test_what_comes_after_the_stream_is_told_from_it(step: int, ending: str) -> None:
    peer = Peer()
    if ending == "finished":
        stream = peer.says(b"last\r\n", zlib.Z_FINISH)
    else:
        stream = peer.says(b"last\r\n")
        if ending != "flushed":
            stream += peer.zlib.flush(zlib.Z_FINISH)
    stream += b"plain\r\n\x03\0"
    inflater = Inflater()
    out = b""
    for at in range(0, len(stream), step):
        inflater.feed(stream[at : at + step])
        while piece := inflater.inflate():
            out += piece
            if out == b"last\r\n":
                inflater.end()
    assert inflater.done
    assert out == b"last\r\nplain\r\n\x03\0"


# On the driver.


async def compressed(session: Any, **options: Any) -> Client:
    client = connect(session, **options)
    assert await client.read_line() == b"hello\r\n"
    await client.send(b"compress\r\n")
    assert await client.read_line() == b"going\r\n"
    client.start_compress()
    return client


@pytest.fixture
def talker(told: Any) -> Any:
    """A session that turns compression on and off where it is told to."""

    class Talker(told):
        def line(self, line: bytes) -> Any:
            if line == b"compress":
                self.connection.start_compress()
                return b"going\r\n"
            if line == b"plain":
                self.connection.stop_compress()
                return b"gone\r\n"
            return super().line(line)

    return Talker


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_answers_of_every_kind_come_compressed(run: Run, talker: Any, pieces: int) -> None:
    async def scene() -> None:
        session = talker()
        session.gate.set()
        client = await compressed(session)
        assert client.driver.compressed
        await client.send(
            b"a\r\nwait\r\npieces\r\nslow-pieces\r\noctets 3000\r\n" + b"x" * 3000 + b"b\r\nclose\r\n",
            pieces=pieces,
        )
        assert await client.read_all() == (
            b"a\r\nwaited\r\n0\r\n1\r\n2\r\n0\r\n1\r\n2\r\ngot 3000\r\nb\r\ngoing\r\n"
        )

    run(scene())


def test_what_was_said_before_goes_uncompressed_and_what_came_after_counts_as_compressed(
    run: Run, talker: Any
) -> None:
    async def scene() -> None:
        client = connect(talker())
        await client.send(b"a\r\ncompress\r\n" + Peer().says(b"b\r\n"))
        assert await client.read_until(b"going\r\n") == b"hello\r\na\r\ngoing\r\n"
        client.start_compress()
        client._transport.inflater = None
        raw = await client.read_exactly(8)
        assert zlib.decompressobj(-15).decompress(raw) == b"b\r\n"

    run(scene())


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("finish", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_compression_ends_and_begins_again(run: Run, talker: Any, pieces: int, finish: int) -> None:
    async def scene() -> None:
        client = await compressed(talker())
        for _ in range(3):
            said = Peer()
            stream = said.says(b"one\r\n") + said.says(b"plain\r\n", finish)
            client.stop_compress()
            await client.send(stream + b"two\r\n", pieces=pieces)
            assert await client.read_until(b"two\r\n") == b"one\r\ngone\r\ntwo\r\n"
            assert not client.driver.compressed
            await client.send(b"compress\r\n")
            assert await client.read_line() == b"going\r\n"
            client.start_compress()

    run(scene())


def test_a_peer_that_does_not_read_holds_up_the_answers(run: Run, talker: Any) -> None:
    async def scene() -> None:
        session = talker()
        client = await compressed(session)
        client.stop_reading()
        await client.send(b"flood\r\nb\r\n")
        for _ in range(2000):
            await asyncio.sleep(0)
        assert not client.driver.writable
        assert "flood over" not in session.log
        assert client.unsent < 256 * 1024
        client.start_reading()
        assert (await client.read_until(b"\nb\r\n")).count(b"flood") == session.many

    run(scene())


def test_a_large_answer_is_compressed_in_slices(run: Run, talker: Any, monkeypatch: Any) -> None:
    async def scene() -> None:
        sizes = []
        deflate = Compression.deflate

        def counted(self: Compression, data: bytes, *, last: bool = False) -> bytes:
            sizes.append(len(data))
            return deflate(self, data, last=last)

        monkeypatch.setattr(Compression, "deflate", counted)
        session = talker()
        client = await compressed(session)
        session.at_once = lambda: b"x" * 1_000_000 + b"\r\n"
        await client.send(b"at-once\r\nb\r\n")
        assert len(await client.read_until(b"b\r\n")) == 1_000_005
        assert max(sizes) <= 2 * compress.PIECE

    run(scene())


def test_input_is_not_inflated_ahead_of_its_use(run: Run, talker: Any) -> None:
    async def scene() -> None:
        session = talker()
        client = await compressed(session)
        await client.send(b"wait\r\n" + b"octets 50000000\r\n")
        await client.send(bytes(5_000_000))
        assert len(client.driver._input) <= 2 * PIECE
        session.gate.set()
        assert await client.read_until(b"waited\r\n") == b"waited\r\n"
        await client.send(bytes(45_000_000))
        for _ in range(100_000):
            assert len(client.driver._input) <= 2 * PIECE
            session.log.clear()
            if client.read_now():
                break
            await asyncio.sleep(0)
        else:
            pytest.fail("the octets did not end")

    run(scene())


def test_a_bomb_does_not_hold_up_others(run: Run, talker: Any) -> None:
    async def scene() -> None:
        client = await compressed(talker())
        other = connect(talker())
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush(zlib.Z_SYNC_FLUSH)
        client.stop_compress()
        await client.send(bomb)
        assert client.driver._scheduled  # far from its end
        await other.send(b"here\r\n")
        assert await other.read_until(b"here\r\n") == b"hello\r\nhere\r\n"
        await client.disconnect()

    run(scene())


@pytest.mark.parametrize("damage", [b"\xff" * 20, b"plain text\r\n"])
def test_a_damaged_stream_closes_the_connection_after_the_answers(
    run: Run, talker: Any, damage: bytes
) -> None:
    async def scene() -> None:
        session = talker()
        client = await compressed(session)
        stream = Peer().says(b"a\r\nwait\r\n") + damage
        client.stop_compress()
        await client.send(stream)
        session.gate.set()
        assert await client.read_all() == b"a\r\nwaited\r\n"
        await asyncio.sleep(0)
        assert session.log[-1] == "closed"

    run(scene())


def test_a_peer_that_stops_in_the_middle(run: Run, talker: Any) -> None:
    async def scene() -> None:
        for cut in range(1, 12):
            session = talker()
            client = await compressed(session)
            stream = Peer().says(b"a\r\nb\r\n")
            client.stop_compress()
            await client.send(stream[:cut])
            await client.send_eof()
            assert (await client.read_all()) in (b"", b"a\r\n", b"a\r\nb\r\n")
            await asyncio.sleep(0)
            assert session.log[-1] == "closed"

    run(scene())


def test_a_half_closed_peer_is_still_answered(run: Run, talker: Any) -> None:
    async def scene() -> None:
        session = talker()
        client = await compressed(session)
        await client.send(b"wait\r\nb\r\n")
        await client.send_eof()
        assert client.read_now() == b""
        session.gate.set()
        assert await client.read_all() == b"waited\r\nb\r\n"

    run(scene())


def test_memory_is_given_back_by_the_clock_and_pushes_go_on(run: Run, talker: Any) -> None:
    async def scene() -> None:
        now = [100.0]
        wheel = Wheel(lambda: now[0])
        session = talker()
        client = await compressed(session, wheel=wheel)
        for _ in range(3):
            await client.send(b"hello there\r\n")
            assert await client.read_line() == b"hello there\r\n"
            session.connection.push(b"* 1 EXISTS\r\n")
            assert await client.read_line() == b"* 1 EXISTS\r\n"
            compression = client.driver._compression
            assert compression is not None
            assert compression._deflater is not None
            now[0] += QUIET + 2
            wheel.turn()
            assert compression._deflater is None
            assert compression._inflater._zlib is None
            session.connection.push(b"* 2 EXISTS\r\n")
            assert await client.read_line() == b"* 2 EXISTS\r\n"
        await client.disconnect()
        assert compression.slot == 0
        wheel.stop()

    run(scene())
