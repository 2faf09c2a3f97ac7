"""The only place where concrete parts meet.

`core` is what every command needs: the directory and the store of a data folder. `sessions` adds what
the running server needs: for each protocol room a function that makes a session. Clock and randomness
enter here and nowhere below.
"""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from typing import Protocol as TypingProtocol

from pillarbox.app import directories, documents, folder
from pillarbox.app.acme import files, responder
from pillarbox.app.config import Config
from pillarbox.app.directories import takes_passwords
from pillarbox.app.door import door, patience
from pillarbox.app.foreigners import Foreigners
from pillarbox.app.guard import Guard
from pillarbox.app.log import trace_id
from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.dmarc_reports.seen import Notebook
from pillarbox.delivery.post import Post, Submission
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.waiting import Limits
from pillarbox.delivery.reception.greylist import Greylist
from pillarbox.delivery.records import Records
from pillarbox.delivery.signing.keys import Keys
from pillarbox.delivery.signing.signer import Signer
from pillarbox.delivery.steps.authentication import Authentication
from pillarbox.filter.auth.dmarc.judge import Row
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.auth.verdict import Obey, Policy
from pillarbox.filter.dns import Answer, Question, Resolve
from pillarbox.identity import routes, second_factor
from pillarbox.identity.addresses import address, fold_domain
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.completion import Completion
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.masters import NONE as NO_MASTERS
from pillarbox.identity.masters import Masters
from pillarbox.identity.oauth_clients import Client, Clients, Lifetimes
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.scram import MODERN, Hash
from pillarbox.identity.tokens import Tokens
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

Application = Callable[[Any, Any, Any], Awaitable[None]]  # ASGI


class Report(TypingProtocol):
    """Takes an error of ours, and returns the trace id under which it is logged."""

    def __call__(self, error: BaseException, peer: Peer | None = None) -> str: ...


Seen = Callable[[Row | None], None] | None

KEY_OCTETS = 32
HELD_OCTETS = 1024 * 1024 * 1024  # of an account, of what waits for its time
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Core:
    directory: Directory
    store: Store
    queue: Queue
    records: Records
    resolve: Resolve
    outside: Outside | None = None


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


def _nothing(hostname: str) -> bytes:
    return b""


def _imap_refusal(hostname: str) -> bytes:
    return encode_status(bye("Too many connections", Code.UNAVAILABLE), REV1)


# HTTP has a listener of its own (`web.serving`), which says nothing to those who are too many.
WEB = "web"

PROTOCOLS: dict[str, Protocol] = {
    "imap": Protocol("imap", "starttls", "IMAP", "STARTTLS", _imap_refusal, alpn=("imap",)),
    "imaps": Protocol("imap", "implicit", "IMAPS", "SSL/TLS", _imap_refusal, alpn=("imap",)),
    "pop3": Protocol("pop3", "starttls", "POP3", "STARTTLS", pop3.refusal, alpn=("pop3",)),
    "pop3s": Protocol("pop3", "implicit", "POP3S", "SSL/TLS", pop3.refusal, alpn=("pop3",)),
    "lmtp": Protocol("lmtp", "starttls", "LMTP", "STARTTLS", smtp.refusal, logs_in=False),
    "smtp": Protocol("smtp", "starttls", "SMTP", "STARTTLS", smtp.refusal, logs_in=False),
    "submission": Protocol("submission", "starttls", "Submission", "STARTTLS", smtp.refusal),
    "submissions": Protocol("submission", "implicit", "Submissions", "SSL/TLS", smtp.refusal),
    "http": Protocol(WEB, "none", "HTTP", "none", _nothing),
    "https": Protocol(WEB, "implicit", "HTTPS", "SSL/TLS", _nothing, alpn=("http/1.1",)),
    "acme": Protocol("acme", "none", "ACME", "", responder.refusal),
}


def _url(config: Config, ports: Mapping[str, int]) -> str:
    """How the server is called in a browser; '' where it does not speak to any."""
    if not ports:
        return ""
    if config.web.url is not None:
        return config.web.url.rstrip("/")
    scheme, usual = ("https", 443) if "https" in ports else ("http", 80)
    port = ports[scheme]
    return f"{scheme}://{config.hostname}" + (f":{port}" if port != usual else "")


@asynccontextmanager
async def core(config: Config, *, make: bool = True, resolve: Resolve | None = None) -> AsyncIterator[Core]:
    """The parts every command works with; `make` says whether a missing data folder is begun, `resolve`
    stands in for the DNS."""
    if make:
        folder.make(config.data_folder)
    else:
        folder.require(config.data_folder)
    with directories.opened(config.data_folder) as directory, documents.reading() as reader:
        store = Store(config.data_folder, clock=time.time)
        store.index.documents = reader.text_of
        await store.open()
        queue = Queue(config.data_folder)
        records = Records(queue)
        try:
            with directories.elsewhere(config, directory, store) as outside:
                yield Core(directory, store, queue, records, resolve or names(config), outside)
        finally:
            await records.close()
            queue.close()
            await store.close()


@contextmanager
def existing(config: Config) -> Iterator[Directory]:
    """The directory alone, of a data folder that exists."""
    folder.require(config.data_folder)
    with directories.opened(config.data_folder) as directory:
        yield directory


def delivery(config: Config, parts: Core, report: Report, seen: Seen = None) -> Delivery:
    return Delivery(
        parts.store,
        parts.directory.resolve,
        hostname=config.hostname,
        clock=time.time,
        report=report,
        authentication=authentication(config, parts.resolve, seen),
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


def authentication(config: Config, resolve: Resolve, seen: Seen = None) -> Authentication | None:
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
        seen=seen,
    )


def post(config: Config, parts: Core, report: Report, seen: Seen = None) -> Post:
    expand = directories.routing(config, parts.directory)
    wanted = config.submission
    return Post(
        delivery(config, parts, report, seen),
        expand,
        parts.queue,
        parts.records,
        key=parts.directory.forwarding_key,
        submission=Submission(
            Limits(wanted.messages_per_hour, wanted.recipients_per_hour, wanted.held, HELD_OCTETS),
            wanted.undo,
            wanted.copy_to_sent,
        ),
        signer=signer(config, parts.directory, report),
        ahead=nothing_ahead if parts.outside is None else parts.outside.ahead,
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


def nothing_ahead(path: str) -> None:
    """Every account is kept here."""


def hashes(config: Config) -> Hash:
    """With which hash functions passwords are stored for SCRAM."""
    return MODERN | Hash.SHA_1 if config.auth.scram_sha1 else MODERN


def masters(config: Config) -> Masters:
    """Who may log in as others."""
    domains = {
        address(master).folded: frozenset(map(fold_domain, domains))
        for master, domains in config.auth.masters.items()
    }
    return Masters(domains, config.auth.master_separator)


class Sessions:
    """For each room what a listener calls for a new connection. After `configure` those that come are
    served with another configuration. `ports`: of `http` and `https`, as they are bound; `application`
    answers there."""

    application: Application

    def __init__(
        self,
        config: Config,
        parts: Core,
        report: Report,
        writer: Directory,
        guard: Guard,
        ports: Mapping[str, int],
    ) -> None:
        self._guard = guard
        self._ports = ports
        self._foreign = Foreigners()
        self._pool = PasswordPool(processes=config.workers or 1)
        self._key = secrets.token_bytes(KEY_OCTETS)
        self._remembered: dict[bytes, float] = {}
        self._parts = parts
        self._report = report
        self._writer = writer
        self._greylist = Greylist(config.data_folder, patience(config.mx), clock=time.time)
        self._notebook = Notebook(config.data_folder, clock=time.time, report=report)
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
            self._pool,
            hashes=stored,
            salt=parts.directory.salt,
            record=self._writer.complete,
            report=report,
            iterations=partial(parts.directory.iterations, wanted=config.auth.scram_iterations),
            stored_iterations=parts.directory.stored_iterations,
        )
        may_act = masters(config)
        guard = self._guard
        gate = Gate(guard.ledger, clock=time.time, take=guard.take, write=guard.write, key=self._key)
        take_code = partial(second_factor.take, self._writer)
        authenticator = partial(
            Authenticator,
            parts.directory,
            self._pool,
            clock=time.monotonic,
            key=self._key,
            remembered=self._remembered,
            completion=completion,
            uses=Uses(self._pool, self._writer, report=report),
            gate=gate,
            outside=parts.outside,
            masters=may_act,
        )
        users = authenticator(take_code=take_code if config.auth.totp_in_password else None)
        url = _url(config, self._ports)
        foreign = self._foreign.adopt(config.oauth.providers)
        tokens = None
        if url or foreign:
            discovery = f"{url}/.well-known/oauth-authorization-server" if url.startswith("https:") else ""
            tokens = Tokens(
                parts.directory,
                gate,
                foreign=foreign,
                outside=parts.outside,
                discovery=lambda: discovery,
            )
        mechanisms = Mechanisms(
            parts.directory,
            hashes=stored,
            iterations=config.auth.scram_iterations,
            random=secrets.token_bytes,
            channel_binding=config.auth.channel_binding,
            gate=gate,
            announced=stored if not takes_passwords(config) else Hash(0),
            outside=parts.outside,
            masters=may_act,
            tokens=tokens,
        )
        if url:
            # A master who signed in as somebody could leave ways in there that outlast his being one.
            people = authenticator(take_code=take_code, devices=False, masters=NO_MASTERS)
            from pillarbox.app.mounted import routes as others

            mounted = others(config, parts.directory, url)
            self.application = web(
                config, parts.directory, self._writer, self._pool, people, gate, url, report, mounted
            )
        imap_services = imap.Services(
            parts.store,
            users.login,
            settings,
            report,
            users.user,
            secrets.token_bytes,
            mechanisms=mechanisms,
            refused=gate.refused,
        )
        pop_settings = PopSettings(config.hostname, config.auth.cleartext)
        pop_services = pop3.Services(parts.store, users.login, pop_settings, report, mechanisms)
        office = post(config, parts, report, self._notebook.note if config.reports.dmarc else None)
        self._greylist.patience = patience(config.mx)
        watched = door(config, guard, self._greylist, parts.resolve, report)
        may_send_as = partial(routes.may_send_as, parts.directory)
        smtp_users = smtp.Users(
            users.login, mechanisms, may_send_as, config.auth.cleartext, users.user, gate.refused
        )
        mail = {
            profile: smtp.Service(
                profile,
                config.hostname,
                office,
                report,
                trace_id,
                starttls=True,
                users=smtp_users if profile.submits else None,
                xclient=tuple(ip_network(each, strict=False) for each in config.proxy.xclient),
                door=watched if profile is MX else None,
                longest_hold=config.submission.hold * DAY if config.submission.held else 0,
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

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        """The application of the present configuration."""
        await self.application(scope, receive, send)

    def __getitem__(self, room: str) -> Callable[[], Session]:
        return lambda: self._make[room]()

    def close(self) -> None:
        self._pool.close()
        self._foreign.close()
        self._greylist.close()
        self._notebook.close()


def web(
    config: Config,
    directory: Directory,
    writer: Directory,
    pool: PasswordPool,
    people: Authenticator,
    gate: Gate,
    url: str,
    report: Report,
    mounted: Sequence[Any] = (),
) -> Application:
    """What answers by HTTP; `mounted` are routes of other parts of the server. Loaded here, because starlette
    takes memory that not every server needs."""
    from pillarbox.web.site import site
    from pillarbox.web.visits import Services

    wanted = config.oauth
    clients = [Client(each.id, each.name, each.redirect_uris, each.secret) for each in wanted.clients]
    services = Services(
        directory,
        writer,
        pool,
        people.login,
        gate,
        url,
        config.hostname,
        Clients(clients, mail_programs=wanted.mail_programs),
        Lifetimes(wanted.access, wanted.refresh),
        secrets.token_bytes,
        time.time,
        config.auth.cleartext,
        hashes(config),
        config.auth.scram_iterations,
    )
    return site(services, report, mounted)


@contextmanager
def sessions(
    config: Config, parts: Core, report: Report, guard: Guard, ports: Mapping[str, int]
) -> Iterator[Sessions]:
    with directories.opened(
        config.data_folder
    ) as writer:  # what logins write; on threads, so not on the loop's own
        made = Sessions(config, parts, report, writer, guard, ports)
        try:
            yield made
        finally:
            made.close()
