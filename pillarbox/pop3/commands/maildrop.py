"""STAT, LIST, UIDL, DELE, NOOP, RSET, QUIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.pop3.wire import command as wire
from pillarbox.pop3.wire.answer import Answer, Listing, ok

if TYPE_CHECKING:
    from pillarbox.pop3.session import Session


async def stat(session: Session, command: wire.Stat) -> Answer:
    drop = session.opened_maildrop
    return ok(f"{drop.count} {drop.octets}")


async def listing(session: Session, command: wire.List) -> Answer:
    drop = session.opened_maildrop
    if command.number is not None:
        return ok(f"{command.number} {await drop.size(command.number)}")
    return Listing(f"{drop.count} messages ({drop.octets} octets)", drop.sizes())


async def uidl(session: Session, command: wire.Uidl) -> Answer:
    drop = session.opened_maildrop
    if command.number is not None:
        return ok(f"{command.number} {await drop.unique_id(command.number)}")
    return Listing(f"{drop.count} messages", drop.unique_ids())


async def dele(session: Session, command: wire.Dele) -> Answer:
    await session.opened_maildrop.delete(command.number)
    return ok(f"Message {command.number} is gone after QUIT")


async def noop(session: Session, command: wire.Noop) -> Answer:
    return ok("Nothing done")


async def rset(session: Session, command: wire.Rset) -> Answer:
    drop = session.opened_maildrop
    drop.keep_all()
    return ok(f"{drop.count} messages ({drop.octets} octets)")


async def quit(session: Session, command: wire.Quit) -> Answer:
    """RFC 1939 6: whether the messages could be removed or not, the connection ends."""
    session.connection.close()
    drop = session.maildrop
    if drop is None:
        return ok("Good bye")
    session.updating = True
    await drop.apply()
    return ok(f"Good bye, {drop.count} messages left")
