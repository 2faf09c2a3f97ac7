import time

import pytest

from pillarbox.imap.wire.command import parse
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.list import (
    List,
    Listed,
    Lsub,
    MailboxStatus,
    ReturnOption,
    SelectOption,
    Status,
    StatusItem,
)
from pillarbox.imap.wire.strings import REV1, REV2, UTF8_ACCEPT
from pillarbox.model import names

SUBSCRIBED, REMOTE = SelectOption.SUBSCRIBED, SelectOption.REMOTE
RECURSIVE, SPECIAL = SelectOption.RECURSIVEMATCH, SelectOption.SPECIAL_USE


def extended(reference, *patterns, select=(), returns=(), status=()):
    return List(reference, patterns, frozenset(select), frozenset(returns), status, extended=True)


COMMANDS = [
    (b'LIST "" ""', List("", ("",))),
    (b'LIST "" *', List("", ("*",))),
    (b'list "" "%"', List("", ("%",))),
    (b"LIST ~/Mail/ %/x]*", List("~/Mail/", ("%/x]*",))),
    (b'LIST "" {3}\r\na%b', List("", ("a%b",))),
    (b'LIST "" "&AOQ-*"', List("", ("ä*",))),
    (b'LIST (SUBSCRIBED) "" "*"', extended("", "*", select=[SUBSCRIBED])),
    (b'LIST () "" "%" RETURN (CHILDREN)', extended("", "%", returns=[ReturnOption.CHILDREN])),
    (b'LIST (REMOTE subscribed) "" "%" RETURN ()', extended("", "%", select=[REMOTE, SUBSCRIBED])),
    (
        b'LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) "" "*"',
        extended("", "*", select=[SUBSCRIBED, RECURSIVE, REMOTE]),
    ),
    (b'LIST (RECURSIVEMATCH SPECIAL-USE) "" "*"', extended("", "*", select=[RECURSIVE, SPECIAL])),
    (b'LIST "" (INBOX "Drafts" Sent/%)', extended("", "INBOX", "Drafts", "Sent/%")),
    (b'LIST "" ("" %)', extended("", "", "%")),
    (b'LIST "" % RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)', extended("", "%", returns=list(ReturnOption))),
    (
        b'LIST "" % return (status (messages UNSEEN) children)',
        extended("", "%", returns=[ReturnOption.CHILDREN], status=(StatusItem.MESSAGES, StatusItem.UNSEEN)),
    ),
    (b'LSUB "" *', Lsub("", "*")),
    (b"LSUB #news. comp.mail.*", Lsub("#news.", "comp.mail.*")),
    (
        b"STATUS blurdybloop (UIDNEXT MESSAGES)",
        Status("blurdybloop", (StatusItem.UIDNEXT, StatusItem.MESSAGES)),
    ),
    (
        b"STATUS inbox (messages recent UNSEEN)",
        Status("INBOX", (StatusItem.MESSAGES, StatusItem.RECENT, StatusItem.UNSEEN)),
    ),
    (
        b"STATUS x (" + " ".join(item.value for item in StatusItem).lower().encode() + b")",
        Status("x", tuple(StatusItem)),
    ),
    (b'STATUS "x" (SIZE SIZE)', Status("x", (StatusItem.SIZE,))),
]

REFUSED = [
    b"LIST",
    b'LIST ""',
    b'LIST "" ',
    b'LIST "" ()',
    b'LIST "" (x',
    b'LIST "" x y',
    b'LIST "" x RETURN',
    b'LIST "" x RETURN CHILDREN',
    b'LIST "" x RETURN (STATUS)',
    b'LIST "" x RETURN (STATUS ())',
    b'LIST "" x RETURN (PARENTS)',
    b'LIST "" x FETCH (CHILDREN)',
    b'LIST (CHILDREN) "" x',
    b'LIST (RECURSIVEMATCH) "" x',
    b'LIST (RECURSIVEMATCH REMOTE) "" x',
    b'LIST (SUBSCRIBED)"" x',
    b'LIST "" "\xc3\xa4"',
    b'LIST "" &AOQ*-',
    b'LIST "" (' + b" ".join([b"x"] * 101) + b")",
    b'LIST "" ' + b"*a" * 21,
    b'LSUB "" (x)',
    b'LSUB () "" x',
    b"STATUS x",
    b"STATUS x ()",
    b"STATUS x MESSAGES",
    b"STATUS x (MESSAGES UNKNOWN)",
    b"STATUS x* (MESSAGES)",
]

RESPONSES = [
    (Listed("foo"), REV1, b'* LIST () "/" foo\r\n'),
    (Listed("", ("\\Noselect",)), REV1, b'* LIST (\\Noselect) "/" ""\r\n'),
    (
        Listed("INBOX", ("\\Marked", "\\HasNoChildren")),
        REV1,
        b'* LIST (\\Marked \\HasNoChildren) "/" INBOX\r\n',
    ),
    (Listed("a b"), REV1, b'* LIST () "/" "a b"\r\n'),
    (Listed("nil"), REV1, b'* LIST () "/" "nil"\r\n'),
    (Listed('q"\\'), REV1, b'* LIST () "/" "q\\"\\\\"\r\n'),
    (Listed("Müll & x"), REV1, b'* LIST () "/" "M&APw-ll &- x"\r\n'),
    (Listed("Müll & x"), REV2, '* LIST () "/" "Müll & x"\r\n'.encode()),
    (Listed("Müll"), UTF8_ACCEPT, '* LIST () "/" "Müll"\r\n'.encode()),
    (Listed("x", separator=None), REV1, b"* LIST () NIL x\r\n"),
    (Listed("x", ("\\Subscribed",), lsub=True), REV1, b'* LSUB (\\Subscribed) "/" x\r\n'),
    (Listed("Foo", child_info=(SUBSCRIBED,)), REV2, b'* LIST () "/" Foo ("CHILDINFO" ("SUBSCRIBED"))\r\n'),
    (Listed("New", old_name="Ält"), REV1, b'* LIST () "/" New ("OLDNAME" (&AMQ-lt))\r\n'),
    (
        Listed("New", child_info=(SUBSCRIBED, SPECIAL), old_name="Old"),
        REV2,
        b'* LIST () "/" New ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE") "OLDNAME" (Old))\r\n',
    ),
    (
        MailboxStatus("blurdybloop", ((StatusItem.MESSAGES, 231), (StatusItem.UIDNEXT, 44292))),
        REV1,
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
    ),
    (
        MailboxStatus("x", ((StatusItem.OBJECTID, "MAILBOXID M1 ACCOUNTID A1"), (StatusItem.MESSAGES, 2))),
        REV1,
        b"* STATUS x (OBJECTID (MAILBOXID M1 ACCOUNTID A1) MESSAGES 2)\r\n",
    ),
    (
        MailboxStatus("ä", ((StatusItem.MAILBOXID, "M123"), (StatusItem.APPENDLIMIT, None))),
        REV2,
        '* STATUS "ä" (MAILBOXID (M123) APPENDLIMIT NIL)\r\n'.encode(),
    ),
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


@pytest.mark.parametrize(("response", "kind", "spelled"), RESPONSES)
def test_responses(response, kind, spelled):
    assert encode(response, kind) == spelled


@pytest.mark.parametrize("hostile", ["*a" * 10 + "*b", "%a" * 19 + "%b", "*a%b" * 10, "*a%a" * 9 + "*b"])
def test_matching_a_hostile_pattern_is_cheap(hostile):
    command = parse([b'a LIST "" "%b"' % hostile.encode()]).command
    started = time.process_time()
    assert not names.pattern(command.patterns[0]).fullmatch("a" * 2_000)
    assert time.process_time() - started < 0.5
