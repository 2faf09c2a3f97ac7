"""What became of sessions with other domains, counted for each domain and day (RFC 8460 4)."""

from dataclasses import dataclass
from typing import Any

import msgspec

from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.sts import Policy

DAY = 86_400
ROWS_EACH = 200  # kinds of results of one domain and day; what comes then is counted without its details
ROWS_LIMIT = 50_000  # of one day
KEPT_DAYS = 30

SUCCESS = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """The policy of a session, as a report has it (RFC 8460 4.4)."""

    kind: str  # "tlsa", "sts", "no-policy-found"
    domain: str
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        found: dict[str, Any] = {"policy-type": self.kind, "policy-domain": self.domain}
        if self.strings:
            found["policy-string"] = list(self.strings)
        if self.hosts:
            found["mx-host"] = list(self.hosts)
        return found


@dataclass(frozen=True, slots=True)
class Session:
    """`result` is SUCCESS or a type of RFC 8460 4.3."""

    domain: str  # of the recipients
    followed: Followed
    result: str = SUCCESS
    host: str = ""
    address: str = ""
    own_address: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    day: int
    session: Session
    policy: dict[str, Any]
    count: int


def followed_sts(domain: str, policy: Policy) -> Followed:
    return Followed("sts", domain, policy.lines, policy.hosts)


def count(db: Trust, session: Session, now: float) -> None:
    """One more session of this kind."""
    day = int(now // DAY)
    policy = msgspec.json.encode(session.followed.plain()).decode()
    details = (session.host, session.address, session.own_address, session.reason[:200])
    ((each, everything),) = db.run(
        "SELECT count(*) FILTER (WHERE domain = ?), count(*) FROM session WHERE day = ?", session.domain, day
    )
    if each >= ROWS_EACH or everything >= ROWS_LIMIT:
        details = ("", "", "", "")
        known = db.run("SELECT 1 FROM session WHERE day = ? AND domain = ? LIMIT 1", day, session.domain)
        if everything >= ROWS_LIMIT and not known:
            return
        policy = msgspec.json.encode(Followed("no-policy-found", session.domain).plain()).decode()
    db.run(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
        *(day, session.domain, policy, session.result, *details),
    )


def counts(db: Trust, day: int | None = None, domain: str | None = None) -> list[Count]:
    rows = db.run(
        "SELECT day, domain, policy, result, host, address, own_address, reason, count FROM session"
        " WHERE (? IS NULL OR day = ?) AND (? IS NULL OR domain = ?)"
        " ORDER BY day, domain, policy, result, host",
        *(day, day, domain, domain),
    )
    found = []
    for of_day, of, policy, result, host, address, own_address, reason, number in rows:
        plain = msgspec.json.decode(policy)
        followed = Followed(
            plain["policy-type"],
            plain["policy-domain"],
            tuple(plain.get("policy-string", ())),
            tuple(plain.get("mx-host", ())),
        )
        session = Session(of, followed, result, host, address, own_address, reason)
        found.append(Count(of_day, session, plain, number))
    return found


def untold(db: Trust, today: int) -> list[tuple[int, str]]:
    """(day, domain) of past days that nobody has reported on."""
    return db.run(
        "SELECT DISTINCT day, domain FROM session WHERE day < ? AND NOT EXISTS"
        " (SELECT 1 FROM report WHERE report.day = session.day AND report.domain = session.domain)"
        " ORDER BY day, domain",
        today,
    )


def told(db: Trust, day: int, domain: str, sent_to: str, now: float) -> None:
    db.run("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?)", day, domain, int(now), sent_to)


def reports(db: Trust) -> list[tuple[int, str, int, str]]:
    """(day, domain, when, to whom) of those that have been sent."""
    rows = db.run("SELECT day, domain, at, sent_to FROM report WHERE sent_to <> '' ORDER BY day, domain")
    return rows


def tidy(db: Trust, today: int) -> None:
    for table in ("session", "report"):
        db.run(f"DELETE FROM {table} WHERE day < ?", today - KEPT_DAYS)
