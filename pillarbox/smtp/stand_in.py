"""What XCLIENT does: the session begins anew, as if its client were another.

Only what comes from a configured network may say so, and its own address decides about that, however
often it has spoken for somebody. STARTTLS and the announcement stay the connection's own.
"""

import ipaddress
from typing import TYPE_CHECKING

from pillarbox.net.session import Peer
from pillarbox.smtp.wire.reply import Reply, reply
from pillarbox.smtp.wire.xclient import ATTRIBUTES, Xclient

if TYPE_CHECKING:
    from pillarbox.smtp.session import Session

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

KEYWORD = f"XCLIENT {' '.join(ATTRIBUTES)}"
NOT_YOU = reply(550, "5.7.1", "XCLIENT is not for you")


def is_trusted(peer: Peer, networks: Networks) -> bool:
    """Whether what this one says of others is believed."""
    try:
        address = ipaddress.ip_address(peer.address)
    except ValueError:
        return False
    return any(address in network for network in networks)


def xclient(session: "Session", command: Xclient) -> Reply:
    if not is_trusted(session.connection.peer, session.service.xclient):
        return NOT_YOU
    before = session.client
    session.begin_again()
    if command.address is not None or command.port is not None:
        address = before.address if command.address is None else command.address
        session.client = Peer(address, command.port or 0, is_loopback=_is_loopback(address))
    if command.helo:
        session.helo = command.helo
        session.extended = command.extended is not False
    users = session.service.users
    if users is not None and users.known is not None and command.login:
        login = users.known(command.login)
        if login is not None:
            session.admit(login)
    return session.greet()


def _is_loopback(address: str) -> bool:
    return bool(address) and ipaddress.ip_address(address).is_loopback
