"""Trees are answered from cheap to dear, in small slices, and what goes wrong is said."""

from __future__ import annotations

import asyncio
import random

import pytest

from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused
from pillarbox.model.flags import DELETED
from pillarbox.store import buried, mailboxes, messages, turns
from pillarbox.store.index import marks
from pillarbox.store.messages import Incoming
from pillarbox.store.query.emails import Mailbox
from pillarbox.store.query.plan import spell
from pillarbox.store.query.planner import MOST_TEXTS, Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from pillarbox.testing.verbs import staged
from tests.store.archive import Archive
from tests.store.needles import keys, matches

COUNT = 300


@pytest.fixture
def filled(archive: Archive) -> Archive:
    archive.add(
        b"Subject: letter %d of %s\r\nFrom: %s\r\n\r\n%s\r\n"
        % (number, b"ada" if number % 3 else b"kim", b"bob@example.org", b"word " * (number % 50))
        for number in range(COUNT)
    )
    archive.index()
    return archive


def brute(archive: Archive, key: search.Key) -> set[int]:
    everything = set(range(len(archive.raw)))
    match key:
        case search.And():
            return everything.intersection(*(brute(archive, one) for one in key.keys))
        case search.Or():
            return set().union(*(brute(archive, one) for one in key.keys))
        case search.Not():
            return everything - brute(archive, key.key)
        case search.Size(octets=octets, larger=larger):
            return {
                n for n, raw in enumerate(archive.raw) if (len(raw) > octets if larger else len(raw) < octets)
            }
        case search.Header() | search.Body() | search.Text():
            return {n for n, text in enumerate(archive.texts) if matches(text, key)}
    raise AssertionError(key)


def tree(leaves: list[search.Key], chance: random.Random, depth: int) -> search.Key:
    kind = chance.randrange(4) if depth else 0
    if kind == 0:
        return chance.choice(leaves)
    if kind == 1:
        return search.Not(tree(leaves, chance, depth - 1))
    some = tuple(tree(leaves, chance, depth - 1) for _ in range(chance.randint(2, 4)))
    return search.And(some) if kind == 2 else search.Or(some)


def test_trees(filled: Archive) -> None:
    chance = random.Random(1)
    leaves: list[search.Key] = [*keys(filled.texts, 40, chance)]
    leaves += [search.Size(octets, larger) for octets in (60, 100, 200) for larger in (True, False)]
    asked = [tree(leaves, chance, 4) for _ in range(60)]
    for key, (found, plan) in zip(asked, filled.find(asked)):
        assert found == brute(filled, key), (key, plan)


def steps(archive: Archive, key: search.Key) -> list[tuple[str, str, int, int]]:
    ((_, plan),) = archive.find([key])
    return [(spell(step.key), step.by, step.candidates, step.found) for step in plan.steps]


def test_cheap_keys_come_first_and_few_candidates_are_looked_into(filled: Archive) -> None:
    key = search.And((search.Text("word"), search.Header("subject", "kim"), search.Size(285, True)))
    assert steps(filled, key) == [
        ("Size(octets=285, larger=True)", "rows", 300, 18),
        ("subject: 'kim'", "index", 18, 6),
        ("text 'word'", "index", 6, 6),
    ]
    one = search.And((search.Text("word"), search.Header("subject", "letter 7 of")))
    assert steps(filled, one) == [
        ("subject: 'letter 7 of'", "index", 300, 1),
        ("text 'word'", "texts", 1, 1),
    ]
    assert steps(filled, search.Body("")) == [("body ''", "memory", 300, 300)]
    ((_, plan),) = filled.find([search.Body("wor")])
    assert (plan.indexed, plan.behind, plan.steps[0].sure, plan.steps[0].looked_into) == (1, 0, 294, 0)


def test_without_an_index_and_behind_one(archive: Archive) -> None:
    archive.add([b"Subject: a\r\n\r\nword"] * 30)
    ((found, plan),) = archive.find([search.Body("word")])
    assert len(found) == 30 and plan.steps[0].by == "messages" and plan.indexed is None
    archive.index()
    archive.add([b"Subject: a\r\n\r\nword"] * 3)
    ((found, plan),) = archive.find([search.Body("word")])
    assert len(found) == 33
    assert (plan.steps[0].by, plan.steps[0].read, plan.behind) == ("index", 3, 3)


def test_too_many_texts(filled: Archive) -> None:
    many = search.Or(tuple(search.Body(f"word {number}") for number in range(MOST_TEXTS + 1)))
    with pytest.raises(Refused) as refused:
        filled.find([many])
    assert refused.value.code is Code.LIMIT


def planner(archive: Archive, store: Store, uids: object) -> Planner:
    return Planner(store, Scope(archive.number, SERVER, archive.verbs.inbox, uids, lambda key: None))  # type: ignore[arg-type]


@pytest.mark.parametrize("indexed", [True, False])
def test_the_mailbox_goes_away(archive: Archive, indexed: bool) -> None:
    box = archive.verbs.write(mailboxes.create, "Box").id
    items = [Incoming(staged(b"Subject: a\r\n\r\nword"), (), 1_600_000_000, 0)] * 200
    archive.verbs.write(messages.append_many, box, items)
    if indexed:
        archive.index()

    async def story(store: Store) -> None:
        columns = await store.columns(archive.number, SERVER, box)
        scope = Scope(archive.number, SERVER, box, columns.uids, lambda key: None)
        await store.write(archive.number, mailboxes.delete, SERVER, "Box")
        # Who had it selected still sees its messages, until they are swept.
        assert await Planner(store, scope).find(search.Body("or"), masks.full(200)) == masks.full(200)
        while await store.write(archive.number, buried.sweep):
            pass
        swept = await Planner(store, scope).find(search.Size(1, True), masks.full(200))
        assert swept == masks.NONE
        await Planner(store, scope).find(search.Header("subject", "a"), masks.full(200))

    archive.play(story)


@pytest.mark.parametrize("key", [search.Body("ord w"), search.Text("o"), search.Size(50, True)])
@pytest.mark.parametrize("indexed", [True, False])
def test_others_have_their_turn(
    archive: Archive, key: search.Key, indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With slices of no length a search stops as often as it can, and may be left at each."""
    monkeypatch.setattr(turns, "SLICE", -1.0)
    archive.add([b"Subject: a\r\n\r\n" + b"word " * 300] * 2000)
    if indexed:
        archive.index()

    async def story(store: Store) -> None:
        columns = await store.columns(archive.number, SERVER, archive.verbs.inbox)
        everything = masks.full(len(columns.uids))
        searching = asyncio.ensure_future(planner(archive, store, columns.uids).find(key, everything))
        turned = 0
        while not searching.done():
            await asyncio.sleep(0)
            turned += 1
        assert masks.size(await searching) == 2000
        assert turned >= 3
        for left in range(1, turned, 1 + turned // 7):
            searching = asyncio.ensure_future(planner(archive, store, columns.uids).find(key, everything))
            for _ in range(left):
                await asyncio.sleep(0)
            if searching.cancel():  # it may have ended: by now more is known
                with pytest.raises(asyncio.CancelledError):
                    await searching
        assert masks.size(await planner(archive, store, columns.uids).find(key, everything)) == 2000

    archive.play(story)


def test_searches_that_see_different_moments_of_the_index(archive: Archive) -> None:
    """One that has begun before the index grew, and goes on after another has seen it grown."""
    archive.add([b"Subject: a\r\n\r\nword"] * 450)
    archive.add([b"Subject: a\r\n\r\nword"], flags=(DELETED,))
    archive.add([b"Subject: a\r\n\r\nword"] * 449)
    archive.index()  # all before this; what comes is for later
    archive.add([b"Subject: a\r\n\r\nword"] * 600)
    archive.verbs.write(messages.expunge, archive.verbs.inbox)  # so that it is no stretch of the index
    lineage = str(archive.verbs.rows("SELECT lineage FROM account")[0][0])

    async def story(store: Store) -> None:
        columns = await store.columns(archive.number, SERVER, archive.verbs.inbox)
        scope = Scope(archive.number, SERVER, archive.verbs.inbox, columns.uids, lambda key: None)
        mailbox = Mailbox(store, scope, turns.Turns())
        before = store.index.snapshot(archive.number, lineage)
        archive.index()
        after = store.index.snapshot(archive.number, lineage)
        assert before is not None and after is not None
        for snapshot, found in ((after, 1499), (before, 899), (after, 1499)):
            every = marks.every(snapshot.starts[-1])
            every[450] = 0  # the one that is gone
            marked = await mailbox.marked(snapshot, every)
            assert marked == masks.of_spans([(0, found)], 1499)
            assert await mailbox.marks(snapshot, marked) == every

    archive.play(story)
