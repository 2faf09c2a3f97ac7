"""Senders of mail that is sent on."""

from pillarbox.delivery import srs

KEY, NOW = b"secret" * 5, 1_800_000_000.0
DAY = 86_400


def test_there_and_back() -> None:
    sent = srs.forward("Kim.Long+x=y@else.test", "ours.test", KEY, NOW)
    assert sent.startswith("SRS0=")
    assert sent.endswith("=else.test=Kim.Long+x=y@ours.test")
    local = sent.rpartition("@")[0]
    assert srs.reverse(local, KEY, NOW) == "Kim.Long+x=y@else.test"
    assert srs.reverse(local.lower(), KEY, NOW + 20 * DAY) == "kim.long+x=y@else.test"


def test_what_is_none_of_ours() -> None:
    local = srs.forward("kim@else.test", "ours.test", KEY, NOW).rpartition("@")[0]
    assert srs.reverse(local, b"other" * 5, NOW) is None
    assert srs.reverse(local.replace("kim", "tim"), KEY, NOW) is None
    assert srs.reverse(local, KEY, NOW + 22 * DAY) is None
    for text in ("kim", "SRS0=", "SRS0=a=b=c", "SRS0=AAAAAAAA=!!=c=d", "SRS1=AAAAAAAA=x=y"):
        assert srs.reverse(text, KEY, NOW) is None


def test_a_second_hop_does_not_grow() -> None:
    first = srs.forward("kim@else.test", "one.test", KEY, NOW)
    second = srs.forward(first, "two.test", b"two" * 9, NOW)
    third = srs.forward(second, "three.test", b"three" * 9, NOW)
    assert second.startswith("SRS1=")
    assert len(third) < len(second) + 10
    assert srs.reverse(third.rpartition("@")[0], b"three" * 9, NOW) == first
    assert srs.reverse(second.rpartition("@")[0], b"two" * 9, NOW) == first
