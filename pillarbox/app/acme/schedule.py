"""When an order is due. Pure: the time and the die are arguments.

A certificate is replaced when a third of its life is left, a little earlier by chance, so that the servers of
the world do not come at once. What fails is tried again after five minutes, then after twice as long each
time: authorities count failures, and five an hour are too many for the best known of them.
"""

import msgspec

from pillarbox.app.acme.files import State

LEFT = 1 / 3  # of the life of a certificate, for renewing it
CHANCE = 1 / 30  # of its life
FIRST_PAUSE, LONGEST_PAUSE = 300.0, 43_200.0  # seconds after a failure


def due(state: State, names: tuple[str, ...], directory: str) -> float:
    """When to order, for these names at this authority; 0 is at once."""
    if (state.names, state.directory) != (names, directory):
        return state.again
    return max(state.renewed, state.again)


def issued(
    names: tuple[str, ...], directory: str, since: float, until: float, now: float, die: float
) -> State:
    """After an order; `die` is from 0 to 1. A clock that is wrong does not lead to an order a minute."""
    life = until - since
    renewed = until - life * (LEFT + CHANCE * die)
    return State(names, directory, since, until, max(renewed, now + FIRST_PAUSE))


def failed(state: State, reason: str, now: float, die: float) -> State:
    pause = min(FIRST_PAUSE * 2**state.failures, LONGEST_PAUSE) * (1 + die / 4)
    return msgspec.structs.replace(
        state, failures=min(state.failures + 1, 60), reason=reason, failed=now, again=now + pause
    )
