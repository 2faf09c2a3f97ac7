"""`pillarbox.toml`: what may stand in it, and a sentence for everything that may not.

Every key is optional. Relative paths count from the folder of the file (without one: from where the
command was started). A mistake is a `ConfigError` that names the file, the line where it can be known,
the key and the nearest key there is.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from pillarbox.app import entering
from pillarbox.app.arriving import Mx, Proxy, Reports, ReverseDns
from pillarbox.app.entering import (
    KINDS,
    Ldap,
    OAuth,
    Sql,
    Tokens,
    Web,
    directory_key,
    resolved_directory,
    wrong_directories,
    wrong_provider,
)
from pillarbox.identity.addresses import maybe_address
from pillarbox.identity.scram import ITERATIONS, MAX_ITERATIONS

FILE_NAME = "pillarbox.toml"

Cleartext = Literal["never", "loopback", "always"]
Obey = Literal["note", "quarantine", "reject"]
Addresses = str | tuple[str, ...]

# host:port, [IPv6]:port or unix:path
_ADDRESS = re.compile(
    r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]/]+):(?P<port>\d{1,5})|unix:(?P<path>.+)", re.DOTALL
)

# Keys, or tables of them, that SIGHUP changes in a running server; the others need a restart.
RELOADABLE = ("tls", "auth", "limits", "abuse", "submission", "authentication", "oauth", "mx")


Challenge = Literal["http-01", "dns-01"]
_CHOICES = {
    "auth.cleartext": Cleartext,
    "authentication.dmarc": Obey,
    "authentication.spf": Obey,
    "acme.challenge": Challenge,
    "mx.reverse_dns": ReverseDns,
    "web.mta_sts": entering.StsMode,
}


Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class ConfigError(Exception):
    """The configuration cannot be used; `str()` says where and why."""


class Listen(Struct, frozen=True, forbid_unknown_fields=True):
    """Where each protocol listens; absent means off."""

    imap: Addresses = ()
    imaps: Addresses = ()
    lmtp: Addresses = ()
    smtp: Addresses = ()
    submission: Addresses = ()
    submissions: Addresses = ()
    pop3: Addresses = ()
    pop3s: Addresses = ()
    managesieve: Addresses = ()
    http: Addresses = ()
    https: Addresses = ()

    def each(self) -> Iterator[tuple[str, str]]:
        """(protocol, address), in the order of the keys above."""
        for protocol in self.__struct_fields__:
            addresses: Addresses = getattr(self, protocol)
            for address in (addresses,) if isinstance(addresses, str) else addresses:
                yield protocol, address


# What a server without `[listen]` does: all it can, on loopback, on ports that anybody may open.
DEFAULT_LISTEN = Listen(
    imap="127.0.0.1:1143",
    imaps="127.0.0.1:1993",
    lmtp="127.0.0.1:1024",
    smtp="127.0.0.1:1025",
    submission="127.0.0.1:1587",
    submissions="127.0.0.1:1465",
    pop3="127.0.0.1:1110",
    pop3s="127.0.0.1:1995",
    http="127.0.0.1:1080",
    https="127.0.0.1:1443",
)


class CertificateFiles(Struct, frozen=True, forbid_unknown_fields=True):
    certificate: str
    key: str


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """Both files, or neither: then a self-signed certificate is made in the data folder. `certificates` are
    more of them, for the names they have. `client_ca`: those who vouch for certificates of clients."""

    certificate: str | None = None
    key: str | None = None
    certificates: tuple[CertificateFiles, ...] = ()
    client_ca: str | None = None


class Acme(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate for `names` is ordered at `directory` and renewed, instead of one in files.
    `agree_to_terms`: those of the authority; `contact`: where it may write to. `challenge`: how it finds out
    that the names are ours: it visits `http`, port 80 for the world, or looks for a DNS record that `hook`
    sets and clears (the program is called with "set" or "clear", the record's name and its value, and waits
    until it is so). `eab_key_id`, `eab_key`: of the account that some authorities want; `ca`: who vouches for
    `directory`, PEM, where the machine does not know."""

    names: tuple[Annotated[str, Meta(pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$")], ...] = ()
    agree_to_terms: bool = False
    contact: str | None = None
    directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    challenge: Challenge = "http-01"
    http: Addresses = ("0.0.0.0:80", "[::]:80")
    hook: tuple[str, ...] = ()
    eab_key_id: str | None = None
    eab_key: str | None = None
    ca: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the authority's visit is waited for."""
        if not self.names or self.challenge != "http-01":
            return ()
        return (self.http,) if isinstance(self.http, str) else self.http


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    """`cleartext`: who may send a password without TLS; "loopback" looks at the client's real address.
    `unauthenticate`: whether a connection may log in as somebody else after UNAUTHENTICATE. `submitters`: the
    accounts of submission servers, which may fetch what an IMAP URL authorizes for submission. `scram_sha1`:
    whether SCRAM-SHA-1 is offered too, for clients that know no better. `channel_binding`: whether SCRAM's
    -PLUS mechanisms are; there is one kind of binding, and clients that know only others cannot log in then.
    `scram_iterations`: of what is stored of a password; beyond 65,536 clients built on Cyrus SASL give up.
    `totp_in_password`: whether with a second factor the password followed by a code opens an account.
    `masters`: who may log in as others, and in which domains; `master_separator` is between both names."""

    cleartext: Cleartext = "loopback"
    unauthenticate: bool = True
    submitters: tuple[str, ...] = ()
    totp_in_password: bool = False
    scram_sha1: bool = False
    channel_binding: bool = False
    scram_iterations: Annotated[int, Meta(le=MAX_ITERATIONS)] = ITERATIONS
    masters: dict[str, tuple[str, ...]] = {}
    master_separator: Annotated[str, Meta(pattern=r"^[!#$%&*/=?^{|}~;,:]$")] = "*"


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """`save`: how many messages one COPY or APPEND may save, for IMAP's SAVELIMIT; without it, any number.
    `connections` in all, and `connections_each` from one network; `strangers` of them have not logged in, and
    `strangers_each` from one network: then the one who has been here longest goes. `login`: seconds that a
    stranger has. Each worker holds to its share. Networks in `abuse.exempt` are counted in all only."""

    save: Annotated[int, Meta(ge=1, le=2**32 - 1)] | None = None
    connections: Count = 20_000
    connections_each: Count = 1_000
    strangers: Count = 2_000
    strangers_each: Count = 200
    login: Seconds = 180.0


class Authentication(Struct, frozen=True, forbid_unknown_fields=True):
    """Finding out who mail is really from. `smtp`, `lmtp`: for mail that comes so. `dmarc`: what is done at
    most with mail that its author's domain disowns; `spf`: with mail from where its sender's domain does not
    send, where DMARC says nothing. `trusted_sealers`: domains whose word on mail they pass on is taken (ARC).
    """

    smtp: bool = True
    lmtp: bool = False
    dmarc: Obey = "quarantine"
    spf: Obey = "note"
    trusted_sealers: tuple[str, ...] = ()


class Abuse(Struct, frozen=True, forbid_unknown_fields=True):
    """`ban_after` failed logins from one network (an IPv4 address, an IPv6 /64) within `window` seconds shut
    it out for `ban` seconds, for twice as long each time again, and at most for `longest_ban`. After
    `delay_after` failures each guess waits, longer and longer, up to `longest_delay`. `codes`: wrong ones
    of a second factor, behind the right password. `exempt`: networks that are never counted."""

    delay_after: Count = 3
    longest_delay: Seconds = 10.0
    ban_after: Count = 20
    window: Seconds = 3600.0
    ban: Seconds = 900.0
    longest_ban: Seconds = 86400.0
    codes: Count = 10
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1")


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the audit log is kept, and how many entries of each kind of event."""

    days: Count = 90
    entries: Count = 1_000_000


class Submission(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail that people with an account send. 0 is no limit; `undo`: seconds a message waits in the queue,
    where it can be cancelled; `copy_to_sent`: for programs that do not file what they send by themselves;
    `hold`: days that a program may have a message wait until it is sent, `held`: how many of an account."""

    messages_per_hour: Annotated[int, Meta(ge=0)] = 300
    recipients_per_hour: Annotated[int, Meta(ge=0)] = 2000
    undo: Annotated[int, Meta(ge=0, le=3600)] = 0
    copy_to_sent: bool = False
    hold: Annotated[int, Meta(ge=0, le=3650)] = 90
    held: Annotated[int, Meta(ge=0)] = 200


class Smarthost(Struct, frozen=True, forbid_unknown_fields=True):
    """A server that takes mail for elsewhere. `domains`: only for these; empty is all. `tls`: as it is
    offered, or no mail without it, or none without a certificate that proves the host, or the latter from the
    first octet on."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    tls: Literal["opportunistic", "required", "verified", "implicit"] = "verified"
    user: str = ""
    password: str = ""
    domains: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Smarthost(host={self.host!r}, port={self.port})"  # never the password


class Outbound(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail to other systems. `port`: where their hosts listen; `source`: the addresses of this machine that
    mail leaves from, at most one for IPv4 and one for IPv6."""

    smarthosts: tuple[Smarthost, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    source: tuple[str, ...] = ()


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the server becomes when root has started it and the ports are bound; `group`: theirs, if absent.
    Commands that root runs become the same."""

    user: str | None = None
    group: str | None = None


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    hostname: Annotated[str, Meta(pattern=r"^[^\s@/]+$")] = "localhost"
    postmaster: str | None = None  # who reads the postmaster's mail; None: the first account
    data: str = "var"
    dns: tuple[str, ...] = ()  # servers to ask instead of the machine's
    workers: Annotated[int, Meta(ge=1)] | None = None  # None: one per core
    process: Process = Process()
    listen: Listen = DEFAULT_LISTEN
    tls: Tls = Tls()
    acme: Acme = Acme()
    auth: Auth = Auth()
    limits: Limits = Limits()
    authentication: Authentication = Authentication()
    abuse: Abuse = Abuse()
    mx: Mx = Mx()
    audit: Audit = Audit()
    proxy: Proxy = Proxy()
    submission: Submission = Submission()
    outbound: Outbound = Outbound()
    reports: Reports = Reports()
    directory: dict[str, Ldap | Sql | Tokens] = {}
    web: Web = Web()
    oauth: OAuth = OAuth()

    @property
    def data_folder(self) -> Path:
        return Path(self.data)


def load(path: Path | None = None) -> Config:
    """The configuration in `path`, else in `./pillarbox.toml`, else the defaults. All paths absolute."""
    if path is None:
        path = Path.cwd() / FILE_NAME
        if not path.exists():
            return _resolved(Config(), Path.cwd())
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8") from None
    return _resolved(parse(text, str(path)), path.absolute().parent)


def parse(text: str, file: str = FILE_NAME) -> Config:
    """The configuration a file's text means, paths as they are written. `file` is for the sentences."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from None
    _name_directory(tree)
    _refuse_unknown(tree, Config, "", text, file)
    _refuse_unknown_of_directories(tree, text, file)
    try:
        config = msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at ")
        key = at.strip("`").removeprefix("$.")
        key = re.sub(r"\[.*", "", key)
        if key == "directory":
            key = _directory_at_fault(tree) or key
        raise _error(file, text, key, _in_words(key, reason)) from None
    for protocol, address in config.listen.each():
        if "listen" in tree and not is_address(address):
            wrong = f'"{address}" is not an address; write "host:port", "[IPv6]:port" or "unix:path"'
            raise _error(file, text, f"listen.{protocol}", wrong)
    for server in config.dns:
        if not is_dns_server(server):
            wrong = f'"{server}" is no DNS server; write "192.0.2.1", "192.0.2.1:53" or "[2001:db8::1]:53"'
            raise _error(file, text, "dns", wrong)
    for key, networks in (
        ("abuse.exempt", config.abuse.exempt),
        ("mx.exempt", config.mx.exempt),
        ("proxy.networks", config.proxy.networks),
        ("proxy.xclient", config.proxy.xclient),
    ):
        for network in networks:
            if not is_network(network):
                wrong = f'"{network}" is not a network; write "192.0.2.0/24", "2001:db8::/32" or an address'
                raise _error(file, text, key, wrong)
    for address in config.outbound.source:
        if not is_ip_address(address):
            wrong = f'"{address}" is not an address; write "192.0.2.1" or "2001:db8::1"'
            raise _error(file, text, "outbound.source", wrong)
    for code in (code for each in config.mx.lists for code in each.codes):
        if not is_network(code) or not code.startswith("127."):
            wrong = f'"{code}" is no answer of a list; write "127.0.0.2" or "127.0.0.0/29"'
            raise _error(file, text, "mx.lists", wrong)
    for protocol in config.proxy.protocols:
        if protocol not in Listen.__struct_fields__:
            wrong = f'there is no protocol "{protocol}"; they are {", ".join(Listen.__struct_fields__)}'
            raise _error(file, text, "proxy.protocols", wrong)
    for master, domains in config.auth.masters.items():
        if maybe_address(master) is None:
            raise _error(file, text, f"auth.masters.{master}", f'"{master}" is no mail address')
        for domain in domains:
            if maybe_address(f"postmaster@{domain}") is None:
                raise _error(file, text, f"auth.masters.{master}", f'"{domain}" is no domain')
    if config.auth.scram_iterations < ITERATIONS:
        wrong = f"must be {ITERATIONS} or more: they are what slows down who has stolen the directory"
        raise _error(file, text, "auth.scram_iterations", wrong)
    for key, wrong in wrong_directories(config.directory, config.oauth):
        raise _error(file, text, key, wrong)
    if wrong := wrong_provider(config.oauth):
        raise _error(file, text, "oauth.providers", wrong)
    if (config.tls.certificate is None) != (config.tls.key is None):
        raise _error(file, text, "tls", "certificate and key belong together; one of them is missing")
    if config.acme.names:
        _check_acme(config, text, file)
    return config


def _check_acme(config: Config, text: str, file: str) -> None:
    acme = config.acme
    if config.tls.certificate is not None:
        wrong = "there is a certificate in acme.names already; more of them belong into tls.certificates"
        raise _error(file, text, "tls.certificate", wrong)
    if not acme.agree_to_terms:
        wrong = "read the authority's terms, and set it to true when you agree"
        raise _error(file, text, "acme.agree_to_terms", wrong)
    if acme.challenge == "dns-01" and not acme.hook:
        raise _error(file, text, "acme.hook", "dns-01 needs a program that sets the record")
    if acme.challenge == "http-01" and any(name.startswith("*") for name in acme.names):
        raise _error(file, text, "acme.names", "names with a star are proved by dns-01 only")
    if (acme.eab_key_id is None) != (acme.eab_key is None):
        raise _error(file, text, "acme.eab_key_id", "eab_key_id and eab_key belong together")
    for address in acme.addresses:
        if not is_address(address):
            raise _error(file, text, "acme.http", f'"{address}" is not an address; write "host:port"')


def reloaded(running: Config, wanted: Config) -> tuple[Config, list[str]]:
    """`running` with what may change taken from `wanted`, and the keys that differ but may not."""
    changed = {name: getattr(wanted, name) for name in RELOADABLE}
    taken = msgspec.structs.replace(running, **changed)
    return taken, [key for key in _keys(Config, "") if _value(taken, key) != _value(wanted, key)]


def _value(config: Config, key: str) -> object:
    return reduce(getattr, key.split("."), config)


def is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and (match["port"] is None or int(match["port"]) < 65536)


def dns_server(text: str) -> tuple[str, int]:
    """Address and port of `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1` or `[2001:db8::1]:53`, or a
    ValueError."""
    match = re.fullmatch(r"\[(.*)\](?::(\d{1,5}))?|([^:]*)(?::(\d{1,5}))?", text, re.ASCII)
    host, port = (match[1] or match[3], match[2] or match[4] or "53") if match else (text, "53")
    if not 0 < int(port) < 65536:
        raise ValueError(text)
    return str(ipaddress.ip_address(host)), int(port)


def is_dns_server(text: str) -> bool:
    try:
        dns_server(text)
    except ValueError:
        return False
    return True


def is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _refuse_unknown(tree: dict[str, Any], shape: type[Struct], prefix: str, text: str, file: str) -> None:
    """The first key that no struct of `shape` has is an error, with the nearest one that exists."""
    fields = {field.name: field.type for field in msgspec.structs.fields(shape)}
    for name, value in tree.items():
        key = prefix + name
        if name not in fields:
            nearest = _nearest(name, prefix, list(fields))
            raise _error(file, text, key, f"there is no such key; the nearest is {nearest}")
        inner = fields[name]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Struct):
            _refuse_unknown(value, inner, f"{key}.", text, file)


def _name_directory(tree: dict[str, Any]) -> None:
    """A single directory may stand in `[directory]` itself."""
    written = tree.get("directory")
    if isinstance(written, dict) and ("kind" in written or "domains" in written):
        tree["directory"] = {"directory": written}


def _refuse_unknown_of_directories(tree: dict[str, Any], text: str, file: str) -> None:
    tables = tree.get("directory")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        prefix = directory_key(name)
        if not isinstance(table, dict) or table.get("kind") not in KINDS:
            kinds = ", ".join(f'"{kind}"' for kind in KINDS)
            raise _error(file, text, f"{prefix}kind", f"must be one of {kinds}")
        shape = KINDS[table["kind"]]
        known = {*shape.__struct_fields__, "kind"}
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
                raise _error(file, text, prefix + key, f"there is no such key; the nearest is {near}")


def _directory_at_fault(tree: dict[str, Any]) -> str | None:
    for name, table in tree["directory"].items():
        try:
            msgspec.convert(table, Ldap | Sql | Tokens)
        except msgspec.ValidationError as error:
            _, _, at = str(error).partition(" - at `$.")
            return (directory_key(name) + re.split(r"[`\[]", at)[0]).rstrip(".")
    return None


def _nearest(name: str, prefix: str, siblings: list[str]) -> str:
    """The key somebody meant: one of the same table when it is alike, else one of that name elsewhere."""
    if near := difflib.get_close_matches(name, siblings, n=1):
        return prefix + near[0]
    leaves = {key.rpartition(".")[2]: key for key in _keys(Config, "")}
    return leaves[difflib.get_close_matches(name, leaves, n=1, cutoff=0.0)[0]]


def _keys(shape: type[Struct], prefix: str) -> Iterator[str]:
    """Every key there is, dotted."""
    for field in msgspec.structs.fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _keys(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def _in_words(key: str, reason: str) -> str:
    if key in _CHOICES:
        return "must be one of " + ", ".join(f'"{choice}"' for choice in get_args(_CHOICES[key]))
    plain = reason.replace("`", "").replace(" | null", "")
    return plain[:1].lower() + plain[1:]


def _error(file: str, text: str, key: str, reason: str) -> ConfigError:
    line = _line_of(text, key)
    where = f"{file}, line {line}" if line else file
    return ConfigError(f"{where}: {key}: {reason}")


def _line_of(text: str, key: str) -> int | None:
    """Where a key, or else its table, stands; None when it is written in a way this does not follow."""
    table, table_line = "", None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            table = header[1] + "."
            if header[1] == key:
                table_line = number
        elif (written := re.match(r"\s*([^\s=#]+)\s*=", line)) and table + written[1].strip("\"'") == key:
            return number
    return table_line


def _resolved(config: Config, folder: Path) -> Config:
    """The same with every path absolute."""

    def absolute(path: str) -> str:
        return str(folder / path)

    def absolute_address(address: str) -> str:
        return f"unix:{absolute(address[5:])}" if address.startswith("unix:") else address

    listen: dict[str, tuple[str, ...]] = {}
    for protocol, address in config.listen.each():
        listen[protocol] = (*listen.get(protocol, ()), absolute_address(address))
    tls = Tls(
        config.tls.certificate and absolute(config.tls.certificate),
        config.tls.key and absolute(config.tls.key),
        tuple(
            CertificateFiles(absolute(each.certificate), absolute(each.key))
            for each in config.tls.certificates
        ),
        config.tls.client_ca and absolute(config.tls.client_ca),
    )
    directory = {name: resolved_directory(each, absolute) for name, each in config.directory.items()}
    acme = msgspec.structs.replace(config.acme, ca=config.acme.ca and absolute(config.acme.ca))
    return msgspec.structs.replace(
        config,
        data=absolute(config.data),
        listen=Listen(**listen),
        tls=tls,
        directory=directory,
        acme=acme,
    )
