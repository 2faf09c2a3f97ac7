"""Mail arrives: MULTIAPPEND, APPEND one by one, LMTP."""

from threading import Thread

from bench.client import stuffed
from bench.servers import lmtp
from bench.workloads import BIG, USERS, Bench, clock, row

HUNDRED = 100


@row("multiappend", "MULTIAPPEND 5,000 messages in hundreds", 0.35)
def multiappend(bench: Bench) -> float:
    """The first round fills the mailbox all other rows read; later ones fill another and remove it."""
    client = bench.connect()
    mailbox = BIG if not bench.stored else b"again%d" % bench.round
    client.command(b"CREATE " + mailbox)
    with clock() as measured:
        for start in range(0, len(bench.messages), HUNDRED):
            client.append(mailbox, bench.messages[start : start + HUNDRED])
    if bench.stored:
        client.command(b"DELETE " + mailbox)
    bench.stored = True
    return measured.seconds


@row("append", "APPEND 300 messages one by one", 0.65)
def append(bench: Bench) -> float:
    client = bench.connect()
    mailbox = b"single%d" % bench.round
    client.command(b"CREATE " + mailbox)
    with clock() as measured:
        for message in bench.messages[:300]:
            client.append(mailbox, [message])
    return measured.seconds


@row("lmtp", "LMTP 800 deliveries on 8 connections", 0.5)
def deliveries(bench: Bench) -> float:
    """To eight accounts, one a connection."""
    prepared = [stuffed(message) for message in bench.messages[:800]]
    connections = [lmtp(bench.server) for _ in range(8)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        recipient = USERS[number].encode()
        try:
            for message in prepared[number * 100 : number * 100 + 100]:
                connections[number].deliver(recipient, message)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=run, args=(number,)) for number in range(8)]
    with clock() as measured:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for connection in connections:
        connection.close()
    if failures:
        raise failures[0]
    return measured.seconds
