"""A PostgreSQL of its own, in a temporary folder, on a Unix socket; skips where there is none."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OTHERS = "postgres"  # who runs it where we are root, which it refuses to be


class Cluster:
    password = "the database's secret"

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._name = ""
        self._count = 0

    def database(self) -> str:
        """The URL of a new one."""
        self._count += 1
        self._name = "postgres"
        self.run(f"CREATE DATABASE d{self._count}")
        self._name = f"d{self._count}"
        return f"postgresql://mail@/{self._name}?host={self._socket}"

    def run(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(
            host=str(self._socket), dbname=self._name, user="mail", password=self.password, autocommit=True
        ) as db:
            db.execute(sql)

    def drop_connections(self) -> None:
        name, self._name = self._name, "postgres"
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        self._name = name


def program(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else None


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("there is no PostgreSQL here")
    del folder  # another user has to reach it, through every folder above
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as place:
        before = [] if os.getuid() else ["runuser", "-u", OTHERS, "--"]
        if before and shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root")
        Path(place).chmod(0o755)
        if before:
            shutil.chown(place, OTHERS)
        secret = Path(place) / "secret"
        secret.write_text(Cluster.password)
        secret.chmod(0o644)
        data = f"{place}/data"
        subprocess.run(
            [
                *before,
                initdb,
                "-D",
                data,
                "-U",
                "mail",
                "-A",
                "scram-sha-256",
                f"--pwfile={secret}",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=place,
        )
        with subprocess.Popen(
            [*before, postgres, "-D", data, "-k", place, "-c", "listen_addresses=", "-c", "fsync=off"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=place,
        ) as process:
            try:
                assert process.stderr is not None
                for line in process.stderr:
                    if "ready to accept connections" in line:
                        break
                yield Cluster(Path(place))
            finally:
                pid = int((Path(data) / "postmaster.pid").read_text().split("\n")[0])
                os.kill(pid, 3)  # SIGQUIT: at once
                process.stderr.close() if process.stderr else None
                process.wait(20)
