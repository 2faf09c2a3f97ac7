"""The pictures themselves: they believe what is possible and nothing else."""

import pytest

from tests.sync.picture import Contradiction, Ledger, Mode, Picture, numbers, sequence

PLAIN, CONDSTORE, QRESYNC, UIDONLY = (
    Mode(),
    Mode(condstore=True),
    Mode(qresync=True),
    Mode(qresync=True, uidonly=True),
)


def picture(mode: Mode, *lines: bytes, ledger: Ledger | None = None) -> Picture:
    made = Picture(mode, ledger or Ledger())
    made.uidvalidity = 1
    for line in lines:
        made.hear(line)
    return made


def test_what_is_told_is_known() -> None:
    made = picture(
        QRESYNC,
        b"* 3 EXISTS",
        b"* 1 FETCH (UID 5 FLAGS (\\Seen \\Recent) MODSEQ (7))",
        b"* VANISHED 8",
        b"* 2 FETCH (UID 9 FLAGS () MODSEQ (6))",
    )
    assert made.agrees({5: (frozenset({b"\\seen"}), 7), 9: (frozenset(), 6)}) == ""
    assert made.agrees({5: (frozenset({b"\\seen"}), 7), 9: (frozenset(), 8)}) == "UID 9 has MODSEQ 8, not 6"
    assert made.agrees({5: (frozenset({b"\\seen"}), 7)}) == "2 messages, not 1"
    assert made.agrees({5: (frozenset(), 7), 9: (frozenset(), 6)}).startswith("UID 5 has")
    assert made.complete()


def test_a_client_without_numbers_keeps_what_it_knows_in_order() -> None:
    made = picture(
        UIDONLY, b"* 3 EXISTS", b"* 9 UIDFETCH (FLAGS () MODSEQ (2))", b"* 4 UIDFETCH (FLAGS () MODSEQ (3))"
    )
    assert [message.uid for message in made.messages] == [4, 9, 0]
    made.hear(b"* VANISHED 6")
    assert made.uids() == [4, 9]


def test_highest_is_what_was_announced_or_else_the_highest_fetched() -> None:
    made = picture(CONDSTORE, b"* 1 EXISTS", b"* 1 FETCH (UID 1 FLAGS () MODSEQ (9))")
    assert made.highest == 0  # RFC 7162 6: not before the tagged response
    made.tagged(b"")
    assert made.highest == 9
    made.hear(b"* 1 FETCH (UID 1 FLAGS () MODSEQ (20))")
    made.hear(b"* OK [HIGHESTMODSEQ 12] more is withheld")
    made.tagged(b"MODIFIED 1")
    assert made.highest == 12
    made.tagged(b"HIGHESTMODSEQ 30")
    assert made.highest == 30


def test_a_silent_store_is_assumed_where_nothing_else_was_told() -> None:
    made = picture(
        PLAIN, b"* 2 EXISTS", b"* 1 FETCH (UID 1 FLAGS (\\Seen))", b"* 2 FETCH (UID 2 FLAGS (\\Seen))"
    )
    made.tagged(b"")
    made.hear(b"* 2 FETCH (FLAGS (work))")
    made.tagged(b"")
    made.assume({1, 2}, b"+", frozenset({b"home"}))
    assert [message.flags for message in made.messages] == [{b"\\seen", b"home"}, {b"work"}]


def test_a_cache_is_what_was_filled_less_what_vanished() -> None:
    before = picture(
        QRESYNC,
        b"* 2 EXISTS",
        b"* 1 FETCH (UID 1 FLAGS () MODSEQ (3))",
        b"* 2 FETCH (UID 4 FLAGS () MODSEQ (3))",
    )
    before.filled_up()
    after = picture(QRESYNC, b"* 2 EXISTS")
    after.hear(b"* VANISHED (EARLIER) 1:3", earlier=True)
    after.restore(before.cached())
    assert [message.uid for message in after.messages] == [4, 0]


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        (PLAIN, b"* 1 EXISTS"),
        (PLAIN, b"* 3 EXPUNGE"),
        (PLAIN, b"* 0 EXPUNGE"),
        (PLAIN, b"* VANISHED 4"),
        (PLAIN, b"* 1 FETCH (UID 5)"),
        (PLAIN, b"* 2 FETCH (UID 4)"),
        (PLAIN, b"* 2 FETCH (UID 3)"),
        (PLAIN, b"* 3 FETCH (FLAGS ())"),
        (PLAIN, b"* 1 FETCH (FLAGS () MODSEQ (4))"),
        (PLAIN, b"* 4 UIDFETCH (FLAGS ())"),
        (CONDSTORE, b"* 1 FETCH (FLAGS ())"),
        (CONDSTORE, b"* 1 FETCH (FLAGS () MODSEQ (9223372036854775808))"),
        (CONDSTORE, b"* 1 FETCH (FLAGS () MODSEQ (6))"),
        (CONDSTORE, b"* 1 FETCH (UID 4 FLAGS (x) MODSEQ (7))"),
        (QRESYNC, b"* 1 EXPUNGE"),
        (QRESYNC, b"* 1 FETCH (FLAGS () MODSEQ (8))"),
        (QRESYNC, b"* VANISHED 3"),
        (QRESYNC, b"* VANISHED (EARLIER) 3"),
        (UIDONLY, b"* 1 FETCH (UID 4 FLAGS () MODSEQ (8))"),
        (UIDONLY, b"* 4 UIDFETCH (UID 5 FLAGS () MODSEQ (8))"),
    ],
)
def test_what_cannot_be_is_not_believed(mode: Mode, line: bytes) -> None:
    what = b"UIDFETCH" if mode.uidonly else b"FETCH"
    first = b"4" if mode.uidonly else b"1"
    modseq = b" MODSEQ (7)" if mode.wants_modseq else b""
    made = picture(mode, b"* 2 EXISTS", b"* %b %b (UID 4 FLAGS ()%b)" % (first, what, modseq))
    with pytest.raises(Contradiction):
        made.hear(line)


def test_nothing_goes_where_numbers_may_not_change() -> None:
    for mode, line in ((PLAIN, b"* 1 EXPUNGE"), (QRESYNC, b"* VANISHED 4")):
        with pytest.raises(Contradiction):
            picture(mode, b"* 1 EXISTS").hear(line, expunges=False)


def test_a_uid_and_a_mod_sequence_mean_one_thing_to_all() -> None:
    ledger = Ledger()
    picture(CONDSTORE, b"* 1 EXISTS", b"* 1 FETCH (UID 4 FLAGS (a) MODSEQ (7))", ledger=ledger)
    with pytest.raises(Contradiction):
        picture(CONDSTORE, b"* 1 EXISTS", b"* 1 FETCH (UID 4 FLAGS (b) MODSEQ (7))", ledger=ledger)
    ledger.letter(1, 4, b"one")
    with pytest.raises(Contradiction):
        ledger.letter(1, 4, b"two")


def test_sequence_sets_are_read_and_written() -> None:
    assert numbers(b"7:5,1") == [5, 6, 7, 1]
    assert sequence({1, 2, 3, 9}) == b"1:3,9"
