"""SORT and THREAD (RFC 5256), where they are offered."""

from bench.workloads import Bench, NotOffered, clock, row


def _sorted(bench: Bench, capability: bytes, line: bytes) -> float:
    client = bench.big()
    if capability not in client.command(b"CAPABILITY").split():
        raise NotOffered(capability.decode())
    with clock() as measured:
        client.command(line)
    return measured.seconds


@row("sort-date", "SORT (REVERSE DATE)", 0.9)
def sort_date(bench: Bench) -> float:
    return _sorted(bench, b"SORT", b"SORT (REVERSE DATE) UTF-8 ALL")


@row("sort-subject", "SORT (SUBJECT)", 0.9)
def sort_subject(bench: Bench) -> float:
    return _sorted(bench, b"SORT", b"SORT (SUBJECT) UTF-8 ALL")


@row("thread", "THREAD REFERENCES", 0.9)
def thread(bench: Bench) -> float:
    return _sorted(bench, b"THREAD=REFERENCES", b"THREAD REFERENCES UTF-8 ALL")
