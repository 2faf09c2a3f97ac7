"""Python's own imaplib: the oldest client there is."""

import imaplib
import ssl
import time
import zlib

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


class Deflated(imaplib.IMAP4):
    """imaplib with COMPRESS: everything that goes through its socket goes through zlib as well."""

    def compress(self) -> None:
        assert self.xatom("COMPRESS", "DEFLATE")[0] == "OK"
        self.packer, self.unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
        self.came = b""

    def send(self, data: bytes) -> None:
        if hasattr(self, "packer"):
            data = self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        super().send(data)

    def _until(self, size: int, end: bytes) -> bytes:
        while len(self.came) < size and (not end or end not in self.came):
            got = self.sock.recv(4096)
            assert got
            self.came += self.unpacker.decompress(got)
        if end:
            size = self.came.index(end) + len(end)
        out, self.came = self.came[:size], self.came[size:]
        return out

    def read(self, size: int) -> bytes:
        return self._until(size, b"") if hasattr(self, "unpacker") else super().read(size)

    def readline(self) -> bytes:
        return self._until(1 << 30, b"\n") if hasattr(self, "unpacker") else super().readline()


@pytest.mark.parametrize("tls", [False, True])
def test_compressed(place: Place, tls: bool) -> None:
    address = place.account()
    letter = LETTER + b"".join(b"line %d of many\r\n" % n for n in range(20_000))
    with Deflated("localhost" if tls else place.host, place.imap) as client:
        if tls:
            assert client.starttls(ssl.create_default_context(cafile=place.certificate))[0] == "OK"
        assert client.login(address, PASSWORD)[0] == "OK"
        if "COMPRESS=DEFLATE" not in client.capability()[1][0].decode():
            pytest.skip(f"{place.name} does not compress")
        client.compress()
        for _ in range(3):
            assert client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), letter)[0] == "OK"
        assert client.select("INBOX") == ("OK", [b"3"])
        got = client.fetch("1:3", "(BODY.PEEK[])")[1]
        assert [one[1] for one in got if isinstance(one, tuple)] == [letter] * 3
        with place.client(address) as other:
            other.append("INBOX", LETTER)
        assert client.noop()[0] == "OK"
        assert client.response("EXISTS")[1][-1] == b"4"
