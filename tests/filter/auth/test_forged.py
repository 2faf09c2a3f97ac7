"""What claims to be our own finding, and came from outside, is taken out; all else stays as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.filter.auth import forged
from pillarbox.filter.auth.forged import Unforged

OURS = frozenset({"mx.example.org"})
A = b"Subject: a\r\n"
END = b"\r\nAuthentication-Results: mx.example.org; spf=pass\r\nbody\r\n"


def cleaned(message: bytes, size: int = 1 << 20) -> bytes:
    unforged = Unforged(OURS)
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join([*map(unforged.feed, pieces), unforged.finish()])


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.example.org; dmarc=pass\r\n",
        b"authentication-results : MX.EXAMPLE.ORG; none\r\n",
        b"Authentication-Results:\r\n (a (comment\\)) here)\r\n\tmx.example.org\r\n ; spf=pass\r\n",
        b'Authentication-Results: "mx.example.org" 1; spf=pass\r\n',
        b"Authentication-Results: mx.example.org.; spf=pass\r\n",
        b"Authentication-Results: other.example 2; spf=pass\r\n",
        b"Authentication-Results: mx.example.org spf pass (\r\n",
        b"Authentication-Results: mx.example.org; " + b"x" * 20_000 + b"\r\n\tmore\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_forged_fields_go(field: bytes, size: int) -> None:
    assert cleaned(A + field + A + END, size) == A + A + END
    assert cleaned(field + field, size) == b""


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.example.net; dmarc=pass\r\n",
        b"Authentication-Results: mx.example.net; spf=pass smtp.helo=mx.example.org\r\n",
        b"ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n",
        b"Subject: Authentication-Results: mx.example.org; spf=pass\r\n",
        b"Subject: x\r\n Authentication-Results: mx.example.org; spf=pass\r\n",
        b"Subject: " + b"authentication-results:mx.example.org;" * 2000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_others_stay(field: bytes, size: int) -> None:
    assert cleaned(A + field + END, size) == A + field + END
    assert cleaned(field, size) == field


@given(
    st.lists(
        st.sampled_from(
            [b"Authentication-Results:", b" mx.example.org;", b"\r\n", b"\r", b"\n", b" ", b"x", b"("]
        )
    ),
    st.integers(1, 9),
)
def test_how_it_is_cut_changes_nothing(parts: list[bytes], size: int) -> None:
    message = b"".join(parts)
    assert cleaned(message, size) == cleaned(message)
    assert cleaned(b"\r\n" + message, size) == b"\r\n" + message


def test_little_is_held() -> None:
    unforged = Unforged(OURS)
    for _ in range(100):
        unforged.feed(b"x" * 10_000)
        assert len(unforged._held) <= forged.FIELD_LIMIT
