"""Bringing an account's index up to its mail. Plain functions for a process of their own: they take a
processor for as long as they run."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from pillarbox.message.searchable import Documents
from pillarbox.model.errors import Refused
from pillarbox.store import blobs
from pillarbox.store.commit import to_disk
from pillarbox.store.engine import sqlite
from pillarbox.store.index import database
from pillarbox.store.index.document import NOTHING, Document, document
from pillarbox.store.index.segment import build
from pillarbox.store.index.texts import Damaged
from pillarbox.store.index.writer import Overtaken, Writer
from pillarbox.store.tx import Tx

BATCH = 4096  # messages of one step: `FAN` of them are a full segment
BATCH_OCTETS = 24 << 20  # of their text
# Of a processor, to read a batch; listing it takes as long again. Who is killed gets on all the same, and who
# searches has some of it soon.
BATCH_SECONDS = 1.0
MORE = 64  # ids of new mail that are worth going on for
READ = 64  # emails looked up at once

_UNWRITABLE = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)


@dataclass(frozen=True, slots=True)
class Horizon:
    """What there is in the account: all of it is on disk."""

    lineage: str
    modseq: int
    email: int  # the greatest id


@dataclass(frozen=True, slots=True)
class Caught:
    messages: int  # added
    octets: int  # of mail
    joined: int  # times that segments were joined


def catch_up(
    folder: Path,
    *,
    documents: Documents | None = None,
    anew: bool = False,
    told: Callable[[int], None] = lambda octets: None,
    clock: Callable[[], float] = time.process_time,
) -> Caught:
    """Index all that is not yet; with `anew`, all. `told` hears of each step how many octets of mail it
    added. Who searches has to read `documents` alike.

    Refused where the account cannot be read, or the index not be written, as on a full disk. Damage of the
    index itself is no failure: it is made anew.
    """
    try:
        return _caught_up(folder, documents, anew, told, clock)
    except _UNWRITABLE as error:
        raise Refused(f"The search index cannot be written: {error}", temporary=True) from error


def _caught_up(
    folder: Path,
    documents: Documents | None,
    anew: bool,
    told: Callable[[int], None],
    clock: Callable[[], float],
) -> Caught:
    mail = sqlite.open_account(folder)
    try:
        horizon = _settled(mail)
        try:
            writer = Writer(folder, horizon.lineage, wait=anew)
            return _catch_up(mail, writer, horizon, documents, anew, told, clock)
        except (apsw.CorruptError, apsw.NotADBError, Damaged):
            writer = Writer(folder, horizon.lineage, wait=anew)
            return _catch_up(mail, writer, horizon, documents, True, told, clock)
        except Overtaken:
            return Caught(0, 0, 0)  # the other one does it
    finally:
        mail.close()


def _catch_up(
    mail: sqlite.Database,
    writer: Writer,
    horizon: Horizon,
    documents: Documents | None,
    anew: bool,
    told: Callable[[int], None],
    clock: Callable[[], float],
) -> Caught:
    messages = octets = joined = 0
    try:
        if anew or _forgetting(mail, writer):
            writer.begin_anew()
        while (after := writer.email) < horizon.email:
            count, size = _step(mail, writer, after, horizon, documents, clock)
            messages += count
            octets += size
            told(size)
            while writer.join_some():
                joined += 1
            further = _settled(mail)  # who brings much mail is not left for later
            if further.lineage == horizon.lineage and further.email > horizon.email + MORE:
                horizon = further
    finally:
        writer.close()
    return Caught(messages, octets, joined)


def _forgetting(mail: sqlite.Database, writer: Writer) -> bool:
    """Where mail has been erased, have its texts go; whether so much that the index should be made anew."""

    def living(first: int, last: int) -> set[int]:
        with mail.transaction(write=False) as tx:
            rows = tx.rows(
                "SELECT id FROM email WHERE +account = ? AND id BETWEEN ? AND ?", tx.account, first, last
            )
        return {email for (email,) in rows}

    mark = mail.folder / database.ERASED
    if not mark.exists():
        return False
    mark.unlink(missing_ok=True)  # first: what is erased from here on needs another one
    try:
        writer.forget(living)
        return writer.are_mostly_erased()
    except BaseException:
        mark.touch()
        raise


def _step(
    mail: sqlite.Database,
    writer: Writer,
    after: int,
    horizon: Horizon,
    documents: Documents | None,
    clock: Callable[[], float],
) -> tuple[int, int]:
    """A batch of emails; how many messages, and octets of mail."""
    emails = array("Q")
    made: list[Document] = []
    until = clock() + BATCH_SECONDS
    last, octets, text = after, 0, 0
    while (
        last < horizon.email and len(made) < BATCH and text < BATCH_OCTETS and (clock() < until or not made)
    ):
        with mail.transaction(write=False) as tx:
            found = blobs.following(tx, last, horizon.email, READ)
        for email, blob in found:
            read = _document(blob, documents)
            emails.append(email)
            made.append(read)
            text += len(read.header) + len(read.body)
            octets += blob.size if blob is not None else 0
        last = found[-1][0] if len(found) == READ else horizon.email
    writer.add(after, last, horizon.modseq, build(emails, made, writer.frequent()), made)
    return len(made), octets


def horizon_of(tx: Tx) -> Horizon:
    lineage, modseq = tx.rows("SELECT lineage, modseq FROM account WHERE account = ?", tx.account)[0]
    (email,) = tx.rows("SELECT max(id) FROM email WHERE +account = ?", tx.account)[0]
    return Horizon(lineage, modseq, email or 0)


def _document(blob: blobs.Blob | None, documents: Documents | None) -> Document:
    if blob is not None:
        with suppress(Refused):  # damaged on disk: nothing is found in it
            return document(blob.read(0, blob.size), documents)
    return NOTHING


def _settled(mail: sqlite.Database) -> Horizon:
    """The horizon, when all before it is on disk. In the order of `store.commit`: the log has been read, so
    it exists, and what has left it is on disk already."""
    with mail.transaction(write=False) as tx:
        horizon = horizon_of(tx)
    fd = os.open(mail.folder / f"{sqlite.FILE}-wal", os.O_RDWR)
    try:
        to_disk(fd)
    finally:
        os.close(fd)
    return horizon


def behind(folder: Path) -> bool:
    """Whether there is anything for `catch_up` to do."""
    mail = sqlite.open_account(folder)
    try:
        with mail.transaction(write=False) as tx:
            horizon = horizon_of(tx)
    finally:
        mail.close()
    if (folder / database.BAD).exists() or (folder / database.ERASED).exists():
        return True
    try:
        index = database.Database(folder / database.FILE, write=False)
    except apsw.Error:
        return horizon.email > 0
    try:
        found = index.rows(
            "SELECT format, lineage, email FROM search_cursor WHERE account = ?", database.ACCOUNT
        )
    except apsw.Error:
        return True
    finally:
        index.close()
    return found != [(database.FORMAT, horizon.lineage, horizon.email)]


def octets(folder: Path) -> int:
    """Of all mail that there is to index."""
    mail = sqlite.open_account(folder)
    try:
        with mail.transaction(write=False) as tx:
            (found,) = tx.rows("SELECT sum(size) FROM email WHERE account = ?", tx.account)[0]
            return found or 0
    finally:
        mail.close()
