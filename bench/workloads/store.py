"""Setting flags."""

from bench.workloads import Bench, clock, row


@row("store-all", "STORE 1:* +FLAGS.SILENT and back", 1.0)
def store_all(bench: Bench) -> float:
    client = bench.big()
    with clock() as measured:
        client.command(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        client.command(b"STORE 1:* -FLAGS.SILENT (\\Flagged)")
    return measured.seconds


@row("store-one", "STORE one message, 500 times", 0.5)
def store_one(bench: Bench) -> float:
    client = bench.big()
    lines = [b"STORE %d +FLAGS (\\Answered)" % number for number in range(1, 5000, 10)]
    with clock() as measured:
        for line in lines:
            client.command(line)
    client.command(b"STORE 1:* -FLAGS.SILENT (\\Answered)")
    return measured.seconds
