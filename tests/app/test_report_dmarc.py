"""`pillarbox report dmarc`."""

import asyncio
import smtplib
from collections import Counter
from pathlib import Path

from pillarbox.app.arriving import Proxy
from pillarbox.app.arriving import Reports as Configured
from pillarbox.app.config import Authentication, Config
from pillarbox.delivery.dmarc_reports.seen import Day, Reports
from pillarbox.testing.server import MailServer
from tests.app.conftest import Run
from tests.app.dns_server import dns_server, of
from tests.filter.auth.test_aggregate import ROW


def test_what_was_seen_is_shown(run: Run, tmp_path: Path) -> None:
    run("account", "add", "ann@one.test")
    assert run("report", "dmarc", "--json").value == []
    reports = Reports(tmp_path / "var")
    reports.add(Counter({(20_000, ROW): 4}))
    reports.told(20_000, "example.org", 0, "sent to d@example.org")
    reports.close()
    [day] = run("report", "dmarc", "--json").value
    assert (day["day"], day["domain"]) == ("2024-10-04", "example.org")
    assert day["report"] == "sent to d@example.org"
    assert day["rows"] == [
        {
            "source": "192.0.2.7",
            "count": 4,
            "disposition": "quarantine",
            "dkim": "fail",
            "spf": "fail",
            "from": "mail.example.org",
            "envelope_from": "else.test",
            "override": "local_policy",
        }
    ]
    shown = run("report", "dmarc").out.splitlines()
    assert shown[1].split() == ["2024-10-04", "example.org", "4", "0", "sent", "to", "d@example.org"]


def test_a_running_server_takes_note() -> None:
    zone = {
        ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=none; rua=mailto:d@example.org"'],
        ("example.org", "TXT"): ['"v=spf1 ip4:192.0.2.7 -all"'],
    }

    def talk(config: Config) -> Day:
        with MailServer(config) as server:
            server.add_account("kim@example.test", "secret of kim")
            with smtplib.SMTP(server.host, server.smtp_port) as smtp:
                assert smtp.docmd("XCLIENT", "ADDR=192.0.2.7 HELO=out.example.org")[0] == 220
                smtp.ehlo("out.example.org")
                smtp.sendmail("who@example.org", ["kim@example.test"], "From: who@example.org\r\n\r\nx\r\n")
            reports = Reports(server.data)
            while not (days := reports.days()):
                pass  # it is written every few seconds
            server.check()
            return reports.read(*days[0])

    async def play() -> Day:
        async with dns_server(of(zone, {})) as address:
            config = Config(
                dns=(address,),
                authentication=Authentication(dmarc="note"),
                proxy=Proxy(xclient=("127.0.0.0/8",)),
                reports=Configured(dmarc=True),
            )
            return await asyncio.to_thread(talk, config)

    found = asyncio.run(play())
    assert found.domain == "example.org"
    [counted] = found.rows
    assert (counted.count, counted.row.source, counted.row.disposition) == (1, "192.0.2.7", "pass")
