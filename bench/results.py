"""What a run measured, as a file that `bench.page` makes a page of, with the machine it ran on.

One file a run: `kind` says which tool wrote it, `figures` is that tool's own.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import oracle

FOLDER = Path(__file__).parent / "results"


def write(kind: str, figures: dict[str, Any], load_before: float) -> Path:
    """`load_before` is `load()` of when the run began; a busy machine makes noisy figures."""
    FOLDER.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = FOLDER / f"{now:%Y%m%d-%H%M%S}-{kind}.json"
    about = {
        "kind": kind,
        "at": now.isoformat(timespec="seconds"),
        "machine": {**machine(), "load before": round(load_before, 2)},
    }
    path.write_text(json.dumps({**about, "figures": figures}, indent=1) + "\n")
    return path


def load() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def machine() -> dict[str, Any]:
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "file system": _said("stat", "--file-system", "--format=%T", _folder()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "dovecot": _said(oracle.BINARY, "--version") if oracle.BINARY else "not installed",
        "commit": _said("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"),
    }


def _folder() -> str:
    return os.environ.get("TMPDIR", "/tmp")


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "unknown")


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
