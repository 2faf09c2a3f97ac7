"""What clients were told, and what is there, after the server has lost some of its past.

A fleet of devices (tests.sync) lives through many lives of one machine. Each life ends in its own way: the
power is cut in the middle of something; the process is killed; it stops; and sometimes an older copy of the
account is then put back. The devices keep what they were told, come back, and catch up with what each knows
of mod-sequences. In the end each one's picture must be the server's, and never may a UID have meant two
messages, nor a UID with a mod-sequence two sets of flags: the fleet's ledger remembers all lives.

The disk is that of `tests.store.test_powercut`: what is not synced when the power goes may be there or not,
sector by sector. PILLARBOX_LONG=1 goes on for PILLARBOX_ROUNDS lives.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from pillarbox.imap.settings import Settings
from pillarbox.net import memory
from pillarbox.store import changes, columns, files, incarnation, known, mailboxes, messages, snapshots
from pillarbox.store.check import check
from pillarbox.store.store import Store
from tests.imap.conftest import ACCOUNT, World
from tests.places import LONG
from tests.store.test_powercut import Disk
from tests.sync.device import Gone, Wire
from tests.sync.fleet import Fleet, Place
from tests.sync.picture import Contradiction

LIVES = int(os.environ.get("PILLARBOX_ROUNDS", "150")) if LONG else 4
SEED = int(os.environ.get("PILLARBOX_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
TURNS = 10  # rounds of a fleet in one life


class PowerCut(Exception):
    """Nobody hears anything any more."""


class MemoryWire(Wire):
    def __init__(self, name: str, client: memory.Client, machine: Machine) -> None:
        self.name = name
        self.client = client
        self.machine = machine
        self.said = []  # type: ignore[assignment]
        self._tag = 0

    async def write(self, data: bytes) -> None:
        if self.machine.dead:
            raise Gone
        self.said.append(b"C: " + data[:300].rstrip())
        await self.client.send(data)

    async def line(self, patience: float = 30.0) -> bytes:
        try:
            async with asyncio.timeout(patience):
                out = await self.client.read_line()
                while out.endswith(b"}\r\n"):
                    size = int(out[out.rindex(b"{") + 1 : -3])
                    out += await self.client.read_exactly(size) + await self.client.read_line()
        except EOFError:
            raise Gone from None
        if self.machine.dead or out.startswith(b"* BYE"):
            raise Gone
        self.said.append(b"S: " + out[:300])
        del self.said[:-120]  # type: ignore[arg-type]
        return out[:-2]

    def close(self) -> None:
        self.client._transport.abort()


class Machine:
    """One life: a store on a disk, and sessions over memory. A `tests.sync.fleet.Place`."""

    address, password = "ada", "secret"

    def __init__(self, data: Path, image: Path, now: int, rng: random.Random, *, cuts: bool) -> None:
        self.data = data
        self.now = now
        self.image = image
        self.rng = rng
        self.cuts = cuts
        self.dead = False
        self.wires: list[MemoryWire] = []
        self.workers = dict  # nobody to be killed one by one

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.disk = Disk(files.account_folder(self.data, ACCOUNT), self.maybe_cut, self.rng)
        self.store = Store(self.data, clock=lambda: self.now, sync=self.disk.sync)
        await self.store.open()
        self.world = World(self.store, Settings("x"), [float(self.now)])

    def maybe_cut(self) -> None:
        """Called from any thread, in the middle of a write or a sync."""
        if self.cuts and self.rng.random() < 0.1:
            self.cut()

    def cut(self) -> None:
        with self.disk.lock:
            if self.dead:
                return
            self.dead = True  # before the image is taken: what is heard from here on does not count
            self.image.mkdir()
            self.disk.image(self.image)
        self.loop.call_soon_threadsafe(self.silence)

    def silence(self) -> None:
        for wire in self.wires:
            wire.close()

    async def end(self, *, killed: bool) -> None:
        if killed:
            for handle in self.store._handles._open.values():
                handle.rooted = False
        self.silence()
        await asyncio.sleep(0)
        await self.store.close()
        self.disk.unregister()
        assert self.world.bugs == []

    async def dial(self, name: str) -> Wire:
        if self.dead:
            raise PowerCut
        wire = MemoryWire(name, self.world.connect().client, self)
        self.wires.append(wire)
        return wire


class Lives:
    """The machine's data over all lives, and copies of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.account = files.account_folder(self.data, ACCOUNT)
        self.rng = random.Random(seed)
        self.now = 1_700_000_000
        self.births = 1
        self.boots = 1
        self.copies: list[Path] = []
        self.ends: Counter[str] = Counter()
        files.create_account(self.data, ACCOUNT, self.now, mailboxes.create_initial)

    def birth(self, path: Path) -> str:
        return str(self.births)

    def boot(self) -> str:
        return f"boot{self.boots}"

    async def live(self, fleet: Fleet | None) -> Fleet:
        self.now += 3600
        self.forgotten = False
        self.known = known.find(self.data, ACCOUNT)
        how = self.rng.choice(("cut", "cut", "cut", "killed", "stopped"))
        machine = Machine(self.data, self.folder / "image", self.now, self.rng, cuts=how == "cut")
        await machine.start()
        try:
            if fleet is None:
                fleet = Fleet(cast(Place, machine), self.rng.getrandbits(32), devices=4, at_once=3)
                await fleet.begin()
            fleet.place = cast(Place, machine)
            await fleet.rest()
            for turn in range(TURNS):
                await fleet.round()
                if how != "cut" and turn > TURNS // 2:
                    break
            if how == "cut":
                machine.cut()
        except PowerCut:
            pass
        except Contradiction as error:
            said = "\n".join(
                f"{device.name} {device.mode} {device.mailbox!r}\n"
                + b"\n".join(device.wire.said if device.wire else ()).decode(errors="replace")
                for device in (fleet.devices if fleet else ())
            )
            raise Contradiction(f"{error}\n{said}") from None
        finally:
            dead = machine.dead
            machine.dead = True
            for device in fleet.devices if fleet else ():
                with suppress(Gone):
                    device.lost()
                device.wire = None
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await machine.end(killed=how == "killed")
            for task in others:
                task.cancel()
        assert fleet is not None
        self.ends["cut" if dead else how] += 1
        if dead:
            self.after_cut(machine.image)
        self.maybe_restore()
        return fleet

    def after_cut(self, image: Path) -> None:
        self.boots += 1
        for path in self.account.glob("mail.db*"):
            path.unlink()
        for path in image.iterdir():
            path.rename(self.account / path.name)
        image.rmdir()
        if self.rng.random() < 0.3:
            self.forgotten = True
            known.note(self.data, ACCOUNT, self.known)  # what was written since had not come to the disk

    def maybe_restore(self) -> None:
        rng = self.rng
        if rng.random() < 0.5:
            copy = self.folder / f"copy{len(self.copies)}"
            shutil.copytree(self.account, copy)
            self.copies.append(copy)
        if self.copies and rng.random() < 0.3:
            self.ends["restored"] += 1
            copy = rng.choice(self.copies)
            if not self.forgotten and rng.random() < 0.5:
                for path in copy.glob("mail.db*"):
                    shutil.copyfile(path, self.account / path.name)
            else:
                shutil.rmtree(self.account)
                shutil.copytree(copy, self.account)
                self.births += 1
                if copy is self.copies[-1] and rng.random() < 0.5:  # with all the rest of the data
                    known.forget(self.data, ACCOUNT)


def lives(folder: Path, seed: int, count: int, monkeypatch: pytest.MonkeyPatch) -> Lives:
    world = Lives(folder, seed)
    monkeypatch.setattr(incarnation, "boot_id", world.boot)
    monkeypatch.setattr(incarnation, "birth", world.birth)
    # Snapshots as large mailboxes have them.
    monkeypatch.setattr(columns, "UNSAVED", 3)
    monkeypatch.setattr(snapshots, "LEAST", 1)
    fleet: Fleet | None = None
    for number in range(count):
        try:
            fleet = asyncio.run(world.live(fleet))
        except Contradiction as error:
            raise Contradiction(f"seed {seed}, life {number + 1}, {world.ends}: {error}") from None
    return world


def test_clients_end_equal_to_a_server_that_lost_its_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lives(tmp_path, SEED, LIVES, monkeypatch)
    print(f"seed {SEED}: {dict(world.ends)}")
    assert world.ends.total() >= LIVES
    assert check(world.account) == []


def nothing_lost(*args: object) -> incarnation.Past:
    return incarnation.Past.WHOLE


def test_it_is_noticed_where_nothing_leaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incarnation, "past", nothing_lost)
    with pytest.raises(AssertionError):
        for seed in range(1, 10):
            lives(tmp_path / str(seed), seed, 6, monkeypatch)


def test_it_is_noticed_where_only_mod_sequences_leap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a gap alone: who was told what is lost is never told how things are."""
    monkeypatch.setattr(messages, "leap", lambda tx, modseq, uids, least: None)
    with pytest.raises(AssertionError):
        for seed in range(1, 10):
            lives(tmp_path / str(seed), seed, 6, monkeypatch)


def test_it_is_noticed_where_mod_sequences_do_not_leap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "LEAP", 0)
    with pytest.raises(AssertionError):
        for seed in range(1, 10):
            lives(tmp_path / str(seed), seed, 6, monkeypatch)
