"""A message from a file or a program to one address, as if it had come over the network."""

from collections.abc import Iterable

from pillarbox.app.log import trace_id
from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.outcome import UNKNOWN_USER
from pillarbox.model.errors import Code, Refused


async def deliver(delivery: Delivery, address: str, pieces: Iterable[bytes]) -> None:
    """The message is on disk when this returns; bare LF becomes CRLF."""
    outcome = await delivery.hand_over(address, pieces, id=trace_id())
    if outcome is UNKNOWN_USER:
        raise Refused(f"There is no account {address}", Code.NONEXISTENT)
    if not outcome.delivered:
        raise Refused(f"Not delivered to {address}: {outcome.text}", temporary=outcome.code < 500)
