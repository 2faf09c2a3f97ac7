import pytest

from pillarbox.imap.wire.copy import Copy, Move
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.expunge import Expunge, Expunged
from pillarbox.imap.wire.response import CopyUid, ok
from pillarbox.imap.wire.strings import REV1
from pillarbox.model.search import Saved

COMMANDS = [
    (b"COPY 2:4 MEETING", Copy(((2, 4),), "MEETING")),
    (b"UID COPY 4:2,* {7}\r\nMEETING", Copy(((4, 2), (0, 0)), "MEETING", uid=True)),
    (b"MOVE $ Trash", Move(Saved(), "Trash")),
    (b'uid move 42:69 "foo bar"', Move(((42, 69),), "foo bar", uid=True)),
    (b"EXPUNGE", Expunge()),
    (b"UID EXPUNGE 3000:3002", Expunge(((3000, 3002),))),
    (b"UID EXPUNGE $", Expunge(Saved())),
]

REFUSED = [
    b"COPY",
    b"COPY 1",
    b"COPY 1 ",
    b"COPY inbox 1",
    b"COPY 1 x y",
    b"MOVE 1: x",
    b"UID MOVE 0 x",
    b"EXPUNGE 1",
    b"UID EXPUNGE",
    b"UID EXPUNGE ",
    b"UID EXPUNGE x",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


def test_copyuid():
    code = CopyUid(38505, ((304, 304), (319, 320)), ((3956, 3958),))
    assert (
        encode(ok(b"A003", "Done", code), REV1) == b"A003 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n"
    )


def test_an_expunged_run_repeats_its_number():
    assert encode(Expunged(((3, 2), (5, 1))), REV1) == b"* 3 EXPUNGE\r\n* 3 EXPUNGE\r\n* 5 EXPUNGE\r\n"
    assert encode(Expunged(()), REV1) == b""
