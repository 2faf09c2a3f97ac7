from pathlib import Path
from random import Random

import apsw
import pytest

from pillarbox.identity.directory import Directory, Recipient, State
from pillarbox.model.errors import Code, Refused
from pillarbox.model.ids import MAX_PREFIX


def test_an_account_is_found_under_its_address_in_any_case(directory: Directory) -> None:
    kim = directory.add("Kim@Example.test", None)
    assert directory.find("kim@EXAMPLE.test") == kim
    assert kim.address == "Kim@Example.test"
    assert (kim.user, kim.state, kim.created_at) == (1, State.ENABLED, 1_700_000_000)
    assert 0 < kim.prefix <= MAX_PREFIX


def test_an_address_exists_once(directory: Directory) -> None:
    directory.add("kim@example.test", None)
    with pytest.raises(Refused) as refused:
        directory.add("KIM@example.test", None)
    assert refused.value.code is Code.ALREADYEXISTS
    assert len(directory.accounts()) == 1


def test_a_prefix_that_was_drawn_before_is_drawn_again(tmp_path: Path) -> None:
    draws = iter([41, 41, 41, 7])
    directory = Directory(tmp_path / "directory.db", clock=lambda: 0.0, pick=lambda below: next(draws))
    assert directory.add("a@example.test", None).prefix == 42
    directory.delete(42)
    directory.erased(42)
    assert directory.add("a@example.test", None).prefix == 8
    directory.close()


def test_accounts_are_listed_by_address(directory: Directory) -> None:
    for name in ("zoe", "ada", "kim"):
        directory.add(f"{name}@example.test", None)
    assert [account.address[:3] for account in directory.accounts()] == ["ada", "kim", "zoe"]
    assert sorted(account.user for account in directory.accounts()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("kim@example.test", None),
        ("KIM@EXAMPLE.TEST", None),
        ("kim+lists@example.test", "lists"),
        ("kim+Lists.Python+3@example.test", "Lists.Python+3"),
        ("kim+@example.test", ""),
    ],
)
def test_mail_reaches_an_account(directory: Directory, address: str, detail: str | None) -> None:
    kim = directory.add("kim@example.test", None)
    assert directory.resolve(address) == Recipient(kim.prefix, kim.user, "kim@example.test", detail)


@pytest.mark.parametrize(
    "address", ["tim@example.test", "kim@example.com", "kim", "", "k im@example.test", "+kim@a"]
)
def test_mail_for_nobody(directory: Directory, address: str) -> None:
    directory.add("kim@example.test", None)
    assert directory.resolve(address) is None


def test_an_account_with_a_plus_in_its_name_wins_over_a_detail(directory: Directory) -> None:
    directory.add("kim@example.test", None)
    lists = directory.add("kim+lists@example.test", None)
    assert directory.resolve("kim+lists@example.test") == Recipient(lists.prefix, lists.user, lists.address)


def test_logins_do_not_know_details(directory: Directory) -> None:
    directory.add("kim@example.test", None)
    assert directory.credential("kim+lists@example.test") is None


def test_a_disabled_account_still_gets_mail(directory: Directory) -> None:
    kim = directory.add("kim@example.test", "hash")
    directory.set_enabled(kim.prefix, False)
    assert directory.resolve("kim@example.test") is not None
    credential = directory.credential("kim@example.test")
    assert credential is not None
    assert not credential.enabled
    assert directory.require("kim@example.test").state is State.DISABLED
    directory.set_enabled(kim.prefix, True)
    assert directory.require("kim@example.test").state is State.ENABLED


def test_each_change_of_a_login_has_its_own_version(directory: Directory) -> None:
    kim = directory.add("kim@example.test", "hash")
    versions = []
    for change in (
        lambda: None,
        lambda: directory.set_password(kim.prefix, "other"),
        lambda: directory.set_enabled(kim.prefix, False),
        lambda: directory.set_enabled(kim.prefix, True),
    ):
        change()
        credential = directory.credential("kim@example.test")
        assert credential is not None
        versions.append(credential.version)
    assert len(set(versions)) == 4


def test_a_deleted_account_is_gone_and_its_number_is_kept(directory: Directory) -> None:
    kim = directory.add("kim@example.test", "hash")
    directory.delete(kim.prefix)
    assert directory.resolve("kim@example.test") is None
    assert directory.credential("kim@example.test") is None
    assert directory.accounts() == []
    assert directory.unerased() == [kim.prefix]
    directory.erased(kim.prefix)
    assert directory.unerased() == []
    again = directory.add("kim@example.test", "hash")
    assert again.user != kim.user
    assert again.prefix != kim.prefix


def test_there_is_a_sentence_when_an_account_does_not_exist(directory: Directory) -> None:
    with pytest.raises(Refused, match=r"There is no account tim@example\.test"):
        directory.require("tim@example.test")


def test_a_second_process_sees_the_same_accounts(directory: Directory, tmp_path: Path) -> None:
    other = Directory(tmp_path / "directory.db", clock=lambda: 0.0, pick=Random(8).randrange)
    kim = other.add("kim@example.test", None)
    assert directory.find("kim@example.test") == kim
    other.close()


def test_a_newer_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "directory.db"
    db = apsw.Connection(str(path))
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Refused, match=r"directory\.db was written by a newer Pillarbox"):
        Directory(path, clock=lambda: 0.0, pick=Random(1).randrange)


def test_a_failed_change_leaves_nothing(directory: Directory) -> None:
    with pytest.raises(Refused):
        directory.add("not an address", None)
    directory.add("kim@example.test", None)
    with pytest.raises(Refused):
        directory.add("kim@example.test", None)
    directory.add("tim@example.test", None)
    assert [account.user for account in directory.accounts()] == [1, 2]


def test_an_account_can_be_given_a_number_that_is_prepared(directory: Directory) -> None:
    assert directory.is_empty()
    prefix = directory.free_prefix()
    assert directory.add("kim@example.test", None, prefix).prefix == prefix
    assert not directory.is_empty()
    directory.delete(prefix)
    assert not directory.is_empty()
    with pytest.raises(apsw.ConstraintError):
        directory.add("tim@example.test", None, prefix)
