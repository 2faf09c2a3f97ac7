"""Looks whether keys that wait have been published; the process that sends does, every few minutes.

So nobody waits for the DNS when a message is submitted, and a key that nobody can find signs nothing.
"""

import asyncio
from collections.abc import Callable

from pillarbox.delivery.signing.keys import KEPT_SECONDS, Keys, Named, State
from pillarbox.filter import dns
from pillarbox.filter.auth.dkim import key
from pillarbox.filter.auth.dkim.key import NoKey

PAUSE = 300.0  # seconds between two looks

Tell = Callable[..., object]


async def look(keys: Keys, domain: str, resolve: dns.Resolve, now: float) -> list[Named]:
    """Have those of the domain sign that are published; which these are."""
    found = []
    for each in await asyncio.to_thread(keys.listed, domain):
        if each.state is State.WAITING and await is_published(keys, domain, each, resolve):
            await asyncio.to_thread(keys.sign_with, domain, each.selector, now)
            found.append(each)
    return found


async def is_published(keys: Keys, domain: str, named: Named, resolve: dns.Resolve) -> bool:
    """Does the DNS have this key, and not another under its name?"""
    try:
        found = await dns.resolved(key.find(domain, named.selector, named.algorithm), resolve)
    except NoKey:
        return False
    return found.public == (await asyncio.to_thread(keys.private, domain, named.selector)).public_key()


async def round(keys: Keys, resolve: dns.Resolve, now: float, tell: Tell) -> None:
    """One look at all domains; what has been old for long enough goes."""
    for domain in await asyncio.to_thread(keys.domains):
        for each in await look(keys, domain, resolve, now):
            tell("DKIM key signs from now on", domain=domain, selector=each.selector)
        for each in await asyncio.to_thread(keys.listed, domain):
            if each.state is State.OLD and each.since + KEPT_SECONDS < now:
                await asyncio.to_thread(keys.retire, domain, each.selector)
                tell("old DKIM key removed; so may its record be", domain=domain, selector=each.selector)


async def keep_looking(
    keys: Keys,
    resolve: dns.Resolve,
    clock: Callable[[], float],
    tell: Tell,
    report: Callable[[BaseException], object],
) -> None:
    while True:
        try:
            await round(keys, resolve, clock(), tell)
        except Exception as error:  # a disk that is full; the next look may be better
            report(error)
        await asyncio.sleep(PAUSE)
