"""The steps an arriving message goes through. Each is one file, with one evidence type and one function:

    async def step(arrival: Arrival, found: tuple[Evidence, ...]) -> Evidence | None

What is found out about who is at the door (`reception/`) is evidence too, and has its types here.
A step finds something out and says it as typed evidence, or None when it found nothing. It may read what
earlier steps found. It changes nothing, and never raises for anything a message contains.
"""

from collections.abc import Awaitable, Callable, Sequence

from pillarbox.delivery.envelope import Arrival
from pillarbox.delivery.steps import authentication, detail, greylisted, hops, listed, reverse

Evidence = (
    reverse.Reverse
    | listed.Listed
    | greylisted.Greylisted
    | hops.Hops
    | authentication.Authenticity
    | detail.Detail
)
Step = Callable[[Arrival, tuple[Evidence, ...]], Awaitable[Evidence | None]]

STEPS: tuple[Step, ...] = (hops.step, listed.step, authentication.step, detail.step)


async def examine(arrival: Arrival, steps: Sequence[Step] = STEPS) -> tuple[Evidence, ...]:
    """What the steps find, in their order, behind what was known before the content came."""
    found: tuple[Evidence, ...] = arrival.envelope.known
    for step in steps:
        evidence = await step(arrival, found)
        if evidence is not None:
            found = (*found, evidence)
    return found
