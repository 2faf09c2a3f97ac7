"""The store as other rooms see it: verbs run here, on the event loop, and are durable when they return.

    uids = await store.write(account, messages.append, actor, mailbox, staged, flags, at, zone)

Reads and writes run inline on the account's one connection in this process, because what they cost is
less than a way to a thread and back. So verbs are bounded: who wants to read more than some hundreds of
rows asks in slices, and what writes more than some thousands goes to a thread after all (`store.heavy`).
Nothing here waits for a disk or for another process on the loop for longer than `handles.PATIENCE`.
"""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import apsw

from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.changes import Columns
from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.names import INBOX
from pillarbox.store import (
    allocate,
    compress,
    files,
    flags,
    group,
    heavy,
    incarnation,
    known,
    mailboxes,
    objects,
    order_files,
    snapshots,
)
from pillarbox.store.columns import ColumnsCache
from pillarbox.store.commit import to_disk
from pillarbox.store.doorbell import Doorbell
from pillarbox.store.engine import sqlite
from pillarbox.store.flags import Stored
from pillarbox.store.group import Call, refuse
from pillarbox.store.handles import Handle, Handles
from pillarbox.store.header_rows import HeaderRows
from pillarbox.store.incarnation import Past, lineage
from pillarbox.store.index.expecting import Expecting
from pillarbox.store.index.reader import Readers, Snapshot
from pillarbox.store.order_files import OrderFiles
from pillarbox.store.query.emails import EmailColumns
from pillarbox.store.snapshots import Snapshots
from pillarbox.store.spool import refusing
from pillarbox.store.staged import Staged
from pillarbox.store.staging import Staging
from pillarbox.store.syncs import Syncs
from pillarbox.store.tx import Busy, Heavy, Tx

P = ParamSpec("P")
T = TypeVar("T")

GROUP_PAUSE = 0.002  # seconds between two tries of a group to get the lock
UNKNOWN = -1  # a mod-sequence that is not to be had at this moment
LOCK_WAIT = 10.0  # seconds a write waits for other processes before it is refused
THREADS = 32  # syncs in flight, one an account; they do nothing but wait for the disk


class Store:
    """All accounts under one data folder. Made anywhere, used on the loop that `open` ran on."""

    def __init__(
        self,
        data: Path,
        *,
        clock: Callable[[], float] = time.time,
        sync: Callable[[int], None] = to_disk,
    ) -> None:
        self.data = data
        self.clock = clock
        self._spool = data / "spool"
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="store")
        self._heavy = ThreadPoolExecutor(heavy.THREADS, thread_name_prefix="heavy")
        self._running: set[asyncio.Future[Any]] = set()
        self._doorbell = Doorbell(data / "run", self._log_of)
        self._syncs = Syncs(sync, self._executor)
        self._handles = Handles(
            data, clock, self._syncs.begin, self._executor, self._doorbell.ring, self._run_group
        )
        folder_of = partial(files.account_folder, data)
        self._snapshots = Snapshots(folder_of, lambda account: self.read(account, lineage), self._executor)
        self._columns = ColumnsCache(self.read, self._snapshots)
        self.index = Readers(folder_of)
        self.expecting = Expecting(self.index, self.indexed, self._handles.last_used)
        self.email_columns = EmailColumns()
        self.header_rows = HeaderRows(folder_of, self._executor)
        self.order_files = OrderFiles(folder_of, self._executor)

    async def open(self) -> None:
        for name in ("accounts", "run", "spool", known.FOLDER):
            files.make_folder(self.data / name)
        self._doorbell.open()
        self._syncs.open()
        self._handles.start()
        compress.prepare()
        incarnation.boot_id()  # remembered, so that no first session waits for it

    async def close(self) -> None:
        await self.expecting.stop()
        await self._snapshots.stop()
        await self.order_files.stop()
        await self.header_rows.stop()
        await self._handles.stop()
        while self._running:
            await asyncio.wait(self._running)
        self._syncs.close()
        self._doorbell.close()
        self.index.close()
        self._heavy.shutdown()
        self._executor.shutdown()

    # Verbs

    async def read(
        self, account: int, verb: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `verb` on one snapshot."""
        patience: _Patience | None = None
        while True:
            try:
                handle = self._handles.get(account)
                if not handle.met:
                    await self._meet(handle)
                    continue
                with handle.database.transaction(write=False) as tx:
                    return verb(tx, *args, **kwargs)
            except Busy as busy:
                patience = patience or _Patience()
                await patience.wait(busy)
            except Refused as refused:
                self._look_into(account, refused)
                raise

    def glance(
        self, account: int, verb: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for a verb of one statement, which is a snapshot by itself: now, or `Busy`, and then `read`
        finds out what there is to wait for."""
        handle = self._handles.get(account)
        if not handle.met:
            raise Busy
        try:
            return verb(handle.database.transaction(write=False), *args, **kwargs)
        except apsw.Error as error:
            raise Busy from error

    def write_now(self, account: int, verb: Callable[..., T], *args: Any) -> T:
        """`write` with `durable=False`: now, or `Busy`, and then nothing has been done."""
        handle = self._handles.get(account)
        if not handle.met or not handle.rooted or handle.heavy is not None:
            raise Busy
        try:
            with handle.database.transaction(write=True) as tx:
                result = verb(tx, *args)
        except Heavy as heavy:
            raise Busy from heavy
        except Refused as refused:
            self._look_into(account, refused)
            raise
        self._handles.after_commit(handle)
        if tx.touched:
            self._handles.moved(handle, handle.database.modseq_known)
        return result

    async def write(
        self, account: int, verb: Callable[..., T], *args: Any, durable: bool = True, **kwargs: Any
    ) -> T:
        """Run `verb` under the account's lock; what it returns is on disk.

        With `durable=False` it survives the end of this process only, and comes sooner: for flags. Listeners
        are rung afterwards, also when the caller has been cancelled while it waited for the disk.
        """
        patience = _Patience()
        while True:
            try:
                handle = self._handles.get(account)
                if not handle.met:
                    await self._meet(handle)
                    continue
                if (durable or not handle.rooted) and self._handles.suspect(account):
                    await self._mend(account)
                    continue
                if not handle.rooted:
                    await self._root(handle)
                    continue
                if handle.heavy is not None:
                    await asyncio.wait([handle.heavy])
                    continue
                if durable and (handle.log.busy or handle.queue):
                    call = Call(verb, args, kwargs, asyncio.get_running_loop().create_future())
                    handle.queue.append(call)
                    return cast(T, await call.answer)
                with handle.database.transaction(write=True) as tx:
                    result = verb(tx, *args, **kwargs)
                break
            except Busy as busy:
                await patience.wait(busy)
            except Heavy:
                return await self._heavily(account, lambda tx: verb(tx, *args, **kwargs), durable)
            except Refused as refused:
                self._look_into(account, refused)
                raise
        self._handles.after_commit(handle)
        moved = handle.database.modseq_known if tx.touched else 0
        if durable:
            # Also where nothing was changed: the answer may rest on a commit that is not on disk yet.
            await handle.log.durable(moved)
        elif moved:
            self._handles.moved(handle, moved)
        return result

    async def _heavily(self, account: int, verb: Callable[[Tx], T], durable: bool = True) -> T:
        """Who leaves does not stop it: it is one transaction, and others hear of it."""
        task = asyncio.ensure_future(self._write_heavy(account, verb, durable))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _write_heavy(self, account: int, verb: Callable[[Tx], T], durable: bool) -> T:
        patience = _Patience()
        while True:
            try:
                handle = self._handles.get(account)
                if handle.heavy is not None:
                    await asyncio.wait([handle.heavy])
                    continue
                done = await self._on_thread(handle, verb)
                break
            except Busy as busy:
                await patience.wait(busy)
            except Refused as refused:
                self._look_into(account, refused)
                raise
        handle.grown(done.pages)
        database = handle.database
        database.modseq_known = max(database.modseq_known, done.modseq)
        self._handles.after_commit(handle)
        moved = done.modseq if done.touched else 0
        if durable:
            await handle.log.durable(moved)
        elif moved:
            self._handles.moved(handle, moved)
        return cast(T, done.result)

    async def _on_thread(self, handle: Handle, verb: Callable[[Tx], Any]) -> heavy.Outcome:
        """All others who write to the account wait meanwhile: there is no point in asking for the lock."""
        folder = files.account_folder(self.data, handle.account)
        loop = asyncio.get_running_loop()
        handle.heavy = loop.run_in_executor(self._heavy, heavy.run, folder, self.clock, verb)
        try:
            return await handle.heavy
        finally:
            handle.heavy = None
            if not handle.log.busy:
                self._run_group(handle)

    async def _meet(self, handle: Handle) -> None:
        """Look whether the account is all that it was, before anybody is told anything from it."""
        account = handle.account
        seen = known.find(self.data, account)
        with handle.database.transaction(write=False) as tx:
            past = incarnation.past(tx, handle.birth, seen)
        if past is Past.WHOLE:
            handle.met = True
            return

        def meet(tx: Tx) -> Past:
            # Several processes may come at once: only the first finds what was known before.
            found = incarnation.meet(tx, handle.birth, known.find(self.data, account), sqlite.lineage())
            known.note(self.data, account, incarnation.reached(tx))
            return found

        if await self._heavily(account, meet) is Past.COPIED:
            self._forget_derived(account)

    async def declare_restored(self, account: int) -> None:
        """The account has been put back as it was earlier, in a way that nobody can see."""

        def leap(tx: Tx) -> None:
            incarnation.leap(tx, known.find(self.data, account), sqlite.lineage())
            known.note(self.data, account, incarnation.reached(tx))

        await self._heavily(account, leap)
        self._forget_derived(account)

    def _forget_derived(self, account: int) -> None:
        """What was made of another history of the account."""
        for sweep in (snapshots.sweep, order_files.sweep):
            sweep(files.account_folder(self.data, account), set())

    async def _root(self, handle: Handle) -> None:
        """Have it on disk that there may be more than is on disk. Were it lost in a power cut together with
        what comes after it, nobody would know that anything was."""
        with handle.database.transaction(write=True) as tx:
            incarnation.enter(tx, handle.birth, handle.writer)
        await handle.log.durable(0)
        handle.rooted = True
        handle.noted = -math.inf  # with the first change that comes

    def _run_group(self, handle: Handle) -> None:
        """A sync has ended: run the verbs that have come meanwhile (`store.group`)."""
        queue = handle.queue
        if not queue or handle.heavy is not None:
            return
        if handle.log.failed:
            refuse(queue, handle.log.refusal())
            return
        try:
            answers, touched = group.run(handle.database, queue)
        except Busy:
            if time.monotonic() - queue[0].since > LOCK_WAIT:
                refuse(queue, _busy())
            else:
                asyncio.get_running_loop().call_later(GROUP_PAUSE, self._run_group, handle)
        except Exception as error:
            # Those whose verbs had begun have been told.
            refuse(queue, error)
            self._look_into(handle.account, error)
        else:
            self._handles.after_commit(handle)
            if answers or queue:
                handle.log.answer(handle.database.modseq_known if touched else 0, answers)

    def _look_into(self, account: int, error: Exception) -> None:
        """When it was the engine that failed, or the account is gone, do not use this connection again."""
        if isinstance(error.__cause__, apsw.Error) or isinstance(error, NoAccount):
            self._handles.drop(account)

    async def _mend(self, account: int) -> None:
        if not await self._handles.mend(account):
            raise Refused("The disk did not take an earlier change", Code.UNAVAILABLE, temporary=True)

    async def expect(self, account: int) -> None:
        """Somebody will use the account in a moment. Opening it and the first look into it are what takes
        longest where nothing is cached, and now nobody waits for an answer from it yet."""
        if account not in self._handles:
            with suppress(Refused):  # whoever asks for something is told
                inbox = await self.read(account, _first_look)
                snapshots.prefetch(files.account_folder(self.data, account), inbox)

    def modseq(self, account: int) -> int:
        """The account's mod-sequence: has anything changed? `UNKNOWN` while another process has it locked,
        which is no account's; `read` would wait."""
        try:
            database = self._handles.get(account).database
            database.modseq_known = modseq = database.look()
        except Busy:
            return UNKNOWN
        except NoAccount as gone:
            self._look_into(account, gone)
            raise
        return modseq

    def modseq_known(self, account: int) -> int:
        """The same without a look at the database: what this process has done is in it, and what others had
        done when it looked or wrote last."""
        try:
            return self._handles.get(account).database.modseq_known
        except Busy:
            return UNKNOWN

    async def indexed(self, account: int) -> Snapshot | None:
        """The moment of the search index that is now; None where there is none that could be used."""
        self.expecting.used(account)
        return self.index.snapshot(account, await self.read(account, lineage))

    # Message bytes

    def staging(self) -> Staging:
        """Where the bytes of one incoming message go."""
        return Staging(self._spool, self._executor)

    async def place(self, account: int, staged: Staged) -> Staged:
        """Give a large message its file in this account: before the verb that stores it, because a row
        must never point to bytes that a power cut can take. Small ones need none."""
        spool = staged.spool
        if spool is None:
            return staged
        blob = (await self.write(account, allocate.objects, 1, durable=False))[0]
        path = objects.path(files.account_folder(self.data, account), blob)

        def link() -> None:
            with refusing():
                files.make_folder(path.parent)
                spool.link(path)
                files.sync_folder(path.parent)

        await asyncio.get_running_loop().run_in_executor(self._executor, link)
        return replace(staged, blob=blob)

    async def withdraw(self, account: int, placed: Staged) -> None:
        """The verb that was to store `placed` has refused: its file belongs to nothing."""
        if placed.blob:
            path = objects.path(files.account_folder(self.data, account), placed.blob)
            unlink = partial(path.unlink, missing_ok=True)
            await asyncio.get_running_loop().run_in_executor(self._executor, unlink)

    # Accounts

    async def create_account(self, account: int) -> None:
        """A new account with its first mailboxes. Refused when there is one of that number."""
        now = int(self.clock())
        create = partial(files.create_account, self.data, account, now, mailboxes.create_initial)
        await asyncio.get_running_loop().run_in_executor(self._executor, create)

    async def erase_account(self, account: int) -> None:
        """The account and all its mail, for good."""
        self._handles.drop(account)
        self._columns.forget(account)
        self.index.drop(account)
        self.header_rows.drop(account)
        erase = partial(files.erase_account, self.data, account)
        await asyncio.get_running_loop().run_in_executor(self._executor, erase)
        self._doorbell.ring(account, 0)  # who listens has nothing more to hear

    def listen(self, account: int, wake: Callable[[], None]) -> Callable[[], None]:
        """`wake` is called after changes of the account, by whichever process; returns how to stop that."""
        return self._doorbell.listen(account, wake)

    def look_again(self) -> None:
        """Wake all who listen: a change may have been made of which nobody was told."""
        self._doorbell.wake_all()

    def hear(self, heard: Callable[[int | None], None] | None) -> None:
        """As `Doorbell.hear`: of changes of all accounts, by whichever process."""
        self._doorbell.hear(heard)

    async def columns(
        self, account: int, actor: Actor, mailbox: int, stored: Stored | None = None
    ) -> Columns:
        """The mailbox's UIDs, flag sets and mod-sequences as of now, shared between sessions; or as of
        `stored`, what the caller has just done to flags."""
        if stored is not None and stored.modseq:
            found = self.columns_after(account, mailbox, stored)
            if found is not None:
                return found
        return await self._columns.get(account, actor, mailbox)

    def columns_after(self, account: int, mailbox: int, stored: Stored) -> Columns | None:
        """`columns` as of `stored`, where it is at hand."""
        return self._columns.after_store(account, mailbox, stored.modseq, stored.uids, stored.flag_sets)

    def columns_known(self, account: int, mailbox: int, modseq: int) -> Columns | None:
        """`columns` as of a mod-sequence, where that is what was given out last: nothing is read or asked."""
        return self._columns.known(account, mailbox, modseq)

    def columns_latest(self, account: int, mailbox: int) -> Columns | None:
        """`columns` as it was given out last, for verbs that can tell whether it is still true."""
        return self._columns.latest(account, mailbox)

    def _log_of(self, account: int) -> Path:
        return files.account_folder(self.data, account) / f"{sqlite.FILE}-wal"


def _first_look(tx: Tx) -> int:
    """INBOX, found as by a client that opens it: its statements and most of its pages are at hand then."""
    inbox = mailboxes.look(tx, SERVER, INBOX)
    flags.flag_sets(tx)
    lineage(tx)
    return inbox.row.id


class _Patience:
    """Waits between two tries to get a lock: longer and longer, and not for ever."""

    def __init__(self) -> None:
        self._until = time.monotonic() + LOCK_WAIT
        self._pause = 0.001

    async def wait(self, busy: Busy) -> None:
        if time.monotonic() > self._until:
            raise _busy() from busy
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 1.5, 0.02)


def _busy() -> Refused:
    return Refused("The account is busy", Code.UNAVAILABLE, temporary=True)
