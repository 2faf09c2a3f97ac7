import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.identity.sasl import MECHANISMS, Credentials, start
from pillarbox.model.errors import PeerSyntax


def test_plain_with_an_initial_response() -> None:
    # RFC 4616 4, the second example
    plain = start("PLAIN")
    assert plain is not None
    assert plain.step(b"Ursel\0Kurt\0xipj3plmq") == Credentials("Kurt", "xipj3plmq", "Ursel")


def test_plain_without_an_initial_response() -> None:
    plain = start("plain")
    assert plain is not None
    assert plain.step(None) == b""
    assert plain.step(b"\0tim\0tanstaaftanstaaf") == Credentials("tim", "tanstaaftanstaaf")


def test_login_asks_for_a_name_and_a_password() -> None:
    login = start("LOGIN")
    assert login is not None
    assert login.step(None) == b"Username:"
    assert login.step(b"kim@example.test") == b"Password:"
    assert login.step("pä\0ss".encode()) == Credentials("kim@example.test", "pä\0ss")


def test_login_takes_the_name_as_initial_response() -> None:
    login = start("LOGIN")
    assert login is not None
    assert login.step(b"kim@example.test") == b"Password:"


@pytest.mark.parametrize(
    "message", [b"", b"x", b"\0x", b"\0\0", b"\0x\0", b"\0\0y", b"a\0b\0c\0d", b"\0\xff\0y"]
)
def test_a_broken_plain_message(message: bytes) -> None:
    plain = start("PLAIN")
    assert plain is not None
    with pytest.raises(PeerSyntax):
        plain.step(message)


def test_unknown_mechanisms() -> None:
    assert start("CRAM-MD5") is None
    assert start("") is None


def test_credentials_do_not_show_the_password() -> None:
    assert "geheim" not in repr(Credentials("kim", "geheim"))


@given(st.sampled_from(MECHANISMS), st.lists(st.binary(max_size=40) | st.just(b"\0a\0b"), max_size=4))
@settings(max_examples=200)
def test_garbage_ends_in_credentials_or_a_syntax_error(name: str, messages: list[bytes]) -> None:
    mechanism = start(name)
    assert mechanism is not None
    try:
        for message in [None, *messages]:
            outcome = mechanism.step(message)
            if isinstance(outcome, Credentials):
                break
            assert outcome in (b"", b"Username:", b"Password:")
    except PeerSyntax as error:
        assert str(error)
