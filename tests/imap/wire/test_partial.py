import pytest

from pillarbox.imap.wire.partial import Range, parse_range
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax


@pytest.mark.parametrize(
    ("written", "count", "places"),
    [
        (b"1:5", 8, (0, 5)),
        (b"5:1", 8, (0, 5)),
        (b"7:9", 8, (6, 8)),
        (b"9:12", 8, (8, 8)),
        (b"1:4294967295", 0, (0, 0)),
        (b"-1:-3", 8, (5, 8)),
        (b"-3:-1", 8, (5, 8)),
        (b"-7:-100", 8, (0, 2)),
        (b"-9:-10", 8, (0, 0)),
        (b"-1:-1", 8, (7, 8)),
    ],
)
def test_a_range_counts_from_its_side(written: bytes, count: int, places: tuple[int, int]) -> None:
    reader = Reader([written])
    start, stop = parse_range(reader).places(count)
    reader.end()
    assert (start, stop) == places


@pytest.mark.parametrize("written", [b"1", b"0:1", b"1:-1", b"-1:2", b"1:*", b"1:4294967296", b"-0:-1"])
def test_what_is_no_range(written: bytes) -> None:
    with pytest.raises(PeerSyntax):
        parse_range(Reader([written]))


def test_ends_are_kept_as_they_were_written() -> None:
    assert parse_range(Reader([b"-7:-3"])) == Range(-7, -3)
