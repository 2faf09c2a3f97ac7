from pathlib import Path
from random import Random

import apsw
import pytest

from pillarbox.identity import schema, scram
from pillarbox.identity.candidates import candidates
from pillarbox.identity.directory import SECRET_OCTETS, Directory, Recipient, State
from pillarbox.identity.passwords import store
from pillarbox.identity.scram import MODERN, Hash, derive
from pillarbox.model.errors import Code, Refused
from pillarbox.model.ids import MAX_PREFIX


def test_an_account_is_found_under_its_address_in_any_case(directory: Directory) -> None:
    kim = directory.add("Kim@Example.test", None)
    assert directory.find("kim@EXAMPLE.test") == kim
    assert kim.address == "Kim@Example.test"
    assert (kim.user, kim.state, kim.created_at) == (1, State.ENABLED, 1_700_000_000)
    assert 0 < kim.prefix <= MAX_PREFIX


SECRET = [5] * SECRET_OCTETS


def test_an_address_exists_once(directory: Directory) -> None:
    directory.add("kim@example.test", None)
    with pytest.raises(Refused) as refused:
        directory.add("KIM@example.test", None)
    assert refused.value.code is Code.ALREADYEXISTS
    assert len(directory.accounts()) == 1


def test_a_prefix_that_was_drawn_before_is_drawn_again(tmp_path: Path) -> None:
    draws = iter([*SECRET, *SECRET, *SECRET, 41, 41, 41, 7])
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


def stored_as(directory: Directory, *hashes: Hash) -> list[scram.Verifier]:
    salt = directory.salt("kim@example.test")
    return [derive(hash_, "secret", salt, scram.MIN_ITERATIONS) for hash_ in hashes]


def test_who_stores_no_verifier_looks_like_who_does(directory: Directory) -> None:
    directory.add("new@example.test", "hash", verifiers=stored_as(directory, Hash.SHA_256))
    directory.add("old@example.test", "hash")
    off = directory.add("off@example.test", "hash", verifiers=stored_as(directory, Hash.SHA_256))
    directory.set_enabled(off.prefix, False)
    for name in ("old@example.test", "off@example.test", "nobody@example.test", "no address", ""):
        found = candidates(directory, name, Hash.SHA_256, "imap")
        assert found.verifiers == ()
        assert found.salt == candidates(directory, name, Hash.SHA_256, "imap").salt
        assert (len(found.salt), found.iterations) == (scram.SALT_OCTETS, scram.MIN_ITERATIONS)
    found = candidates(directory, "NEW@example.test", Hash.SHA_256, "imap")
    assert len(found.verifiers) == 1
    assert candidates(directory, "new@example.test", Hash.SHA_512, "imap").verifiers == ()


def test_a_salt_is_there_before_the_account_and_after_each_password(directory: Directory) -> None:
    before = candidates(directory, "Kim@example.test", Hash.SHA_256, "imap")
    account = directory.add("kim@example.test", None)
    for password in ("one", "two"):
        stored = store(password, directory.salt(account.address))
        directory.set_password(account.prefix, stored.hash, stored.verifiers)
        found = candidates(directory, "kim@example.test", Hash.SHA_256, "imap")
        assert (found.salt, found.iterations) == (before.salt, before.iterations)
    assert directory.salt("tim@example.test") != before.salt


def test_a_new_password_leaves_no_verifier_of_the_old_one(directory: Directory) -> None:
    account = directory.add("kim@example.test", "hash", verifiers=stored_as(directory, *MODERN))
    directory.set_password(account.prefix, "other")
    assert directory.require("kim@example.test").scram == Hash(0)
    assert candidates(directory, "kim@example.test", Hash.SHA_512, "imap").verifiers == ()


def test_which_hashes_work_for_everybody(directory: Directory, tmp_path: Path) -> None:
    assert directory.stored_hashes() == Hash.SHA_1 | MODERN  # nobody is in the way
    kim = directory.add("kim@example.test", "hash", verifiers=stored_as(directory, *MODERN))
    directory.add("nobody.logs.in@example.test", None)
    assert directory.stored_hashes() == MODERN
    other = Directory(tmp_path / "directory.db", clock=lambda: 0.0, pick=lambda below: 77)
    old = other.add("old@example.test", "hash", verifiers=stored_as(directory, Hash.SHA_256))
    assert directory.stored_hashes() == Hash.SHA_256  # another process' change counts at once
    other.set_enabled(old.prefix, False)
    assert directory.stored_hashes() == MODERN
    other.set_password(kim.prefix, "hash")
    assert directory.stored_hashes() == Hash(0)
    other.close()


def test_a_password_is_completed_unless_it_has_changed(directory: Directory) -> None:
    account = directory.add("kim@example.test", "{OLD}hash")
    seen = directory.credential("kim@example.test")
    assert seen is not None
    directory.complete(account.prefix, seen.version, "hash", stored_as(directory, *MODERN))
    completed = directory.credential("kim@example.test")
    assert completed is not None
    assert (completed.password_hash, completed.scram, completed.version) == ("hash", MODERN, seen.version)
    directory.set_password(account.prefix, "new")
    directory.complete(account.prefix, seen.version, "old", stored_as(directory, *MODERN))
    changed = directory.credential("kim@example.test")
    assert changed is not None
    assert (changed.password_hash, changed.scram) == ("new", Hash(0))


def test_a_directory_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "directory.db"))
    for statement in schema.FIRST:
        db.execute(statement)
    db.execute("INSERT INTO account VALUES (42, 1, 'kim@example.test', 1, 'hash', 3, 0, 0)")
    db.execute("INSERT INTO address VALUES ('kim@example.test', 42)")
    db.execute("PRAGMA user_version = 1")
    db.close()
    for _ in range(2):
        directory = Directory(tmp_path / "directory.db", clock=lambda: 0.0, pick=lambda below: 5)
        credential = directory.credential("kim@example.test")
        assert credential is not None
        assert (credential.account, credential.password_hash, credential.version) == (42, "hash", 3)
        assert directory.stored_hashes() == Hash(0)
        salt = directory.salt("kim@example.test")
        directory.close()
    assert len(salt) == scram.SALT_OCTETS
