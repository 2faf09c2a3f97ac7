"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.servers import Server
from bench.workloads import Row

FOLDER = Path(__file__).parent / "results"


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

    def ratio(self, row: Row, ours: str, others: list[str], first: bool = False) -> float | None:
        """Ours to the better of the others: best to best, or the first round, when nothing was cached."""
        mine = self.of(row.name, ours)
        theirs = [self.of(row.name, other) for other in others if self.of(row.name, other)]
        if not mine or not theirs:
            return None
        if first:
            return mine[0] / min(figures[0] for figures in theirs)
        return counted(row, mine) / min(counted(row, figures) for figures in theirs)


def counted(row: Row, figures: list[float]) -> float:
    """The round that counts."""
    return max(figures) if row.worst else min(figures)


def table(figures: Figures, rows: list[Row], servers: list[Server]) -> Table:
    ours = [server.name for server in servers if server.name == "pillarbox"]
    others = [server.name for server in servers if server.name != "pillarbox"]
    out = Table(title="best (median) of all rounds; ratio to the better Dovecot", title_justify="left")
    out.add_column("workload")
    for server in servers:
        out.add_column(server.name, justify="right")
    for title in ("ratio", "goal", "round 1") if ours else ():
        out.add_column(title, justify="right")
    for row in rows:
        cells = [_cell(row, figures.taken.get(row.name, {}).get(server.name)) for server in servers]
        if ours:
            ratio = figures.ratio(row, ours[0], others)
            first = figures.ratio(row, ours[0], others, first=True)
            missed = ratio is not None and row.goal is not None and ratio > row.goal
            colour = "red" if missed else "green"
            cells += [
                f"[{colour}]{ratio:.2f}" if ratio is not None else "",
                f"{row.goal:g}" if row.goal is not None else "",
                f"{first:.2f}" if first is not None else "",
            ]
        out.add_row(row.title, *cells)
    return out


def _cell(row: Row, figures: list[float] | str | None) -> str:
    if figures is None:
        return ""
    if isinstance(figures, str):
        return f"[dim]{figures}"
    factor, unit = (1000, "ms") if row.unit == "s" else (1, row.unit)
    return f"{counted(row, figures) * factor:.4g} ({statistics.median(figures) * factor:.4g}) {unit}"


def write(figures: Figures, rows: list[Row], servers: list[Server], rounds: int) -> Path:
    FOLDER.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = FOLDER / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(
        json.dumps(
            {
                "at": now.isoformat(timespec="seconds"),
                "machine": platform.platform(),
                "python": platform.python_version(),
                "rounds": rounds,
                "servers": {server.name: server.about for server in servers},
                "rows": {
                    row.name: {
                        "title": row.title,
                        "goal": row.goal,
                        "unit": row.unit,
                        "figures": figures.taken.get(row.name, {}),
                    }
                    for row in rows
                },
            },
            indent=1,
        )
        + "\n"
    )
    return path


def show(figures: Figures, rows: list[Row], servers: list[Server]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table(figures, rows, servers))
    for server in servers:
        console.print(f"{server.name}: {server.about}", highlight=False)
