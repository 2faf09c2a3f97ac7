"""Verbs of people: what is in the queue, and what shall become of it. Each runs in a transaction."""

from dataclasses import dataclass

from pillarbox.delivery.queue.database import Database
from pillarbox.delivery.queue.entries import Content, Event, Letter, Waiting
from pillarbox.delivery.queue.waiting import LETTER, WAITING, drop_empty, letter_of, note, require, waiting_of
from pillarbox.model.errors import Code, Refused

# A letter as `LETTER` has it, without what it holds.
_NAMES = LETTER.replace(" frames,", " NULL,").replace(" data,", " NULL,")


@dataclass(frozen=True, slots=True)
class Entry:
    letter: Letter
    recipients: tuple[Waiting, ...]


def entries(db: Database, most: int = -1, *, after: int = 0, content: bool = True) -> list[Entry]:
    """All letters, or so many of those behind a number, oldest first. Without their content they cannot be
    read, and take far less memory."""
    rows = db.run(
        f"SELECT {LETTER if content else _NAMES} FROM letter WHERE id > ? ORDER BY id LIMIT ?", after, most
    )
    if not rows:
        return []
    recipients: dict[int, list[Waiting]] = {}
    for row in db.run(
        f"SELECT {WAITING} FROM recipient WHERE letter BETWEEN ? AND ? ORDER BY letter, n",
        *(rows[0][0], rows[-1][0]),
    ):
        recipients.setdefault(row[0], []).append(waiting_of(row))
    return [Entry(letter_of(row), tuple(recipients.get(row[0], ()))) for row in rows]


def counted(db: Database) -> tuple[int, list[tuple[str, int]]]:
    """How many letters there are, and how many recipients of each domain, most first; "" is here."""
    ((letters,),) = db.run("SELECT count(*) FROM letter")
    domains = db.run("SELECT domain, count(*) FROM recipient GROUP BY domain ORDER BY 2 DESC, 1")
    return int(letters), [(str(domain), int(count)) for domain, count in domains]


def entry(db: Database, number: int) -> Entry:
    rows = db.run(f"SELECT {WAITING} FROM recipient WHERE letter = ? ORDER BY n", number)
    return Entry(require(db, number), tuple(waiting_of(row) for row in rows))


def numbers(db: Database) -> list[int]:
    return [row[0] for row in db.run("SELECT id FROM letter ORDER BY id")]


def retry(db: Database, number: int, now: int) -> int:
    """Deliver now, also what was held; how many recipients that are."""
    require(db, number)
    return len(
        db.run(
            "UPDATE recipient SET due_at = ?, held = 0 WHERE letter = ? AND taken = 0 RETURNING 1",
            now,
            number,
        )
    )


def retry_all(db: Database, now: int) -> int:
    """`retry` for all there are."""
    db.run("UPDATE recipient SET due_at = ?, held = 0 WHERE taken = 0", now)
    ((count,),) = db.run("SELECT changes()")
    return int(count)


def hold(db: Database, number: int) -> int:
    """Deliver to nobody until somebody says otherwise; how many recipients that are."""
    require(db, number)
    return len(db.run("UPDATE recipient SET held = 1 WHERE letter = ? AND taken = 0 RETURNING 1", number))


def cancel(db: Database, number: int, now: int) -> tuple[int, Content | None]:
    """Out of the queue without a word to anybody, but for whom it is being delivered to right now."""
    letter = require(db, number)
    gone = db.run("DELETE FROM recipient WHERE letter = ? AND taken = 0 RETURNING address", number)
    if not gone:
        raise Refused(f"{number} is being delivered right now", Code.INUSE)
    note(db, [Event(now, letter.trace, letter.message_id, "cancelled", row[0]) for row in gone])
    return len(gone), drop_empty(db, number)


def record(db: Database, wanted: str) -> list[Event]:
    """What became of a message, by its Message-ID or a trace id, oldest first."""
    bare = wanted.strip().strip("<>")
    rows = db.run(
        "SELECT at, trace, message_id, event, address, text FROM event WHERE trace IN"
        " (SELECT trace FROM event WHERE trace = ? OR message_id = ?) ORDER BY at, id",
        *(bare, bare),
    )
    return [Event(*row) for row in rows]
