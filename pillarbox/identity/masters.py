"""Masters: people of a helpdesk who log in as somebody else, with what they log in with themselves.

They say for whom by SASL's authorization identity, or by a name of both, `user*master`, which any client can
be given. An app password is a device's and not enough for it; a second factor, where the master has one, is
asked for. Nobody is a master who is not named in the configuration, and none acts for an administrator or
another master.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pillarbox.identity.addresses import maybe_address
from pillarbox.identity.directory import Credential


@dataclass(frozen=True, slots=True)
class Masters:
    """`domains`: of each master, by the folded address, the folded domains whose users they may be."""

    domains: Mapping[str, frozenset[str]] = field(default_factory=dict)
    separator: str = "*"

    def split(self, name: str) -> tuple[str, str] | None:
        """Whom somebody wants to be and who they are, where a name says both."""
        if not self.domains:
            return None
        user, _, master = name.rpartition(self.separator)
        # An address may have the separator in it; no part of one is an address.
        if maybe_address(user) is None or maybe_address(master) is None:
            return None
        return user, master

    def is_one(self, credential: Credential) -> bool:
        return _folded(credential.address) in self.domains

    def may_act(self, master: Credential, user: Credential) -> bool:
        domain = _folded(user.address).rpartition("@")[2]
        return (
            domain in self.domains.get(_folded(master.address), ())
            and user.enabled
            and not user.admin
            and not self.is_one(user)
        )


NONE = Masters()


def _folded(text: str) -> str:
    written = maybe_address(text)
    return written.folded if written is not None else ""
