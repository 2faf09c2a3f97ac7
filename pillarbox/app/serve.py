"""The running server: from a configuration to listeners, and back.

`serving` is a context: inside it the server runs in this process, leaving it drains and stops. The command
`serve` and `pillarbox.testing` enter it, or `workers.several`, which does the same with several processes.
A first start makes the data folder, a certificate and one account; every later start finds them and keeps
them.
"""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pillarbox.app import accounts, directories, folder, indexing, privileges
from pillarbox.app.acme import files
from pillarbox.app.acme.places import beside, places
from pillarbox.app.config import Config, ConfigError
from pillarbox.app.guard import Truth, guarding, pruning
from pillarbox.app.wiring import PROTOCOLS, Core, Report, hashes
from pillarbox.app.working import Working, working
from pillarbox.filter.dns import Resolve
from pillarbox.identity.passwords import generate, store
from pillarbox.model.errors import Refused
from pillarbox.net import tls
from pillarbox.net.address import FOLDER_MODE, bind, release, spell, unix_path
from pillarbox.net.certificates import Material, check
from pillarbox.store import upkeep

FIRST_NAME = "me"  # the first account's, at the configured host name

Tell = Callable[..., object]  # tell("event", field=value, ...): a line of the log


class Unreadable(ConfigError):
    """A file of the certificates is there, and is not for us to read."""

    def __init__(self, said: str, file: str) -> None:
        super().__init__(said)
        self.file = file


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files. `others` are for further names; `client_ca` vouches for clients."""

    certificate: Path
    key: Path
    self_signed: bool
    others: tuple[tuple[Path, Path], ...] = ()
    client_ca: Path | None = None

    def read(self) -> Material:
        """What the files hold now. ConfigError when they are no good."""
        pairs = [_read_pair(self.certificate, self.key, named=False)]
        pairs += [_read_pair(certificate, key, named=True) for certificate, key in self.others]
        if self.client_ca is None:
            return Material(tuple(pairs))
        try:
            material = Material(tuple(pairs), self.client_ca.read_bytes())
            check(material)
        except OSError as error:
            raise _unusable(str(self.client_ca), error) from None
        return material


def _read_pair(certificate: Path, key: Path, *, named: bool) -> tls.Pair:
    try:
        return tls.read_pair(certificate, key, named=named)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable(f"{certificate} and {key}", error) from None


def _unusable(files: str, error: OSError) -> ConfigError:
    said = f"tls: {files} cannot be used: {error.strerror or error}"
    return Unreadable(said, str(error.filename)) if isinstance(error, PermissionError) else ConfigError(said)


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
class Foundation:
    """What there is of a server before it serves: the data folder, which is its own, and open sockets.
    `lock` is the descriptor that keeps the folder."""

    certificate: Certificate
    material: Material
    bound: list[Bound]
    lock: int

    def release(self) -> None:
        """Let go of the addresses: who comes now is refused by the kernel, and nobody waits in vain."""
        release([each.socket for each in self.bound if each.socket.fileno() >= 0])


class Server:
    """A server that runs in this process. `config` and `material` are those in force."""

    def __init__(
        self, config: Config, foundation: Foundation, me: Working, truth: Truth, first: FirstAccount | None
    ) -> None:
        self.config = config
        self.material = foundation.material
        self.foundation = foundation
        self.first_account = first
        self.parts = me.parts
        self._me = me
        self._truth = truth

    async def adopt(self, config: Config, material: Material) -> None:
        """Serve new connections with this, which has been found good."""
        self._me.adopt(config, material)
        self._truth.adopt(config)
        self.config, self.material = config, material

    def hurry(self) -> None:
        """Give up waiting for sessions, while the server stops."""
        self._me.hurry()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@asynccontextmanager
async def serving(
    config: Config, *, tell: Tell, report: Report, begin: bool = True, resolve: Resolve | None = None
) -> AsyncIterator[Server]:
    """A server on the running loop until the context is left; `begin`: an empty one gets an account."""
    with foundation(config, tell) as ready:
        sockets = [(each.protocol, each.socket) for each in ready.bound]
        async with (
            guarding(config, tell, report) as truth,
            working(config, ready.material, sockets, report, truth.guard, resolve) as me,
        ):
            try:
                async with keeping(config, me.parts, tell, report):
                    first = await first_account(config, me.parts) if begin else None
                    yield Server(config, ready, me, truth, first)
            finally:
                ready.release()


@contextmanager
def foundation(config: Config, tell: Tell) -> Iterator[Foundation]:
    """The data folder, locked, the certificate, and every address bound: a server listens everywhere it
    was told to, or not at all. From then on it is the user that it is meant to be."""
    owner = privileges.owner_of(config.process)
    if owner is None and os.geteuid() == 0:
        tell("runs as root; process.user would be safer", data=config.data)
    privileges.give(config.data_folder, owner)
    with ExitStack() as stack:
        with privileges.lowered(owner):
            privileges.require_program()
            folder.make(config.data_folder)
            privileges.require(config.data_folder)
            lock = stack.enter_context(folder.only_server(config.data_folder))
            certificate = certificate_of(config)
        ready = Foundation(certificate, _read_once(certificate, owner, tell), [], lock)
        stack.callback(ready.release)
        shared = beside(config)
        for protocol, address in (*config.listen.each(), *(("acme", each) for each in places(config))):
            if protocol not in PROTOCOLS:
                tell("this version does not speak", protocol=protocol, address=address)
            elif (path := unix_path(address)) is not None:
                privileges.give(path.parent, owner, FOLDER_MODE)
                with privileges.lowered(owner):
                    ready.bound.extend(_bind(protocol, address))
            else:
                ready.bound.extend(_bind(protocol, address, shared=address in shared))
        privileges.drop(owner)
        yield ready


def _read_once(certificate: Certificate, owner: privileges.Owner | None, tell: Tell) -> Material:
    """What only root can read is read now, and not again."""
    try:
        with privileges.lowered(owner):
            return certificate.read()
    except Unreadable as unreadable:
        if owner is None:
            raise
        tell("readable by root only, so a new one takes a restart", file=unreadable.file, user=owner.name)
        return certificate.read()


@asynccontextmanager
async def keeping(config: Config, parts: Core, tell: Tell, report: Report) -> AsyncIterator[None]:
    """What one process of a server does for all: accounts are kept tidy and their indexes up, and mail goes
    out, while the context lasts."""
    from pillarbox.app import sending  # with dnspython and aiosmtplib, which workers do not need

    for prefix in await accounts.finish_deleting(parts.directory, parts.store):
        tell("account erased", account=f"{prefix:08x}")
    async with (
        upkeep.running(parts.store),
        indexing.running(parts.store, tell),
        pruning(config, report),
        sending.running(config, parts, tell, report),
    ):
        yield


async def first_account(config: Config, parts: Core) -> FirstAccount | None:
    """The account of an empty server. To be called when it serves, so that nobody's password is made by a
    start that fails and prints nothing."""
    address = f"{FIRST_NAME}@{config.hostname}"
    if not parts.directory.is_empty() or directories.named(config, address) is not None:
        return None
    password = generate(secrets.randbelow)
    stored = store(password, parts.directory.salt(address), hashes(config), config.auth.scram_iterations)
    await accounts.add(parts.directory, parts.store, address, stored.hash, stored.verifiers)
    return FirstAccount(address, password)


def certificate_of(config: Config) -> Certificate:
    """The configured one, or that which has been ordered, else the one in the data folder, made now if it is
    missing."""
    others = tuple((Path(each.certificate), Path(each.key)) for each in config.tls.certificates)
    client_ca = None if config.tls.client_ca is None else Path(config.tls.client_ca)
    if config.tls.certificate is not None and config.tls.key is not None:
        return Certificate(Path(config.tls.certificate), Path(config.tls.key), False, others, client_ca)
    ordered = files.bundle(config.data_folder)
    if config.acme.names and ordered.is_file():
        return Certificate(ordered, ordered, False, others, client_ca)
    own = config.data_folder / "tls"
    made = Certificate(own / "certificate.pem", own / "key.pem", True, others, client_ca)
    if not (made.certificate.is_file() and made.key.is_file()):
        folder.make(own)
        tls.write_self_signed(made.certificate, made.key, config.hostname, datetime.now(UTC))
    return made


def _bind(protocol: str, address: str, *, shared: bool = False) -> list[Bound]:
    try:
        return [Bound(protocol, spell(sock), sock) for sock in bind(address, shared=shared)]
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refused(f"Cannot listen on {address} for {protocol}: {reason}") from None
