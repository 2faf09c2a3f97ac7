"""Clients that keep in step while another process floods the account with changes.

They synchronise again and again meanwhile, and no run may fail; once the flood is over, one more run must
leave them with what the server has.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.clients import test_mbsync, test_offlineimap
from tests.clients.syncing import local, remote
from tests.oracle import PASSWORD
from tests.places import LONG, Place
from tests.sync.device import Device, Wire
from tests.sync.picture import Known, Ledger, Mode

SECONDS = 300 if LONG else 5


def start(place: Place, address: str) -> subprocess.Popen[bytes]:
    arguments = [place.host, str(place.imap), address, PASSWORD, str(SECONDS), "1"]
    return subprocess.Popen([sys.executable, "-m", "tests.clients.flood", *arguments], stdout=subprocess.PIPE)


def repeat(sync: Callable[[], None], flood: subprocess.Popen[bytes]) -> int:
    """Until the flood is over, and once more."""
    times = 0
    while flood.poll() is None:
        sync()
        times += 1
    sync()
    return times


def may_miss_some(command: list[str], home: Path, flood: subprocess.Popen[bytes]) -> None:
    """One run of offlineimap. It calls it a failure when a message goes before it was fetched: while the
    flood lasts that is how things are, whatever the server."""
    over = flood.poll() is not None
    try:
        test_offlineimap.sync(command, home)
    except AssertionError as error:
        if over or "does not have a message with UID" not in str(error):
            raise


def test_three_clients_keep_in_step(place: Place, tmp_path: Path) -> None:
    address = place.account()
    with place.client(address) as client:
        client.create_folder("Away")
    homes = {name: tmp_path / name for name in ("mbsync", "offlineimap")}
    for home in homes.values():
        home.mkdir()
    mbsync = test_mbsync.configured(place, address, homes["mbsync"], patterns="INBOX")
    offlineimap = test_offlineimap.configured(place, address, homes["offlineimap"])
    with start(place, address) as flood, ThreadPoolExecutor(3) as threads:
        times = {
            "mbsync": threads.submit(repeat, lambda: test_mbsync.sync(mbsync, homes["mbsync"]), flood),
            "offlineimap": threads.submit(
                repeat, lambda: may_miss_some(offlineimap, homes["offlineimap"], flood), flood
            ),
            "a QRESYNC client": threads.submit(asyncio.run, resynchronise(place, address, flood)),
        }
        counted = {name: future.result() for name, future in times.items()}
        assert flood.stdout is not None
        changes = int(flood.stdout.read())
    print(f"{changes} changes; runs meanwhile: {counted}")
    for name, home in homes.items():
        assert local(home / "mail" / "INBOX") == remote(place, address), name
    assert changes > 50 * SECONDS / 5
    assert all(counted.values()), counted


async def resynchronise(place: Place, address: str, flood: subprocess.Popen[bytes]) -> int:
    """Lose the connection, come back with what was known, look a while, and again; how many times."""
    device = Device("q", address, PASSWORD, Mode(qresync=True), (), Ledger(), random.Random(1))

    async def dial(name: str) -> Wire:
        return Wire(name, *await asyncio.open_connection(place.host, place.imap))

    times = 0
    over = False
    while not over:
        over = flood.poll() is not None
        await device.connect(dial)
        for _ in range(25):
            await device.ok(b"NOOP")
            await device.fill()
        if over:
            assert device.picture is not None
            assert device.picture.agrees(truth(place, address)) == ""
            assert device.picture.complete()
        device.lost()
        times += 1
    return times


def truth(place: Place, address: str) -> dict[int, Known]:
    with place.client(address) as client:
        client.select_folder("INBOX", readonly=True)
        found = client.fetch("1:*", ["FLAGS", "MODSEQ"])
    return {
        uid: (frozenset(flag.lower() for flag in data[b"FLAGS"]) - {b"\\recent"}, data[b"MODSEQ"][0])
        for uid, data in found.items()
    }
