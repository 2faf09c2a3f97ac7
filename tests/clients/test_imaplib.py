"""Python's own imaplib: the oldest client there is."""

import imaplib
import ssl
import time

import pytest

from tests.oracle import PASSWORD
from tests.places import Place

LETTER = b"Subject: one\r\nFrom: a@example.test\r\n\r\nhello\r\n"


def test_the_eight_commands(place: Place) -> None:
    address = place.account()
    with imaplib.IMAP4(place.host, place.imap) as client:
        assert client.login(address, PASSWORD)[0] == "OK"
        for number in range(3):
            assert client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), LETTER)[0] == "OK", (
                number
            )
        assert client.select("INBOX") == ("OK", [b"3"])
        assert client.fetch("1", "(RFC822)")[1][0][1] == LETTER
        assert client.store("2", "+FLAGS", "\\Deleted")[0] == "OK"
        assert client.search(None, "DELETED") == ("OK", [b"2"])
        assert client.create("Copies")[0] == "OK"
        assert client.copy("1:3", "Copies")[0] == "OK"
        assert client.expunge() == ("OK", [b"2"])
        assert client.status("Copies", "(MESSAGES)") == ("OK", [b"Copies (MESSAGES 3)"])
        assert client.uid("SEARCH", "ALL")[1] == [b"1 3"]
        assert client.close()[0] == "OK"
        assert client.logout()[0] == "BYE"


def test_mailboxes(place: Place) -> None:
    address = place.account()
    with imaplib.IMAP4(place.host, place.imap) as client:
        client.login(address, PASSWORD)
        assert client.create('"with space"')[0] == "OK"
        assert client.rename('"with space"', "Other")[0] == "OK"
        assert client.subscribe("Other")[0] == "OK"
        assert any(b"Other" in line for line in client.lsub()[1])
        assert any(b"Other" in line for line in client.list()[1])
        assert client.namespace()[1] == [b'(("" "/")) NIL NIL']
        assert client.delete("Other")[0] == "OK"
        assert client.noop()[0] == "OK"


def test_starttls_and_plain(place: Place) -> None:
    address = place.account()
    context = ssl.create_default_context(cafile=place.certificate)
    with imaplib.IMAP4("localhost", place.imap) as client:
        assert client.starttls(context)[0] == "OK"
        response = f"\0{address}\0{PASSWORD}".encode()
        assert client.authenticate("PLAIN", lambda _: response)[0] == "OK"
    with imaplib.IMAP4_SSL("localhost", place.imaps, ssl_context=context) as client:
        assert client.login(address, PASSWORD)[0] == "OK"


def test_a_wrong_password(place: Place) -> None:
    address = place.account()
    with imaplib.IMAP4(place.host, place.imap) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login(address, "wrong")
        assert client.login(address, PASSWORD)[0] == "OK"
