"""Whatever a client sends, in whatever state: it is answered or sent away, and nothing of ours breaks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap.settings import Settings
from pillarbox.imap.table import TABLE
from tests.imap.conftest import world

ARGUMENTS = (
    b"INBOX 1 1:* *:4 2:1 $ 1,3:5 () (FLAGS) FLAGS +FLAGS -FLAGS.SILENT (\\Seen) \\Seen Work ALL FULL BODY[]"
    b" BODY.PEEK[1.2.MIME]<0.5> BINARY[1] (UID BODY.PEEK[HEADER.FIELDS (To)]) RETURN (SAVE) (MIN MAX) NOT OR"
    b' SUBJECT x TEXT {1} {1+} {0+} ~{1+} "" "a b" % * NIL (MESSAGES) CHARSET UTF-8 PLAIN = Sent Sent/x'
    b" CATENATE (URL /INBOX/;UID=1) imap://ada@x/INBOX/;UID=1;URLAUTH=anonymous INTERNAL BODYPARTSTRUCTURE"
    b" AGFkYQBzZWNyZXQ= IMAP4rev2 UTF8=ACCEPT (SUBSCRIBED) (CHILDREN) 1-Jan-2020 SINCE UID DONE ada secret"
).split(b" ")
words = st.one_of(st.sampled_from(ARGUMENTS), st.binary(max_size=6))
commands = st.builds(
    lambda name, arguments, end: b" ".join([b"g", name, *arguments]) + end,
    st.sampled_from([name.encode() for name in TABLE if name not in ("LOGOUT", "STARTTLS")]),
    st.lists(words, max_size=5),
    st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b""]),
)


@pytest.mark.parametrize("select", [None, b"", b"INBOX"])
def test_every_state_survives(tmp_path_factory: pytest.TempPathFactory, select: bytes | None) -> None:
    @given(st.lists(st.one_of(commands, commands, commands, st.binary(max_size=30)), max_size=12))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def survives(pieces: list[bytes]) -> None:
        asyncio.run(play(tmp_path_factory.mktemp("store"), select, pieces))

    survives()


async def play(folder: Path, select: bytes | None, pieces: list[bytes]) -> None:
    async with world(folder, Settings("x")) as made:
        user = made.connect() if select is None else await made.user(select=select or b"Sent")
        bystander = await made.user(select=b"INBOX")
        await bystander.append(b"Subject: x\r\n\r\nx\r\n")
        for piece in pieces:
            await user.client.send(piece)
            if user.client.closed:
                break
        assert await bystander.status(b"NOOP") == b"OK NOOP completed"
        await user.client.disconnect()
