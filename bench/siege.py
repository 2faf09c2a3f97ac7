"""`make siege`: ten thousand guesses from a hundred addresses at fifty accounts, beside twenty at work.

First the people alone, then with guessers, then with ten thousand half-open TLS handshakes beside them. Of
the guesses of each address every second one past the fiftieth is the right password: it has to come too late.
At the end people come in from the very addresses that are shut out, by their app passwords, and one by the
password that was used there before. PILLARBOX_GUESSES and PILLARBOX_HANDSHAKES, each 10000, can be less or 0.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import statistics
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from pillarbox.app.config import Abuse, Config
from pillarbox.app.guard import EVERY
from pillarbox.app.wiring import existing
from pillarbox.identity import app_passwords, tallies
from pillarbox.identity.tallies import Tallies
from pillarbox.testing.server import MailServer

ADDRESSES = int(os.environ.get("PILLARBOX_ADDRESSES", "100"))
ACCOUNTS, PEOPLE = 50, 20
AT_ONCE = 10  # connections of one guesser
PASSWORD = "the right password"
ALONE = 10.0  # seconds that people are measured alone
TOO_LATE = 50  # guesses of an address after which right ones are among them
PATIENCE = 60.0


class Line:
    """A client of IMAP as small as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, server: MailServer, source: str) -> Line:
        async with asyncio.timeout(PATIENCE):
            streams = await asyncio.open_connection(server.host, server.imap_port, local_addr=(source, 0))
        line = cls(*streams)
        await line.hear(b"*")
        return line

    async def ask(self, command: str) -> bytes:
        self._writer.write(b"a " + command.encode() + b"\r\n")
        return await self.hear(b"a ")

    async def hear(self, tag: bytes) -> bytes:
        """The next line that begins so, or b'' at the end."""
        async with asyncio.timeout(PATIENCE):
            while (line := await self._reader.readline()) and line[:5] != b"* BYE":
                if line.startswith(tag):
                    return line
        return b""

    def hang_up(self) -> None:
        self._writer.close()


def account(number: int) -> str:
    return f"user{number}@example.test"


async def login(server: MailServer, source: str, name: str, password: str) -> str:
    """ "OK", or why not."""
    try:
        line = await Line.dial(server, source)
        try:
            answer = await line.ask(f'LOGIN {name} "{password}"')
        finally:
            line.hang_up()
    except (OSError, TimeoutError):
        return "nothing"
    return "OK" if answer.startswith(b"a OK") else answer.decode().partition("[")[2].partition("]")[0]


class Person:
    """Logs in, looks, leaves, and again; how long each took."""

    def __init__(self, server: MailServer, number: int) -> None:
        self._server = server
        self._source = f"127.0.2.{number + 1}"
        self._name = account(number)
        self.logins: list[float] = []
        self.commands: list[float] = []

    async def live(self) -> None:
        while True:
            begun = time.perf_counter()
            line = await Line.dial(self._server, self._source)
            answer = await line.ask(f'LOGIN {self._name} "{PASSWORD}"')
            if not answer.startswith(b"a OK"):
                raise AssertionError(f"{self._name} was refused: {answer!r}")
            self.logins.append(time.perf_counter() - begun)
            for command in ("SELECT INBOX", "FETCH 1:* (FLAGS)", "NOOP", "NOOP"):
                begun = time.perf_counter()
                await line.ask(command)
                self.commands.append(time.perf_counter() - begun)
                await asyncio.sleep(0.05)  # people think
            await line.ask("LOGOUT")
            line.hang_up()


async def guess_from(server: MailServer, number: int, guesses: int, answers: Counter[str]) -> None:
    source = f"127.0.1.{number + 1}"
    todo = iter(range(guesses))

    async def one_hand() -> None:
        for at in todo:
            right = at >= TOO_LATE and at % 2 == 0
            password = PASSWORD if right else secrets.token_hex(6)
            answers[await login(server, source, account((number + at) % ACCOUNTS), password)] += 1

    await asyncio.gather(*[one_hand() for _ in range(AT_ONCE)])


async def half_open(server: MailServer, count: int) -> list[asyncio.StreamWriter]:
    """So many TLS handshakes that are begun and not gone on with, from three hundred addresses."""
    begun = []
    for number in range(count):
        source = f"127.0.{3 + number % 300 // 250}.{number % 250 + 1}"
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(server.host, server.imaps_port, local_addr=(source, 0))
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        begun.append(writer)
    return begun


async def with_people(server: MailServer, what: str, siege: asyncio.Future[Any]) -> None:
    """Twenty of them while the siege lasts, and how they fared."""
    people = [Person(server, number) for number in range(PEOPLE)]
    lives = [asyncio.ensure_future(each.live()) for each in people]
    begun = time.perf_counter()
    await asyncio.wait([siege, *lives], return_when=asyncio.FIRST_COMPLETED)
    for life in lives:
        life.cancel()
    ended = await asyncio.gather(*lives, return_exceptions=True)
    failed = [each for each in ended if isinstance(each, Exception)]
    await siege
    if failed:
        raise AssertionError(f"{len(failed)} people could not work: {failed[0]!r}")
    logins = [each for person in people for each in person.logins]
    commands = [each for person in people for each in person.commands]
    print(f"{what}, {time.perf_counter() - begun:.1f} s", flush=True)
    for name, seconds in (("logins", logins), ("commands", commands)):
        print(f"  {name:9}{_spread(seconds)}", flush=True)


def _spread(seconds: list[float]) -> str:
    cuts = [1000 * each for each in statistics.quantiles(seconds, n=100)]
    longest = 1000 * max(seconds)
    return f"{len(seconds):6}, median {cuts[49]:.1f} ms, 99 % {cuts[98]:.1f} ms, longest {longest:.1f} ms"


async def _besiege(server: MailServer, guesses: int, handshakes: int, devices: dict[int, str]) -> None:
    known = await login(server, "127.0.1.1", account(7), PASSWORD)
    _must(known == "OK", "who was there before the guesses logs in")
    await with_people(server, "people alone", asyncio.ensure_future(asyncio.sleep(ALONE)))
    if guesses:
        await _guess(server, guesses, devices)
    if handshakes:
        begun = asyncio.ensure_future(half_open(server, handshakes))
        await with_people(server, f"{handshakes} handshakes", begun)
        for writer in begun.result():
            with suppress(OSError):
                writer.close()


async def _guess(server: MailServer, guesses: int, devices: dict[int, str]) -> None:
    answers: Counter[str] = Counter()
    guessers = [guess_from(server, number, guesses // ADDRESSES, answers) for number in range(ADDRESSES)]
    await with_people(server, f"{guesses} guesses", asyncio.gather(*guessers))
    print(f"guesses were answered: {dict(answers)}")
    _must(answers["OK"] == 0, "no guess came in")
    if guesses // ADDRESSES > TOO_LATE:
        bans = Tallies(server.data / tallies.FILE)
        await asyncio.sleep(2 * EVERY)  # they are written behind
        found = bans.bans(time.time())
        bans.close()
        _must(len(found) == ADDRESSES, f"{ADDRESSES} bans are listed")
        came = [await login(server, f"127.0.1.{n + 1}", account(n), device) for n, device in devices.items()]
        _must(set(came) == {"OK"}, f"{len(came)} people behind shut addresses came in by app passwords")
        _must(await login(server, "127.0.1.2", account(7), PASSWORD) == "UNAVAILABLE", "others did not")
    _must(await login(server, "127.0.1.1", account(7), PASSWORD) == "OK", "who is known there came in")


def _must(true: bool, what: str) -> None:
    if not true:
        raise AssertionError(f"not so: {what}")
    print(f"  {what}", flush=True)


def main() -> int:
    guesses = int(os.environ.get("PILLARBOX_GUESSES", "10000"))
    handshakes = int(os.environ.get("PILLARBOX_HANDSHAKES", "10000"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with MailServer(Config(abuse=Abuse(exempt=())), workers=2) as server:
        for number in range(ACCOUNTS):
            server.add_account(account(number), PASSWORD)
            server.deliver(account(number), b"Subject: hello\n\nhello\n")
        devices = {}
        with existing(server._config) as directory:
            for number in range(PEOPLE):
                devices[number] = secrets.token_urlsafe()
                owner = directory.require(account(number))
                app_passwords.add(directory, owner, "phone", devices[number])
        try:
            asyncio.run(_besiege(server, guesses, handshakes, devices))
            server.check()
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
