"""The short way answers as the long way does: the same scripts, with it and without it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.pop3 import maildrop, short
from pillarbox.pop3.settings import Settings
from pillarbox.pop3.wire.content import encode_content, encode_whole
from tests.pop3.conftest import ACCOUNT, Play, World, world

MESSAGES = (
    b"Subject: plain\r\n\r\nA line.\r\n",
    b".\r\n..\r\n.begins with dots\r\n",
    b"Subject: bare\n\nlf\n.\nand no end",
    b"",
    b"\r\n",
    b"Subject: nul\r\n\r\n\0\r\n.\r\n",
    b"Subject: body\r\n\r\nin \xc3\xa4 8 bit\r\n",
    b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\nheader and body\r\n",
    b"Subject: large\r\n\r\n" + b"".join(b"%d is a line of its own.\r\n" % n for n in range(9000)),
)
COMMANDS = (
    *(
        b"RETR %d",
        b"RETR %d",
        b"retr %d",
        b"RETR 0%d",
        b"RETR  %d",
        b"RETR %d ",
        b"RETR",
        b"RETR x",
        b"DELE %d",
    ),
    *(b"TOP %d 1", b"LIST %d", b"RSET", b"UTF8", b"RETR 0", b"RETR 99", b"RETR 99999999999", b"NOOP"),
)


@given(st.binary(max_size=12) | st.lists(st.sampled_from((b"\r", b"\n", b".", b"a", b"\0"))).map(b"".join))
def test_a_whole_message_is_spelled_as_its_pieces_are(text: bytes) -> None:
    assert encode_whole(text) == b"".join(encode_content((text,)))


def test_messages_taken_in_their_order_are_those_asked_for(play: Play) -> None:
    """Also where some are long, one is deleted and one expunged while they are taken."""

    async def script(world: World) -> None:
        texts = [b"Subject: %d\r\n\r\n" % number for number in range(60)]
        for at in (30, 31, 40):
            texts[at] += random.Random(at).randbytes(maildrop.HELD).hex().encode() + b"\r\n"
        await world.append(*texts)
        pop = await world.user()
        await pop.send(*[b"RETR %d" % number for number in range(1, 20)], b"DELE 21")
        await world.remove(22)
        await pop.send(*[b"RETR %d" % number for number in range(20, 61)], b"QUIT")
        said = await pop.client.read_all()
        for number, text in enumerate(texts, 1):
            answer = b"+OK %d octets\r\n%b.\r\n" % (len(text), text)
            assert said.count(answer) == (number != 21), number
        assert b"Message 21 is deleted" in said

    play(script)


def test_messages_taken_in_their_order_are_read_together(play: Play) -> None:
    async def script(world: World) -> None:
        await world.append(*[b"Subject: %d\r\n\r\n" % number for number in range(200)])
        pop = await world.user()
        statements = 0

        def executed(cursor: object, sql: str, bindings: object) -> bool:
            nonlocal statements
            statements += 1
            return True

        world.store._handles.get(ACCOUNT).database.cursor.exec_trace = executed
        await pop.send(*[b"RETR %d" % number for number in range(1, 201)])
        for _ in range(200):
            await pop.line()
            await pop.lines()
        assert statements < 20

    play(script)


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    commands = [
        chance.choice(COMMANDS).replace(b"%d", b"%d" % chance.randint(1, len(MESSAGES))) for _ in range(80)
    ]
    taken = 0
    answer = short.answer

    def counted(*args: object, **kwargs: object) -> bytes | None:
        nonlocal taken
        said = answer(*args, **kwargs)  # type: ignore[arg-type]
        taken += said is not None
        return said

    async def said(folder: Path) -> bytes:
        async with world(folder, Settings("mail.example.org")) as made:
            await made.append(*MESSAGES)
            await made.remove(3)
            pop = await made.user()
            await made.remove(5)
            await pop.send(*commands, b"QUIT")
            return await pop.client.read_all()

    monkeypatch.setattr(short, "answer", counted)
    quick = asyncio.run(said(tmp_path / "short"))
    monkeypatch.setattr(short, "answer", lambda *_, **__: None)
    assert quick == asyncio.run(said(tmp_path / "long"))
    assert taken >= 5
