"""Is the client, or a name it uses, on a list of such as send what nobody wants (RFC 5782)?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pillarbox.delivery.envelope import Arrival
from pillarbox.filter.auth import fields
from pillarbox.filter.auth.dmarc.judge import authors
from pillarbox.filter.block_lists import Listing

AUTHORS_LIMIT = 5  # domains in From that are looked up
NEVER = 1 << 30  # a weight that no lists have together

Ask = Callable[[tuple[str, ...]], Awaitable["Listed | None"]]


@dataclass(frozen=True, slots=True)
class Listed:
    """At least one listing. From these weights on, all lists together, mail is refused, and goes to Junk."""

    listings: tuple[Listing, ...]
    refuse_from: int
    junk_from: int

    @property
    def weight(self) -> int:
        return sum(each.weight for each in self.listings)

    @property
    def reason(self) -> str:
        """The words of the heaviest list."""
        worst = max(self.listings, key=lambda each: each.weight)
        told = f": {worst.reason}" if worst.reason else ""
        return f"{worst.subject} is listed at {worst.zone}{told}"


async def step(arrival: Arrival, found: tuple[object, ...]) -> Listed | None:
    """The domains of its authors, on the same lists, together with what was listed at the door."""
    is_postmaster = arrival.to.path.rpartition("@")[0].casefold() == "postmaster"
    return await of_authors(arrival.envelope.listed, arrival.header, found, spared=is_postmaster)


async def of_authors(
    ask: Ask | None, header: bytes, found: tuple[object, ...], *, spared: bool = False
) -> Listed | None:
    """`spared`: whatever is listed, it is not refused (RFC 5321 4.5.1: the postmaster's mail)."""
    if ask is None:
        return None
    domains = tuple(filter(None, authors(fields.split(header))))[:AUTHORS_LIMIT]
    listed = await ask(domains) if domains else None
    if listed is None:
        return None
    before = [listing for each in found if isinstance(each, Listed) for listing in each.listings]
    known = {(each.zone, each.subject) for each in before}
    new = [each for each in listed.listings if (each.zone, each.subject) not in known]
    if not new:
        return None
    return Listed((*before, *new), NEVER if spared else listed.refuse_from, listed.junk_from)
