"""What may stand in `pillarbox.toml` about who may come in: `directory`, `web` and `oauth`."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct


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
