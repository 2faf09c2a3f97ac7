"""The door of the MX as the configuration has it, and what it asks the DNS."""

import time
from ipaddress import IPv4Network, ip_network

import structlog

from pillarbox.app.arriving import Mx
from pillarbox.app.config import Config
from pillarbox.app.guard import Guard, Report
from pillarbox.delivery.reception import reception
from pillarbox.delivery.reception.greylist import Greylist, Patience
from pillarbox.delivery.reception.reception import Reception
from pillarbox.filter.block_lists import BlockList, Of
from pillarbox.filter.dns import Resolve
from pillarbox.smtp.door import Door, Rules

DAY = 86_400


def door(config: Config, guard: Guard, greylist: Greylist, resolve: Resolve, report: Report) -> Door:
    mx = config.mx
    exempt = (*config.abuse.exempt, *mx.exempt)
    rules = Rules(
        mx.unknown_per_session,
        mx.errors_per_session,
        tuple(ip_network(each, strict=False) for each in exempt),
    )
    asks = mx.reverse_dns != "off" or mx.lists or mx.greylist
    asking = None
    if asks:
        asking = Reception(
            resolve,
            wanted(mx),
            hostname=config.hostname,
            clock=time.time,
            report=report,
            tell=structlog.get_logger().warning,
            greylist=greylist if mx.greylist else None,
        )
    return Door(guard.meter, guard.did, rules, clock=time.time, reception=asking)


def wanted(mx: Mx) -> reception.Rules:
    lists = tuple(
        BlockList(
            each.zone.strip(".").lower(),
            Of(each.of),
            tuple(IPv4Network(code, strict=False) for code in each.codes),
            each.weight,
            each.tested,
        )
        for each in mx.lists
    )
    return reception.Rules(
        mx.reverse_dns != "off", mx.reverse_dns == "refuse", lists, mx.refuse_from, mx.junk_from
    )


def patience(mx: Mx) -> Patience:
    return Patience(mx.greylist_wait, mx.greylist_days * DAY)
