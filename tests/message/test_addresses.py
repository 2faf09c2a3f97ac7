"""Address lists, as the grammar has them and as people write them."""

import pytest

from pillarbox.message.addresses import Address, addresses, spelled
from pillarbox.message.limits import MAX_ADDRESSES

NOBODY, NOWHERE = b"MISSING_MAILBOX", b"MISSING_DOMAIN"


def one(name: str | None, mailbox: str, host: str, route: str | None = None) -> Address:
    def octets(text: str | None) -> bytes | None:
        return None if text is None else text.encode()

    return Address(octets(name), octets(route), mailbox.encode(), host.encode())


END = Address(None, None, None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("  ", []),
        ("(only a comment)", []),
        ("a@b", [one(None, "a", "b")]),
        ("<a@b>", [one(None, "a", "b")]),
        ("A B <a@b>", [one("A B", "a", "b")]),
        ('"A B" <a@b>, "" <c@d>,e@f', [one("A B", "a", "b"), one(None, "c", "d"), one(None, "e", "f")]),
        ("J. R. Doe <a@b.c>", [one("J. R. Doe", "a", "b.c")]),
        ('"Q \\"q\\" \\\\" <a@b>', [one('Q "q" \\', "a", "b")]),
        ('J "R" Doe <a@b>', [one("J R Doe", "a", "b")]),
        ("A\t B  C <a@b>", [one("A B C", "a", "b")]),
        ('"A\t B" <a@b>', [one("A B", "a", "b")]),
        ("=?utf-8?q?a?= =?utf-8?q?b?= <a@b>", [one("=?utf-8?q?a?= =?utf-8?q?b?=", "a", "b")]),
        ("fööbar <a@b>", [one("fööbar", "a", "b")]),
        ("a@b (A (B) C)", [one("A (B) C", "a", "b")]),
        ("a@b (A \\) C)", [one("A ) C", "a", "b")]),
        ("a (x) @ b", [one("x", "a", "b")]),
        ("A (x) <a@b (y)>", [one("A", "a", "b")]),
        ('"a b"@c', [one(None, "a b", "c")]),
        ('<"a b"@c>', [one(None, "a b", "c")]),
        ('"a"."b"@c', [one(None, "a.b", "c")]),
        ("a@[1.2.3.4]", [one(None, "a", "[1.2.3.4]")]),
        ("a@[IPv6:::1], b@c", [one(None, "a", "[IPv6:::1]"), one(None, "b", "c")]),
        # RFC 5322 4.4: routes, white space around dots, empty elements
        ("A <@x,@y:a@b>, c@d", [one("A", "a", "b", "@x,@y"), one(None, "c", "d")]),
        ("a . b @ c . d", [one(None, "a.b", "c.d")]),
        (",a@b,,c@d,", [one(None, "a", "b"), one(None, "c", "d")]),
        # groups
        ("g: a@b, C <c@d>;", [Address(None, None, b"g", None), one(None, "a", "b"), one("C", "c", "d"), END]),
        ("undisclosed recipients:;", [Address(None, None, b"undisclosed recipients", None), END]),
        ("g:; , a@b", [Address(None, None, b"g", None), END, one(None, "a", "b")]),
        ("g: a@b", [Address(None, None, b"g", None), one(None, "a", "b"), END]),
        ('"g" : ;', [Address(None, None, b"g", None), END]),
        # broken
        ("somebody", [Address(None, None, b"somebody", NOWHERE)]),
        ("some body", [Address(b"some body", None, NOBODY, NOWHERE)]),
        ('"somebody"', [Address(b"somebody", None, NOBODY, NOWHERE)]),
        ("A <>", [Address(b"A", None, NOBODY, NOWHERE)]),
        ("<>", [Address(None, None, NOBODY, NOWHERE)]),
        ("A <a>", [Address(b"A", None, b"a", NOWHERE)]),
        ("A <@b>", [Address(b"A", None, NOBODY, b"b")]),
        ("A <a@b", [one("A", "a", "b")]),
        ("A <a@b, c@d", [one("A", "a", "b"), one(None, "c", "d")]),
        ("a@b>", [one(None, "a", "b")]),
        ("A <a@b> B", [one("A", "a", "b")]),
        ("A <<a@b>>", [one("A", "a", "b")]),
        ("A a@b", [one("A", "a", "b")]),
        ("a@b c@d", [one(None, "a", "b")]),
        ("a@b; c@d", [one(None, "a", "b"), one(None, "c", "d")]),
        ("x@y <a@b>", [one("x@y", "a", "b")]),
        ("a@b@c", [one(None, "a@b", "c")]),
        ("<list:@b;>", [Address(None, None, b"list:", b"b;")]),
        ('"A <a@b>, c@d', [Address(b"A <a@b>, c@d", None, NOBODY, NOWHERE)]),
        ("a@b (never closed, c@d", [one("never closed, c@d", "a", "b")]),
        ("A[1] <a@b>", [one("A[1]", "a", "b")]),
        ("a\\@b", [one(None, "a\\", "b")]),
        ("a@b\\", [one(None, "a", "b\\")]),
    ],
)
def test_addresses(value: str, expected: list[Address]) -> None:
    assert addresses(value.encode()) == expected


def test_the_spelling_of_a_list() -> None:
    assert spelled(b"") == b"NIL"
    assert spelled(b'"A \\"B" <a@b>, g:;') == (b'(("A \\"B" NIL "a" "b")(NIL NIL "g" NIL)(NIL NIL NIL NIL))')
    assert spelled("ö <a@b>".encode()) == b'(({2}\r\n\xc3\xb6 NIL "a" "b"))'


def test_a_list_is_read_up_to_a_limit() -> None:
    assert len(addresses(b"a@b," * (MAX_ADDRESSES + 5))) == MAX_ADDRESSES
    assert len(addresses(b"a: b;" * (MAX_ADDRESSES + 5))) <= MAX_ADDRESSES + 2
