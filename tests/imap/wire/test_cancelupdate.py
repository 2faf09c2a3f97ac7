import pytest

from pillarbox.imap.wire.cancelupdate import CancelUpdate
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.response import NoUpdate, no
from pillarbox.imap.wire.strings import REV1


def test_tags(reads):
    reads(b'CANCELUPDATE "B01"', CancelUpdate((b"B01",)))
    reads(b'cancelupdate "B01" "a\\"b"', CancelUpdate((b"B01", b'a"b')))


@pytest.mark.parametrize(
    "written",
    [
        b"CANCELUPDATE",
        b"CANCELUPDATE ",
        b"CANCELUPDATE B01",
        b"CANCELUPDATE {3}\r\nB01",
        b'CANCELUPDATE ("B01")',
        b'CANCELUPDATE "B01"  "B02"',
        b'CANCELUPDATE "B01" ',
        b"CANCELUPDATE" + b' "a"' * 1001,
    ],
)
def test_refused(refuses, written):
    refuses(written)


def test_there_are_no_updates():
    refused = no(None, "Too many contexts", NoUpdate(b'B"02'))
    assert encode(refused, REV1) == b'* NO [NOUPDATE "B\\"02"] Too many contexts\r\n'
