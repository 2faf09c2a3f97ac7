"""APPEND, COPY, MOVE and EXPUNGE as verbs."""

from typing import Any

import pytest

from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.changes import BurialCause
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.store import blobs, emails, flags, mailboxes, messages, quota
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.testing.verbs import Verbs, staged

RAW = b"Subject: one\r\n\r\ntext\r\n"
MESSAGE = staged(RAW)
LONGER = staged(b"Subject: two\r\n\r\nmore text\r\n")


def rows(verbs: Verbs, mailbox: int, *columns: str, with_buried: bool = False) -> list[tuple[Any, ...]]:
    return verbs.read(emails.rows, mailbox, 1, MAX_NUMBER, columns, with_buried=with_buried)


def named(verbs: Verbs, mailbox: int) -> dict[int, tuple[str, ...]]:
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    return {uid: sets[number] for uid, number in rows(verbs, mailbox, "uid", "flag_set")}


def fill(verbs: Verbs, mailbox: int, count: int) -> None:
    verbs.write(messages.append_many, mailbox, [Incoming(MESSAGE)] * count)


def test_append_keeps_what_was_given(verbs: Verbs) -> None:
    done = verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\seen", "$Junk"), 1_234_567_890, -330)
    row = verbs.read(mailboxes.get, verbs.inbox)
    assert (done.uid, done.uidvalidity, done.modseq) == (1, row.uidvalidity, verbs.modseq())
    [(email, at, zone, saved, size, header_size, blob)] = rows(
        verbs,
        verbs.inbox,
        *("email", "internal_at", "internal_tz", "saved_at", "size", "header_size", "blob"),
    )
    assert (email, at, zone, saved) == (done.email, 1_234_567_890, -330, verbs.now)
    assert (size, header_size) == (len(RAW), RAW.index(b"\r\n\r\n") + 4)
    assert verbs.read(lambda tx, _: blobs.raw(tx, blob)) == RAW
    assert named(verbs, verbs.inbox) == {1: ("\\Seen", "$Junk")}


def test_append_without_a_date_takes_the_time(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    assert rows(verbs, verbs.inbox, "internal_at", "internal_tz") == [(verbs.now, 0)]


def test_many_at_once_share_a_modseq_and_keep_their_order(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    done = verbs.write(
        messages.append_many,
        verbs.inbox,
        [Incoming(MESSAGE, ("\\Seen",)), Incoming(LONGER, ("\\seen",)), Incoming(MESSAGE)],
    )
    assert [one.uid for one in done] == [2, 3, 4]
    assert {one.modseq for one in done} == {verbs.modseq()}
    assert len({one.email for one in done}) == 3
    assert [size for (size,) in rows(verbs, verbs.inbox, "size")] == [22, 22, 27, 22]
    assert named(verbs, verbs.inbox) == {1: (), 2: ("\\Seen",), 3: ("\\Seen",), 4: ()}


def test_many_at_once_are_all_or_none(verbs: Verbs) -> None:
    # RFC 3502 6.3.11
    before = verbs.modseq()
    assert verbs.write(messages.append_many, verbs.inbox, []) == []
    with pytest.raises(Refused) as refused:
        verbs.write(messages.append_many, verbs.inbox, [Incoming(MESSAGE), Incoming(MESSAGE, ("\\Bad",))])
    assert refused.value.code is Code.CANNOT
    assert verbs.modseq() == before
    assert rows(verbs, verbs.inbox, "uid") == []
    assert verbs.write(messages.append, verbs.inbox, MESSAGE).uid == 1


def test_uids_run_out_with_a_refusal(verbs: Verbs) -> None:
    verbs.run("UPDATE mailbox SET uidnext = ? WHERE id = ?", MAX_NUMBER - 1, verbs.inbox)
    assert verbs.write(messages.append, verbs.inbox, MESSAGE).uid == MAX_NUMBER - 1
    with pytest.raises(Refused) as refused:
        verbs.write(messages.append, verbs.inbox, MESSAGE)
    assert refused.value.code is Code.LIMIT


def test_delivery_is_told_from_filing(verbs: Verbs) -> None:
    state = "SELECT delivery_state FROM account"
    before = verbs.rows(state)
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    assert verbs.rows(state) == before
    verbs.write(messages.append, verbs.inbox, MESSAGE, actor=SERVER)
    assert verbs.rows(state) == [(verbs.modseq(),)]


def test_copy_keeps_everything_but_the_uid_and_save_date(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Flagged", "x"), 1_000, 60)
    verbs.now += 100
    target = verbs.write(mailboxes.create, "a")
    kept = ("email", "thread", "flag_set", "internal_at", "internal_tz", "size", "envelope")
    verbs.write(messages.copy, verbs.inbox, ((1, 1),), target.id)
    assert rows(verbs, target.id, *kept) == rows(verbs, verbs.inbox, *kept)
    assert rows(verbs, target.id, "uid", "saved_at", "modseq", "created") == [
        (1, verbs.now, verbs.modseq(), verbs.modseq())
    ]


def test_copy_answers_with_the_uids_that_exist(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 8)
    verbs.write(flags.store_flags, verbs.inbox, ((3, 3), (6, 6)), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    target = verbs.write(mailboxes.create, "a")
    fill(verbs, target.id, 1)
    done = verbs.write(messages.copy, verbs.inbox, ((2, 4), (6, 7), (100, 200)), target.id)
    assert done.uidvalidity == target.uidvalidity
    assert done.source == ((2, 2), (4, 4), (7, 7))
    assert done.target == ((2, 4),)
    order = [email for (email,) in rows(verbs, target.id, "email")][1:]
    source = dict(rows(verbs, verbs.inbox, "uid", "email"))
    assert order == [source[2], source[4], source[7]]


def test_copy_into_the_same_mailbox(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 3)
    done = verbs.write(messages.copy, verbs.inbox, EVERYTHING, verbs.inbox)
    assert (done.source, done.target) == (((1, 3),), ((4, 6),))
    found = rows(verbs, verbs.inbox, "uid", "email")
    assert [email for _, email in found[:3]] == [email for _, email in found[3:]]
    assert verbs.read(mailboxes.status, verbs.inbox).messages == 6


def test_copying_or_moving_nothing_changes_nothing(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    target = verbs.read(mailboxes.require, "Sent")
    before = verbs.modseq()
    for verb in (messages.copy, messages.move):
        done = verbs.write(verb, verbs.inbox, ((5, 9),), target.id)
        assert (done.uidvalidity, done.source, done.target, done.modseq) == (target.uidvalidity, (), (), 0)
    assert verbs.write(messages.expunge, verbs.inbox) == ()
    assert verbs.modseq() == before
    assert verbs.read(mailboxes.get, target.id).uidnext == 1


def test_copy_over_quota_copies_nothing(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 3)
    target = verbs.read(mailboxes.require, "Sent").id
    verbs.write(quota.set_limit, quota.Resource.MESSAGE, 5, actor=SERVER)
    with pytest.raises(Refused) as refused:
        verbs.write(messages.copy, verbs.inbox, EVERYTHING, target)
    assert refused.value.code is Code.OVERQUOTA
    assert rows(verbs, target, "uid") == []
    verbs.write(messages.move, verbs.inbox, EVERYTHING, target)
    assert verbs.read(mailboxes.status, target).messages == 3


def test_move_takes_away_what_it_copies(verbs: Verbs) -> None:
    # RFC 6851 3.3
    fill(verbs, verbs.inbox, 4)
    emails_before = dict(rows(verbs, verbs.inbox, "uid", "email"))
    target = verbs.read(mailboxes.require, "Archive")
    done = verbs.write(messages.move, verbs.inbox, ((2, 3),), target.id)
    assert (done.source, done.target, done.modseq) == (((2, 3),), ((1, 2),), verbs.modseq())
    assert rows(verbs, target.id, "uid", "email") == [(1, emails_before[2]), (2, emails_before[3])]
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == [1, 4]
    assert verbs.rows("SELECT uid, cause, actor, moved_to, buried_at FROM buried ORDER BY uid") == [
        (uid, BurialCause.MOVE, 1, target.id, verbs.now) for uid in (2, 3)
    ]


def test_move_within_a_mailbox_gives_new_uids(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 3)
    done = verbs.write(messages.move, verbs.inbox, ((1, 2),), verbs.inbox)
    assert done.target == ((4, 5),)
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == [3, 4, 5]


def test_expunge_buries_only_what_is_deleted(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 6)
    verbs.write(flags.store_flags, verbs.inbox, ((1, 2), (4, 4), (6, 6)), "add", ("\\Deleted",))
    verbs.write(flags.store_flags, verbs.inbox, ((2, 2),), "add", ("\\Seen",))
    # RFC 9051 6.4.9: UID EXPUNGE takes of its set only what has \Deleted.
    assert verbs.write(messages.expunge, verbs.inbox, ((2, 5),)) == ((2, 2), (4, 4))
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == [1, 3, 5, 6]
    assert verbs.write(messages.expunge, verbs.inbox) == ((1, 1), (6, 6))
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == [3, 5]
    assert verbs.read(mailboxes.status, verbs.inbox).messages == 2
    assert verbs.write(messages.append, verbs.inbox, MESSAGE).uid == 7


def test_remove_buries_whatever_flags_it_has(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 6)
    verbs.write(flags.store_flags, verbs.inbox, ((1, 2),), "add", ("\\Deleted", "\\Seen"))
    assert verbs.write(messages.remove, verbs.inbox, ((2, 3), (6, 9))) == ((2, 3), (6, 6))
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == [1, 4, 5]
    assert verbs.read(mailboxes.status, verbs.inbox).deleted == 1
    before = verbs.modseq()
    assert verbs.write(messages.remove, verbs.inbox, ((2, 3),)) == ()
    assert verbs.modseq() == before


def test_remove_needs_the_rights_of_an_expunge(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    with pytest.raises(Refused):
        verbs.write(messages.remove, verbs.inbox, ((1, 1),), actor=Actor(reader=9, owner=False))


def test_sets_written_in_a_million_pieces_cost_what_is_there(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1_300)
    odd = tuple((number, number) for number in range(1, 2_000_001, 2))
    target = verbs.read(mailboxes.require, "Archive").id
    stored = verbs.write(flags.store_flags, verbs.inbox, odd, "add", ("\\Deleted",))
    assert list(stored.uids) == list(range(1, 1_301, 2))
    done = verbs.write(messages.copy, verbs.inbox, odd, target)
    assert (len(done.source), done.target) == (650, ((1, 650),))
    assert len(verbs.write(messages.move, verbs.inbox, odd[:200], target).source) == 200
    assert len(verbs.write(messages.expunge, verbs.inbox, odd)) == 450
    assert [uid for (uid,) in rows(verbs, verbs.inbox, "uid")] == list(range(2, 1_301, 2))


def test_verbs_on_a_mailbox_that_never_was(verbs: Verbs) -> None:
    for verb, args in (
        (messages.append, (MESSAGE,)),
        (messages.copy, (EVERYTHING, verbs.inbox)),
        (messages.move, (EVERYTHING, verbs.inbox)),
        (messages.expunge, ()),
        (flags.store_flags, (EVERYTHING, "add", ("\\Seen",))),
        (mailboxes.select, (True,)),
    ):
        with pytest.raises(Refused) as refused:
            verbs.write(verb, 12345, *args)
        assert refused.value.code in (Code.NONEXISTENT, Code.TRYCREATE)


def test_replace_is_one_change(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 3)
    target = verbs.write(mailboxes.create, "a")
    [(old,)] = verbs.rows("SELECT email FROM message WHERE uid = 2")
    before = verbs.modseq()
    done = verbs.write(messages.replace, verbs.inbox, 2, target.id, Incoming(LONGER, ("\\Draft",)))
    assert verbs.modseq() == before + 1 == done.modseq
    assert rows(verbs, verbs.inbox, "uid") == [(1,), (3,)]
    assert named(verbs, target.id) == {1: ("\\Draft",)}
    assert done.email != old  # RFC 8508 4.6
    assert verbs.rows("SELECT uid, cause, modseq FROM buried") == [(2, BurialCause.EXPUNGE, before + 1)]


def test_replace_in_the_same_mailbox(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 2)
    assert verbs.write(messages.replace, verbs.inbox, 1, verbs.inbox, Incoming(LONGER)).uid == 3
    assert rows(verbs, verbs.inbox, "uid", "size") == [(2, MESSAGE.size), (3, LONGER.size)]
    assert verbs.read(mailboxes.status, verbs.inbox).messages == 2


def test_replace_does_all_or_nothing(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    before = verbs.modseq()
    for uid, target, code in ((2, verbs.inbox, Code.EXPUNGEISSUED), (1, 9_999, None)):
        with pytest.raises(Refused) as refused:
            verbs.write(messages.replace, verbs.inbox, uid, target, Incoming(LONGER))
        assert code is None or refused.value.code is code
    assert verbs.modseq() == before
    assert rows(verbs, verbs.inbox, "uid") == [(1,)]


def test_replace_counts_only_what_it_takes_more(verbs: Verbs) -> None:
    # RFC 8508 3.4
    fill(verbs, verbs.inbox, 2)
    verbs.write(quota.set_limit, quota.Resource.MESSAGE, 2, actor=SERVER)
    verbs.write(quota.set_limit, quota.Resource.STORAGE, 1, actor=SERVER)  # KiB
    assert verbs.write(messages.replace, verbs.inbox, 1, verbs.inbox, Incoming(MESSAGE)).uid == 3
    with pytest.raises(Refused) as refused:
        verbs.write(messages.replace, verbs.inbox, 2, verbs.inbox, Incoming(staged(RAW + bytes(1024))))
    assert refused.value.code is Code.OVERQUOTA
    assert rows(verbs, verbs.inbox, "uid") == [(2,), (3,)]
