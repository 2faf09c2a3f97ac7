"""Usage and limits."""

import pytest

from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused
from pillarbox.store import buried, flags, mailboxes, messages, quota
from pillarbox.store.messages import EVERYTHING
from pillarbox.store.quota import Resource, Usage
from pillarbox.testing.verbs import Verbs, staged

MESSAGE = staged(b"Subject: one\r\n\r\n" + b"x" * 1008)


def usage(verbs: Verbs) -> Usage:
    return verbs.read(lambda tx, _: quota.usage(tx))


def over_quota(verbs: Verbs, *call: object) -> bool:
    try:
        verbs.write(*call)  # type: ignore[arg-type]
    except Refused as refused:
        assert refused.code is Code.OVERQUOTA and refused.temporary
        return True
    return False


def test_every_copy_is_charged_and_every_expunge_given_back(verbs: Verbs) -> None:
    assert MESSAGE.size == 1024
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    verbs.write(messages.copy, verbs.inbox, EVERYTHING, verbs.inbox)
    assert usage(verbs) == Usage(octets=2048, messages=2, mailboxes=6, kept=0)
    verbs.write(flags.store_flags, verbs.inbox, ((1, 1),), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    assert usage(verbs) == Usage(octets=1024, messages=1, mailboxes=6, kept=1024)
    verbs.now += 2 * buried.RETENTION
    verbs.write(lambda tx, _: buried.erase(tx))
    assert usage(verbs).kept == 0


def test_storage_is_counted_in_units_of_1024(verbs: Verbs) -> None:
    # RFC 9208 5.1
    assert Usage(1025, 3, 4, 99).of(Resource.STORAGE) == 2
    assert Usage(1024, 3, 4, 99).of(Resource.MESSAGE) == 3
    verbs.write(quota.set_limit, Resource.STORAGE, 2, actor=SERVER)
    assert not over_quota(verbs, messages.append, verbs.inbox, MESSAGE)
    assert not over_quota(verbs, messages.append, verbs.inbox, MESSAGE)
    assert over_quota(verbs, messages.append, verbs.inbox, staged(b"x"))
    verbs.write(quota.set_limit, Resource.STORAGE, None, actor=SERVER)
    assert not over_quota(verbs, messages.append, verbs.inbox, MESSAGE)


def test_mailboxes_can_be_limited(verbs: Verbs) -> None:
    verbs.write(quota.set_limit, Resource.MAILBOX, 7, actor=SERVER)
    assert over_quota(verbs, mailboxes.create, "a/b")
    assert not over_quota(verbs, mailboxes.create, "a")
    assert over_quota(verbs, mailboxes.create, "b")
    verbs.write(mailboxes.delete, "a")
    assert not over_quota(verbs, mailboxes.create, "b")


def test_a_limit_below_the_usage_stops_only_what_grows(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    verbs.write(quota.set_limit, Resource.STORAGE, 0, actor=SERVER)
    assert over_quota(verbs, messages.append, verbs.inbox, MESSAGE)
    assert not over_quota(verbs, mailboxes.create, "a")
    assert not over_quota(verbs, messages.move, verbs.inbox, EVERYTHING, verbs.inbox)


def test_limits_are_the_administrators(verbs: Verbs) -> None:
    with pytest.raises(Refused) as refused:
        verbs.write(quota.set_limit, Resource.STORAGE, 10)
    assert refused.value.code is Code.NOPERM
    for hard in (5, 6):
        verbs.write(quota.set_limit, Resource.MESSAGE, hard, actor=SERVER)
    assert verbs.read(lambda tx, _: quota.limits(tx)) == {Resource.MESSAGE: 6}
