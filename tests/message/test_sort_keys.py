"""What SORT and THREAD compare."""

import pytest

from pillarbox.message.derive import derive
from pillarbox.message.limits import MAX_SORT_TEXT
from pillarbox.message.sort_keys import SortKeys


def keys(*fields: bytes) -> SortKeys:
    return derive(b"".join([field + b"\r\n" for field in fields]) + b"\r\n").sort_keys


@pytest.mark.parametrize(
    ("value", "mailbox", "display"),
    [
        (b"", b"", b""),
        (b"ada@example.org", b"ada", b"ada@example.org"),
        (b"Ada L <Ada@example.org>, x@y", b"Ada", b"Ada L"),
        (b'"Lovelace, Ada" <ada@example.org>', b"ada", b"Lovelace, Ada"),
        (b"=?iso-8859-1?q?J=F6rg?= <j@example.org>", b"j", b"J\xc3\xb6rg"),
        (b"=?utf-8?q?=C3?= <j@example.org>", b"j", b"\xff\xc3"),
        (b"=?utf-8?q??= <j@example.org>", b"j", b"j@example.org"),
        (b"ada@example.org (Ada)", b"ada", b"Ada"),
        (b"=?utf-8?q?ada?=@example.org", b"=?utf-8?q?ada?=", b"=?utf-8?q?ada?=@example.org"),
        (b"=?utf-8?q?t=C3=A9am?=: ada@example.org;", b"t\xc3\xa9am", b"t\xc3\xa9am"),
        (b"team: ada@example.org, bob@example.org;", b"team", b"team"),
        (b"Ada", b"Ada", b"Ada@MISSING_DOMAIN"),
        (b"J\xf6rg <j\xf6rg@example.org>", b"j\xc3\xb6rg", b"J\xc3\xb6rg"),
    ],
)
def test_the_first_address(value: bytes, mailbox: bytes, display: bytes) -> None:
    for name, mine, shown in ((b"From", 1, 4), (b"To", 2, 5)):
        found = keys(name + b": " + value)
        assert (found[mine], found[shown]) == (mailbox, display)
    assert keys(b"Cc: " + value).cc_mailbox == mailbox


def test_what_is_compared_is_bounded() -> None:
    for subject, kept in (
        (b"\xc3\xa9" * 5000, b"\xc3\xa9" * MAX_SORT_TEXT),
        (b"=?utf-8?q?=C3?=" + b"x" * 5000, b"\xff\xc3" + b"x" * (MAX_SORT_TEXT - 1)),
    ):
        assert keys(b"Subject: " + subject).base_subject == kept
        found = keys(b"From: " + subject + b" <" + b"a" * 5000 + b"@example.org>")
        assert (found.from_mailbox, found.from_display) == (b"a" * MAX_SORT_TEXT, kept)


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        (b"Re: [list] Hello", b"Hello"),
        (b"Re: =?utf-8?q?caf=C3=A9?=", b"caf\xc3\xa9"),
        (b"Re: =?utf-8?q?=D0=C0?= (fwd)", b"\xff\xd0\xc0"),
        (b"=?x-nobody-knows?q?=D0=C0?=", b"\xff\xd0\xc0"),
        (b"=?x-nobody-knows?q?plain?=", b"plain"),
        (b"=?iso-8859-1?q?=81?=", "\N{REPLACEMENT CHARACTER}".encode()),
        (b"caf\xe9", b"caf\xc3\xa9"),
        (b"", b""),
    ],
)
def test_the_base_subject(subject: bytes, base: bytes) -> None:
    assert keys(b"Subject: " + subject).base_subject == base
