"""Sets of UIDs as clients write them, against the messages there are."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import numbers
from pillarbox.store import flags, messages, present
from pillarbox.store.messages import Incoming
from pillarbox.testing.verbs import Verbs, staged

SOME = st.sets(st.integers(1, 600), max_size=300).map(sorted)
DENSE = st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 700)), max_size=6).map(
    lambda spans: sorted({uid for low, length in spans for uid in range(low, low + length)})
)


@settings(max_examples=150)
@given(SOME | DENSE)
def test_runs_of_an_array_are_the_models(uids: list[int]) -> None:
    assert present.runs_of(array("I", uids)) == numbers.runs_of(uids)


def test_no_runs_name_no_messages(verbs: Verbs) -> None:
    verbs.write(messages.append_many, verbs.inbox, [Incoming(staged(b"\r\n"))] * 3)
    assert list(verbs.read(lambda tx, _: present.uids(tx, verbs.inbox, ()))) == []
    found = verbs.read(
        lambda tx, _: present.by_flag_set(tx, verbs.inbox, (), (flags.FIRST_SET,), most_modseq=99)
    )
    assert found == {}


def test_a_thin_mailbox_and_a_long_set(verbs: Verbs) -> None:
    """More runs between two messages than messages: they are not all looked at, and none is missed."""
    verbs.write(messages.append_many, verbs.inbox, [Incoming(staged(b"\r\n"))] * 3)
    verbs.run("UPDATE mailbox SET uidnext = 900001 WHERE id = ?", verbs.inbox)
    verbs.write(messages.append_many, verbs.inbox, [Incoming(staged(b"\r\n"))] * 2)
    runs = tuple((number, number) for number in range(1, 1_000_000, 2))
    uids = verbs.read(lambda tx, _: present.uids(tx, verbs.inbox, runs))
    assert list(uids) == [1, 3, 900_001]
    found = verbs.read(
        lambda tx, _: present.by_flag_set(tx, verbs.inbox, runs, (flags.FIRST_SET,), most_modseq=99)
    )
    assert list(found[flags.FIRST_SET].uids) == [1, 3, 900_001]
