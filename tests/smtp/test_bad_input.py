"""What a public MX is sent: commands in any order, octets that are no text, endless content, full disks."""

import asyncio
import errno
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.net.memory import connect
from pillarbox.smtp.profile import MX
from pillarbox.smtp.session import Service, Session
from tests.delivery.office import ANN, BOB, HOST, office

Scene = Callable[..., None]

# Any order


@dataclass
class Model:
    """What RFC 5321 4.1.4 makes of a sequence of commands; `filed`: messages that were acknowledged."""

    hello: bool = False
    recipients: int | None = None  # of the transaction; None: there is none
    chunks: bool = False
    filed: int = 0

    def says(self, word: str) -> tuple[bytes, list[int]]:
        """The octets of a command, and the codes of the answers."""
        open_transaction = self.hello and self.recipients is not None
        begun = open_transaction and not self.chunks
        match word:
            case "EHLO" | "HELO":
                self.hello = True
                self.end()
                return b"%s other.test\r\n" % word.encode(), [250]
            case "MAIL":
                if not self.hello or open_transaction:
                    return b"MAIL FROM:<who@else.test>\r\n", [503]
                self.recipients = 0
                return b"MAIL FROM:<who@else.test>\r\n", [250]
            case "RCPT":
                if not begun:
                    return b"RCPT TO:<ann@example.test>\r\n", [503]
                assert self.recipients is not None
                self.recipients += 1
                return b"RCPT TO:<ann@example.test>\r\n", [250]
            case "NOBODY":
                return b"RCPT TO:<nobody@example.test>\r\n", [550 if begun else 503]
            case "DATA":
                if not begun or not self.recipients:
                    return b"DATA\r\n", [503]
                self.filed += 1
                self.end()
                return b"DATA\r\nA: b\r\n\r\nMAIL FROM:<a@b>\r\n..\r\n.\r\n", [354, 250]
            case "BDAT" | "LAST":
                taken = open_transaction and bool(self.recipients)
                if open_transaction:
                    self.chunks = True
                if word == "BDAT":
                    return b"BDAT 6\r\nQUIT\r\n", [250 if taken else 503]
                self.filed += taken
                self.end()
                return b"BDAT 7 LAST\r\n.\r\n.\r\nx", [250 if taken else 503]
            case "RSET":
                self.end()
                return b"RSET\r\n", [250]
            case "XCLIENT":
                return b"XCLIENT ADDR=192.0.2.1\r\n", [503 if open_transaction else 550]
            case _:
                return OTHERS[word]

    def end(self) -> None:
        self.recipients, self.chunks = None, False


OTHERS: dict[str, tuple[bytes, list[int]]] = {
    "NOOP": (b"noop \xc3\xa9\r\n", [250]),
    "VRFY": (b"VRFY ann\r\n", [252]),
    "EXPN": (b"EXPN all\r\n", [502]),
    "HELP": (b"HELP\r\n", [214]),
    "STARTTLS": (b"STARTTLS\r\n", [503]),
    "AUTH": (b"AUTH PLAIN AAAA\r\n", [500]),
    "words": (b"DATA now\r\n", [501]),
    "nonsense": (b"SENDMAIL\r\n", [500]),
    "empty": (b"\r\n", [500]),
    "eight bits": (b"MAIL FROM:<\xe9@b>\r\n", [500]),
    "nul": (b"NOOP \x00\r\n", [500]),
    "bare LF": (b"RSET\n", [500]),
    "bare CR": (b"RS\rET\r\n", [500]),
    "long": (b"RSET " + b"x" * 5_000 + b"\r\n", [500]),
    "no path": (b"MAIL FROM:who@else.test\r\n", [501]),
    "no number": (b"BDAT -1\r\n", [501]),
    "huge": (b"BDAT 999999999999999999999\r\n", [501]),
}
WORDS = ("EHLO", "HELO", "MAIL", "RCPT", "NOBODY", "DATA", "BDAT", "LAST", "RSET", "XCLIENT")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from((*WORDS * 3, *OTHERS)), max_size=40),
    st.integers(0, 3),
)
def test_commands_in_any_order(words: list[str], pieces: int) -> None:
    model = Model()
    said, codes = b"", []
    for word in words:
        octets, answers = model.says(word)
        said += octets
        codes += answers

    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with office(Path(folder)) as here:
                count = iter(range(1000))
                service = Service(MX, HOST, here.post, here.errors.append, lambda: f"X{next(count)}")
                client = connect(Session(service))
                await client.read_line()
                await client.send(said + b"QUIT\r\n", pieces=pieces)
                lines = (await client.read_all()).split(b"\r\n")[:-1]
                found = [int(line[:3]) for line in lines if line[3:4] == b" "]
                assert found == [*codes, 221], words
                assert here.errors == []
                assert len(await here.filed(ANN)) == model.filed

    asyncio.run(play())


# What is too long, or has eight bits


def test_a_line_without_end_in_content(scene: Scene) -> None:
    # RFC 5321 4.5.3.1.6: text lines have 1,000 octets; what has more is kept as it is all the same.
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        line = b"x" * 3_000_000
        assert (await talk(b"DATA\r\nA: b\r\n\r\n" + line + b"\r\n.\r\n"))[-1].startswith(b"250 ")
        [filed] = await talk.office.filed(ANN)
        assert filed.raw.endswith(b"\r\n\r\n" + line + b"\r\n")

    scene(play, profile=MX)


def test_a_message_without_end(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        talk.office.delivery.limit = 1_000
        await talk.start(b"ann@example.test")
        said = await talk(b"DATA\r\n" + b"A: b\r\n" * 100_000 + b".\r\n")
        assert said[1:] == [b"552 5.3.4 The message is too big"]
        assert await talk.office.filed(ANN) == []
        await talk.start(b"ann@example.test")
        assert (await talk(b"DATA\r\nA: b\r\n.\r\n"))[1].startswith(b"250 ")

    scene(play, profile=MX)


def test_content_of_eight_bits_needs_no_word_about_it(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", mail=b"MAIL FROM:<who@else.test> BODY=7BIT")
        await talk(b"DATA\r\nSubject: \xe9\r\n\r\n\xff\x00\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert filed.raw.endswith(b"Subject: \xe9\r\n\r\n\xff\x00\r\n")

    scene(play, profile=MX)


@pytest.mark.parametrize(
    ("helo", "mail", "told"),
    [
        ("bücher.test", b"MAIL FROM:<who@else.test>", "xn--bcher-kva.test"),
        ("bücher.test", b"MAIL FROM:<who@else.test> SMTPUTF8", "bücher.test"),
        ("é" * 120 + ".test", b"MAIL FROM:<who@else.test>", "unknown"),
    ],
)
def test_a_received_field_is_ascii_unless_utf8_was_asked_for(
    scene: Scene, helo: str, mail: bytes, told: str
) -> None:
    # RFC 6531 3.7.3
    async def play(talk: Any) -> None:
        await talk(b"EHLO %s\r\n" % helo.encode())
        await talk.start(b"ann@example.test", mail=mail)
        await talk(b"DATA\r\nA: b\r\n\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert f"Received: from {told} ([127.0.0.1])\r\n".encode() in filed.raw

    scene(play, profile=MX)


# A full disk


@pytest.mark.parametrize("way", [b"DATA\r\n%s\r\n.\r\n", b"BDAT 300000 LAST\r\n%s"])
def test_a_full_disk_acknowledges_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch, way: bytes) -> None:
    async def play(talk: Any) -> None:
        def full(*args: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("pillarbox.store.spool.os.write", full)
        await talk.start(b"ann@example.test", b"bob@example.test")
        said = await talk(way % (b"x" * 300_000))
        assert said[-1] == b"452 4.3.1 There is no room for the message at the moment"
        assert not any(line.startswith(b"2") for line in said)
        monkeypatch.undo()
        assert [await talk.office.filed(account) for account in (ANN, BOB)] == [[], []]
        await talk.start(b"ann@example.test")
        assert (await talk(b"DATA\r\nA: b\r\n\r\n.\r\n"))[-1].startswith(b"250 ")

    scene(play, profile=MX)
