"""MTA-STS policies of other domains: looked up, fetched, remembered (RFC 8461 3.1, 3.3, 5.1).

A policy holds as long as it says, over restarts, whatever becomes of the record and the host that it came
from: else who can suppress these could suppress it. It is fetched again when the record has another id, and
when it is a day old and mail goes there, so that a domain in use never runs out of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pillarbox.delivery.trust import sts
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Failed
from pillarbox.delivery.trust.sts import SIZE_LIMIT, Invalid, Policy
from pillarbox.filter.dns import Kind, Question, Resolve, is_name

DAY = 86_400
AGAIN = 300.0  # seconds until what could not be fetched is tried again: RFC 8461 3.3
KEPT = 20_000  # domains whose policies are remembered
FAILED_KEPT = 5_000

Fetch = Callable[[str, str, int], Awaitable[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Found:
    """`failure`: why there is none where there should be, as a result type of RFC 8460 4.3.2.2."""

    policy: Policy | None = None
    failure: str = ""
    reason: str = ""


NONE = Found()


@dataclass(frozen=True, slots=True)
class _Kept:
    id: str
    policy: Policy
    fetched_at: int


class Policies:
    def __init__(self, trust: Trust, resolve: Resolve, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._trust = trust
        self._resolve = resolve
        self._fetch = fetch
        self._clock = clock
        self._failed: dict[str, tuple[float, str, Found]] = {}  # domain -> until when, which id, what
        self._turns: dict[str, asyncio.Lock] = {}

    async def find(self, domain: str) -> Found:
        """What the (folded) domain wants of who sends to it."""
        if not is_name(f"_mta-sts.{domain}"):
            return NONE
        turn = self._turns.setdefault(domain, asyncio.Lock())
        try:
            async with turn:
                return await self._find(domain)
        finally:
            if not turn.locked() and self._turns.get(domain) is turn:
                del self._turns[domain]

    async def refresh(self) -> None:
        """Fetch again what will end soon, though no mail goes there (RFC 8461 3.3, 10.2)."""
        now = int(self._clock())
        for domain in await asyncio.to_thread(self._trust.do, lambda db: _ending(db, now)):
            await self.find(domain)

    async def _find(self, domain: str) -> Found:
        now = self._clock()
        kept = await asyncio.to_thread(self._trust.do, lambda db: _kept(db, domain, int(now)))
        answer = await self._resolve(Question(f"_mta-sts.{domain}", Kind.TXT))
        id = sts.id_of(answer.values)
        if id is None:
            return _of(kept)
        if kept is not None and kept.id == id and now < kept.fetched_at + DAY:
            return _of(kept)
        until, failed_id, failed = self._failed.get(domain, (0.0, "", NONE))
        if now < until and failed_id == id:
            return _of(kept) if kept is not None else failed
        try:
            fetched = await self._fetched(domain, id, int(now))
        except (Failed, Invalid) as error:
            found = Found(None, *_failure(error))
            if len(self._failed) >= FAILED_KEPT:
                self._failed.clear()
            self._failed[domain] = (now + AGAIN, id, found)
            return _of(kept) if kept is not None else found
        self._failed.pop(domain, None)
        return _of(fetched)

    async def _fetched(self, domain: str, id: str, now: int) -> _Kept:
        kind, text = await self._fetch(f"mta-sts.{domain}", "/.well-known/mta-sts.txt", SIZE_LIMIT)
        if kind != "text/plain":  # RFC 8461 3.2
            raise Invalid(f"it is {kind}, not text/plain")
        fetched = _Kept(id, sts.parse(text), now)
        await asyncio.to_thread(self._trust.do, lambda db: _keep(db, domain, fetched, text))
        return fetched


def _of(kept: _Kept | None) -> Found:
    return NONE if kept is None or kept.policy.mode == "none" else Found(kept.policy)


def _failure(error: Failed | Invalid) -> tuple[str, str]:
    if isinstance(error, Invalid):
        return "sts-policy-invalid", str(error)
    return ("sts-webpki-invalid" if error.certificate else "sts-policy-fetch-error"), str(error)


def _kept(db: Trust, domain: str, now: int) -> _Kept | None:
    rows = db.run("SELECT id, text, fetched_at, expires_at FROM policy WHERE domain = ?", domain)
    if not rows or rows[0][3] <= now:
        return None
    id, text, fetched_at, _ = rows[0]
    db.run("UPDATE policy SET used_at = ? WHERE domain = ? AND used_at < ?", now, domain, now - DAY)
    return _Kept(id, sts.parse(text), fetched_at)


def _keep(db: Trust, domain: str, kept: _Kept, text: bytes) -> None:
    now = kept.fetched_at
    db.run(
        "INSERT OR REPLACE INTO policy VALUES (?, ?, ?, ?, ?, ?)",
        *(domain, kept.id, text, now, now + kept.policy.max_age, now),
    )
    db.run(
        "DELETE FROM policy WHERE expires_at <= ? OR domain IN"
        " (SELECT domain FROM policy ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
        *(now, KEPT),
    )


def _ending(db: Trust, now: int) -> list[str]:
    """Which are in use of late, and half over."""
    rows = db.run(
        "SELECT domain FROM policy WHERE expires_at > ? AND fetched_at + ? < ? AND used_at > ?"
        " AND (fetched_at + expires_at) / 2 < ?",
        *(now, DAY, now, now - 30 * DAY, now),
    )
    return [row[0] for row in rows]
