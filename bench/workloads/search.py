"""Finding."""

from bench.workloads import Bench, clock, row


def _search(bench: Bench, line: bytes, times: int = 1) -> float:
    client = bench.big()
    with clock() as measured:
        for _ in range(times):
            client.command(line)
    return measured.seconds


@row("search-flags", "SEARCH UNSEEN UNDELETED, 20 times", 0.15)
def search_flags(bench: Bench) -> float:
    return _search(bench, b"SEARCH UNSEEN UNDELETED", 20)


@row("search-from", "SEARCH FROM", 0.15)
def search_from(bench: Bench) -> float:
    return _search(bench, b"SEARCH FROM redhat")


@row("search-subject", "SEARCH SUBJECT", 0.15)
def search_subject(bench: Bench) -> float:
    return _search(bench, b"SEARCH SUBJECT meeting")


@row("search-body", "SEARCH BODY (substring)", 0.02)
def search_body(bench: Bench) -> float:
    return _search(bench, b"SEARCH BODY patent")


@row("search-text", "SEARCH TEXT (substring)", 0.02)
def search_text(bench: Bench) -> float:
    return _search(bench, b"SEARCH TEXT patent")
