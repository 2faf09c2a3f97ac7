from pathlib import Path

import pytest

import pillarbox
from tests.app.conftest import Run


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    for command in ("serve", "account", "deliver", "import", "check"):
        assert command in shown.out


def test_version(run: Run) -> None:
    assert run("--version").out == f"pillarbox {pillarbox.__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["account", "add"], ["check", "--nonsense"]])
def test_a_wrong_command_line(run: Run, arguments: list[str]) -> None:
    wrong = run(*arguments)
    assert wrong.code == 2
    assert "Usage:" in wrong.err
    assert "Traceback" not in wrong.err


def test_a_wrong_configuration(run: Run) -> None:
    Path("pillarbox.toml").write_text('[listen]\nimaps = "127.0.0.1:993"\nimapss = ""\n')
    wrong = run("account", "list")
    assert wrong.code == 2
    assert wrong.err.endswith(
        "pillarbox.toml, line 3: listen.imapss: there is no such key; the nearest is listen.imaps\n"
    )


def test_another_configuration(run: Run) -> None:
    Path("etc").mkdir()
    Path("etc/mail.toml").write_text('data = "here"\n')
    assert run("--config", "etc/mail.toml", "account", "add", "kim@example.test").code == 0
    assert Path("etc/here/directory.db").is_file()
    assert not Path("var").exists()


def test_the_data_folder_is_the_owners_alone(run: Run) -> None:
    run("account", "add", "kim@example.test")
    assert Path("var").stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_made(run: Run) -> None:
    Path("var").write_text("a file")
    blocked = run("account", "add", "kim@example.test")
    assert blocked.code == 1
    assert blocked.err.startswith("pillarbox: The data folder ")
