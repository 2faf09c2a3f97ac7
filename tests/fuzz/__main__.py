"""`python -m tests.fuzz [SECONDS]`: the storm for as long as you like. The seed of a failure is printed."""

import sys
import time
from random import Random, SystemRandom

from pillarbox.testing import MailServer
from tests.fuzz.storm import ADDRESS, PASSWORD, storm


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    until = time.monotonic() + seconds
    rounds = 0
    with MailServer() as server:
        server.add_account(ADDRESS, PASSWORD)
        while time.monotonic() < until:
            seed = SystemRandom().randrange(2**32)
            storm(server, Random(seed))
            rounds += 1
            if server.errors:
                print(f"seed {seed} broke it", file=sys.stderr)
                raise server.errors[0]
        server.check()
    print(f"{rounds} rounds, nothing broke")


main()
