import pytest

from pillarbox.imap.wire.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe

COMMANDS = [
    (b"CREATE owatagusiam/", Create("owatagusiam")),
    (b"CREATE owatagusiam/blurdybloop", Create("owatagusiam/blurdybloop")),
    (b'CREATE ""', Create("")),
    (b"CREATE MySpecial (USE (\\Drafts \\Sent))", Create("MySpecial", ("\\Drafts", "\\Sent"))),
    (b"create x (use ())", Create("x")),
    (b"DELETE blurdybloop", Delete("blurdybloop")),
    (b"RENAME inbox old-mail", Rename("INBOX", "old-mail")),
    (b'RENAME "a b" {3}\r\nc d', Rename("a b", "c d")),
    (b"SUBSCRIBE #news.comp.mail.mime", Subscribe("#news.comp.mail.mime")),
    (b"UNSUBSCRIBE INBOX", Unsubscribe("INBOX")),
]

REFUSED = [
    b"CREATE",
    b"CREATE x y",
    b"CREATE x ()",
    b"CREATE x (USE)",
    b"CREATE x (USE \\Sent)",
    b"CREATE x (USE (Sent))",
    b"CREATE x (USE (\\Sent)",
    b"CREATE x (PURPOSE (\\Sent))",
    b"CREATE x (USE (" + b" ".join([b"\\x"] * 21) + b"))",
    b"CREATE x*",
    b"DELETE x y",
    b"RENAME x",
    b"RENAME x y z",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE x y",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)
