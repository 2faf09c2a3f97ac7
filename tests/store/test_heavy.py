"""Verbs that write much: on a thread, whole or not at all, and without holding up anybody else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.model.errors import NoAccount, Refused
from pillarbox.store import files, flags, heavy, mailboxes, messages
from pillarbox.store.check import check
from pillarbox.store.engine import sqlite
from pillarbox.store.messages import EVERYTHING, Copied, Incoming
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import OWNER, Verbs, account, staged

ACCOUNT = 7
Play = Callable[[Callable[[Store], Awaitable[None]]], None]
ONE = staged(b"Subject: one\r\n\r\nof many\r\n")


class Gate:
    """A heavy verb that waits on its thread until it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def verb(self, tx: Tx, path: str) -> str:
        tx.run("INSERT INTO quota_limit VALUES (?, ?, 'x', 1, 0)", tx.account, path)
        tx.expect(heavy.MOST_ROWS + 1)
        self.begun.set()
        self.go.wait()
        return threading.current_thread().name


def light(tx: Tx, path: str) -> str:
    tx.run("INSERT INTO quota_limit VALUES (?, ?, 'x', 1, 0)", tx.account, path)
    tx.expect(heavy.MOST_ROWS)
    return threading.current_thread().name


def paths(tx: Tx) -> list[str]:
    return [path for (path,) in tx.rows("SELECT root FROM quota_limit WHERE account = ?", tx.account)]


async def begun(gate: Gate) -> None:
    await asyncio.get_running_loop().run_in_executor(None, gate.begun.wait)


def test_only_what_is_too_much_leaves_the_loop(play: Play) -> None:
    async def story(store: Store) -> None:
        gate = Gate()
        gate.go.set()
        for durable in (True, False):
            assert await store.write(ACCOUNT, light, f"light {durable}", durable=durable) == "MainThread"
            name = await store.write(ACCOUNT, gate.verb, f"heavy {durable}", durable=durable)
            assert name.startswith("heavy")
        together = await asyncio.gather(
            *(store.write(ACCOUNT, verb, f"{n}") for n, verb in enumerate([light, light, gate.verb, light]))
        )
        assert [name == "MainThread" for name in together] == [True, True, False, True]
        assert len(await store.read(ACCOUNT, paths)) == 8

    play(story)


def test_meanwhile_others_read_and_whoever_writes_waits(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_account(8)
        gate = Gate()
        rung = asyncio.Event()
        copying = asyncio.create_task(store.write(ACCOUNT, gate.verb, "a"))
        await begun(gate)
        durable = asyncio.create_task(store.write(ACCOUNT, light, "b"))
        quick = asyncio.create_task(store.write(ACCOUNT, light, "c", durable=False))
        another = Gate()
        another.go.set()
        heavier = asyncio.create_task(store.write(ACCOUNT, another.verb, "d"))
        await store.write(8, light, "elsewhere")
        assert await store.read(ACCOUNT, paths) == []
        assert not (copying.done() or durable.done() or quick.done() or heavier.done())
        store.listen(ACCOUNT, rung.set)
        gate.go.set()
        await asyncio.gather(copying, durable, quick, heavier)
        assert set(await store.read(ACCOUNT, paths)) == {"a", "b", "c", "d"}

    play(story)


def test_who_leaves_does_not_stop_it(play: Play) -> None:
    async def story(store: Store) -> None:
        gate = Gate()
        task = asyncio.create_task(store.write(ACCOUNT, gate.verb, "a"))
        await begun(gate)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.go.set()
        await store.write(ACCOUNT, light, "b")
        assert await store.read(ACCOUNT, paths) == ["a", "b"]

    play(story)


def test_a_store_that_closes_waits_for_it(play: Play, tmp_path: Path) -> None:
    gate = Gate()

    async def story(store: Store) -> None:
        task = asyncio.create_task(store.write(ACCOUNT, gate.verb, "a"))
        await begun(gate)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        gate.go.set()
        assert (await task).startswith("heavy")
        await closing

    play(story)
    opened = sqlite.open_account(files.account_folder(tmp_path, ACCOUNT))
    with opened.transaction(write=False) as tx:
        assert paths(tx) == ["a"]
    opened.close()


def test_what_it_raises_reaches_the_caller_and_leaves_nothing(play: Play) -> None:
    def refuse(tx: Tx) -> None:
        light(tx, "a")
        tx.expect(heavy.MOST_ROWS + 1)
        raise Refused("no")

    async def story(store: Store) -> None:
        with pytest.raises(Refused, match="no"):
            await store.write(ACCOUNT, refuse)
        assert await store.read(ACCOUNT, paths) == []

    play(story)


def test_a_lock_held_elsewhere_is_waited_for(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy, "PATIENCE", 0.0)

    async def story(store: Store) -> None:
        await store.write(ACCOUNT, light, "before")
        other = sqlite.open_account(files.account_folder(store.data, ACCOUNT))
        gate = Gate()
        gate.go.set()
        tried = threading.Event()
        run = heavy.run

        def trying(*args: object) -> heavy.Outcome:
            tried.set()
            return run(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(heavy, "run", trying)
        with other.transaction(write=True) as tx:
            light(tx, "theirs")
            # From within the loop's own group, whose lock is not free either.
            task = asyncio.create_task(store._write_heavy(ACCOUNT, lambda tx: gate.verb(tx, "ours"), True))
            await asyncio.get_running_loop().run_in_executor(None, tried.wait)
            assert not task.done()
        await task
        other.close()
        assert set(await store.read(ACCOUNT, paths)) == {"before", "theirs", "ours"}

    play(story)


def test_every_verb_says_what_it_will_write(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(sqlite.Transaction, "expect", lambda tx, rows: told.append(rows))

    def rows(verb: Callable[..., object], *args: object) -> int:
        told.clear()
        verbs.write(verb, *args)
        return max(told)

    archive = verbs.read(mailboxes.require, "Archive").id
    count = 400
    assert rows(messages.append_many, verbs.inbox, [Incoming(ONE)] * count) > count
    for named in (EVERYTHING, ((1, count),)):
        assert rows(messages.copy, verbs.inbox, named, archive) == messages.COPIED * count
        assert rows(messages.move, archive, EVERYTHING, verbs.inbox) > messages.COPIED * count
        verbs.write(flags.store_flags, verbs.inbox, ((count + 1, 9 * count),), "add", (r"\Deleted",))
        assert rows(messages.expunge, verbs.inbox, EVERYTHING) > count
        assert rows(flags.store_flags, verbs.inbox, named, "add", (r"\Seen",)) == count
        assert rows(flags.store_flags, verbs.inbox, named, "add", (r"\Seen",)) == 0
        verbs.write(flags.store_flags, verbs.inbox, named, "remove", (r"\Seen",))
    assert rows(messages.copy, verbs.inbox, ((7, 7),), archive) == messages.COPIED


def test_answers_are_the_same_as_on_the_loop(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy, "MOST_ROWS", 10)

    async def story(store: Store) -> None:
        inbox = (await store.read(ACCOUNT, mailboxes.require, OWNER, "INBOX")).id
        archive = (await store.read(ACCOUNT, mailboxes.require, OWNER, "Archive")).id
        rung: list[bool] = []
        store.listen(ACCOUNT, lambda: rung.append(True))
        count = 50
        appended = await store.write(ACCOUNT, messages.append_many, OWNER, inbox, [Incoming(ONE)] * count)
        assert [one.uid for one in appended] == list(range(1, count + 1))
        copied = await store.write(ACCOUNT, messages.copy, OWNER, inbox, EVERYTHING, archive)
        assert (copied.source, copied.target) == (((1, count),), ((1, count),))
        assert copied.modseq == store.modseq(ACCOUNT)
        stored = await store.write(
            ACCOUNT,
            flags.store_flags,
            OWNER,
            archive,
            ((2, count),),
            "add",
            (r"\Deleted",),
            durable=False,
        )
        assert stored.uids == array("I", range(2, count + 1))
        assert await store.write(ACCOUNT, messages.expunge, OWNER, archive) == ((2, count),)
        status = await store.read(ACCOUNT, mailboxes.status, OWNER, archive)
        assert (status.messages, status.uidnext) == (1, count + 1)
        assert rung

    play(story)


COPIER = """
import asyncio, pathlib, sys
from pillarbox.model.actors import Actor
from pillarbox.store import heavy, mailboxes, messages
from pillarbox.store.store import Store
heavy.MOST_ROWS = 10
async def main():
    store = Store(pathlib.Path(sys.argv[1]))
    await store.open()
    me = Actor(reader=1)
    inbox = (await store.read(7, mailboxes.require, me, "INBOX")).id
    archive = (await store.read(7, mailboxes.require, me, "Archive")).id
    while True:
        print("copying", flush=True)
        await store.write(7, messages.copy, me, inbox, messages.EVERYTHING, archive)
        await store.write(7, messages.move, me, archive, messages.EVERYTHING, archive)
asyncio.run(main())
"""


def test_a_death_in_the_middle_leaves_all_or_nothing(tmp_path: Path) -> None:
    count = 2000
    with account(tmp_path) as verbs:
        verbs.write(messages.append_many, verbs.inbox, [Incoming(ONE)] * count)
        archive = verbs.read(mailboxes.require, "Archive").id
        for number in range(3):
            with subprocess.Popen(
                [sys.executable, "-c", COPIER, str(tmp_path)], stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                for _ in range(2 * number + 1):
                    assert process.stdout.readline() == b"copying\n"
                os.kill(process.pid, signal.SIGKILL)
            assert verbs.read(mailboxes.status, archive).messages % count == 0
            assert check(verbs.folder, clock=lambda: verbs.now) == []


def test_an_account_erased_meanwhile_takes_nothing(play: Play) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(NoAccount):
            await store.write(9, light, "a")

        def erased(tx: Tx) -> Copied:
            tx.expect(heavy.MOST_ROWS + 1)
            return Copied(1, (), ())

        await store.write(ACCOUNT, light, "a")
        files.erase_account(store.data, ACCOUNT)
        with pytest.raises(NoAccount):
            await store.write(ACCOUNT, erased)

    play(story)
