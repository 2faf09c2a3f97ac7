"""Grants and their tokens: refreshing, copies, revoking."""

import secrets
from typing import Any

import pytest

from pillarbox.identity import grants
from pillarbox.identity.directory import Account, Directory
from pillarbox.model.errors import Refused

RANDOM = secrets.token_bytes


@pytest.fixture
def kim(directory: Directory) -> Account:
    return directory.add("kim@example.test", None)


def begin(directory: Directory, account: Account, scope: str = "imap smtp") -> grants.Pair:
    with directory.changing():
        made = grants.begin(directory, account.prefix, "app", "An app", scope)
        return grants.issue(directory, made, scope, RANDOM)


def refresh(directory: Directory, token: str, client: str = "app", scope: str = "") -> grants.Pair | None:
    return grants.refresh(directory, token, client, scope, RANDOM)


def is_good(directory: Directory, pair: grants.Pair) -> bool:
    known = grants.find(directory, pair.access)
    return known is not None and not known.expired


def test_tokens_are_not_stored(directory: Directory, kim: Account) -> None:
    pair = begin(directory, kim)
    stored = str(directory.run("SELECT * FROM oauth_token"))
    assert pair.access not in stored
    assert pair.refresh not in stored
    assert pair.access not in repr(pair)


def test_a_refresh_token_is_exchanged_for_the_next(directory: Directory, kim: Account, clock: Any) -> None:
    first = begin(directory, kim)
    clock.now += 3600
    second = refresh(directory, first.refresh)
    assert second is not None
    assert is_good(directory, second)
    assert not is_good(directory, first)
    assert [each.name for each in grants.each_of(directory, kim.prefix)] == ["An app"]


def test_a_copied_refresh_token_ends_all(directory: Directory, kim: Account, clock: Any) -> None:
    first = begin(directory, kim)
    second = refresh(directory, first.refresh)
    assert second is not None
    clock.now += grants.AGAIN
    assert refresh(directory, first.refresh) is None
    assert not is_good(directory, second)
    assert refresh(directory, second.refresh) is None
    assert grants.each_of(directory, kim.prefix) == []


def test_an_answer_that_got_lost_ends_nothing(directory: Directory, kim: Account, clock: Any) -> None:
    first = begin(directory, kim)
    lost = refresh(directory, first.refresh)
    clock.now += grants.AGAIN - 1
    second = refresh(directory, first.refresh)
    assert lost is not None
    assert second is not None
    clock.now += 1
    assert refresh(directory, first.refresh) is None  # asking again and again moves nothing
    assert grants.each_of(directory, kim.prefix) == []


def test_a_copy_is_known_however_old_it_is(directory: Directory, kim: Account, clock: Any) -> None:
    pair = first = begin(directory, kim)
    for _ in range(5):
        clock.now += 86_400
        found = refresh(directory, pair.refresh)
        assert found is not None
        pair = found
    # What is spent is not kept: a program that is used all day refreshes thousands of times.
    assert directory.run("SELECT count(*) FROM oauth_token WHERE kind = 2 AND spent_at IS NULL") == [(1,)]
    assert directory.run("SELECT count(*) FROM oauth_token WHERE kind = 2") == [(2,)]
    assert refresh(directory, first.refresh, "other") is None
    assert is_good(directory, pair)
    assert refresh(directory, first.refresh) is None
    assert not is_good(directory, pair)


def test_what_only_looks_like_a_refresh_token(directory: Directory, kim: Account) -> None:
    pair = begin(directory, kim)
    for other in ("", grants.PREFIX, "x", pair.access, grants.PREFIX + "0" * 96):
        assert refresh(directory, other) is None
    assert is_good(directory, pair)


def test_a_refresh_token_is_one_programs(directory: Directory, kim: Account) -> None:
    pair = begin(directory, kim)
    assert refresh(directory, pair.refresh, "other") is None
    assert refresh(directory, pair.access) is None
    assert refresh(directory, pair.refresh) is not None


def test_silence_ends_a_grant(directory: Directory, kim: Account, clock: Any) -> None:
    pair = begin(directory, kim)
    clock.now += grants.REFRESH_SECONDS
    assert refresh(directory, pair.refresh) is None
    assert grants.each_of(directory, kim.prefix) == []
    clock.now += grants.REMEMBERED
    begin(directory, kim)
    assert directory.run("SELECT count(*) FROM oauth_grant") == [(1,)]  # the old one is forgotten


def test_less_but_not_more_scope(directory: Directory, kim: Account) -> None:
    pair = begin(directory, kim)
    with pytest.raises(Refused):
        refresh(directory, pair.refresh, scope="imap pop")
    less = refresh(directory, pair.refresh, scope="imap")
    assert less is not None
    known = grants.find(directory, less.access)
    assert known is not None
    assert (known.scope, known.grant.scope) == ("imap", "imap smtp")
    # RFC 6749 6: the refresh token is still for all.
    more = refresh(directory, less.refresh)
    assert more is not None
    assert more.scope == "imap smtp"


def test_disabled_accounts_get_nothing(directory: Directory, kim: Account) -> None:
    pair = begin(directory, kim)
    directory.set_enabled(kim.prefix, False)
    assert refresh(directory, pair.refresh) is None
    directory.set_enabled(kim.prefix, True)
    assert refresh(directory, pair.refresh) is not None


def test_revoking(directory: Directory, kim: Account) -> None:
    one, two, three = (begin(directory, kim) for _ in range(3))
    grants.revoke_token(directory, one.access, "other")
    assert is_good(directory, one)
    grants.revoke_token(directory, one.access, "app")
    grants.revoke_token(directory, two.refresh, "app")
    assert [is_good(directory, each) for each in (one, two, three)] == [False, False, True]
    (left,) = grants.each_of(directory, kim.prefix)
    lee = directory.add("lee@example.test", None)
    with pytest.raises(Refused):
        grants.revoke(directory, lee, left.id)
    grants.revoke(directory, kim, left.id)
    assert not is_good(directory, three)


def test_there_are_not_too_many(directory: Directory, kim: Account, clock: Any) -> None:
    for _ in range(grants.MAX_GRANTS + 3):
        clock.now += 1
        pair = begin(directory, kim)
    found = grants.each_of(directory, kim.prefix)
    assert len(found) == grants.MAX_GRANTS
    assert is_good(directory, pair)
