"""Keys for URLs: one a user and mailbox, replaced, taken away, gone with the mailbox."""

import pytest

from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.store import changes, mailboxes, urlauth
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import Verbs

A, B, C = b"a" * urlauth.KEY_OCTETS, b"b" * urlauth.KEY_OCTETS, b"c" * urlauth.KEY_OCTETS


def number(verbs: Verbs, path: str) -> int:
    return verbs.read(mailboxes.require, path).id


def test_the_first_key_stays_until_it_is_reset(verbs: Verbs) -> None:
    inbox = number(verbs, "INBOX")
    before = verbs.modseq()
    assert verbs.read(urlauth.key, inbox) is None
    assert verbs.write(urlauth.ensure, inbox, A) == A
    assert verbs.write(urlauth.ensure, inbox, B) == A
    assert verbs.read(urlauth.key, inbox) == A
    assert verbs.modseq() == before  # nobody sees anything of it
    verbs.write(urlauth.reset, inbox, B)
    assert verbs.read(urlauth.key, inbox) == B
    assert verbs.modseq() == before + 1


def test_each_mailbox_has_its_own(verbs: Verbs) -> None:
    inbox, sent = number(verbs, "INBOX"), number(verbs, "Sent")
    verbs.write(urlauth.ensure, inbox, A)
    verbs.write(urlauth.ensure, sent, B)
    verbs.write(urlauth.reset, inbox, C)
    assert [verbs.read(urlauth.key, one) for one in (inbox, sent, 0)] == [C, B, None]


def test_all_go_at_once(verbs: Verbs) -> None:
    inbox, sent = number(verbs, "INBOX"), number(verbs, "Sent")
    before = verbs.modseq()
    verbs.write(urlauth.reset_all)
    assert verbs.modseq() == before
    verbs.write(urlauth.ensure, inbox, A)
    verbs.write(urlauth.ensure, sent, B)
    verbs.write(urlauth.reset_all)
    assert verbs.modseq() == before + 1
    assert [verbs.read(urlauth.key, one) for one in (inbox, sent)] == [None, None]


def test_a_key_dies_with_its_mailbox_and_goes_with_a_new_name(verbs: Verbs) -> None:
    sent = number(verbs, "Sent")
    verbs.write(urlauth.ensure, sent, A)
    verbs.write(mailboxes.rename, "Sent", "Posted")
    assert verbs.read(urlauth.key, number(verbs, "Posted")) == A
    verbs.write(mailboxes.delete, "Posted")
    verbs.write(mailboxes.create, "Posted")
    assert verbs.read(urlauth.key, sent) is None
    assert verbs.read(urlauth.key, number(verbs, "Posted")) is None
    for verb in (urlauth.ensure, urlauth.reset):
        with pytest.raises(Refused) as caught:
            verbs.write(verb, sent, B)
        assert caught.value.code is Code.NONEXISTENT


def test_a_reset_is_told_to_its_user_and_is_no_change_of_the_mailbox(verbs: Verbs) -> None:
    inbox = number(verbs, "INBOX")
    before, highest = verbs.modseq(), verbs.read(mailboxes.require, "INBOX").highest
    verbs.write(urlauth.ensure, inbox, A)
    verbs.write(urlauth.reset, inbox, B)
    delta = verbs.read(changes.since, inbox, before)
    assert delta.keyed and delta.complete and not delta.new_uids and not delta.gone
    assert not verbs.read(changes.since, inbox, before + 1).keyed
    assert verbs.read(changes.touched, inbox, before)[1] == ()
    assert verbs.read(mailboxes.require, "INBOX").highest == highest
    assert not verbs.read(changes.since, number(verbs, "Sent"), before).keyed

    def others(tx: Tx, actor: Actor) -> bool:
        return changes.since(tx, Actor(reader=actor.reader + 1, override=True), inbox, before).keyed

    assert not verbs.read(others)


def test_who_may_not_read_has_no_key(verbs: Verbs) -> None:
    inbox = number(verbs, "INBOX")

    def stranger(tx: Tx, actor: Actor) -> bytes:
        return urlauth.ensure(tx, Actor(reader=actor.reader + 1, owner=False), inbox, A)

    with pytest.raises(Refused) as caught:
        verbs.write(stranger)
    assert caught.value.code is Code.NONEXISTENT
