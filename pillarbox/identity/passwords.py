"""Passwords: argon2id hashes beside SCRAM verifiers (docs/decisions/002-passwords.md, 011-scram.md).

Each check fills 19 MiB and a core for some 30 ms, so `pool` bounds how many run at once. An unknown user
costs what a wrong password costs.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

import argon2

from pillarbox.identity import old_hashes
from pillarbox.identity.prepare import prepare
from pillarbox.identity.scram import ITERATIONS, MODERN, Hash, Verifier, derive
from pillarbox.model.errors import Code, Refused

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
SALT_OCTETS = 16
HASH_OCTETS = 32

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without the letters and digits people confuse
_GROUPS, _GROUP_LENGTH = 3, 6  # 18 characters, 89 bits

_hasher = argon2.PasswordHasher(
    time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=HASH_OCTETS, salt_len=SALT_OCTETS
)


def _phc(salt: bytes, digest: bytes) -> str:
    """An argon2id hash in the PHC string format, with our parameters."""
    spelled = (base64.b64encode(octets).decode("ascii").rstrip("=") for octets in (salt, digest))
    return "$".join(["", "argon2id", "v=19", f"m={MEMORY_KIB},t={PASSES},p={LANES}", *spelled])


# A hash no password is known for: what is checked when there is no such user.
_NOBODY = _phc(bytes(SALT_OCTETS), bytes(HASH_OCTETS))


@dataclass(frozen=True, slots=True)
class Stored:
    """All that is stored of a password."""

    hash: str
    verifiers: tuple[Verifier, ...]


def store(password: str, salt: bytes, hashes: Hash = MODERN, iterations: int = ITERATIONS) -> Stored:
    """A password in all the ways it is stored; `salt` is `Directory.salt` of its account's address."""
    hashed = hash_password(password)
    return Stored(
        hashed, tuple(derive(hash_, password, salt, iterations) for hash_ in Hash if hash_ in hashes)
    )


def is_current(stored: str | None) -> bool:
    """Whether a hash is as `hash_password` makes them, or there is none to be made again."""
    return stored is None or stored.startswith("$argon2id$")


def hash_password(password: str) -> str:
    """The hash to store. Refused when the password is empty or cannot be prepared (RFC 4013)."""
    prepared = prepare(password)
    if not prepared:
        raise Refused("The password is empty", Code.CANNOT)
    return _hasher.hash(prepared)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` is the one behind `stored`; takes the same time when nothing is stored."""
    try:
        prepared = prepare(password)
    except Refused:
        stored, prepared = None, ""
    if stored is not None and stored.startswith("{"):
        return old_hashes.verify(stored, password)
    try:
        return _hasher.verify(stored or _NOBODY, prepared)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeError):
        return False


def generate(pick: Callable[[int], int]) -> str:
    """A password to print for a person; `pick(n)` gives a random number below n."""
    groups = ("".join(_ALPHABET[pick(len(_ALPHABET))] for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)
