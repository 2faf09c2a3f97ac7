"""The ledger of a server over restarts."""

import asyncio
from pathlib import Path

from pillarbox.app.config import Abuse, Audit, Config
from pillarbox.app.guard import guarding, pruning
from pillarbox.identity import audit
from pillarbox.identity.abuse import Note
from pillarbox.identity.audit import Entry

HERE = "192.0.2.1"


def broken(error: BaseException) -> None:
    raise AssertionError from error


def test_who_is_shut_out_stays_so_over_a_restart(tmp_path: Path) -> None:
    config = Config(data=str(tmp_path), abuse=Abuse(ban_after=3))
    told: list[str] = []

    async def run() -> None:
        async with guarding(config, lambda event, **fields: told.append(event), broken) as truth:
            for _ in range(3):
                truth.take(Note("failed", HERE, "kim@example.test"))
            (before,) = truth.ledger.bans(0.0)
        async with guarding(config, lambda event, **fields: told.append(event), broken) as truth:
            (after,) = truth.ledger.bans(0.0)
        assert after == before

    asyncio.run(run())
    assert told == ["banned"]
    (entry,) = audit.Audit(tmp_path / audit.FILE).find()
    assert (entry.event, entry.address, entry.detail) == ("ban", HERE, "3 failed logins, for 900 seconds")


def test_what_is_too_much_or_too_old_leaves_the_log(tmp_path: Path) -> None:
    log = audit.Audit(tmp_path / audit.FILE)
    log.append([Entry(1.0, "admin", detail="long ago")])
    log.append([Entry(2e9 + number, "failure") for number in range(9)])

    async def run() -> None:
        config = Config(data=str(tmp_path), audit=Audit(days=1, entries=4))
        async with pruning(config, broken):
            await asyncio.to_thread(shortened)

    def shortened() -> None:
        while len(log.find()) > 4:
            pass

    asyncio.run(run())
    assert [each.at for each in log.find()] == [2e9 + number for number in (5, 6, 7, 8)]
