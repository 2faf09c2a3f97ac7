"""Plays a scene against a target and says precisely where the server departed from it."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from tests.transcripts import match
from tests.transcripts.language import Directive, Expect, Message, Order, Pattern, Scene, Send, message

PATIENCE = 10.0  # seconds a server has for one response; only a failing scene waits that long

_VARIABLE = re.compile(rb"\$([a-z][a-z0-9]*)")
_LITERAL = re.compile(rb"\{(\d+)\}$")


class Wire(Protocol):
    """One connection as raw octets."""

    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...  # b"" when the peer has closed
    async def start_tls(self) -> None: ...
    def close(self) -> None: ...


class Target(Protocol):
    """A server under test: a name for `skip-on`, connections, and fresh accounts."""

    name: str
    is_ours: bool

    async def account(self) -> tuple[str, str]: ...
    async def connect(self) -> Wire: ...


class Departed(AssertionError):
    """The server did something else than the scene says."""


class NotOffered(Exception):
    """The server does not announce what the scene is about."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(" ".join(names))
        self.names = names


@dataclass(slots=True)
class Connection:
    """Frames what arrives into whole responses, literals included."""

    wire: Wire
    buffer: bytes = b""
    closed: bool = False
    deflate: zlib._Compress | None = None
    inflate: zlib._Decompress | None = None

    async def send(self, data: bytes) -> None:
        if self.deflate is not None:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        await self.wire.send(data)

    def compress(self) -> None:
        """RFC 4978 3: raw DEFLATE in both directions, from right after the tagged OK."""
        self.deflate, self.inflate = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
        self.buffer = self.inflate.decompress(self.buffer)

    async def response(self) -> bytes | None:
        """The next whole response without its last CRLF; None when the server has closed."""
        out = b""
        while True:
            line = await self._until_crlf()
            if line is None:
                return None
            out += line[:-2]
            literal = _LITERAL.search(line[:-2])
            if not literal:
                return out
            out += b"\r\n" + await self._octets(int(literal[1]))

    async def _until_crlf(self) -> bytes | None:
        while b"\r\n" not in self.buffer:
            if not await self._more():
                return None
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line + b"\r\n"

    async def _octets(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not await self._more():
                raise Departed("the server closed inside a literal")
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    async def _more(self) -> bool:
        data = await asyncio.wait_for(self.wire.receive(), PATIENCE)
        self.buffer += self.inflate.decompress(data) if self.inflate is not None else data
        self.closed = not data
        return bool(data)

    async def command(self, line: bytes, literal: bytes | None = None) -> list[match.Response]:
        """One command of the preparation: it must be answered OK. Returns every response to it."""
        await self.send(b"prep " + line + b"\r\n")
        out = []
        while True:
            raw = await self.response()
            if raw is None:
                raise Departed(f"closed while preparing: {line!r}")
            response = match.parse(raw)
            out.append(response)
            if response.tag == b"+" and literal is not None:
                await self.send(literal + b"\r\n")
            elif response.tag == b"prep":
                if response.status != b"OK":
                    raise Departed(f"preparing: {line!r} was answered {raw!r}")
                return out


async def play(scene: Scene, target: Target) -> None:
    user, password = await target.account()
    plain = base64.b64encode(f"\0{user}\0{password}".encode())
    bound: match.Bindings = {b"user": user.encode(), b"password": password.encode(), b"plain": plain}
    bound[b"urluser"] = quote(user, safe="").encode()
    opened: list[Connection] = []
    try:
        await _prepare(scene, target, bound, opened)
        for _ in range(scene.connections):
            opened.append(await _open(scene, target, bound))
        for step in scene.steps:
            if isinstance(step, Order):
                _in_order(scene, step, bound)
                continue
            connection = opened[step.connection]
            if isinstance(step, Send):
                text = step.text if step.literal else _filled(scene, step, bound)
                await connection.send(text)
            elif isinstance(step, Directive):
                await _direct(scene, step, connection)
            else:
                bound = await _expect(scene, step, connection, bound)
    finally:
        for connection in opened:
            connection.wire.close()
        await asyncio.sleep(0)  # so that what was closed is closed before the loop is


async def _open(scene: Scene, target: Target, bound: match.Bindings) -> Connection:
    """A connection as the scene wants it at its start."""
    connection = Connection(await target.connect())
    greeting = await connection.response()
    if greeting is None or not greeting.startswith(b"* OK"):
        raise Departed(f"the greeting was {greeting!r}")
    if scene.state == "connected":
        return connection
    await connection.command(_login(bound))
    if scene.enable:
        await connection.command(b"ENABLE " + scene.enable.encode())
    if scene.opened:
        await connection.command(scene.opened.encode())
    return connection


def _login(bound: match.Bindings) -> bytes:
    return b'LOGIN "%s" "%s"' % (bound[b"user"], bound[b"password"])


async def _prepare(scene: Scene, target: Target, bound: match.Bindings, opened: list[Connection]) -> None:
    """Puts mailboxes and messages there through IMAP itself, so that any server can be the target."""
    connection = Connection(await target.connect())
    opened.append(connection)  # index 0: a scene's own connections count from 1
    await connection.response()
    announced = await _announced(connection)
    await connection.command(_login(bound))
    announced |= await _announced(connection)
    # RFC 7889 3.1: some are announced with a value.
    announced |= {name.partition(b"=")[0] for name in announced if name.startswith(b"APPENDLIMIT=")}
    missing = [name for name in scene.needs if name.encode() not in announced]
    if missing:
        raise NotOffered(missing)
    if not scene.keeps_initial:
        await _bare(connection)
    for name in scene.mailboxes:
        await connection.command(b"CREATE " + name.encode())
    for name in scene.subscriptions:
        await connection.command(b"SUBSCRIBE " + name.encode())
    for number, each in enumerate(scene.messages, 1):
        await _append(connection, each, number, bound)


async def _announced(connection: Connection) -> set[bytes]:
    responses = await connection.command(b"CAPABILITY")
    return {token.upper() for token in responses[0].tokens if isinstance(token, bytes)}


async def _bare(connection: Connection) -> None:
    """Takes away what a new account has besides INBOX, so that LIST shows what the scene made."""
    for response in await connection.command(b'LIST "" *'):
        if response.tokens and bytes(response.tokens[-1]).upper() != b"INBOX":
            await connection.command(b'DELETE "%s"' % response.tokens[3])
    for response in await connection.command(b'LSUB "" *'):
        if response.tokens:
            await connection.command(b'UNSUBSCRIBE "%s"' % response.tokens[3])


async def _append(connection: Connection, each: Message, number: int, bound: match.Bindings) -> None:
    literal = message(each.name, number)
    words = [
        b"APPEND",
        each.mailbox.encode(),
        each.flags.encode(),
        each.date.encode(),
        b"{%d}" % len(literal),
    ]
    responses = await connection.command(b" ".join(word for word in words if word), literal)
    code = responses[-1].code
    if code and code[0] == b"APPENDUID":
        bound.setdefault(b"uidvalidity", bytes(code[1]))  # type: ignore[arg-type]
        bound[b"uid%d" % number] = bytes(code[2])  # type: ignore[arg-type]


def _filled(scene: Scene, step: Send, bound: match.Bindings) -> bytes:
    def value(found: re.Match[bytes]) -> bytes:
        if found[1] not in bound:
            raise Departed(f"{_where(scene, step.line)}: ${found[1].decode()} was never bound")
        return bound[found[1]]

    return _VARIABLE.sub(value, step.text)


def _in_order(scene: Scene, step: Order, bound: match.Bindings) -> None:
    for name in (step.smaller, step.greater):
        if not bound.get(name, b"").isdigit():
            raise Departed(f"{_where(scene, step.line)}: ${name.decode()} is no number: {bound.get(name)!r}")
    smaller, greater = int(bound[step.smaller]), int(bound[step.greater])
    if not smaller < greater:
        raise Departed(f"{_where(scene, step.line)}: {smaller} is not less than {greater}")


async def _direct(scene: Scene, step: Directive, connection: Connection) -> None:
    if step.word == "starttls":
        await connection.wire.start_tls()
        connection.buffer = b""
    elif step.word == "drop":
        connection.wire.close()
    elif step.word == "compress":
        connection.compress()
    else:
        try:
            response = await connection.response()
        except TimeoutError:
            raise Departed(f"{_where(scene, step.line)}: the connection is still open") from None
        if response is not None:
            raise Departed(f"{_where(scene, step.line)}: expected the end, got {response!r}")


async def _expect(
    scene: Scene, step: Expect, connection: Connection, bound: match.Bindings
) -> match.Bindings:
    wanted = [(pattern, match.parse(pattern.text)) for pattern in step.patterns if pattern.text]
    seen: list[bytes] = []

    def depart(reason: str, line: int) -> Departed:
        known = {name.decode(): value.decode(errors="replace") for name, value in bound.items()}
        said = "\n".join(f"      {raw!r}" for raw in seen) or "      nothing"
        return Departed(
            f"{_where(scene, line)}: {reason}\n   the server said in this block:\n{said}\n   bound: {known}"
        )

    while any(not pattern.manner for pattern, _ in wanted):
        required = next(pattern for pattern, _ in wanted if not pattern.manner)
        try:
            raw = await connection.response()
        except TimeoutError:
            raise depart(f"never came: {required.text!r}", required.line) from None
        if raw is None:
            raise depart(f"closed before: {required.text!r}", required.line)
        seen.append(raw)
        try:
            actual = match.parse(raw)
        except match.Unreadable as error:
            raise depart(f"not IMAP: {error}", required.line) from None
        found = _take(wanted, actual, bound)
        if found is None:
            if actual.tag != b"*" or not (step.others_allowed or match.may_always_come(actual)):
                raise depart(f"unexpected {raw!r}, wanted {required.text!r}", required.line)
            continue
        pattern, bound = found
        if pattern.manner == "!":
            raise depart(f"must not come here: {raw!r}", pattern.line)
    return bound


def _take(
    wanted: list[tuple[Pattern, match.Response]], actual: match.Response, bound: match.Bindings
) -> tuple[Pattern, match.Bindings] | None:
    """The first pattern the response may be taken for; it is used up unless it is a prohibition."""
    if match.is_numbered_expunge(actual):
        held = [index for index, (_, response) in enumerate(wanted) if match.is_numbered_expunge(response)]
        held = [index for index in held if not wanted[index][0].manner]
        left = match.expunged([wanted[index][1] for index in held], actual) if held else None
        if left is not None:
            pattern = wanted.pop(held[0])[0]
            for index, response in zip(held, left):
                wanted[index] = (wanted[index][0], response)
            return pattern, bound
    before: list[match.Response] = []
    for index, (pattern, response) in enumerate(wanted):
        ends = response.tag != b"*" and not pattern.manner
        reading = None if ends and before else match.now(response, before)
        after = None if reading is None else match.match(reading, actual, bound)
        if after is not None:
            if pattern.manner != "!":
                del wanted[index]
            return pattern, after
        if not pattern.manner:
            before.append(response)
    return None


def _where(scene: Scene, line: int) -> str:
    return f"{scene.path.name}:{line} ({scene.title})"
