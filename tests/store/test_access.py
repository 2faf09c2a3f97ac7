"""Who may do what: RFC 4314 rights, asked by every verb."""

import pytest

from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.model.rights import ALL
from pillarbox.store import access, changes, emails, flags, mailboxes, messages
from pillarbox.store.messages import EVERYTHING
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Subject: one\r\n\r\ntext\r\n")
GUEST = Actor(reader=9, owner=False, groups=frozenset({4}))


def grant(verbs: Verbs, rights: str, identifier: str = "u9", path: str = "INBOX") -> None:
    box = verbs.read(mailboxes.require, path).id
    verbs.run("INSERT OR REPLACE INTO acl VALUES (1, ?, ?, ?, 1)", box, identifier, rights)


def held(verbs: Verbs, actor: Actor = GUEST) -> str:
    return verbs.read(lambda tx, who: access.effective(tx, who, verbs.inbox), actor=actor)


def named(verbs: Verbs, mailbox: int) -> list[tuple[str, ...]]:
    sets = verbs.read(lambda tx, _: flags.flag_sets(tx))
    return [sets[number] for (number,) in verbs.read(emails.rows, mailbox, 1, 99, ("flag_set",))]


def test_owner_and_override_have_every_right(verbs: Verbs) -> None:
    assert held(verbs, Actor(reader=1)) == held(verbs, SERVER) == ALL
    assert held(verbs) == ""


def test_rights_add_up_and_negative_ones_take_away(verbs: Verbs) -> None:
    grant(verbs, "l", "anyone")
    grant(verbs, "r", "g4")
    grant(verbs, "wit", "u9")
    grant(verbs, "a", "u8")
    grant(verbs, "a", "g5")
    assert held(verbs) == "lrwit"
    grant(verbs, "wt", "-g4")
    grant(verbs, "l", "-u8")
    assert held(verbs) == "lri"


def test_without_lookup_nothing_is_there(verbs: Verbs) -> None:
    # RFC 4314 6
    grant(verbs, "r")
    assert verbs.read(mailboxes.find, "INBOX", actor=GUEST) is None
    assert verbs.read(mailboxes.list_all, actor=GUEST) == []
    with pytest.raises(Refused) as refused:
        verbs.write(messages.append, verbs.inbox, MESSAGE, actor=GUEST)
    assert refused.value.code is Code.NONEXISTENT
    grant(verbs, "l")
    with pytest.raises(Refused) as refused:
        verbs.write(messages.append, verbs.inbox, MESSAGE, actor=GUEST)
    assert refused.value.code is Code.NOPERM


def test_list_shows_what_may_be_looked_at(verbs: Verbs) -> None:
    verbs.write(mailboxes.create, "a/b/c")
    grant(verbs, "l", path="a/b/c")
    assert [row.path for row in verbs.read(mailboxes.list_all, actor=GUEST)] == ["a/b/c"]


@pytest.mark.parametrize(
    ("needed", "call"),
    [
        ("k", (mailboxes.create, "INBOX/new")),
        ("x", (mailboxes.delete, "INBOX/old")),
        ("i", (messages.append, "INBOX", MESSAGE)),
        ("i", (messages.copy, "INBOX", EVERYTHING, "INBOX/old")),
        ("rite", (messages.move, "INBOX", EVERYTHING, "INBOX/old")),
        ("e", (messages.expunge, "INBOX")),
        ("r", (changes.columns, "INBOX")),
        ("r", (changes.since, "INBOX", 1)),
        ("r", (mailboxes.status, "INBOX")),
        ("rw", (flags.store_flags, "INBOX", EVERYTHING, "add", ("x",))),
    ],
)
def test_each_verb_needs_its_right(verbs: Verbs, needed: str, call: tuple[object, ...]) -> None:
    verbs.write(mailboxes.create, "INBOX/old")
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Deleted",))
    by_id = {path: verbs.read(mailboxes.require, path).id for path in ("INBOX", "INBOX/old")}
    verb, *args = call
    if verb not in (mailboxes.create, mailboxes.delete):
        args = [by_id.get(arg, arg) if isinstance(arg, str) else arg for arg in args]
    for missing in needed:
        for path in by_id:
            grant(verbs, "".join(right for right in ALL if right != missing), path=path)
        with pytest.raises(Refused) as refused:
            verbs.write(verb, *args, actor=GUEST)  # type: ignore[arg-type]
        assert refused.value.code is Code.NOPERM
    for path in by_id:
        grant(verbs, ALL, path=path)
    verbs.write(verb, *args, actor=GUEST)  # type: ignore[arg-type]


def test_a_mailbox_that_may_not_be_known_is_not_found_by_its_id_either(verbs: Verbs) -> None:
    archive = verbs.read(mailboxes.require, "Archive").id

    def found(named: str) -> str:
        return verbs.read(mailboxes.look, named, archive, actor=GUEST).row.path

    grant(verbs, "lr")
    assert found("INBOX") == "INBOX"
    with pytest.raises(Refused) as unknown:
        found("Archive")
    assert unknown.value.code is Code.NONEXISTENT
    grant(verbs, "lr", path="Archive")
    assert found("INBOX") == "Archive"
    # RFC 4314 4: known and not to be opened; what the name stands for is not what was meant.
    grant(verbs, "l", path="Archive")
    with pytest.raises(Refused) as closed:
        found("INBOX")
    assert closed.value.code is Code.NOPERM


def test_the_top_of_an_account_is_its_owners(verbs: Verbs) -> None:
    grant(verbs, ALL, path="Sent")
    for verb, args in ((mailboxes.create, ("new",)), (mailboxes.rename, ("Sent", "new"))):
        with pytest.raises(Refused) as refused:
            verbs.write(verb, *args, actor=GUEST)
        assert refused.value.code is Code.NOPERM


def test_a_new_mailbox_inherits_and_a_deleted_one_loses(verbs: Verbs) -> None:
    # RFC 4314 4
    grant(verbs, "lrk", path="Sent")
    row = verbs.write(mailboxes.create, "Sent/2023", actor=GUEST)
    rights = "SELECT rights FROM acl WHERE mailbox = ? AND identifier = 'u9'"
    assert verbs.rows(rights, row.id) == [("lrk",)]
    verbs.write(mailboxes.delete, "Sent/2023")
    assert verbs.rows(rights, row.id) == [("",)]


def test_only_permitted_flags_come_along(verbs: Verbs) -> None:
    # RFC 4314 4, its example
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Draft", "\\Deleted"))
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Answered",))
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("$Forwarded", "\\Seen"))
    grant(verbs, "lr")
    target = verbs.read(mailboxes.require, "Archive").id
    grant(verbs, "lrwis", path="Archive")
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, target, actor=GUEST)
    assert named(verbs, target) == [("\\Draft",), ("\\Answered",), ("\\Seen", "$Forwarded")]
    grant(verbs, "lrsti", path="Archive")
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, target, actor=GUEST)
    assert named(verbs, target)[3:] == [("\\Deleted",), (), ("\\Seen",)]
    verbs.write(messages.append, target, MESSAGE, ("\\Seen", "x", "\\Deleted"), actor=GUEST)
    assert named(verbs, target)[6:] == [("\\Deleted", "\\Seen")]


def test_store_does_what_is_allowed_of_it(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Flagged", "x"))
    grant(verbs, "lrs")
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "replace", ("\\Seen", "y"), actor=GUEST)
    assert named(verbs, verbs.inbox) == [("\\Flagged", "\\Seen", "x")]
    verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "remove", ("\\Seen", "x"), actor=GUEST)
    assert named(verbs, verbs.inbox) == [("\\Flagged", "x")]
    with pytest.raises(Refused) as refused:
        verbs.write(flags.store_flags, verbs.inbox, EVERYTHING, "add", ("y",), actor=GUEST)
    assert refused.value.code is Code.NOPERM
