"""PROXY headers: whole, split at every octet, with what follows, and garbage."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.net.proxy import MAX_V1, SIGNATURE, Header, ProxySyntax, read


def v2(command: int, family: int, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return SIGNATURE + bytes((command, family)) + size.to_bytes(2) + body


V4 = bytes((192, 0, 2, 1, 198, 51, 100, 9)) + (40001).to_bytes(2) + (993).to_bytes(2)
V6 = ipaddress.ip_address("2001:db8::1").packed * 2 + (40002).to_bytes(2) + (993).to_bytes(2)
MAPPED = ipaddress.ip_address("::ffff:192.0.2.7").packed * 2 + (5).to_bytes(2) + (993).to_bytes(2)

GOOD = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.9 40001 993\r\n", ("192.0.2.1", 40001)),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", ("2001:db8::1", 1)),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 5 993\r\n", ("192.0.2.7", 5)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", None),
    (v2(0x21, 0x11, V4), ("192.0.2.1", 40001)),
    (v2(0x21, 0x21, V6), ("2001:db8::1", 40002)),
    (v2(0x21, 0x21, MAPPED), ("192.0.2.7", 5)),
    (v2(0x21, 0x11, V4 + b"\x04\x00\x01x"), ("192.0.2.1", 40001)),  # with an extension
    (v2(0x20, 0x00, b""), None),  # LOCAL: the proxy looks whether we live
    (v2(0x20, 0x11, V4), None),
    (v2(0x21, 0x00, b"anything"), None),  # UNSPEC
    (v2(0x21, 0x31, bytes(216)), None),  # Unix sockets
]
BAD = [
    b"a1 LOGIN kim secret\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",  # a TLS client hello
    b"PROXY TCP4 192.0.2.1 198.51.100.9 40001 993\n",
    b"PROXY TCP4 192.0.2.1  198.51.100.9 40001 993\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.9 40001 993\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 198.51.100.9 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.9 65536 993\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.9 01 993\r\n",
    b"PROXY TCP5 192.0.2.1 198.51.100.9 1 993\r\n",
    b"PROXY \r\n",
    b"proxy TCP4 192.0.2.1 198.51.100.9 1 993\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    v2(0x11, 0x11, V4),  # a version that does not exist
    v2(0x22, 0x11, V4),  # a command that does not exist
    v2(0x21, 0x12, V4),  # datagrams
    v2(0x21, 0x11, V4[:-1]),
    v2(0x21, 0x21, V6[:-1]),
    v2(0x21, 0x11, V4, length=4000),
    SIGNATURE[:-1] + b"\r",
]


@pytest.mark.parametrize("octets, source", GOOD)
def test_a_header_is_read_whole_and_nothing_after_it(octets: bytes, source: tuple[str, int] | None) -> None:
    assert read(octets) == Header(len(octets), source)
    assert read(octets + b"a1 NOOP\r\n\r\n\0") == Header(len(octets), source)
    for end in range(len(octets)):
        assert read(octets[:end]) is None


@pytest.mark.parametrize("octets", BAD)
def test_what_is_no_header_is_found_out(octets: bytes) -> None:
    with pytest.raises(ProxySyntax):
        read(octets)


@pytest.mark.parametrize("octets", BAD)
def test_and_not_later_when_it_comes_in_pieces(octets: bytes) -> None:
    """Whatever has been found out of a part is found out of the whole."""
    failed = False
    for end in range(len(octets) + 1):
        try:
            assert read(octets[:end]) is None and not failed
        except ProxySyntax:
            failed = True
    assert failed


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda rest: SIGNATURE + rest),
        st.binary(max_size=120).map(lambda rest: b"PROXY " + rest),
        st.tuples(st.sampled_from([each for each, _ in GOOD]), st.integers(0, 250), st.integers(0, 255)).map(
            lambda made: made[0][: made[1]] + bytes((made[2],)) + made[0][made[1] + 1 :]
        ),
    )
)
def test_garbage_is_a_header_or_none_or_an_error_and_waits_for_no_more_than_a_bound(octets: bytes) -> None:
    with suppress(ProxySyntax):
        found = read(octets)
        if found is None:
            assert len(octets) < max(MAX_V1, 16 + 2048)
        else:
            assert 0 < found.size <= len(octets)
            assert read(octets[: found.size]) == found
            if found.source is not None:
                ipaddress.ip_address(found.source[0])
                assert 0 <= found.source[1] < 65536
