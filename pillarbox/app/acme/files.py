"""The folder `acme` in the data folder.

account-….pem    the key of the account at an authority, one for each of its directories
certificate.pem  the key and the chain in use, one file, so that they are always of each other
challenges/      answers for the authority, while an order is under way
state.json       how things stand, for people and for the next start
now              made by `pillarbox certificate renew`: it is time
"""

import hashlib
import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct

FOLDER = "acme"
# RFC 8555 8.3: base64url
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")


class State(Struct, frozen=True):
    """Times are seconds since 1970. `names`, `since`, `until`: of the certificate in use, if there is one;
    `renewed`: when it is to be replaced. `failures` in a row, the last with its `reason`; `again`: not
    before."""

    names: tuple[str, ...] = ()
    directory: str = ""
    since: float = 0.0
    until: float = 0.0
    renewed: float = 0.0
    failures: int = 0
    reason: str = ""
    failed: float = 0.0
    again: float = 0.0


def folder(data: Path) -> Path:
    return data / FOLDER


def bundle(data: Path) -> Path:
    return folder(data) / "certificate.pem"


def account_key(data: Path, directory: str) -> Path:
    return folder(data) / f"account-{hashlib.sha256(directory.encode()).hexdigest()[:16]}.pem"


def challenge(data: Path, token: str) -> Path | None:
    """None when that is no token: nobody names another file by it."""
    return folder(data) / "challenges" / token if _TOKEN.fullmatch(token) else None


def answer(data: Path, token: str) -> bytes | None:
    """What the authority is to find under the token."""
    path = challenge(data, token)
    try:
        return path.read_bytes() if path is not None else None
    except OSError:
        return None


def order_now(data: Path) -> Path:
    return folder(data) / "now"


def state(data: Path) -> State:
    """One that cannot be read is worth nothing, and is made again by the next order."""
    try:
        return msgspec.json.decode((folder(data) / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def save(data: Path, state: State) -> None:
    write(folder(data) / "state.json", msgspec.json.encode(state))


def write(path: Path, octets: bytes) -> None:
    """All of it or nothing, on the disk, and nobody else's to read at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    place = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
