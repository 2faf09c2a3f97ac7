"""Dovecot is the oracle for what the RFCs leave open in ENVELOPE and BODYSTRUCTURE."""

import re
import socket
from collections import Counter

import pytest

from pillarbox.message.derive import derive
from tests import corpus, oracle

_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)"|\{(\d+)\}\r\n|([()])|([^\s()"{]++)| ', re.DOTALL)

Tree = list["Tree"] | bytes | None


def read_tree(spelled: bytes) -> Tree:
    """An IMAP parenthesised list as nested lists; quoted and literal strings become alike."""
    top: list[Tree] = []
    stack = [top]
    at = 0
    while at < len(spelled):
        match = _TOKEN.match(spelled, at)
        assert match is not None, spelled[at : at + 40]
        at = match.end()
        quoted, literal, parenthesis, atom = match.groups()
        if quoted is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL))
        elif literal is not None:
            stack[-1].append(spelled[at : at + int(literal)])
            at += int(literal)
        elif parenthesis == b"(":
            inner: list[Tree] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif parenthesis == b")":
            stack.pop()
        elif atom is not None:
            stack[-1].append(None if atom.upper() == b"NIL" else atom)
    assert len(stack) == 1
    return top


class Client:
    """As much of an IMAP client as asking takes."""

    def __init__(self, server: oracle.Dovecot, user: str) -> None:
        self.socket = socket.create_connection((server.host, server.ports.imap), 60)
        self.file = self.socket.makefile("rwb")
        self.file.readline()
        self.command(b"LOGIN %s %s" % (user.encode(), oracle.PASSWORD.encode()))

    def command(self, text: bytes) -> list[bytes]:
        """The untagged responses, literals in them."""
        self.file.write(b"a " + text + b"\r\n")
        self.file.flush()
        out: list[bytes] = []
        while not (line := self.response()).startswith(b"a "):
            out.append(line)
        assert line.startswith(b"a OK"), line
        return out

    def response(self) -> bytes:
        line = self.file.readline()
        assert line, "the server has gone"
        while match := re.search(rb"\{(\d+)\}\r\n\Z", line):
            line += self.file.read(int(match[1])) + self.file.readline()
        return line

    def append(self, messages: list[bytes]) -> None:
        for start in range(0, len(messages), 200):
            batch = messages[start : start + 200]
            self.command(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(raw), raw) for raw in batch))

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def answers() -> list[tuple[bytes, Tree, Tree]]:
    """(message, Dovecot's ENVELOPE, Dovecot's BODYSTRUCTURE) of each real message."""
    if oracle.BINARY is None:
        pytest.skip("Dovecot is not installed")
    messages = corpus.real()
    with oracle.Dovecot() as server:
        client = Client(server, "agreement")
        client.append(messages)
        client.command(b"SELECT INBOX")
        out = []
        for line in client.command(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"):
            if b" FETCH " in line[:20]:
                tree = read_tree(line.partition(b" FETCH ")[2].rstrip())
                items = tree[0]
                assert isinstance(items, list)
                out.append((messages[len(out)], items[1], items[3]))
        client.close()
    assert len(out) == len(messages)
    return out


def lower(tree: Tree) -> Tree:
    """RFC 2045 2, 5.1, 6.1: types, parameter names, charsets and encodings do not depend on case; Dovecot
    prints some as they stand and some its own way."""
    if isinstance(tree, list):
        return [lower(inner) for inner in tree]
    return None if tree is None else tree.lower()


# Every difference there is in 3,000 messages, by its reason. White space: RFC 5322 3.6.4 has it around a
# msg-id and not in it; Dovecot keeps what stands at the ends of the field. Addresses: for what is outside the
# grammar, such as <undisclosed-recipients:@host;>, Dovecot writes SYNTAX_ERROR, we show what is there.
# A multipart without any delimiter line: Dovecot shows an empty part, we show its text.
ENVELOPES_APART = {"white space around In-Reply-To": 32, "an address outside the grammar": 7}
STRUCTURES_APART = {"a multipart without a delimiter": 1}

ADDRESSES = range(2, 8)  # From, Sender, Reply-To, To, Cc, Bcc
IN_REPLY_TO = 8


def why_envelopes(ours: Tree, theirs: Tree) -> str:
    assert isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)
    apart = [at for at, (mine, other) in enumerate(zip(ours, theirs)) if mine != other]
    mine, other = ours[IN_REPLY_TO], theirs[IN_REPLY_TO]
    if apart == [IN_REPLY_TO] and isinstance(other, bytes) and mine == other.strip():
        return "white space around In-Reply-To"
    if all(at in ADDRESSES and b"SYNTAX_ERROR" in leaves(theirs[at]) for at in apart):
        return "an address outside the grammar"
    return f"nothing known: {ours} {theirs}"


def why_structures(raw: bytes, theirs: Tree) -> str:
    boundary = re.search(rb'boundary="?([^"\s;]+)', raw, re.IGNORECASE)
    if boundary and b"\n--" + boundary[1] not in raw and b"multipart" not in leaves(theirs):
        return "a multipart without a delimiter"
    return f"nothing known: {raw!r} {theirs}"


def leaves(tree: Tree) -> set[bytes]:
    if isinstance(tree, list):
        return set().union(*map(leaves, tree))
    return set() if tree is None else {tree}


def test_envelopes_agree(answers: list[tuple[bytes, Tree, Tree]]) -> None:
    apart: Counter[str] = Counter()
    for raw, theirs, _ in answers:
        (ours,) = read_tree(derive(raw).envelope)
        if ours != theirs:
            apart[why_envelopes(ours, theirs)] += 1
    assert apart <= Counter(ENVELOPES_APART), apart


def test_structures_agree(answers: list[tuple[bytes, Tree, Tree]]) -> None:
    apart = [
        why_structures(raw, theirs)
        for raw, _, theirs in answers
        if lower(read_tree(derive(raw).structure)) != [lower(theirs)]
    ]
    assert Counter(apart) <= Counter(STRUCTURES_APART), apart
