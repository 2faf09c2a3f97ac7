"""Devices without a browser (RFC 8628): they show a short code, and ask again and again whether somebody
who is signed in elsewhere has typed it and said yes."""

from dataclasses import dataclass
from typing import Literal

from pillarbox.identity import grants
from pillarbox.identity.directory import Directory
from pillarbox.identity.grants import Pair, Random, digest
from pillarbox.identity.oauth_clients import Client, Lifetimes
from pillarbox.model.errors import Code, Refused

SECONDS = 600
PAUSE = 5  # seconds between two questions; RFC 8628 3.5: five more for each that comes too soon
MAX_WAITING = 2_000  # anybody may ask
MAX_WAITING_EACH = 50  # from one network, so that it does not take the places of all others
DENIED = 0  # in the place of an account
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 6.1: no vowels, so no words; 34 bits in eight letters
_LENGTH = 8

Waiting = Literal["authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"]


@dataclass(frozen=True, slots=True)
class Asked:
    """`user_code` is what its owner types."""

    device_code: str
    user_code: str

    def __repr__(self) -> str:
        return "Asked()"


@dataclass(frozen=True, slots=True)
class Request:
    client: str
    name: str
    scope: str


def ask(directory: Directory, client: Client, scope: str, random: Random, network: str = "") -> Asked:
    """`network`: where the device is, if that is counted."""
    asked = Asked(random(32).hex(), _user_code(random))
    now = directory.now()
    with directory.changing():
        grants.prune(directory)
        ((waiting,),) = directory.run("SELECT count(*) FROM oauth_device WHERE expires_at > ?", now)
        ((beside,),) = directory.run(
            "SELECT count(*) FROM oauth_device WHERE network = ? AND expires_at > ?", network, now
        )
        if waiting >= MAX_WAITING or (network and beside >= MAX_WAITING_EACH):
            raise Refused("Too many devices ask at once, try again later", Code.UNAVAILABLE, temporary=True)
        directory.run("DELETE FROM oauth_device WHERE user_code = ?", asked.user_code)
        directory.run(
            "INSERT INTO oauth_device VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)",
            *(digest(asked.device_code), asked.user_code, client.id, client.name, scope),
            *(now + SECONDS, PAUSE, now - PAUSE, network),
        )
    return asked


def spelled(user_code: str) -> str:
    """For people."""
    return f"{user_code[:4]}-{user_code[4:]}"


def find(directory: Directory, typed: str) -> Request | None:
    """What a code that somebody has typed is about, as long as nobody has decided."""
    rows = directory.run(
        "SELECT client, name, scope FROM oauth_device"
        " WHERE user_code = ? AND account IS NULL AND expires_at > ?",
        *(plain(typed), directory.now()),
    )
    return Request(*rows[0]) if rows else None


def decide(directory: Directory, typed: str, account: int) -> bool:
    """Somebody has said yes for his account, or `DENIED`; whether there was anything to decide."""
    with directory.changing():
        return bool(
            directory.run(
                "UPDATE oauth_device SET account = ?"
                " WHERE user_code = ? AND account IS NULL AND expires_at > ? RETURNING 1",
                *(account, plain(typed), directory.now()),
            )
        )


def poll(
    directory: Directory, device_code: str, client: Client, random: Random, lifetimes: Lifetimes
) -> Pair | Waiting:
    """RFC 8628 3.5."""
    now, told = directory.now(), digest(device_code)
    with directory.changing():
        rows = directory.run(
            "SELECT client, name, scope, expires_at, pause, asked_at, account FROM oauth_device"
            " WHERE digest = ?",
            told,
        )
        if not rows or rows[0][0] != client.id:
            return "invalid_grant"
        _, name, scope, expires_at, pause, asked_at, account = rows[0]
        if now >= expires_at:
            return "expired_token"
        too_soon = now < asked_at + pause
        directory.run(
            "UPDATE oauth_device SET asked_at = ?, pause = pause + ? WHERE digest = ?",
            *(now, PAUSE if too_soon else 0, told),
        )
        if too_soon:
            return "slow_down"
        if account is None:
            return "authorization_pending"
        directory.run("DELETE FROM oauth_device WHERE digest = ?", told)
        if account == DENIED or not directory.run(
            "SELECT 1 FROM account WHERE prefix = ? AND state = 1", account
        ):
            return "access_denied"
        grant = grants.begin(directory, account, client.id, name, scope, lifetimes.refresh)
        return grants.issue(
            directory,
            grant,
            scope,
            random,
            access_seconds=lifetimes.access,
            refresh_seconds=lifetimes.refresh,
        )


def _user_code(random: Random) -> str:
    code = ""
    while len(code) < _LENGTH:
        code += "".join(
            _ALPHABET[each % 20] for each in random(_LENGTH) if each < 240
        )  # no letter more often
    return code[:_LENGTH]


def plain(typed: str) -> str:
    """What somebody has typed, however he has."""
    return "".join(each for each in typed.upper() if each in _ALPHABET)
