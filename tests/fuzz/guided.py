"""`python -m tests.fuzz.guided [--seconds N] [--corpus FOLDER] [TARGET ...]`: N seconds of processor time for
each target, guided by what code an input reaches, where atheris is installed (`pip install atheris`).

Without it inputs are mangled blindly. One process at a time, each a fresh one, so that one target's memory is
not another's. At the end a table: what was executed, what was raised, and by how much memory grew in the
second half.
"""

import argparse
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

CHECKED_EVERY = 256  # executions between two looks at the clock
MOST = 4096  # octets of an input


class _Run:
    """Counts one target's executions, and ends the process with a report when its time is over."""

    def __init__(self, name: str, seconds: float, report: Path) -> None:
        from tests.fuzz.targets import TARGETS

        self._target = TARGETS[name].run
        self._seconds = seconds
        self._report = report
        self._from = self._spent()
        self._executions = 0
        self._half = 0  # KiB in use when half of the time was over

    def __call__(self, data: bytes) -> None:
        try:
            self._target(data)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt):
                self.end(data, "".join(traceback.format_exception(error)))
            raise
        self._executions += 1
        if self._executions % CHECKED_EVERY == 0:
            spent = self._spent() - self._from
            if not self._half and spent > self._seconds / 2:
                self._half = _memory()
            if spent > self._seconds:
                self.end()

    def end(self, data: bytes = b"", raised: str = "") -> None:
        told = {
            "executions": self._executions,
            "seconds": self._spent() - self._from,
            "memory": _memory(),
            "grown": _memory() - (self._half or _memory()),
            "raised": raised,
            "input": data.hex(),
        }
        self._report.write_text(json.dumps(told))
        os._exit(0)

    @staticmethod
    def _spent() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime


def _memory() -> int:
    """KiB that this process has in memory."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().split()[1]) * resource.getpagesize() // 1024


def guided(name: str, seconds: float, report: Path, corpus: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["pillarbox"]):
        from tests.fuzz.targets import TARGETS
    for number, seed in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    run = _Run(name, seconds, report)
    atheris.Setup([sys.argv[0], str(corpus), f"-max_len={MOST}", "-rss_limit_mb=0", "-verbosity=0"], run)
    atheris.Fuzz()


def blind(name: str, seconds: float, report: Path) -> None:
    from tests.fuzz.targets import TARGETS, mangled

    run, source = _Run(name, seconds, report), random.Random()
    while True:
        run(mangled(source, TARGETS[name].seeds))


def supervise(names: list[str], seconds: float, folder: Path | None) -> int:
    """0 when nothing was raised."""
    rows: list[tuple[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            corpus = (folder or Path(temporary)) / name
            corpus.mkdir(parents=True, exist_ok=True)
            report = Path(temporary) / "report.json"
            report.unlink(missing_ok=True)
            command = [sys.executable, "-m", "tests.fuzz.guided", "--one", name, str(report), str(corpus)]
            ended = subprocess.run(
                [*command, "--seconds", str(seconds)],
                env={**os.environ, "TMPDIR": temporary},  # its folders go with ours
                stderr=subprocess.PIPE,
                text=True,
            )
            if report.exists():
                told = json.loads(report.read_text())
            else:
                told = {"executions": 0, "seconds": 0.0, "memory": 0, "grown": 0, "input": ""}
                told["raised"] = ended.stderr[-3000:] or "the process died"
            rows.append((name, told))
            print(_line(name, told), flush=True)
            if told["raised"]:
                print(f"input {told['input']}\n{told['raised']}", flush=True)
    total = sum(told["executions"] for _, told in rows)
    print(f"{total} executions in {sum(told['seconds'] for _, told in rows):.0f} s of processor time")
    return 1 if any(told["raised"] for _, told in rows) else 0


def _line(name: str, told: dict[str, Any]) -> str:
    memory, grown = told["memory"] / 1024, told["grown"] / 1024
    raised = "RAISED" if told["raised"] else "nothing raised"
    return (
        f"{name:14} {told['executions']:>10} executions {told['seconds']:>6.0f} s"
        f" {memory:>6.0f} MB {grown:>+6.1f} MB  {raised}"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("TARGET", "REPORT", "CORPUS"))
    parser.add_argument("targets", nargs="*")
    told = parser.parse_args()
    if told.one:
        name, report, corpus = told.one
        if importlib.util.find_spec("atheris"):
            guided(name, told.seconds, Path(report), Path(corpus))
        else:
            blind(name, told.seconds, Path(report))
        return 0
    from tests.fuzz.targets import TARGETS

    return supervise(told.targets or list(TARGETS), told.seconds, told.corpus)


if __name__ == "__main__":
    sys.exit(main())
