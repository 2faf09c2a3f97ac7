"""One SMTP connection as a client: to a host of a domain, or to a smarthost that wants a login.

    conversation = await open_conversation(host, way, helo=...)      # or ConnectFailed
    replies = await conversation.send(message)                       # one Outcome for each recipient

TLS is taken where it is offered. Without a promise to keep, a certificate that proves nothing is better than
no TLS at all, and where the handshake fails, mail goes in the clear as it would if TLS were not offered (RFC
7435); `Way.tls` asks for more.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from pillarbox.delivery.outbound.hosts import Host
from pillarbox.delivery.outcome import Outcome

TIMEOUT = 300.0  # seconds for an answer: RFC 5321 4.5.3.2
CONNECT_TIMEOUT = 30.0  # less than the five minutes of RFC 5321 4.5.3.2.1: there are other hosts to try
DATA_TIMEOUT = 600.0  # RFC 5321 4.5.3.2.6: ten minutes after the last dot

Tls = Literal["opportunistic", "required", "verified", "implicit"]

NOT_8BIT = Outcome(554, "5.6.3", "The host takes no 8-bit content, and this is some")
NOT_UTF8 = Outcome(553, "5.6.7", "The host takes no addresses that are not ASCII")


@dataclass(frozen=True, slots=True)
class Way:
    """How to speak to a host. `verified` and `implicit` TLS check its certificate."""

    port: int = 25
    tls: Tls = "opportunistic"
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class To:
    address: str
    notify: str = ""
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    sender: str
    recipients: Sequence[To]
    content: bytes = field(repr=False)
    utf8: bool = False
    ret: str = ""
    envid: str = ""


class ConnectFailed(Exception):
    """There is no conversation with this host; why is an outcome, mostly a temporary one."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


async def open_conversation(host: Host, way: Way, *, helo: str) -> "Conversation":
    """Connected, under TLS where there is any, logged in where that is wanted."""
    try:
        return await _open(host, way, helo, tls=True)
    except _HandshakeFailed as failed:
        if way.tls != "opportunistic":
            raise ConnectFailed(Outcome(451, "4.7.5", f"{host.name}: {failed}")) from failed
    return await _open(host, way, helo, tls=False)


class _HandshakeFailed(Exception):
    pass


async def _open(host: Host, way: Way, helo: str, *, tls: bool) -> "Conversation":
    client = aiosmtplib.SMTP(
        hostname=host.name if way.tls == "implicit" else host.address,
        port=way.port,
        local_hostname=helo,
        timeout=CONNECT_TIMEOUT,
        use_tls=way.tls == "implicit",
        start_tls=False,
        tls_context=_context(verified=way.tls in ("verified", "implicit")),
    )
    try:
        await client.connect()
        client.timeout = TIMEOUT
        await _hello(client)
        if tls and way.tls != "implicit":
            await _start_tls(client, host, way)
        if way.user:
            await client.login(way.user, way.password)
    except _HandshakeFailed:
        client.close()
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        raise ConnectFailed(_failure(host, error)) from error
    except BaseException:
        client.close()
        raise
    return Conversation(client, host)


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()  # RFC 5321 3.2


async def _start_tls(client: aiosmtplib.SMTP, host: Host, way: Way) -> None:
    if not client.supports_extension("starttls"):
        if way.tls != "opportunistic":
            raise _HandshakeFailed("TLS is not offered")
        return
    try:
        await client.starttls(server_hostname=host.name.strip("[]"), timeout=CONNECT_TIMEOUT)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _HandshakeFailed(f"TLS does not come about: {error}") from error
    await _hello(client)


def _context(*, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _failure(host: Host, error: Exception) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        # Whoever runs this server can mend it, so the mail waits.
        return Outcome(454, "4.7.8", f"{host.name} does not let us log in: {error.code} {error.message}")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # RFC 5321 3.1, RFC 7504: 554 and 521 instead of a greeting are no answer to this mail alone, and
        # another host may take it.
        return Outcome(451, "4.4.1", f"{host.name}: {error.code} {_line(error.message)}")
    return Outcome(451, "4.4.1", f"{host.name} [{host.address}] cannot be reached: {error}")


class Conversation:
    def __init__(self, client: aiosmtplib.SMTP, host: Host) -> None:
        self._client = client
        self.host = host

    @property
    def usable(self) -> bool:
        """Whether it can carry another message."""
        return self._client.is_connected

    @property
    def tls(self) -> str:
        """Version and cipher, for people; "" without."""
        cipher = self._client.get_transport_info("cipher") if self._client.is_connected else None
        return f"{cipher[1]} {cipher[0]}" if cipher else ""

    def offers(self, extension: str) -> bool:
        return self._client.supports_extension(extension)

    async def send(self, message: Message) -> list[Outcome]:
        """An answer for each recipient, in their order. Never raises for what the other side does."""
        everybody = len(message.recipients)
        options, refusal = self._options(message)
        if refusal is not None:
            return [refusal] * everybody
        outcomes: list[Outcome | None] = [None] * everybody
        try:
            said = await self._say("MAIL", f"FROM:<{message.sender}>", *options)
            if said.code >= 300:
                await self._reset()
                return [_outcome(said)] * everybody
            for at, to in enumerate(message.recipients):
                said = await self._say("RCPT", f"TO:<{to.address}>", *self._recipient_options(to))
                if said.code >= 300:
                    outcomes[at] = _outcome(said)
            if None not in outcomes:
                await self._reset()
            else:
                self._client.timeout = DATA_TIMEOUT
                said = await self._data(message.content)
                outcomes = [each or _outcome(said) for each in outcomes]
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self._client.close()
            lost = Outcome(451, "4.4.2", f"{self.host.name}: the connection was lost: {_line(str(error))}")
            return [each or lost for each in outcomes]
        return [each for each in outcomes if each is not None]

    async def quit(self) -> None:
        try:
            self._client.timeout = CONNECT_TIMEOUT
            await self._client.quit()
        except (aiosmtplib.SMTPException, OSError, ValueError):
            self._client.close()

    def _options(self, message: Message) -> tuple[list[str], Outcome | None]:
        options = []
        if self.offers("size"):
            options.append(f"SIZE={len(message.content)}")
        if not message.content.isascii():
            # RFC 6152 3: without 8BITMIME, 8-bit content is not to be sent.
            if not self.offers("8bitmime"):
                return [], NOT_8BIT
            options.append("BODY=8BITMIME")
        utf8 = message.utf8 or not message.sender.isascii()
        if utf8 or not all(to.address.isascii() for to in message.recipients):
            if not self.offers("smtputf8"):
                return [], NOT_UTF8
            options.append("SMTPUTF8")
        if self.offers("dsn"):
            if message.ret:
                options.append(f"RET={message.ret}")
            if message.envid:
                options.append(f"ENVID={xtext(message.envid)}")
        return options, None

    def _recipient_options(self, to: To) -> list[str]:
        if not self.offers("dsn"):
            return []
        options = [f"NOTIFY={to.notify}"] if to.notify else []
        if to.orcpt:
            kind, _, address = to.orcpt.partition(";")
            options.append(f"ORCPT={kind};{xtext(address)}")
        return options

    async def _say(self, *words: str) -> SMTPResponse:
        return await self._client.execute_command(*[word.encode() for word in words], timeout=TIMEOUT)

    async def _data(self, content: bytes) -> SMTPResponse:
        try:
            return await self._client.data(content, timeout=DATA_TIMEOUT)
        except aiosmtplib.SMTPDataError as error:
            if error.code < 400:  # neither 354 nor a refusal
                raise
            if self._client.is_connected:
                await self._reset()
            return SMTPResponse(error.code, error.message)

    async def _reset(self) -> None:
        if self._client.is_connected:
            await self._say("RSET")


def xtext(text: str) -> str:
    """RFC 3461 4."""
    return "".join(c if ("!" <= c <= "~" and c not in "+=") or c > "~" else f"+{ord(c):02X}" for c in text)


def _outcome(said: SMTPResponse) -> Outcome:
    """A reply of the other side as an outcome: `text` without the enhanced code it may begin with."""
    line = _line(said.message)
    first, _, rest = line.partition(" ")
    parts = first.split(".")
    code = said.code if 200 <= said.code < 600 else 451
    if len(parts) == 3 and all(part.isdigit() for part in parts) and first[0] == str(code)[0]:
        return Outcome(code, first, rest)
    return Outcome(code, f"{str(code)[0]}.0.0", line)


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
