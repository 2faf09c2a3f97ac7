"""The process that fills search indexes: a child of the keeper, because it takes a processor for as long as
there is something to do. `indexing` begins it, and may kill it at any moment.

One line of JSON comes in for each account, one goes out when it is done; the end of the input ends it.
"""

import gc
import os
import signal
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from pillarbox.app import documents
from pillarbox.model.errors import Refused
from pillarbox.store.index.catching_up import catch_up

NICE = 10  # who waits for an answer comes first
KEPT_WARM = 200_000  # objects made between two looks for garbage, of which there is hardly any


class Order(Struct, frozen=True):
    """Bring the index of the account in this folder up to its mail."""

    folder: str


class Done(Struct, frozen=True):
    """`failed`: why not, in a sentence."""

    messages: int = 0
    octets: int = 0
    failed: str = ""


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    os.nice(NICE)
    gc.set_threshold(KEPT_WARM, 50, 1000)
    parent = os.getppid()
    with documents.reading() as reader:
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Order)
            sys.stdout.buffer.write(msgspec.json.encode(_obey(order, parent, reader)) + b"\n")
            sys.stdout.buffer.flush()


def _obey(order: Order, parent: int, reader: documents.Reader) -> Done:
    def told(octets: int) -> None:
        if os.getppid() != parent:
            os._exit(0)  # nobody waits for this any more; what is committed stays

    try:
        caught = catch_up(Path(order.folder), documents=reader.text_of, told=told)
    except (Refused, OSError) as error:
        return Done(failed=error.text if isinstance(error, Refused) else str(error))
    return Done(caught.messages, caught.octets)


if __name__ == "__main__":
    main()
