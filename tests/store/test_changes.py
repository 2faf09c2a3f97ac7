"""What changed since a mod-sequence, and columns."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import numbers
from pillarbox.model.changes import ChangeKind, Delta
from pillarbox.model.errors import Code, Refused
from pillarbox.store import buried, changes, flags, mailboxes, messages
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Subject: one\r\n\r\ntext\r\n")


def fill(verbs: Verbs, count: int) -> None:
    verbs.write(messages.append_many, verbs.inbox, [Incoming(MESSAGE)] * count)


def store(verbs: Verbs, uid: int, flag: str) -> None:
    verbs.write(flags.store_flags, verbs.inbox, ((uid, uid),), "add", (flag,))


def since(verbs: Verbs, modseq: int) -> Delta:
    return verbs.read(changes.since, verbs.inbox, modseq)


def test_a_delta_tells_new_changed_and_gone(verbs: Verbs) -> None:
    fill(verbs, 4)
    then = verbs.modseq()
    store(verbs, 2, "\\Seen")
    fill(verbs, 2)
    store(verbs, 5, "\\Flagged")
    store(verbs, 4, "\\Deleted")
    verbs.write(messages.expunge, verbs.inbox)
    delta = since(verbs, then)
    assert delta.complete and delta.modseq == verbs.modseq()
    assert (list(delta.new_uids), list(delta.new_modseqs)) == ([5, 6], [then + 3, then + 2])
    assert (list(delta.changed_uids), list(delta.changed_modseqs)) == ([2], [then + 1])
    assert delta.gone == ((4, 4),)
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    assert [sets[number] for number in delta.new_flag_sets] == [("\\Flagged",), ()]
    assert [sets[number] for number in delta.changed_flag_sets] == [("\\Seen",)]


def test_a_long_way_is_not_gone_where_a_short_one_was_asked_for(verbs: Verbs) -> None:
    fill(verbs, 30)
    then = verbs.modseq()
    verbs.write(flags.store_flags, verbs.inbox, ((3, 9), (20, 22)), "add", ("\\Seen",))
    cost = 10 + 2 * changes.SEEK
    assert verbs.read(changes.since, verbs.inbox, then, most=cost) == since(verbs, then)
    assert not verbs.read(changes.since, verbs.inbox, then, most=cost - 1).complete
    assert verbs.read(changes.touched, verbs.inbox, then) == (then + 1, ((3, 9), (20, 22)))
    assert verbs.read(changes.touched, verbs.inbox, then + 2) == (then + 1, None)


def test_what_came_and_went_is_not_told(verbs: Verbs) -> None:
    fill(verbs, 1)
    then = verbs.modseq()
    fill(verbs, 1)
    store(verbs, 2, "\\Deleted")
    verbs.write(messages.expunge, verbs.inbox)
    delta = since(verbs, then)
    assert (len(delta.new_uids), len(delta.changed_uids), delta.gone) == (0, 0, ())


def test_other_mailboxes_and_no_change_tell_nothing(verbs: Verbs) -> None:
    fill(verbs, 1)
    then = verbs.modseq()
    assert since(verbs, then) == since(verbs, then + 1000)
    verbs.write(messages.append, verbs.read(mailboxes.require, "Sent").id, MESSAGE)
    delta = since(verbs, then)
    assert (delta.modseq, len(delta.new_uids), delta.gone) == (then + 1, 0, ())


def test_columns_are_the_mailbox(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(verbs, 7)
    store(verbs, 3, "\\Seen")
    verbs.write(messages.move, verbs.inbox, ((2, 2),), verbs.inbox)
    for page in (512, 7, 3):
        monkeypatch.setattr(changes, "PAGE", page)
        columns = verbs.read(changes.columns, verbs.inbox)
        rows = verbs.rows("SELECT uid, flag_set, modseq FROM message ORDER BY uid")
        assert list(zip(columns.uids, columns.flag_sets, columns.modseqs)) == rows
        assert (columns.mailbox, columns.modseq) == (verbs.inbox, verbs.modseq())
        assert [part.typecode for part in (columns.uids, columns.flag_sets, columns.modseqs)] == list("IHQ")
        assert list(since(verbs, 0).new_uids) == list(columns.uids)


def test_a_mailbox_that_is_gone_has_no_changes(verbs: Verbs) -> None:
    box = verbs.read(mailboxes.require, "Sent").id
    verbs.write(mailboxes.delete, "Sent")
    for verb, args in ((changes.since, (1,)), (changes.columns, ())):
        with pytest.raises(Refused) as refused:
            verbs.read(verb, box, *args)
        assert refused.value.code is Code.NONEXISTENT


def test_merged_rows_answer_as_exactly(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MERGE_EVERY", 16)
    fill(verbs, 60)
    moments = [verbs.modseq()]
    for uid in range(1, 31):
        store(verbs, uid, "\\Seen")
        moments.append(verbs.modseq())
    for uid in range(31, 41):
        store(verbs, uid, "\\Deleted")
        verbs.write(messages.expunge, verbs.inbox)
    assert verbs.rows("SELECT count(*) FROM change") < [(40,)]
    for done, modseq in enumerate(moments):
        delta = since(verbs, modseq)
        assert list(delta.changed_uids) == list(range(done + 1, 31))
        assert delta.gone == ((31, 40),)


def test_rows_older_than_a_moment_can_be_forgotten(verbs: Verbs) -> None:
    fill(verbs, 1)
    old = verbs.modseq()
    verbs.now += 3600
    store(verbs, 1, "\\Seen")
    recent = verbs.modseq()
    verbs.now += 3600
    fill(verbs, 1)
    verbs.write(lambda tx, _: changes.forget(tx, verbs.now - 1800))
    assert not since(verbs, old).complete
    assert since(verbs, recent).complete
    assert list(since(verbs, recent).new_uids) == [2]
    verbs.write(lambda tx, _: changes.forget(tx, 5))
    assert since(verbs, recent).complete


def test_below_what_is_erased_the_way_is_unknown(verbs: Verbs) -> None:
    fill(verbs, 2)
    old = verbs.modseq()
    store(verbs, 1, "\\Deleted")
    verbs.write(messages.expunge, verbs.inbox)
    after = verbs.modseq()
    verbs.now += 2 * buried.RETENTION
    assert verbs.write(lambda tx, _: buried.erase(tx)).messages == 1
    assert not since(verbs, old).complete
    assert since(verbs, after).complete


def test_the_clock_has_a_row_a_minute(verbs: Verbs) -> None:
    for _ in range(10):
        fill(verbs, 1)
        verbs.now += 25
    rows = verbs.rows("SELECT modseq, at FROM clock ORDER BY modseq")
    assert [later - earlier for (_, earlier), (_, later) in pairwise(rows)] == [75] * 3
    assert len(rows) == 4


RUNS = st.lists(st.integers(1, 3_000), max_size=400).map(lambda some: numbers.runs_of(sorted(set(some))))


@settings(max_examples=60)
@given(RUNS, st.integers(1, 40))
def test_coarse_runs_cover_and_are_few(runs: numbers.Runs, limit: int) -> None:
    coarse = changes.coarse(runs, limit)
    assert len(coarse) <= limit
    assert all(any(low <= start and stop <= high for low, high in coarse) for start, stop in runs)
    if len(runs) <= limit:
        assert coarse == runs
    elif limit > 1:
        gap = max(low - high for (_, high), (low, _) in pairwise(runs))
        assert max(low - high for (_, high), (low, _) in pairwise(coarse)) == gap


def test_long_sets_are_kept_short_and_answered_exactly(verbs: Verbs) -> None:
    fill(verbs, 3 * changes.MAX_RUNS)
    then = verbs.modseq()
    every_second = tuple((uid, uid) for uid in range(1, 3 * changes.MAX_RUNS, 2))
    stored = verbs.write(flags.store_flags, verbs.inbox, every_second, "add", ("\\Deleted",))
    [(packed,)] = verbs.rows(
        "SELECT uids FROM change WHERE modseq = ? AND kind = ?", stored.modseq, int(ChangeKind.FLAGS)
    )
    assert len(numbers.unpack(packed)) == changes.MAX_RUNS
    assert since(verbs, then).changed_uids == stored.uids
    verbs.write(messages.expunge, verbs.inbox)
    assert since(verbs, then).gone == numbers.runs_of(stored.uids)
    assert since(verbs, stored.modseq).changed_uids == array("I")
    assert verbs.write(messages.expunge, verbs.inbox, EVERYTHING) == ()
