"""`pillarbox domain`, `pillarbox alias`, `pillarbox account forward`."""

from tests.app.conftest import Run


def test_aliases(run: Run) -> None:
    run("account", "add", "ann@example.test")
    run("account", "add", "bob@example.test")
    made = run("alias", "add", "info@example.test", "ann@example.test", "--json")
    assert made.value == {"alias": "info@example.test", "targets": ["ann@example.test"], "may_send": True}
    more = run("alias", "add", "info@example.test", "bob@example.test")
    assert more.out == "Mail for info@example.test goes to ann@example.test, bob@example.test.\n"
    assert run("alias", "list", "--json").value == [
        {
            "alias": "info@example.test",
            "targets": ["ann@example.test", "bob@example.test"],
            "may_send": False,
        }
    ]
    run("alias", "delete", "info@example.test")
    assert run("alias", "list", "--json").value == []
    failed = run("alias", "add", "ann@example.test", "bob@example.test")
    assert (failed.code, failed.err) == (1, "pillarbox: ann@example.test is an account\n")


def test_domains(run: Run) -> None:
    run("account", "add", "ann@example.test")
    assert run("domain", "add", "example.org", "--catch-all", "ann@example.test").code == 0
    listed = run("domain", "list", "--json").value
    assert [(each["domain"], each["catch_all"]) for each in listed] == [
        ("example.org", "ann@example.test"),
        ("example.test", None),
    ]
    assert run("domain", "delete", "example.test").code == 1
    assert run("domain", "delete", "example.org", "--json").value == {"deleted": "example.org"}
    assert run("domain", "add", "no domain").code == 1


def test_forwarding(run: Run) -> None:
    run("account", "add", "ann@example.test")
    said = run(
        "account", "forward", "ann@example.test", "--to", "a@else.test", "--to", "b@else.test", "--json"
    )
    assert said.value == {
        "address": "ann@example.test",
        "forward": ["a@else.test", "b@else.test"],
        "keep": True,
    }
    assert run("account", "forward", "ann@example.test").out == "Mail for ann@example.test is not sent on.\n"
