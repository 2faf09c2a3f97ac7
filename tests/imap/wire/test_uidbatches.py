import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.strings import REV1, REV2
from pillarbox.imap.wire.uidbatches import Batches, UidBatches

COMMANDS = [
    (b"UIDBATCHES 2000", UidBatches(2000)),
    (b"uidbatches 1", UidBatches(1)),
    (b"UIDBATCHES 2000 10:20", UidBatches(2000, (10, 20))),
    (b"UIDBATCHES 2000 4:1", UidBatches(2000, (4, 1))),
    (b"UIDBATCHES 4294967295 4294967295:4294967295", UidBatches(2**32 - 1, (2**32 - 1, 2**32 - 1))),
]

REFUSED = [
    b"UIDBATCHES",
    b"UIDBATCHES ",
    b"UIDBATCHES 0",
    b"UIDBATCHES -1",
    b"UIDBATCHES 0500",
    b"UIDBATCHES x",
    b"UIDBATCHES *",
    b"UIDBATCHES 4294967296",
    b"UIDBATCHES " + b"9" * 5000,
    b"UIDBATCHES 500 ",
    b"UIDBATCHES 500 1",
    b"UIDBATCHES 500 1:",
    b"UIDBATCHES 500 :1",
    b"UIDBATCHES 500 0:1",
    b"UIDBATCHES 500 1:0",
    b"UIDBATCHES 500 1:*",
    b"UIDBATCHES 500 1,2",
    b"UIDBATCHES 500 1:2,3:4",
    b"UIDBATCHES 500 1:4294967296",
    b"UIDBATCHES  500",
    b"UIDBATCHES (500)",
    b"UIDBATCHES {3}\r\n500",
    b"UID UIDBATCHES 500",
]

RESPONSES = [
    (Batches(b"A302", ()), REV1, b'* UIDBATCHES (TAG "A302")\r\n'),
    (
        Batches(b"A143", ((215295, 99696), (99695, 20351), (20350, 7830), (7829, 1))),
        REV2,
        b'* UIDBATCHES (TAG "A143") 215295:99696,99695:20351,20350:7830,7829:1\r\n',
    ),
    (Batches(b"a]", ((1, 1),)), REV1, b'* UIDBATCHES (TAG "a]") 1:1\r\n'),
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
