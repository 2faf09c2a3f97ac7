"""Who is signed in with a browser. A change of what logins depend on ends all sessions of the account."""

from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.identity.directory import Directory
from pillarbox.identity.grants import digest, prune

SECONDS = 12 * 3_600
MAX_WRONG = 10  # codes of devices that were typed in vain, then it ends


@dataclass(frozen=True, slots=True)
class WebSession:
    account: int
    address: str
    version: int
    created_at: int


def begin(directory: Directory, account: int, version: int, random: Callable[[int], bytes]) -> str:
    """The token of a new one, for a cookie."""
    token, now = random(32).hex(), directory.now()
    with directory.changing():
        prune(directory)
        directory.run(
            "INSERT INTO web_session VALUES (?, ?, ?, ?, ?, 0)",
            *(digest(token), account, version, now, now + SECONDS),
        )
    return token


def find(directory: Directory, token: str) -> WebSession | None:
    rows = directory.run(
        "SELECT web_session.account, address, version, web_session.created_at FROM web_session"
        " JOIN account ON account.prefix = web_session.account"
        " LEFT JOIN outside ON outside.account = account.prefix WHERE digest = ? AND expires_at > ?"
        " AND account.state = 1 AND coalesce(outside.state, 1) = 1 AND version = credential_version",
        *(digest(token), directory.now()),
    )
    return WebSession(*rows[0]) if rows else None


def go_on(directory: Directory, token: str) -> None:
    """After the one change that its owner has just made in this very session; not after another's."""
    with directory.changing():
        directory.run(
            "UPDATE web_session SET version = version + 1 WHERE digest = ? AND version + 1 ="
            " (SELECT credential_version FROM account WHERE account.prefix = web_session.account)",
            digest(token),
        )


def end(directory: Directory, token: str) -> None:
    with directory.changing():
        directory.run("DELETE FROM web_session WHERE digest = ?", digest(token))


def note_wrong(directory: Directory, token: str) -> None:
    with directory.changing():
        directory.run("UPDATE web_session SET wrong = wrong + 1 WHERE digest = ?", digest(token))
        directory.run("DELETE FROM web_session WHERE digest = ? AND wrong >= ?", digest(token), MAX_WRONG)


def spend(directory: Directory, what: bytes, until: int) -> bool:
    """Whether this is the first time; what is good for once until then is not afterwards."""
    with directory.changing():
        return bool(directory.run("INSERT OR IGNORE INTO spent VALUES (?, ?) RETURNING 1", what, until))
