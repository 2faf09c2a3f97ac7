"""IMAP URLs (RFC 5092) as plain data: what they name, not how it is spelled (`imap/wire/url.py`)."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Server:
    """`user` is both whose mailbox names these are and who logs in; `auth` the mechanism to do it with, or
    "*" (RFC 5092 3)."""

    host: str
    user: str | None = None
    auth: str | None = None
    port: int | None = None


class Audience(Enum):
    """Who may use an authorized URL (RFC 4467 3)."""

    ANONYMOUS = "anonymous"
    AUTHUSER = "authuser"
    USER = "user"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class Access:
    """`user`: the one after `user+` and `submit+`, "" elsewhere."""

    audience: Audience
    user: str = ""


@dataclass(frozen=True, slots=True)
class Url:
    """`server` None: the one of the session. Without `uid` it names a mailbox, or what `search` finds there,
    and without `mailbox` a whole server.

    `section` as in BODY[...], all of the message when it is empty; `partial` is the first octet and how many
    at most, None for all. `access` and what follows it: RFC 4467; `expires` counts seconds since 1970, and
    `token`, when there is one, is the proof that the mechanism made.
    """

    server: Server | None
    mailbox: str | None
    uidvalidity: int | None = None
    search: str | None = None
    uid: int | None = None
    section: bytes = b""
    partial: tuple[int, int | None] | None = None
    expires: int | None = None
    access: Access | None = None
    mechanism: str | None = None
    token: str | None = None
