"""The threading algorithms: ORDEREDSUBJECT and REFERENCES (RFC 5256 3), and REFS (draft-ietf-morg-inthread).

They are pure, and generators only so that they can be left now and then: a mailbox may be long. What they
take of time and memory is bounded whatever the messages say (`MOST_DUMMIES`, `STEPS`).

A message is known by its index among those that are threaded, in mailbox order; a node is a message, or a
dummy with a number beyond them. Siblings need no sorting here: messages are visited in the order of their
sent dates, so every list of children comes about in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Work = Generator[None, None, T]
Children = dict[int, list[int]]

OFTEN = 63  # messages between two pauses, less 1: each may have a hundred references
SELDOM = 1023

MOST_DUMMIES = 1_000_000  # ids of messages that are not here: some 200 octets each
# Steps that looking for loops may take: so many a message, which is more than honest mail ever takes.
STEPS = 300

DUMMY = -1


@dataclass(frozen=True, slots=True)
class Mail:
    """Aligned columns of the messages in mailbox order. `by_date`: their indexes by sent date;
    `by_arrival`: by INTERNALDATE. `refs` are ids with a space between them; `subjects` compare as the
    comparator in use says."""

    by_date: Sequence[int]
    by_arrival: Sequence[int]
    ids: Sequence[bytes]
    refs: Sequence[bytes]
    subjects: Sequence[str]
    replies: Sequence[int]


@dataclass(frozen=True, slots=True)
class Forest:
    """All threads: each node before its children, and how many children it has. `DUMMY` is a message that is
    not there; it has two children or more."""

    nodes: array[int]
    children: array[int]


def ordered_subject(mail: Mail) -> Work[Forest]:
    threads: dict[str, list[int]] = {}  # in the order of their first messages
    subjects = mail.subjects
    for done, index in enumerate(mail.by_date):
        if not done & SELDOM:
            yield
        threads.setdefault(subjects[index], []).append(index)
    children: Children = {}
    roots: list[int] = []
    for done, (first, *others) in enumerate(threads.values()):
        if not done & SELDOM:
            yield
        roots.append(first)
        children[first] = others
    return (yield from _forest(roots, children, len(subjects)))


def references(mail: Mail) -> Work[Forest]:
    parents = yield from _linked(mail)
    roots, children = yield from _pruned(mail, parents)
    roots = yield from _gathered(mail, roots, children, len(parents))
    return (yield from _forest(roots, children, len(mail.ids)))


def refs(mail: Mail) -> Work[Forest]:
    """draft-ietf-morg-inthread 4: REFERENCES as far as it is about References, In-Reply-To and Message-ID.
    Subjects play no part, and instead of step 4 the thread into which a message came last is the last."""
    parents = yield from _linked(mail)
    roots, children = yield from _pruned(mail, parents)
    root_of = array("i", (0,)) * len(mail.ids)
    waiting: list[int] = []
    done = 0
    for root in roots:
        waiting.append(root)
        while waiting:
            if not (done := done + 1) & SELDOM:
                yield
            node = waiting.pop()
            if node < len(root_of):
                root_of[node] = root
            waiting += children.get(node, ())
    latest: dict[int, None] = {}
    for done, index in enumerate(reversed(mail.by_arrival)):
        if not done & SELDOM:
            yield
        latest.setdefault(root_of[index])
    return (yield from _forest(list(reversed(latest)), children, len(mail.ids)))


def _linked(mail: Mail) -> Work[list[int]]:
    """Step 1: the parent of each node, -1 = none."""
    count = len(mail.ids)
    nodes: dict[bytes, int] = {}
    for index, message_id in enumerate(mail.ids):
        if not index & SELDOM:
            yield
        if message_id:  # of several with one id the first has it
            nodes.setdefault(message_id, index)
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

    for index in range(count):
        if not index & OFTEN:
            yield
        last = -1
        if mail.refs[index]:
            for reference in mail.refs[index].split(b" "):
                node = nodes.get(reference, -1)
                if node < 0:
                    # Deviates: RFC 5256 3 (REFERENCES, 1.A) makes a dummy of every id that is nowhere. After
                    # a million of them others are passed over.
                    if len(parents) - count >= MOST_DUMMIES:
                        continue
                    node = nodes[reference] = len(parents)
                    parents.append(-1)
                    fertile.append(0)
                if -1 < last != node and parents[node] < 0 and not (fertile[node] and descends(last, node)):
                    parents[node] = last
                    fertile[last] = 1
                last = node
        parents[index] = -1  # what others say of its parent gives way to what it says itself
        if -1 < last != index and not (fertile[index] and descends(last, index)):
            parents[index] = last
            fertile[last] = 1
    return parents


def _pruned(mail: Mail, parents: list[int]) -> Work[tuple[list[int], Children]]:
    """Steps 2 to 4: roots and children without needless dummies, in the order of their dates.

    A message's parent is its nearest ancestor that is no dummy, or else the uppermost dummy, which stays if
    there are others below it.
    """
    count = len(mail.ids)
    children: Children = {}
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
        if node in children:
            children[node].append(index)
        else:
            children[node] = [index]
            if node >= count:
                roots.append(node)  # here, because a dummy is sorted by its first child
    for at, root in enumerate(roots):
        if not at & SELDOM:
            yield
        if root >= count and len(children[root]) == 1:
            [roots[at]] = children.pop(root)
    return roots, children


def _gathered(mail: Mail, roots: list[int], children: Children, unused: int) -> Work[list[int]]:
    """Steps 5 and 6: threads of one subject put together; the roots. Dummies from `unused` on are new."""
    count = len(mail.ids)
    subjects, replies = mail.subjects, mail.replies

    def first(node: int) -> int:
        return node if node < count else children[node][0]

    table: dict[str, int] = {}
    for done, root in enumerate(roots):
        if not done & SELDOM:
            yield
        subject = subjects[first(root)]
        if not subject:
            continue
        known = table.setdefault(subject, root)
        if known < count and (root >= count or (replies[known] and not replies[root])):
            table[subject] = root
    merged: set[int] = set()
    grown: set[int] = set()
    added: list[int] = []
    for done, root in enumerate(roots):
        if not done & SELDOM:
            yield
        if root in merged or not (subject := subjects[first(root)]) or (known := table[subject]) == root:
            continue
        merged.add(root)
        if root >= count:
            children[known] += children.pop(root)  # both are dummies: one was preferred for the table
        elif known >= count or (replies[root] and not replies[known]):
            children.setdefault(known, []).append(root)
        else:
            merged.add(known)
            table[subject] = dummy = unused + len(added)
            added.append(dummy)
            children[dummy] = [known, root]
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
        children[node].sort(key=rank.__getitem__)
        yield
    placed = array("i", (-1,)) * count
    for done, root in enumerate((*roots, *added)):
        if not done & SELDOM:
            yield
        if root not in merged:
            placed[rank[first(root)]] = root
    return [root for root in placed if root >= 0]


def _forest(roots: list[int], children: Children, count: int) -> Work[Forest]:
    forest = Forest(array("i"), array("I"))
    done = 0
    waiting: list[int] = []
    for root in roots:
        waiting.append(root)
        while waiting:
            if not (done := done + 1) & SELDOM:
                yield
            node = waiting.pop()
            below = children.get(node, ())
            forest.nodes.append(node if node < count else DUMMY)
            forest.children.append(len(below))
            waiting += reversed(below)
    return forest
