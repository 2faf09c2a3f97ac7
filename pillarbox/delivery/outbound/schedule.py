"""When to try again, and when to give up."""

from collections.abc import Callable

FIRST = 5 * 60  # seconds after the first failure; twice as long after each further one
LONGEST = 4 * 3600
LIFETIME = 5 * 86_400  # RFC 5321 4.5.4.1: at least 4-5 days
DELAY_TOLD = 4 * 3600  # of waiting, then the sender is told once that it goes on
JITTER = 0.2  # so that what failed together does not come back together


def again_at(now: int, attempts: int, random: Callable[[], float]) -> int:
    """After `attempts` failures, this one included. `random` gives 0 to 1."""
    pause: int = min(FIRST << min(attempts - 1, 20), LONGEST)
    return now + round(pause * (1 + JITTER * (2 * random() - 1)))
