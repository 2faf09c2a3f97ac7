"""Each invariant, broken by hand: the check must name it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.store import buried, flags, mailboxes, messages
from pillarbox.store.check import INVARIANTS, Problem, check
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.testing.verbs import Verbs, account, staged

MESSAGE = staged(b"Message-ID: <a@x>\r\nSubject: one\r\n\r\ntext\r\n")


def populate(verbs: Verbs) -> None:
    """A little of everything."""
    verbs.write(
        messages.append_many,
        verbs.inbox,
        [Incoming(MESSAGE, given) for given in ((), ("\\Seen", "Work"), ("\\Deleted",), ())],
    )
    verbs.write(messages.expunge, verbs.inbox)
    verbs.write(mailboxes.create, "a/b")
    verbs.write(mailboxes.rename, "a/b", "a/c")
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, verbs.read(mailboxes.require, "a/c").id)
    verbs.write(flags.store_flags, verbs.inbox, ((1, 1),), "add", ("\\Flagged",))
    verbs.write(messages.append, verbs.read(mailboxes.require, "Sent").id, MESSAGE)
    verbs.write(mailboxes.delete, "Sent")


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Verbs]:
    """An account to be damaged; unlike others, not checked at the end."""
    with account(tmp_path / "made") as verbs:
        populate(verbs)
    again = Verbs(verbs.folder, verbs.now)
    yield again
    again.database.close()


def problems(verbs: Verbs, **options: bool) -> list[Problem]:
    return check(verbs.folder, clock=lambda: verbs.now, **options)


def test_an_account_in_order_has_no_problems(broken: Verbs) -> None:
    assert problems(broken) == []
    assert broken.write(lambda tx, _: buried.sweep(tx)) == 1
    assert problems(broken) == []


DAMAGE = [
    ("account_has_its_row", "DELETE FROM account"),
    ("counters_of_mailboxes", "UPDATE mailbox_flags SET n = n + 1"),
    ("counters_of_mailboxes", "UPDATE mailbox_flags SET bytes = bytes - 1 WHERE flag_set = 2"),
    ("counters_of_mailboxes", "DELETE FROM mailbox_flags"),
    ("counters_of_mailboxes", "INSERT INTO mailbox_flags VALUES (1, 99, 2, 1, 1)"),
    ("counters_of_account", "UPDATE account SET used_bytes = used_bytes + 1"),
    ("counters_of_account", "UPDATE account SET used_messages = 0"),
    ("counters_of_account", "UPDATE account SET used_mailboxes = 0"),
    ("counters_of_account", "UPDATE account SET used_annotations = 9"),
    ("counters_of_account", "UPDATE account SET kept_bytes = 0"),
    ("counters_of_account", "DELETE FROM buried"),
    ("counters_of_readers", "INSERT INTO reader_mailbox VALUES (1, {inbox}, 9, 1, 0)"),
    ("counters_of_readers", "INSERT INTO seen VALUES (1, {inbox}, 9, 1, 1, 1)"),
    ("uids_are_below_uidnext", "UPDATE mailbox SET uidnext = 4 WHERE id = {inbox}"),
    ("uids_are_below_uidnext", "UPDATE buried SET uid = 9"),
    ("uids_are_below_uidnext", "UPDATE buried SET uid = 1"),
    ("uids_are_below_uidnext", "UPDATE mailbox SET recent_uid = uidnext WHERE id = {inbox}"),
    ("modseqs_have_been_given", "UPDATE message SET modseq = 1000 WHERE uid = 2"),
    ("modseqs_have_been_given", "UPDATE subscription SET modseq = 1000 WHERE path = 'INBOX'"),
    ("modseqs_have_been_given", "UPDATE account SET email_state = 1000"),
    ("modseqs_have_been_given", "UPDATE mailbox SET highest = 1 WHERE id = {inbox}"),
    ("modseqs_have_been_given", "UPDATE message SET created = modseq + 1 WHERE uid = 1"),
    ("ids_have_been_given", "UPDATE account SET next_id = 5"),
    ("ids_have_been_given", "UPDATE mailbox SET id = 5 WHERE name = 'Junk'"),
    ("ids_have_been_given", "UPDATE account SET uidvalidity = 5"),
    ("ids_have_been_given", "UPDATE mailbox SET uidvalidity = 1700000000 WHERE name IN ('Junk', 'Trash')"),
    ("references_lead_somewhere", "UPDATE message SET mailbox = 5 WHERE mailbox = {inbox}"),
    ("references_lead_somewhere", "UPDATE buried SET mailbox = 5"),
    ("references_lead_somewhere", "DELETE FROM email WHERE id IN (SELECT email FROM message WHERE uid = 1)"),
    ("references_lead_somewhere", "DELETE FROM blob"),
    ("references_lead_somewhere", "DELETE FROM email_key"),
    ("references_lead_somewhere", "DELETE FROM flag_set"),
    (
        "references_lead_somewhere",
        "INSERT INTO email_key (account, email, is_reply, base_subject) VALUES (1, 5, 0, x'')",
    ),
    ("emails_belong_to_messages", "DELETE FROM arrival"),
    ("arrivals_belong_to_messages", "UPDATE message SET email = (SELECT min(email) FROM message)"),
    ("arrivals_belong_to_messages", "DELETE FROM arrival WHERE uid = 1"),
    ("arrivals_belong_to_messages", "DELETE FROM buried"),
    ("arrivals_belong_to_messages", "UPDATE arrival SET uid = 9 WHERE uid = 1"),
    ("emails_belong_to_messages", "UPDATE message SET size = size + 1 WHERE uid = 1"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET parent = 5 WHERE name = 'Junk'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET parent = id WHERE name = 'Junk'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET name = 'a/b' WHERE name = 'Junk'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET name = '' WHERE name = 'Junk'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET name = 'e' || char(769) WHERE name = 'Junk'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET name = 'Inbox' WHERE name = 'INBOX'"),
    ("mailboxes_form_a_tree", "UPDATE mailbox SET role = 'None' WHERE name = 'Junk'"),
    ("names_outgrow_their_past", "INSERT INTO name_used VALUES (1, 'INBOX', 2000000000)"),
    (
        "flag_sets_are_canonical",
        "UPDATE flag_set SET flags = CAST('Work \\Seen' AS BLOB) WHERE flags = CAST('\\Seen Work' AS BLOB)",
    ),
    ("flag_sets_are_canonical", "UPDATE keyword SET spelling = 'WORK'"),
    ("flag_sets_are_canonical", "DELETE FROM keyword"),
    ("changes_cover_messages", "DELETE FROM change WHERE kind = 1"),
    ("changes_cover_messages", "DELETE FROM change WHERE kind = 2"),
    ("changes_cover_messages", "DELETE FROM change WHERE kind = 3"),
    ("changes_cover_messages", "UPDATE change SET uids = x'0100000001000000' WHERE kind = 1"),
    ("changes_cover_messages", "UPDATE change SET modseq = 1 WHERE kind = 2"),
    ("burials_lead_to_the_buried", "DELETE FROM burial"),
    ("burials_lead_to_the_buried", "UPDATE burial SET at = at + 1"),
    ("burials_lead_to_the_buried", "UPDATE burial SET low = high + 1"),
    ("references_lead_somewhere", "UPDATE burial SET mailbox = 5"),
    ("modseqs_have_been_given", "UPDATE burial SET modseq = 1000"),
    ("blobs_are_intact", "UPDATE blob SET sha256 = zeroblob(32) WHERE id = (SELECT min(id) FROM blob)"),
    ("blobs_are_intact", "UPDATE blob SET data = zeroblob(9) WHERE id = (SELECT min(id) FROM blob)"),
    ("blobs_are_intact", "UPDATE blob SET size = size - 1 WHERE id = (SELECT min(id) FROM blob)"),
    ("blobs_are_intact", "UPDATE blob SET place = 1, data = NULL"),
]


@pytest.mark.parametrize(("invariant", "damage"), DAMAGE)
def test_damage_is_named(broken: Verbs, invariant: str, damage: str) -> None:
    assert broken.run(damage.format(inbox=broken.inbox)) > 0
    found = problems(broken)
    assert invariant in {problem.invariant for problem in found}
    assert all(problem.text and not problem.repaired for problem in found)


def test_every_invariant_is_broken_above_or_below() -> None:
    below = {"database_is_sound"}
    assert {name for name, _ in DAMAGE} | below == {invariant.__name__ for invariant in INVARIANTS}


def test_a_damaged_page_is_named_and_ends_the_check(broken: Verbs) -> None:
    broken.database.complete()
    [(page,)] = broken.rows("SELECT rootpage FROM sqlite_master WHERE name = 'arrival'")
    broken.database.close()
    path = broken.folder / "mail.db"
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 100] = b"\xff" * 100
    path.write_bytes(content)
    assert {problem.invariant for problem in problems(broken)} <= {"database_is_sound", "reads"}
    path.write_bytes(b"not a database, but long enough to look like a file of some kind" * 100)
    assert [problem.invariant for problem in problems(broken)] == ["opens"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert [problem.invariant for problem in check(tmp_path)] == ["opens"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE mailbox_flags SET n = n + 1, bytes = 0",
        "DELETE FROM mailbox_flags",
        "INSERT INTO mailbox_flags VALUES (1, 99, 2, 1, 1)",
        "UPDATE account SET used_bytes = 1, used_messages = 2, used_mailboxes = 3, kept_bytes = 4",
        "INSERT INTO seen VALUES (1, {inbox}, 9, 1, 1, 1)",
        "INSERT INTO reader_mailbox VALUES (1, {inbox}, 9, 5, 0)",
    ],
)
def test_counters_can_be_repaired(broken: Verbs, damage: str) -> None:
    before = broken.rows("SELECT * FROM mailbox_flags"), broken.rows("SELECT * FROM account")
    broken.run(damage.format(inbox=broken.inbox))
    assert problems(broken) != []
    repaired = problems(broken, repair=True)
    assert repaired != []
    assert all(problem.repaired for problem in repaired)
    assert problems(broken) == []
    assert (broken.rows("SELECT * FROM mailbox_flags"), broken.rows("SELECT * FROM account")) == before


def test_repair_leaves_alone_what_it_cannot_know(broken: Verbs) -> None:
    broken.run("UPDATE blob SET sha256 = zeroblob(32)")
    broken.run("UPDATE account SET used_bytes = 1")
    repaired = {problem.invariant: problem.repaired for problem in problems(broken, repair=True)}
    assert repaired == {"counters_of_account": True, "blobs_are_intact": False}
    assert [problem.invariant for problem in problems(broken)] == ["blobs_are_intact"] * 5


def test_files_without_a_row_are_named_after_a_day(broken: Verbs) -> None:
    stray = broken.folder / "blobs" / "ab" / "00000007000000ab"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"left by an append that was given up")
    broken.now = int(stray.stat().st_mtime) + 3600
    assert problems(broken) == []
    broken.now += 86_400
    [problem] = problems(broken)
    assert problem == Problem("files_have_blobs", "blobs/ab/00000007000000ab belongs to no message")


def test_the_check_reads_one_snapshot_of_an_account_in_use(broken: Verbs) -> None:
    with broken.database.transaction(write=True) as tx:
        tx.run("UPDATE account SET used_bytes = used_bytes + 1")
        assert problems(broken) == []
    assert problems(broken) != []
