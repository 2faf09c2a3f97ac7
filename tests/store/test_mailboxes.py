"""CREATE, DELETE, RENAME, LIST, STATUS and SELECT as verbs."""

import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.model.names import INITIAL_MAILBOXES, MAX_DEPTH, Role
from pillarbox.store import flags, mailboxes, messages, quota, subscriptions
from pillarbox.store.changes import State
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Subject: one\r\n\r\ntext\r\n")


def paths(verbs: Verbs) -> list[str]:
    return [row.path for row in verbs.read(mailboxes.list_all)]


def refusal(verbs: Verbs, *call: object) -> Code | None:
    before = verbs.modseq()
    with pytest.raises(Refused) as refused:
        verbs.write(*call)  # type: ignore[arg-type]
    assert verbs.modseq() == before
    return refused.value.code


def uidvalidity(verbs: Verbs, path: str) -> int:
    return verbs.read(mailboxes.require, path).uidvalidity


def test_a_new_account_has_its_first_mailboxes_subscribed(verbs: Verbs) -> None:
    wanted = ["INBOX", *(path for path, _ in INITIAL_MAILBOXES)]
    assert paths(verbs) == wanted
    assert verbs.read(subscriptions.subscriptions) == sorted(wanted)
    roles = {row.path: row.role for row in verbs.read(mailboxes.list_all)}
    assert roles == {"INBOX": None, **dict(INITIAL_MAILBOXES)}


def test_create_makes_real_superiors(verbs: Verbs) -> None:
    row = verbs.write(mailboxes.create, "a/b/c/")
    assert (row.path, row.selectable, row.has_children, row.uidnext) == ("a/b/c", True, False, 1)
    found = {row.path: row for row in verbs.read(mailboxes.list_all)}
    assert found["a"].selectable and found["a"].has_children
    assert found["a/b"].selectable and found["a/b"].has_children
    assert verbs.read(mailboxes.status, found["a"].id).messages == 0


def test_names_are_nfc_and_inbox_is_one(verbs: Verbs) -> None:
    row = verbs.write(mailboxes.create, "Caf\u0065\u0301")
    assert row.path == "Caf\u00e9"
    assert refusal(verbs, mailboxes.create, "Caf\u00e9") is Code.ALREADYEXISTS
    assert refusal(verbs, mailboxes.create, "iNBoX") is Code.ALREADYEXISTS
    verbs.write(mailboxes.create, "inbox/below")
    assert verbs.read(mailboxes.require, "InBox/below").path == "INBOX/below"
    assert verbs.read(mailboxes.find, "below") is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a//b", Code.CANNOT),
        ("a\x00b", Code.CANNOT),
        ("/".join("x" * (MAX_DEPTH + 1)), Code.LIMIT),
        ("x" * 256, Code.LIMIT),
    ],
)
def test_create_refuses_impossible_names(verbs: Verbs, path: str, code: Code) -> None:
    assert refusal(verbs, mailboxes.create, path) is code


@pytest.mark.parametrize("path", ["", "/", "a//b", "\ud800", "INBOX/\udcff", "a\x00b", "*"])
def test_what_cannot_be_a_name_is_not_there(verbs: Verbs, path: str) -> None:
    assert verbs.read(mailboxes.find, path) is None
    assert refusal(verbs, mailboxes.delete, path) is Code.NONEXISTENT
    assert refusal(verbs, mailboxes.rename, path, "a") is Code.NONEXISTENT
    verbs.write(subscriptions.unsubscribe, path)


def test_a_special_use_belongs_to_one_mailbox(verbs: Verbs) -> None:
    assert refusal(verbs, mailboxes.create, "Other", Role.SENT) is Code.USEATTR
    verbs.write(mailboxes.delete, "Sent")
    assert verbs.write(mailboxes.create, "x/Other", Role.SENT).role is Role.SENT
    assert verbs.read(mailboxes.require, "x").role is None


def test_create_stops_at_the_limits(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", len(paths(verbs)) + 1)
    assert refusal(verbs, mailboxes.create, "a/b") is Code.LIMIT
    assert "a" not in paths(verbs)
    verbs.write(mailboxes.create, "a")
    assert refusal(verbs, mailboxes.create, "b") is Code.LIMIT


def test_deleted_and_created_again_means_another_mailbox(verbs: Verbs) -> None:
    first = verbs.write(mailboxes.create, "a")
    verbs.write(messages.append, first.id, MESSAGE)
    verbs.write(mailboxes.delete, "a")
    assert verbs.read(mailboxes.find, "a") is None
    second = verbs.write(mailboxes.create, "a")
    assert second.uidvalidity > first.uidvalidity
    assert second.id != first.id
    assert verbs.read(mailboxes.status, second.id).messages == 0


def test_delete_frees_the_quota_at_once_and_keeps_the_mail(verbs: Verbs) -> None:
    box = verbs.write(mailboxes.create, "a").id
    verbs.write(messages.append, box, MESSAGE)
    used = verbs.read(lambda tx, _: quota.usage(tx))
    verbs.write(mailboxes.delete, "a")
    after = verbs.read(lambda tx, _: quota.usage(tx))
    assert (used.octets, used.messages) == (MESSAGE.size, 1)
    assert (after.octets, after.messages, after.kept) == (0, 0, MESSAGE.size)
    assert after.mailboxes == used.mailboxes - 1
    for verb in (mailboxes.status, messages.expunge, mailboxes.get):
        assert refusal(verbs, verb, box) is Code.NONEXISTENT
    assert refusal(verbs, messages.append, box, MESSAGE) is Code.TRYCREATE


def test_inbox_and_what_is_not_there_cannot_be_deleted(verbs: Verbs) -> None:
    assert refusal(verbs, mailboxes.delete, "inbox") is Code.CANNOT
    assert refusal(verbs, mailboxes.delete, "a") is Code.NONEXISTENT
    assert refusal(verbs, mailboxes.delete, "Sent/a") is Code.NONEXISTENT


def test_delete_above_others_leaves_a_level_that_cannot_be_selected(verbs: Verbs) -> None:
    # RFC 9051 6.3.5
    verbs.write(mailboxes.create, "foo/bar")
    foo = verbs.read(mailboxes.require, "foo")
    verbs.write(messages.append, foo.id, MESSAGE)
    verbs.write(mailboxes.delete, "foo")
    level = verbs.read(mailboxes.require, "foo")
    assert (level.selectable, level.has_children) == (False, True)
    assert level.id != foo.id
    assert verbs.read(mailboxes.require, "foo/bar").selectable
    assert refusal(verbs, mailboxes.select, level.id, True) is Code.NONEXISTENT
    assert refusal(verbs, mailboxes.status, level.id) is Code.NONEXISTENT
    assert refusal(verbs, messages.append, level.id, MESSAGE) is Code.TRYCREATE
    assert refusal(verbs, messages.copy, verbs.inbox, (), level.id) is Code.TRYCREATE
    assert refusal(verbs, mailboxes.delete, "foo") is Code.HASCHILDREN
    verbs.write(mailboxes.delete, "foo/bar")
    assert paths(verbs)[-1] == "foo"
    verbs.write(mailboxes.delete, "foo")
    assert "foo" not in paths(verbs)


def test_create_makes_a_level_real_again(verbs: Verbs) -> None:
    verbs.write(mailboxes.create, "foo/bar")
    before = uidvalidity(verbs, "foo")
    verbs.write(mailboxes.delete, "foo")
    row = verbs.write(mailboxes.create, "foo", Role.ALL)
    assert (row.selectable, row.has_children, row.role) == (True, True, Role.ALL)
    assert row.uidvalidity > before


def test_rename_takes_the_tree_and_the_messages_along(verbs: Verbs) -> None:
    bar = verbs.write(mailboxes.create, "foo/bar")
    foo = verbs.read(mailboxes.require, "foo")
    verbs.write(messages.append, bar.id, MESSAGE, ("\\Seen",))
    renamed = verbs.write(mailboxes.rename, "foo", "baz/rag/zowie")
    assert (renamed.id, renamed.uidvalidity) == (foo.id, foo.uidvalidity)
    assert paths(verbs)[-4:] == ["baz", "baz/rag", "baz/rag/zowie", "baz/rag/zowie/bar"]
    moved = verbs.read(mailboxes.require, "baz/rag/zowie/bar")
    assert (moved.id, moved.uidvalidity, moved.uidnext) == (bar.id, bar.uidvalidity, 2)
    assert verbs.read(mailboxes.find, "foo") is None


def test_rename_refuses_what_would_break_the_tree(verbs: Verbs) -> None:
    verbs.write(mailboxes.create, "a/b")
    assert refusal(verbs, mailboxes.rename, "a", "a/b/c") is Code.CANNOT
    assert refusal(verbs, mailboxes.rename, "a", "Sent") is Code.ALREADYEXISTS
    assert refusal(verbs, mailboxes.rename, "a", "a") is Code.ALREADYEXISTS
    assert refusal(verbs, mailboxes.rename, "a", "inbox") is Code.ALREADYEXISTS
    assert refusal(verbs, mailboxes.rename, "x", "y") is Code.NONEXISTENT
    deep = "/".join("d" * (MAX_DEPTH - 1))
    assert refusal(verbs, mailboxes.rename, "a", f"{deep}/e") is Code.LIMIT
    verbs.write(mailboxes.rename, "a", deep)
    assert verbs.read(mailboxes.require, f"{deep}/b").selectable


def test_uidvalidity_of_a_name_never_goes_back(verbs: Verbs) -> None:
    # RFC 9051 2.3.1.1
    old = verbs.write(mailboxes.create, "old/sub").uidvalidity
    first = verbs.write(mailboxes.create, "name/sub").uidvalidity
    assert first > old
    verbs.write(mailboxes.rename, "name", "elsewhere")
    verbs.write(mailboxes.rename, "old", "name")
    second = uidvalidity(verbs, "name/sub")
    assert second > first
    verbs.write(mailboxes.rename, "name", "away")
    verbs.write(mailboxes.rename, "away", "name")
    assert uidvalidity(verbs, "name/sub") == second, "the same mailbox may come back as it was"
    verbs.write(mailboxes.delete, "name/sub")
    third = verbs.write(mailboxes.create, "name/sub").uidvalidity
    assert third > second


def test_uidvalidity_grows_also_when_the_clock_goes_back(verbs: Verbs) -> None:
    first = verbs.write(mailboxes.create, "a").uidvalidity
    verbs.now -= 1_000_000
    assert verbs.write(mailboxes.create, "b").uidvalidity == first + 1
    verbs.now += 2_000_000
    assert verbs.write(mailboxes.create, "c").uidvalidity == verbs.now


def test_rename_of_inbox_moves_its_messages_and_leaves_it(verbs: Verbs) -> None:
    # RFC 9051 6.3.6
    verbs.write(mailboxes.create, "INBOX/below")
    before = verbs.read(mailboxes.require, "INBOX")
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Flagged",))
    new = verbs.write(mailboxes.rename, "inbox", "x/old-mail")
    assert verbs.read(mailboxes.status, new.id).messages == 1
    after = verbs.read(mailboxes.require, "INBOX")
    assert (after.id, after.uidvalidity, after.uidnext) == (before.id, before.uidvalidity, 2)
    assert verbs.read(mailboxes.status, after.id).messages == 0
    assert "INBOX/below" in paths(verbs)
    verbs.write(mailboxes.rename, "INBOX", "empty")
    assert verbs.read(mailboxes.require, "empty").uidnext == 1


def test_list_begins_with_inbox_and_ignores_what_is_deleted(verbs: Verbs) -> None:
    for path in ("B/z", "A", "INBOX/x", "B"):
        if verbs.read(mailboxes.find, path) is None:
            verbs.write(mailboxes.create, path)
    verbs.write(mailboxes.delete, "Trash")
    assert paths(verbs) == ["INBOX", "INBOX/x", "A", "Archive", "B", "B/z", "Drafts", "Junk", "Sent"]


def test_status_counts_without_looking(verbs: Verbs) -> None:
    box = verbs.inbox
    for given in ((), ("\\Seen",), ("\\Seen", "\\Deleted"), ("\\Deleted",)):
        verbs.write(messages.append, box, MESSAGE, given)
    row = verbs.read(mailboxes.get, box)
    status = verbs.read(mailboxes.status, box)
    assert (status.messages, status.recent, status.unseen, status.deleted) == (4, 4, 2, 2)
    assert (status.size, status.uidnext, status.highest) == (4 * MESSAGE.size, 5, verbs.modseq())
    assert (row.uidnext, row.uidvalidity) == (status.uidnext, status.uidvalidity)


def test_recent_is_shown_once_and_only_select_uses_it_up(verbs: Verbs) -> None:
    # RFC 3501 2.3.2, 6.3.2
    box = verbs.inbox
    verbs.write(messages.append, box, MESSAGE)
    verbs.write(messages.append, box, MESSAGE)
    before = verbs.modseq()
    examined = verbs.read(mailboxes.select, box, False)
    assert (examined.first_recent_uid, examined.status.recent) == (1, 2)
    selected = verbs.write(mailboxes.select, box, True)
    assert (selected.first_recent_uid, selected.status.recent) == (1, 2)
    again = verbs.read(mailboxes.select, box, True)
    assert (again.first_recent_uid, again.status.recent) == (3, 0)
    assert verbs.modseq() == before
    verbs.write(messages.append, box, MESSAGE)
    assert verbs.read(mailboxes.status, box).recent == 1


def test_select_tells_the_flags_in_use(verbs: Verbs) -> None:
    box = verbs.inbox
    verbs.write(messages.append, box, MESSAGE, ("\\Seen", "$Forwarded"))
    verbs.write(messages.append, box, MESSAGE, ("zeta", "$forwarded"))
    assert verbs.read(mailboxes.select, box, False).flags == ("\\Seen", "$Forwarded", "zeta")
    verbs.write(flags.store_flags, box, ((1, 2),), "replace", ())
    assert verbs.read(mailboxes.select, box, False).flags == ()


def test_states_say_what_has_moved(verbs: Verbs) -> None:
    def states() -> dict[State, int]:
        columns = ", ".join(state.value for state in State)
        return dict(zip(State, verbs.rows(f"SELECT {columns} FROM account")[0]))

    before = states()
    verbs.write(mailboxes.create, "a")
    made = states()
    assert {state for state in State if made[state] != before[state]} == {State.MAILBOX}
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    filed = states()
    moved = {state for state in State if filed[state] != made[state]}
    assert moved == {State.EMAIL, State.THREAD, State.COUNTS}
    assert all(filed[state] == verbs.modseq() for state in moved)
