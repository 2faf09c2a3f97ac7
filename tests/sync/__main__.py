"""`make soak`: one journey after another on a server of three workers, for PILLARBOX_SOAK_MINUTES.

Each has a seed of its own, which is said before it begins. One that fails says why and what every device
heard, and the next one begins.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter

from pillarbox.app import workers
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD
from tests.sync.fleet import Place, sail

WORKERS = 3
ROUNDS = 150


def main() -> int:
    minutes = float(os.environ.get("PILLARBOX_SOAK_MINUTES", "30"))
    seed = int(os.environ.get("PILLARBOX_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    end = time.monotonic() + minutes * 60
    total: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    workers.LIVED = 0.0  # who is killed comes back at once, however often
    with MailServer(workers=WORKERS) as server:
        while time.monotonic() < end:
            print(f"journey {total['journeys'] + 1}: seed {seed}", end="", flush=True)
            address = f"journey{total['journeys']}@example.test"
            server.add_account(address, PASSWORD)
            place = Place(server.host, server.imap_port, address, PASSWORD, lambda: server.workers)
            try:
                fleet = asyncio.run(sail(place, seed, ROUNDS))
                server.check()
            except AssertionError as error:
                print(f" FAILED: {error}", flush=True)
                total.update(journeys=1, failures=1)
                seed += 1
                continue
            for device in fleet.devices:
                modes[str(device.mode)] += 1
            total.update(
                journeys=1,
                commands=fleet.commands,
                kills=fleet.kills,
                rests=fleet.rests,
                messages=len(fleet.ledger.letters),
                states=len(fleet.ledger.states),
            )
            print(
                f", {fleet.commands} commands, {fleet.kills} workers killed, {fleet.rests} rests", flush=True
            )
            seed += 1
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    print("\n".join(f"{count:6} {mode}" for mode, count in modes.most_common()))
    return 1 if total["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
