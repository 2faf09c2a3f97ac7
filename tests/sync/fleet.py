"""Several devices on one account, all at once, while their server loses workers.

After some commands they come to rest, and then each one's picture must be the server's state: without a
further word for those that wait in IDLE or asked to be notified, after a NOOP for the others; and what a
device would keep of the mailbox must be enough to catch up from on a new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.sync.device import Cache, Device, Gone, Wire
from tests.sync.picture import Contradiction, Flags, Ledger, Mode

MAILBOXES = [b"INBOX", b"Other"]
DEVICES = 6
REST = 10.0  # seconds until a push must have come; only a server that forgot one takes so long

Truth = dict[int, tuple[Flags, int]]


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    port: int
    address: str
    password: str
    workers: Callable[[], dict[int, int]]  # process ids by number; empty where none may be killed

    async def dial(self, name: str) -> Wire:
        try:
            return Wire(name, *await asyncio.open_connection(self.host, self.port, limit=1 << 22))
        except OSError:
            raise Gone from None


class Fleet:
    """`seed` decides who wants to do what; what the server makes of it at once is its own chance."""

    def __init__(
        self,
        place: Place,
        seed: int,
        *,
        devices: int = DEVICES,
        at_once: int = 4,
        mailboxes: list[bytes] = MAILBOXES,
    ) -> None:
        self.place = place
        self.chance = random.Random(seed)
        self.at_once = at_once
        self.ledger = Ledger()
        self.devices: list[Device] = []
        self.mailboxes = mailboxes  # INBOX first
        self.wanted = devices
        self.kills = 0
        self.rests = 0
        self._capabilities: frozenset[bytes] = frozenset()

    async def begin(self) -> None:
        wire = await self._visit()
        try:
            tag = await wire.send(b"CAPABILITY")
            while not (line := await wire.line()).startswith(tag):
                if line.startswith(b"* CAPABILITY "):
                    self._capabilities = frozenset(line.upper().split()[2:])
            for name in self.mailboxes[1:]:
                tag = await wire.send(b"CREATE " + name)
                while not (await wire.line()).startswith(tag):
                    pass
        finally:
            wire.close()
        for number in range(self.wanted):
            chance = random.Random(self.chance.random())
            self.devices.append(
                Device(
                    string.ascii_lowercase[number],
                    self.place.address,
                    self.place.password,
                    self._mode(number),
                    (b"IMAP4rev2",) if b"IMAP4REV2" in self._capabilities and chance.random() < 0.3 else (),
                    self.ledger,
                    chance,
                )
            )
        for device in self.devices:
            await self._with(device, lambda: asyncio.sleep(0))

    def _mode(self, number: int) -> Mode:
        """The first few are one of each kind; the rest mix what the server has."""
        have = self._capabilities
        kinds = [Mode()]
        if b"CONDSTORE" in have:
            kinds.append(Mode(condstore=True))
        if b"QRESYNC" in have:
            kinds.append(Mode(qresync=True))
        if b"UIDONLY" in have:
            kinds.append(Mode(uidonly=True))
            if b"QRESYNC" in have:
                kinds.append(Mode(qresync=True, uidonly=True))
        mode = kinds[number] if number < len(kinds) else self.chance.choice(kinds)
        if b"NOTIFY" in have and self.chance.random() < 0.35:
            mode = replace(mode, notify=self.chance.choice(("SELECTED", "SELECTED-DELAYED")))
        return mode

    async def play(self, rounds: int) -> None:
        deadly = set(self.chance.sample(range(rounds), rounds // 10))
        for number in range(rounds):
            await self.round(kill=number in deadly)
        await self.rest()

    async def round(self, *, kill: bool = False) -> None:
        """Some devices do a few things each, at the same time; with `kill` a worker dies meanwhile."""
        acting = self.chance.sample(
            self.devices, self.chance.randint(1, min(self.at_once, len(self.devices)))
        )
        tasks = [self._busy(device, self.chance.randint(1, 8)) for device in acting]
        if kill:
            tasks.append(self._kill(self.chance.randrange(300)))
        await asyncio.gather(*tasks)
        if self.chance.random() < 0.2:
            await self.rest()

    @property
    def commands(self) -> int:
        return sum(device.commands for device in self.devices)

    async def _busy(self, device: Device, times: int) -> None:
        for _ in range(times):
            if device.chance.random() < 0.04:
                device.lost()
                device.wire = None
            await self._with(device, lambda: device.act(self.mailboxes))

    async def _with(self, device: Device, do: Callable[[], object]) -> None:
        """On a connection, a new one where the old one is lost; the action itself is not repeated."""
        try:
            if device.wire is None:
                await self._reconnect(device)
            await do()  # type: ignore[misc]
        except Gone:
            device.lost()
            device.wire = None

    async def _reconnect(self, device: Device) -> None:
        end = time.monotonic() + REST
        while True:
            try:
                return await device.connect(self.place.dial)
            except Gone:
                device.lost()
                device.wire = None
                if time.monotonic() > end:
                    raise Contradiction(f"{device.name} cannot come back") from None
                await asyncio.sleep(0.01)

    async def _kill(self, turns: int) -> None:
        """kill -9 of one worker, in the middle of what the others do."""
        for _ in range(turns):
            await asyncio.sleep(0)
        workers = self.place.workers()
        if len(workers) > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[self.chance.choice(sorted(workers))], signal.SIGKILL)
            self.kills += 1

    # At rest

    async def rest(self) -> None:
        self.rests += 1
        truths = {name: await self._truth(name) for name in self.mailboxes}
        for device in self.devices:
            for _ in range(3):  # a connection may turn out to be lost only now
                if device.wire is None:
                    await self._reconnect(device)
                try:
                    await self._compare(device, truths[device.mailbox])
                    break
                except Gone:
                    device.lost()
                    device.wire = None
            else:
                raise Contradiction(f"{device.name} is cut off again and again")

    async def _compare(self, device: Device, truth: Truth) -> None:
        assert device.picture is not None
        pushed = bool(device.idle) or device.mode.notify == "SELECTED"
        if pushed:
            await self._pushed(device, truth)
        if device.idle:
            await device.end_idle()
        if not pushed:
            await device.ok(b"NOOP")
            if wrong := device.picture.agrees(truth):
                raise Contradiction(f"{device.name} after NOOP in {device.mailbox!r}: {wrong}")
        await device.fill()
        wrong = device.picture.agrees(truth)
        if wrong or not device.picture.complete():
            raise Contradiction(f"{device.name} at rest in {device.mailbox!r}: {wrong or 'incomplete'}")
        if device.mode.wants_modseq:
            await self._catch_up(device, truth)

    async def _pushed(self, device: Device, truth: Truth) -> None:
        assert device.picture is not None
        end = time.monotonic() + REST
        while wrong := device.picture.agrees(truth):
            left = end - time.monotonic()
            if left <= 0 or not await device.listen(left):
                raise Contradiction(f"{device.name} was not told in {device.mailbox!r}: {wrong}")

    async def _catch_up(self, device: Device, truth: Truth) -> None:
        """Another connection of the same mode, from what the device would have kept, sees the same."""
        picture = device.picture
        assert picture is not None
        twin = replace(device, wire=None, picture=None, idle=b"", caches={}, name=device.name + "t")
        twin.mode = replace(device.mode, notify="")
        kept = {uid: replace(message) for uid, message in picture.cached().items()}
        twin.caches[device.mailbox] = Cache(picture.uidvalidity, picture.highest, picture.filled, kept)
        try:
            await twin.connect(self.place.dial)
            assert twin.picture is not None
            wrong = twin.picture.agrees(truth)
            if wrong or not twin.picture.complete():
                raise Contradiction(
                    f"from {picture.highest} {device.name} catches up wrongly: {wrong or 'incomplete'}"
                )
        except Contradiction as error:
            said = b"\n   ".join(twin.wire.said if twin.wire else ())
            raise Contradiction(f"{error}\n   {said.decode(errors='replace')}") from None
        except Gone:
            return  # a worker has died of what was done before; the next rest looks again
        finally:
            if twin.wire is not None:
                twin.wire.close()

    async def _truth(self, mailbox: bytes) -> Truth:
        modseq = b" MODSEQ" if b"CONDSTORE" in self._capabilities else b""
        while True:
            wire = await self._visit()
            try:
                lines, uidvalidity = [], 0
                for command in (
                    b"EXAMINE " + mailbox,
                    b"UID FETCH 1:* (FLAGS%b BODY.PEEK[HEADER.FIELDS (SUBJECT)])" % modseq,
                ):
                    tag = await wire.send(command)
                    while not (line := await wire.line()).startswith(tag):
                        lines.append(line)
                        if found := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
                            uidvalidity = int(found[1])
                return self._state(uidvalidity, lines)
            except Gone:
                continue
            finally:
                wire.close()

    def _state(self, uidvalidity: int, lines: list[bytes]) -> Truth:
        out: Truth = {}
        for line in lines:
            if not re.match(rb"\* \d+ FETCH ", line):
                continue
            uid, flags = re.search(rb"UID (\d+)", line), re.search(rb"FLAGS \(([^)]*)\)", line)
            modseq, letter = re.search(rb"MODSEQ \((\d+)\)", line), re.search(rb"Subject: (\S+)", line)
            assert uid and flags and letter, line
            now = frozenset(flag.lower() for flag in flags[1].split()) - {b"\\recent"}
            out[int(uid[1])] = (now, int(modseq[1]) if modseq else 0)
            self.ledger.letter(uidvalidity, int(uid[1]), letter[1])
            if modseq:
                self.ledger.state(uidvalidity, int(uid[1]), int(modseq[1]), now)
        return out

    async def _visit(self) -> Wire:
        """A connection that has logged in and is nobody's."""
        end = time.monotonic() + REST
        while True:
            try:
                wire = await self.place.dial("v")
                await wire.line()
                login = b'LOGIN "%b" "%b"' % (self.place.address.encode(), self.place.password.encode())
                tag = await wire.send(login)
                while not (line := await wire.line()).startswith(tag):
                    pass
                assert line.startswith(tag + b" OK"), line
                return wire
            except Gone:
                if time.monotonic() > end:
                    raise Contradiction("nobody is let in any more") from None
                await asyncio.sleep(0.01)

    def said(self) -> str:
        """What each device heard lately, for the report of a failure."""
        out = []
        for device in self.devices:
            out.append(f"{device.name} {device.mode} {device.mailbox!r}")
            if device.wire is not None:
                out += [f"   {line.decode(errors='replace')}" for line in device.wire.said]
        return "\n".join(out)

    def end(self) -> None:
        for device in self.devices:
            if device.wire is not None:
                device.wire.close()


async def sail(place: Place, seed: int, rounds: int, *, at_once: int = 4) -> Fleet:
    """A whole journey. A failure says the seed and what every device heard."""
    fleet = Fleet(place, seed, at_once=at_once)
    try:
        await fleet.begin()
        await fleet.play(rounds)
    except Contradiction as error:
        raise Contradiction(f"seed {seed}: {error}\n{fleet.said()}") from None
    finally:
        fleet.end()
    return fleet
