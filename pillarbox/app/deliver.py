"""A message from a file or a program to one address, as if it had come over the network."""

from collections.abc import Iterable

from pillarbox.app.log import trace_id
from pillarbox.delivery.outcome import UNKNOWN_USER, Outcome
from pillarbox.delivery.post import Letter, Post
from pillarbox.model.errors import Code, Refused


async def deliver(post: Post, address: str, pieces: Iterable[bytes]) -> None:
    """The message is on disk when this returns; bare LF becomes CRLF."""
    if (ahead := post.ahead(address)) is not None:
        await ahead
    accepted = post.accept(address)
    if accepted is UNKNOWN_USER:
        raise Refused(f"There is no account {address}", Code.NONEXISTENT)
    if isinstance(accepted, Outcome):
        raise _refused(address, accepted)
    arriving = post.begin(Letter("", (accepted,), trace_id()))
    try:
        for piece in pieces:
            await arriving.write(piece)
        (outcome,) = await arriving.finish()
    finally:
        arriving.abandon()
    if not outcome.delivered:
        raise _refused(address, outcome)


def _refused(address: str, outcome: Outcome) -> Refused:
    return Refused(f"Not delivered to {address}: {outcome.text}", temporary=outcome.code < 500)
