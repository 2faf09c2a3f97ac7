"""Reading: lists of flags, envelopes and header fields; whole messages; single ones."""

from bench.workloads import Bench, clock, row

THUNDERBIRD = (
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
    b"Priority X-Priority References Newsgroups In-Reply-To Content-Type)])"
)


def _one(bench: Bench, line: bytes) -> float:
    client = bench.big()
    with clock() as measured:
        client.command(line)
    return measured.seconds


@row("fetch-flags", "FETCH 1:* (UID FLAGS)", 0.5)
def fetch_flags(bench: Bench) -> float:
    return _one(bench, b"FETCH 1:* (UID FLAGS)")


@row("fetch-envelope", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", 0.25)
def fetch_envelope(bench: Bench) -> float:
    return _one(bench, b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")


@row("fetch-thunderbird", "UID FETCH 1:* with Thunderbird's 13 header fields", 0.6)
def fetch_thunderbird(bench: Bench) -> float:
    return _one(bench, THUNDERBIRD)


@row("fetch-bodies", "FETCH 2,000 bodies in one command", 0.9)
def fetch_bodies(bench: Bench) -> float:
    return _one(bench, b"FETCH 1:2000 (UID BODY.PEEK[])")


def _five_hundred(bench: Bench, item: bytes) -> float:
    client = bench.big()
    lines = [b"FETCH %d %b" % (number, item) for number in range(2001, 4501, 5)]
    with clock() as measured:
        for line in lines:
            client.command(line)
    return measured.seconds


@row("fetch-one", "FETCH one body, 500 times", 0.5)
def fetch_one(bench: Bench) -> float:
    return _five_hundred(bench, b"BODY.PEEK[]")


@row("fetch-text", "FETCH one text part, 500 times", 0.5)
def fetch_text(bench: Bench) -> float:
    return _five_hundred(bench, b"BODY.PEEK[1]")
