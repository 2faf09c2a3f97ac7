"""Accounts of a directory elsewhere: what is known of them, for how long, and what a dead one does."""

import asyncio
import threading
from typing import Any

import pytest

from pillarbox.identity import routes
from pillarbox.identity.directory import Directory, State
from pillarbox.identity.outside import outside as outside_module
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.outside.source import Found
from pillarbox.identity.routes import Nowhere
from pillarbox.model.errors import Code, Refused


def local(directory: Directory, text: str) -> list[str]:
    found = routes.expand(directory, text)
    return [] if isinstance(found, Nowhere) else [each.address for each in found.local]


def know(outside: Outside, name: str) -> None:
    asyncio.run(outside.know(name))


def route(outside: Outside, text: str) -> None:
    """What a protocol does before it looks for the way."""

    async def run() -> None:
        ahead = outside.ahead(text)
        if ahead is not None:
            await ahead

    asyncio.run(run())


def test_an_account_is_there_from_the_first_sight_on(outside, directory, accounts) -> None:
    route(outside, "kim@corp.test")
    assert local(directory, "kim@corp.test") == ["kim@corp.test"]
    account = directory.require("kim@corp.test")
    assert accounts.made == [account.prefix] and not accounts.erased
    assert (account.directory, account.state, account.has_password) == ("corp", State.ENABLED, False)


def test_who_is_not_there_has_no_account(outside, directory, accounts) -> None:
    route(outside, "nobody@corp.test")
    assert routes.expand(directory, "nobody@corp.test") is Nowhere.UNKNOWN
    assert accounts.made == []


def test_other_domains_are_not_asked_about(outside, directory, elsewhere) -> None:
    directory.add("ann@here.test", None)
    for text in ("ann@here.test", "who@else.test", "no address", "@", "a@b@corp.test"):
        route(outside, text)
    assert elsewhere.asked == []


def test_an_answer_holds_for_some_seconds(outside, elsewhere, clock) -> None:
    for _ in range(3):
        know(outside, "Kim@Corp.Test")
        know(outside, "nobody@corp.test")
    assert sorted(elsewhere.asked) == [("find", "kim@corp.test"), ("find", "nobody@corp.test")]
    clock.now += 61  # that nobody is there holds for a minute
    know(outside, "nobody@corp.test")
    know(outside, "kim@corp.test")
    assert elsewhere.asked[2:] == [("find", "nobody@corp.test")]
    clock.now += 240
    know(outside, "kim@corp.test")
    assert elsewhere.asked[3:] == [("find", "kim@corp.test")]


def test_a_clock_that_was_set_back_makes_nothing_young(outside, elsewhere, clock) -> None:
    know(outside, "kim@corp.test")
    clock.now -= 86_400
    know(outside, "kim@corp.test")
    assert len(elsewhere.asked) == 2


def test_who_leaves_gets_no_mail_and_comes_back_to_it(outside, directory, elsewhere, clock) -> None:
    know(outside, "kim@corp.test")
    prefix = directory.require("kim@corp.test").prefix
    left = elsewhere.people.pop("kim@corp.test")
    clock.now += 301
    know(outside, "kim@corp.test")
    assert local(directory, "kim@corp.test") == [] and directory.resolve("kim+x@corp.test") is None
    assert directory.require("kim@corp.test").state is State.ABSENT
    assert not directory.credential("kim@corp.test").enabled
    elsewhere.people["kim@corp.test"] = left
    clock.now += 61
    know(outside, "kim@corp.test")
    assert directory.resolve("kim@corp.test").account == prefix


def test_a_new_name_keeps_the_mail(outside, directory, elsewhere, accounts) -> None:
    know(outside, "kim@corp.test")
    prefix = directory.require("kim@corp.test").prefix
    del elsewhere.people["kim@corp.test"]
    elsewhere.people["kim.smith@corp.test"] = Found("kim.smith@corp.test", "k1", ("kim@corp.test",))
    know(outside, "kim.smith@corp.test")
    assert (
        directory.require("kim.smith@corp.test").prefix == prefix == directory.require("kim@corp.test").prefix
    )
    assert directory.require("kim@corp.test").address == "kim.smith@corp.test"
    assert accounts.made == [prefix]


def test_aliases_are_addresses_of_the_account(outside, directory, elsewhere, clock) -> None:
    kim = Found("kim@corp.test", "k1", ("boss@corp.test", "boss@here.test"), all_aliases=True)
    elsewhere.people |= {"kim@corp.test": kim, "boss@corp.test": kim}
    route(outside, "boss@corp.test")
    assert local(directory, "boss@corp.test") == ["kim@corp.test"]
    account = directory.require("kim@corp.test").prefix
    assert routes.may_send_as(directory, account, "boss@corp.test")
    # A directory speaks of its own domains only.
    assert directory.find("boss@here.test") is None
    elsewhere.people["kim@corp.test"] = Found("kim@corp.test", "k1", all_aliases=True)
    del elsewhere.people["boss@corp.test"]
    clock.now += 301
    know(outside, "kim@corp.test")
    route(outside, "boss@corp.test")
    assert local(directory, "boss@corp.test") == []


def test_an_alias_that_is_not_listed_is_found_by_asking_for_it(outside, directory, elsewhere, clock) -> None:
    elsewhere.people["boss@corp.test"] = elsewhere.people["kim@corp.test"]
    know(outside, "boss@corp.test")
    clock.now += 301
    know(outside, "kim@corp.test")
    assert local(directory, "boss@corp.test") == ["kim@corp.test"]
    del elsewhere.people["boss@corp.test"]
    clock.now += 301
    know(outside, "boss@corp.test")
    assert local(directory, "boss@corp.test") == []
    assert local(directory, "kim@corp.test") == ["kim@corp.test"]


def test_who_is_called_elsewhere_is_here_by_what_was_asked_for(outside, directory, elsewhere) -> None:
    elsewhere.people["kim@corp.test"] = Found("kim@another.test", "k1")
    know(outside, "kim@corp.test")
    assert directory.require("kim@corp.test").address == "kim@corp.test"
    assert directory.find("kim@another.test") is None


def test_an_account_from_before_goes_on_without_its_password(outside, directory, accounts) -> None:
    before = directory.add("kim@corp.test", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")
    know(outside, "kim@corp.test")
    credential = directory.credential("kim@corp.test")
    assert (credential.account, credential.directory) == (before.prefix, "corp")
    assert credential.version != 1  # what was proved before is no good any more
    assert accounts.made == []


def test_a_local_account_that_is_not_known_there_is_shut(outside, directory) -> None:
    directory.add("old@corp.test", None)
    know(outside, "old@corp.test")
    assert not directory.credential("old@corp.test").enabled
    assert local(directory, "old@corp.test") == []


def test_quota_and_disabled_and_admin_are_taken_over(outside, directory, elsewhere, accounts, clock) -> None:
    elsewhere.people["kim@corp.test"] = Found("kim@corp.test", "k1", quota=1 << 20, disabled=True, admin=True)
    know(outside, "kim@corp.test")
    account = directory.require("kim@corp.test")
    assert (account.state, account.admin) == (State.DISABLED, True)
    assert accounts.limits == {account.prefix: 1 << 20}
    assert local(directory, "kim@corp.test") == ["kim@corp.test"]  # mail is still filed
    version = directory.credential("kim@corp.test").version
    elsewhere.people["kim@corp.test"] = Found("kim@corp.test", "k1")
    clock.now += 301
    know(outside, "kim@corp.test")
    assert directory.require("kim@corp.test").state is State.ENABLED
    assert accounts.limits == {account.prefix: None}
    assert directory.require("kim@corp.test").admin  # no word on it changes nothing
    assert directory.credential("kim@corp.test").version > version


def test_what_an_administrator_here_has_disabled_stays_so(outside, directory, clock) -> None:
    know(outside, "kim@corp.test")
    directory.set_enabled(directory.require("kim@corp.test").prefix, False)
    clock.now += 301
    know(outside, "kim@corp.test")
    assert directory.require("kim@corp.test").state is State.DISABLED


def test_local_aliases_lead_into_the_directory(outside, directory) -> None:
    routes.add_domain(directory, "here.test", catch_all="tim@corp.test")
    routes.add_alias(directory, "info@corp.test", ["kim@corp.test", "tim+info@corp.test"])
    route(outside, "info@corp.test")
    assert sorted(local(directory, "info@corp.test")) == ["kim@corp.test", "tim@corp.test"]
    directory.delete(directory.require("tim@corp.test").prefix)
    route(outside, "anybody@here.test")
    assert local(directory, "anybody@here.test") == ["tim@corp.test"]


def test_a_dead_directory_is_told_of_and_comes_again(outside, directory, elsewhere, told, clock) -> None:
    know(outside, "kim@corp.test")
    elsewhere.dead = True
    know(outside, "kim@corp.test")  # it was asked a moment ago
    for name in ("tim@corp.test", "nobody@corp.test"):
        with pytest.raises(Refused) as refused:
            route(outside, name)
        assert (refused.value.code, refused.value.temporary) == (Code.UNAVAILABLE, True)
    assert told == [("corp", "nobody is there")]  # once a minute
    clock.now += 301
    with pytest.raises(Refused):
        know(outside, "kim@corp.test")
    assert local(directory, "kim@corp.test") == ["kim@corp.test"]  # nobody was removed
    elsewhere.dead = False
    know(outside, "tim@corp.test")
    assert local(directory, "tim@corp.test") == ["tim@corp.test"]


def test_many_who_want_one_answer_ask_once(outside, elsewhere, accounts) -> None:
    async def run() -> None:
        await asyncio.gather(*(outside.know("kim@corp.test") for _ in range(50)))

    asyncio.run(run())
    assert len(elsewhere.asked) == 1 and len(accounts.made) == 1


def test_a_directory_that_hangs_holds_up_nobody_else(outside, elsewhere, monkeypatch) -> None:
    """The loop goes on; who waits is told to come again when the time is up, or when too many wait."""
    hanging, go_on = threading.Event(), threading.Event()
    find = elsewhere.find

    def hang(wanted: Any) -> Any:
        hanging.set()
        go_on.wait(20)
        return find(wanted)

    elsewhere.find = hang
    monkeypatch.setattr(outside_module, "MAX_WAITING", 6)
    for place in outside.places:
        place.timeout = 0.05

    async def run() -> list[BaseException | None]:
        waiting = [asyncio.create_task(outside.know(f"p{n}@corp.test")) for n in range(10)]
        await asyncio.to_thread(hanging.wait)
        await outside.know("ann@here.test")
        return await asyncio.gather(*waiting, return_exceptions=True)

    ended = asyncio.run(run())
    go_on.set()
    assert all(isinstance(each, Refused) and each.temporary for each in ended)


def test_a_lost_race_leaves_no_folder(outside, directory, accounts, elsewhere) -> None:
    """Another process has made the account meanwhile."""
    make = accounts.create_account

    async def slow(account: int) -> None:
        await make(account)
        directory.add("kim@corp.test", None)

    accounts.create_account = slow
    know(outside, "kim@corp.test")
    assert accounts.erased == accounts.made
    assert directory.require("kim@corp.test").directory == "corp"


# Passwords


def test_a_password_is_right_or_wrong_there(outside, directory) -> None:
    async def run(name: str, password: str) -> bool:
        return await outside.verify(name, password)

    assert asyncio.run(run("kim@corp.test", "right"))
    assert directory.require("kim@corp.test").directory == "corp"
    for name, password in (
        ("kim@corp.test", "wrong"),
        ("kim@corp.test", ""),
        ("nobody@corp.test", "right"),
        ("kim@tokens.test", "right"),
        ("kim@here.test", "right"),
        ("no address", "right"),
    ):
        assert not asyncio.run(run(name, password))


def test_an_empty_password_is_never_sent(outside, elsewhere) -> None:
    assert not asyncio.run(outside.verify("kim@corp.test", ""))
    assert elsewhere.asked == []


def test_a_wrong_password_that_is_said_again_is_not_sent_again(outside, elsewhere, clock) -> None:
    for _ in range(5):
        assert not asyncio.run(outside.verify("kim@corp.test", "old"))
    assert elsewhere.asked == [("verify", "kim@corp.test")]
    elsewhere.passwords["kim@corp.test"] = "old"
    clock.now += 61
    assert asyncio.run(outside.verify("kim@corp.test", "old"))
