"""THREAD and UID THREAD (RFC 5256 3, 5) and the answer to them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.search_key import threading_algorithm
from pillarbox.imap.wire.sort import parse_search_criteria
from pillarbox.model.search import Key
from pillarbox.model.threading import Algorithm

PIECE = 1024  # messages spelled at once: half a millisecond


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: Algorithm
    search: Search

    def mentions(self, key: type[Key]) -> bool:
        return self.search.mentions(key)


def parse_thread(reader: Reader, *, uid: bool = False) -> Thread:
    """thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria"""
    reader.space()
    algorithm = threading_algorithm(reader.word("A threading algorithm"))
    return Thread(algorithm, parse_search_criteria(reader, uid=uid, threading=algorithm))


def encode_threads(nodes: Iterable[int], children: Iterable[int], numbers: Sequence[int]) -> Iterator[bytes]:
    """thread-data = "THREAD" [SP 1*thread-list], in pieces

    `nodes` before their children, of which there are as many as `children` says: they are places in
    `numbers`, negative for a message that is not there.

        thread-list    = "(" (thread-members / thread-nested) ")"
        thread-members = nz-number *(SP nz-number) [SP thread-nested]
        thread-nested  = 2*thread-list
    """
    yield b"* THREAD"
    out: list[str] = []
    opening = " ("
    branches: list[int] = []  # how many lists are still to come of each node that has several children
    begins = True  # the next node begins a list
    for node, count in zip(nodes, children):
        start = opening if begins else ""
        if begins:
            opening = "("
        begins = count != 1
        if count:
            out.append(f"{start}{numbers[node]} " if node >= 0 else start)
            if begins:
                branches.append(count)
        else:
            out.append(f"{start}{numbers[node]})")
            while branches:
                branches[-1] -= 1
                if branches[-1]:
                    break
                branches.pop()
                out.append(")")
        if len(out) > PIECE:
            yield "".join(out).encode("ascii")
            out.clear()
    yield "".join(out).encode("ascii") + b"\r\n"
