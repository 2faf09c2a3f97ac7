"""Messages end up where they belong, or nowhere, and the outcome says which."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery import deliver
from pillarbox.delivery.disposition import LOOP
from pillarbox.delivery.envelope import Envelope
from pillarbox.delivery.outcome import DELIVERED, TOO_BIG, TROUBLE, UNKNOWN_USER, Outcome
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused
from pillarbox.store import quota
from pillarbox.store.store import Store
from tests.delivery.office import ANN, BOB, DATE, HOST, Office, office

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def before(path: str, sender: str = "who@else.test") -> bytes:
    return (
        f"Return-Path: <{sender}>\r\nDelivered-To: {path}\r\n"
        f"Received: from client.test ([192.0.2.7])\r\n\tby {HOST} with LMTP id X1\r\n"
        f"\tfor <{path}>; {DATE}\r\n"
    ).encode()


async def delivered(here: Office, envelope: Envelope, *pieces: bytes) -> list[Outcome]:
    incoming = here.delivery.begin(envelope)
    for piece in pieces:
        await incoming.write(piece)
    return await incoming.finish()


async def raws(here: Office, account: int) -> list[tuple[str, bytes]]:
    return [(each.path, each.raw) for each in await here.filed(account)]


def test_one_recipient(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            assert await delivered(here, here.envelope("ann@example.test"), MESSAGE) == [DELIVERED]
            assert await raws(here, ANN) == [("INBOX", before("ann@example.test") + MESSAGE)]
            assert await raws(here, BOB) == []

    run(scene())


def test_several_recipients_each_get_their_own_trace_fields(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            paths = ["ann@example.test", "bob@example.test", "annie@example.test", "ann@example.test"]
            outcomes = await delivered(here, here.envelope(*paths), MESSAGE)
            # RFC 2033 4.2: as many outcomes as recipients, also where one is named twice; filed once.
            assert outcomes == [DELIVERED] * 4
            assert sorted(await raws(here, ANN)) == [
                ("INBOX", before("ann@example.test") + MESSAGE),
                ("INBOX", before("annie@example.test") + MESSAGE),
            ]
            assert await raws(here, BOB) == [("INBOX", before("bob@example.test") + MESSAGE)]

    run(scene())


@pytest.mark.parametrize(
    ("detail", "mailbox"),
    [
        ("Lists", "Lists"),
        ("lists", "Lists"),
        ("LISTS/Python", "Lists/python"),
        ("twin", "INBOX"),
        ("Twin", "Twin"),
        ("nowhere", "INBOX"),
        ("inbox", "INBOX"),
        ("", "INBOX"),
        ("/", "INBOX"),
        ("a" * 200, "INBOX"),
    ],
)
def test_plus_addressing(tmp_path: Path, detail: str, mailbox: str) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            for path in ("Lists", "Lists/python", "Twin", "TWIN"):
                await here.create(ANN, path)
            path = f"ann+{detail}@example.test"
            assert await delivered(here, here.envelope(path), MESSAGE) == [DELIVERED]
            assert await raws(here, ANN) == [(mailbox, before(path) + MESSAGE)]

    run(scene())


def test_a_parent_that_holds_no_messages_is_passed_by(tmp_path: Path) -> None:
    async def scene() -> None:
        from pillarbox.store import mailboxes

        async with office(tmp_path) as here:
            await here.create(ANN, "Parent/child")
            await here.store.write(ANN, mailboxes.delete, SERVER, "Parent")
            await delivered(here, here.envelope("ann+parent@example.test"), MESSAGE)
            assert [path for path, _ in await raws(here, ANN)] == ["INBOX"]

    run(scene())


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 30), max_size=8))
def test_bare_lf_becomes_crlf_however_it_comes_in(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    content = b"A: b\n\nx\r\n\r\ny\rz\r\r\n\x00\xff\n.\n"
    ends = sorted({min(cut, len(content)) for cut in cuts} | {len(content)})
    pieces = [content[start:end] for start, end in zip([0, *ends], ends)]

    async def scene() -> None:
        async with office(tmp_path_factory.mktemp("office")) as here:
            await delivered(here, here.envelope("ann@example.test"), *pieces)
            [(_, raw)] = await raws(here, ANN)
            assert raw == before("ann@example.test") + b"A: b\r\n\r\nx\r\n\r\ny\rz\r\r\n\x00\xff\r\n.\r\n"

    run(scene())


def test_an_empty_message(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            envelope = here.envelope("ann@example.test", "bob@example.test", sender="")
            assert await delivered(here, envelope) == [DELIVERED] * 2
            assert await delivered(here, here.envelope("ann@example.test")) == [DELIVERED]
            assert [raw for _, raw in await raws(here, ANN)] == [
                before("ann@example.test", sender=""),
                before("ann@example.test"),
            ]

    run(scene())


def test_a_message_too_large_for_memory_to_two_accounts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            noise = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"")
            body = b"".join(noise[n % 200 :] + noise[: n % 199] + b"\r\n" for n in range(3000))
            envelope = here.envelope("ann@example.test", "bob@example.test")
            pieces = [MESSAGE, *(body[at : at + 50_000] for at in range(0, len(body), 50_000))]
            assert await delivered(here, envelope, *pieces) == [DELIVERED] * 2
            assert await raws(here, ANN) == [("INBOX", before("ann@example.test") + MESSAGE + body)]
            assert await raws(here, BOB) == [("INBOX", before("bob@example.test") + MESSAGE + body)]

    run(scene())


def test_over_the_limit(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path, limit=1000) as here:
            envelope = here.envelope("ann@example.test", "bob@example.test")
            assert await delivered(here, envelope, b"x" * 600, b"x" * 401, b"x") == [TOO_BIG] * 2
            assert await raws(here, ANN) == []
            assert await delivered(here, envelope, b"x" * 600, b"x" * 400) == [DELIVERED] * 2

    run(scene())


def test_abandoned_leaves_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            incoming = here.delivery.begin(here.envelope("ann@example.test"))
            for _ in range(10):
                await incoming.write(b"x" * 50_000)
            incoming.abandon()
            assert await raws(here, ANN) == []

    run(scene())


def test_a_loop_is_refused_for_good(tmp_path: Path) -> None:
    # RFC 5321 6.3
    async def scene() -> None:
        async with office(tmp_path) as here:
            looping = b"Received: from a by b; x\r\n" * 101 + MESSAGE
            assert await delivered(here, here.envelope("ann@example.test"), looping) == [LOOP]
            quoted = MESSAGE + b"Received: from a by b; x\r\n" * 101
            assert await delivered(here, here.envelope("ann@example.test"), quoted) == [DELIVERED]

    run(scene())


def test_only_so_much_header_is_kept_for_the_steps(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            incoming = here.delivery.begin(here.envelope("ann@example.test"))
            for _ in range(20):
                await incoming.write(b"X: y\r\n" * 10_000)
            assert len(incoming._head.kept()) <= deliver.HEADER_LIMIT
            incoming.abandon()

    run(scene())


def test_the_same_trace_id_delivers_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            both = here.envelope("ann@example.test", "bob@example.test", trace="T1")
            assert await delivered(here, here.envelope("ann@example.test", trace="T1"), MESSAGE) == [
                DELIVERED
            ]
            assert await delivered(here, both, MESSAGE) == [DELIVERED] * 2
            assert await delivered(here, both, MESSAGE) == [DELIVERED] * 2
            assert len(await raws(here, ANN)) == len(await raws(here, BOB)) == 1
            await delivered(here, here.envelope("ann@example.test", trace="T2"), MESSAGE)
            assert len(await raws(here, ANN)) == 2

    run(scene())


def test_over_quota_is_said_for_the_one_it_concerns(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            await here.store.write(ANN, quota.set_limit, SERVER, quota.Resource.MESSAGE, 1)
            envelope = here.envelope("ann@example.test", "bob@example.test")
            assert await delivered(here, envelope, MESSAGE) == [DELIVERED] * 2
            refused, fine = await delivered(here, envelope, MESSAGE)
            assert (refused.code, refused.enhanced) in ((452, "4.2.2"), (552, "5.2.2"))
            assert fine == DELIVERED
            assert len(await raws(here, ANN)) == 1
            assert len(await raws(here, BOB)) == 2

    run(scene())


class FailingStore(Store):
    """A store whose writes of mail fail as told."""

    failure: BaseException | None = None

    async def write(self, account: int, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if self.failure is not None and verb.__name__ == "file":
            raise self.failure
        return await super().write(account, verb, *args, **kwargs)


@pytest.mark.parametrize(
    ("failure", "code", "enhanced", "reported"),
    [
        (Refused("busy", Code.UNAVAILABLE, temporary=True), 451, "4.3.0", False),
        (Refused("no more UIDs", Code.LIMIT), 451, "4.3.0", False),
        (RuntimeError("bug"), 451, "4.3.0", True),
    ],
)
@pytest.mark.parametrize("size", [10, 400_000])
def test_trouble_in_the_store_is_temporary_and_our_own(
    tmp_path: Path, failure: BaseException, code: int, enhanced: str, reported: bool, size: int
) -> None:
    async def scene() -> None:
        async with office(tmp_path, FailingStore) as here:
            here.store.failure = failure  # type: ignore[attr-defined]
            body = b"".join(b"%d\r\n" % (n * n * 7919) for n in range(size // 10))
            [outcome] = await delivered(here, here.envelope("ann@example.test"), MESSAGE + body)
            assert (outcome.code, outcome.enhanced) == (code, enhanced)
            assert outcome == TROUBLE or not reported
            assert here.errors == ([failure] if reported else [])
            here.store.failure = None  # type: ignore[attr-defined]
            assert await delivered(here, here.envelope("ann@example.test"), MESSAGE + body) == [DELIVERED]

    run(scene())


def test_a_disk_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:

            def full(*args: object) -> None:
                raise Refused("The mail store cannot write at the moment", Code.UNAVAILABLE, temporary=True)

            monkeypatch.setattr("pillarbox.store.spool.Spool.append", full)
            envelope = here.envelope("ann@example.test", "bob@example.test")
            outcomes = await delivered(here, envelope, *[b"x" * 60_000] * 5)
            assert [(outcome.code, outcome.enhanced) for outcome in outcomes] == [(451, "4.3.0")] * 2
            assert await raws(here, ANN) == []

    run(scene())


def test_handing_over_on_this_machine(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            assert (
                await here.delivery.hand_over("ann@example.test", [b"A: b\n", b"\nx\n"], id="L1") == DELIVERED
            )
            assert await here.delivery.hand_over("nobody@example.test", [b"x"], id="L2") == UNKNOWN_USER
            [(path, raw)] = await raws(here, ANN)
            assert path == "INBOX"
            assert (
                raw
                == (
                    f"Return-Path: <>\r\nDelivered-To: ann@example.test\r\nReceived: by {HOST} id L1\r\n"
                    f"\tfor <ann@example.test>; {DATE}\r\nA: b\r\n\r\nx\r\n"
                ).encode()
            )

    run(scene())


def test_many_recipients(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path) as here:
            paths = [f"{who}+{n}@example.test" for n in range(100) for who in ("ann", "bob")]
            assert await delivered(here, here.envelope(*paths), MESSAGE) == [DELIVERED] * 200
            assert len(await raws(here, ANN)) == len(await raws(here, BOB)) == 100

    run(scene())
