"""Every scene of `transcripts/*.txt` as SMTP speaks it, in the language of `tests/transcripts/language.py`.

`state:` is the profile (smtp, submission, lmtp), `needs: login` has the client logged in as ann. `$_` stands
for anything. Nothing but what a scene says may come. The clock stands at 2027-01-15T08:00:00Z.
"""

import asyncio
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.post import Submission
from pillarbox.delivery.queue.waiting import Limits
from pillarbox.net.memory import Client, connect
from pillarbox.net.session import Peer
from pillarbox.smtp.profile import LMTP, MX, SUBMISSION
from pillarbox.smtp.session import Service, Session
from tests.delivery.office import HOST, office
from tests.smtp.test_submission import GOOD, USERS
from tests.transcripts.language import Directive, Expect, Scene, Send, read

PROFILES = {"smtp": MX, "submission": SUBMISSION, "lmtp": LMTP}
SCENES = [
    scene for path in sorted((Path(__file__).parent / "transcripts").glob("*.txt")) for scene in read(path)
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_scene(scene: Scene, tmp_path: Path) -> None:
    asyncio.run(_play(scene, tmp_path))


async def _play(scene: Scene, folder: Path) -> None:
    profile = PROFILES[scene.state]
    async with office(folder) as here:
        here.submission = Submission(Limits(held=2, held_octets=10_000))
        count = iter(range(1, 1000))
        service = Service(
            profile,
            HOST,
            here.post,
            here.errors.append,
            lambda: f"X{next(count)}",
            starttls=True,
            users=USERS if profile.submits else None,
            xclient=(ip_network("192.0.2.0/24"),),
            longest_hold=86_400,
        )
        proxy = "PROXY" in scene.needs
        client = connect(Session(service), peer=Peer("192.0.2.9" if proxy else "127.0.0.1", 7, not proxy))
        await client.read_line()
        if "LOGIN" in scene.needs:
            await client.send(b"EHLO client.test\r\nAUTH PLAIN " + GOOD + b"\r\n")
            await client.read_until(b"Logged in\r\n")
        for step in scene.steps:
            await _step(scene, step, client)
        if not client.driver.lost:
            await client.send(b"HELP nothing\r\n")
            rest = await client.read_line()
            assert rest == b"504 5.5.4 There is no such command\r\n", (
                f"{scene.name}: {rest!r} was not expected"
            )
            await client.disconnect()
        assert here.errors == []


async def _step(scene: Scene, step: Any, client: Client) -> None:
    where = f"{scene.path.name}:{step.line}"
    match step:
        case Send(text=text):
            await client.send(text)
        case Expect(patterns=(pattern,)):
            line = (await client.read_line()).removesuffix(b"\r\n")
            form = b".*".join(re.escape(part) for part in pattern.text.split(b"$_"))
            assert re.fullmatch(form, line), f"{where}: {line!r} instead of {pattern.text!r}"
        case Directive(word="closed"):
            assert await client.read_all() == b"", where
        case _:
            raise AssertionError(f"{where}: not a step of SMTP")
