"""BODYSTRUCTURE, BODY and ENVELOPE as they are spelled (RFC 9051 7.5.2)."""

import pytest

from pillarbox.message.derive import derive
from pillarbox.message.limits import MAX_DEPTH
from pillarbox.message.structure import body_from_structure, without_global
from tests.message.grammar import read_body

TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d NIL NIL NIL NIL)'


def structure(text: str) -> bytes:
    return derive(text.replace("\n", "\r\n").encode()).structure


def envelope(text: str) -> bytes:
    return derive(text.replace("\n", "\r\n").encode()).envelope


def test_a_message_that_says_nothing_is_ascii_text() -> None:
    assert structure("Subject: x\n\nhi\nho\n") == TEXT % (8, 2)
    assert structure("") == TEXT % (0, 0)


@pytest.mark.parametrize(
    ("header", "spelled"),
    [
        (
            "Content-Type: TEXT/Plain; Charset=UTF-8; format=flowed",
            b'("TEXT" "Plain" ("Charset" "UTF-8" "format" "flowed") NIL NIL "7bit" 4 1 NIL NIL NIL NIL)',
        ),
        (
            "Content-Type: text/plain; format=flowed",
            b'("text" "plain" ("format" "flowed" "charset" "us-ascii") NIL NIL "7bit" 4 1 NIL NIL NIL NIL)',
        ),
        ("Content-Type: image/png", b'("image" "png" NIL NIL NIL "7bit" 4 NIL NIL NIL NIL)'),
        (
            'Content-Type: image/png;; name="a \\"b\\" c" ; x=y (note)',
            b'("image" "png" ("name" "a \\"b\\" c" "x" "y") NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            "Content-Type: image/png; name*0*=us-ascii'en'a%20b; name*1=c",
            b'("image" "png" ("name*0*" "us-ascii\'en\'a%20b" "name*1" "c") '
            b'NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            "Content-Type: image/png; name=my file.png",
            b'("image" "png" ("name" "my file.png") NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            'Content-Type: image/png; name="not closed',
            b'("image" "png" ("name" "not closed") NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            'Content-Type: image/png; name="f\xf6\xf6"',
            b'("image" "png" ("name" {5}\r\nf\xc3\xb6\xc3\xb6) NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            'Content-Type: image/png; name="=?utf-8?q?x?="',
            b'("image" "png" ("name" "=?utf-8?q?x?=") NIL NIL "7bit" 4 NIL NIL NIL NIL)',
        ),
        (
            "Content-ID: <a@b>\nContent-Description: two\n  words\nContent-MD5: Q2hlY2s=\nContent-Type: a/b\n"
            "Content-Transfer-Encoding: BASE64 (really)\n"
            'Content-Disposition: attachment; filename="x y"; size=3\n'
            "Content-Language: en, de-CH\nContent-Location: http://x/",
            b'("a" "b" NIL "<a@b>" "two  words" "BASE64" 4 "Q2hlY2s=" '
            b'("attachment" ("filename" "x y" "size" "3")) ("en" "de-CH") "http://x/")',
        ),
        ("Content-Disposition: inline", TEXT.replace(b"NIL NIL NIL)", b'("inline" NIL) NIL NIL)') % (4, 1)),
        ("Content-Disposition: ; filename=x", TEXT % (4, 1)),
        ("Content-Language: en", TEXT.replace(b"NIL NIL NIL)", b'NIL ("en") NIL)') % (4, 1)),
        ("Content-Language: ,", TEXT % (4, 1)),
        # RFC 2045 5.2: what cannot be read is text/plain.
        ("Content-Type: text", TEXT % (4, 1)),
        ("Content-Type:", TEXT % (4, 1)),
        ("Content-Type: very plain/text", TEXT % (4, 1)),
        ("Content-Transfer-Encoding: quoted printable", TEXT % (4, 1)),
        ("Content-Transfer-Encoding: x-new", TEXT.replace(b"7bit", b"x-new") % (4, 1)),
    ],
)
def test_the_fields_of_a_part(header: str, spelled: bytes) -> None:
    assert structure(header + "\n\nhi\n") == spelled
    read_body(spelled)


def test_multiparts_and_messages() -> None:
    spelled = structure(
        "Content-Type: multipart/Mixed; boundary=b\nContent-Disposition: inline\nContent-Language: en\n"
        "Content-Location: l\n\n--b\n\none\n--b\nContent-Type: message/rfc822\n\n"
        'From: "A B" <a@b>\nSubject: in\n\ntext\n--b--\n'
    )
    address = b'(("A B" NIL "a" "b"))'
    assert spelled == (
        b"(%b"
        b'("message" "rfc822" NIL NIL NIL "7bit" 38 '
        b'(NIL "in" %b %b %b NIL NIL NIL NIL NIL) %b 3 NIL NIL NIL NIL) '
        b'"Mixed" ("boundary" "b") ("inline" NIL) ("en") "l")'
        % (TEXT % (3, 0), address, address, address, TEXT % (4, 0))
    )
    assert body_from_structure(spelled) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0)'
        b'("message" "rfc822" NIL NIL NIL "7bit" 38 (NIL "in" %b %b %b NIL NIL NIL NIL NIL) '
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 0) 3) "Mixed")'
        % (address, address, address)
    )


def test_a_multipart_without_parts_still_has_one() -> None:
    assert structure("Content-Type: multipart/mixed\n\nhi\n") == b'(%b "mixed" NIL NIL NIL NIL)' % (
        TEXT % (4, 1)
    )


def test_an_encoded_message_is_no_message() -> None:
    spelled = structure(
        'Content-Type: message/rfc822; name="x.eml"\nContent-Transfer-Encoding: base64\n\nAAAA\n'
    )
    assert spelled == (b'("application" "octet-stream" ("name" "x.eml") NIL NIL "base64" 6 NIL NIL NIL NIL)')


def test_levels_beyond_the_limit_stay_within_the_grammar() -> None:
    text = "".join(
        f"Content-Type: multipart/mixed; boundary=x{n}x\n\n--x{n}x\n" for n in range(MAX_DEPTH + 9)
    )
    body = read_body(structure(text + "\nend\n"))
    for _ in range(MAX_DEPTH):
        assert body.parts is not None
        body = body.parts[0]
    assert (body.kind, body.subkind, body.parameters) == (b"application", b"octet-stream", None)
    body = read_body(structure("Content-Type: message/rfc822\n\n" * (MAX_DEPTH + 9)))
    for _ in range(MAX_DEPTH):
        assert body.inner is not None
        body = body.inner
    assert (body.kind, body.subkind) == (b"application", b"octet-stream")


def test_old_sessions_are_not_told_of_global_messages() -> None:
    # RFC 3501 9 knows message/global only as some message type; RFC 9051 9 as one with an envelope.
    spelled = structure(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/global\n\n"
        "Subject: in\n\ntext\n--b\n\nglobal\n--b--\n"
    )
    assert b'"message" "global" NIL NIL NIL "7bit" 19 (NIL "in"' in spelled
    old = b'("message" "global" NIL NIL NIL "7bit" 19 NIL NIL NIL NIL)'
    assert without_global(spelled) == b'(%b%b "mixed" ("boundary" "b") NIL NIL NIL)' % (old, TEXT % (6, 0))
    assert body_from_structure(spelled, rev1=True) == (
        b'(("message" "global" NIL NIL NIL "7bit" 19)'
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 0) "mixed")'
    )
    plain = structure("Subject: x\n\n")
    assert without_global(plain) is plain


def test_reductions_pass_over_literals() -> None:
    raw = 'Content-Type: multipart/mixed; boundary=b; x="ö)("\n\n--b\nContent-Description: ö"(\n\n1\n--b--\n'
    assert body_from_structure(structure(raw)) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL {4}\r\n%b"( "7bit" 1 0) "mixed")' % "ö".encode()
    )


def test_the_fields_of_an_envelope() -> None:
    assert envelope("\n") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert (
        envelope(
            "Date: Wed, 21 Aug 2002 20:31:57 -0100\nSubject: =?utf-8?q?x?=\n\tfolded  \t twice\n"
            "From: a@b\nSender: s@b\nReply-To: r@b\nTo: t@b\nCC : c@b\nBcc: d@b\n"
            "In-Reply-To: <1@x>\n <2@x>\nMessage-ID: <3@x> \n\n"
        )
        == b'("Wed, 21 Aug 2002 20:31:57 -0100" "=?utf-8?q?x?= folded twice" '
        b'((NIL NIL "a" "b")) ((NIL NIL "s" "b")) ((NIL NIL "r" "b")) ((NIL NIL "t" "b")) '
        b'((NIL NIL "c" "b")) ((NIL NIL "d" "b")) "<1@x> <2@x>" "<3@x>")'
    )


def test_sender_and_reply_to_default_to_from() -> None:
    expected = b'(NIL "" %b %b %b NIL NIL NIL NIL NIL)' % ((b'((NIL NIL "a" "b"))',) * 3)
    assert envelope("Subject:\nFrom: a@b\nSender: \nReply-To: (nobody)\n\n") == expected


def test_the_first_field_of_a_name_counts_and_addresses_add_up() -> None:
    assert envelope("Subject: 1\nSubject: 2\nTo: a@b\nTo:\nTo: c@d, e@f\n\n") == (
        b'(NIL "1" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")(NIL NIL "e" "f")) NIL NIL NIL NIL)'
    )


def test_strings_that_cannot_be_quoted_are_literals() -> None:
    raw = b'Subject: "\\ \xff\0x\nMessage-ID: a\rb\n\n'
    assert derive(raw).envelope == (b'(NIL {6}\r\n"\\ \xff\x80x NIL NIL NIL NIL NIL NIL NIL {3}\r\na\rb)')
    long = b"x" * 10_000
    assert b"{10000}\r\nx" in derive(b"Subject: " + long + b"\n\n").envelope
