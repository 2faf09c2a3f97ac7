"""A mailbox is taken in by POP3, as whoever moves to another provider does."""

from bench.client import Pop3
from bench.servers import HOST
from bench.workloads import USERS, Bench, NotOffered, clock, row
from tests.oracle import PASSWORD

KEEPER = USERS[-1]  # its INBOX gets all messages, and nothing else of the run


@row("pop3", "POP3: all 5,000 messages, 20 commands ahead", 0.9)
def download(bench: Bench) -> float:
    if not bench.server.pop3_port:
        raise NotOffered("POP3")
    client = bench.connect(KEEPER)
    held = client.command(b"STATUS INBOX (MESSAGES)")
    if b"MESSAGES 0)" in held:
        for start in range(0, len(bench.messages), 100):
            client.append(b"INBOX", bench.messages[start : start + 100])
    with clock() as measured:
        pop3 = Pop3(HOST, bench.server.pop3_port, KEEPER, PASSWORD)
        octets = pop3.retrieve(range(1, len(bench.messages) + 1))
    pop3.close()
    assert octets >= sum(len(message) for message in bench.messages)
    return measured.seconds
