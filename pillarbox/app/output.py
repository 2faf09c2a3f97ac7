"""How commands talk: tables and sentences for people, one JSON value for programs, never both."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, for programs.")]


def show(value: Any, as_json: bool, *lines: str | Table) -> None:
    """`value` as JSON, or else the lines."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False) if isinstance(line, str) else console.print(line)


def table(headings: Sequence[str] | None, rows: Sequence[Sequence[object]]) -> Table:
    made = Table(*(headings or ()), box=None, pad_edge=False, show_header=headings is not None)
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def moment(seconds: int) -> str:
    """A point in time, as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while it is a terminal; calling what it yields moves it on by octets."""
    if not sys.stderr.isatty():
        yield lambda octets: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda octets: bar.advance(task, octets)
