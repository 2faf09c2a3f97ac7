"""Several real sessions on one mailbox: what each client rebuilds from what it is told equals the store."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap.settings import Settings
from tests.imap.conftest import Imap, World, world

MAIL = b"Subject: m\r\n\r\nx\r\n"
FLAGS = (b"\\Seen", b"\\Flagged", b"\\Deleted", b"Work")
_UNTAGGED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH)(?: \((.*))?")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_UID = re.compile(rb"UID (\d+)")


class Mirror:
    """A client that believes what it is told: by number, the UID and the flags of each message."""

    def __init__(self, user: Imap) -> None:
        self.user = user
        self.messages: list[list[object]] = []  # [uid or None, flags or None]

    async def select(self) -> None:
        self.hear(await self.user.ok(b"SELECT INBOX"))
        await self.do(b"FETCH 1:* (UID FLAGS)")

    async def do(self, command: bytes, *, expunges: bool = True) -> None:
        lines = (await self.user.do(command)).split(b"\r\n")
        if not expunges:
            assert not [line for line in lines if line.endswith(b" EXPUNGE")], (command, lines)
        self.hear(lines)

    def hear(self, lines: list[bytes]) -> None:
        for line in lines:
            if not (found := _UNTAGGED.fullmatch(line)):
                continue
            number, what, inside = int(found[1]), found[2], found[3]
            if what == b"EXISTS":
                assert number >= len(self.messages)
                self.messages += [[None, None] for _ in range(number - len(self.messages))]
            elif what == b"EXPUNGE":
                del self.messages[number - 1]
            elif what == b"FETCH":
                message = self.messages[number - 1]
                if uid := _UID.search(inside):
                    assert message[0] in (None, int(uid[1])), "a number changed its message"
                    message[0] = int(uid[1])
                if flags := _FLAGS.search(inside):
                    message[1] = frozenset(flags[1].split()) - {b"\\Recent"}


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(
            ["append", "store", "silent", "uid", "copy", "move", "expunge", "noop", "fetch", "search", "see"]
        ),
        st.integers(1, 6),
        st.integers(0, 3),
        st.sampled_from(FLAGS),
    ),
    max_size=25,
)


@pytest.mark.parametrize("enable", [b"", b"IMAP4rev2"])
def test_every_client_ends_with_the_same_picture(
    tmp_path_factory: pytest.TempPathFactory, enable: bytes
) -> None:
    @given(ACTIONS)
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def converges(actions: list[tuple[int, str, int, int, bytes]]) -> None:
        asyncio.run(play(tmp_path_factory.mktemp("store"), enable, actions))

    converges()


async def play(folder: Path, enable: bytes, actions: list[tuple[int, str, int, int, bytes]]) -> None:
    async with world(folder, Settings("x")) as made:
        mirrors = [Mirror(await made.user(*([enable] if enable else []))) for _ in range(3)]
        for mirror in mirrors:
            await mirror.user.append(MAIL)
        for mirror in mirrors:
            await mirror.select()
        for who, action, at, more, flag in actions:
            await act(mirrors[who], action, at, more, flag)
        await settle(made, mirrors)


async def act(mirror: Mirror, action: str, at: int, more: int, flag: bytes) -> None:
    """One command; numbers are the client's own, so they always mean what it believes."""
    at, end = min(at, len(mirror.messages)), min(at + more, len(mirror.messages))
    if action == "append":
        for _ in range(more):
            await mirror.do(b"APPEND INBOX {%d+}\r\n" % len(MAIL) + MAIL)
    elif action == "expunge":
        await mirror.do(b"EXPUNGE")
    elif action == "noop":
        await mirror.do(b"NOOP")
    elif not mirror.messages:
        return
    elif action == "store":
        await mirror.do(b"STORE %d:%d +FLAGS (%b)" % (at, end, flag), expunges=False)
    elif action == "silent":
        for message in mirror.messages[at - 1 : end]:
            if message[1] is not None:
                message[1] = message[1] - {flag}  # type: ignore[operator]
        await mirror.do(b"STORE %d:%d -FLAGS.SILENT (%b)" % (at, end, flag), expunges=False)
    elif action == "uid":
        await mirror.do(b"UID STORE %d:* FLAGS (%b)" % (at, flag))
    elif action == "copy":
        await mirror.do(b"COPY %d:%d INBOX" % (at, end))
    elif action == "move":
        await mirror.do(b"MOVE %d INBOX" % at)
    elif action == "fetch":
        await mirror.do(b"FETCH %d:%d (UID FLAGS ENVELOPE)" % (at, end), expunges=False)
    elif action == "see":
        await mirror.do(b"FETCH %d BODY[TEXT]<0.1>" % at, expunges=False)
    else:
        await mirror.do(b"SEARCH KEYWORD Work", expunges=False)


async def settle(made: World, mirrors: list[Mirror]) -> None:
    truth = Mirror(await made.user())
    await truth.select()
    for mirror in mirrors:
        await mirror.do(b"NOOP")
        believed = [message[:] for message in mirror.messages]
        await mirror.do(b"UID FETCH 1:* FLAGS")
        assert mirror.messages == truth.messages
        for before, now in zip(believed, mirror.messages):
            assert before[1] in (None, now[1]), "flags changed and nobody was told"
