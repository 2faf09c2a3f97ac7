"""IMAPClient: it parses every ENVELOPE and BODYSTRUCTURE it is sent."""

from datetime import UTC, datetime

from imapclient import IMAPClient

from tests.oracle import PASSWORD
from tests.places import Place

LETTER = (
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nSubject: greetings\r\nFrom: Ann <ann@example.test>\r\n"
    b"To: b@example.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\ntext\r\n--x\r\nContent-Type: image/png; name=a.png\r\n\r\nAAAA\r\n--x--\r\n"
)


def test_the_eight_commands(place: Place) -> None:
    address = place.account()
    client = IMAPClient(place.host, place.imap, ssl=False)
    client.login(address, PASSWORD)
    client.append("INBOX", LETTER, flags=[b"\\Flagged"], msg_time=datetime(2020, 1, 2, tzinfo=UTC))
    client.append("INBOX", LETTER)
    assert client.select_folder("INBOX")[b"EXISTS"] == 2
    data = client.fetch([1], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE"])[1]
    assert data[b"ENVELOPE"].subject == b"greetings"
    assert data[b"ENVELOPE"].from_[0].mailbox == b"ann"
    assert data[b"BODYSTRUCTURE"].is_multipart
    assert data[b"RFC822.SIZE"] == len(LETTER)
    assert b"\\Flagged" in data[b"FLAGS"]
    assert client.search(["FROM", "ann", "FLAGGED"]) == [1]
    client.add_flags([2], [b"\\Deleted", b"Keyword"])
    assert set(client.get_flags([2])[2]) >= {b"\\Deleted", b"Keyword"}
    client.create_folder("Kept")
    client.copy([1], "Kept")
    client.expunge()
    assert client.search() == [1]
    client.logout()


def test_the_rest(place: Place) -> None:
    address = place.account()
    with IMAPClient(place.host, place.imap, ssl=False) as client:
        client.login(address, PASSWORD)
        client.append("INBOX", LETTER)
        client.create_folder("Entwürfe")
        client.subscribe_folder("Entwürfe")
        assert "Entwürfe" in [name for _, _, name in client.list_sub_folders()]
        client.select_folder("INBOX")
        client.move([1], "Entwürfe")
        assert client.folder_status("Entwürfe", ["MESSAGES", "UNSEEN"]) == {b"MESSAGES": 1, b"UNSEEN": 1}
        assert client.namespace().personal == (("", "/"),)
        assert client.id_({"name": "test"}) is not None
        assert client.find_special_folder(b"\\Sent") in ("Sent", None)
        client.multiappend("INBOX", [LETTER, LETTER])
        assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 2}
        client.rename_folder("Entwürfe", "Fertig")
        client.delete_folder("Fertig")
        assert not client.folder_exists("Fertig")
        client.unselect_folder()


def test_idle(place: Place) -> None:
    address = place.account()
    with place.client(address) as watching, place.client(address) as other:
        watching.select_folder("INBOX")
        watching.idle()
        other.append("INBOX", LETTER)
        seen: list[tuple[object, ...]] = []
        while (1, b"EXISTS") not in seen:
            came = watching.idle_check(timeout=10)
            assert came, "nothing was pushed"
            seen.extend(came)
        watching.idle_done()
