"""What people have allowed programs: grants, and the tokens that stand for them (RFC 6749).

A grant is one consent: this program may do this for this account. It has access tokens, which open for an
hour, and one refresh token, which is exchanged for the next pair. All tokens are random octets; stored is
their SHA-256, which suffices for 256 random bits. So whoever reads `directory.db` has none, a look into it
says all about one, and what is revoked is so at once in every process (docs/decisions/027-oauth.md).

A refresh token that comes a second time has been copied: then the grant is gone with all its tokens (RFC
9700 4.14.2), unless it comes so soon that it is its owner whose answer got lost, or who asked twice. All
refresh tokens of a grant begin with the same random octets, so those that were spent long ago are known
without being kept.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pillarbox.identity.directory import Account, Directory
from pillarbox.model.errors import Code, Refused

ACCESS, REFRESH = 1, 2  # `oauth_token.kind`
ACCESS_SECONDS = 3_600
REFRESH_SECONDS = 90 * 86_400  # that a program may be silent before it has to ask its user again
AGAIN = 30  # seconds in which a spent refresh token is taken for the same request made twice
REMEMBERED = 86_400  # seconds that a token that has run out is still known as one
MAX_GRANTS = 100  # of an account; the one that has been silent for longest makes room
USE_NOTED = 60
PREFIX = "pbx_"  # so that leaked ones are found by those who look for such things

Random = Callable[[int], bytes]  # so many random octets


@dataclass(frozen=True, slots=True)
class Grant:
    """`scope` is in the order of RFC 6749 3.3: names with spaces between them."""

    id: int
    account: int
    client: str
    name: str  # the program's, for people
    scope: str
    created_at: int
    expires_at: int
    used_at: int | None
    used_from: str


@dataclass(frozen=True, slots=True)
class Known:
    """An access token that is one of ours; `address` is its account's."""

    grant: Grant
    address: str
    scope: str
    expired: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """What a program is given, once."""

    access: str
    refresh: str
    scope: str
    expires_in: int

    def __repr__(self) -> str:
        return "Pair()"


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def make(random: Random, family: str = "") -> str:
    """A token nobody has."""
    return PREFIX + family + random(32).hex()


_FAMILY = len(PREFIX), len(PREFIX) + 32  # where it is in a refresh token


# The verbs that change something are called within `directory.changing()` where they say so.


def begin(
    directory: Directory, account: int, client: str, name: str, scope: str, seconds: int = REFRESH_SECONDS
) -> int:
    """A grant without tokens; in a change."""
    now = directory.now()
    prune(directory)
    rows = directory.run(
        "SELECT id FROM oauth_grant WHERE account = ? ORDER BY max(created_at, coalesce(used_at, 0)) DESC",
        account,
    )
    for (old,) in rows[MAX_GRANTS - 1 :]:
        end(directory, old)
    ((made,),) = directory.run(
        "INSERT INTO oauth_grant (account, client, name, scope, created_at, expires_at, used_from)"
        " VALUES (?, ?, ?, ?, ?, ?, '') RETURNING id",
        *(account, client, name, scope, now, now + seconds),
    )
    return int(made)


def issue(
    directory: Directory,
    grant: int,
    scope: str,
    random: Random,
    *,
    family: str = "",
    access_seconds: int = ACCESS_SECONDS,
    refresh_seconds: int = REFRESH_SECONDS,
) -> Pair:
    """The next tokens of a grant, or the first, which have no `family` yet; in a change."""
    now = directory.now()
    if not family:
        family = random(16).hex()
        directory.run("UPDATE oauth_grant SET family = ? WHERE id = ?", digest(family), grant)
    access, refresh = make(random), make(random, family)
    for token, kind, seconds in ((access, ACCESS, access_seconds), (refresh, REFRESH, refresh_seconds)):
        directory.run(
            "INSERT INTO oauth_token VALUES (?, ?, ?, ?, ?, NULL)",
            *(digest(token), grant, kind, scope if kind == ACCESS else "", now + seconds),
        )
    directory.run("UPDATE oauth_grant SET expires_at = ? WHERE id = ?", now + refresh_seconds, grant)
    return Pair(access, refresh, scope, access_seconds)


def end(directory: Directory, grant: int) -> None:
    """A grant and all its tokens; in a change."""
    directory.run("DELETE FROM oauth_token WHERE grant_id = ?", grant)
    directory.run("DELETE FROM oauth_grant WHERE id = ?", grant)


def end_all(directory: Directory, account: int) -> int:
    """All grants of an account; how many there were. In a change."""
    grants = [each.id for each in each_of(directory, account)]
    for grant in grants:
        end(directory, grant)
    return len(grants)


def prune(directory: Directory) -> None:
    """What has run out and is not to be remembered; in a change."""
    now = directory.now()
    directory.run("DELETE FROM oauth_token WHERE expires_at <= ?", now - REMEMBERED)
    directory.run("DELETE FROM oauth_grant WHERE expires_at <= ?", now - REMEMBERED)
    directory.run("DELETE FROM oauth_code WHERE expires_at <= ?", now - REMEMBERED)
    directory.run("DELETE FROM oauth_device WHERE expires_at <= ?", now - REMEMBERED)
    directory.run("DELETE FROM web_session WHERE expires_at <= ?", now)
    directory.run("DELETE FROM spent WHERE until <= ?", now)


def refresh(
    directory: Directory,
    token: str,
    client: str,
    scope: str,
    random: Random,
    *,
    access_seconds: int = ACCESS_SECONDS,
    refresh_seconds: int = REFRESH_SECONDS,
) -> Pair | None:
    """The next pair for a refresh token of this program; None where it is no good. `scope`: less than was
    granted, or '' for all of it (RFC 6749 6)."""
    now, told = directory.now(), digest(token)
    family = token[slice(*_FAMILY)]
    with directory.changing():
        rows = directory.run(
            "SELECT grant_id, oauth_token.expires_at, spent_at, client, oauth_grant.scope, state"
            " FROM oauth_token"
            " JOIN oauth_grant ON oauth_grant.id = grant_id JOIN account ON account.prefix = account"
            " WHERE digest = ? AND kind = ?",
            *(told, REFRESH),
        )
        if not rows:
            rows = directory.run(
                "SELECT id FROM oauth_grant WHERE family = ? AND client = ?", digest(family), client
            )
            if rows:
                end(directory, rows[0][0])  # it was spent, and two have it: one of them has stolen it
            return None
        grant, expires_at, spent_at, owner, granted, state = rows[0]
        if owner != client:
            return None
        if spent_at is not None and now >= spent_at + AGAIN:
            end(directory, grant)
            return None
        if now >= expires_at or state != 1:
            return None
        wanted = " ".join(each for each in granted.split() if not scope or each in scope.split())
        if not wanted or not set(scope.split()) <= set(granted.split()):
            raise Refused("More than was granted", Code.NOPERM)
        directory.run("UPDATE oauth_token SET spent_at = coalesce(spent_at, ?) WHERE digest = ?", now, told)
        directory.run("DELETE FROM oauth_token WHERE grant_id = ? AND spent_at <= ?", grant, now - AGAIN)
        prune(directory)
        return issue(
            directory,
            grant,
            wanted,
            random,
            family=family,
            access_seconds=access_seconds,
            refresh_seconds=refresh_seconds,
        )


def find(directory: Directory, token: str) -> Known | None:
    """Whose access token this is, and of which grant; `scope` is the token's own."""
    if not token.startswith(PREFIX):
        return None
    rows = directory.run(
        f"SELECT {_GRANT}, account.address, oauth_token.scope, oauth_token.expires_at FROM oauth_token"
        " JOIN oauth_grant ON oauth_grant.id = grant_id JOIN account ON account.prefix = oauth_grant.account"
        " WHERE digest = ? AND kind = ?",
        *(digest(token), ACCESS),
    )
    if not rows:
        return None
    *about, address, scope, expires_at = rows[0]
    return Known(_grant(tuple(about)), address, scope, directory.now() >= expires_at)


def each_of(directory: Directory, account: int) -> list[Grant]:
    """Those that are good, oldest first."""
    rows = directory.run(
        f"SELECT {_GRANT} FROM oauth_grant WHERE account = ? AND expires_at > ? ORDER BY oauth_grant.id",
        *(account, directory.now()),
    )
    return [_grant(row) for row in rows]


def revoke(directory: Directory, account: Account, grant: int) -> None:
    with directory.changing():
        if not directory.run("SELECT 1 FROM oauth_grant WHERE account = ? AND id = ?", account.prefix, grant):
            raise Refused(f"{account.address} has no tokens {grant}", Code.NONEXISTENT)
        end(directory, grant)


def revoke_token(directory: Directory, token: str, client: str) -> None:
    """What a program gives back (RFC 7009 2.1): with either token the grant ends. A token that is nobody's,
    or somebody else's, is nothing to speak of."""
    with directory.changing():
        rows = directory.run(
            "SELECT grant_id FROM oauth_token JOIN oauth_grant ON oauth_grant.id = grant_id"
            " WHERE digest = ? AND client = ?",
            *(digest(token), client),
        )
        if rows:
            end(directory, rows[0][0])


def note_use(directory: Directory, grant: int, peer: str) -> None:
    now = directory.now()
    with directory.changing():
        directory.run(
            "UPDATE oauth_grant SET used_at = ?, used_from = ? WHERE id = ?"
            " AND (used_at IS NULL OR used_at <= ? OR used_from <> ?)",
            *(now, peer, grant, now - USE_NOTED, peer),
        )


_GRANT = (
    "oauth_grant.id, oauth_grant.account, client, name, oauth_grant.scope, oauth_grant.created_at,"
    " oauth_grant.expires_at, used_at, used_from"
)


def _grant(row: tuple[Any, ...]) -> Grant:
    return Grant(*row)
