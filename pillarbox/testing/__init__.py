"""A real mail server for other people's test suites.

    from pillarbox.testing import MailServer

    with MailServer() as server:
        server.add_account("kim@example.test", "secret")
        imap = imaplib.IMAP4(server.host, server.imap_port)

Under pytest the fixture `mail_server` is a running `MailServer`, a fresh one for each test. pytest
loads `fixture` in every project that has Pillarbox installed, so nothing here imports the server
before somebody asks for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pillarbox.testing.server import MailServer

__all__ = ["MailServer"]


def __getattr__(name: str) -> Any:
    if name == "MailServer":
        from pillarbox.testing.server import MailServer

        return MailServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
