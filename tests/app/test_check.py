from pathlib import Path

import apsw

from tests.app.conftest import Run


def database(number: int = 0) -> Path:
    return sorted(Path("var/accounts").glob("??/*/mail.db"))[number]


def damage(statement: str) -> None:
    db = apsw.Connection(str(database()))
    db.execute(statement)
    db.close()


def test_nothing_is_wrong(run: Run) -> None:
    run("account", "add", "ada@example.test")
    run("account", "add", "kim@example.test")
    assert run("check").out == "2 accounts checked, 0 problems found.\n"
    assert run("check", "kim@example.test", "--json").value == {"checked": 1, "problems": []}


def test_what_is_wrong_is_said(run: Run) -> None:
    run("account", "add", "kim@example.test")
    damage("UPDATE account SET used_messages = 7")
    checked = run("check", "--json")
    assert checked.code == 1
    (problem,) = checked.value["problems"]
    assert problem["account"] == "kim@example.test"
    assert run("check").out.startswith("kim@example.test: ")


def test_counters_can_be_repaired(run: Run) -> None:
    run("account", "add", "kim@example.test")
    damage("UPDATE account SET used_messages = 7")
    repaired = run("check", "--repair")
    assert (repaired.code, "(repaired)" in repaired.out) == (0, True)
    assert run("check").code == 0


def test_a_folder_without_an_account(run: Run) -> None:
    run("account", "add", "kim@example.test")
    stranger = Path("var/accounts/01/00000001")
    stranger.mkdir(parents=True)
    (problem,) = run("check", "--json").value["problems"]
    assert problem["account"].endswith("/01/00000001")


def test_an_account_without_a_folder(run: Run) -> None:
    run("account", "add", "kim@example.test")
    database().parent.rename("elsewhere")
    checked = run("check")
    assert checked.code == 1
    assert "is missing" in checked.out


def test_an_address_nobody_has(run: Run) -> None:
    run("account", "add", "kim@example.test")
    assert run("check", "ada@example.test").err == "pillarbox: There is no account ada@example.test\n"
