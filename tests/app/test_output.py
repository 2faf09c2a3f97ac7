import io
import json
from collections.abc import Iterator

import pytest
import structlog

from pillarbox.app import log
from pillarbox.app.output import moment, progress, show, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("Importing", 2_000_000) as advance:
        advance(1_000_000)
        advance(1_000_000)
    assert "Importing" in terminal.getvalue()
    assert "2.0/2.0 MB" in terminal.getvalue()


def test_no_bar_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    with progress("Importing", 10) as advance:
        advance(10)
    assert file.getvalue() == ""


def test_either_json_or_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show({"ä": 1}, True, "a line")
    show({"ä": 1}, False, "[a] line", table(("one", "two"), [("x", 1)]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['{"ä": 1}', "[a] line"]
    assert [line.split() for line in lines[2:]] == [["one", "two"], ["x", "1"]]


def test_moments() -> None:
    assert moment(1_000_000_000) == "2001-09-09T01:46:40Z"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    yield io.StringIO()
    structlog.reset_defaults()


def test_events_for_programs(logged: io.StringIO) -> None:
    log.configure("json", logged)
    try:
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger().error("fault", trace=log.trace_id(), exc_info=error)
    event = json.loads(logged.getvalue())
    assert (event["event"], event["level"], len(event["trace"])) == ("fault", "error", 10)
    assert "ValueError: broken" in event["exception"]


def test_every_line_of_a_worker_says_whose_it_is(logged: io.StringIO) -> None:
    log.configure("json", logged, worker=2)
    trace = log.fault(ValueError("broken"), "192.0.2.1")
    event = json.loads(logged.getvalue())
    assert (event["worker"], event["trace"], event["peer"]) == (2, trace, "192.0.2.1")
    assert "ValueError: broken" in event["exception"]


def test_events_for_people(logged: io.StringIO) -> None:
    log.configure("text", logged)
    structlog.get_logger().info("ready", data="/a b")
    (line,) = logged.getvalue().splitlines()
    assert line.startswith("timestamp=")
    assert line.endswith('level=info event=ready data="/a b"')
