"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8; RFC 6154 3)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Create:
    """`uses`: the attributes of `(USE (...))` as the client spelled them; one that the server does not
    know is refused with [USEATTR], not a syntax error (RFC 6154 3)."""

    mailbox: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    mailbox: str
