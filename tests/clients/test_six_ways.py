"""Three neighbours that believe each other: two servers of ours and Postfix with OpenDKIM.

one.test, two.test and pf.test have MX, SPF, DKIM and DMARC, which a DNS server says, and mail goes each of
the six ways, by STARTTLS, from the address that the sender's SPF names. Who receives judges.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from pillarbox.app.config import Authentication, Config, Listen, Outbound
from pillarbox.delivery import inside
from pillarbox.delivery.signing.keys import Keys
from pillarbox.filter.auth.dkim.body import Bodies
from pillarbox.filter.auth.dkim.sign import FORM, sign
from pillarbox.filter.auth.fields import split
from pillarbox.testing.server import MailServer
from tests.app.dns_server import dns_thread
from tests.app.test_sending import Mailbox
from tests.clients.opendkim import OpenDkim
from tests.clients.postfix import ADDRESS as PF
from tests.clients.postfix import DOMAIN, Postfix
from tests.filter.auth.test_dkim import record
from tests.oracle import PASSWORD
from tests.zone import HOSTS, common_port

ONE, TWO = HOSTS["mx.one.test"], HOSTS["mx.two.test"]
AT = {"one.test": ONE, "two.test": TWO, DOMAIN: PF}
KIM = f"kim@{DOMAIN}"
KEY = generate_private_key(65537, 2048)


def zone() -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for domain, address in AT.items():
        found |= {
            (domain, "MX"): [f"10 mx.{domain}."],
            (f"mx.{domain}", "A"): [address],
            (domain, "TXT"): ['"v=spf1 mx -all"'],
            (f"mx.{domain}", "TXT"): ['"v=spf1 a -all"'],
            (f"_dmarc.{domain}", "TXT"): ['"v=DMARC1; p=reject"'],
            (f"s1._domainkey.{domain}", "TXT"): [_strings(record(KEY))],
        }
    return found


def _strings(text: str) -> str:
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def _joined(strings: str) -> str:
    return strings.replace('" "', "").strip('"')


@dataclass(frozen=True)
class Neighbours:
    one: MailServer
    two: MailServer
    postfix: Postfix

    def send(self, sender: str, to: str, content: bytes, claimed: str = "") -> None:
        """By the server of the sender's domain, as its people do; or with another sender's name."""
        server = {"one.test": self.one, "two.test": self.two}.get(sender.partition("@")[2])
        if server is None:
            with smtplib.SMTP(PF, self.postfix.port) as smtp:
                smtp.sendmail(claimed or sender, [to], content)
        else:
            with smtplib.SMTP(server.host, server.submission_port) as smtp:
                smtp.login(sender, PASSWORD)
                smtp.sendmail(sender, [to], content)


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    port, names = common_port(), zone()
    with (
        # Everybody is on loopback here, which is nobody that SPF speaks of elsewhere.
        pytest.MonkeyPatch.context() as patch,
        dns_thread(names) as dns,
        MailServer(_config("mx.one.test", ONE, port, dns)) as one,
        MailServer(_config("mx.two.test", TWO, port, dns)) as two,
    ):
        patch.setattr(inside, "_INSIDE", ())
        one.add_account("ann@one.test", PASSWORD)
        two.add_account("bob@two.test", PASSWORD)
        for server, domain in ((one, "one.test"), (two, "two.test")):
            keys = Keys(server.data)
            for each in keys.rotate(domain, time.time(), at_once=True):
                made = keys.record(domain, each.selector)
                names[made.name, "TXT"] = [_strings(made.value)]
        published = {name: _joined(values[0]) for (name, _), values in names.items() if "_domainkey" in name}
        with (
            OpenDkim(DOMAIN, "s1", KEY, published, f"mx.{DOMAIN}") as opendkim,
            Postfix(
                port,
                {"one.test": ONE, "two.test": TWO},
                f"smtpd_milters = inet:127.0.0.1:{opendkim.port}\n"
                f"virtual_alias_maps = inline:{{ {{ gone@{DOMAIN} = nobody@one.test }} }}\n",
            ) as postfix,
        ):
            yield Neighbours(one, two, postfix)
        one.check()
        two.check()


def _config(name: str, address: str, port: int, dns: str) -> Config:
    return Config(
        hostname=name,
        listen=Listen(smtp=f"{address}:{port}"),
        outbound=Outbound(port=port, source=(address,)),
        authentication=Authentication(smtp=True, spf="quarantine"),
        dns=(dns,),
    )


def letter(sender: str, to: str, subject: str) -> bytes:
    return (
        f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
        f"Message-ID: <{subject}@{sender.partition('@')[2]}>\r\n\r\nhello\r\n.dot\r\n"
    ).encode()


def broken(content: bytes, domain: str) -> bytes:
    """Signed by that domain, and changed afterwards."""
    bodies = Bodies((FORM,))
    header, _, body = content.partition(b"\r\n\r\n")
    bodies.feed(body)
    hashed = bodies.hashes()[FORM]
    field = sign(split(header + b"\r\n\r\n"), hashed, domain=domain, selector="s1", key=KEY, now=time.time())
    return field + content.replace(b"hello\r\n", b"hallo\r\n")


def findings(message: Message) -> str:
    """What the receiver wrote, on one line."""
    return " ".join(str(message["Authentication-Results"]).split())


def at_ours(server: MailServer, address: str, subject: str, mailbox: str = "INBOX") -> Message:
    with Mailbox(server, address, mailbox) as box:
        while True:
            count = box.count()
            for each in box.all() if count else ():
                if each["Subject"] == subject:
                    return each
            box.wait(count + 1)


def at_postfix(postfix: Postfix, subject: str) -> Message:
    count = 1
    while True:
        for each in map(message_from_bytes, postfix.letters(count)):
            if each["Subject"] == subject:
                return each
        count = len(postfix.letters(0)) + 1


@pytest.mark.parametrize("sender", ["ann@one.test", KIM])
def test_to_two(neighbours: Neighbours, sender: str) -> None:
    _arrives_at_ours(neighbours, neighbours.two, "bob@two.test", sender)


@pytest.mark.parametrize("sender", ["bob@two.test", KIM])
def test_to_one(neighbours: Neighbours, sender: str) -> None:
    _arrives_at_ours(neighbours, neighbours.one, "ann@one.test", sender)


def _arrives_at_ours(neighbours: Neighbours, server: MailServer, to: str, sender: str) -> None:
    domain = sender.partition("@")[2]
    subject = f"from-{domain}-to-{to.partition('@')[2]}"
    neighbours.send(sender, to, letter(sender, to, subject))
    got = at_ours(server, to, subject)
    assert f"from mx.{domain}" in got["Received"]
    assert "with ESMTPS" in got["Received"]
    said = findings(got)
    assert said.startswith(server.config.hostname)
    assert f"spf=pass smtp.mailfrom={sender}" in said
    assert f"dkim=pass header.d={domain}" in said
    assert f"dmarc=pass header.from={domain}" in said
    assert got["Received-SPF"].startswith("pass")
    assert got.get_payload() == "hello\r\n.dot\r\n"


@pytest.mark.parametrize("sender", ["ann@one.test", "bob@two.test"])
def test_to_postfix(neighbours: Neighbours, sender: str) -> None:
    domain = sender.partition("@")[2]
    subject = f"from-{domain}-to-{DOMAIN}"
    neighbours.send(sender, KIM, letter(sender, KIM, subject))
    got = at_postfix(neighbours.postfix, subject)
    assert got["Return-Path"] == f"<{sender}>"
    assert f"from mx.{domain}" in got["Received"]
    assert "using TLSv1.3" in got["Received"]
    assert "with ESMTPS" in got["Received"]
    assert "dkim=pass" in findings(got)
    assert f"header.d={domain}" in findings(got)


def test_who_sends_for_another_is_found_out(neighbours: Neighbours) -> None:
    # From Postfix' address, whose OpenDKIM has no key of one.test.
    content = letter("ann@one.test", "bob@two.test", "forged")
    neighbours.send(KIM, "bob@two.test", content, claimed="ann@one.test")
    with Mailbox(neighbours.two, "bob@two.test") as inbox:
        neighbours.send(KIM, "bob@two.test", letter(KIM, "bob@two.test", "after-it"))
        at_ours(neighbours.two, "bob@two.test", "after-it")
        assert "forged" not in [each["Subject"] for each in inbox.all()]
    got = at_ours(neighbours.two, "bob@two.test", "forged", "Junk")
    said = findings(got)
    assert "spf=fail smtp.mailfrom=ann@one.test" in said
    assert "dmarc=fail header.from=one.test" in said


def test_a_signature_that_does_not_fit_is_found_out_by_both(neighbours: Neighbours) -> None:
    port = neighbours.postfix.port
    for host, to, subject in ((TWO, "bob@two.test", "broken-at-two"), (PF, KIM, "broken-at-pf")):
        content = broken(letter("ann@one.test", to, subject), "one.test")
        with smtplib.SMTP(host, port, "mx.one.test", source_address=(ONE, 0)) as smtp:
            smtp.sendmail("ann@one.test", [to], content)
    said = findings(at_ours(neighbours.two, "bob@two.test", "broken-at-two"))
    assert "dkim=fail" in said
    assert "spf=pass" in said
    assert "dmarc=pass" in said  # by SPF
    assert "dkim=fail" in findings(at_postfix(neighbours.postfix, "broken-at-pf"))


@pytest.mark.parametrize("to", ["nobody@two.test", f"nobody@{DOMAIN}"])
def test_what_is_refused_comes_back(neighbours: Neighbours, to: str) -> None:
    with Mailbox(neighbours.one, "ann@one.test") as ann:
        before = ann.count()
        neighbours.send("ann@one.test", to, letter("ann@one.test", to, "for-nobody"))
        report = ann.wait(before + 1)[-1]
        assert report.get_content_type() == "multipart/report"
        assert report["Return-Path"] == "<>"
        assert f"Final-Recipient: rfc822; {to}" in report.as_string()


def test_what_postfix_cannot_deliver_comes_back_from_it(neighbours: Neighbours) -> None:
    # Postfix takes it, one.test refuses, and the report is judged by the name in HELO.
    with Mailbox(neighbours.two, "bob@two.test") as bob:
        before = bob.count()
        to = f"gone@{DOMAIN}"
        neighbours.send("bob@two.test", to, letter("bob@two.test", to, "for-somebody-gone"))
        report = bob.wait(before + 1)[-1]
    assert report["Return-Path"] == "<>"
    assert "nobody@one.test" in report.as_string()
    assert f"spf=pass smtp.helo=mx.{DOMAIN}" in findings(report)


def test_what_we_refuse_comes_back_to_postfix(neighbours: Neighbours) -> None:
    neighbours.send(KIM, "nobody@two.test", letter(KIM, "nobody@two.test", "for-nobody-at-two"))
    report = at_postfix(neighbours.postfix, "Undelivered Mail Returned to Sender")
    assert "for-nobody-at-two" in report.as_string()
