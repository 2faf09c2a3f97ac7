import pytest

from pillarbox.imap.wire.idle import Idle, is_done


def test_idle(reads, refuses):
    reads(b"IDLE", Idle())
    refuses(b"IDLE now")


@pytest.mark.parametrize(
    ("line", "done"), [(b"DONE", True), (b"done", True), (b"DONE ", False), (b"a DONE", False), (b"", False)]
)
def test_done(line, done):
    assert is_done(line) is done
