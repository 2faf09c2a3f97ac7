import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.esearch import Esearch, Returning, ReturnOption
from pillarbox.imap.wire.multisearch import Multisearch, Source, Which
from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.strings import REV1, REV2
from pillarbox.model.search import All, And, Sequence, Text

ALL = Search(All(), uid=True)

READ = [
    (b"ESEARCH ALL", Multisearch(ALL)),
    (b"esearch in (selected) ALL", Multisearch(ALL)),
    (b"ESEARCH IN (INBOXES) ALL", Multisearch(ALL, (Source(Which.INBOXES),))),
    (
        b'ESEARCH IN (mailboxes "folder1" subtree "folder2") ALL',
        Multisearch(ALL, (Source(Which.MAILBOXES, ("folder1",)), Source(Which.SUBTREE, ("folder2",)))),
    ),
    (
        b"ESEARCH IN (subtree-one (a inbox/b) personal subscribed) ALL",
        Multisearch(
            ALL,
            (
                Source(Which.SUBTREE_ONE, ("a", "INBOX/b")),
                Source(Which.PERSONAL),
                Source(Which.SUBSCRIBED),
            ),
        ),
    ),
    (
        b"ESEARCH IN (mailboxes {3}\r\na b) RETURN (COUNT) 1 TEXT x",
        Multisearch(
            Search(
                And((Sequence(((1, 1),)), Text("x"))),
                uid=True,
                returning=Returning(frozenset((ReturnOption.COUNT,))),
            ),
            (Source(Which.MAILBOXES, ("a b",)),),
        ),
    ),
]

REFUSED = [
    b"ESEARCH",
    b"ESEARCH IN ALL",
    b"ESEARCH IN () ALL",
    b"ESEARCH IN (selected)",
    b"ESEARCH IN (selected-delayed) ALL",
    b"ESEARCH IN (somewhere) ALL",
    b"ESEARCH IN (mailboxes) ALL",
    b"ESEARCH IN (mailboxes ()) ALL",
    b"ESEARCH IN (subtree a b) ALL",
    b"ESEARCH IN (selected (scope 1)) ALL",
    b"ESEARCH IN (selected) IN (selected) ALL",
    b"ESEARCH RETURN (COUNT) IN (selected) ALL",
    b"ESEARCH IN (" + b"selected " * 100 + b"selected) ALL",
    b"ESEARCH IN (mailboxes (" + b"a " * 600 + b"a) subtree (" + b"a " * 600 + b"a)) ALL",
    b"UID ESEARCH ALL",
]


@pytest.mark.parametrize(("written", "command"), READ)
def test_reads(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(
    ("name", "kind", "spelled"),
    [
        ("folder2/banana", REV1, b"folder2/banana"),
        ("two words", REV1, b'"two words"'),
        ("Entw\u00fcrfe", REV1, b"Entw&APw-rfe"),
        ("Entw\u00fcrfe", REV2, b'"Entw\xc3\xbcrfe"'),
    ],
)
def test_the_response_names_its_mailbox(name, kind, spelled):
    response = Esearch(b"tag1", True, all=((1, 2),), source=(name, 503))
    assert encode(response, kind) == (
        b'* ESEARCH (TAG "tag1" MAILBOX %b UIDVALIDITY 503) UID ALL 1:2\r\n' % spelled
    )
