"""A server that speaks HTTP, for the tests of a file, and browsers for it."""

import imaplib
import ssl
from collections.abc import Callable, Iterator

import pytest

from pillarbox.app.config import Abuse, Auth, Config, Listen
from pillarbox.app.entering import OAuth, OAuthClient
from pillarbox.testing.server import MailServer
from tests.web.browser import KIM, PASSWORD, Browser, Program

WEBMAIL = "https://webmail.example.test/back"
CONFIG = Config(
    listen=Listen(http="127.0.0.1:0", https="127.0.0.1:0"),
    oauth=OAuth(
        clients=(
            OAuthClient("webmail", "Webmail", (WEBMAIL, "http://localhost:1/cb"), "a secret"),
            OAuthClient("app", "App", ("com.example.app:/back",)),
        )
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer(CONFIG) as running:
        running.add_account(KIM, PASSWORD)
        running.add_account("lee@example.test", "another")
        yield running
        running.check()


@pytest.fixture
def guarded() -> Iterator[MailServer]:
    """One that counts guesses from loopback too."""
    import msgspec

    abuse = Abuse(delay_after=2, ban_after=3, longest_delay=0.01, exempt=())
    with MailServer(msgspec.structs.replace(CONFIG, abuse=abuse, auth=Auth())) as running:
        running.add_account(KIM, PASSWORD)
        yield running
        running.check()


@pytest.fixture
def browser(server: MailServer) -> Iterator[Browser]:
    with Browser(server) as browser:
        yield browser


@pytest.fixture
def program(browser: Browser) -> Program:
    return Program(browser)


@pytest.fixture
def opens(server: MailServer) -> Callable[[str], bool]:
    """Whether a token opens Kim's mail by IMAP."""

    def opens(token: str) -> bool:
        context = ssl.create_default_context(cafile=server.certificate)
        with imaplib.IMAP4_SSL("localhost", server.imaps_port, ssl_context=context) as imap:
            try:
                imap.authenticate(
                    "OAUTHBEARER",
                    lambda said: (
                        f"n,a={KIM},\x01auth=Bearer {token}\x01\x01".encode() if not said else b"\x01"
                    ),
                )
            except imaplib.IMAP4.error as error:
                assert "AUTHENTICATIONFAILED" in str(error), error
                return False
            return imap.select()[0] == "OK"

    return opens
