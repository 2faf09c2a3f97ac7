"""The directories of the configuration, ready to be asked."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from pillarbox.app.config import Config
from pillarbox.app.entering import Ldap, Sql, Tokens, is_postgresql
from pillarbox.identity import routes
from pillarbox.identity.addresses import Address, fold_domain
from pillarbox.identity.directory import Directory
from pillarbox.identity.outside.outside import Outside, Place, Provider
from pillarbox.identity.outside.source import Source
from pillarbox.identity.routes import Expansion, Nowhere
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Refused
from pillarbox.store import quota
from pillarbox.store.quota import UNIT, Resource
from pillarbox.store.store import Store

KEY_OCTETS = 32


@contextmanager
def opened(data: Path) -> Iterator[Directory]:
    """The directory of a data folder."""
    directory = Directory(data / "directory.db", clock=time.time, pick=secrets.randbelow)
    try:
        yield directory
    finally:
        directory.close()


@contextmanager
def elsewhere(config: Config, directory: Directory, store: Store) -> Iterator[Outside | None]:
    """Those who are asked about accounts that are not kept here; None where all are."""
    if not config.directory:
        yield None
        return
    with opened(config.data_folder) as writer:
        _take_domains(config, writer)
        made = Outside(
            directory,
            writer,
            store,
            [_place(config, name) for name in config.directory],
            met=partial(_met, routing(config, directory)),
            limit=partial(_limit, store),
            clock=time.monotonic,
            key=secrets.token_bytes(KEY_OCTETS),
            tell=_tell,
        )
        try:
            yield made
        finally:
            made.close()


def routing(config: Config, directory: Directory) -> "partial[Expansion | Nowhere]":
    return partial(routes.expand, directory, hostname=config.hostname, postmaster=config.postmaster)


def named(config: Config, address: str) -> str | None:
    """The directory that decides on an address, where it is none of ours."""
    domain = fold_domain(address.rpartition("@")[2])
    for name, each in config.directory.items():
        if domain in map(fold_domain, each.domains):
            return name
    return None


def require_ours(config: Config, address: str) -> None:
    """What is decided on elsewhere is changed there."""
    if (name := named(config, address)) is not None:
        raise Refused(f"The directory {name} decides on {address}; change it there")


def takes_passwords(config: Config) -> bool:
    """Whether any directory elsewhere does."""
    return any(not isinstance(each, Tokens) for each in config.directory.values())


def _take_domains(config: Config, directory: Directory) -> None:
    """Mail for them is ours to take or to refuse before anybody of them has been seen."""
    for each in config.directory.values():
        for domain in each.domains:
            if not routes.is_local(directory, domain):
                routes.add_domain(directory, domain)


def _place(config: Config, name: str) -> Place:
    wanted = config.directory[name]
    return Place(
        name,
        _source(wanted),
        frozenset(map(fold_domain, wanted.domains)),
        wanted.known,
        wanted.unknown,
        wanted.timeout,
        wanted.threads,
        Provider(wanted.issuers, wanted.claim, wanted.verified) if isinstance(wanted, Tokens) else None,
    )


def _source(wanted: Ldap | Sql | Tokens) -> Source | None:
    if isinstance(wanted, Tokens):
        return None
    secret = _secret(wanted.password_file) if wanted.password_file is not None else ""
    if isinstance(wanted, Sql):
        from pillarbox.identity.outside.sql import Queries, postgresql, sqlite, tables

        queries = Queries(wanted.account, wanted.password, wanted.aliases)
        if is_postgresql(wanted.database):
            return tables(postgresql(wanted.database, secret, wanted.timeout), queries, wanted.threads)
        return tables(sqlite(Path(wanted.database), wanted.timeout), queries, wanted.threads)
    from pillarbox.identity.outside.ldap import Attributes, Groups, Search, Servers
    from pillarbox.identity.outside.ldap import Ldap as Server

    return Server(
        Servers(
            wanted.urls,
            wanted.starttls,
            wanted.ca,
            wanted.bind,
            secret or wanted.password,
            wanted.timeout,
            wanted.threads,
        ),
        Search(wanted.base, wanted.filter, wanted.user),
        Attributes(wanted.address, wanted.aliases, wanted.key, wanted.quota, wanted.groups),
        Groups(wanted.group_base, wanted.group_filter, wanted.members, wanted.disabled, wanted.admins),
    )


def _secret(file: str) -> str:
    """The first line of a file."""
    try:
        return Path(file).read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Refused(f"The password file {file} cannot be read: {reason}") from None


def _met(expand: Callable[..., Expansion | Nowhere], text: str) -> Iterable[Address]:
    met: list[Address] = []
    expand(text, meets=met.append)
    return met


async def _limit(store: Store, account: int, octets: int | None) -> None:
    hard = None if octets is None else max(1, octets // UNIT)
    await store.write(account, quota.set_limit, SERVER, Resource.STORAGE, hard)


def _tell(name: str, reason: str) -> None:
    structlog.get_logger().warning("a directory does not answer", directory=name, reason=reason)
