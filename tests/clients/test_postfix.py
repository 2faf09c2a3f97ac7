"""Postfix as the neighbour: our mail to it, its mail to us, and the reports of both."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.testing.server import MailServer
from tests.app.test_sending import LETTER, Mailbox, submit
from tests.clients.postfix import ADDRESS, DOMAIN, Postfix
from tests.oracle import PASSWORD
from tests.zone import HOSTS, Zone, common_port, config

TO = f"kim@{DOMAIN}"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[MailServer, Postfix]]:
    zone = Zone(
        {"one.test": [(10, "mx.one.test")], DOMAIN: [(10, "mx.pf.test")]},
        {"mx.one.test": [HOSTS["mx.one.test"]], "mx.pf.test": [ADDRESS]},
    )
    port = common_port()
    with Postfix(port) as postfix, MailServer(config("mx.one.test", port), resolver=zone) as one:
        one.add_account("ann@one.test", PASSWORD)
        yield one, postfix
        one.check()


def test_our_mail_arrives_at_postfix(both: Any) -> None:
    one, postfix = both
    assert submit(one, TO)[0] == 250
    [letter] = postfix.letters(1)
    assert letter.startswith(b"Return-Path: <ann@one.test>\n")
    assert b"from mx.one.test" in letter
    assert letter.endswith(b"\n\nhi\n.dot\n")


def test_mail_of_postfix_arrives_here(both: Any) -> None:
    one, postfix = both
    with Mailbox(one, "ann@one.test") as ann:
        before = ann.count()
        with smtplib.SMTP(ADDRESS, postfix.port) as smtp:
            smtp.sendmail(TO, ["ann@one.test"], LETTER.replace(b"hello", b"from postfix"))
        letter = ann.wait(before + 1)[-1]
        assert letter["Subject"] == "from postfix"
        assert "with ESMTPS" in letter["Received"]
        assert letter["Return-Path"] == f"<{TO}>"


def test_reports_go_both_ways(both: Any) -> None:
    one, postfix = both
    with Mailbox(one, "ann@one.test") as ann:
        before = ann.count()
        submit(one, TO, options=["NOTIFY=SUCCESS"])  # Postfix tells ann
        report = ann.wait(before + 1)[-1]
        assert report.get_content_type() == "multipart/report"
        assert "Action: delivered" in report.as_string()
        submit(one, f"nobody@{DOMAIN}")  # Postfix refuses, we tell ann
        report = ann.wait(before + 2)[-1]
        assert "Action: failed" in report.as_string()
        assert "Remote-MTA: dns; mx.pf.test" in report.as_string()
    had = len(postfix.letters(0))
    with smtplib.SMTP(ADDRESS, postfix.port) as smtp:
        smtp.sendmail(TO, ["nobody@one.test"], LETTER)  # we refuse, Postfix tells kim
    assert any(b"5.1.1" in letter for letter in postfix.letters(had + 1))
