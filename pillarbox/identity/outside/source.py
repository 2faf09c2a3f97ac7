"""What a directory elsewhere answers. Each kind (`ldap`, `sql`) is one such source."""

from dataclasses import dataclass
from typing import Protocol

from pillarbox.identity.addresses import Address


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who exists there. None is no word on it: what is set here holds. `key` is what names them
    whatever their address is; `aliases` that are no addresses of the directory's domains are left out;
    `all_aliases`: there are no others."""

    address: str
    key: str = ""
    aliases: tuple[str, ...] = ()
    all_aliases: bool = False
    quota: int | None = None  # octets
    disabled: bool = False
    admin: bool | None = None


class Unreachable(Exception):
    """There is no answer, whatever the reason. `str()` is for the log, and has no secrets in it."""


class Source(Protocol):
    """Called on threads, several at a time. Neither raises anything but `Unreachable`, except for bugs."""

    def find(self, wanted: Address) -> Found | None:
        """Who has this address, as their own or as an alias; None where nobody has."""
        ...

    def verify(self, wanted: Address, password: str) -> Found | None:
        """Who has this address and this password, which is not empty; None where nobody has both. It takes
        the same time whichever it is, as far as that can be had."""
        ...

    def close(self) -> None: ...
