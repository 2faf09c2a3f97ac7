"""The threading algorithms against a naive transcription of RFC 5256 3, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.imap import threads
from pillarbox.imap.threads import Forest, Ids, Mail, Work
from pillarbox.imap.wire.thread import encode_threads


@dataclass(eq=False)
class Node:
    """A message of the transcription, or a dummy."""

    index: int = -1
    date: int = 0
    subject: str = ""
    reply: bool = False
    arrived: int = 0
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def dummy(self) -> bool:
        return self.index < 0

    def first(self) -> Node:
        return min(self.children, key=by_date) if self.dummy else self

    def hang(self, parent: Node | None) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    def everybody(self) -> list[Node]:
        return [self, *(one for child in self.children for one in child.everybody())]

    def shape(self) -> Any:
        return (self.index, [child.shape() for child in self.children])


def by_date(node: Node) -> tuple[int, int]:
    node = node.first()
    return node.date, node.index


@dataclass(frozen=True)
class Letter:
    id: str
    refs: list[str]
    date: int
    subject: str
    reply: bool
    arrived: int


def linked(letters: list[Letter]) -> list[Node]:
    """Steps 1 and 2: the nodes without parents."""
    unique = count()
    table: dict[str, Node] = {}
    nodes = []
    for index, letter in enumerate(letters):
        node = Node(index, letter.date, letter.subject, letter.reply, letter.arrived)
        name = letter.id if letter.id and letter.id not in table else f" {next(unique)}"
        table[name] = node
        nodes.append(node)
    for node, letter in zip(nodes, letters):
        chain = [table.setdefault(reference, Node()) for reference in letter.refs]
        for parent, child in pairwise(chain):
            if child.parent is None and parent not in child.everybody():
                child.hang(parent)
        node.hang(None)
        if chain and chain[-1] not in node.everybody():
            node.hang(chain[-1])
    return [node for node in table.values() if node.parent is None]


def pruned(nodes: list[Node], *, at_root: bool) -> list[Node]:
    """Step 3."""
    out: list[Node] = []
    for node in nodes:
        node.children = pruned(node.children, at_root=False)
        if not node.dummy or (at_root and len(node.children) > 1):
            out.append(node)
        else:
            out += node.children
    return out


def gathered(roots: list[Node]) -> list[Node]:
    """Steps 4 and 5."""
    roots = sorted(roots, key=by_date)
    table: dict[str, Node] = {}
    for node in roots:
        subject = node.first().subject
        if not subject:
            continue
        known = table.get(subject)
        if known is None or (not known.dummy and (node.dummy or (known.reply and not node.reply))):
            table[subject] = node
    for node in list(roots):
        if node not in roots:
            continue
        subject = node.first().subject
        if not subject or table[subject] is node:
            continue
        known = table[subject]
        if known.dummy and node.dummy:
            known.children += node.children
        elif known.dummy or (node.reply and not known.reply):
            known.children.append(node)
        else:
            table[subject] = Node(children=[known, node])
            roots.append(table[subject])
            roots.remove(known)
        roots.remove(node)
    return roots


def in_order(nodes: list[Node]) -> list[Node]:
    """Step 6."""
    for node in nodes:
        node.children = in_order(node.children)
    return sorted(nodes, key=by_date)


def naive_references(letters: list[Letter]) -> Any:
    roots = in_order(gathered(pruned(linked(letters), at_root=True)))
    return [root.shape() for root in roots]


def naive_refs(letters: list[Letter]) -> Any:
    roots = in_order(pruned(linked(letters), at_root=True))
    latest = {
        id(root): max((node.arrived, node.index) for node in root.everybody() if not node.dummy)
        for root in roots
    }
    return [root.shape() for root in sorted(roots, key=lambda root: latest[id(root)])]


def naive_ordered_subject(letters: list[Letter]) -> Any:
    ordered = sorted(enumerate(letters), key=lambda pair: (pair[1].subject, pair[1].date, pair[0]))
    found: list[list[int]] = []
    subject = None
    for index, letter in ordered:
        if letter.subject != subject:
            found.append([])
        subject = letter.subject
        found[-1].append(index)
    found.sort(key=lambda thread: (letters[thread[0]].date, thread[0]))
    return [(first, [(index, []) for index in others]) for first, *others in found]


def mail_of(letters: list[Letter]) -> Mail:
    indexes = range(len(letters))
    ids = Ids()
    for letter in letters:
        ids.add([letter.id.encode()], [" ".join(letter.refs).encode()])
    return Mail(
        sorted(indexes, key=lambda index: letters[index].date),
        sorted(indexes, key=lambda index: letters[index].arrived),
        ids,
        [letter.subject for letter in letters],
        [letter.reply for letter in letters],
    )


def finished(work: Work[Forest]) -> Forest:
    try:
        while True:
            next(work)
    except StopIteration as end:
        forest: Forest = end.value
        return forest


def shapes(forest: Forest) -> Any:
    waiting: list[tuple[list[Any], int]] = [([], -1)]
    for node, children in zip(forest.nodes, forest.children):
        while waiting[-1][1] == 0:
            waiting.pop()
        siblings, left = waiting.pop()
        waiting.append((siblings, left - 1))
        mine: list[Any] = []
        siblings.append((node, mine))
        waiting.append((mine, children))
    return waiting[0][0]


ids = st.sampled_from("abcdefgh")
letters = st.lists(
    st.builds(
        Letter,
        st.one_of(ids, st.just("")),
        st.lists(ids, max_size=5),
        st.integers(0, 5),
        st.sampled_from(["", "x", "y"]),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=10,
)


@settings(max_examples=1500, deadline=None)
@given(letters)
def test_threads_are_what_the_rfc_says(letters: list[Letter]) -> None:
    mail = mail_of(letters)
    assert shapes(finished(threads.references(mail))) == naive_references(letters)
    assert shapes(finished(threads.refs(mail))) == naive_refs(letters)
    assert shapes(finished(threads.ordered_subject(mail))) == naive_ordered_subject(letters)


def told(forest: Forest) -> str:
    numbers = range(1, len(forest.nodes) + 1)
    return b"".join(encode_threads(forest.nodes, forest.children, numbers)).decode().rstrip()


def chain(size: int, *, backwards: bool = False) -> Mail:
    letters = [Letter(f"id{one}", [f"id{one - 1}"] if one else [], one, "", True, one) for one in range(size)]
    return mail_of(letters[::-1] if backwards else letters)


def test_ten_thousand_messages_in_a_row() -> None:
    wanted = "* THREAD (" + " ".join(map(str, range(1, 10_001))) + ")"
    assert told(finished(threads.references(chain(10_000)))) == wanted
    wanted = "* THREAD (" + " ".join(map(str, range(10_000, 0, -1))) + ")"
    assert told(finished(threads.refs(chain(10_000, backwards=True)))) == wanted


def test_ten_thousand_answers_to_one() -> None:
    letters = [Letter(f"id{one}", ["id0"] if one else [], one, "", True, one) for one in range(10_000)]
    wanted = "* THREAD (1 " + "".join(f"({one})" for one in range(2, 10_001)) + ")"
    assert told(finished(threads.references(mail_of(letters)))) == wanted


def test_messages_made_to_tangle_cost_a_bounded_time(monkeypatch: Any) -> None:
    """Each has children and hangs itself under the end of a long row: a loop is looked for all the way up."""
    row = [Letter(f"row{one}", [f"row{one - 1}"] if one else [], 0, "", True, 0) for one in range(500)]
    tangle = [Letter(f"child{one}", [f"parent{one}"], 0, "", True, 0) for one in range(500)]
    tangle += [Letter(f"parent{one}", ["row499"], 0, "", True, 0) for one in range(500)]
    letters = row + tangle
    assert shapes(finished(threads.refs(mail_of(letters)))) != []
    honest = finished(threads.refs(mail_of(letters)))
    assert sum(1 for _ in threads.refs(mail_of(letters))) > 20  # with many pauses
    monkeypatch.setattr(threads, "STEPS", 0)
    bounded = finished(threads.refs(mail_of(letters)))
    assert sorted(bounded.nodes) == sorted(honest.nodes)
    assert len(shapes(bounded)) > len(shapes(honest))


def test_ids_that_are_nowhere_cost_a_bounded_memory(monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "MOST_DUMMIES", 3)
    letters = [Letter(f"own{one}", [f"nowhere{one % 6}"], one % 6, "", False, one) for one in range(12)]
    wanted = "* THREAD ((1)(7))((2)(8))((3)(9))(4)(10)(5)(11)(6)(12)"
    assert told(finished(threads.references(mail_of(letters)))) == wanted
