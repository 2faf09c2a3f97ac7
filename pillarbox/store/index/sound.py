"""Is an account's index what it should be? For `store.check`; what is wrong is made anew by the indexer."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import apsw

from pillarbox.store.engine import sqlite
from pillarbox.store.index import manifest
from pillarbox.store.index.database import (
    ACCOUNT,
    BAD,
    FILE,
    FORMAT,
    WAIT,
    Database,
    checksum,
    posting_id,
)
from pillarbox.store.index.texts import Damaged, decompress, places_of


def problems(folder: Path) -> Iterator[str]:
    """Nothing where there is no index, or one that will be made anew anyway."""
    if (folder / BAD).exists():
        return
    try:
        index = Database(folder / FILE, write=False)
    except apsw.CantOpenError:
        return
    except apsw.Error as error:
        yield f"{FILE} cannot be opened: {error}"
        return
    try:
        index.connection.set_busy_timeout(WAIT)
        index.run("BEGIN")
        yield from _problems(index, folder)
    except apsw.BusyError:
        return  # the indexer is at work: it would notice
    except (apsw.Error, Damaged) as error:
        yield f"{FILE} is damaged: {error}"
    finally:
        index.close()


def _problems(index: Database, folder: Path) -> Iterator[str]:
    for (text,) in index.rows("PRAGMA integrity_check"):
        if text != "ok":
            yield f"{FILE}: {text}"
            return
    if not index.rows("SELECT 1 FROM sqlite_schema WHERE name = 'search_cursor'"):
        return  # just begun
    cursor = index.rows(
        "SELECT format, lineage, email, messages, checked FROM search_cursor WHERE account = ?", ACCOUNT
    )
    lineage, next_id, emails = _mail(folder)
    if not cursor or cursor[0][:2] != (FORMAT, lineage):
        return
    up_to, messages, checked = cursor[0][2:]
    if checked != checksum(up_to, messages):
        yield f"the cursor of {FILE} is damaged"
    if up_to > next_id:
        yield f"{FILE} holds emails up to {up_to}, which this account has not given out"
    listed: set[int] = set()
    segments = set()
    vocabularies: set[int] = set()
    for segment, first, last, count, packed, says in index.rows(
        "SELECT id, first, last, messages, emails, manifest FROM segment WHERE account = ?", ACCOUNT
    ):
        segments.add(segment)
        vocabularies |= manifest.unpack(segment, says).vocabularies
        some = array("Q")
        some.frombytes(decompress(packed))
        if (len(some), some[0], some[-1]) != (count, first, last) or list(some) != sorted(set(some)):
            yield f"segment {segment} of {FILE} does not list what it says"
        if not listed.isdisjoint(some):
            yield f"segment {segment} of {FILE} lists emails of another one"
        listed.update(some)
    texts: set[int] = set()
    for (places,) in index.rows("SELECT places FROM text WHERE account = ?", ACCOUNT):
        texts.update(places_of(places).emails)
    for email in sorted(emails):
        if email <= up_to and not (email in listed and email in texts):
            yield f"email {email} is not in {FILE}, which holds all up to {up_to}"
    if len(listed) != messages:
        yield f"{FILE} lists {len(listed)} emails and should list {messages}"
    yield from _orphans(index, segments, vocabularies)


def _orphans(index: Database, segments: set[int], vocabularies: set[int]) -> Iterator[str]:
    known: set[int] = set()
    for (number,) in index.rows("SELECT id FROM vocabulary WHERE account = ?", ACCOUNT):
        known.add(number)
        if number >> 8 not in segments:
            yield f"vocabulary {number} of {FILE} belongs to no segment"
    for number in sorted(vocabularies - known):
        yield f"vocabulary {number} of {FILE} is lost"
    for (number,) in index.rows("SELECT id FROM posting WHERE account = ?", ACCOUNT):
        if number // posting_id(1, 0) not in known:
            yield f"postings {number} of {FILE} belong to no vocabulary"


def _mail(folder: Path) -> tuple[str, int, set[int]]:
    """The account's lineage, what is beyond its ids, and its emails: read after the index."""
    mail = sqlite.open_account(folder)
    try:
        with mail.transaction(write=False) as tx:
            lineage, prefix, next_id = tx.rows(
                "SELECT lineage, prefix, next_id FROM account WHERE account = ?", tx.account
            )[0]
            emails = {email for (email,) in tx.rows("SELECT id FROM email WHERE account = ?", tx.account)}
    finally:
        mail.close()
    return lineage, prefix << 32 | next_id, emails
