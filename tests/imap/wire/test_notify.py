import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.notify import Event, EventGroup, Filter, Notify
from pillarbox.imap.wire.response import BadEvent, Mark, no, ok
from pillarbox.imap.wire.strings import REV1
from pillarbox.message.section import Section

BOTH = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE))
ALL = BOTH | {Event.FLAG_CHANGE}
FROM = Item("SECTION", b"BODY[HEADER.FIELDS (from)]", Section((), "HEADER.FIELDS", (b"from",)))

COMMANDS = [
    (b"NOTIFY NONE", Notify(None)),
    (b"notify none", Notify(None)),
    (b"NOTIFY SET (selected NONE)", Notify((EventGroup(Filter.SELECTED, frozenset()),))),
    (
        b"NOTIFY SET STATUS (selected (MessageNew (uid body.peek[header.fields (from)]) MessageExpunge))"
        b" (subtree Lists (messagenew MESSAGEEXPUNGE))",
        Notify(
            (
                EventGroup(Filter.SELECTED, BOTH, items=FetchItems((Item("UID", b"UID"), FROM))),
                EventGroup(Filter.SUBTREE, BOTH, ("Lists",)),
            ),
            status=True,
        ),
    ),
    (
        b"NOTIFY SET (Selected-Delayed (FlagChange MessageExpunge MessageNew)) (personal (MailboxName))",
        Notify(
            (
                EventGroup(Filter.SELECTED_DELAYED, ALL),
                EventGroup(Filter.PERSONAL, frozenset((Event.MAILBOX_NAME,))),
            )
        ),
    ),
    (
        b'NOTIFY SET (mailboxes (a "b c") (SubscriptionChange)) (inboxes NONE) (subscribed (MailboxName))',
        Notify(
            (
                EventGroup(Filter.MAILBOXES, frozenset((Event.SUBSCRIPTION_CHANGE,)), ("a", "b c")),
                EventGroup(Filter.INBOXES, frozenset()),
                EventGroup(Filter.SUBSCRIBED, frozenset((Event.MAILBOX_NAME,))),
            )
        ),
    ),
    (
        b"NOTIFY SET (mailboxes {3}\r\nx&y NONE)",
        Notify((EventGroup(Filter.MAILBOXES, frozenset(), ("x&y",)),)),
    ),
    # RFC 5465 3.1: events that nobody knows are told apart, not refused as syntax.
    (
        b"NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange x-new MailboxName))",
        Notify(
            (EventGroup(Filter.PERSONAL, frozenset((Event.MAILBOX_NAME,))),),
            unsupported=("MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE", "X-NEW"),
        ),
    ),
    (
        b"NOTIFY SET (selected (MessageNew MessageExpunge AnnotationChange))",
        Notify((EventGroup(Filter.SELECTED, BOTH),), unsupported=("ANNOTATIONCHANGE",)),
    ),
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    utf8 = b"{" in written
    reads(written, command, utf8)


@pytest.mark.parametrize(
    "written",
    [
        b"NOTIFY",
        b"NOTIFY SET",
        b"NOTIFY SET STATUS",
        b"NOTIFY NONE SET",
        b"NOTIFY SET selected NONE",
        b"NOTIFY SET (selected)",
        b"NOTIFY SET (selected ())",
        b"NOTIFY SET (selected MessageNew MessageExpunge)",
        b"NOTIFY SET (elsewhere NONE)",
        b"NOTIFY SET (mailboxes NONE)",
        b"NOTIFY SET (mailboxes () NONE)",
        b"NOTIFY SET (personal (MessageNew))",
        b"NOTIFY SET (personal (MessageExpunge))",
        b"NOTIFY SET (personal (FlagChange))",
        b"NOTIFY SET (personal (AnnotationChange))",
        b"NOTIFY SET (personal (MessageNew (uid) MessageExpunge))",
        b"NOTIFY SET (selected (MessageNew () MessageExpunge))",
        b"NOTIFY SET (selected (MessageNew (nothing) MessageExpunge))",
        b"NOTIFY SET (selected (MailboxName))",
        b"NOTIFY SET (selected-delayed (ServerMetadataChange))",
        b"NOTIFY SET (selected NONE) (selected-delayed NONE)",
        b"NOTIFY SET (selected NONE) (selected NONE)",
        b"NOTIFY SET " + b" ".join([b"(personal NONE)"] * 101),
        b"NOTIFY SET (personal (" + b" ".join([b"MailboxName"] * 21) + b"))",
        b"NOTIFY SET (mailboxes (" + b" ".join([b"a"] * 1001) + b") NONE)",
    ],
)
def test_refused(refuses, written):
    refuses(written)


def test_codes():
    assert encode(no(b"a", "x", BadEvent(("MessageNew", "FlagChange"))), REV1) == (
        b"a NO [BADEVENT (MessageNew FlagChange)] x\r\n"
    )
    assert encode(ok(None, "x", Mark.NOTIFICATIONOVERFLOW), REV1) == b"* OK [NOTIFICATIONOVERFLOW] x\r\n"
