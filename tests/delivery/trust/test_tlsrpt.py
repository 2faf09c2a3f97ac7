"""Reports on TLS: counted by day, sent once to who wants them, kept over restarts (RFC 8460)."""

import asyncio
import base64
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.trust import results, tlsrpt
from pillarbox.delivery.trust.daily import GIVEN_UP, SPREAD, Daily
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Failed
from pillarbox.delivery.trust.policies import Policies
from pillarbox.delivery.trust.results import DAY, ROWS_EACH, Followed, Session
from pillarbox.delivery.trust.tlsrpt import Places, Web
from tests.zone import Zone

TODAY = 20_000
NOW = TODAY * DAY + 3600.0
STS = Followed("sts", "two.test", ("version: STSv1", "mode: testing"), ("*.two.test",))
NO_POLICY = Followed("no-policy-found", "two.test")
FAILED = Session(
    "two.test", STS, "certificate-expired", "mx.two.test", "192.0.2.1", "198.51.100.1", "it has expired"
)


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["v=TLSRPTv1; rua=mailto:tls@two.test"], Places(("tls@two.test",))),
        (["v=TLSRPTv1;rua=mailto:a@two.test,mailto:b%40c@x.test;"], Places(("a@two.test",))),
        (["v=TLSRPTv1; rua=mailto:a@two.test?subject=x"], Places(("a@two.test",))),
        (
            ["v=TLSRPTv1; rua=https://r.two.test/v1?x=1,mailto:a@two.test"],
            Places(("a@two.test",), (Web("r.two.test", None, "/v1?x=1"),)),
        ),
        (["v=TLSRPTv1; rua=http://r.two.test/"], Places()),
        (["v=TLSRPTv1; rua=https://r.two.test:99999/"], Places()),
        (["v=TLSRPTv1; rua=mailto:nobody"], Places()),
        (["v=TLSRPTv1; other=x"], Places()),
        (["v=TLSRPTv1; rua=mailto:a@x.test", "v=TLSRPTv1; rua=mailto:b@x.test"], Places()),
        (["v=spf1 -all"], Places()),
        ([], Places()),
    ],
)
def test_where_reports_are_wanted(texts: list[str], wanted: Places) -> None:
    assert tlsrpt.places(texts) == wanted


@dataclass
class World:
    folder: Path
    now: float = NOW
    zone: Zone = field(
        default_factory=lambda: Zone(texts={"_smtp._tls.two.test": ["v=TLSRPTv1; rua=mailto:tls@two.test"]})
    )
    posted: list[tuple[str, bytes]] = field(default_factory=list)
    failure: Failed | None = None
    errors: list[BaseException] = field(default_factory=list)

    def count(self, *sessions: Session) -> None:
        trust = Trust(self.folder)
        for each in sessions:
            trust.do(lambda db, each=each: results.count(db, each, self.now))
        trust.close()

    async def round(self) -> None:
        """One of a server that has just been started."""

        async def sign(raw: bytes) -> bytes:
            return b"DKIM-Signature: x\r\n" + raw

        async def post(host: str, port: int | None, path: str, kind: str, content: bytes) -> None:
            if self.failure is not None:
                raise self.failure
            self.posted.append((f"{host}{path}", content))

        async def fetch(host: str, path: str, limit: int) -> tuple[str, bytes]:
            raise Failed("nobody")

        trust, queue = Trust(self.folder), Queue(self.folder)
        policies = Policies(trust, self.zone, fetch, lambda: self.now)
        daily = Daily(
            *(trust, self.zone, policies, queue, lambda address, detail: None, sign, post),
            hostname="mx.one.test",
            clock=lambda: self.now,
            report=self.errors.append,
        )
        await daily.round()
        queue.close()
        trust.close()

    async def letters(self) -> list[asking.Entry]:
        queue = Queue(self.folder)
        found = await queue.do(asking.entries)
        queue.close()
        return found

    @property
    def reports(self) -> list[tuple[int, str, int, str]]:
        trust = Trust(self.folder)
        found = trust.do(results.reports)
        trust.close()
        return found


def play(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World(folder)
        await scene(world)
        assert world.errors == []

    asyncio.run(run())


def document(raw: bytes) -> Any:
    part = message_from_bytes(raw).get_payload()[1]  # type: ignore[index]
    return json.loads(gzip.decompress(base64.b64decode(part.get_payload())))  # type: ignore[union-attr]


def test_a_report_goes_out_once_the_day_is_over(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.count(FAILED, FAILED, Session("two.test", STS), Session("two.test", NO_POLICY))
        await world.round()
        assert await world.letters() == []
        world.now = (TODAY + 1) * DAY + SPREAD
        await world.round()
        await world.round()
        [entry] = await world.letters()
        assert (entry.letter.sender, entry.letter.tls) == ("", "optional")  # RFC 8460 5.3.1
        assert [each.target for each in entry.recipients] == ["tls@two.test"]
        raw = entry.letter.content.read(tmp_path)
        message = message_from_bytes(raw)
        assert raw.startswith(b"DKIM-Signature: x\r\nFrom: ")
        assert message.get_content_type() == "multipart/report"
        assert message.get_param("report-type") == "tlsrpt"
        assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == ("two.test", "mx.one.test")
        assert " ".join(message["Subject"].split()) == (
            f"Report Domain: two.test Submitter: mx.one.test Report-ID: <{TODAY}.two.test@mx.one.test>"
        )
        part = message.get_payload()[1]  # type: ignore[index]
        assert part.get_content_type() == "application/tlsrpt+gzip"  # type: ignore[union-attr]
        assert part.get_filename() == f"mx.one.test!two.test!{TODAY * DAY}!{TODAY * DAY + DAY - 1}.json.gz"  # type: ignore[union-attr]
        assert document(raw) == {
            "organization-name": "mx.one.test",
            "date-range": {
                "start-datetime": "2024-10-04T00:00:00Z",
                "end-datetime": "2024-10-04T23:59:59Z",
            },
            "contact-info": "postmaster@mx.one.test",
            "report-id": f"{TODAY}.two.test@mx.one.test",
            "policies": [
                {
                    "policy": {"policy-type": "no-policy-found", "policy-domain": "two.test"},
                    "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
                },
                {
                    "policy": {
                        "policy-type": "sts",
                        "policy-domain": "two.test",
                        "policy-string": ["version: STSv1", "mode: testing"],
                        "mx-host": ["*.two.test"],
                    },
                    "summary": {"total-successful-session-count": 1, "total-failure-session-count": 2},
                    "failure-details": [
                        {
                            "result-type": "certificate-expired",
                            "sending-mta-ip": "198.51.100.1",
                            "receiving-mx-hostname": "mx.two.test",
                            "receiving-ip": "192.0.2.1",
                            "failure-reason-code": "it has expired",
                            "failed-session-count": 2,
                        }
                    ],
                },
            ],
        }
        assert [(day, domain, to) for day, domain, _, to in world.reports] == [
            (TODAY, "two.test", "mailto:tls@two.test")
        ]

    play(tmp_path, scene)


def test_who_asks_for_none_gets_none(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.count(Session("else.test", Followed("no-policy-found", "else.test")))
        world.now += 2 * DAY
        await world.round()
        assert await world.letters() == []
        assert world.reports == []
        world.zone.asked.clear()
        await world.round()
        assert world.zone.asked == []  # it is asked once

    play(tmp_path, scene)


def test_a_report_that_cannot_be_posted_is_tried_for_a_day(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.zone.texts["_smtp._tls.two.test"] = [
            "v=TLSRPTv1; rua=https://r.two.test/v1,mailto:tls@two.test"
        ]
        world.count(FAILED)
        world.failure = Failed("down")
        world.now = (TODAY + 1) * DAY + SPREAD
        await world.round()
        assert (world.posted, world.reports, await world.letters()) == ([], [], [])
        world.failure = None
        await world.round()
        [(place, content)] = world.posted
        assert place == "r.two.test/v1"
        assert json.loads(gzip.decompress(content))["report-id"].startswith(f"{TODAY}.")
        assert len(await world.letters()) == 1
        # Another day, and nobody ever takes it: what can be mailed is.
        world.count(FAILED)
        world.failure = Failed("down")
        world.now += DAY + GIVEN_UP + SPREAD
        await world.round()
        assert len(await world.letters()) == 2

    play(tmp_path, scene)


def test_a_dns_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.count(FAILED)
        world.zone.broken.add("_smtp._tls.two.test")
        world.now = (TODAY + 1) * DAY + SPREAD
        await world.round()
        world.zone.broken.clear()
        await world.round()
        assert len(await world.letters()) == 1

    play(tmp_path, scene)


def test_counts_are_bounded_and_forgotten(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        many = [
            Session("two.test", STS, "validation-failure", f"mx{n}.two.test") for n in range(ROWS_EACH + 50)
        ]
        world.count(*many)
        trust = Trust(world.folder)
        found = trust.do(lambda db: results.counts(db, TODAY, "two.test"))
        assert len(found) == ROWS_EACH + 1
        assert sum(each.count for each in found) == ROWS_EACH + 50
        trust.do(lambda db: results.tidy(db, TODAY + 31))
        assert trust.do(results.counts) == []
        trust.close()

    play(tmp_path, scene)


def test_a_file_that_is_broken_begins_anew(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.count(FAILED)
        for name in ("trust.db", "trust.db-wal", "trust.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "trust.db").write_bytes(b"no database at all" * 1000)
        world.count(FAILED)
        trust = Trust(world.folder)
        assert [each.count for each in trust.do(results.counts)] == [1]
        trust.close()

    play(tmp_path, scene)
