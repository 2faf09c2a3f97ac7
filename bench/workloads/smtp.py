"""Mail comes by SMTP, and goes out: beside Postfix, which hands it to Dovecot by LMTP.

Whoever answers "250" has the message on the disk. Ours has it in the mailbox then, Postfix in its queue; so
there is a row until the last reply and one until all is filed. Nothing judges mail on either side.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from threading import Thread

from bench.client import Client, Smtp, stuffed
from bench.servers import HOST
from bench.workloads import USERS, Bench, NotOffered, clock, row
from tests.oracle import PASSWORD
from tests.sink import Sink

CONNECTIONS, EACH = 8, 100


@row("smtp", "SMTP 800 deliveries on 8 connections, acknowledged")
def acknowledged(bench: Bench) -> float:
    return _delivered(bench, lambda: None)


@row("smtp-filed", "SMTP 800 deliveries on 8 connections, until all are in their mailboxes")
def filed(bench: Bench) -> float:
    readers = [bench.connect(user) for user in USERS[:CONNECTIONS]]
    wanted = sum(map(_count, readers)) + CONNECTIONS * EACH

    def wait() -> None:
        while sum(map(_count, readers)) < wanted:
            pass

    return _delivered(bench, wait)


@row("smtp-relay", "800 submissions on 8 connections, until all are at their destination")
def relayed(bench: Bench) -> float:
    """The senders' own From; ours has them log in, before the clock starts."""
    server = bench.server
    if not server.smtp_port:
        raise NotOffered("SMTP")
    connections = [Smtp(HOST, server.submission_port) for _ in range(CONNECTIONS)]
    letters: list[list[bytes]] = []
    for number, connection in enumerate(connections):
        user = USERS[number].encode()
        if server.submission_port != server.smtp_port:
            connection.login(base64.b64encode(b"\0%b\0%b" % (user, PASSWORD.encode())))
        mine = bench.messages[number * EACH : number * EACH + EACH]
        letters.append(
            [
                stuffed(b"From: <%b>\r\nSubject: x\r\n\r\n%b" % (user, each.partition(b"\r\n\r\n")[2]))
                for each in mine
            ]
        )
    with Sink(port=server.sink_port) as sink, clock() as measured:
        _all(
            lambda number, each: connections[number].deliver(
                b"to%d@sink.test" % number, each, USERS[number].encode()
            ),
            letters,
        )
        if not sink.wait(lambda: len(sink.taken) >= CONNECTIONS * EACH):
            raise OSError(f"{len(sink.taken)} of {CONNECTIONS * EACH} arrived")
    for connection in connections:
        connection.close()
    return measured.seconds


def _delivered(bench: Bench, finish: Callable[[], None]) -> float:
    if not bench.server.smtp_port:
        raise NotOffered("SMTP")
    connections = [Smtp(HOST, bench.server.smtp_port) for _ in range(CONNECTIONS)]
    letters = [
        [stuffed(each) for each in bench.messages[number * EACH : number * EACH + EACH]]
        for number in range(CONNECTIONS)
    ]
    with clock() as measured:
        _all(lambda number, each: connections[number].deliver(USERS[number].encode(), each), letters)
        finish()
    for connection in connections:
        connection.close()
    return measured.seconds


def _all(deliver: Callable[[int, bytes], None], letters: list[list[bytes]]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for each in letters[number]:
                deliver(number, each)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=run, args=(number,)) for number in range(len(letters))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _count(client: Client) -> int:
    answer = client.command(b"STATUS INBOX (MESSAGES)")
    return int(answer.partition(b"MESSAGES ")[2].partition(b")")[0])
