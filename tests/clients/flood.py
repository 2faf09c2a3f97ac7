"""Another client that never rests: it appends, flags, moves away and expunges as fast as the server lets it.

python -m tests.clients.flood HOST PORT ADDRESS PASSWORD SECONDS SEED

A process of its own, so that it does not wait for those who try to keep up. At its end it prints how many
messages it has changed.
"""

import random
import sys
import time

from imapclient import IMAPClient

from tests.clients.syncing import identity

FLAGS = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Draft")
AT_LEAST, AT_MOST = 40, 160


def flood(client: IMAPClient, seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    client.select_folder("INBOX")
    uids = client.search()
    number = changes = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        some = chance.sample(uids, min(len(uids), chance.randint(1, 5)))
        step = chance.choice(("append", "append", "flags", "flags", "flags", "expunge", "move"))
        if (step == "append" and len(uids) < AT_MOST) or len(uids) < AT_LEAST:
            count = chance.randint(1, 5)
            letters = [letter(number + one) for one in range(count)]
            client.multiappend("INBOX", letters)
            number += count
            changes += count
            uids = client.search()
            continue
        changes += len(some)
        if step == "flags":
            change = chance.choice((client.add_flags, client.remove_flags))
            change(some, chance.sample(FLAGS, chance.randint(1, 2)), silent=True)
            continue
        if step == "move":
            client.move(some, "Away")
        else:
            client.add_flags(some, [b"\\Deleted"], silent=True)
            client.uid_expunge(some)
        uids = [uid for uid in uids if uid not in some]
    return changes


def letter(number: int) -> bytes:
    body = f"This is message {number}.\r\n" * (1 + number % 40)
    return identity(number) + f"Subject: flood {number}\r\nFrom: a@example.test\r\n\r\n{body}".encode()


def main() -> None:
    host, port, address, password, seconds, seed = sys.argv[1:]
    with IMAPClient(host, int(port), ssl=False, timeout=30) as client:
        client.login(address, password)
        print(flood(client, float(seconds), int(seed)))


if __name__ == "__main__":
    main()
