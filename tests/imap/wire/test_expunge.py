import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.expunge import RUNS, Expunged, Vanished
from pillarbox.imap.wire.strings import REV1

RESPONSES = [
    (Expunged(((3, 2), (5, 1))), b"* 3 EXPUNGE\r\n* 3 EXPUNGE\r\n* 5 EXPUNGE\r\n"),
    (Vanished(((405, 405), (407, 410))), b"* VANISHED 405,407:410\r\n"),
    (Vanished(((1, 2), (4, 5)), earlier=True), b"* VANISHED (EARLIER) 1:2,4:5\r\n"),
    (Vanished((), earlier=True), b""),
]


def test_lines_do_not_grow_without_end() -> None:
    uids = tuple((uid, uid) for uid in range(1, 2 * RUNS + 2, 2))
    first, last, _ = encode(Vanished(uids), REV1).split(b"\r\n")
    assert first.startswith(b"* VANISHED 1,3,") and first.count(b",") == RUNS - 1
    assert last == b"* VANISHED %d" % uids[-1][0]


@pytest.mark.parametrize(("response", "spelled"), RESPONSES)
def test_responses(response: Expunged | Vanished, spelled: bytes) -> None:
    assert encode(response, REV1) == spelled
