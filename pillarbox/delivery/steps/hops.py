"""How many systems has the message been through? RFC 5321 6.3: counting Received fields finds loops."""

import re
from dataclasses import dataclass

from pillarbox.delivery.envelope import Arrival

MAX_HOPS = 100  # RFC 5321 6.3: a limit should be large, "normally at least 100"

_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hops:
    count: int


async def step(arrival: Arrival, found: object) -> Hops:
    return count(arrival.header)


def count(header: bytes) -> Hops:
    return Hops(len(_RECEIVED.findall(header)))
