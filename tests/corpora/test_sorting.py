"""SORT and THREAD on the corpora, beside Dovecot: the same order and the same threads.

What may differ is told beforehand, message by message: where a field is not what the RFCs say it should be,
each server makes its own sense of it. All others must come in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

import pytest

from pillarbox.message.addresses import is_plain
from pillarbox.message.dates import sent
from pillarbox.message.header import fields, header_end
from pillarbox.testing.server import MailServer
from tests import corpus
from tests.corpora.client import Client
from tests.oracle import Dovecot

_DATE = re.compile(
    rb"(?:[A-Z][a-z]{2}, +)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|[A-Z]{3,4})"
    rb"\s*(?:\(.*\))?"
)
_WORD = re.compile(rb"=\?([^?]*)\?[^?]*\?[^?]*\?=")
_COMMON = {b"utf-8", b"iso-8859-1", b"us-ascii", b"iso-8859-15", b"windows-1252"}


def values(message: bytes, name: bytes) -> list[bytes]:
    return [value for field, value in fields(message[: header_end(message)]) if field == name]


def odd_date(message: bytes) -> bool:
    """Absent is not odd: then INTERNALDATE counts. Dovecot knows no time before 1970 nor after 2038.

    RFC 5256 2.2 has INTERNALDATE count also where a Date "cannot be parsed", and what can be is each server's
    to say: a missing comma, "00:01+0000", the order of ctime."""
    found = values(message, b"date")
    if not found:
        return False
    when = sent(found[0])
    return not _DATE.fullmatch(found[0].strip()) or when is None or not 0 < when[0] < 2**31


def odd_text(value: bytes) -> bool:
    """Octets without a charset, words in a rare one, words that are none: RFC 5256 5 wants subjects decoded,
    and RFC 5255 4.6 has what cannot be behind all others by its octets; which charsets are known differs.
    What is no address (RFC 5322 3.4) has no mailbox or name that could be right."""
    words = _WORD.findall(value)
    rest = _WORD.sub(b"", value)
    return not value.isascii() or b"=?" in rest or any(word.lower() not in _COMMON for word in words)


def odd_subject(message: bytes) -> bool:
    """A no-break space is no WSP (RFC 5256 5); Dovecot folds it to one before it looks for "Re:"."""
    found = values(message, b"subject")
    return len(found) > 1 or any(odd_text(value) or b"=A0" in value for value in found)


def odd_addresses(name: bytes) -> Callable[[bytes], bool]:
    def odd(message: bytes) -> bool:
        found = values(message, name)
        # A name that is a space is none to us, as ENVELOPE shows it, and one to Dovecot.
        return len(found) > 1 or any(
            odd_text(value) or not is_plain(value) or b'" "' in value for value in found
        )

    return odd


def odd_lines(message: bytes) -> bool:
    """A line that ends in CR or LF alone: Dovecot shows CRLF, and counts it as two. Here octets are served as
    they came, and RFC822.SIZE counts what is served (RFC 9051 2.3.4)."""
    return len({message.count(end) for end in (b"\r", b"\n", b"\r\n")}) > 1


ODD: dict[bytes, Callable[[bytes], bool]] = {
    b"ARRIVAL": lambda message: False,
    b"CC": odd_addresses(b"cc"),
    b"DATE": odd_date,
    b"DISPLAYFROM": odd_addresses(b"from"),
    b"DISPLAYTO": odd_addresses(b"to"),
    b"FROM": odd_addresses(b"from"),
    b"SIZE": odd_lines,
    b"SUBJECT": odd_subject,
    b"TO": odd_addresses(b"to"),
}
CORPORA = {
    "real": corpus.real,
    "torture": lambda: [
        message
        for mail in corpus.mails("torture")
        if (message := corpus.as_delivered(mail.raw)) and b"\0" not in message
    ],
}
# Messages that stand elsewhere than with Dovecot, by one criterion; and threads that are others.
ELSEWHERE, THREADED_OTHERWISE = 25, 4
Both = tuple[list[bytes], Client, Client]


@pytest.fixture(scope="module", params=CORPORA)
def both(request: pytest.FixtureRequest, server: MailServer, dovecot: Dovecot) -> Iterator[Both]:
    name = f"sorting-{request.param}@example.test"
    messages = CORPORA[request.param]()
    server.add_account(name, "correct-horse")
    with (
        Client(server.host, server.imap_port, name) as ours,
        Client(dovecot.host, dovecot.ports.imap, name) as theirs,
    ):
        for client in (ours, theirs):
            for start in range(0, len(messages), 100):
                append(client, messages[start : start + 100], start)
            client.ok(b"SELECT INBOX")
        yield messages, ours, theirs


def append(client: Client, messages: list[bytes], first: int) -> None:
    """With dates of their own, because INTERNALDATE stands in for a Date that is none."""
    dates = [
        b'"%02d-%b-2024 %02d:%02d:00 +0000"'
        % (number % 28 + 1, (b"Jan", b"Feb", b"Mar")[number // 28 % 3], number % 24, number // 24 % 60)
        for number in range(first, first + len(messages))
    ]
    client.append(b"INBOX", messages, dates=dates)


def told(client: Client, line: bytes) -> bytes:
    [[answer]] = client.ok(line)
    return answer


def numbers(line: bytes) -> list[int]:
    return [int(digits) for digits in re.findall(rb"\d+", line)]


@pytest.mark.parametrize("key", ODD, ids=bytes.decode)
@pytest.mark.parametrize("reverse", [b"", b"REVERSE "], ids=["", "reverse"])
def test_dovecot_sorts_alike(both: Both, key: bytes, reverse: bytes) -> None:
    messages, ours, theirs = both
    odd = {number for number, message in enumerate(messages, 1) if ODD[key](message)}
    assert len(odd) < len(messages) * 0.3
    line = b"SORT (%b%b) UTF-8 ALL" % (reverse, key)
    mine, other = (numbers(told(client, line)) for client in (ours, theirs))
    assert sorted(mine) == sorted(other) == list(range(1, len(messages) + 1))
    assert [one for one in mine if one not in odd] == [one for one in other if one not in odd]
    # Of the odd ones, too, most stand where Dovecot has them.
    same = sum(
        block.size for block in SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
    )
    assert len(mine) - same <= ELSEWHERE


def threads(line: bytes) -> list[bytes]:
    out, depth, start = [], 0, 0
    for match in re.finditer(rb"[()]", line):
        depth += 1 if match[0] == b"(" else -1
        if depth == 1 and match[0] == b"(":
            start = match.start()
        elif depth == 0:
            out.append(line[start : match.end()])
    return out


@pytest.mark.parametrize("algorithm", [b"ORDEREDSUBJECT", b"REFERENCES", b"REFS"], ids=bytes.decode)
def test_dovecot_threads_alike(both: Both, algorithm: bytes) -> None:
    messages, ours, theirs = both
    odd = {number for number, message in enumerate(messages, 1) if odd_date(message) or odd_subject(message)}
    line = b"THREAD %b UTF-8 ALL" % algorithm
    mine, other = (threads(told(client, line)) for client in (ours, theirs))
    everything = list(range(1, len(messages) + 1))
    assert sorted(numbers(b"".join(mine))) == sorted(numbers(b"".join(other))) == everything
    plain = [[one for one in found if odd.isdisjoint(numbers(one))] for found in (mine, other)]
    assert len(plain[0]) > len(mine) * 0.6
    assert len(set(mine) ^ set(other)) <= 2 * THREADED_OTHERWISE
    if algorithm == b"REFS":
        assert set(mine) == set(other)  # which goes by neither dates nor subjects, but for siblings
        # draft-ietf-morg-inthread 4 sorts threads by their latest INTERNALDATE, Dovecot by their latest Date.
        plain = [sorted(found) for found in plain]
    assert plain[0] == plain[1]


def found(client: Client, key: bytes) -> list[int]:
    return numbers(told(client, b"SEARCH " + key))


@pytest.mark.parametrize("which", range(0, 100, 10))
def test_dovecot_finds_the_same_threads(both: Both, which: int) -> None:
    """Dovecot has INTHREAD too, with an algorithm. By REFS neither dates nor subjects make a difference."""
    messages, ours, theirs = both
    count = len(messages)
    for number in range(which % count + 1, count + 1, 100):
        key = b"INTHREAD REFS %d" % number
        assert found(ours, key) == found(theirs, key)
    some = b"%d:%d" % (which % count + 1, min(which + 200, count))
    # Not NOT INTHREAD: 2.3 dies of it.
    for key in (b"INTHREAD REFS (%b)", b"%b INTHREAD REFS ON 5-Jan-2024", b"INTHREAD REFS NOT (%b)"):
        line = key.replace(b"%b", some)
        assert found(ours, line) == found(theirs, line), line
