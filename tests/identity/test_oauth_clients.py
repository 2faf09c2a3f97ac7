"""Where programs may send their users, read as others read it too."""

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.identity.oauth_clients import MAIL_PROGRAM, Client, Clients, scopes

PIECES = st.sampled_from(
    [
        *(
            "http",
            "https",
            "://",
            ":",
            "/",
            "\\",
            "@",
            "#",
            "?",
            "&",
            ".",
            "%2f",
            "%40",
            "[",
            "]",
            "::1",
            ";",
            ",",
        ),
        *(
            "127.0.0.1",
            "localhost",
            "evil.example",
            "4711",
            "0",
            "\t",
            "\n",
            " ",
            "\0",
            "ü",
            "a",
            "%00",
            "//",
        ),
    ]
)


@given(
    st.lists(PIECES, max_size=12).map("".join),
    st.sampled_from(["", "http://127.0.0.1", "https://localhost:1"]),
)
def test_nobody_reads_another_host_out_of_what_is_allowed(text: str, begin: str) -> None:
    uri = begin + text
    if MAIL_PROGRAM.may_return_to(uri):
        parts = urlsplit(uri)
        assert parts.hostname in ("127.0.0.1", "::1", "localhost")
        assert parts.username is None
        assert parts.fragment == ""
        assert httpx.URL(uri).host in ("127.0.0.1", "::1", "localhost")
        assert "\\" not in uri


def test_what_is_configured_is_exact() -> None:
    client = Client("a", "A", ("https://a.example/cb", "com.example.a:/cb", "http://127.0.0.1/cb"))
    for uri in ("https://a.example/cb", "com.example.a:/cb", "http://127.0.0.1/cb", "http://127.0.0.1:5/cb"):
        assert client.may_return_to(uri)
    for uri in (
        *(
            "https://a.example/cb/",
            "https://A.example/cb",
            "https://a.example:443/cb",
            "https://a.example/cb?x",
        ),
        *(
            "com.example.a:/cb2",
            "http://127.0.0.1:5/other",
            "http://localhost:5/cb",
            "https://127.0.0.1/cb",
            "",
        ),
    ):
        assert not client.may_return_to(uri)


def test_a_public_client_has_no_secret() -> None:
    assert Client("a", "A").knows("")
    assert not Client("a", "A").knows("x")
    assert Client("a", "A", secret="s").knows("s")
    assert not Client("a", "A", secret="s").knows("")
    assert "hidden" not in repr(Client("a", "A", secret="hidden"))


def test_mail_programs_can_be_kept_out() -> None:
    assert Clients().get("mail-program") is MAIL_PROGRAM
    assert Clients(mail_programs=False).get("mail-program") is None


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [
        ("", "imap pop smtp"),
        ("smtp imap", "imap smtp"),
        ("imap imap offline_access", "imap"),
        ("offline_access", None),
        ("imap mail", None),
    ],
)
def test_scopes(wanted: str, granted: str | None) -> None:
    assert scopes(wanted) == granted
