"""What may stand in `pillarbox.toml` about who may come in: `directory`, `web` and `oauth`."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from pillarbox.identity.addresses import maybe_address
from pillarbox.identity.outside.spelling import NAMES, names


class _Directory(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Accounts that are kept elsewhere. `domains`: on whose addresses it decides; `known`, `unknown`: seconds
    that its answers hold, that somebody is there and that nobody is; `timeout`: seconds that a question to it
    may take; `threads`: questions at the same time."""

    domains: Annotated[tuple[str, ...], Meta(min_length=1)]
    known: Annotated[float, Meta(gt=0, le=86400)] = 300.0
    unknown: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    timeout: Annotated[float, Meta(gt=0, le=120)] = 10.0
    threads: Annotated[int, Meta(ge=1, le=64)] = 4


class Ldap(_Directory, frozen=True, tag_field="kind", tag="ldap"):
    """`urls`: the servers, tried in turn. `starttls`: None is for those that are no ldaps: or ldapi:. `bind`
    and `password` (or a file with it): who searches; without, nobody in particular. `user`: the name (DN) to
    bind as, where it can be made of the address; else it is searched for. The attributes: `address`,
    `aliases`, `key`, `quota`, `groups`. `group_filter` finds the groups of somebody where no attribute of
    theirs names them."""

    urls: Annotated[tuple[str, ...], Meta(min_length=1)]
    starttls: bool | None = None
    ca: str | None = None
    bind: str = ""
    password: str = ""
    password_file: str | None = None
    base: str = ""
    filter: str = "(mail={address})"
    user: str = ""
    address: str = "mail"
    aliases: str = ""
    key: str = "entryUUID"
    quota: str = ""
    groups: str = "memberOf"
    group_base: str = ""
    group_filter: str = ""
    members: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Ldap(urls={self.urls!r}, bind={self.bind!r})"  # never the password


class Sql(_Directory, frozen=True, tag_field="kind", tag="sql"):
    """`database`: a SQLite file, or postgresql://... `account` is asked with :address, :local and :domain,
    and answers a row with any of the columns address, id, quota, disabled, admin; `password` the hash of a
    password; `aliases` a row for each. `password_file`: with the database's own, which is better not in its
    URL."""

    database: Annotated[str, Meta(min_length=1)]
    account: Annotated[str, Meta(min_length=1)]
    password: Annotated[str, Meta(min_length=1)]
    aliases: str = ""
    password_file: str | None = None

    def __repr__(self) -> str:
        return f"Sql(domains={self.domains!r})"  # never a password in a URL


class Tokens(_Directory, frozen=True, tag_field="kind", tag="tokens"):
    """Accounts that a provider of tokens knows, and nobody can be asked about: one is made when its first
    token comes. `issuers`: whose tokens are for them. `claim`: what in a token is the address; `verified`:
    only an address that the provider says it has verified."""

    issuers: Annotated[tuple[str, ...], Meta(min_length=1)]
    claim: str = "email"
    verified: bool = True


KINDS: dict[str, type[_Directory]] = {"ldap": Ldap, "sql": Sql, "tokens": Tokens}


StsMode = Literal["testing", "enforce", "none"]  # RFC 8461 3.2


class Web(Struct, frozen=True, forbid_unknown_fields=True):
    """`url`: how the server is called in a browser; without it, by its host name and the port of `https`.
    `mta_sts`: the mode of the policy that it serves for its domains."""

    url: Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+/?$")] | None = None
    mta_sts: StsMode = "testing"


class OAuthClient(Struct, frozen=True, forbid_unknown_fields=True):
    """A program that may ask for tokens. `redirect_uris` are exact, but for the port of a loopback address;
    without `secret` it is a public one."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    redirect_uris: tuple[str, ...] = ()
    secret: str = ""


class OAuthProvider(Struct, frozen=True, forbid_unknown_fields=True):
    """Another server whose tokens are good here. `keys`: where its JWKS is, for tokens that are JWTs;
    `introspection`: where it says what a token is (RFC 7662), with `client_id` and `client_secret`.
    `audience`: one of these has to be in a token; `claim`: what in it is the mail address; `scope`: what
    has to be in it; `domains`: addresses in these only, and without them in all; `skew`: seconds that
    clocks may differ."""

    issuer: Annotated[str, Meta(min_length=1)]
    audience: tuple[str, ...] = ()
    keys: str = ""
    introspection: str = ""
    client_id: str = ""
    client_secret: str = ""
    claim: str = "email"
    scope: str = ""
    domains: tuple[str, ...] = ()
    skew: Annotated[int, Meta(ge=0, le=300)] = 60


class OAuth(Struct, frozen=True, forbid_unknown_fields=True):
    """`access`: seconds that a token opens mail; `refresh`: seconds that a program may be silent before its
    user is asked again. `mail_programs`: whether any mail program may ask; otherwise only `clients` may."""

    access: Annotated[int, Meta(ge=60)] = 3_600
    refresh: Annotated[int, Meta(ge=60)] = 7_776_000
    mail_programs: bool = True
    clients: tuple[OAuthClient, ...] = ()
    providers: tuple[OAuthProvider, ...] = ()


def wrong_provider(oauth: OAuth) -> str:
    for each in oauth.providers:
        if not each.keys and not each.introspection:
            return f'{each.issuer} needs "keys" or "introspection"'
        for url in filter(None, (each.keys, each.introspection)):
            if not re.match(r"https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/]", url):
                return f'"{url}" has to begin with https://'
        if each.keys and not each.audience:
            return f"{each.issuer} needs an audience: its tokens for other services would be good here"
    return ""


def directory_key(name: str) -> str:
    return "directory." if name == "directory" else f"directory.{name}."


def wrong_directories(
    directories: Mapping[str, Ldap | Sql | Tokens], oauth: OAuth
) -> Iterator[tuple[str, str]]:
    """Keys and what is wrong with them."""
    owners: dict[str, str] = {}
    for name, each in directories.items():
        key = directory_key(name)
        for domain in each.domains:
            written = maybe_address(f"postmaster@{domain}")
            if written is None:
                yield f"{key}domains", f'"{domain}" is no domain'
                continue
            folded = written.folded.rpartition("@")[2]
            if folded in owners:
                yield f"{key}domains", f'"{domain}" is {owners[folded]}\'s already'
            owners[folded] = name
        if isinstance(each, Ldap):
            yield from ((f"{key}{field}", wrong) for field, wrong in _wrong_ldap(each))
        if isinstance(each, Sql):
            for field in ("account", "password", "aliases"):
                for unknown in set(names(getattr(each, field))) - set(NAMES):
                    known = ", ".join(f":{each}" for each in NAMES)
                    yield f"{key}{field}", f"there is no :{unknown}, only {known}"
        if isinstance(each, Tokens):
            known_issuers = [provider.issuer for provider in oauth.providers]
            for issuer in each.issuers:
                if issuer not in known_issuers:
                    yield f"{key}issuers", f'"{issuer}" is no issuer in oauth.providers'
            # Whose a token is is read once for the provider and once for the account: it has to be the same.
            for provider in oauth.providers:
                if provider.issuer in each.issuers and provider.claim != each.claim:
                    wrong = f'"{each.claim}" is not the claim of {provider.issuer} in oauth.providers'
                    yield f"{key}claim", f'{wrong}, which is "{provider.claim}"'


def _wrong_ldap(each: Ldap) -> Iterator[tuple[str, str]]:
    for url in each.urls:
        if not re.fullmatch(r"(?:ldaps?://[^/?\s]+|ldapi://[^/?\s]+)/?", url):
            yield "urls", f'"{url}" is no server; write "ldaps://host" or "ldap://host:port"'
        elif url.startswith("ldap://") and each.starttls is False and (each.bind or each.password):
            host = re.sub(r":\d+$|[\[\]]", "", url.removeprefix("ldap://").rstrip("/"))
            if host not in ("localhost", "127.0.0.1", "::1"):
                yield "starttls", f"passwords would go to {host} in the clear; only loopback does without TLS"
    if not each.base and not each.user:
        yield "base", "where people are searched for is missing (or `user`, to make their names)"
    if each.bind and not each.password and each.password_file is None:
        # RFC 4513 5.1.2: the server would take it for anonymous, and say that all is well.
        yield "bind", "needs a password or a password_file"


def resolved_directory(each: Ldap | Sql | Tokens, absolute: Callable[[str], str]) -> Ldap | Sql | Tokens:
    changed: dict[str, str] = {}
    if isinstance(each, Ldap) and each.ca:
        changed["ca"] = absolute(each.ca)
    if isinstance(each, Sql) and not is_postgresql(each.database):
        changed["database"] = absolute(each.database.removeprefix("sqlite:"))
    if not isinstance(each, Tokens) and each.password_file:
        changed["password_file"] = absolute(each.password_file)
    return msgspec.structs.replace(each, **changed)


def is_postgresql(database: str) -> bool:
    return database.startswith(("postgresql://", "postgres://"))
