"""`make stress`: twenty devices and two readers hammer one mailbox, for PILLARBOX_STRESS_SECONDS (60).

The devices are those of `tests.sync`: each hears everything through a picture that contradicts a server which
tells one thing twice, not at all or in the wrong place, and all come to rest now and then and compare. The
readers ask for what is long: sorting, threading, searching, whole messages. At the end the store is checked,
every counter, reference, hash and number of it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter

from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD
from tests.sync.device import Gone
from tests.sync.fleet import Fleet, Place
from tests.sync.picture import Contradiction

DEVICES = 20
WORKERS = 2
ADDRESS = "everybody@example.test"
LONG = (
    b"FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])",
    b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
    b"THREAD REFERENCES UTF-8 ALL",
    b"SEARCH BODY qqzzxj",
    b"SEARCH OR TEXT x SUBJECT a",
    b"NOOP",
)


def main() -> int:
    seconds = float(os.environ.get("PILLARBOX_STRESS_SECONDS", "60"))
    seed = int(os.environ.get("PILLARBOX_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}, {seconds:g} s", flush=True)
    with MailServer(workers=WORKERS) as server:
        server.add_account(ADDRESS, PASSWORD)
        place = Place(server.host, server.imap_port, ADDRESS, PASSWORD, lambda: {})
        try:
            print(asyncio.run(_hammer(place, seed, seconds)))
            server.check()
        except AssertionError as error:
            print(f"FAILED with seed {seed}: {error}")
            return 1
    print("nothing contradicted, and the store is as it should be")
    return 0


async def _hammer(place: Place, seed: int, seconds: float) -> str:
    fleet = Fleet(place, seed, devices=DEVICES, at_once=DEVICES, mailboxes=[b"INBOX"])
    answers: Counter[str] = Counter()
    end = time.monotonic() + seconds
    try:
        await fleet.begin()
        readers = [asyncio.ensure_future(_read(place, f"r{number}", answers)) for number in range(2)]
        while time.monotonic() < end:
            await fleet.round()
            for reader in readers:
                if reader.done():
                    reader.result()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await fleet.rest()
    except Contradiction as error:
        raise Contradiction(f"{error}\n{fleet.said()}") from None
    finally:
        fleet.end()
    said = ", ".join(f"{count} {what}" for what, count in answers.items())
    return f"{fleet.commands} commands of devices, {fleet.rests} rests; readers: {said}"


async def _read(place: Place, name: str, answers: Counter[str]) -> None:
    """Long commands, one after the other, in a mailbox others change meanwhile."""
    wire = await place.dial(name)
    try:
        await wire.line()
        login = b'LOGIN "%b" "%b"' % (place.address.encode(), place.password.encode())
        for command in (login, b"SELECT INBOX"):
            tag = await wire.send(command)
            while not (await wire.line()).startswith(tag):
                pass
        while True:
            for command in LONG:
                tag = await wire.send(command) + b" "
                while not (line := await wire.line()).startswith(tag):
                    pass
                status = line[len(tag) :].split(b" ")[0]
                # RFC 9051 6.4.5: what is gone meanwhile may be refused; nothing here is wrong.
                if status == b"BAD" and b"FETCH 1:*" not in command:
                    raise Contradiction(f"{command!r} was answered {line!r}")
                answers[status.decode()] += 1
    except Gone:
        raise Contradiction("a reader's connection was lost") from None
    finally:
        wire.close()


if __name__ == "__main__":
    sys.exit(main())
