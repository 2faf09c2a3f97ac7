"""STORE, interned flag sets and their limits."""

from array import array

import pytest

from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.model.flags import FlagSet
from pillarbox.model.numbers import Runs
from pillarbox.store import changes, flags, mailboxes, messages, present
from pillarbox.store.flags import Mode
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Subject: one\r\n\r\ntext\r\n")


def fill(verbs: Verbs, *each: FlagSet) -> None:
    verbs.write(messages.append_many, verbs.inbox, [Incoming(MESSAGE, given) for given in each])


def named(verbs: Verbs) -> list[FlagSet]:
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    return [
        sets[number]
        for (number,) in verbs.rows(
            "SELECT flag_set FROM message WHERE mailbox = ? ORDER BY uid", verbs.inbox
        )
    ]


def number_of(verbs: Verbs, wanted: FlagSet) -> int:
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    return next(number for number, flag_set in sets.items() if flag_set == wanted)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("replace", [("\\Flagged", "a"), ("\\Flagged", "a"), ("\\Flagged", "a")]),
        ("add", [("\\Flagged", "a"), ("\\Flagged", "\\Seen", "a"), ("\\Flagged", "a", "b")]),
        ("remove", [(), ("\\Seen",), ("b",)]),
    ],
)
def test_three_ways_to_store(verbs: Verbs, mode: Mode, wanted: list[FlagSet]) -> None:
    fill(verbs, (), ("\\Seen",), ("\\Flagged", "a", "b"))
    stored = verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, mode, ("A", "\\FLAGGED"))
    assert named(verbs) == wanted
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    told = {uid: sets[number] for uid, number in zip(stored.uids, stored.flag_sets)}
    before = [(), ("\\Seen",), ("\\Flagged", "a", "b")]
    moved = {uid: now for uid, (now, old) in enumerate(zip(wanted, before), 1) if now != old}
    assert told == moved
    assert list(stored.uids) == sorted(moved)
    assert stored.uids.typecode == "I" and stored.flag_sets.typecode == "H"


def test_only_messages_that_move_get_the_modseq(verbs: Verbs) -> None:
    fill(verbs, (), ("\\Seen",), ())
    before = verbs.modseq()
    stored = verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("\\Seen",))
    assert (stored.modseq, stored.uids) == (before + 1, array("I", [1, 3]))
    modseqs = verbs.rows("SELECT modseq FROM message ORDER BY uid")
    assert modseqs == [(before + 1,), (before,), (before + 1,)]
    again = verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("\\Seen",))
    assert (again.modseq, len(again.uids), again.failed) == (0, 0, ())
    assert verbs.modseq() == before + 1


def test_unchanged_since_passes_by_what_changed(verbs: Verbs) -> None:
    # RFC 7162 3.1.3
    fill(verbs, (), (), (), ())
    seen_by_client = verbs.modseq()
    verbs.write(flags.store_flags, verbs.inbox, ((2, 2), (4, 4)), "add", ("\\Seen",))
    stored = verbs.write(
        flags.store_flags,
        verbs.inbox,
        ((1, 2), (4, 4)),
        "add",
        ("\\Deleted",),
        unchanged_since=seen_by_client,
    )
    assert list(stored.uids) == [1]
    assert stored.failed == ((2, 2), (4, 4))
    assert named(verbs) == [("\\Deleted",), ("\\Seen",), (), ("\\Seen",)]
    nothing = verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("x",), unchanged_since=0)
    assert (nothing.modseq, nothing.failed) == (0, ((1, 4),))


def test_the_first_spelling_of_a_keyword_wins(verbs: Verbs) -> None:
    fill(verbs, ("$Forwarded",), ("$FORWARDED",))
    verbs.write(flags.store_flags, verbs.inbox, ((2, 2),), "add", ("$forwarded", "Other", "oTHER"))
    assert named(verbs) == [("$Forwarded",), ("$Forwarded", "Other")]
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "remove", ("$fORWARDED",))
    assert named(verbs) == [(), ("Other",)]


def test_equal_sets_are_one_number(verbs: Verbs) -> None:
    fill(verbs, ("b", "\\Seen", "A"), ("a", "B", "\\seen"))
    assert len(set(verbs.rows("SELECT flag_set FROM message"))) == 1


@pytest.mark.parametrize(
    "flag", ["\\Recent", "\\Unheard", "two words", 'quo"te', "paren(", "caf\u00e9", "", "a]"]
)
def test_what_is_no_keyword_is_refused(verbs: Verbs, flag: str) -> None:
    fill(verbs, ())
    before = verbs.modseq()
    with pytest.raises(Refused) as refused:
        verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", (flag,))
    assert refused.value.code is Code.CANNOT
    assert verbs.modseq() == before


def test_a_message_has_at_most_128_keywords(verbs: Verbs) -> None:
    fill(verbs, tuple(f"k{number}" for number in range(128)))
    for given in (("one-more",), ("x" * 129,)):
        with pytest.raises(Refused) as refused:
            verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", given)
        assert refused.value.code is Code.LIMIT
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "replace", ("one-more",))


def test_an_account_has_so_many_sets_and_keywords(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(verbs, ("a",), ("b",))
    monkeypatch.setattr(flags, "MAX_ACCOUNT_KEYWORDS", 2)
    with pytest.raises(Refused) as refused:
        fill(verbs, ("c",))
    assert refused.value.code is Code.LIMIT
    monkeypatch.setattr(flags, "MAX_SETS", 3)
    fill(verbs, ("a", "b"), ("b", "a"))
    with pytest.raises(Refused) as refused:
        fill(verbs, ("a", "\\Seen"))
    assert refused.value.code is Code.LIMIT


def test_unused_sets_are_swept_and_numbers_not_given_again(
    verbs: Verbs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(verbs, ("a",), ("b",))
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "replace", ("c",))
    verbs.write(flags.store_flags, verbs.inbox, ((1, 1),), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    last = number_of(verbs, ("\\Deleted", "c"))
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "replace", ("d",))
    newest = number_of(verbs, ("d",))
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "replace", ("c",))
    assert verbs.write(lambda tx, _: flags.sweep(tx)) == 0, "not worth it for so few"
    monkeypatch.setattr(flags, "MANY_SETS", 2)
    assert verbs.write(lambda tx, _: flags.sweep(tx)) == 2
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    assert sets.keys() == {last - 1, last, newest}, "in use, buried, and the greatest"
    fill(verbs, ("e",))
    assert number_of(verbs, ("e",)) == newest + 1


def test_one_set_by_its_number(verbs: Verbs) -> None:
    fill(verbs, ("\\Seen", "x"))
    [(number,)] = verbs.rows("SELECT flag_set FROM message")
    assert verbs.read(lambda tx, _: flags.flag_set(tx, number)) == ("\\Seen", "x")
    with pytest.raises(LookupError):
        verbs.read(lambda tx, _: flags.flag_set(tx, number + 1))


def test_every_way_to_find_messages_finds_the_same(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few questions, one pass, or rows: which is taken is a matter of speed only."""
    fill(verbs, *([("\\Seen",), (), ("x",)] * 200))
    one, two, three = (number_of(verbs, wanted) for wanted in ((), ("\\Seen",), ("x",)))
    runs = ((3, 7), (100, 399), (401, 401), (599, 1000))
    wanted = [uid for low, high in runs for uid in range(low, min(high, 600) + 1)]
    answers = []
    for few, seek, narrow, page in (
        *((32, 0, 0, 512), (0, 0, 0, 7), (0, 999, 0, 7)),
        *((0, 999, 0, 512), (32, 10, 10**9, 5)),
    ):
        monkeypatch.setattr(present, "FEW", few)
        monkeypatch.setattr(present, "SEEK", seek)
        monkeypatch.setattr(present, "NARROW", narrow)
        monkeypatch.setattr(present, "PAGE", page)
        found = verbs.read(
            lambda tx, _: present.by_flag_set(tx, verbs.inbox, runs, (one, two), most_modseq=flags.ALWAYS)
        )
        answers.append({number: (list(group.uids), group.octets) for number, group in found.items()})
        assert list(verbs.read(lambda tx, _: present.uids(tx, verbs.inbox, runs))) == wanted
    assert answers[1:] == answers[:1] * 4
    assert answers[0].keys() == {one, two}
    assert sorted(uid for uids, _ in answers[0].values() for uid in uids) == [
        uid for uid in wanted if uid % 3 != 0
    ]
    assert all(octets == len(uids) * MESSAGE.size for uids, octets in answers[0].values())
    assert three not in answers[0]


def test_counters_follow(verbs: Verbs) -> None:
    fill(verbs, (), ("\\Seen",), ())
    verbs.write(flags.store_flags, verbs.inbox, ((1, 2),), "add", ("\\Seen", "\\Flagged"))
    kept = verbs.read(lambda tx, _: flags.counts(tx, verbs.inbox))
    assert sorted((named, n, octets) for _, named, n, octets in kept) == [
        ((), 1, MESSAGE.size),
        (("\\Flagged", "\\Seen"), 2, 2 * MESSAGE.size),
    ]
    assert verbs.read(mailboxes.status, verbs.inbox).unseen == 1


@pytest.mark.parametrize("few", [0, 32])
@pytest.mark.parametrize("mode", ["replace", "add", "remove"])
def test_one_by_one_and_by_counters_come_to_the_same(
    verbs: Verbs, mode: Mode, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "FEW", few)
    fill(verbs, (), ("\\Seen",), ("\\Flagged", "a"), (), ("\\Seen", "a"), ("a",))
    verbs.write(flags.store_flags, verbs.inbox, ((4, 4),), "add", ("\\Draft",))
    since = verbs.modseq() - 1
    stored = verbs.write(flags.store_flags, verbs.inbox, ((1, 2), (4, 5)), mode, ("\\Seen", "a"), since)
    wanted = {
        "replace": [
            ("\\Seen", "a"),
            ("\\Seen", "a"),
            ("\\Flagged", "a"),
            ("\\Draft",),
            ("\\Seen", "a"),
            ("a",),
        ],
        "add": [("\\Seen", "a"), ("\\Seen", "a"), ("\\Flagged", "a"), ("\\Draft",), ("\\Seen", "a"), ("a",)],
        "remove": [(), (), ("\\Flagged", "a"), ("\\Draft",), (), ("a",)],
    }[mode]
    assert named(verbs) == wanted
    assert stored.failed == ((4, 4),)
    assert list(stored.uids) == ([2, 5] if mode == "remove" else [1, 2])
    with pytest.raises(Refused) as refused:
        verbs.write(flags.store_flags, 12345, ((1, 1),), mode, ("a",))
    assert refused.value.code is Code.NONEXISTENT


@pytest.mark.parametrize("which", [EVERYTHING, ((20, 60), (80, 300)), ((1, 2), (4, 5), (50, 90))])
@pytest.mark.parametrize("mode", ["replace", "add", "remove"])
def test_a_mailbox_that_is_known_needs_no_second_look(verbs: Verbs, mode: Mode, which: Runs) -> None:
    """With its columns STORE does exactly what it does without."""
    fill(verbs, *[(), ("\\Seen",), ("\\Seen", "a"), ("a",)] * 25)
    other = verbs.write(mailboxes.create, "other").id
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, other)
    told = []
    for mailbox in (verbs.inbox, other):
        known = verbs.read(changes.columns, mailbox)
        stored = verbs.write(
            flags.store_flags, mailbox, which, mode, ("a",), known=known if mailbox == other else None
        )
        rows = verbs.rows("SELECT uid, flag_set FROM message WHERE mailbox = ? ORDER BY uid", mailbox)
        counted = verbs.rows("SELECT flag_set, n, bytes FROM mailbox_flags WHERE mailbox = ?", mailbox)
        told.append((stored.uids, stored.flag_sets, rows, counted))
    assert told[0] == told[1]


def test_a_mailbox_that_is_known_as_it_was_is_looked_at_again(verbs: Verbs) -> None:
    fill(verbs, *[()] * 40)
    before = verbs.read(changes.columns, verbs.inbox)
    verbs.write(messages.remove, verbs.inbox, ((3, 3),))
    fill(verbs, ())
    stored = verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("\\Seen",), known=before)
    assert list(stored.uids) == [1, 2, *range(4, 42)]
    assert set(named(verbs)) == {("\\Seen",)}
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("\\Deleted",))
    assert verbs.write(messages.expunge, verbs.inbox, None, before) == ((1, 2), (4, 41))


def test_a_set_whose_number_was_taken_back_is_not_mistaken_for_another(verbs: Verbs) -> None:
    """A STORE enters a set and is rolled back; the number goes to another set, made elsewhere."""
    verbs.write(messages.append, verbs.inbox, MESSAGE)

    def fails(tx: Tx, actor: Actor) -> None:
        flags.store_one(tx, actor, verbs.inbox, 1, "add", ("\\Answered",))
        raise ValueError

    with pytest.raises(ValueError):
        verbs.write(fails)
    other = Verbs(verbs.folder, verbs.now)
    other.write(messages.append, other.inbox, MESSAGE, ("\\Draft",))
    other.database.close()
    verbs.write(flags.store_one, verbs.inbox, 1, "add", ("\\Answered",))
    assert named(verbs) == [("\\Answered",), ("\\Draft",)]


def test_a_set_that_was_swept_is_entered_again(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(verbs, (), ("\\Seen",))
    verbs.write(flags.store_one, verbs.inbox, 1, "add", ("\\Answered",))
    verbs.write(flags.store_one, verbs.inbox, 1, "add", ("\\Flagged",))  # the greatest number stays
    verbs.write(flags.store_one, verbs.inbox, 1, "replace", ())
    monkeypatch.setattr(flags, "MANY_SETS", 0)
    assert verbs.write(lambda tx, _: flags.sweep(tx)) > 0
    verbs.write(flags.store_one, verbs.inbox, 1, "add", ("\\Answered",))
    assert named(verbs) == [("\\Answered",), ("\\Seen",)]


def test_one_by_one_the_counters_follow(verbs: Verbs) -> None:
    """Sets that are in use before and not after, after and not before, both, and neither."""
    fill(verbs, (), (), ("\\Seen",))
    for uid, mode, given in (
        *((1, "add", ("\\Seen",)), (2, "add", ("\\Flagged",)), (1, "remove", ("\\Seen",))),
        *((3, "replace", ("\\Draft",)), (2, "add", ("\\Flagged",)), (1, "add", ("\\Draft",))),
    ):
        before = verbs.modseq()
        stored = verbs.write(flags.store_one, verbs.inbox, uid, mode, given)
        assert verbs.modseq() == (stored.modseq or before) and stored.modseq in (0, before + 1)
        counted = {named: n for _, named, n, _ in verbs.read(lambda tx, _: flags.counts(tx, verbs.inbox))}
        real = named(verbs)
        assert counted == {each: real.count(each) for each in real}
