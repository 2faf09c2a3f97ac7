"""What all connections of a listener share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel

if TYPE_CHECKING:
    from pillarbox.net.driver import Driver


def _nothing(driver: Driver) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Common:
    """`on_error`: a session raised, which is our bug and never the peer's. `upgrade`: to TLS, or OSError.
    `end_point`: of the certificate that was shown. `came` and `gone` are told of each connection, `known`
    of those that have logged in."""

    wheel: Wheel
    on_error: Callable[[BaseException, Peer], None]
    upgrade: Callable[[asyncio.Transport, Driver], Awaitable[asyncio.Transport]]
    implicit_tls: bool = False
    end_point: Callable[[asyncio.Transport], bytes | None] = lambda transport: None
    came: Callable[[Driver], None] = _nothing
    gone: Callable[[Driver], None] = _nothing
    known: Callable[[Driver], None] = _nothing
