"""Where mail for an address goes: accounts, aliases and groups, catch-alls, forwarding.

    expand(directory, "info@example.org")    -> Expansion(local=(Recipient, ...), remote=(Remote, ...))

A domain is ours when it is in the directory; an account's domain always is. An address is looked for as it is
written and then without its detail, among accounts, then aliases; then the domain's catch-all. What an alias
or an account leads to is expanded in its turn, and nothing is visited twice, so circles end.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from pillarbox.identity.addresses import Address, address, fold_domain, maybe_address, without_detail
from pillarbox.identity.directory import Directory, Recipient
from pillarbox.model.errors import Code, Refused

MAX_TARGETS = 1000  # that one address may lead to; a larger list wants list software
MAX_DEPTH = 20  # aliases of aliases
POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True)
class Remote:
    """An address elsewhere, and which one of ours sends mail on to it; "" where it was the one written."""

    address: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Each only once, in the order they were found in."""

    local: tuple[Recipient, ...] = ()
    remote: tuple[Remote, ...] = ()


class Nowhere(Enum):
    """Why an address leads to nobody."""

    UNKNOWN = "there is no such address in a domain of ours"
    CIRCLES = "it leads back to itself and nowhere else"


@dataclass(frozen=True, slots=True)
class Alias:
    address: str
    targets: tuple[str, ...]
    may_send: bool


@dataclass(frozen=True, slots=True)
class Domain:
    name: str
    catch_all: str | None
    created_at: int


def is_local(directory: Directory, domain: str) -> bool:
    return bool(directory.run("SELECT 1 FROM domain WHERE folded = ?", fold_domain(domain)))


def expand(
    directory: Directory,
    text: str,
    *,
    hostname: str = "",
    postmaster: str | None = None,
    meets: Callable[[Address], object] = lambda written: None,
) -> Expansion | Nowhere:
    """Where mail for `text` goes. `postmaster`: the address that reads the postmaster's mail, where none is
    called so; without one it is the first account's. `hostname` has a postmaster too (RFC 5321 4.5.1).
    `meets` is told of every address that could be an account's, before it is looked for."""
    walk = _Walk(directory, fold_domain(hostname), postmaster, meets)
    walk.visit(text, "", 0)
    if walk.local or walk.remote:
        return Expansion(tuple(walk.local), tuple(walk.remote.values()))
    return Nowhere.CIRCLES if walk.met_again else Nowhere.UNKNOWN


@dataclass(slots=True)
class _Walk:
    directory: Directory
    hostname: str
    postmaster: str | None
    meets: Callable[[Address], object]
    local: dict[Recipient, None] = field(default_factory=dict)
    remote: dict[str, Remote] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    met_again: bool = False

    def visit(self, text: str, by: str, depth: int, detail: str | None = None) -> None:
        """`by` is the address of ours that led here."""
        written = maybe_address(text)
        folded = written.folded if written else text
        if folded in self.seen or depth > MAX_DEPTH or len(self.local) + len(self.remote) >= MAX_TARGETS:
            self.met_again = True
            return
        self.seen.add(folded)
        if written is not None and self._known(written, depth, detail):
            return
        domain = fold_domain(text.rpartition("@")[2])
        if written is not None and (target := self._fallback(written, domain)) is not None:
            self.visit(target, str(written), depth + 1)
        elif not is_local(self.directory, domain) and (domain != self.hostname or not domain):
            self.remote.setdefault(folded, Remote(text, by))

    def _known(self, written: Address, depth: int, detail: str | None) -> bool:
        if self._exact(written, depth, detail):
            return True
        base, own_detail = without_detail(written)
        if own_detail is None:
            return False
        self.seen.add(base.folded)
        return self._exact(base, depth, own_detail)

    def _exact(self, written: Address, depth: int, detail: str | None) -> bool:
        directory = self.directory
        self.meets(written)
        recipient = directory.recipient(written.folded, detail)
        if recipient is not None:
            targets = directory.run(
                "SELECT target, keep FROM forward WHERE account = ? ORDER BY position", recipient.account
            )
            if not targets or targets[0][1]:
                self.local.setdefault(recipient)
            for target, _ in targets:
                self.visit(target, recipient.address, depth + 1)
            return True
        rows = directory.run(
            "SELECT target, address FROM alias WHERE folded = ? ORDER BY position", written.folded
        )
        for target, spelled in rows:
            self.visit(target, spelled, depth + 1, detail)
        return bool(rows)

    def _fallback(self, written: Address, domain: str) -> str | None:
        """Who gets what is for nobody."""
        rows = self.directory.run("SELECT catch_all FROM domain WHERE folded = ?", domain)
        if written.local.casefold() == POSTMASTER and (rows or domain == self.hostname):
            # RFC 5321 4.5.1: mail for the postmaster is taken, whatever the directory says.
            return self.postmaster or first_account(self.directory)
        return rows[0][0] if rows else None


def first_account(directory: Directory) -> str | None:
    """The one that has been there longest."""
    rows = directory.run(
        "SELECT address FROM account WHERE state <= 2 AND prefix NOT IN"
        " (SELECT account FROM outside WHERE state = 5) ORDER BY user LIMIT 1"
    )
    return rows[0][0] if rows else None


def may_send_as(directory: Directory, account: int, text: str) -> bool:
    """Whether this is an address of the account's: its own, with any detail, or an alias that says so."""
    written = maybe_address(text)
    if written is None:
        return False
    for each in (written, without_detail(written)[0]):
        found = directory.recipient(each.folded)
        if found is not None:
            return found.account == account
        for (target,) in directory.run(
            "SELECT target FROM alias WHERE folded = ? AND may_send = 1", each.folded
        ):
            owner = directory.resolve(target)
            if owner is not None and owner.account == account:
                return True
    return False


# Domains


def domains(directory: Directory) -> list[Domain]:
    rows = directory.run("SELECT name, catch_all, created_at FROM domain ORDER BY folded")
    return [Domain(*row) for row in rows]


def add_domain(directory: Directory, name: str, catch_all: str | None = None) -> Domain:
    """A new domain, or another catch-all for one that is there."""
    written = address(f"{POSTMASTER}@{name}")
    if catch_all is not None:
        address(catch_all)
    folded = fold_domain(name)
    with directory.changing():
        directory.run(
            "INSERT INTO domain VALUES (?, ?, ?, ?) ON CONFLICT (folded)"
            " DO UPDATE SET catch_all = excluded.catch_all",
            *(folded, written.domain, catch_all, directory.now()),
        )
        (row,) = directory.run("SELECT name, catch_all, created_at FROM domain WHERE folded = ?", folded)
    return Domain(*row)


def delete_domain(directory: Directory, name: str) -> None:
    folded = fold_domain(name)
    with directory.changing():
        for table, what in (("address", "an account"), ("alias", "an alias")):
            found = directory.run(f"SELECT folded FROM {table} WHERE folded LIKE '%@' || ? LIMIT 1", folded)
            if found:
                raise Refused(f"{name} has {what} still: {found[0][0]}", Code.INUSE)
        if not directory.run("DELETE FROM domain WHERE folded = ? RETURNING 1", folded):
            raise Refused(f"There is no domain {name}", Code.NONEXISTENT)


# Aliases


def aliases(directory: Directory) -> list[Alias]:
    found: dict[str, list[tuple[str, str, int]]] = {}
    for folded, *row in directory.run(
        "SELECT folded, address, target, may_send FROM alias ORDER BY folded, position"
    ):
        found.setdefault(folded, []).append((row[0], row[1], row[2]))
    return [
        Alias(rows[0][0], tuple(target for _, target, _ in rows), bool(rows[0][2])) for rows in found.values()
    ]


def add_alias(
    directory: Directory, text: str, targets: Sequence[str], *, may_send: bool | None = None
) -> Alias:
    """A new alias, or more targets for one that is there. Without a word on it, the targets may send as it
    while there is one."""
    written = address(text)
    wanted = [str(address(target)) for target in targets]
    with directory.changing():
        if directory.run("SELECT 1 FROM address WHERE folded = ?", written.folded):
            raise Refused(f"{written} is an account", Code.ALREADYEXISTS)
        if not is_local(directory, written.domain):
            raise Refused(f"There is no domain {written.domain}; `domain add` makes it", Code.NONEXISTENT)
        known = list(_targets(directory, written))
        folded = {address(target).folded for target in known}
        for target in wanted:
            if address(target).folded not in folded:
                known.append(target)
                folded.add(address(target).folded)
        if len(known) > MAX_TARGETS:
            raise Refused(f"An alias has at most {MAX_TARGETS} targets", Code.LIMIT)
        sends = len(known) == 1 if may_send is None else may_send
        _put(directory, written, known, sends)
    return Alias(str(written), tuple(known), sends)


def delete_alias(directory: Directory, text: str, targets: Sequence[str] = ()) -> None:
    """The alias, or only some of its targets; with the last one it is gone."""
    written = address(text)
    gone = {address(target).folded for target in targets}
    with directory.changing():
        known = list(_targets(directory, written))
        if not known:
            raise Refused(f"There is no alias {written}", Code.NONEXISTENT)
        left = [target for target in known if gone and address(target).folded not in gone]
        if len(left) == len(known):
            raise Refused(f"{written} does not lead there", Code.NONEXISTENT)
        ((sends,),) = directory.run("SELECT max(may_send) FROM alias WHERE folded = ?", written.folded)
        _put(directory, written, left, bool(sends))


def _targets(directory: Directory, written: Address) -> Iterator[str]:
    for (target,) in directory.run(
        "SELECT target FROM alias WHERE folded = ? ORDER BY position", written.folded
    ):
        yield target


def _put(directory: Directory, written: Address, targets: Sequence[str], may_send: bool) -> None:
    directory.run("DELETE FROM alias WHERE folded = ?", written.folded)
    for position, target in enumerate(targets):
        directory.run(
            "INSERT INTO alias VALUES (?, ?, ?, ?, ?)",
            *(written.folded, position, str(written), target, may_send),
        )


# Forwarding


def forwards(directory: Directory, account: int) -> tuple[tuple[str, ...], bool]:
    """Where the account's mail is sent on to, and whether it is kept too."""
    rows = directory.run("SELECT target, keep FROM forward WHERE account = ? ORDER BY position", account)
    return tuple(target for target, _ in rows), all(keep for _, keep in rows)


def set_forwards(directory: Directory, account: int, targets: Sequence[str], *, keep: bool) -> None:
    """Send the account's mail on to these, or to nobody any more."""
    wanted = [str(address(target)) for target in targets]
    with directory.changing():
        directory.run("DELETE FROM forward WHERE account = ?", account)
        for position, target in enumerate(wanted):
            directory.run("INSERT INTO forward VALUES (?, ?, ?, ?)", account, position, target, keep)
