import imaplib
from random import Random

from pillarbox.testing import MailServer
from tests.fuzz.storm import ADDRESS, IMAP, LMTP, PASSWORD, play, storm

ROUNDS = 60


def test_the_dialogues_are_right_before_they_are_mangled(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    for dialogue in IMAP:
        heard = play(mail_server.host, mail_server.imap_port, dialogue, Random(1))
        assert b" BAD " not in heard, heard
        assert heard.count(b"OK ") >= 2, heard
    for dialogue in LMTP[:2]:
        heard = play(mail_server.host, mail_server.lmtp_port, dialogue, Random(1))
        assert b"\r\n250 2.1.5" in heard, heard


def test_nothing_anybody_says_breaks_the_server(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    random = Random(2)
    for _ in range(ROUNDS):
        storm(mail_server, random)
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap:
        imap.login(ADDRESS, PASSWORD)
        imap.select("INBOX")
