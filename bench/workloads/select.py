"""Opening a mailbox."""

from bench.workloads import Bench, clock, row


@row("select", "SELECT of 5,000 messages, 50 times", 0.7)
def select(bench: Bench) -> float:
    client = bench.big()
    with clock() as measured:
        for _ in range(50):
            client.command(b"SELECT " + bench.server.big)
    return measured.seconds
