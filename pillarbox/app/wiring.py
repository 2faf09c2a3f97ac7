"""The only place where concrete parts meet.

`core` is what every command needs: the directory and the store of a data folder. `sessions` adds what
the running server needs: for each protocol room a function that makes a session. Clock and randomness
enter here and nowhere below.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as TypingProtocol

from pillarbox.app import documents, folder
from pillarbox.app.acme import files, responder
from pillarbox.app.config import Config
from pillarbox.app.guard import Guard
from pillarbox.app.log import trace_id
from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.post import Post, Submission
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.waiting import Limits
from pillarbox.delivery.records import Records
from pillarbox.delivery.signing.keys import Keys
from pillarbox.delivery.signing.signer import Signer
from pillarbox.delivery.steps.authentication import Authentication
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.auth.verdict import Obey, Policy
from pillarbox.filter.dns import Answer, Question, Resolve
from pillarbox.identity import routes, second_factor
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.completion import Completion
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.scram import MODERN, Hash
from pillarbox.identity.uses import Uses
from pillarbox.imap import session as imap
from pillarbox.imap.settings import Settings
from pillarbox.imap.wire.response import bye, encode_status
from pillarbox.imap.wire.strings import REV1
from pillarbox.model.errors import Code
from pillarbox.net.listen import Tls
from pillarbox.net.session import Peer, Session
from pillarbox.pop3 import session as pop3
from pillarbox.pop3.settings import Settings as PopSettings
from pillarbox.smtp import session as smtp
from pillarbox.smtp.profile import LMTP, MX, SUBMISSION
from pillarbox.store.store import Store

if TYPE_CHECKING:
    from pillarbox.app.resolver import Resolver


class Report(TypingProtocol):
    """Takes an error of ours, and returns the trace id under which it is logged."""

    def __call__(self, error: BaseException, peer: Peer | None = None) -> str: ...


KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Core:
    directory: Directory
    store: Store
    queue: Queue
    records: Records
    resolve: Resolve


@dataclass(frozen=True, slots=True)
class Protocol:
    """A key of `[listen]`: which room answers, what the socket speaks, and the words for people.

    `refusal` is what one connection too many is told by the server of that host name.
    """

    room: str
    tls: Tls
    name: str
    security: str
    refusal: Callable[[str], bytes]
    logs_in: bool = True
    alpn: tuple[str, ...] = ()  # as IANA has registered it (RFC 7301 6)


def _imap_refusal(hostname: str) -> bytes:
    return encode_status(bye("Too many connections", Code.UNAVAILABLE), REV1)


PROTOCOLS: dict[str, Protocol] = {
    "imap": Protocol("imap", "starttls", "IMAP", "STARTTLS", _imap_refusal, alpn=("imap",)),
    "imaps": Protocol("imap", "implicit", "IMAPS", "SSL/TLS", _imap_refusal, alpn=("imap",)),
    "pop3": Protocol("pop3", "starttls", "POP3", "STARTTLS", pop3.refusal, alpn=("pop3",)),
    "pop3s": Protocol("pop3", "implicit", "POP3S", "SSL/TLS", pop3.refusal, alpn=("pop3",)),
    "lmtp": Protocol("lmtp", "starttls", "LMTP", "STARTTLS", smtp.refusal, logs_in=False),
    "smtp": Protocol("smtp", "starttls", "SMTP", "STARTTLS", smtp.refusal, logs_in=False),
    "submission": Protocol("submission", "starttls", "Submission", "STARTTLS", smtp.refusal),
    "submissions": Protocol("submission", "implicit", "Submissions", "SSL/TLS", smtp.refusal),
    "acme": Protocol("acme", "none", "ACME", "", responder.refusal),
}


@asynccontextmanager
async def core(config: Config, *, make: bool = True, resolve: Resolve | None = None) -> AsyncIterator[Core]:
    """The parts every command works with; `make` says whether a missing data folder is begun, `resolve`
    stands in for the DNS."""
    if make:
        folder.make(config.data_folder)
    else:
        folder.require(config.data_folder)
    with _directory(config.data_folder) as directory, documents.reading() as reader:
        store = Store(config.data_folder, clock=time.time)
        store.index.documents = reader.text_of
        await store.open()
        queue = Queue(config.data_folder)
        records = Records(queue)
        try:
            yield Core(directory, store, queue, records, resolve or names(config))
        finally:
            await records.close()
            queue.close()
            await store.close()


@contextmanager
def existing(config: Config) -> Iterator[Directory]:
    """The directory alone, of a data folder that exists."""
    folder.require(config.data_folder)
    with _directory(config.data_folder) as directory:
        yield directory


def delivery(config: Config, parts: Core, report: Report) -> Delivery:
    return Delivery(
        parts.store,
        parts.directory.resolve,
        hostname=config.hostname,
        clock=time.time,
        report=report,
        authentication=authentication(config, parts.resolve),
    )


class Named:
    """The DNS. dnspython takes 3 MB and 50 ms, which not every process needs: it comes with a question."""

    def __init__(self, servers: tuple[str, ...]) -> None:
        self._servers = servers

    async def __call__(self, question: Question) -> Answer:
        return await self._resolver(question)

    async def checks_dnssec(self) -> bool:
        """Whether DANE can be: a server on this machine says what DNSSEC vouches for."""
        return await self._resolver.checks_dnssec()

    @cached_property
    def _resolver(self) -> "Resolver":
        from pillarbox.app.resolver import Resolver

        return Resolver(self._servers)


def names(config: Config) -> Named:
    return Named(config.dns)


def authentication(config: Config, resolve: Resolve) -> Authentication | None:
    """None where no mail comes in that is to be judged."""
    wanted = config.authentication
    kinds = frozenset(
        kind for kind in ("smtp", "lmtp") if getattr(wanted, kind) and getattr(config.listen, kind)
    )
    if not kinds:
        return None
    sealers = frozenset(filter(None, map(a_labels, wanted.trusted_sealers)))
    return Authentication(
        resolve,
        Policy(Obey(wanted.dmarc), Obey(wanted.spf), sealers),
        kinds,
        hostname=config.hostname,
        clock=time.time,
    )


def post(config: Config, parts: Core, report: Report) -> Post:
    expand = partial(routes.expand, parts.directory, hostname=config.hostname, postmaster=config.postmaster)
    wanted = config.submission
    return Post(
        delivery(config, parts, report),
        expand,
        parts.queue,
        parts.records,
        key=parts.directory.forwarding_key,
        submission=Submission(
            Limits(wanted.messages_per_hour, wanted.recipients_per_hour), wanted.undo, wanted.copy_to_sent
        ),
        signer=signer(config, parts.directory, report),
    )


def signer(config: Config, directory: Directory, report: Report) -> Signer:
    keys = Keys(config.data_folder)
    return Signer(
        keys,
        partial(signing_domain, directory, keys),
        hostname=config.hostname,
        clock=time.time,
        report=report,
    )


def signing_domain(directory: Directory, keys: Keys, domain: str) -> str | None:
    """A domain of ours, or one above it that is: mail of mail.example.org is signed by example.org, as DMARC
    lets it be. One that has been given keys of its own signs for itself."""
    while "." in domain:
        if routes.is_local(directory, domain) or keys.has(domain):
            return domain
        domain = domain.partition(".")[2]
    return None


def hashes(config: Config) -> Hash:
    """With which hash functions passwords are stored for SCRAM."""
    return MODERN | Hash.SHA_1 if config.auth.scram_sha1 else MODERN


class Sessions:
    """For each room what a listener calls for a new connection. After `configure` those that come are
    served with another configuration."""

    def __init__(self, config: Config, parts: Core, report: Report, writer: Directory, guard: Guard) -> None:
        self._guard = guard
        self._pool = PasswordPool(processes=config.workers or 1)
        self._key = secrets.token_bytes(KEY_OCTETS)
        self._remembered: dict[bytes, float] = {}
        self._parts = parts
        self._report = report
        self._writer = writer
        self._make: dict[str, Callable[[], Session]] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        parts, report = self._parts, self._report
        settings = Settings(
            config.hostname,
            config.auth.cleartext,
            unauthenticate=config.auth.unauthenticate,
            submitters=config.auth.submitters,
            save_limit=config.limits.save,
        )
        stored = hashes(config)
        completion = Completion(
            self._pool, hashes=stored, salt=parts.directory.salt, record=self._writer.complete, report=report
        )
        guard = self._guard
        gate = Gate(guard.ledger, clock=time.time, take=guard.take, write=guard.write, key=self._key)
        users = Authenticator(
            parts.directory,
            self._pool,
            clock=time.monotonic,
            key=self._key,
            remembered=self._remembered,
            completion=completion,
            uses=Uses(self._pool, self._writer, report=report),
            take_code=partial(second_factor.take, self._writer) if config.auth.totp_in_password else None,
            gate=gate,
        )
        mechanisms = Mechanisms(
            parts.directory,
            hashes=stored,
            random=secrets.token_bytes,
            channel_binding=config.auth.channel_binding,
            gate=gate,
        )
        imap_services = imap.Services(
            parts.store,
            users.login,
            settings,
            report,
            users.user,
            secrets.token_bytes,
            mechanisms=mechanisms,
        )
        pop_settings = PopSettings(config.hostname, config.auth.cleartext)
        pop_services = pop3.Services(parts.store, users.login, pop_settings, report, mechanisms)
        office = post(config, parts, report)
        may_send_as = partial(routes.may_send_as, parts.directory)
        smtp_users = smtp.Users(users.login, mechanisms, may_send_as, config.auth.cleartext)
        mail = {
            profile: smtp.Service(
                profile,
                config.hostname,
                office,
                report,
                trace_id,
                starttls=True,
                users=smtp_users if profile.submits else None,
            )
            for profile in (LMTP, MX, SUBMISSION)
        }
        answer = partial(files.answer, config.data_folder)
        self._make = {
            "imap": lambda: imap.Session(imap_services),
            "pop3": lambda: pop3.Session(pop_services),
            "lmtp": lambda: smtp.Session(mail[LMTP]),
            "smtp": lambda: smtp.Session(mail[MX]),
            "submission": lambda: smtp.Session(mail[SUBMISSION]),
            "acme": lambda: responder.Session(answer),
        }

    def __getitem__(self, room: str) -> Callable[[], Session]:
        return lambda: self._make[room]()

    def close(self) -> None:
        self._pool.close()


@contextmanager
def sessions(config: Config, parts: Core, report: Report, guard: Guard) -> Iterator[Sessions]:
    with _directory(config.data_folder) as writer:  # what logins write; on threads, so not on the loop's own
        made = Sessions(config, parts, report, writer, guard)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _directory(data: Path) -> Iterator[Directory]:
    directory = Directory(data / "directory.db", clock=time.time, pick=secrets.randbelow)
    try:
        yield directory
    finally:
        directory.close()
