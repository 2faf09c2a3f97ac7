import pytest

from pillarbox.imap.wire.capability import (
    Capabilities,
    Capability,
    Enable,
    Enabled,
    Id,
    Namespace,
    Namespaces,
    Noop,
    ServerId,
)
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.strings import REV1, REV2

COMMANDS = [
    (b"CAPABILITY", Capability()),
    (b"noop", Noop()),
    (b"NAMESPACE", Namespace()),
    (b"ENABLE imap4rev2", Enable(("IMAP4REV2",))),
    (b"ENABLE CONDSTORE UTF8=ACCEPT X-GOOD-IDEA", Enable(("CONDSTORE", "UTF8=ACCEPT", "X-GOOD-IDEA"))),
    (b"ID NIL", Id()),
    (b"ID nil", Id()),
    (b"ID ()", Id()),
    (b'ID ("name" "sodr" "version" "19.34")', Id((("name", "sodr"), ("version", "19.34")))),
    (b'ID ("name" NIL {2}\r\nos {1}\r\nx)', Id((("name", None), ("os", "x")))),
    (b'ID ("name" {1}\r\n\xff)', Id((("name", "\ufffd"),))),
]

REFUSED = [
    b"CAPABILITY x",
    b"NOOP ",
    b"ENABLE",
    b"ENABLE ",
    b"ENABLE (x)",
    b"ENABLE x  y",
    b"ID",
    b"ID name",
    b'ID "name"',
    b'ID ("name")',
    b'ID ("name" "x" "y")',
    b"ID (name x)",
    b"ID (" + b" ".join([b'"a" "b"'] * 31) + b")",
    b"NAMESPACE ()",
]

RESPONSES = [
    (Capabilities(("IMAP4rev2", "AUTH=PLAIN")), REV1, b"* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\n"),
    (Enabled(("IMAP4rev2",)), REV1, b"* ENABLED IMAP4rev2\r\n"),
    (Enabled(()), REV1, b"* ENABLED\r\n"),
    (Namespaces(("",)), REV1, b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
    (
        Namespaces(("",), ("Benützer/",), ("Shared/", "Öff/")),
        REV1,
        b'* NAMESPACE (("" "/")) (("Ben&APw-tzer/" "/")) (("Shared/" "/")("&ANY-ff/" "/"))\r\n',
    ),
    (Namespaces((), ("Öff/",)), REV2, '* NAMESPACE NIL (("Öff/" "/")) NIL\r\n'.encode()),
    (ServerId(), REV1, b"* ID NIL\r\n"),
    (ServerId((("name", "Pillarbox"), ("os", None))), REV1, b'* ID ("name" "Pillarbox" "os" NIL)\r\n'),
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
