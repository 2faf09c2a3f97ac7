"""An LMTP session in memory, on a delivery with a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pillarbox.net.memory import Client, connect
from pillarbox.smtp.profile import LMTP, Profile
from pillarbox.smtp.session import Service, Session
from tests.delivery.office import HOST, Office, office

END = b"504 5.5.4 There is no such command\r\n"


@dataclass
class Talk:
    """A client that has said LHLO, and what is behind the server."""

    client: Client
    office: Office
    session: Session

    async def __call__(self, said: bytes, *, pieces: int = 0) -> list[bytes]:
        """Say something, then a question with an answer of its own; all replies before that."""
        await self.client.send(said + b"HELP ?\r\n", pieces=pieces)
        text = await self.client.read_until(END)
        return text.removesuffix(END).split(b"\r\n")[:-1]

    async def start(self, *paths: bytes, mail: bytes = b"MAIL FROM:<who@else.test>") -> None:
        """MAIL and RCPT, all accepted."""
        said = b"".join(b"RCPT TO:<%s>\r\n" % path for path in paths)
        replies = await self(mail + b"\r\n" + said)
        assert [reply[:3] for reply in replies] == [b"250"] * (1 + len(paths)), replies


@asynccontextmanager
async def talking(
    folder: Path, *, tls: bool = False, options: Any = None, profile: Profile = LMTP, **more: Any
) -> AsyncIterator[Talk]:
    async with office(folder, **(options or {})) as here:
        count = iter(range(1, 1_000_000))
        service = Service(profile, HOST, here.post, here.errors.append, lambda: f"X{next(count)}", **more)
        session = Session(service)
        client = connect(session, tls=tls)
        greeting = await client.read_line()
        assert greeting == f"220 {HOST} {profile.name} Pillarbox\r\n".encode()
        await client.send(b"%s client.test\r\n" % (b"LHLO" if profile is LMTP else b"EHLO"))
        await client.read_until(b"250 SIZE" if not more else b"250 ")
        await client.read_line()
        talk = Talk(client, here, session)
        yield talk
        if not client.driver.lost:
            await client.disconnect()
        assert here.errors == []


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., None]:
    """Runs `play(talk)` with a session that has said LHLO."""

    def run(play: Callable[[Talk], Coroutine[Any, Any, None]], **more: Any) -> None:
        async def whole() -> None:
            async with talking(tmp_path, **more) as talk:
                await play(talk)

        asyncio.run(whole())

    return run
