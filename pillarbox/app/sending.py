"""The process that sends mail to other systems: the runner with all it needs."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import SystemRandom
from time import time

from pillarbox.app.config import Config
from pillarbox.app.log import trace_id
from pillarbox.app.wiring import Core, Named, Report, delivery, signer
from pillarbox.delivery import srs
from pillarbox.delivery.dmarc_reports.sending import Sender, Sign
from pillarbox.delivery.outbound.conversation import Way
from pillarbox.delivery.outbound.opening import Smarthost
from pillarbox.delivery.outbound.runner import Runner, Settings
from pillarbox.delivery.signing import lookout
from pillarbox.delivery.trust import results
from pillarbox.delivery.trust.daily import Daily
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Https
from pillarbox.delivery.trust.policies import Policies
from pillarbox.delivery.trust.results import Session
from pillarbox.filter.auth.domains import a_labels
from pillarbox.identity import addresses
from pillarbox.identity.directory import Directory, Recipient

Tell = Callable[..., object]

LOOK_AFTER = 5.0  # seconds after a start: what asks the DNS is read from the disk then, and others come first


@asynccontextmanager
async def running(config: Config, parts: Core, tell: Tell, report: Report) -> AsyncIterator[None]:
    """Mail goes out while the context lasts."""
    chance = SystemRandom()
    signs = signer(config, parts.directory, report)
    trust = Trust(config.data_folder)
    https = Https(parts.resolve)
    policies = Policies(trust, parts.resolve, https.get, time)
    runner = Runner(
        parts.queue,
        delivery(config, parts, report),
        partial(find, parts.directory),
        partial(original, parts.directory),
        parts.resolve,
        settings(config),
        random=chance.random,
        shuffle=chance.shuffle,
        name=trace_id,
        report=report,
        sign=signs.signed,
        policies=policies,
        note=partial(noted, trust, report),
    )
    daily = Daily(
        trust,
        parts.resolve,
        policies,
        parts.queue,
        partial(find, parts.directory),
        signs.signed,
        https.post,
        hostname=config.hostname,
        clock=time,
        report=report,
    )
    tasks = [
        asyncio.create_task(_kept_up(runner, report)),
        asyncio.create_task(lookout.keep_looking(signs.keys, parts.resolve, time, tell, report)),
        asyncio.create_task(daily.run()),
    ]
    if isinstance(parts.resolve, Named):
        tasks.append(asyncio.create_task(_say_of_dane(parts.resolve, tell)))
    if config.reports.dmarc:
        sender = dmarc_reports(config, parts, report, signs.signed)
        tasks.append(asyncio.create_task(sender.run()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        trust.close()


def dmarc_reports(config: Config, parts: Core, report: Report, sign: Sign) -> Sender:
    return Sender(
        config.data_folder,
        parts.queue,
        parts.resolve,
        partial(find, parts.directory),
        hostname=config.hostname,
        spared=filter(None, map(a_labels, config.reports.spared)),
        clock=time,
        name=trace_id,
        sign=sign,
        report=report,
    )


def settings(config: Config) -> Settings:
    by_domain: dict[str, Smarthost] = {}
    for each in config.outbound.smarthosts:
        way = Way(each.port, each.tls, each.user, each.password)
        for domain in each.domains or ("",):
            by_domain.setdefault(addresses.fold_domain(domain), Smarthost(each.host, way))

    def route(domain: str) -> Smarthost | None:
        return by_domain.get(domain) or by_domain.get("")

    return Settings(config.hostname, Way(config.outbound.port, source=config.outbound.source), route)


def find(directory: Directory, text: str, detail: str | None) -> Recipient | None:
    """The account whose own address this is, or, without a detail, the one that its mail goes to."""
    if detail is None:
        return directory.resolve(text)
    written = addresses.maybe_address(text)
    return None if written is None else directory.recipient(written.folded, detail)


def original(directory: Directory, sender: str) -> str:
    """The sender that this stands for."""
    local = sender.rpartition("@")[0]
    return srs.reverse(local, directory.forwarding_key, directory.now()) or sender


async def noted(trust: Trust, report: Report, session: Session) -> None:
    """Counts are worth less than mail: what cannot be counted is not."""
    try:
        await asyncio.to_thread(trust.do, lambda db: results.count(db, session, time()))
    except Exception as error:
        report(error)


async def _say_of_dane(resolve: Named, tell: Tell) -> None:
    await asyncio.sleep(LOOK_AFTER)
    if not await resolve.checks_dnssec():
        tell("DANE is off", reason="it takes a DNS server on this machine that checks DNSSEC")


async def _kept_up(runner: Runner, report: Report) -> None:
    """A bug of ours ends no mail: the runner begins again after a while."""
    while True:
        try:
            await runner.run()
        except Exception as error:
            report(error)
            await asyncio.sleep(1 + secrets.randbelow(10))
