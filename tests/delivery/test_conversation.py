"""One connection as a client, to servers that do not do as one would wish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from pillarbox.delivery.outbound.conversation import (
    ConnectFailed,
    Conversation,
    Message,
    To,
    Way,
    open_conversation,
    xtext,
)
from pillarbox.delivery.outbound.hosts import Host
from pillarbox.delivery.outcome import Outcome

OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000")
ASCII = Message("a@one.test", [To("b@two.test")], b"Subject: x\r\n\r\n.x\r\n")


class Stranger:
    """A server that offers this and answers so; `said` is what it was told."""

    def __init__(self, answers: dict[str, str], offers: Sequence[str], greeting: str) -> None:
        self.answers = answers
        self.offers = offers
        self.greeting = greeting
        self.said: list[str] = []
        self.callers: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.append(writer.get_extra_info("peername")[0])
        self.tasks.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self.converse(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self.greeting}\r\n".encode())
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            self.said.append(text)
            verb = text.partition(" ")[0].upper()
            if verb == "EHLO":
                lines = ["stranger.test", *self.offers]
                answer = "".join(f"250{'-' if each is not lines[-1] else ' '}{each}\r\n" for each in lines)
            else:
                answer = self.answers.get(verb, "354 go on" if verb == "DATA" else "250 2.0.0 yes") + "\r\n"
            if answer == "hang up\r\n":
                break
            writer.write(answer.encode())
            if verb == "DATA" and answer.startswith("354"):
                self.said.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write((self.answers.get(".", "250 2.0.0 taken") + "\r\n").encode())
            if verb == "QUIT":
                break


def talk(
    play: Callable[[Conversation], Any],
    answers: dict[str, str] | None = None,
    offers: Sequence[str] = OFFERS,
    greeting: str = "220 hi",
    way: Way | None = None,
) -> Stranger:
    stranger = Stranger(answers or {}, offers, greeting)

    async def run() -> None:
        server = await asyncio.start_server(stranger.accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        wanted = way or Way()
        asked = Way(port, wanted.tls, wanted.user, wanted.password, source=wanted.source)
        try:
            conversation = await open_conversation(Host("mx.two.test", "127.0.0.1"), asked, helo="us.test")
            await play(conversation)
            await conversation.quit()
        finally:
            server.close()
            await asyncio.gather(*stranger.tasks)

    asyncio.run(run())
    return stranger


def sent(message: Message, **how: Any) -> tuple[list[Outcome], list[str]]:
    outcomes: list[Outcome] = []

    async def play(conversation: Conversation) -> None:
        outcomes.extend(await conversation.send(message))

    stranger = talk(play, **how)
    return outcomes, stranger.said


@pytest.mark.parametrize(
    "source, caller",
    [(("2001:db8::7", "127.0.0.7", "127.0.0.8"), "127.0.0.7"), (("2001:db8::7",), "127.0.0.1")],
)
def test_mail_leaves_from_the_address_that_is_wanted(source: tuple[str, ...], caller: str) -> None:
    stranger = talk(lambda conversation: conversation.send(ASCII), way=Way(source=source))
    assert stranger.callers == [caller]


def test_a_message_is_sent() -> None:
    outcomes, said = sent(ASCII)
    assert outcomes == [Outcome(250, "2.0.0", "taken")]
    assert said == [
        "EHLO us.test",
        "MAIL FROM:<a@one.test> SIZE=18",
        "RCPT TO:<b@two.test>",
        "DATA",
        "Subject: x\r\n\r\n..x\r\n.\r\n",
        "QUIT",
    ]


def test_each_recipient_has_its_answer() -> None:
    outcomes, said = sent(
        Message("", [To("b@two.test"), To("c@two.test")], b"x\r\n"),
        answers={"RCPT": "550-5.1.1 no\r\n550 5.1.1 one"},
    )
    assert outcomes == [Outcome(550, "5.1.1", "no 5.1.1 one")] * 2
    assert "DATA" not in said


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({"MAIL": "451 4.7.1 later"}, Outcome(451, "4.7.1", "later")),
        ({"DATA": "554 5.7.1 no"}, Outcome(554, "5.7.1", "no")),
        ({".": "552 too big"}, Outcome(552, "5.0.0", "too big")),
        ({".": "452 4.3.1 full"}, Outcome(452, "4.3.1", "full")),
    ],
)
def test_refusals(answers: dict[str, str], outcome: Outcome) -> None:
    assert sent(ASCII, answers=answers)[0] == [outcome]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
def test_a_connection_that_is_lost_is_no_refusal(verb: str) -> None:
    (outcome,), _ = sent(ASCII, answers={verb: "hang up" if verb != "." else "???"})
    assert (outcome.code, outcome.enhanced) == (451, "4.4.2")


@pytest.mark.parametrize(
    ("message", "offers", "enhanced"),
    [
        (Message("a@one.test", [To("b@two.test")], b"\xc3\xa9\r\n"), ("SIZE",), "5.6.3"),
        (Message("é@one.test", [To("b@two.test")], b"x\r\n"), ("8BITMIME",), "5.6.7"),
        (Message("a@one.test", [To("é@two.test")], b"x\r\n"), ("8BITMIME",), "5.6.7"),
    ],
)
def test_what_the_other_side_does_not_take_is_not_sent(
    message: Message, offers: tuple[str, ...], enhanced: str
) -> None:
    # RFC 6152 3, RFC 6531 3.2
    outcomes, said = sent(message, offers=offers)
    assert [each.enhanced for each in outcomes] == [enhanced]
    assert not [line for line in said if line.startswith("MAIL")]


def test_what_it_takes_is_said() -> None:
    message = Message(
        "é@one.test",
        [To("b@two.test", "NEVER", "rfc822;b+c@two.test")],
        b"\xc3\xa9\r\n",
        ret="HDRS",
        envid="a b",
    )
    _, said = sent(message, offers=(*OFFERS, "DSN"))
    assert "MAIL FROM:<é@one.test> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b" in said
    assert "RCPT TO:<b@two.test> NOTIFY=NEVER ORCPT=rfc822;b+2Bc@two.test" in said
    assert xtext("é=+") == "é+3D+2B"


def test_a_host_that_wants_no_mail() -> None:
    with pytest.raises(ConnectFailed) as failed:
        talk(lambda conversation: conversation.quit(), greeting="554 go away")
    assert failed.value.outcome.code == 451  # another host of the domain may


def test_tls_that_does_not_come_about() -> None:
    # RFC 7435: in the clear, as where it is not offered; unless more was asked for.
    offers = (*OFFERS, "STARTTLS")
    outcomes, said = sent(ASCII, offers=offers, answers={"STARTTLS": "454 4.7.0 not now"})
    assert outcomes[0].code == 250
    assert said.count("EHLO us.test") == 2
    for how in ({"offers": offers, "answers": {"STARTTLS": "454 not now"}}, {"offers": OFFERS}):
        with pytest.raises(ConnectFailed) as failed:
            talk(lambda conversation: conversation.quit(), way=Way(tls="required"), **how)  # type: ignore[arg-type]
        assert failed.value.outcome.enhanced == "4.7.5"
