"""`python -m bench.eager PORT USER PASSWORD MAILBOX COMMAND...`: a client that never stops asking.

In a process of its own, so that reading what it asked for does not hold up the one whose waits are measured.
It says a line when it has begun, and ends when its standard input does.
"""

from __future__ import annotations

import select
import sys

from bench.client import Client, Refusal


def main(port: str, user: str, password: str, mailbox: str, *commands: str) -> None:
    client = Client("127.0.0.1", int(port))
    client.login(user, password)
    client.command(b"SELECT " + mailbox.encode())
    print("begun", flush=True)
    while True:
        for command in commands:
            if select.select([sys.stdin], [], [], 0)[0]:
                return
            try:
                client.command(command.encode())
            except Refusal as refusal:
                print(refusal, flush=True)
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
