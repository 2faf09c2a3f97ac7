"""Mail out: submitted here, delivered there, and what the sender hears of it. Two servers and a zone."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from pillarbox.app.config import Config, Outbound, Smarthost, Submission
from pillarbox.app.wiring import existing
from pillarbox.delivery import published, srs
from pillarbox.delivery.queue import asking, bell
from pillarbox.delivery.queue.database import opened
from pillarbox.delivery.signing.keys import Keys
from pillarbox.delivery.trust import results
from pillarbox.delivery.trust.database import Trust
from pillarbox.identity import routes
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD
from tests.zone import Zone, neighbours

LETTER = b"From: ann@one.test\r\nSubject: hello\r\nMessage-ID: <m1@one.test>\r\n\r\nhi\r\n.dot\r\n"


class Mailbox:
    """A mailbox, and waiting for what comes into it."""

    def __init__(self, server: MailServer, address: str, name: str = "INBOX") -> None:
        self._imap = imaplib.IMAP4(server.host, server.imap_port, timeout=30)
        self._imap.login(address, PASSWORD)
        self._name = name
        self._imap.select(name)

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._imap.logout()

    def wait(self, count: int) -> list[Message]:
        """All messages, once there are so many."""
        while self.count() < count:
            # IDLE until something happens: the server tells, nobody asks again and again.
            tag = self._imap._new_tag()  # type: ignore[attr-defined]
            self._imap.send(tag + b" IDLE\r\n")
            line = self._imap.readline()
            while not line.endswith(b"EXISTS\r\n"):
                line = self._imap.readline()
                assert line, "the server went away"
            self._imap.send(b"DONE\r\n")
            while not self._imap.readline().startswith(tag):
                pass
        return self.all()

    def count(self) -> int:
        return int(self._imap.select(self._name)[1][0] or 0)

    def all(self) -> list[Message]:
        found: Any = self._imap.fetch("1:*", "(BODY.PEEK[])")[1]
        return [message_from_bytes(each[1]) for each in found if isinstance(each, tuple)]


def submit(
    server: MailServer,
    *recipients: str,
    content: bytes = LETTER,
    sender: str = "ann@one.test",
    options: Any = (),
) -> tuple[int, bytes]:
    with smtplib.SMTP(server.host, server.submission_port, timeout=30) as smtp:
        smtp.login("ann@one.test", PASSWORD)
        smtp.ehlo()
        assert smtp.mail(sender, [])[0] == 250
        for each in recipients:
            assert smtp.rcpt(each, options)[0] == 250
        return smtp.data(content)


@pytest.fixture
def pair() -> Iterator[tuple[MailServer, MailServer, Zone]]:
    with neighbours() as found:
        yield found


def test_mail_goes_there_and_back(pair: Any) -> None:
    one, two, _ = pair
    with Mailbox(two, "bob@two.test") as bob, Mailbox(one, "ann@one.test") as ann:
        code, said = submit(one, "bob@two.test", "ann@one.test")
        assert (code, said[:11]) == (250, b"2.0.0 Taken")
        [letter] = bob.wait(1)
        assert letter["Return-Path"] == "<ann@one.test>"
        assert letter.get_payload() == "hi\r\n.dot\r\n"
        received = letter.get_all("Received")
        assert len(received) == 2
        assert "from mx.one.test" in received[0]
        assert "with ESMTPS" in received[0]  # TLS, because it was offered
        assert "with ESMTPA " in received[1]
        [own] = ann.wait(1)
        assert own["Delivered-To"] == "ann@one.test"
        with smtplib.SMTP(two.host, two.submission_port) as smtp:
            smtp.login("bob@two.test", PASSWORD)
            smtp.sendmail("bob@two.test", ["ann@one.test"], "From: bob@two.test\r\n\r\nback")
        assert [each["From"] for each in ann.wait(2)] == ["ann@one.test", "bob@two.test"]


def test_a_bounce_comes_home_and_is_not_bounced(pair: Any) -> None:
    one, two, zone = pair
    zone.mails["null.test"] = [(0, ".")]
    with Mailbox(one, "ann@one.test") as ann:
        submit(one, "nobody@two.test", "who@no.test", "who@null.test")
        reports = ann.wait(3)
        fields: dict[str, str] = {}
        for report in reports:
            assert report["Return-Path"] == "<>"
            assert report.get_content_type() == "multipart/report"
            _, status, returned = report.get_payload()  # type: ignore[misc]
            assert status.get_content_type() == "message/delivery-status"
            about, recipient = status.get_payload()
            assert about["Reporting-MTA"] == "dns; mx.one.test"
            assert recipient["Action"] == "failed"
            fields[recipient["Final-Recipient"]] = recipient["Status"]
            assert "m1@one.test" in str(returned)
        assert fields == {
            "rfc822; nobody@two.test": "5.1.1",
            "rfc822; who@no.test": "5.1.2",
            "rfc822; who@null.test": "5.1.10",
        }
    # A report that cannot be delivered is reported on to nobody.
    with smtplib.SMTP(two.host, two.submission_port) as smtp:
        smtp.login("bob@two.test", PASSWORD)
        smtp.sendmail("", ["nobody@one.test"], "From: bob@two.test\r\n\r\n")
    wait_until_empty(two)
    with Mailbox(two, "bob@two.test") as bob:
        assert bob.count() == 0


def test_what_goes_out_is_signed_reports_too(pair: Any) -> None:
    one, two, _ = pair
    keys = Keys(one.data)
    keys.rotate("one.test", time.time(), at_once=True)
    with Mailbox(two, "bob@two.test") as bob, Mailbox(one, "ann@one.test") as ann:
        submit(one, "bob@two.test", "nobody@two.test")
        [letter] = bob.wait(1)
        [report] = ann.wait(1)
    for message in (letter, report):
        domains = [each.partition(" d=")[2].partition(";")[0] for each in message.get_all("DKIM-Signature")]
        assert domains == ["one.test"] * 2
    assert report["From"] == "Mail delivery <postmaster@mx.one.test>"


def test_dane_decides_who_gets_mail_and_what_became_of_it_is_counted(pair: Any) -> None:
    one, two, zone = pair
    port = one.config.outbound.port
    zone.secure = None
    certificate = ssl.PEM_cert_to_DER_cert(two.certificate.read_text())
    good = published.tlsa("mx.two.test", certificate, port)
    zone.tlsas[good.name] = ["3 1 1 " + "00" * 32]
    submit(one, "bob@two.test")
    with opened(one.data) as db:
        while not (found := asking.entries(db))[0].recipients[0].reply:
            threading.Event().wait(0.05)
        assert "4.7.5" in found[0].recipients[0].reply
        zone.tlsas[good.name] = [good.value]
        with db.transaction():
            asking.retry(db, found[0].letter.id, 0)
    bell.ring(one.data)
    with Mailbox(two, "bob@two.test") as bob:
        assert "with ESMTPS" in bob.wait(1)[0].get_all("Received")[0]
    wait_until_empty(one)
    trust = Trust(one.data)
    counted = {(each.session.followed.kind, each.session.result) for each in trust.do(results.counts)}
    trust.close()
    assert counted == {("tlsa", ""), ("tlsa", "validation-failure")}


def test_success_is_told_on_request(pair: Any) -> None:
    # RFC 3461 4.1
    one, _, _ = pair
    with Mailbox(one, "ann@one.test") as ann:
        submit(one, "bob@two.test", options=["NOTIFY=SUCCESS", "ORCPT=rfc822;Bob@two.test"])
        [report] = ann.wait(1)
        _, status, _ = report.get_payload()  # type: ignore[misc]
        about, recipient = status.get_payload()  # type: ignore[union-attr]
        assert about["Reporting-MTA"] == "dns; mx.two.test"  # who delivered it tells
        assert (recipient["Action"], recipient["Original-Recipient"]) == ("delivered", "rfc822; Bob@two.test")


def test_forwarding_changes_the_sender_and_bounces_find_back(pair: Any) -> None:
    one, two, _ = pair
    with existing(two.config) as directory:
        bob = directory.require("bob@two.test")
        routes.set_forwards(directory, bob.prefix, ["nobody@one.test"], keep=True)
    with Mailbox(one, "ann@one.test") as ann, Mailbox(two, "bob@two.test") as bob_mail:
        submit(one, "bob@two.test")
        bob_mail.wait(1)
        [report] = ann.wait(1)
        assert report["Return-Path"] == "<>"
        assert report["From"] == "Mail delivery <postmaster@mx.two.test>"
        assert report["To"] == "<ann@one.test>"
        with existing(two.config) as directory:
            sender = srs.forward("ann@one.test", "two.test", directory.forwarding_key, time.time())
        with smtplib.SMTP("127.0.0.12", two.config.outbound.port) as smtp:
            smtp.ehlo("x.test")
            smtp.mail("spam@else.test")
            assert smtp.rcpt(sender)[0] == 550  # only reports go that way
            smtp.rset()
            smtp.sendmail("", [sender], "Subject: late report\r\n\r\n")
        assert ann.wait(2)[1]["Subject"] == "late report"


def test_nobody_sends_as_somebody_else(pair: Any) -> None:
    one, _, _ = pair
    with existing(one.config) as directory:
        routes.add_alias(directory, "info@one.test", ["ann@one.test"])
    code, said = submit(one, "bob@two.test", content=b"From: boss@one.test\r\n\r\n")
    assert (code, said) == (550, b"5.7.1 The message is from an address that is not yours")
    assert submit(one, "bob@two.test", content=b"From: a@one.test\r\nFrom: ann@one.test\r\n\r\n")[0] == 550
    assert (
        submit(one, "bob@two.test", sender="info@one.test", content=b"From: Info <info@one.test>\r\n\r\n")[0]
        == 250
    )
    with smtplib.SMTP(one.host, one.submission_port) as smtp:
        smtp.login("ann@one.test", PASSWORD)
        assert smtp.mail("boss@one.test")[0] == 550
    with smtplib.SMTP("127.0.0.11", int(one.config.outbound.port)) as smtp:
        smtp.ehlo("x.test")
        smtp.mail("ann@one.test")
        assert smtp.rcpt("bob@two.test") == (
            550,
            b"5.7.1 That is nobody here, and this server does not relay",
        )


def test_what_a_message_lacks_is_added_and_bcc_is_hidden(pair: Any) -> None:
    one, two, _ = pair
    with Mailbox(two, "bob@two.test") as bob:
        submit(
            one,
            "bob@two.test",
            content=b"Subject: x\nBcc: secret@one.test,\n other@one.test\nTo: bob@two.test\n\nhi\n",
        )
        [letter] = bob.wait(1)
        assert letter["From"] == "<ann@one.test>"
        assert letter["Date"]
        assert letter["Message-ID"].endswith("@mx.one.test>")
        assert letter["Bcc"] is None
        assert "other@" not in letter.as_string()
        assert letter["To"] == "bob@two.test"


def test_the_record_follows_a_message(pair: Any, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, _ = pair
    with Mailbox(two, "bob@two.test") as bob:
        _, said = submit(one, "bob@two.test")
        bob.wait(1)
    trace = said.decode().rpartition(" ")[2]
    wait_until_empty(one)
    for server, wanted, events in (
        (one, trace, ["arrived", "queued", "sent"]),
        (one, "<m1@one.test>", ["arrived", "queued", "sent"]),
    ):
        with opened(server.data) as db:
            while sorted(each.event for each in asking.record(db, wanted)) != events:
                threading.Event().wait(0.05)
            found = asking.record(db, wanted)
            assert {each.trace for each in found} == {trace}
            assert found[-1].text.startswith("mx.two.test: 250 2.1.5 Taken as ") or "250" in found[-1].text


def wait_until_empty(server: MailServer) -> None:
    with opened(server.data) as db:
        while asking.numbers(db):
            threading.Event().wait(0.05)


def test_a_host_that_is_down_is_tried_again(pair: Any) -> None:
    one, two, zone = pair
    zone.hosts["mx.two.test"] = ["127.0.0.13"]  # nobody is there
    submit(one, "bob@two.test")
    with opened(one.data) as db:
        while not (found := asking.entries(db))[0].recipients[0].reply:
            threading.Event().wait(0.05)
        [waiting] = found[0].recipients
        assert waiting.attempts == 1
        assert "4.4.1" in waiting.reply
        zone.hosts["mx.two.test"] = ["127.0.0.13", "127.0.0.12"]  # the second address answers
        with db.transaction():
            asking.retry(db, found[0].letter.id, 0)
    bell.ring(one.data)
    with Mailbox(two, "bob@two.test") as bob:
        assert bob.wait(1)[0]["Subject"] == "hello"


def test_an_undo_window_and_limits() -> None:
    with neighbours(submission=Submission(undo=600, messages_per_hour=2, recipients_per_hour=3)) as (
        one,
        two,
        _,
    ):
        assert submit(one, "bob@two.test", "ann@one.test")[0] == 250
        with opened(one.data) as db:
            entries = asking.entries(db)
            assert {each.address for entry in entries for each in entry.recipients} == {
                "bob@two.test",
                "ann@one.test",
            }
            with db.transaction():
                for entry in entries:
                    asking.cancel(db, entry.letter.id, 0)
        wait_until_empty(one)
        assert submit(one, "bob@two.test", "ann@one.test") == (
            450,
            b"4.7.1 You have sent as much as you may in an hour",
        )
        assert submit(one, "bob@two.test")[0] == 250
        assert submit(one, "bob@two.test")[0] == 450
        for server, address in ((one, "ann@one.test"), (two, "bob@two.test")):
            with Mailbox(server, address) as mailbox:
                assert mailbox.count() == 0


def test_a_copy_goes_to_sent_where_that_is_wanted() -> None:
    with neighbours(submission=Submission(copy_to_sent=True)) as (one, _, _):
        submit(one, "bob@two.test")
        with Mailbox(one, "ann@one.test", "Sent") as sent:
            [copy] = sent.all()
            assert copy["Subject"] == "hello"
            assert copy["Return-Path"] is None


def test_a_smarthost_takes_everything_after_a_login() -> None:
    with MailServer() as two:
        two.add_account("ann@one.test", PASSWORD)
        two.add_account("bob@two.test", PASSWORD)
        smarthost = Smarthost("127.0.0.1", two.submission_port, "required", "ann@one.test", PASSWORD)
        with MailServer(Config(outbound=Outbound((smarthost,)))) as one:
            one.add_account("ann@one.test", PASSWORD)
            with Mailbox(two, "bob@two.test") as bob:
                assert submit(one, "bob@two.test")[0] == 250
                [letter] = bob.wait(1)
                assert "with ESMTPSA" in letter["Received"]
            one.check()
        two.check()


def test_who_asks_for_a_trace_hears_of_each_relay(pair: Any) -> None:
    # RFC 2852 4.1.4: without NOTIFY=SUCCESS too
    one, two, _ = pair
    with Mailbox(one, "ann@one.test") as ann, Mailbox(two, "bob@two.test") as bob:
        with smtplib.SMTP(one.host, one.submission_port, timeout=30) as smtp:
            smtp.login("ann@one.test", PASSWORD)
            smtp.ehlo()
            assert smtp.mail("ann@one.test", ["BY=3600;RT", "MT-PRIORITY=3"])[0] == 250
            assert smtp.rcpt("bob@two.test")[0] == 250
            assert smtp.data(LETTER)[0] == 250
        [report] = ann.wait(1)
        _, status, _ = report.get_payload()  # type: ignore[misc]
        about, recipient = status.get_payload()  # type: ignore[union-attr]
        assert (recipient["Action"], recipient["Remote-MTA"]) == ("relayed", "dns; mx.two.test")
        assert about["Deliver-By-Date"]
        [letter] = bob.wait(1)
        assert " PRIORITY 3;" in letter.get_all("Received")[1]


def test_held_mail_is_seen_and_cancelled(pair: Any) -> None:
    one, _, _ = pair
    with smtplib.SMTP(one.host, one.submission_port, timeout=30) as smtp:
        smtp.login("ann@one.test", PASSWORD)
        smtp.ehlo()
        assert smtp.esmtp_features["futurerelease"].startswith("7776000 ")
        smtp.mail("ann@one.test", ["HOLDUNTIL=2090-01-01T00:00:00Z"])
        assert smtp.mail("ann@one.test", ["HOLDFOR=3600"])[0] == 250
        assert smtp.rcpt("ann@one.test")[0] == 250
        assert smtp.data(LETTER)[0] == 250
    with opened(one.data) as db:
        [entry] = asking.entries(db)
        hold = entry.letter.wishes.hold
        assert hold is not None
        assert hold.asked == "for;3600"
        assert [each.due_at for each in entry.recipients] == [hold.until]
        with db.transaction():
            assert asking.cancel(db, entry.letter.id, 0)[0] == 1
        assert asking.entries(db) == []
