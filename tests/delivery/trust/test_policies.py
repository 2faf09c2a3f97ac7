"""Policies are fetched, remembered and not forgotten: with a clock, a DNS and a web that do as told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Failed
from pillarbox.delivery.trust.policies import AGAIN, DAY, Found, Policies
from tests.zone import Zone

TEXT = b"version: STSv1\nmode: enforce\nmx: mx.two.test\nmax_age: 604800\n"


@dataclass
class World:
    folder: Path
    now: float = 1_800_000_000.0
    zone: Zone = field(default_factory=lambda: Zone(texts={"_mta-sts.two.test": ["v=STSv1; id=1;"]}))
    text: bytes = TEXT
    kind: str = "text/plain"
    failure: Failed | None = None
    fetched: list[str] = field(default_factory=list)

    def begun(self) -> Policies:
        """As a server that has just been started."""
        return Policies(Trust(self.folder), self.zone, self.fetch, lambda: self.now)

    async def fetch(self, host: str, path: str, limit: int) -> tuple[str, bytes]:
        self.fetched.append(f"https://{host}{path}")
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.kind, self.text

    @property
    def id(self) -> str:
        return self.zone.texts["_mta-sts.two.test"][0]

    @id.setter
    def id(self, id: str) -> None:
        self.zone.texts["_mta-sts.two.test"] = [f"v=STSv1; id={id};"]


def play(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        await scene(World(folder))

    asyncio.run(run())


def mode(found: Found) -> str:
    return found.policy.mode if found.policy is not None else ""


def test_a_policy_is_fetched_once_and_survives_a_restart(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        policies = world.begun()
        assert [mode(each) for each in await asyncio.gather(*[policies.find("two.test")] * 1)] == ["enforce"]
        found = await asyncio.gather(*(policies.find("two.test") for _ in range(5)))
        assert {mode(each) for each in found} == {"enforce"}
        assert world.fetched == ["https://mta-sts.two.test/.well-known/mta-sts.txt"]
        assert mode(await world.begun().find("two.test")) == "enforce"
        assert len(world.fetched) == 1
        assert await policies.find("else.test") == Found()

    play(tmp_path, scene)


def test_who_hides_the_record_or_the_host_does_not_end_it(tmp_path: Path) -> None:
    # RFC 8461 5.1, 10.2
    async def scene(world: World) -> None:
        await world.begun().find("two.test")
        world.zone.texts.clear()
        assert mode(await world.begun().find("two.test")) == "enforce"
        world.zone.broken.add("_mta-sts.two.test")
        assert mode(await world.begun().find("two.test")) == "enforce"
        world.zone.broken.clear()
        world.id, world.failure = "2", Failed("no route")
        assert mode(await world.begun().find("two.test")) == "enforce"
        world.failure, world.text = None, b"<html>"
        assert mode(await world.begun().find("two.test")) == "enforce"
        world.now += 604_801
        assert await world.begun().find("two.test") == Found(
            None, "sts-policy-invalid", "a line has no colon"
        )

    play(tmp_path, scene)


def test_another_id_or_another_day_brings_it_anew(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        policies = world.begun()
        await policies.find("two.test")
        world.id, world.text = "2", TEXT.replace(b"enforce", b"testing")
        assert mode(await policies.find("two.test")) == "testing"
        world.text = TEXT
        assert mode(await policies.find("two.test")) == "testing"
        world.now += DAY + 1
        assert mode(await policies.find("two.test")) == "enforce"
        assert len(world.fetched) == 3
        world.id, world.text = "3", b"version: STSv1\nmode: none\nmax_age: 86400\n"
        assert await policies.find("two.test") == Found()

    play(tmp_path, scene)


def test_what_cannot_be_fetched_is_not_asked_for_at_once_again(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        policies = world.begun()
        world.failure = Failed("refused")
        assert await policies.find("two.test") == Found(None, "sts-policy-fetch-error", "refused")
        assert await policies.find("two.test") == Found(None, "sts-policy-fetch-error", "refused")
        assert len(world.fetched) == 1
        world.failure = Failed("expired", certificate=True)
        world.now += AGAIN
        assert await policies.find("two.test") == Found(None, "sts-webpki-invalid", "expired")
        world.id, world.failure = "2", None  # a new one is asked for
        assert mode(await policies.find("two.test")) == "enforce"

    play(tmp_path, scene)


def test_another_kind_of_page_is_no_policy(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.kind = "text/html"
        assert (await world.begun().find("two.test")).failure == "sts-policy-invalid"

    play(tmp_path, scene)


@pytest.mark.parametrize(("days", "count"), [(0.5, 1), (1.1, 1), (3.6, 2), (8, 1)])
def test_what_will_end_is_refreshed_though_no_mail_goes_there(
    tmp_path: Path, days: float, count: int
) -> None:
    async def scene(world: World) -> None:
        policies = world.begun()
        await policies.find("two.test")
        world.now += days * DAY
        await policies.refresh()
        assert len(world.fetched) == count

    play(tmp_path, scene)
