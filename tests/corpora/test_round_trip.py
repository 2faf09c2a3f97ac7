"""Bytes in are bytes out: every real message and every broken one, by MULTIAPPEND and FETCH."""

import pytest

from pillarbox.testing.server import MailServer
from tests import corpus
from tests.corpora.client import Client

HUNDRED = 100


def shown(message: bytes) -> bytes:
    """What BODY[] shows: NUL may not be in a string of the protocol, so 0x80 stands for it."""
    return message.replace(b"\0", b"\x80")


def appended(client: Client, messages: list[bytes], *, binary: bool = False) -> None:
    for start in range(0, len(messages), HUNDRED):
        client.append(b"INBOX", messages[start : start + HUNDRED], binary=binary)
    client.ok(b"SELECT INBOX")


def test_real_messages_come_back_octet_for_octet(server: MailServer, address: str) -> None:
    messages = corpus.real()
    with Client(server.host, server.imap_port, address) as client:
        appended(client, messages)
        back = client.literals(b"FETCH 1:* BODY.PEEK[]")
    assert [number for number, one in enumerate(messages, 1) if back[number] != one] == []


@pytest.mark.parametrize("crlf", [False, True], ids=["as they are", "with CRLF"])
def test_broken_messages_come_back_octet_for_octet(server: MailServer, address: str, crlf: bool) -> None:
    mails = corpus.mails("torture")
    messages = [corpus.as_delivered(mail.raw) if crlf else mail.raw for mail in mails]
    with Client(server.host, server.imap_port, address) as client:
        appended(client, messages, binary=True)
        back = client.literals(b"FETCH 1:* BODY.PEEK[]")
        sizes = client.ok(b"FETCH 1:* RFC822.SIZE")
    lost = [mail.path for number, mail in enumerate(mails, 1) if back[number] != shown(messages[number - 1])]
    assert lost == []
    assert [int(line[0].rpartition(b" ")[2][:-1]) for line in sizes] == [len(one) for one in messages]


def test_nul_is_kept_exactly(server: MailServer, address: str) -> None:
    """BINARY gives the octet that BODY may not (RFC 9051 6.4.5)."""
    body = b"a\0b\x80c"
    header = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    with Client(server.host, server.imap_port, address) as client:
        appended(client, [header + body], binary=True)
        assert client.literals(b"FETCH 1 BINARY.PEEK[1]") == {1: body}
        assert client.literals(b"FETCH 1 BODY.PEEK[]") == {1: shown(header + body)}
