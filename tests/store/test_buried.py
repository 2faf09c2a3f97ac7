"""From expunge to erasure."""

from pathlib import Path

from pillarbox.model.changes import BurialCause
from pillarbox.store import buried, emails, flags, mailboxes, messages
from pillarbox.store.buried import RETENTION, Erased
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Message-ID: <a@x>\r\nSubject: one\r\n\r\ntext\r\n")
TABLES = ("email", "email_key", "blob")


def fill(verbs: Verbs, mailbox: int, count: int) -> None:
    verbs.write(messages.append_many, mailbox, [Incoming(MESSAGE)] * count)


def expunge(verbs: Verbs, uid: int) -> None:
    verbs.write(flags.store_flags, verbs.inbox, ((uid, uid),), "add", ("\\Deleted",))
    assert verbs.write(messages.expunge, verbs.inbox) == ((uid, uid),)


def erase(verbs: Verbs, **options: int) -> Erased:
    return verbs.write(lambda tx, _: buried.erase(tx, **options))


def sweep(verbs: Verbs, limit: int = 500) -> int:
    return verbs.write(lambda tx, _: buried.sweep(tx, limit))


def counts(verbs: Verbs) -> list[int]:
    return [verbs.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


def test_an_expunged_message_keeps_everything(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Seen",), 1_000, 60)
    narrow = "uid, email, flag_set, created, internal, size"
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("\\Deleted",))
    live = verbs.rows(f"SELECT {narrow} FROM message")
    arrival = verbs.rows("SELECT * FROM arrival")
    verbs.now += 10
    verbs.write(messages.expunge, verbs.inbox)
    assert verbs.rows(f"SELECT {narrow} FROM buried") == live
    assert verbs.rows("SELECT * FROM arrival") == arrival
    columns = ("internal_at", "internal_tz", "saved_at")
    told = verbs.read(emails.rows, verbs.inbox, 1, 1, columns, with_buried=True)
    assert told == [(1_000, 60, verbs.now - 10)]
    assert verbs.rows("SELECT modseq, buried_at, cause, actor, moved_to FROM buried") == [
        (verbs.modseq(), verbs.now, BurialCause.EXPUNGE, 1, None)
    ]


def test_what_is_old_is_erased_with_all_that_belongs_to_it(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    expunge(verbs, 1)
    assert erase(verbs) == Erased(0, ())
    verbs.now += RETENTION + 1
    before = verbs.modseq()
    assert erase(verbs) == Erased(1, ())
    assert counts(verbs) == [0, 0, 0]
    assert verbs.modseq() == before, "nobody sees a difference"


def test_an_email_lives_as_long_as_any_message_of_it(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, verbs.inbox)
    expunge(verbs, 1)
    verbs.now += RETENTION // 2
    expunge(verbs, 2)
    verbs.now += RETENTION // 2 + 1
    assert erase(verbs).messages == 1
    assert counts(verbs) == [1, 1, 1]
    verbs.now += RETENTION
    assert erase(verbs).messages == 1
    assert counts(verbs) == [0, 0, 0]


def test_erasing_comes_in_slices_oldest_first(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 5)
    for uid in (3, 1, 5, 2, 4):
        expunge(verbs, uid)
        verbs.now += 1
    verbs.now += RETENTION
    left = [{1, 2, 4, 5}, {2, 4, 5}, {2, 4}, {4}, set()]
    for remaining in left:
        assert erase(verbs, limit=1).messages == 1
        assert {uid for (uid,) in verbs.rows("SELECT uid FROM buried")} == remaining
    assert erase(verbs).messages == 0


def test_what_was_buried_together_is_erased_in_slices_too(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 9)
    verbs.write(messages.remove, verbs.inbox, ((2, 3), (5, 5), (8, 9)))
    verbs.now += 10
    verbs.write(messages.remove, verbs.inbox, ((4, 4), (7, 7)))
    verbs.now += RETENTION
    assert [erase(verbs, limit=2).messages for _ in range(4)] == [2, 2, 1, 0]
    assert verbs.rows("SELECT uid FROM buried ORDER BY uid") == [(4,), (7,)]
    verbs.now += 1
    assert erase(verbs, limit=2).messages == 2
    assert erase(verbs).messages == 0
    assert verbs.rows("SELECT count(*) FROM burial") == [(0,)]


def test_no_retention_is_so_short_that_sessions_lose_what_they_show(verbs: Verbs) -> None:
    fill(verbs, verbs.inbox, 1)
    expunge(verbs, 1)
    verbs.now += buried.LEAST_RETENTION - 1
    assert erase(verbs, retention=0).messages == 0
    verbs.now += 2
    assert erase(verbs, retention=0).messages == 1


def test_the_file_of_a_large_message_is_named_when_it_may_go(verbs: Verbs, tmp_path: Path) -> None:
    fill(verbs, verbs.inbox, 1)
    [(blob,)] = verbs.rows("SELECT id FROM blob")
    verbs.run("UPDATE blob SET place = 1, data = NULL")
    expunge(verbs, 1)
    verbs.now += 2 * RETENTION
    assert erase(verbs) == Erased(1, (blob,))


def test_messages_of_a_deleted_mailbox_follow_in_slices(verbs: Verbs) -> None:
    box = verbs.write(mailboxes.create, "a").id
    fill(verbs, box, 7)
    verbs.write(mailboxes.delete, "a")
    deleted, at = verbs.modseq(), verbs.now
    verbs.now += 100
    assert [sweep(verbs, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert verbs.rows("SELECT DISTINCT mailbox, modseq, buried_at, cause FROM buried") == [
        (box, deleted, at, BurialCause.MAILBOX_DELETED)
    ]
    assert verbs.modseq() == deleted


def test_one_slice_can_serve_several_mailboxes(verbs: Verbs) -> None:
    for path in ("a", "b", "c"):
        fill(verbs, verbs.write(mailboxes.create, path).id, 2)
        verbs.write(mailboxes.delete, path)
    assert sweep(verbs, 4) == 4
    assert sweep(verbs, 4) == 2


def test_a_deleted_mailbox_is_forgotten_when_nothing_is_left_of_it(verbs: Verbs) -> None:
    box = verbs.write(mailboxes.create, "a").id
    fill(verbs, box, 1)
    verbs.write(mailboxes.delete, "a")
    verbs.now += 2 * RETENTION
    known = "SELECT count(*) FROM mailbox WHERE id = ?"
    erase(verbs)
    assert verbs.rows(known, box) == [(1,)], "its message has not been swept yet"
    sweep(verbs)
    erase(verbs)
    erase(verbs)
    assert verbs.rows(known, box) == [(0,)]
    assert verbs.rows("SELECT count(*) FROM change WHERE mailbox = ?", box) == [(0,)]


def test_the_mailbox_of_a_recent_delete_stays_known(verbs: Verbs) -> None:
    box = verbs.write(mailboxes.create, "a").id
    verbs.write(mailboxes.delete, "a")
    verbs.now += RETENTION // 2
    erase(verbs)
    assert verbs.rows("SELECT count(*) FROM mailbox WHERE id = ?", box) == [(1,)]
