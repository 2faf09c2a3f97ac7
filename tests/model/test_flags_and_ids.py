"""Flag sets have one order and one spelling; ids read back as what was spelled."""

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.model import flags, ids, rights


def test_one_order_and_spelling() -> None:
    assert flags.canonical(["zed", "\\SEEN", "$Junk", "\\answered", "ZED"]) == (
        "\\Answered",
        "\\Seen",
        "$Junk",
        "zed",
    )


@given(st.lists(st.sampled_from(["\\Seen", "\\seen", "a", "A", "b", "\\Draft", "$x"])))
def test_canonical_is_idempotent_and_survives_the_store(written: list[str]) -> None:
    once = flags.canonical(written)
    assert flags.canonical(once) == once
    assert flags.decode(flags.encode(once)) == once


@given(st.integers(0, ids.MAX_PREFIX), st.integers(0, 2**32 - 1), st.sampled_from(ids.Kind))
def test_ids_read_back(prefix: int, counter: int, kind: ids.Kind) -> None:
    number = ids.make(prefix, counter)
    assert number < 2**63
    assert ids.read(kind, ids.spell(kind, number)) == number


def test_what_is_no_id() -> None:
    assert ids.read(ids.Kind.EMAIL, "E1") is None
    assert ids.read(ids.Kind.EMAIL, ids.spell(ids.Kind.THREAD, 5)) is None
    assert ids.read(ids.Kind.EMAIL, "E!!!!!!!!!!!!!") is None
    for number in (2**63, 2**64 - 1):
        assert ids.read(ids.Kind.EMAIL, ids.spell(ids.Kind.EMAIL, number)) is None


@given(st.integers(0, ids.MAX_PREFIX), st.integers(0, ids.MAX_PREFIX), st.integers(1, 2**32 - 1))
def test_accounts_have_ids_of_their_own(one: int, other: int, counter: int) -> None:
    assert (ids.spell_account(one) == ids.spell_account(other)) is (one == other)
    assert ids.spell_account(one) not in [ids.spell(kind, ids.make(one, counter)) for kind in ids.Kind]


def test_obsolete_rights_widen() -> None:
    assert rights.canonical("dcr") == "rkxte"
