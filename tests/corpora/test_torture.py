"""Every broken message is served as well as possible: parsed by a client, searched, read part by part."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

import pytest
from imapclient import IMAPClient

from pillarbox.testing.server import MailServer
from tests import corpus
from tests.corpora.client import Client
from tests.corpora.test_round_trip import appended
from tests.oracle import PASSWORD

ADDRESS = "torture@example.test"


@pytest.fixture(scope="module")
def filled(server: MailServer) -> Iterator[tuple[MailServer, tuple[corpus.Mail, ...]]]:
    mails = corpus.mails("torture")
    server.add_account(ADDRESS, PASSWORD)
    with Client(server.host, server.imap_port, ADDRESS) as client:
        appended(client, [mail.raw for mail in mails], binary=True)
    yield server, mails


Filled = tuple[MailServer, tuple[corpus.Mail, ...]]


def test_a_client_parses_every_envelope_and_structure(filled: Filled) -> None:
    server, mails = filled
    with IMAPClient(server.host, server.imap_port, ssl=False, timeout=60) as client:
        client.login(ADDRESS, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        items = ["ENVELOPE", "BODYSTRUCTURE", "BODY", "INTERNALDATE", "FLAGS", "RFC822.SIZE"]
        bad = []
        for start in range(1, len(mails) + 1, 200):
            numbers = f"{start}:{min(start + 199, len(mails))}"
            for uid, data in client.fetch(numbers, items).items():
                if not all(item.encode() in data for item in items):
                    bad.append(mails[uid - 1].path)
    assert bad == []


def test_every_message_is_searched(filled: Filled) -> None:
    """A word of each message's own Subject or body finds it; nothing is answered BAD, NO or SERVERBUG."""
    server, mails = filled
    with Client(server.host, server.imap_port, ADDRESS) as client:
        client.ok(b"EXAMINE INBOX")
        for key in (b"TEXT", b"BODY", b"SUBJECT", b"FROM"):
            client.ok(b'SEARCH %b "zzz no message says this zzz"' % key)
        (found,) = client.ok(b"SEARCH TEXT e")
        assert len(found[0].split()) - 2 > len(mails) * 0.95
        client.ok(b"SEARCH OR SENTBEFORE 1-Jan-2000 SENTSINCE 1-Jan-2000")
        client.ok(b"SEARCH HEADER Content-Type boundary")


def test_every_part_of_every_message_is_read(filled: Filled) -> None:
    """Each part BODYSTRUCTURE names, its MIME header and its decoded octets, up to a bound a message."""
    server, mails = filled
    with (
        IMAPClient(server.host, server.imap_port, ssl=False, timeout=60) as looking,
        Client(server.host, server.imap_port, ADDRESS) as client,
    ):
        looking.login(ADDRESS, PASSWORD)
        looking.select_folder("INBOX", readonly=True)
        client.ok(b"EXAMINE INBOX")
        for start in range(1, len(mails) + 1, 200):
            numbers = f"{start}:{min(start + 199, len(mails))}"
            for uid, data in looking.fetch(numbers, ["BODYSTRUCTURE"]).items():
                sections = sorted(parts(data[b"BODYSTRUCTURE"]))[:20]
                wanted = b" ".join(b"BODY.PEEK[%b] BODY.PEEK[%b.MIME]" % (each, each) for each in sections)
                client.ok(b"FETCH %d (BODY.PEEK[HEADER] BODY.PEEK[TEXT] %b)" % (uid, wanted))


def parts(structure: object, path: bytes = b"") -> Iterator[bytes]:
    """The section numbers a BODYSTRUCTURE, as IMAPClient reads it, offers."""
    assert isinstance(structure, tuple)
    if children := children_of(structure):
        for number, child in enumerate(children, 1):
            yield from parts(child, path + b"%d." % number)
        return
    yield (path or b"1.")[:-1]
    if structure[0].lower() == b"message" and structure[1].lower() == b"rfc822" and len(structure) > 8:
        inner = structure[8]
        yield from parts(inner, (path or b"1.") if children_of(inner) else (path or b"1.") + b"1.")


def children_of(structure: tuple[object, ...]) -> list[object]:
    """IMAPClient gathers the parts of a multipart in a list, but not inside a message/rfc822."""
    if isinstance(structure[0], list):
        return structure[0]
    return list(takewhile(lambda child: isinstance(child, tuple), structure))


def test_binary_decodes_or_says_it_cannot(filled: Filled) -> None:
    server, mails = filled
    with Client(server.host, server.imap_port, ADDRESS) as client:
        client.ok(b"EXAMINE INBOX")
        answers = {}
        for number, mail in enumerate(mails[::10], 1):
            tag = client._tag()
            client.socket.sendall(tag + b" FETCH %d BINARY.PEEK[1]\r\n" % ((number - 1) * 10 + 1))
            for pieces in client._responses():
                if pieces[0].startswith(tag):
                    answers[mail.path] = pieces[0].partition(b" ")[2]
                    break
    wrong = {
        path: answer
        for path, answer in answers.items()
        if not answer.startswith((b"OK", b"NO [UNKNOWN-CTE]"))
    }
    assert wrong == {}
