"""Message bytes on their way in and back out: exactly the same, whatever they are and however large."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model.errors import Code, Refused
from pillarbox.store import blobs, compress, objects
from pillarbox.store.engine import sqlite
from pillarbox.store.staged import INLINE_LIMIT, Place, Staged
from pillarbox.store.staging import INLINE_WORK, MEMORY_LIMIT, Staging

HEADER = b"From: a@b.example\r\nSubject: x\r\n\r\n"


def stage(folder: Path, raw: bytes, piece: int = 65536, prefix: bytes = b"") -> Staged:
    async def told() -> Staged:
        with ThreadPoolExecutor(1) as executor:
            staging = Staging(folder, executor)
            for start in range(0, len(raw), piece):
                await staging.write(raw[start : start + piece])
            assert staging.size == len(raw)
            staged = await staging.with_prefix(prefix)
            staging.abandon()
            return staged

    return asyncio.run(told())


def store(database: sqlite.Database, staged: Staged, blob: int = 7) -> blobs.Blob:
    """Put it where an append verb would, and open it again."""
    if staged.spool is not None:
        path = objects.path(database.folder, blob)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.spool.link(path)
    with database.transaction(write=True) as tx:
        columns = (staged.sha256, staged.size, staged.place, staged.dictionary, staged.frames, staged.data)
        tx.run("INSERT INTO blob VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tx.account, blob, *columns)
    with database.transaction(write=False) as tx:
        return blobs.open_blob(tx, blob)


def random_bytes(count: int) -> bytes:
    return random.Random(count).randbytes(count)


NASTY = {
    "nothing": b"",
    "a header alone": HEADER,
    "NUL and all": HEADER + bytes(range(256)) * 3,
    "no header": b"\r\n" + b"x" * 100,
    "bare LF": b"A: b\n\nc\n",
    "one frame": HEADER + b"line\r\n" * (INLINE_WORK // 6 - 10),
    "on a thread": HEADER + b"line\r\n" * (INLINE_WORK // 3),
    "spooled, small when compressed": HEADER + b"line\r\n" * (MEMORY_LIMIT // 3),
    "a file": HEADER + random_bytes(3 * INLINE_LIMIT),
    "several frames": HEADER + random_bytes(3 * compress.FRAME_SIZE + 17),
    "a header of several frames": b"A: " + b"b" * 70 * 9000 + b"\r\n\r\n" + random_bytes(1000),
}


@pytest.mark.parametrize("what", NASTY)
@pytest.mark.parametrize("prefix", [b"", b"Delivered-To: c@d.example\r\n"])
def test_what_comes_in_comes_out(tmp_path: Path, database: sqlite.Database, what: str, prefix: bytes) -> None:
    raw = NASTY[what]
    staged = stage(tmp_path, raw, prefix=prefix)
    whole = prefix + raw
    assert staged.size == len(whole)
    assert staged.sha256 == hashlib.sha256(whole).digest()
    assert (staged.place is Place.FILE) == (what in ("a file", "several frames"))
    blob = store(database, staged)
    assert blob.read(0, len(whole)) == whole
    assert blob.read(0, 10**9) == whole
    assert blob.read(len(whole), len(whole) + 1) == b""
    with database.transaction(write=False) as tx:
        assert blobs.raw(tx, 7) == whole
        size = staged.derived.header_size
        assert blobs.header(tx, 7, size) == whole[:size]


@settings(max_examples=60)
@given(st.data())
def test_any_stretch_of_a_large_message(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    blob, whole = _large(tmp_path_factory)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(0, len(whole)))
    assert blob.read(start, end) == whole[start:end]


_kept: list[tuple[blobs.Blob, bytes]] = []


def _large(factory: pytest.TempPathFactory) -> tuple[blobs.Blob, bytes]:
    if not _kept:
        whole = HEADER + random_bytes(2 * compress.FRAME_SIZE + 999)
        index, pieces, stored = [], [], 0
        for end, frame in compress.compress(memoryview(whole), len(HEADER)):
            stored += len(frame)
            index.append((end, stored))
            pieces.append(frame)
        path = factory.mktemp("blob") / "file"
        path.write_bytes(b"".join(pieces))
        file = objects.File(path)
        _kept.append((blobs.Blob(len(whole), compress.DICTIONARY, tuple(index), None, file), whole))
    return _kept[0]


def test_reading_opens_only_the_frames_it_needs(tmp_path: Path) -> None:
    whole = HEADER + random_bytes(3 * compress.FRAME_SIZE)
    frames = list(compress.compress(memoryview(whole), len(HEADER)))
    index, stored = [], 0
    for end, frame in frames:
        stored += len(frame)
        index.append((end, stored))
    assert index[0][0] == len(HEADER)
    # Every frame but the header's and the second is damaged.
    content = frames[0][1] + frames[1][1] + b"".join(bytes(len(frame)) for _, frame in frames[2:])
    (tmp_path / "file").write_bytes(content)
    blob = blobs.Blob(len(whole), compress.DICTIONARY, tuple(index), None, objects.File(tmp_path / "file"))
    assert blob.read(0, len(HEADER) + 1000) == whole[: len(HEADER) + 1000]
    with pytest.raises(Refused) as refused:
        blob.read(len(whole) - 1, len(whole))
    assert refused.value.code is Code.CORRUPTION


def test_an_erased_message_says_so(tmp_path: Path, database: sqlite.Database) -> None:
    with database.transaction(write=False) as tx:
        for read in (blobs.raw, blobs.open_blob):
            with pytest.raises(Refused) as refused:
                read(tx, 99)
            assert refused.value.code is Code.NONEXISTENT
    blob = store(database, stage(tmp_path, NASTY["a file"]))
    objects.path(database.folder, 7).unlink()
    with database.transaction(write=False) as tx, pytest.raises(Refused):
        blobs.open_blob(tx, 7)
    assert blob.read(0, 10**9) == NASTY["a file"]  # who had it open goes on reading


def test_one_message_for_several_recipients(tmp_path: Path, database: sqlite.Database) -> None:
    raw = NASTY["a file"]

    async def told() -> list[Staged]:
        with ThreadPoolExecutor(1) as executor:
            staging = Staging(tmp_path, executor)
            await staging.write(raw)
            staged = [await staging.with_prefix(b"X: %d\r\n" % number) for number in range(3)]
            staging.abandon()
            return staged

    for number, staged in enumerate(asyncio.run(told())):
        whole = b"X: %d\r\n" % number + raw
        assert store(database, staged, number + 1).read(0, len(whole)) == whole


def test_what_is_abandoned_or_forgotten_leaves_nothing(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for piece in (b"x" * 10, b"x" * (MEMORY_LIMIT * 3)):
        stage(tmp_path, piece)
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_systems_without_nameless_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    folder = tmp_path / "spool"
    folder.mkdir()
    raw = NASTY["a file"]
    staged = stage(folder, raw)
    assert len(list(folder.iterdir())) == 1
    assert staged.spool is not None
    for name in ("x", "y"):
        staged.spool.link(tmp_path / name)
    staged.spool.link(tmp_path / "x")
    del staged
    assert list(folder.iterdir()) == []
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() != b""


def test_a_leftover_of_a_power_cut_makes_room(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"left over")
    staged = stage(tmp_path, NASTY["a file"])
    assert staged.spool is not None
    staged.spool.link(tmp_path / "x")
    assert (tmp_path / "x").stat().st_size > INLINE_LIMIT


def test_a_full_disk_refuses_for_now(tmp_path: Path) -> None:
    async def told() -> None:
        with ThreadPoolExecutor(1) as executor:
            staging = Staging(Path("/dev/full"), executor)
            with pytest.raises(Refused) as refused:
                await staging.write(b"x" * (MEMORY_LIMIT + 1))
            assert refused.value.temporary

    asyncio.run(told())


def test_a_dictionary_makes_a_header_smaller() -> None:
    header = (
        b"Return-Path: <someone@somewhere.example>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
    )
    assert len(compress.compress_whole(header)) < len(header) / 2


def test_damage_is_noticed() -> None:
    frame = bytearray(compress.compress_whole(HEADER * 20))
    frame[-6] ^= 1
    with pytest.raises(compress.Damaged):
        compress.decompress(bytes(frame), compress.DICTIONARY, len(HEADER) * 20)
    with pytest.raises(compress.Damaged):
        compress.decompress(compress.compress_whole(HEADER), compress.DICTIONARY, len(HEADER) + 1)
