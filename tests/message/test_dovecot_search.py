"""SEARCH beside Dovecot's, where both search the same: words of plain ASCII messages that are one text.

Elsewhere Dovecot searches HTML as it is written, the headers of parts too, does not join lines, and writes
the addresses of From and so on its own way.
"""

import random

import pytest

from pillarbox.message.searchable import Searchable, fold_text, in_body, in_header, in_text, searchable
from pillarbox.message.walk import Kind, walk
from tests import corpus, oracle
from tests.message.test_dovecot_agreement import Client

FIELDS = ("Subject", "Received", "X-Mailer", "Message-Id", "Date")


def is_simple(raw: bytes) -> bool:
    node = walk(raw)
    return raw.isascii() and node.kind is Kind.LEAF and node.content.spelled.startswith(b'"text" "plain"')


def ours(message: Searchable, key: str, needle: str) -> bool:
    if key == "BODY":
        return in_body(message, needle)
    if key == "TEXT":
        return in_text(message, needle)
    return in_header(message, key.rpartition(" ")[2].lower(), needle)


def test_words_are_found_in_the_same_messages() -> None:
    if oracle.BINARY is None:
        pytest.skip("Dovecot is not installed")
    messages = [raw for raw in corpus.real() if is_simple(raw)][:1_000]
    assert len(messages) == 1_000
    texts = [searchable(raw) for raw in messages]
    drawn = random.Random(5051)
    with oracle.Dovecot() as server:
        client = Client(server, "searching")
        client.append(messages)
        client.command(b"SELECT INBOX")
        for _ in range(200):
            key = drawn.choice(["BODY", "TEXT", "SUBJECT", *(f"HEADER {name}" for name in FIELDS)])
            words = drawn.choice(messages).decode("ascii").split()
            word = drawn.choice(words)
            start = drawn.randrange(len(word))
            needle = word[start : start + drawn.randint(1, 12)]
            lines = client.command(b"SEARCH %b {%d+}\r\n%b" % (key.encode(), len(needle), needle.encode()))
            theirs = {
                int(number) for line in lines if line.startswith(b"* SEARCH") for number in line.split()[2:]
            }
            folded = fold_text(needle)
            found = {number for number, text in enumerate(texts, 1) if ours(text, key, folded)}
            assert found == theirs, (key, needle, sorted(found ^ theirs)[:5])
        client.close()
