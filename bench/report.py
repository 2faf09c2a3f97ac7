"""What the rows have measured, as a table for people and as plain data for programs.

A ratio is ours to the better of Dovecot's two storage formats, or, for SMTP, to Postfix with Dovecot; Dovecot
with a full text index, Cyrus and Courier stand beside them with ratios of their own.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.servers import Server
from bench.workloads import Row

OURS = "pillarbox"
FORMATS = ("dovecot-sdbox", "dovecot-maildir")
INDEXED = "dovecot-xapian"
CYRUS = "cyrus"
COURIER = "courier"
POSTFIX = "postfix-dovecot"


@dataclass(slots=True)
class Figures:
    """`taken[row][server]` holds one figure a round, or a sentence why there is none."""

    taken: dict[str, dict[str, list[float] | str]] = field(default_factory=dict)

    def add(self, row: str, server: str, figure: float) -> None:
        figures = self.taken.setdefault(row, {}).setdefault(server, [])
        if isinstance(figures, list):
            figures.append(figure)

    def missing(self, row: str, server: str, reason: str) -> None:
        self.taken.setdefault(row, {})[server] = reason

    def of(self, row: str, server: str) -> list[float]:
        figures = self.taken.get(row, {}).get(server, [])
        return figures if isinstance(figures, list) else []

    def ratio(
        self, row: Row, others: tuple[str, ...] = (*FORMATS, POSTFIX), how: str = "best"
    ) -> float | None:
        """Ours to the better of the others: by the rounds that count, the medians, or the first rounds."""
        mine = self.of(row.name, OURS)
        theirs = [self.of(row.name, other) for other in others if self.of(row.name, other)]
        if not mine or not theirs:
            return None
        least = min(_one(row, figures, how) for figures in theirs)
        return _one(row, mine, how) / least if least > 0 else None

    def missed(self, row: Row) -> str:
        """What of the goal is not reached; nothing where all is."""
        mine = self.of(row.name, OURS)
        if not mine:
            return ""
        if row.limit is not None and _one(row, mine, "best") > row.limit:
            return "goal"
        ratio, first = self.ratio(row), self.ratio(row, how="first")
        out = []
        if row.goal is not None and ratio is not None and ratio > row.goal:
            out.append("goal")
        if row.goal is not None and first is not None and first > max(1.0, row.goal):
            out.append("first round")  # the design: nothing cached on either side, not behind in any row
        return ", ".join(out)


def _one(row: Row, figures: list[float], how: str) -> float:
    if how == "first":
        return figures[0]
    if how == "median":
        return statistics.median(figures)
    return max(figures) if row.worst else min(figures)


def data(figures: Figures, rows: list[Row], servers: list[Server], rounds: int) -> dict[str, Any]:
    """All there is to say, for a file."""
    return {
        "rounds": rounds,
        "servers": {server.name: server.about for server in servers},
        "rows": {
            row.name: {
                "title": row.title,
                "goal": row.goal,
                "limit": row.limit,
                "unit": row.unit,
                "missed": figures.missed(row),
                "ratio": figures.ratio(row),
                "ratio of medians": figures.ratio(row, how="median"),
                "ratio of first rounds": figures.ratio(row, how="first"),
                "ratio to xapian": figures.ratio(row, (INDEXED,)),
                "ratio to cyrus": figures.ratio(row, (CYRUS,)),
                "ratio to courier": figures.ratio(row, (COURIER,)),
                "counted": {
                    name: {how: _one(row, taken, how) for how in ("best", "median", "first")}
                    if isinstance(taken, list)
                    else taken
                    for name, taken in figures.taken.get(row.name, {}).items()
                },
                "figures": figures.taken.get(row.name, {}),
            }
            for row in rows
        },
    }


def show(figures: Figures, rows: list[Row], servers: list[Server]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    console.print(_table(figures, rows, servers))
    for server in servers:
        console.print(f"{server.name}: {server.about}", highlight=False)
    missed = [f"{row.title} ({figures.missed(row)})" for row in rows if figures.missed(row)]
    console.print("missed: " + ("; ".join(missed) if missed else "nothing"), highlight=False)


def _table(figures: Figures, rows: list[Row], servers: list[Server]) -> Table:
    title = "best / median / first round; ratios are ours to the better of Dovecot's two formats"
    out = Table(title=title, title_justify="left")
    out.add_column("workload")
    for heading in (
        *(server.name for server in servers),
        "ratio",
        "goal",
        "median",
        "first",
        "to xapian",
        "to cyrus",
        "to courier",
    ):
        out.add_column(heading, justify="right")
    for row in rows:
        cells = [_cell(row, figures.taken.get(row.name, {}).get(server.name)) for server in servers]
        colour = "red" if figures.missed(row) else "green"
        cells.append(f"[{colour}]{spelled(figures.ratio(row))}")
        cells.append(goal(row.goal, row.limit, row.unit))
        cells += [spelled(figures.ratio(row, how=how)) for how in ("median", "first")]
        cells += [spelled(figures.ratio(row, (other,))) for other in (INDEXED, CYRUS, COURIER)]
        out.add_row(row.title, *cells)
    return out


def spelled(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.095 else f"{ratio:.3f}"


def goal(ratio: float | None, limit: float | None, unit: str) -> str:
    if limit is not None:
        return f"{limit:g} {unit}"
    return "" if ratio is None else f"{ratio:g}"


def _cell(row: Row, figures: list[float] | str | None) -> str:
    if figures is None:
        return ""
    if isinstance(figures, str):
        return f"[dim]{figures}"
    factor, unit = (1000, "ms") if row.unit == "s" else (1, row.unit)
    taken = " / ".join(f"{_one(row, figures, how) * factor:.3g}" for how in ("best", "median", "first"))
    return f"{taken} {unit}"
