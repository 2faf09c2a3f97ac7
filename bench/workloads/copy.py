"""COPY, MOVE, EXPUNGE of many messages. Each round works in mailboxes of its own."""

from bench.client import Client
from bench.workloads import BIG, Bench, clock, row


def _filled(bench: Bench, name: bytes, count: int) -> Client:
    """A connection with a fresh mailbox of `count` messages open."""
    client = bench.big()
    mailbox = b"%b%d" % (name, bench.round)
    client.command(b"CREATE " + mailbox)
    client.command(b"COPY 1:%d %b" % (count, mailbox))
    client.command(b"SELECT " + mailbox)
    return client


@row("copy", "COPY 2,000", 0.15)
def copy(bench: Bench) -> float:
    client = bench.big()
    client.command(b"CREATE copied%d" % bench.round)
    with clock() as measured:
        client.command(b"COPY 1:2000 copied%d" % bench.round)
    return measured.seconds


@row("move", "MOVE 1,000", 0.1)
def move(bench: Bench) -> float:
    client = _filled(bench, b"source", 1000)
    client.command(b"CREATE moved%d" % bench.round)
    with clock() as measured:
        client.command(b"MOVE 1:1000 moved%d" % bench.round)
    client.command(b"SELECT " + BIG)
    return measured.seconds


@row("expunge", "EXPUNGE 1,000", 0.2)
def expunge(bench: Bench) -> float:
    client = _filled(bench, b"doomed", 1000)
    client.command(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    with clock() as measured:
        client.command(b"EXPUNGE")
    return measured.seconds
