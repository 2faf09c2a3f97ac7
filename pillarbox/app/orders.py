"""What a server's parent and its other processes say to each other, over a pair of sockets each.

One message is one line of JSON. The parent speaks first: `Begin` with all a process needs, so that a process
begun later knows what the others know, whatever the files on the disk say by then. The end of the stream is a
message too: the other process is gone.
"""

import asyncio
import socket

import msgspec
from msgspec import Struct

from pillarbox.app.config import Config
from pillarbox.identity.abuse import Note, Tally
from pillarbox.identity.rates import Count, Did
from pillarbox.net.certificates import Material

LIMIT = 4 * 1024 * 1024  # octets of a message; the longest carries a certificate


class Begin(Struct, frozen=True, tag=True):
    """To a new process. `sockets` are protocols and inherited descriptors; a keeper has none."""

    config: Config
    material: Material
    sockets: tuple[tuple[str, int], ...]


class Adopt(Struct, frozen=True, tag=True):
    """Serve new connections with this. It has been looked at and is good."""

    config: Config
    material: Material


class Stop(Struct, frozen=True, tag=True):
    """Accept nothing more, let sessions end, end."""


class Hurry(Struct, frozen=True, tag=True):
    """Do not wait for sessions any longer."""


class Missed(Struct, frozen=True, tag=True):
    """Another process has died. Of what it changed last it may have told nobody."""


class Learned(Struct, frozen=True, tag=True):
    """How much has failed where, as the parent counts it."""

    tallies: tuple[Tally, ...]


class Measured(Struct, frozen=True, tag=True):
    """How much networks have done, as the parent counts it."""

    counts: tuple[Count, ...]


class Ready(Struct, frozen=True, tag=True):
    """The answer to `Begin`: it serves."""


class Failed(Struct, frozen=True, tag=True):
    """The other answer to `Begin`, a sentence for people."""

    reason: str


class Adopted(Struct, frozen=True, tag=True):
    """The answer to `Adopt`."""


class Noted(Struct, frozen=True, tag=True):
    """Somebody has logged in, or failed to."""

    note: Note


class Done(Struct, frozen=True, tag=True):
    """What networks have done here."""

    done: tuple[Did, ...]


Order = Begin | Adopt | Stop | Hurry | Missed | Learned | Measured
Answer = Ready | Failed | Adopted | Noted | Done


class Channel:
    """One end. Made on the loop it is used on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> "Channel":
        return cls(*await asyncio.open_connection(sock=sock, limit=LIMIT))

    def send(self, message: Order | Answer) -> None:
        """Nobody waits for the other side: it reads, or it is gone and the stream's end says so."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def order(self) -> Order | None:
        """The next from the parent; None when it is gone."""
        line = await self._line()
        return msgspec.json.decode(line, type=Order) if line else None

    async def answer(self) -> Answer | None:
        """The next from the other process; None when it is gone."""
        line = await self._line()
        return msgspec.json.decode(line, type=Answer) if line else None

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except OSError:
            return b""
        return line if line.endswith(b"\n") else b""

    def close(self) -> None:
        self._writer.close()
