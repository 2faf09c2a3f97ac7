"""Telling everybody who listens that an account has changed; never what has changed.

A ring says "account, mod-sequence". Who is woken reads the changes since its own cursor, so a ring may
come twice, late, or for nothing. It must not be lost for long, and a ringer never waits for a listener.

Inside a process listeners are called from the event loop, once a turn however often it rang. Between
processes rings are datagrams: each process that opens a store has a socket in `run/` under the data
folder, and rings all others. The kernel queues about ten datagrams a socket. When a queue is full the
ringer sets a byte in the receiver's map, a small shared file; the receiver looks there after it has
emptied its queue, and then wakes all its listeners. A sweep every minute catches what is lost even so.

To wake a process costs as much as the STORE it would hear of, so the map also says what its process wants: a
byte for each account that somebody there listens to (some share one), and one for who hears of all accounts,
which may be `LAZY` seconds later. Who begins to listen has said so before he looks at the account for the
first time, so what is not rung for him he has seen.
"""

import asyncio
import contextlib
import mmap
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

RINGERS = 256  # bytes of a map, one for each (process id modulo 256) that may ring
SLOTS = 4096  # bytes after them, one for each (account modulo 4096) that is listened to
ALL = RINGERS + SLOTS  # the byte after these: whether all accounts are heard of
MAP_SIZE = ALL + 1
LAZY = 0.05  # seconds in which rings for those who hear of all accounts are gathered
DATAGRAMS_A_TURN = 64
RINGS_A_DATAGRAM = 64
SWEEP = 60.0  # seconds
SWEEP_SLICE = 500  # accounts looked at in one turn of the loop
FRESH = 1_000_000_000  # nanoseconds

_SOCKET, _MAP = ".ring", ".map"

Wake = Callable[[], None]
Heard = Callable[[int | None], None]


class Doorbell:
    """One process's end. `log_of(account)` is the path of that account's write-ahead log."""

    def __init__(self, folder: Path, log_of: Callable[[int], Path]) -> None:
        self._folder = folder
        self._log_of = log_of
        self._listeners: dict[int, dict[int, Wake]] = {}
        self._hearing: Heard | None = None
        self._next = 0
        self._due: dict[int, int] = {}  # rung here since the last turn: account -> mod-sequence
        self._came: set[int] = set()  # rung by others
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._others = _Others(folder, self._name)
        self._socket: socket.socket | None = None
        self._map: mmap.mmap | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._stamps: dict[int, tuple[int, int]] = {}
        self._wanted: dict[int, int] = {}  # slot -> accounts in it that are listened to
        self._lazily: dict[int, int] = {}  # to be rung for those who hear of all accounts
        self._later: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._others.open()
        self._map = _create_map(self._folder / (self._name + _MAP))
        self._map[ALL] = self._hearing is not None
        for slot in self._wanted:
            self._map[RINGERS + slot] = 1
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self._others.address(self._name))
        self._loop.add_reader(self._socket.fileno(), self._receive)
        self._sweeper = self._loop.call_later(SWEEP, self._sweep, [])

    def close(self) -> None:
        if self._loop is None or self._socket is None or self._map is None:
            return
        self._flush()
        self._flush_lazily()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._map.close()
        self._map = None
        for suffix in (_SOCKET, _MAP):
            (self._folder / (self._name + suffix)).unlink(missing_ok=True)
        self._others.close()
        self._loop = None

    def listen(self, account: int, wake: Wake) -> Callable[[], None]:
        """`wake` is called from the loop after each change of the account, until the returned
        function is called."""
        self._next += 1
        number = self._next
        if account not in self._listeners:
            self._listeners[account] = {}
            self._want(account, 1)
        self._listeners[account][number] = wake

        def unlisten() -> None:
            wakes = self._listeners.get(account)
            if wakes is not None and wakes.pop(number, None) is not None and not wakes:
                del self._listeners[account]
                self._stamps.pop(account, None)
                self._want(account, -1)

        return unlisten

    def hear(self, heard: Heard | None) -> None:
        """`heard` is called with the number of each account that has changed, and with None when rings were
        lost, so that any may have. There is one who hears all; None ends it."""
        self._hearing = heard
        if self._map is not None:
            self._map[ALL] = heard is not None

    def _want(self, account: int, more: int) -> None:
        slot = account % SLOTS
        count = self._wanted[slot] = self._wanted.get(slot, 0) + more
        if not count:
            del self._wanted[slot]
        if self._map is not None:
            self._map[RINGERS + slot] = count > 0

    def ring(self, account: int, modseq: int) -> None:
        """The account has reached `modseq`, and that is as durable as was promised."""
        if self._loop is None:
            return
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due[account] = modseq

    def _flush(self) -> None:
        due, self._due = self._due, {}
        for account in due:
            self._wake(account)
        if due and self._others.ring(due) and self._loop is not None:
            self._lazily |= due
            if self._later is None:
                self._later = self._loop.call_later(LAZY, self._flush_lazily)

    def _flush_lazily(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        due, self._lazily = self._lazily, {}
        if due:
            self._others.ring(due, lazily=True)

    def _wake(self, account: int) -> None:
        loop = self._loop
        if loop is not None:
            for number in self._listeners.get(account, {}):
                loop.call_soon(self._call, account, number)
            if self._hearing is not None:
                self._hearing(account)

    def _call(self, account: int, number: int) -> None:
        # Who stopped listening meanwhile may be in the middle of something else.
        wake = self._listeners.get(account, {}).get(number)
        if wake is not None:
            wake()

    def wake_all(self) -> None:
        """Rings have been lost, or were never rung."""
        for account in self._listeners:
            self._wake(account)
        if self._hearing is not None:
            self._hearing(None)

    def _receive(self) -> None:
        assert self._socket is not None and self._map is not None
        came: set[int] = set()
        for _ in range(DATAGRAMS_A_TURN):
            try:
                datagram = self._socket.recv(4096)
            except (BlockingIOError, InterruptedError):
                break
            for line in datagram.splitlines():
                number, _, _ = line.partition(b" ")
                if number.isdigit():
                    came.add(int(number))
        # Cleared first and acted upon afterwards: a byte set in between is seen next time.
        if any(self._map[:RINGERS]):
            self._map[:RINGERS] = bytes(RINGERS)
            self.wake_all()
            return
        for account in came:
            self._wake(account)

    def _sweep(self, left: list[int]) -> None:
        """Wake the listeners of accounts whose log was written to since the last sweep, a slice a turn."""
        assert self._loop is not None
        left = left or list(self._listeners)
        for account in left[:SWEEP_SLICE]:
            stamp = _stamp(self._log_of(account))
            if self._stamps.get(account) != stamp and account in self._listeners:
                self._stamps[account] = stamp
                self._wake(account)
        left = left[SWEEP_SLICE:]
        self._sweeper = self._loop.call_later(0 if left else SWEEP, self._sweep, left)


class _Others:
    """The other processes' sockets, looked up again when their folder changes."""

    def __init__(self, folder: Path, own: str) -> None:
        self._folder = folder
        self._own = own
        self._fd = -1
        self._socket: socket.socket | None = None
        self._seen = 0
        self._names: list[str] = []
        self._maps: dict[str, mmap.mmap] = {}

    def open(self) -> None:
        self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def close(self) -> None:
        assert self._socket is not None
        self._socket.close()
        os.close(self._fd)
        for shared in self._maps.values():
            shared.close()

    def address(self, name: str) -> str:
        """A path to a socket that fits in the 100 bytes a socket's address has, however deep the data
        folder lies."""
        path = str(self._folder / (name + _SOCKET))
        return path if len(path.encode()) < 100 else f"/proc/self/fd/{self._fd}/{name}{_SOCKET}"

    def ring(self, due: dict[int, int], *, lazily: bool = False) -> bool:
        """Ring those who listen to one of these accounts; `lazily` those who hear of all. Whether there are
        any of these."""
        changed = os.fstat(self._fd).st_mtime_ns
        if changed != self._seen:
            # Time stamps of files are coarse: while this one is fresh, another may still come under it.
            self._seen = changed if time.time_ns() - changed > FRESH else 0
            found = [path.stem for path in self._folder.glob("*" + _SOCKET)]
            new = [name for name in found if name != self._own and name not in self._names]
            self._names = [name for name in self._names if name in found] + new
            for name in new:
                self._send(name, b"")  # to find out who is dead
        all_heard = False
        for name in list(self._names):
            wanted = self._map_of(name)
            if wanted is None:
                continue  # it is just going away
            all_heard = all_heard or bool(wanted[ALL])
            if lazily:
                rings = list(due.items()) if wanted[ALL] else []
            else:
                rings = [ring for ring in due.items() if wanted[RINGERS + ring[0] % SLOTS]]
            for first in range(0, len(rings), RINGS_A_DATAGRAM):
                some = rings[first : first + RINGS_A_DATAGRAM]
                self._send(name, b"\n".join([b"%d %d" % ring for ring in some]))
        return all_heard

    def _send(self, name: str, datagram: bytes) -> None:
        try:
            self._try(name, datagram)
        except (BlockingIOError, InterruptedError):
            self._overflow(name)
            # The receiver may have emptied its queue and looked at its map between the two: then there is
            # room for this one, and it will look again. Else it still has a queue to empty.
            with contextlib.suppress(OSError):
                self._try(name, b"")
        except (ConnectionRefusedError, FileNotFoundError):
            if name in self._names:
                self._forget(name)
        except OSError:
            self._overflow(name)

    def _try(self, name: str, datagram: bytes) -> None:
        assert self._socket is not None
        self._socket.sendto(datagram, self.address(name))

    def _overflow(self, name: str) -> None:
        shared = self._map_of(name)
        if shared is not None:
            shared[os.getpid() % RINGERS] = 1

    def _map_of(self, name: str) -> mmap.mmap | None:
        if name not in self._maps:
            try:
                self._maps[name] = _open_map(self._folder / (name + _MAP))
            except (OSError, ValueError):
                return None  # it is just going away
        return self._maps[name]

    def _forget(self, name: str) -> None:
        """A process that died leaves its socket behind; nobody will ever listen there again."""
        self._names.remove(name)
        shared = self._maps.pop(name, None)
        if shared is not None:
            shared.close()
        for suffix in (_SOCKET, _MAP):
            (self._folder / (name + suffix)).unlink(missing_ok=True)


def _create_map(path: Path) -> mmap.mmap:
    path.write_bytes(bytes(MAP_SIZE))
    return _open_map(path)


def _open_map(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), MAP_SIZE)


def _stamp(log: Path) -> tuple[int, int]:
    try:
        found = log.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
