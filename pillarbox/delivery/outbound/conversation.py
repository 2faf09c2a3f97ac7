"""One SMTP connection as a client: to a host of a domain, or to a smarthost that wants a login.

    conversation = await open_conversation(host, way, helo=...)      # or ConnectFailed
    replies = await conversation.send(message)                       # one Outcome for each recipient

TLS is taken where it is offered. Without a promise to keep, a certificate that proves nothing is better than
no TLS at all, and where the handshake fails, mail goes in the clear as it would if TLS were not offered (RFC
7435); `Way.tls` and `Way.check` ask for more. Why there is no TLS is said in the words of RFC 8460 4.3.
"""

import ipaddress
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from pillarbox.delivery.outbound.hosts import Host
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.wishes import NONE, Wishes

TIMEOUT = 300.0  # seconds for an answer: RFC 5321 4.5.3.2
CONNECT_TIMEOUT = 30.0  # less than the five minutes of RFC 5321 4.5.3.2.1: there are other hosts to try
DATA_TIMEOUT = 600.0  # RFC 5321 4.5.3.2.6: ten minutes after the last dot

Tls = Literal["opportunistic", "required", "verified", "implicit"]

NOT_8BIT = Outcome(554, "5.6.3", "The host takes no 8-bit content, and this is some")
NOT_UTF8 = Outcome(553, "5.6.7", "The host takes no addresses that are not ASCII")
NOT_BY = Outcome(554, "5.3.3", "The host promises no time, and the message has to be there in time")
NOT_SO_SOON = Outcome(554, "5.4.7", "The host does not promise to be so quick")


@dataclass(frozen=True, slots=True)
class NoTls:
    """Why TLS did not come about, or proves nothing: a result type of RFC 8460 4.3, and words."""

    result: str
    reason: str = ""


@lru_cache(maxsize=1)
def authorities() -> ssl.SSLContext:
    """Trusts whom this machine trusts."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Way:
    """How to speak to a host. `verified` and `implicit` TLS check its certificate against `authorities`. With
    `check` its certificates, its own first, have to pass that and nothing else. `source`: our addresses to
    speak from, the first of the host's family; without one the machine chooses."""

    port: int = 25
    tls: Tls = "opportunistic"
    user: str = ""
    password: str = field(default="", repr=False)
    check: Callable[[Sequence[bytes]], tuple[str, str] | None] | None = field(default=None, repr=False)
    authorities: Callable[[], ssl.SSLContext] = field(default=authorities, repr=False)
    source: tuple[str, ...] = ()

    def source_for(self, address: str) -> tuple[str, int] | None:
        try:
            version = ipaddress.ip_address(address).version
        except ValueError:  # a smarthost's name, which may have addresses of both
            return None
        mine = (each for each in self.source if ipaddress.ip_address(each).version == version)
        return next(((each, 0) for each in mine), None)


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
    requires_tls: bool = False
    wishes: Wishes = NONE
    now: int = 0  # when it is sent, for what is left of the time it has


class ConnectFailed(Exception):
    """There is no conversation with this host; why is an outcome, mostly a temporary one. `wrong`: where TLS
    is the reason."""

    def __init__(self, outcome: Outcome, wrong: NoTls | None = None) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome
        self.wrong = wrong


async def open_conversation(host: Host, way: Way, *, helo: str) -> "Conversation":
    """Connected, under TLS where there is any, logged in where that is wanted."""
    try:
        return await _open(host, way, helo, tls=True)
    except _HandshakeFailed as failed:
        if way.tls != "opportunistic":
            raise ConnectFailed(Outcome(451, "4.7.5", f"{host.name}: {failed}"), failed.wrong) from failed
        wrong = failed.wrong
    opened = await _open(host, way, helo, tls=False)
    opened.wrong = wrong
    return opened


class _HandshakeFailed(Exception):
    def __init__(self, wrong: NoTls) -> None:
        super().__init__(wrong.reason)
        self.wrong = wrong


async def _open(host: Host, way: Way, helo: str, *, tls: bool) -> "Conversation":
    client = aiosmtplib.SMTP(
        hostname=host.name if way.tls == "implicit" else host.address,
        port=way.port,
        local_hostname=helo,
        timeout=CONNECT_TIMEOUT,
        use_tls=way.tls == "implicit",
        start_tls=False,
        tls_context=way.authorities() if way.tls in ("verified", "implicit") else _taking_any(),
        source_address=way.source_for(host.address),
    )
    wrong = None
    try:
        await client.connect()
        client.timeout = TIMEOUT
        await _hello(client)
        if tls and way.tls != "implicit":
            wrong = await _start_tls(client, host, way)
        if way.user:
            await client.login(way.user, way.password)
    except _HandshakeFailed:
        client.close()
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        at_fault = _of_certificate(error) if way.tls == "implicit" else None
        raise ConnectFailed(_failure(host, error), at_fault) from error
    except BaseException:
        client.close()
        raise
    return Conversation(client, host, wrong)


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()  # RFC 5321 3.2


async def _start_tls(client: aiosmtplib.SMTP, host: Host, way: Way) -> NoTls | None:
    if not client.supports_extension("starttls"):
        missing = NoTls("starttls-not-supported", "TLS is not offered")
        if way.tls != "opportunistic":
            raise _HandshakeFailed(missing)
        return missing
    try:
        await client.starttls(server_hostname=host.name.strip("[]"), timeout=CONNECT_TIMEOUT)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        wrong = _of_certificate(error)
        words = wrong.reason if wrong else str(error)
        result = wrong.result if wrong else "validation-failure"
        raise _HandshakeFailed(NoTls(result, f"TLS does not come about: {words}")) from error
    if way.check is not None and (misfit := way.check(_chain(client))) is not None:
        raise _HandshakeFailed(NoTls(*misfit))
    await _hello(client)
    return None


def _chain(client: aiosmtplib.SMTP) -> list[bytes]:
    """The certificates of the host, its own first, in DER."""
    tls: Any = client.get_transport_info("ssl_object")
    # Python has it in public since 3.13.
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    return [each.public_bytes(_DER) for each in tls._sslobj.get_unverified_chain() or ()]


_DER = 2  # _ssl.ENCODING_DER

# OpenSSL's numbers (X509_V_ERR_...) as RFC 8460 4.3 has them.
_EXPIRED, _MISMATCHED, _UNTRUSTED = (9, 10), (62, 63, 64), (2, 18, 19, 20, 21, 24, 27)


def _of_certificate(error: BaseException) -> NoTls | None:
    """What is wrong with the certificate, if that is what is wrong."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLCertVerificationError):
        seen = seen.__cause__ or seen.__context__
    if seen is None:
        return None
    for result, numbers in (
        ("certificate-expired", _EXPIRED),
        ("certificate-host-mismatch", _MISMATCHED),
        ("certificate-not-trusted", _UNTRUSTED),
    ):
        if seen.verify_code in numbers:
            return NoTls(result, seen.verify_message)
    return NoTls("validation-failure", seen.verify_message)


@lru_cache(maxsize=1)
def _taking_any() -> ssl.SSLContext:
    """Whatever the host shows: it is looked at afterwards, or proves nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
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
    """`wrong`: why there is no TLS."""

    def __init__(self, client: aiosmtplib.SMTP, host: Host, wrong: NoTls | None = None) -> None:
        self._client = client
        self.host = host
        self._sent = 0
        self.wrong = wrong

    @property
    def usable(self) -> bool:
        """Whether it can carry another message."""
        most = self._limit("MAILMAX")
        return self._client.is_connected and (most is None or self._sent < most)

    @property
    def tls(self) -> str:
        """Version and cipher, for people; "" without."""
        cipher = self._client.get_transport_info("cipher") if self._client.is_connected else None
        return f"{cipher[1]} {cipher[0]}" if cipher else ""

    @property
    def own_address(self) -> str:
        """The address it comes from; "" when it has ended."""
        name = self._client.get_transport_info("sockname") if self._client.is_connected else None
        return str(name[0]) if name else ""

    def drop(self) -> None:
        self._client.close()

    def offers(self, extension: str) -> bool:
        return self._client.supports_extension(extension)

    def _limit(self, name: str) -> int | None:
        """What the other side says it takes (RFC 9422 3)."""
        said = self._client.esmtp_extensions.get("limits", "")
        for pair in said.upper().split():
            key, _, value = pair.partition("=")
            if key == name and value.isascii() and value.isdigit() and int(value[:6]) > 0:
                return int(value[:6])
        return None

    async def send(self, message: Message) -> list[Outcome]:
        """An answer for each recipient, in their order. Never raises for what the other side does."""
        most = self._limit("RCPTMAX") or len(message.recipients)
        outcomes: list[Outcome] = []
        for start in range(0, len(message.recipients), most):
            some = message.recipients[start : start + most]
            if start and not self.usable:
                outcomes += [Outcome(451, "4.4.2", f"{self.host.name} takes no more for now")] * len(some)
            else:
                outcomes += await self._send(replace(message, recipients=some))
        return outcomes

    async def _send(self, message: Message) -> list[Outcome]:
        self._sent += 1
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
                said = await self._say("RCPT", f"TO:<{to.address}>", *self._recipient_options(to, message))
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
        if message.requires_tls and self.tls and self.offers("requiretls"):
            options.append("REQUIRETLS")  # RFC 8689 2 (6)
        if self.offers("dsn"):
            if message.ret:
                options.append(f"RET={message.ret}")
            if message.envid:
                options.append(f"ENVID={xtext(message.envid)}")
        if self.offers("mt-priority") and message.wishes.priority:
            options.append(f"MT-PRIORITY={message.wishes.priority}")  # RFC 6710 4.2
        by = message.wishes.by
        if by is not None and self.offers("deliverby"):
            if by.returns and by.at - message.now < max(1, self._least_by()):
                return [], NOT_SO_SOON  # RFC 2852 4.1.4.1
            options.append(by.parameter(message.now))
        elif by is not None and by.returns:
            return [], NOT_BY
        return options, None

    def _least_by(self) -> int:
        """RFC 2852 2, 3: min-by-time, the first of what stands behind the keyword."""
        said = self._client.esmtp_extensions.get("deliverby", "").partition(",")[0].strip()
        return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0

    def _recipient_options(self, to: To, message: Message) -> list[str]:
        if not self.offers("dsn"):
            return []
        by, notify = message.wishes.by, to.notify
        if by is not None and not by.returns and not self.offers("deliverby") and notify != "NEVER":
            # RFC 2852 4.1.4.2: who cannot keep the time tells of delays at least.
            wanted = notify.split(",") if notify else ["FAILURE"]
            notify = ",".join(dict.fromkeys([*wanted, "DELAY"]))
        options = [f"NOTIFY={notify}"] if notify else []
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
