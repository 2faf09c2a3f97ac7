"""The threading algorithms: ORDEREDSUBJECT and REFERENCES (RFC 5256 3), and REFS (draft-ietf-morg-inthread).

They are pure, and generators only so that they can be left now and then: a mailbox may be long. What they
take of time and memory is bounded whatever the messages say (`MOST_DUMMIES`, `STEPS`).

A message is known by its index among those that are threaded, in mailbox order; a node is a message, or a
dummy with a number beyond them. Siblings need no sorting here: messages are visited in the order of their
sent dates, so every list of children comes about in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
Work = Generator[None, None, T]

OFTEN = 63  # messages between two pauses, less 1: each may have a hundred references
SELDOM = 1023

MOST_DUMMIES = 1_000_000  # ids of messages that are not here: some 200 octets each
SHORT = 64  # octets of an id that is kept as it is; of longer ones a digest is
# Steps that looking for loops may take: so many a message, which is more than honest mail ever takes.
STEPS = 300

DUMMY = -1


class Ids:
    """What messages say of themselves and others, as numbers: of a hundred references to the same few
    messages little is left. Messages are added in mailbox order."""

    __slots__ = ("_number_of", "ends", "own", "references")

    def __init__(self) -> None:
        self._number_of: dict[bytes, int] = {}
        self.own = array("i")  # -1 = none
        self.references = array("I")  # of all messages
        self.ends = array("I")  # where those of each message end

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._number_of)

    def add(self, message_ids: Iterable[bytes], references: Iterable[bytes]) -> None:
        """Of some messages. References have a space between them."""
        known, own, ends = self._number_of, self.own, self.ends
        numbers: list[int] = []
        before = len(self.references)
        for message_id, others in zip(message_ids, references):
            if message_id:
                name = message_id if len(message_id) <= SHORT else _digest(message_id)
                own.append(known.setdefault(name, len(known)))
            else:
                own.append(-1)
            for name in others.split(b" ") if others else ():
                if len(name) > SHORT:
                    name = _digest(name)
                number = known.get(name)
                if number is None:
                    # Deviates: RFC 5256 3 (REFERENCES, 1.A) makes a dummy of every id that is nowhere. After
                    # a million of them others are passed over.
                    if len(known) - len(own) >= MOST_DUMMIES:
                        continue
                    number = known[name] = len(known)
                numbers.append(number)
            ends.append(before + len(numbers))
        self.references.extend(numbers)


def _digest(message_id: bytes) -> bytes:
    return blake2b(message_id, digest_size=SHORT // 2).digest()


@dataclass(frozen=True, slots=True)
class Mail:
    """Aligned columns of the messages in mailbox order. `by_date`: their indexes by sent date;
    `by_arrival`: by INTERNALDATE. `subjects` compare as the comparator in use says."""

    by_date: Sequence[int]
    by_arrival: Sequence[int]
    ids: Ids
    subjects: Sequence[str]
    replies: Sequence[int]


@dataclass(frozen=True, slots=True)
class Forest:
    """All threads: each node before its children, and how many children it has. `DUMMY` is a message that is
    not there; it has two children or more."""

    nodes: array[int]
    children: array[int]


class _Children:
    """The children of each node, as numbers in a row: a hundred thousand lists would keep the garbage
    collector busy for a tenth of a second."""

    __slots__ = ("count", "first", "last", "next")

    def __init__(self, nodes: int) -> None:
        self.first = array("i", (-1,)) * nodes
        self.last = array("i", (-1,)) * nodes
        self.next = array("i", (-1,)) * nodes  # sibling
        self.count = array("I", (0,)) * nodes

    def add(self, parent: int, child: int) -> None:
        if self.first[parent] < 0:
            self.first[parent] = child
        else:
            self.next[self.last[parent]] = child
        self.last[parent] = child
        self.count[parent] += 1

    def move(self, source: int, target: int) -> None:
        """All of one node to the end of another's; both have some."""
        self.next[self.last[target]] = self.first[source]
        self.last[target] = self.last[source]
        self.count[target] += self.count[source]

    def of(self, node: int) -> list[int]:
        out: list[int] = []
        child = self.first[node]
        while child >= 0:
            out.append(child)
            child = self.next[child]
        return out

    def sort(self, node: int, key: Callable[[int], int]) -> None:
        ordered = sorted(self.of(node), key=key)
        self.first[node], self.last[node] = ordered[0], ordered[-1]
        for child, sibling in zip(ordered, (*ordered[1:], -1)):
            self.next[child] = sibling

    def below(self, root: int) -> Iterator[int]:
        """The node and all its descendants, each before its children."""
        after: list[int] = []  # siblings to go on with
        node = root
        while True:
            yield node
            if node != root and self.next[node] >= 0:
                after.append(self.next[node])
            if self.first[node] >= 0:
                node = self.first[node]
            elif after:
                node = after.pop()
            else:
                return

    def grow(self) -> int:
        """A new node."""
        for column in (self.first, self.last, self.next):
            column.append(-1)
        self.count.append(0)
        return len(self.first) - 1


def ordered_subject(mail: Mail) -> Work[Forest]:
    subjects = mail.subjects
    children = _Children(len(subjects))
    threads: dict[str, int] = {}  # the first message of each, in their order
    for done, index in enumerate(mail.by_date):
        if not done & SELDOM:
            yield
        first = threads.setdefault(subjects[index], index)
        if first != index:
            children.add(first, index)
    return (yield from _forest(list(threads.values()), children, len(subjects)))


def references(mail: Mail) -> Work[Forest]:
    parents = yield from _linked(mail)
    roots, children = yield from _pruned(mail, parents)
    roots = yield from _gathered(mail, roots, children)
    return (yield from _forest(roots, children, len(mail.subjects)))


def refs(mail: Mail) -> Work[Forest]:
    """draft-ietf-morg-inthread 4: REFERENCES as far as it is about References, In-Reply-To and Message-ID.
    Subjects play no part, and instead of step 4 the thread into which a message came last is the last."""
    parents = yield from _linked(mail)
    roots, children = yield from _pruned(mail, parents)
    count = len(mail.subjects)
    root_of = array("i", (0,)) * count
    done = 0
    for root in roots:
        for node in children.below(root):
            if not (done := done + 1) & SELDOM:
                yield
            if node < count:
                root_of[node] = root
    latest: dict[int, None] = {}
    for done, index in enumerate(reversed(mail.by_arrival)):
        if not done & SELDOM:
            yield
        latest.setdefault(root_of[index])
    return (yield from _forest(list(reversed(latest)), children, count))


def _linked(mail: Mail) -> Work[list[int]]:
    """Step 1: the parent of each node, -1 = none."""
    ids = mail.ids
    count = len(ids.own)
    nodes = array("i", (-1,)) * len(ids)
    for index, name in enumerate(ids.own):
        if not index & SELDOM:
            yield
        if name >= 0 and nodes[name] < 0:  # of several with one id the first has it
            nodes[name] = index
    parents = [-1] * count
    fertile = bytearray(count)  # may have children: only then a loop can be closed by giving it a parent
    steps = STEPS * (count + 1000)

    def descends(node: int, ancestor: int) -> bool:
        nonlocal steps
        while node >= 0 and node != ancestor:
            # Deviates: RFC 5256 3 (REFERENCES, 1.A) sets no limit to the search for loops. Where thousands of
            # messages have been made to tangle, links are left out as if they closed a loop.
            if (steps := steps - 1) < 0:
                return True
            node = parents[node]
        return node >= 0

    start = 0
    for index, end in enumerate(ids.ends):
        if not index & OFTEN:
            yield
        last = -1
        for reference in ids.references[start:end]:
            node = nodes[reference]
            if node < 0:
                node = nodes[reference] = len(parents)
                parents.append(-1)
                fertile.append(0)
            if -1 < last != node and parents[node] < 0 and not (fertile[node] and descends(last, node)):
                parents[node] = last
                fertile[last] = 1
            last = node
        start = end
        parents[index] = -1  # what others say of its parent gives way to what it says itself
        if -1 < last != index and not (fertile[index] and descends(last, index)):
            parents[index] = last
            fertile[last] = 1
    return parents


def _pruned(mail: Mail, parents: list[int]) -> Work[tuple[list[int], _Children]]:
    """Steps 2 to 4: roots and children without needless dummies, in the order of their dates.

    A message's parent is its nearest ancestor that is no dummy, or else the uppermost dummy, which stays if
    there are others below it.
    """
    count = len(mail.subjects)
    children = _Children(len(parents))
    roots: list[int] = []
    above: dict[int, int] = {}  # what climbing from a dummy leads to
    for done, index in enumerate(mail.by_date):
        if not done & OFTEN:
            yield
        node = parents[index]
        if node < 0:
            roots.append(index)
            continue
        passed: list[int] = []
        while node >= count and parents[node] >= 0:
            if node in above:
                node = above[node]
                break
            passed.append(node)
            node = parents[node]
        for dummy in passed:
            above[dummy] = node
        if node >= count and children.first[node] < 0:
            roots.append(node)  # here, because a dummy is sorted by its first child
        children.add(node, index)
    for at, root in enumerate(roots):
        if not at & SELDOM:
            yield
        if root >= count and children.count[root] == 1:
            roots[at] = children.first[root]
    return roots, children


def _gathered(mail: Mail, roots: list[int], children: _Children) -> Work[list[int]]:
    """Steps 5 and 6: threads of one subject put together; the roots."""
    count = len(mail.subjects)
    subjects, replies = mail.subjects, mail.replies

    def first(node: int) -> int:
        return node if node < count else children.first[node]

    above: list[str] = []  # the subject of each root
    for start in range(0, len(roots), SELDOM):
        yield
        above += [subjects[first(root)] for root in roots[start : start + SELDOM]]
    table: dict[str, int] = {}
    for done, (root, subject) in enumerate(zip(roots, above)):
        if not done & SELDOM:
            yield
        if not subject:
            continue
        known = table.setdefault(subject, root)
        if known < count and (root >= count or (replies[known] and not replies[root])):
            table[subject] = root
    merged: set[int] = set()
    grown: set[int] = set()
    added: list[int] = []
    for done, (root, subject) in enumerate(zip(roots, above)):
        if not done & SELDOM:
            yield
        if not subject or (known := table[subject]) == root or root in merged:
            continue
        merged.add(root)
        if root >= count:
            children.move(root, known)  # which is a dummy too: one was preferred for the table
        elif known >= count or (replies[root] and not replies[known]):
            children.add(known, root)
        else:
            merged.add(known)
            table[subject] = dummy = children.grow()
            added.append(dummy)
            children.add(dummy, known)
            children.add(dummy, root)
            known = dummy
        grown.add(known)
    if not merged:
        return roots
    rank = array("I", (0,)) * count
    for done, index in enumerate(mail.by_date):
        if not done & SELDOM:
            yield
        rank[index] = done
    for node in grown:
        children.sort(node, rank.__getitem__)
        yield
    placed = array("i", (-1,)) * count
    for done, root in enumerate((*roots, *added)):
        if not done & SELDOM:
            yield
        if root not in merged:
            placed[rank[first(root)]] = root
    out: list[int] = []
    for start in range(0, count, SELDOM):
        yield
        out += [root for root in placed[start : start + SELDOM] if root >= 0]
    return out


def _forest(roots: list[int], children: _Children, count: int) -> Work[Forest]:
    forest = Forest(array("i"), array("I"))
    done = 0
    for root in roots:
        for node in children.below(root) if children.first[root] >= 0 else (root,):
            if not (done := done + 1) & SELDOM:
                yield
            forest.nodes.append(node if node < count else DUMMY)
            forest.children.append(children.count[node])
    return forest
