"""Where mail for an address goes."""

from pathlib import Path

import apsw
import pytest

from pillarbox.identity import routes, schema
from pillarbox.identity.directory import Directory
from pillarbox.identity.routes import Expansion, Nowhere, Remote, expand
from pillarbox.model.errors import Code, Refused


@pytest.fixture
def people(directory: Directory) -> Directory:
    for name in ("ann", "bob", "cai"):
        directory.add(f"{name}@example.test", None)
    return directory


def led_to(directory: Directory, text: str, **more: str) -> list[str] | Nowhere:
    """The accounts, with their details, and the addresses elsewhere."""
    found = expand(directory, text, **more)
    if isinstance(found, Nowhere):
        return found
    local = [f"{each.address}+{each.detail}" if each.detail else each.address for each in found.local]
    return [*local, *(each.address for each in found.remote)]


def test_accounts_details_and_strangers(people: Directory) -> None:
    assert led_to(people, "ANN@example.test") == ["ann@example.test"]
    assert led_to(people, "ann+x@example.test") == ["ann@example.test+x"]
    assert led_to(people, "nobody@example.test") is Nowhere.UNKNOWN
    assert led_to(people, '"quoted"@example.test') is Nowhere.UNKNOWN
    assert expand(people, "Who@Else.test") == Expansion((), (Remote("Who@Else.test"),))


def test_aliases_and_groups(people: Directory) -> None:
    routes.add_alias(people, "Info@example.test", ["ann@example.test"])
    assert led_to(people, "info@EXAMPLE.test") == ["ann@example.test"]
    assert led_to(people, "info+x@example.test") == ["ann@example.test+x"]
    routes.add_alias(people, "all@example.test", ["info@example.test", "bob@example.test", "who@else.test"])
    assert led_to(people, "all@example.test") == ["ann@example.test", "bob@example.test", "who@else.test"]
    found = expand(people, "all@example.test")
    assert isinstance(found, Expansion)
    assert found.remote == (Remote("who@else.test", "all@example.test"),)


def test_everybody_gets_it_once(people: Directory) -> None:
    routes.add_alias(people, "one@example.test", ["ann@example.test", "bob@example.test"])
    routes.add_alias(people, "two@example.test", ["one@example.test", "ann@example.test", "bob@example.test"])
    assert led_to(people, "two@example.test") == ["ann@example.test", "bob@example.test"]


def test_circles_end(people: Directory) -> None:
    routes.add_alias(people, "x@example.test", ["y@example.test"])
    routes.add_alias(people, "y@example.test", ["x@example.test"])
    assert led_to(people, "x@example.test") is Nowhere.CIRCLES
    routes.add_alias(people, "y@example.test", ["ann@example.test"])
    assert led_to(people, "x@example.test") == ["ann@example.test"]
    for account, target in (("ann", "bob"), ("bob", "ann")):
        prefix = people.require(f"{account}@example.test").prefix
        routes.set_forwards(people, prefix, [f"{target}@example.test"], keep=False)
    assert led_to(people, "ann@example.test") is Nowhere.CIRCLES


def test_forwarding_with_and_without_a_copy(people: Directory) -> None:
    ann = people.require("ann@example.test").prefix
    routes.set_forwards(people, ann, ["who@else.test", "bob@example.test"], keep=True)
    assert led_to(people, "ann@example.test") == ["ann@example.test", "bob@example.test", "who@else.test"]
    routes.set_forwards(people, ann, ["who@else.test"], keep=False)
    assert expand(people, "ann@example.test") == Expansion((), (Remote("who@else.test", "ann@example.test"),))
    assert routes.forwards(people, ann) == (("who@else.test",), False)
    routes.set_forwards(people, ann, [], keep=True)
    assert led_to(people, "ann@example.test") == ["ann@example.test"]


def test_a_catch_all_gets_what_is_for_nobody(people: Directory) -> None:
    routes.add_domain(people, "Example.test", "cai@example.test")
    assert led_to(people, "nobody@example.test") == ["cai@example.test"]
    assert led_to(people, "ann@example.test") == ["ann@example.test"]
    routes.add_domain(people, "example.test")
    assert led_to(people, "nobody@example.test") is Nowhere.UNKNOWN


def test_the_postmaster_always_gets_mail(people: Directory) -> None:
    # RFC 5321 4.5.1
    assert led_to(people, "PostMaster@example.test") == ["ann@example.test"]
    assert led_to(people, "postmaster@mx.test", hostname="mx.test") == ["ann@example.test"]
    assert led_to(people, "postmaster@mx.test", hostname="mx.test", postmaster="bob@example.test") == [
        "bob@example.test"
    ]
    assert led_to(people, "other@mx.test", hostname="mx.test") is Nowhere.UNKNOWN
    routes.add_alias(people, "postmaster@example.test", ["cai@example.test"])
    assert led_to(people, "postmaster@example.test") == ["cai@example.test"]


def test_who_may_send_as_what(people: Directory) -> None:
    ann, bob = (people.require(f"{name}@example.test").prefix for name in ("ann", "bob"))
    routes.add_alias(people, "info@example.test", ["ann@example.test"])
    routes.add_alias(people, "all@example.test", ["ann@example.test", "bob@example.test"])
    for text in ("Ann@example.test", "ann+shop@example.test", "INFO@example.test"):
        assert routes.may_send_as(people, ann, text)
        assert not routes.may_send_as(people, bob, text)
    for text in ("all@example.test", "cai@example.test", "ann@else.test", "nonsense"):
        assert not routes.may_send_as(people, ann, text)
    routes.add_alias(people, "all@example.test", ["bob@example.test"], may_send=True)
    assert routes.may_send_as(people, bob, "all@example.test")


def test_what_cannot_be(people: Directory) -> None:
    routes.add_alias(people, "info@example.test", ["ann@example.test"])
    for call, code in (
        (lambda: routes.add_alias(people, "ann@example.test", ["bob@example.test"]), Code.ALREADYEXISTS),
        (lambda: people.add("info@example.test", None), Code.ALREADYEXISTS),
        (lambda: routes.add_alias(people, "a@new.test", ["ann@example.test"]), Code.NONEXISTENT),
        (lambda: routes.delete_alias(people, "no@example.test"), Code.NONEXISTENT),
        (lambda: routes.delete_domain(people, "example.test"), Code.INUSE),
        (lambda: routes.delete_domain(people, "else.test"), Code.NONEXISTENT),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code is code
    assert [each.name for each in routes.domains(people)] == ["example.test"]


def test_a_member_leaves_a_group(people: Directory) -> None:
    routes.add_alias(people, "all@example.test", ["ann@example.test", "bob@example.test"])
    routes.delete_alias(people, "all@example.test", ["ANN@example.test"])
    assert led_to(people, "all@example.test") == ["bob@example.test"]
    routes.delete_alias(people, "all@example.test", ["bob@example.test"])
    assert routes.aliases(people) == []


def test_an_older_directory_learns_its_domains(tmp_path: Path) -> None:
    path = tmp_path / "directory.db"
    old = apsw.Connection(str(path))
    for step in schema.UPGRADES[: schema.UPGRADES.index(schema.ROUTES)]:
        for statement in step:
            old.execute(statement, {"random": b"x" * 32} if ":random" in statement else None)
    for prefix, address in ((7, "ann@example.test"), (8, "bob@example.test"), (9, "kim@xn--bcher-kva.test")):
        old.execute(
            "INSERT INTO account (prefix, user, address, state, credential_version, created_at, changed_at)"
            " VALUES (?, ?, ?, 1, 1, ?, 5)",
            (prefix, prefix, address, prefix),
        )
        old.execute("INSERT INTO address VALUES (?, ?)", (address, prefix))
    old.execute(f"PRAGMA user_version = {schema.UPGRADES.index(schema.ROUTES)}")
    old.close()
    directory = Directory(path, clock=lambda: 0.0, pick=lambda below: 3)
    assert [(each.name, each.created_at) for each in routes.domains(directory)] == [
        ("example.test", 7),
        ("xn--bcher-kva.test", 9),
    ]
    assert routes.is_local(directory, "Bücher.test")
    assert led_to(directory, "bob@example.test") == ["bob@example.test"]
    assert led_to(directory, "nobody@example.test") is Nowhere.UNKNOWN
    directory.close()
