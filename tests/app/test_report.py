"""`pillarbox report tls`."""

import asyncio
import time
from pathlib import Path

import dns.flags
import dns.message
import pytest

from pillarbox.delivery.trust import results
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.results import Followed, Session
from tests.app.conftest import Run
from tests.app.dns_server import dns_server, of


@pytest.mark.parametrize("checks", [False, True])
def test_sessions_are_shown_by_day(run: Run, tmp_path: Path, checks: bool) -> None:
    zone = of({(".", "NS"): ["a.root.test."]}, {})

    def answer(query: dns.message.Message, response: dns.message.Message) -> dns.message.Message | None:
        if checks:
            response.flags |= dns.flags.AD
        return zone(query, response)

    async def scene() -> None:
        async with dns_server(answer) as address:
            (tmp_path / "pillarbox.toml").write_text(f'dns = ["{address}"]\n')
            await asyncio.to_thread(look)

    def look() -> None:
        run("account", "add", "ann@example.test")
        trust = Trust(tmp_path / "var")
        for result in ("", "", "certificate-expired"):
            session = Session(
                "two.test", Followed("sts", "two.test"), result, "mx.two.test" if result else ""
            )
            trust.do(lambda db, session=session: results.count(db, session, time.time()))
        trust.do(lambda db: results.told(db, 20_000, "two.test", "mailto:tls@two.test", time.time()))
        trust.close()
        shown = run("report", "tls", "--json").value
        assert shown["dane"] is checks
        assert [(each["domain"], each["result"], each["count"]) for each in shown["sessions"]] == [
            ("two.test", "success", 2),
            ("two.test", "certificate-expired", 1),
        ]
        assert [(each["day"], each["to"]) for each in shown["reports"]] == [
            ("2024-10-04", "mailto:tls@two.test")
        ]
        assert run("report", "tls", "else.test", "--json").value["sessions"] == []
        text = run("report", "tls", "two.test").out
        assert ("DANE is on" if checks else "DANE is off") in text
        assert "mx.two.test" in text and "Reported on 2024-10-04" in text

    asyncio.run(scene())
