"""Subscriptions are names, whether or not there is a mailbox."""

import pytest

from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.store import mailboxes, subscriptions
from pillarbox.testing.verbs import Verbs


def test_names_without_a_mailbox_can_be_subscribed(verbs: Verbs) -> None:
    verbs.write(subscriptions.subscribe, "news/comp.mail")
    verbs.write(subscriptions.subscribe, "Caf\u0065\u0301/")
    assert {"news/comp.mail", "Caf\u00e9"} <= set(verbs.read(subscriptions.subscriptions))


def test_delete_and_rename_leave_subscriptions_alone(verbs: Verbs) -> None:
    before = verbs.read(subscriptions.subscriptions)
    verbs.write(mailboxes.delete, "Sent")
    verbs.write(mailboxes.rename, "Drafts", "Sketches")
    assert verbs.read(subscriptions.subscriptions) == before


def test_saying_it_twice_changes_nothing(verbs: Verbs) -> None:
    verbs.write(subscriptions.subscribe, "a")
    before = verbs.modseq()
    verbs.write(subscriptions.subscribe, "a")
    verbs.write(subscriptions.unsubscribe, "never")
    assert verbs.modseq() == before
    verbs.write(subscriptions.unsubscribe, "a")
    assert verbs.modseq() == before + 1
    assert "a" not in verbs.read(subscriptions.subscriptions)
    verbs.write(subscriptions.unsubscribe, "a")
    assert verbs.modseq() == before + 1
    verbs.write(subscriptions.subscribe, "a")
    assert "a" in verbs.read(subscriptions.subscriptions)


def test_names_are_limited_in_number_and_kind(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused):
        verbs.write(subscriptions.subscribe, "a\x00")
    monkeypatch.setattr(subscriptions, "MAX_SUBSCRIPTIONS", 7)
    verbs.write(subscriptions.subscribe, "seventh")
    with pytest.raises(Refused) as refused:
        verbs.write(subscriptions.subscribe, "eighth")
    assert refused.value.code is Code.LIMIT
    verbs.write(subscriptions.unsubscribe, "seventh")
    verbs.write(subscriptions.subscribe, "seventh")


def test_somebody_elses_subscriptions_are_private(verbs: Verbs) -> None:
    with pytest.raises(Refused) as refused:
        verbs.read(subscriptions.subscriptions, actor=Actor(reader=9, owner=False))
    assert refused.value.code is Code.NOPERM
