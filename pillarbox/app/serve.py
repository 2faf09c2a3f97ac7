"""The running server: from a configuration to listeners, and back.

`serving` is a context: inside it the server runs, leaving it drains and stops. The command `serve` and
`pillarbox.testing` both enter it. A first start makes the data folder, a certificate and one account;
every later start finds them and keeps them.
"""

import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pillarbox.app import accounts, folder
from pillarbox.app.config import Config, ConfigError
from pillarbox.app.wiring import PROTOCOLS, Core, Report, Sessions, core, delivery, sessions
from pillarbox.delivery.deliver import Delivery
from pillarbox.identity.passwords import generate, hash_password
from pillarbox.model.errors import Refused
from pillarbox.net import tls
from pillarbox.net.address import bind, release, spell
from pillarbox.net.listen import Listener, Listening
from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel
from pillarbox.store import upkeep

GRACE = 10.0  # seconds that sessions have to end by themselves when the server stops
FIRST_NAME = "me"  # the first account's, at the configured host name

Tell = Callable[..., object]  # tell("event", field=value, ...): a line of the log


@dataclass(frozen=True, slots=True)
class Certificate:
    certificate: Path
    key: Path
    self_signed: bool


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """What was made at the first start; the password is written nowhere."""

    address: str
    password: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A protocol and an address it is really served at."""

    protocol: str
    address: str
    socket: socket.socket


@dataclass(frozen=True, slots=True)
class Server:
    config: Config
    core: Core
    delivery: Delivery
    certificate: Certificate
    context: ssl.SSLContext
    bound: list[Bound]
    first_account: FirstAccount | None

    def reload_certificate(self) -> None:
        """Use the files as they are now. OSError when they are no good, and then nothing has changed."""
        tls.reload(self.context, self.certificate.certificate, self.certificate.key)


@asynccontextmanager
async def serving(config: Config, *, tell: Tell, report: Report, begin: bool = True) -> AsyncIterator[Server]:
    """A server on the running loop until the context is left; `begin`: an empty one gets an account."""

    def on_error(error: BaseException, peer: Peer) -> None:
        report(error, peer)

    folder.make(config.data_folder)
    with folder.only_server(config.data_folder):
        certificate = _certificate(config)
        context = _context(certificate)
        async with core(config) as parts, upkeep.running(parts.store):
            for prefix in await accounts.finish_deleting(parts.directory, parts.store):
                tell("account erased", account=f"{prefix:08x}")
            listening = Listening(Wheel(), on_error)
            bound: list[Bound] = []
            inbound = delivery(config, parts, report)
            with sessions(config, parts, report) as factories:
                try:
                    for protocol, address in config.listen.each():
                        if protocol in PROTOCOLS:
                            bound += _bind(protocol, address)
                        else:
                            tell("this version does not speak", protocol=protocol, address=address)
                    # Only now, so that nobody's password is made by a start that fails and prints nothing.
                    first = await _first_account(config, parts) if begin else None
                    for each in bound:
                        await listening.start(_listener(each, config, factories, context), [each.socket])
                    yield Server(config, parts, inbound, certificate, context, bound, first)
                finally:
                    await listening.stop(GRACE)
                    release([each.socket for each in bound])


def _bind(protocol: str, address: str) -> list[Bound]:
    """A server listens everywhere it was told to, or not at all."""
    try:
        return [Bound(protocol, spell(sock), sock) for sock in bind(address)]
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refused(f"Cannot listen on {address} for {protocol}: {reason}") from None


def _listener(bound: Bound, config: Config, factories: Sessions, context: ssl.SSLContext) -> Listener:
    row = PROTOCOLS[bound.protocol]
    refusal = row.refusal(config.hostname)
    return Listener(bound.address, factories[row.room], row.tls, context, refusal)


async def _first_account(config: Config, parts: Core) -> FirstAccount | None:
    if not parts.directory.is_empty():
        return None
    password = generate(secrets.randbelow)
    address = f"{FIRST_NAME}@{config.hostname}"
    await accounts.add(parts.directory, parts.store, address, hash_password(password))
    return FirstAccount(address, password)


def _certificate(config: Config) -> Certificate:
    """The configured one, else the one in the data folder, made now if it is missing."""
    if config.tls.certificate is not None and config.tls.key is not None:
        return Certificate(Path(config.tls.certificate), Path(config.tls.key), False)
    own = config.data_folder / "tls"
    made = Certificate(own / "certificate.pem", own / "key.pem", True)
    if not (made.certificate.is_file() and made.key.is_file()):
        folder.make(own)
        tls.write_self_signed(made.certificate, made.key, config.hostname, datetime.now(UTC))
    return made


def _context(certificate: Certificate) -> ssl.SSLContext:
    try:
        return tls.server_context(certificate.certificate, certificate.key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or str(error)
        raise ConfigError(
            f"tls: {certificate.certificate} and {certificate.key} cannot be used: {reason}"
        ) from None
