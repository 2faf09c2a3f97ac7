"""A message from a file or a program to one address, as if it had come over the network."""

from collections.abc import Iterable

from pillarbox.app.log import trace_id
from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.envelope import Addressed, Envelope
from pillarbox.model.errors import Code, Refused


async def deliver(delivery: Delivery, address: str, pieces: Iterable[bytes]) -> None:
    """The message is on disk when this returns; bare LF becomes CRLF."""
    recipient = delivery.resolve(address)
    if recipient is None:
        raise Refused(f"There is no account {address}", Code.NONEXISTENT)
    incoming = delivery.begin(Envelope("", (Addressed(address, recipient),), trace_id()))
    try:
        for piece in pieces:
            await incoming.write(piece)
    except BaseException:
        incoming.abandon()
        raise
    (outcome,) = await incoming.finish()
    if not outcome.delivered:
        raise Refused(f"Not delivered to {address}: {outcome.text}", temporary=outcome.code < 500)
