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


_VANISHED = re.compile(rb"\* VANISHED( \(EARLIER\))? ([\d:,]+)")
_MODSEQ = re.compile(rb"FETCH .*MODSEQ \((\d+)\)")
_HIGHEST = re.compile(rb".* OK \[HIGHESTMODSEQ (\d+)\]")


class Mirror:
    """A client that believes what it is told: by number, the UID and the flags of each message.

    `enable` is what it has enabled. One that knows mod-sequences keeps `highest` as RFC 7162 6 says, and
    comes back with it on another connection.
    """

    def __init__(self, user: Imap, enable: bytes = b"") -> None:
        self.user = user
        self.enable = enable
        self.messages: list[list[object]] = []  # [uid or None, flags or None]
        self.highest = 0
        self.earlier: set[int] = set()  # told by VANISHED (EARLIER)

    async def select(self) -> None:
        self.hear(await self.user.ok(b"SELECT INBOX"))
        await self.do(b"FETCH 1:* (UID FLAGS)")

    async def come_back(self, made: World) -> None:
        """Another connection, on which it is told only what it has missed."""
        believed = {message[0]: message[1] for message in self.messages if message[0] is not None}
        self.user = await made.user(self.enable)
        self.messages, self.earlier = [], set()
        if self.enable == b"QRESYNC":
            (status,) = await self.user.ok(b"STATUS INBOX (UIDVALIDITY)")
            uidvalidity = int(status.split()[-1].rstrip(b")"))
            lines = await self.user.ok(b"SELECT INBOX (QRESYNC (%d %d))" % (uidvalidity, self.highest))
        else:
            lines = await self.user.ok(b"SELECT INBOX")
            if self.highest:
                lines += await self.user.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % self.highest)
        self.hear(lines)
        changed = {message[0]: message[1] for message in self.messages if message[0] is not None}
        await self.do(b"FETCH 1:* (UID)")
        present = {message[0] for message in self.messages}
        if self.enable == b"QRESYNC":
            assert not self.earlier & present
            assert believed.keys() - self.earlier <= present, "a message vanished and nobody was told"
        for message in self.messages:
            told = changed.get(message[0])  # told "no flags" is told, too
            message[1] = believed.get(message[0]) if told is None else told

    async def do(self, command: bytes, *, expunges: bool = True) -> None:
        lines = (await self.user.do(command)).split(b"\r\n")
        if not expunges:
            gone = [line for line in lines if line.endswith(b" EXPUNGE") or line.startswith(b"* VANISHED ")]
            assert not gone, (command, lines)
        self.hear(lines)

    def hear(self, lines: list[bytes]) -> None:
        if told := [int(found[1]) for line in lines if (found := _HIGHEST.match(line))]:
            self.highest = told[-1]
        else:
            told = [int(found[1]) for line in lines if (found := _MODSEQ.search(line))]
            self.highest = max(self.highest, *told, 0)
        for line in lines:
            if gone := _VANISHED.fullmatch(line):
                for uid in uids_of(gone[2]):
                    if gone[1]:
                        self.earlier.add(uid)
                    else:
                        self.forget(uid)
                continue
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

    def forget(self, uid: int) -> None:
        """VANISHED takes away a message that the client counts, whether it knows its UID or not."""
        place = None
        for at, (known, _) in enumerate(self.messages):
            if known == uid:
                place = at
                break
            if known is None and place is None:
                place = at
            elif isinstance(known, int) and known > uid:
                break
            elif known is not None:
                place = None
        assert place is not None, "VANISHED speaks of a message that the client does not count"
        del self.messages[place]


def uids_of(numbers: bytes) -> list[int]:
    out: list[int] = []
    for part in numbers.split(b","):
        low, _, high = part.partition(b":")
        out += range(int(low), int(high or low) + 1)
    return out


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(
            [
                *("append", "store", "silent", "uid", "copy", "move", "expunge", "noop"),
                *("fetch", "search", "see", "back"),
            ]
        ),
        st.integers(1, 6),
        st.integers(0, 3),
        st.sampled_from(FLAGS),
    ),
    max_size=25,
)


@pytest.mark.parametrize("enable", [b"", b"IMAP4rev2", b"CONDSTORE", b"QRESYNC"])
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
        mirrors = [Mirror(await made.user(*([enable] if enable else [])), enable) for _ in range(3)]
        for mirror in mirrors:
            await mirror.user.append(MAIL)
        for mirror in mirrors:
            await mirror.select()
        for who, action, at, more, flag in actions:
            if action != "back":
                await act(mirrors[who], action, at, more, flag)
            elif enable in (b"CONDSTORE", b"QRESYNC"):
                await mirrors[who].come_back(made)
        for mirror in mirrors:
            if enable in (b"CONDSTORE", b"QRESYNC"):
                await mirror.come_back(made)
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
