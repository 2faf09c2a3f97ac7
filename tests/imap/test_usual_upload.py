"""Messages of a MULTIAPPEND that say nothing of themselves go a shorter way, to the same end."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from pillarbox.imap.commands.upload import Upload
from pillarbox.imap.settings import Settings
from tests.imap.conftest import world

SMALL = b"Subject: %d\r\n\r\nA line.\r\n"
LARGE = SMALL + b"And another line of it.\r\n" * 1500  # derived on a thread
FLAGGED, DATED = b" (\\Seen)", b' "17-Jul-1996 02:44:25 -0700"'
LIMITS = {"append_limit": 20_000, "append_memory": 8_000, "save_limit": 7}


def command(chance: random.Random) -> bytes:
    out = [b"a APPEND INBOX"]
    for number in range(chance.choice((1, 2, 4, 6, 7, 8))):
        message = chance.choice((SMALL, SMALL, SMALL, LARGE)) % number
        message = chance.choice((message, message, message, b"", (message * 60)[:9_000]))
        about = chance.choice((b"", b"", b"", FLAGGED, DATED, FLAGGED + DATED))
        opened, closed = chance.choice(((b"{%d+}", b""),) * 6 + ((b"~{%d+}", b""), (b"UTF8 (~{%d+}", b")")))
        out.append(about + b" " + opened % len(message) + b"\r\n" + message + closed)
    return b"".join(out) + chance.choice((b"\r\n", b"\r\n", b"\r\n", b" x\r\n", b"\n", b" {3+}\r\nabc \r\n"))


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_file_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    taken = 0
    goes_on = Upload._goes_on

    def counted(self: Upload, line: bytes) -> bool:
        nonlocal taken
        went = goes_on(self, line)
        taken += went
        return went

    async def said(folder: Path) -> list[bytes]:
        chance = random.Random(seed)
        # What is too large is tried in a third of the runs, so that most of what is said is filed.
        async with world(folder, Settings("mail.example.org", **(LIMITS if not seed % 3 else {}))) as made:
            session = await made.user()
            answers = []
            for _ in range(25):
                await session.client.send(command(chance))
                answers.append(await session.client.read_until(b"\r\n"))
            await session.ok(b"SELECT INBOX")
            await session.client.send(b"f FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[])\r\n")
            answers.append(await session.client.read_until(b"\r\nf OK"))
            return answers

    monkeypatch.setattr(Upload, "_goes_on", counted)
    short = asyncio.run(said(tmp_path / "short"))
    assert taken > 10
    monkeypatch.setattr(Upload, "_goes_on", lambda self, line: False)
    assert asyncio.run(said(tmp_path / "long")) == short
