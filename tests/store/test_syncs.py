"""Syncs without a thread, and with one where the kernel does not take them."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pillarbox.store import syncs
from pillarbox.store.commit import to_disk
from pillarbox.store.syncs import Syncs

KNOWN = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64", "riscv64")


def play(story: Callable[[Syncs], Awaitable[None]], sync: Callable[[int], None] = to_disk) -> None:
    async def told() -> None:
        with ThreadPoolExecutor(2) as executor:
            used = Syncs(sync, executor)
            used.open()
            try:
                await story(used)
            finally:
                used.close()

    asyncio.run(told())


def test_many_files_are_synced_at_once(tmp_path: Path) -> None:
    async def story(used: Syncs) -> None:
        files = [(tmp_path / str(number)).open("wb+", 0) for number in range(3 * syncs.AT_ONCE)]
        for file in files:
            file.write(b"some octets")
        await asyncio.gather(*(used.begin(file.fileno()) for file in files))
        for file in files:
            file.close()

    play(story)


def test_what_cannot_be_synced_fails_with_the_system_s_error(tmp_path: Path) -> None:
    async def story(used: Syncs) -> None:
        reading, writing = os.pipe()
        with pytest.raises(OSError, match="Invalid argument"):
            await used.begin(writing)
        os.close(reading)
        os.close(writing)
        with pytest.raises(OSError, match="Bad file descriptor"):
            await used.begin(writing)

    play(story)


@pytest.mark.skipif(not KNOWN, reason="the kernel's calls are known on some machines only")
def test_an_error_of_the_disk_is_told_to_the_one_whose_sync_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(used: Syncs) -> None:
        kernel = used._kernel
        assert kernel is not None, "this kernel syncs by itself"
        real = kernel._call

        def failing(call: object, *rest: object) -> int:
            got = int(real(call, *rest))
            if getattr(call, "value", 0) == kernel._get:
                for at in range(got):
                    number, request, _, _ = syncs._EVENT.unpack_from(kernel._events, at * syncs._EVENT.size)
                    outcome = -5 if number == 1 else 0
                    syncs._EVENT.pack_into(
                        kernel._events, at * syncs._EVENT.size, number, request, outcome, 0
                    )
            return got

        monkeypatch.setattr(kernel, "_call", failing)
        with (tmp_path / "file").open("wb+", 0) as file:
            first, second = used.begin(file.fileno()), used.begin(file.fileno())
            with pytest.raises(OSError, match="Input/output error"):
                await first
            await second

    play(story)


def test_a_sync_function_of_ones_own_runs_on_a_thread(tmp_path: Path) -> None:
    threads = []

    def sync(fd: int) -> None:
        threads.append(threading.current_thread())

    async def story(used: Syncs) -> None:
        with (tmp_path / "file").open("wb+", 0) as file:
            await used.begin(file.fileno())

    play(story, sync)
    assert threads and threading.main_thread() not in threads


def test_a_machine_whose_calls_are_not_known_uses_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")

    async def story(used: Syncs) -> None:
        assert used._kernel is None
        with (tmp_path / "file").open("wb+", 0) as file:
            await used.begin(file.fileno())

    play(story)
