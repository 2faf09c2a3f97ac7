"""A server that judges the mail it is brought: from its configuration to what a mail client sees."""

import imaplib
import smtplib
from pathlib import Path

import pytest

from tests.app.dns_server import dns_thread
from tests.app.process import CONFIG, running
from tests.filter.auth.test_dkim import ED, MESSAGE, record, signed

ZONE = {
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject"'],
    ("s1._domainkey.example.org", "TXT"): [f'"{record(ED)}"'],
    ("example.org", "A"): ["192.0.2.1"],
}


@pytest.mark.parametrize("on", [False, True])
def test_findings_are_in_the_message_where_it_is_switched_on(tmp_path: Path, on: bool) -> None:
    with dns_thread(ZONE) as address:
        text = CONFIG.replace("unix:run/lmtp", "127.0.0.1:0")
        if on:
            text = f'dns = ["{address}"]\n{text}[authentication]\nlmtp = true\n'
        (tmp_path / "pillarbox.toml").write_text(text)
        with running(tmp_path) as server:
            account = server.about["account"]
            with smtplib.LMTP("127.0.0.1", server.port("lmtp"), local_hostname="here.test") as lmtp:
                lmtp.sendmail("kim@example.org", [account["address"]], signed(MESSAGE, ED))
            with imaplib.IMAP4("127.0.0.1", server.port("imap")) as imap:
                imap.login(account["address"], account["password"])
                imap.select("INBOX")
                _, found = imap.fetch("1", "(BODY[HEADER.FIELDS (AUTHENTICATION-RESULTS)])")
            assert server.stop() == 0
    line = found[0]
    assert isinstance(line, tuple)
    assert (b"mail.example.test;" in line[1]) is on
    assert (b"dkim=pass header.d=example.org" in line[1]) is on
    assert (b"dmarc=pass header.from=example.org" in line[1]) is on
