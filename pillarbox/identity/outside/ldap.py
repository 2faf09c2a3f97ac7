"""LDAP and Active Directory (RFC 4511, 4513): somebody is searched for, and their password tried by a bind.

A bind succeeds without a password (RFC 4513 5.1.2), so none is ever sent without one. Values go into filters
and names only escaped (RFC 4515, 4514). Referrals are not followed: they would take passwords to servers that
nobody has configured. Connections are kept and used again, those that search apart from those that try
passwords; of several servers the one that answered last is asked first.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from ssl import get_default_verify_paths
from typing import Any, TypeVar

from pillarbox.identity.addresses import Address
from pillarbox.identity.outside.source import Found, Unreachable
from pillarbox.identity.outside.spelling import is_yes, octets, values
from pillarbox.identity.prepare import prepare
from pillarbox.model.errors import Refused

try:
    import ldap
    from ldap.dn import escape_dn_chars, str2dn
    from ldap.filter import escape_filter_chars
except ImportError:
    raise Refused("A directory in LDAP needs pillarbox[ldap]") from None

T = TypeVar("T")

ACCOUNT_DISABLED = 2  # a bit of Active Directory's userAccountControl
_ALWAYS = ("userAccountControl", "nsAccountLock")
_NOBODY = "cn=nobody"  # whose password is tried where nobody was found, to take as long
_PLACE = re.compile(r"\{(address|local|domain|dn)\}")

# The server itself is in trouble: another may be better.
_SERVER = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.BUSY, ldap.UNAVAILABLE)
# What a bind with a wrong name or password, or as somebody who may not, is answered.
_WRONG = (
    ldap.INVALID_CREDENTIALS,
    ldap.NO_SUCH_OBJECT,
    ldap.INAPPROPRIATE_AUTH,
    ldap.INVALID_DN_SYNTAX,
    ldap.CONSTRAINT_VIOLATION,
)
_NO_STRANGERS = (ldap.UNWILLING_TO_PERFORM, ldap.INSUFFICIENT_ACCESS, ldap.STRONG_AUTH_REQUIRED)


@dataclass(frozen=True, slots=True)
class Servers:
    """`starttls`: None where it is not needed only by ldaps: and ldapi:. `timeout`: seconds for all of
    them together; `most` connections of a kind are kept."""

    urls: tuple[str, ...]
    starttls: bool | None = None
    ca: str | None = None
    bind: str = ""
    password: str = ""
    timeout: float = 10.0
    most: int = 4

    def __repr__(self) -> str:
        return f"Servers(urls={self.urls!r}, bind={self.bind!r})"  # never the password


@dataclass(frozen=True, slots=True)
class Search:
    """`user`: the name (DN) of somebody, where it can be made of the address; else they are searched for."""

    base: str
    filter: str = "(mail={address})"
    user: str = ""


@dataclass(frozen=True, slots=True)
class Attributes:
    address: str = "mail"
    aliases: str = ""
    key: str = "entryUUID"
    quota: str = ""
    groups: str = "memberOf"

    @property
    def each(self) -> list[str]:
        return [name for name in (self.address, self.aliases, self.key, self.quota, self.groups) if name]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups by their DN, or by the first name in it. `members`: where there are some, nobody else has an
    account; `disabled`, `admins`: who is one. `base`, `filter`: how the groups of a {dn} are searched for."""

    base: str = ""
    filter: str = ""
    members: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    dn: str
    attributes: dict[str, list[bytes]]  # by names in lower case

    def texts(self, name: str) -> list[str]:
        return [_text(each, name) for each in self.attributes.get(name.lower(), ())] if name else []

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")


class Ldap:
    """A source."""

    def __init__(self, servers: Servers, search: Search, attributes: Attributes, groups: Groups) -> None:
        self._search = search
        self._attributes = attributes
        self._groups = groups
        self._searching = _Connections(servers, servers.bind, servers.password)
        self._trying = _Connections(servers, "", "")
        self._own = bool(servers.bind)

    def find(self, wanted: Address) -> Found | None:
        def work(connection: Any) -> Found | None:
            entry = self._entry(connection, wanted)
            return None if entry is None else self._found(connection, entry, wanted)

        return self._searching.use(work)

    def verify(self, wanted: Address, password: str) -> Found | None:
        if not password:
            return None  # RFC 4513 5.1.2
        try:
            password = prepare(password)  # RFC 4513 5.1.3
        except Refused:
            return None
        if not password:
            return None
        if self._search.user:
            return self._by_template(wanted, password)
        entry = self._searching.use(lambda connection: self._entry(connection, wanted))
        dn = entry.dn if entry is not None else ",".join(filter(None, (_NOBODY, self._search.base)))
        if not self._trying.use(lambda connection: _binds(connection, dn, password)) or entry is None:
            return None
        return self._searching.use(lambda connection: self._found(connection, entry, wanted))

    def close(self) -> None:
        self._searching.close()
        self._trying.close()

    def _by_template(self, wanted: Address, password: str) -> Found | None:
        dn = fill_dn(self._search.user, wanted)

        def work(connection: Any) -> Found | None:
            if not _binds(connection, dn, password):
                return None
            if self._own:
                return self.find(wanted)
            entry = self._entry(connection, wanted)  # as themselves, where nobody else may look
            return None if entry is None else self._found(connection, entry, wanted)

        return self._trying.use(work)

    def _entry(self, connection: Any, wanted: Address) -> _Entry | None:
        search = self._search
        names = [*self._attributes.each, *_ALWAYS]
        try:
            if search.user:
                base, scope, filter = fill_dn(search.user, wanted), ldap.SCOPE_BASE, "(objectClass=*)"
            else:
                base, scope, filter = search.base, ldap.SCOPE_SUBTREE, fill_filter(search.filter, wanted)
            found = connection.search_ext_s(base, scope, filter, names, sizelimit=2)
        except ldap.NO_SUCH_OBJECT:
            if search.user:
                return None
            raise
        except ldap.SIZELIMIT_EXCEEDED:
            raise Unreachable(f"the filter finds several entries for {wanted}") from None
        entries = [_entry(*each) for each in found if each[0] is not None]  # without a name: a referral
        if len(entries) > 1:
            raise Unreachable(f"the filter finds several entries for {wanted}")
        return entries[0] if entries else None

    def _found(self, connection: Any, entry: _Entry, wanted: Address) -> Found | None:
        names, groups = self._attributes, self._groups
        memberships = self._memberships(connection, entry) if _any(groups) else []
        if groups.members and not _is_in(groups.members, memberships):
            return None
        return Found(
            entry.text(names.address) or str(wanted),
            entry.text(names.key),
            tuple(_addresses(entry.texts(names.aliases))),
            bool(names.aliases),
            octets(entry.text(names.quota)) if names.quota else None,
            _is_disabled(entry) or _is_in(groups.disabled, memberships),
            _is_in(groups.admins, memberships) if groups.admins else None,
        )

    def _memberships(self, connection: Any, entry: _Entry) -> list[str]:
        groups = entry.texts(self._attributes.groups)
        if self._groups.filter:
            values = {"dn": entry.dn}
            base = self._groups.base or self._search.base
            filter = _fill(self._groups.filter, values, escape_filter_chars)
            found = connection.search_ext_s(base, ldap.SCOPE_SUBTREE, filter, ["1.1"])  # RFC 4511 4.5.1.8
            groups += [dn for dn, *_ in found if dn is not None]
        return groups


# What is said to servers


def fill_filter(template: str, wanted: Address) -> str:
    """A filter with an address in it, which stays one value whatever is in it (RFC 4515 3)."""
    return _fill(template, values(wanted), escape_filter_chars)


def fill_dn(template: str, wanted: Address) -> str:
    """A name with an address in it, in which it stays one value (RFC 4514 2.4)."""
    return _fill(template, values(wanted), escape_dn_chars)


def _fill(template: str, given: dict[str, str], escape: Callable[[str], str]) -> str:
    return _PLACE.sub(lambda match: escape(given.get(match[1], "")), template)


def _binds(connection: Any, dn: str, password: str) -> bool:
    """Whether this is the password of that name. Never without one."""
    if not dn or not password:
        return False
    try:
        connection.simple_bind_s(dn, password)
    except _WRONG:
        return False
    return True


# What servers say


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> _Entry:
    return _Entry(dn, {name.lower(): found for name, found in attributes.items()})


def _text(octets: bytes, name: str) -> str:
    if name.lower() == "objectguid":
        return octets.hex()  # sixteen octets
    return octets.decode("utf-8", "replace")


def _addresses(found: Iterable[str]) -> Iterator[str]:
    """Active Directory has a kind before each: smtp:kim@example.org, and others that are no mail."""
    for each in found:
        kind, colon, rest = each.partition(":")
        if not colon:
            yield each
        elif kind.lower() == "smtp":
            yield rest


def _is_disabled(entry: _Entry) -> bool:
    control = entry.text("userAccountControl")
    return bool(control.isdecimal() and int(control) & ACCOUNT_DISABLED) or is_yes(
        entry.text("nsAccountLock")
    )


def _any(groups: Groups) -> bool:
    return bool(groups.members or groups.disabled or groups.admins)


def _is_in(wanted: tuple[str, ...], memberships: list[str]) -> bool:
    if not wanted:
        return False
    have = [_names(each) for each in memberships]
    for each in wanted:
        if "=" in each:
            if _names(each) in have:
                return True
        elif any(names and names[0][0][1] == each.casefold() for names in have):
            return True
    return False


def _names(dn: str) -> list[list[tuple[str, str]]]:
    """A DN as it is compared: case does not matter, nor does how it is written."""
    try:
        return [[(kind.casefold(), value.casefold()) for kind, value, _ in rdn] for rdn in str2dn(dn)]
    except ldap.DECODING_ERROR:
        return [[("", dn.casefold())]]


# Connections


class _Connections:
    """Those that are bound as one name, or that try others."""

    def __init__(self, servers: Servers, bind: str, password: str) -> None:
        self._servers = servers
        self._bind = bind
        self._password = password
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self._first = 0  # the server that answered last
        self._patience = max(0.5, servers.timeout / (len(servers.urls) + 1))

    def use(self, work: Callable[[Any], T]) -> T:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                return self._used(connection, work)
            except _SERVER:
                self.close()  # a server that was restarted has closed the others too
            except ldap.LDAPError as error:
                raise Unreachable(_reason(error)) from None
        try:
            return self._used(self._connect(), work)
        except ldap.LDAPError as error:
            raise Unreachable(_reason(error)) from None

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            _unbind(each)

    def _used(self, connection: Any, work: Callable[[Any], T]) -> T:
        try:
            done = work(connection)
        except BaseException:
            _unbind(connection)
            raise
        with self._lock:
            if len(self._idle) < self._servers.most:
                self._idle.append(connection)
                return done
        _unbind(connection)
        return done

    def _connect(self) -> Any:
        urls, first = self._servers.urls, self._first
        reason = ""
        for at in (*range(first, len(urls)), *range(first)):
            try:
                connection = self._open(urls[at])
            except ldap.LDAPError as error:
                reason = f"{urls[at]}: {_reason(error)}"
                continue
            self._first = at
            return connection
        raise Unreachable(reason)

    def _open(self, url: str) -> Any:
        servers = self._servers
        connection = ldap.initialize(url)
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, self._patience)
        connection.set_option(ldap.OPT_TIMEOUT, self._patience)
        # Whatever ldap.conf or the environment say: a certificate that proves the host, or nothing.
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        if ca := servers.ca or get_default_verify_paths().cafile:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(Path(ca)))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        try:
            if servers.starttls if servers.starttls is not None else url.startswith("ldap:"):
                connection.start_tls_s()
            try:
                connection.simple_bind_s(self._bind, self._password)
            except (*_WRONG, *_NO_STRANGERS):
                if self._bind:
                    raise
                # Strangers may not bind; but somebody answers, which is what there was to find out.
        except BaseException:
            _unbind(connection)
            raise
        return connection


def _unbind(connection: Any) -> None:
    try:
        connection.unbind_s()
    except ldap.LDAPError:
        return


def _reason(error: Any) -> str:
    about = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return ", ".join(filter(None, (about.get("desc"), about.get("info")))) or type(error).__name__
