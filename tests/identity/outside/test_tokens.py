"""Accounts that come with tokens: what a token says has been found good before."""

import asyncio
from typing import Any

import pytest

from pillarbox.identity import routes
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.claims import Proven, Rejected
from pillarbox.identity.outside import record
from pillarbox.identity.outside.outside import Provider
from pillarbox.identity.outside.tokens import account_of
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.routes import Nowhere
from pillarbox.model.errors import Code

ISSUER = "https://id.test"
KIM = {"sub": "s1", "email": "Kim@tokens.test", "email_verified": True}


@pytest.fixture
def come(outside, directory) -> Any:
    def come(claims: dict[str, object], issuer: str = ISSUER) -> Proven | None:
        return asyncio.run(account_of(outside, directory, issuer, claims, "OAUTHBEARER"))

    return come


def test_the_first_token_makes_the_account(come, outside, directory, accounts, clock) -> None:
    assert routes.expand(directory, "kim@tokens.test") is Nowhere.UNKNOWN
    proven = come(KIM)
    assert accounts.made == [proven.account]
    found = routes.expand(directory, "kim@tokens.test")
    assert not isinstance(found, Nowhere) and found.local[0].account == proven.account
    pool = PasswordPool(1)
    login = asyncio.run(
        Authenticator(directory, pool, clock=clock, key=bytes(32), outside=outside).login(proven)
    )
    pool.close()
    assert (login.account, login.address) == (proven.account, "Kim@tokens.test")
    assert come(KIM) == proven
    assert accounts.made == [proven.account]
    clock.now += 86_400 * 365  # nobody can be asked, so nothing gets old
    assert outside.ahead("kim@tokens.test") is None


@pytest.mark.parametrize(
    "change",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": 1},
        {"email_verified": "yes"},
        {"email": "kim@corp.test"},  # another directory's
        {"email": "kim@here.test"},
        {"email": "no address"},
        {"email": ["kim@tokens.test"]},
        {"sub": ""},
        {"sub": 7},
    ],
)
def test_a_token_that_is_for_nobody_here(come, accounts, change) -> None:
    with pytest.raises(Rejected) as refused:
        come({**KIM, **change})
    assert refused.value.code is Code.AUTHENTICATIONFAILED
    assert accounts.made == []


def test_another_issuer_has_no_accounts_of_its_own(come, accounts) -> None:
    assert come(KIM, "https://evil.test") is None
    assert accounts.made == []


def test_a_new_address_keeps_the_mail_and_a_new_subject_does_not_get_it(come, directory) -> None:
    account = come(KIM).account
    assert come({**KIM, "email": "kim.smith@tokens.test"}).account == account
    assert directory.require("kim@tokens.test").address == "kim.smith@tokens.test"
    with pytest.raises(Rejected, match="failed"):
        come({**KIM, "sub": "s2", "email": "kim.smith@tokens.test"})
    with pytest.raises(Rejected):
        come({**KIM, "sub": "s2"})  # the old address is still theirs
    assert record.unlink(directory, account)
    assert come({**KIM, "sub": "s2", "email": "kim.smith@tokens.test"}).account == account


def test_another_claim_can_be_the_address(come, outside) -> None:
    for place in outside.places:
        if place.provider is not None:
            place.provider = Provider((ISSUER,), "upn", False)
    assert come({"sub": "s1", "upn": "kim@tokens.test"}).name == "kim@tokens.test"


def test_who_is_disabled_here_does_not_come_in_by_a_token(come, outside, directory, clock) -> None:
    proven = come(KIM)
    directory.set_enabled(proven.account, False)
    pool = PasswordPool(1)
    made = Authenticator(directory, pool, clock=clock, key=bytes(32), outside=outside)
    with pytest.raises(Rejected):
        asyncio.run(made.login(come(KIM)))
    pool.close()
