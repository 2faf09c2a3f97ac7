"""REQUIRETLS (RFC 8689) as clients say it, and what the queue keeps of it."""

from collections.abc import Callable

import pytest

from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.database import opened
from pillarbox.identity.routes import Expansion, Remote
from pillarbox.smtp.profile import MX
from tests.smtp.conftest import Talk

Scene = Callable[..., None]
MAIL = b"MAIL FROM:<who@else.test>"


def led_elsewhere(talk: Talk) -> None:
    talk.office.expand = lambda address: Expansion((), (Remote("far@else.test", "ann@example.test"),))  # type: ignore[method-assign]


def queued(talk: Talk) -> list[str]:
    with opened(talk.office.queue.folder) as db:
        return [entry.letter.tls for entry in asking.entries(db)]


def test_it_is_offered_under_tls(scene: Scene) -> None:
    async def secure(talk: Talk) -> None:
        assert b"250-REQUIRETLS" in await talk(b"EHLO client.test\r\n")
        assert await talk(MAIL + b" REQUIRETLS=yes\r\n") == [b"501 5.5.4 REQUIRETLS has no value"]
        assert (await talk(MAIL + b" REQUIRETLS\r\n"))[0].startswith(b"250")

    scene(secure, profile=MX, tls=True)


def test_it_is_not_known_in_the_clear(scene: Scene) -> None:
    async def plain(talk: Talk) -> None:
        assert b"250-REQUIRETLS" not in await talk(b"EHLO client.test\r\n")
        assert await talk(MAIL + b" REQUIRETLS\r\n") == [b"555 5.5.4 REQUIRETLS is not offered here"]

    scene(plain, profile=MX)


@pytest.mark.parametrize(
    ("parameter", "field", "kept"),
    [
        (b"", b"", ""),
        (b" REQUIRETLS", b"", "required"),
        (b"", b"TLS-Required: No\r\n", "optional"),
        (b"", b"tls-required:  NO \r\n", "optional"),
        (b" REQUIRETLS", b"TLS-Required: No\r\n", "required"),  # RFC 8689 4.1: the parameter counts
        (b"", b"TLS-Required: Yes\r\n", ""),
        (b"", b"TLS-Required: No\r\nTLS-Required: Yes\r\n", ""),
    ],
)
def test_the_queue_keeps_what_the_sender_asked(
    scene: Scene, parameter: bytes, field: bytes, kept: str
) -> None:
    async def play(talk: Talk) -> None:
        led_elsewhere(talk)
        await talk.start(b"ann@example.test", mail=MAIL + parameter)
        await talk(b"DATA\r\n" + field + b"Subject: x\r\n\r\nhi\r\n.\r\n")
        assert queued(talk) == [kept]

    scene(play, profile=MX, tls=True)
