"""Does the address name a mailbox? `user+folder@domain` wishes for `folder` (RFC 5233 1)."""

from dataclasses import dataclass

from pillarbox.delivery.envelope import Arrival


@dataclass(frozen=True, slots=True)
class Detail:
    text: str


async def step(arrival: Arrival, found: object) -> Detail | None:
    detail = arrival.to.recipient.detail
    return Detail(detail) if detail else None
