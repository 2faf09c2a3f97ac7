"""Verbs of the queue's own doings. Each runs in a transaction and returns plain values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pillarbox.delivery.queue.database import Database
from pillarbox.delivery.queue.entries import Content, Event, Letter, Waiting
from pillarbox.delivery.wishes import DeliverBy, Hold, Wishes
from pillarbox.model.errors import Code, Refused

HOUR = 60  # minutes that limits look back
KEPT_SECONDS = 30 * 86_400  # how long the record says what became of a message

LETTER = (
    "id, trace, sender, account, message_id, size, utf8, body, ret, envid, arrived_at, dictionary, frames,"
    " data, file, tls, hold, held_until, by_at, by_mode, priority"
)
WAITING = (
    "letter, n, address, target, local, detail, notify, orcpt, held, taken, due_at, attempts, told_delay,"
    " reply, told_late"
)


# The priorities that something waits with, the highest first: one step of the index each, however much waits.
_PRIORITIES = """WITH RECURSIVE level(priority) AS (
    SELECT max(priority) FROM recipient WHERE taken = 0 AND held = 0
    UNION ALL
    SELECT (SELECT max(priority) FROM recipient
        WHERE taken = 0 AND held = 0 AND priority < level.priority)
    FROM level WHERE level.priority IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may submit in an hour; 0 is no limit."""

    messages: int = 0
    recipients: int = 0
    held: int = 0  # messages that wait for their time (RFC 4865 6, 2), and their octets
    held_octets: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """Recipients of one letter that are due and have been taken."""

    letter: Letter
    recipients: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one recipient that was taken: `again_at` is None when it is over."""

    n: int
    again_at: int | None = None
    reply: str = ""
    told_delay: bool = False
    told_late: bool = False


@dataclass(frozen=True, slots=True)
class New:
    letter: Letter
    recipients: tuple[Waiting, ...]


def put(
    db: Database, news: Sequence[New], events: Iterable[Event] = (), limits: Limits | None = None
) -> list[int]:
    """Into the queue, all or nothing; the numbers of the letters. With `limits` they count for who
    submitted them."""
    if limits is not None and news:
        _count(db, news, limits)
    numbers = []
    for new in news:
        one, content = new.letter, new.letter.content
        db.run(
            f"INSERT INTO letter ({LETTER}) VALUES (NULL, {', '.join('?' * 20)})",
            *(one.trace, one.sender, one.account, one.message_id, content.size, one.utf8, one.body),
            *(one.ret, one.envid, one.arrived_at, content.dictionary, content.frames, content.data),
            *(content.file, one.tls, *_wishes(one.wishes)),
        )
        number = db.last_id
        numbers.append(number)
        _add(db, number, new.recipients, one.wishes.priority)
    note(db, events)
    return numbers


def _wishes(wishes: Wishes) -> tuple[object, ...]:
    hold, by = wishes.hold, wishes.by
    return (
        *(("", 0) if hold is None else (hold.asked, hold.until)),
        *((None, "") if by is None else (by.at, by.mode)),
        wishes.priority,
    )


def _add(db: Database, letter: int, recipients: Iterable[Waiting], priority: int) -> None:
    for n, each in enumerate(recipients):
        db.run(
            f"INSERT INTO recipient ({WAITING}, domain, priority) VALUES ({', '.join('?' * 17)})",
            *(letter, n, each.address, each.target, each.local, each.detail, each.notify, each.orcpt),
            *(each.held, each.taken, each.due_at, each.attempts, each.told_delay, each.reply),
            *(each.told_late, each.domain, priority),
        )


def held(db: Database, account: int, now: int) -> tuple[int, int]:
    """How many messages of the account wait for their time, and how many octets they have."""
    rows = db.run(
        "SELECT count(*), coalesce(sum(size), 0) FROM letter WHERE hold <> '' AND account = ?"
        " AND held_until > ?",
        *(account, now),
    )
    return int(rows[0][0]), int(rows[0][1])


def _count(db: Database, news: Sequence[New], limits: Limits) -> None:
    account, minute = news[0].letter.account, news[0].letter.arrived_at // 60
    recipients = sum(len(new.recipients) for new in news)
    db.run("DELETE FROM sent WHERE minute <= ?", minute - HOUR)
    ((messages, others),) = db.run(
        "SELECT coalesce(sum(messages), 0), coalesce(sum(recipients), 0) FROM sent WHERE account = ?", account
    )
    if (limits.messages and messages >= limits.messages) or (
        limits.recipients and others + recipients > limits.recipients
    ):
        raise Refused("You have sent as much as you may in an hour", Code.LIMIT, temporary=True)
    if any(new.letter.wishes.hold is not None for new in news):
        count, octets = held(db, account, news[0].letter.arrived_at)
        octets += sum(new.letter.content.size for new in news)
        if count >= limits.held or octets > limits.held_octets:
            raise Refused("You have as much waiting as you may", Code.OVERQUOTA)
    db.run(
        "INSERT INTO sent VALUES (?, ?, 1, ?) ON CONFLICT (account, minute) DO UPDATE SET"
        " messages = messages + 1, recipients = recipients + excluded.recipients",
        *(account, minute, recipients),
    )


def note(db: Database, events: Iterable[Event]) -> None:
    for each in events:
        db.run(
            "INSERT INTO event (at, trace, message_id, event, address, text) VALUES (?, ?, ?, ?, ?, ?)",
            *(each.at, each.trace, each.message_id, each.event, each.address, each.text),
        )


def take(
    db: Database, now: int, most: int, each: int | None = None, busy: Mapping[str, int] | None = None
) -> list[Job]:
    """What is due, at most so many recipients, those of the highest priority first (RFC 6710 5.1): theirs is
    to be settled by who calls this. `each`: of one domain, those that `busy` counts included; others pass by
    a domain that has as many."""
    counts = dict(busy or {})
    by_letter: dict[int, list[int]] = {}
    left = most
    for (priority,) in db.run(f"{_PRIORITIES} SELECT priority FROM level WHERE priority IS NOT NULL"):
        passing = True
        while left and passing:
            full = [domain for domain, count in counts.items() if each is not None and count >= each]
            rows = db.run(
                "SELECT letter, n, domain FROM recipient WHERE taken = 0 AND held = 0 AND priority = ?"
                " AND due_at <= ? AND domain NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at LIMIT ?",
                *(priority, now, json.dumps(full), left),
            )
            passing = False
            for letter, n, domain in rows:
                counts[domain] = counts.get(domain, 0) + 1
                if each is not None and counts[domain] > each:
                    passing = True  # its place is somebody else's
                    continue
                by_letter.setdefault(letter, []).append(n)
                db.run("UPDATE recipient SET taken = 1 WHERE letter = ? AND n = ?", letter, n)
                left -= 1
    jobs = []
    for number, numbers in by_letter.items():
        wanted = set(numbers)
        found = db.run(f"SELECT {WAITING} FROM recipient WHERE letter = ? ORDER BY n", number)
        recipients = tuple(waiting_of(row) for row in found if row[1] in wanted)
        jobs.append(Job(require(db, number), recipients))
    return jobs


def next_due(db: Database, full: Iterable[str] = ()) -> int | None:
    """Of domains that are not `full`."""
    ((due,),) = db.run(
        f"{_PRIORITIES} SELECT min((SELECT due_at FROM recipient WHERE taken = 0 AND held = 0"
        " AND priority = level.priority AND domain NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY due_at LIMIT 1)) FROM level",
        json.dumps(list(full)),
    )
    return None if due is None else int(due)


def release(db: Database) -> int:
    """Nobody delivers: what had been taken by who died may be taken again."""
    return len(db.run("UPDATE recipient SET taken = 0 WHERE taken = 1 RETURNING 1"))


def settle(
    db: Database,
    letter: int,
    settled: Iterable[Settled],
    news: Sequence[New] = (),
    events: Iterable[Event] = (),
) -> Content | None:
    """What became of recipients, with all that follows; the content that nobody needs any more."""
    for each in settled:
        if each.again_at is None:
            db.run("DELETE FROM recipient WHERE letter = ? AND n = ?", letter, each.n)
        else:
            db.run(
                "UPDATE recipient SET taken = 0, attempts = attempts + 1, due_at = ?, reply = ?,"
                " told_delay = max(told_delay, ?), told_late = max(told_late, ?) WHERE letter = ? AND n = ?",
                *(each.again_at, each.reply, each.told_delay, each.told_late, letter, each.n),
            )
    put(db, news)
    note(db, events)
    return drop_empty(db, letter)


def drop_empty(db: Database, letter: int) -> Content | None:
    """Remove a letter without recipients; its content."""
    if db.run("SELECT 1 FROM recipient WHERE letter = ? LIMIT 1", letter):
        return None
    rows = db.run("DELETE FROM letter WHERE id = ? RETURNING size, dictionary, frames, data, file", letter)
    return Content(*rows[0]) if rows else None


def tidy(db: Database, now: int) -> list[str]:
    """Forget what is too old to be asked for; the names of the files that are in use."""
    db.run("DELETE FROM event WHERE at < ?", now - KEPT_SECONDS)
    return [row[0] for row in db.run("SELECT file FROM letter WHERE file <> ''")]


def find(db: Database, number: int) -> Letter | None:
    rows = db.run(f"SELECT {LETTER} FROM letter WHERE id = ?", number)
    return letter_of(rows[0]) if rows else None


def letter_of(row: tuple[Any, ...]) -> Letter:
    """A row of `LETTER`."""
    id, trace, sender, account, message_id, size, utf8, body, ret, envid, at, *rest = row
    dictionary, frames, data, file, tls, asked, until, by_at, by_mode, priority = rest
    content = Content(size, dictionary, frames, data, file)
    wishes = Wishes(
        Hold(until, asked) if asked else None,
        None if by_at is None else DeliverBy.of(by_at, by_mode),
        priority,
    )
    return Letter(
        *(trace, sender, content, at, message_id, account, bool(utf8), body, ret, envid),
        wishes=wishes,
        id=id,
        tls=tls,
    )


def require(db: Database, number: int) -> Letter:
    found = find(db, number)
    if found is None:
        raise Refused(f"There is no {number} in the queue", Code.NONEXISTENT)
    return found


def waiting_of(row: Sequence[object]) -> Waiting:
    """A row of `WAITING`."""
    _, n, address, target, local, detail, notify, orcpt, held, taken, due_at, attempts, *rest = row
    told, reply, late = rest
    return Waiting(
        str(address),
        str(target),
        bool(local),
        None if detail is None else str(detail),
        str(notify),
        str(orcpt),
        int(str(due_at)),
        int(str(n)),
        int(str(attempts)),
        bool(told),
        str(reply),
        bool(held),
        bool(taken),
        bool(late),
    )
