"""A limit of time for questions to the DNS: a judgement ends, with the result there is for no answer."""

import asyncio

from pillarbox.filter import dns


def within(resolve: dns.Resolve, seconds: float) -> dns.Resolve:
    """The same resolver, that answers TROUBLE when its time is over."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds

    async def ask(question: dns.Question) -> dns.Answer:
        if clock() >= end:
            return dns.TROUBLE
        try:
            async with asyncio.timeout_at(end):
                return await resolve(question)
        except TimeoutError:
            return dns.TROUBLE

    return ask
