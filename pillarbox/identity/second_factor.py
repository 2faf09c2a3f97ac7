"""A second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for the day it is lost.

While an account has one, its password alone opens nothing; mail clients use app passwords. Where the operator
allows it, the password followed at once by a code opens too. A code is taken once: RFC 6238 5.2 wants a
second use refused, in whatever process, so taking one is a change of the directory.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

import pyotp

from pillarbox.identity.directory import Account, Directory
from pillarbox.model.errors import Code, Refused

STEP = 30  # seconds; RFC 6238 5.2
DRIFT = 1  # steps that the clock of an authenticator may be off, either way
RECOVERY_CODES = 10
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_SECRET_LENGTH = 32  # characters: 160 bits, as RFC 4226 4 recommends
_AT_END = re.compile(r"(?P<password>.+)(?P<code>[0-9]{6}|[a-z2-9]{5}-[a-z2-9]{5})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Enabled:
    """What its owner has to keep; it is shown once."""

    secret: str
    uri: str
    recovery_codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "Enabled()"


@dataclass(frozen=True, slots=True)
class Status:
    created_at: int
    recovery_codes: int  # that are left


def enable(directory: Directory, account: Account, issuer: str, pick: Callable[[int], int]) -> Enabled:
    """From now on the password alone opens nothing; `pick(n)` gives a random number below n."""
    secret = "".join(_BASE32[pick(len(_BASE32))] for _ in range(_SECRET_LENGTH))
    codes = _codes(pick)
    with directory.changing():
        if status(directory, account.prefix) is not None:
            raise Refused(f"{account.address} has a second factor already", Code.ALREADYEXISTS)
        directory.run(
            "INSERT INTO second_factor VALUES (?, ?, 0, ?)", account.prefix, secret, directory.now()
        )
        _keep(directory, account.prefix, codes)
        directory.touch(account.prefix)
    uri = pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=account.address, issuer_name=issuer)
    return Enabled(secret, uri, codes)


def renew_codes(directory: Directory, account: Account, pick: Callable[[int], int]) -> tuple[str, ...]:
    """New recovery codes in the place of all that are left; they are shown once."""
    codes = _codes(pick)
    with directory.changing():
        if status(directory, account.prefix) is None:
            raise Refused(f"{account.address} has no second factor", Code.NONEXISTENT)
        directory.run("DELETE FROM recovery_code WHERE account = ?", account.prefix)
        _keep(directory, account.prefix, codes)
    return codes


def disable(directory: Directory, account: Account) -> None:
    with directory.changing():
        if not directory.run("DELETE FROM second_factor WHERE account = ? RETURNING 1", account.prefix):
            raise Refused(f"{account.address} has no second factor", Code.NONEXISTENT)
        directory.run("DELETE FROM recovery_code WHERE account = ?", account.prefix)
        directory.touch(account.prefix)


def status(directory: Directory, prefix: int) -> Status | None:
    rows = directory.run("SELECT created_at FROM second_factor WHERE account = ?", prefix)
    if not rows:
        return None
    ((left,),) = directory.run("SELECT count(*) FROM recovery_code WHERE account = ?", prefix)
    return Status(rows[0][0], left)


def split(text: str) -> tuple[str, str] | None:
    """A password and the code written behind it; None where there is none."""
    match = _AT_END.fullmatch(text)
    return (match["password"], match["code"]) if match else None


def take(directory: Directory, prefix: int, code: str) -> bool:
    """Whether this code is good now. It is not afterwards."""
    with directory.changing():
        if "-" in code:
            return bool(
                directory.run(
                    "DELETE FROM recovery_code WHERE account = ? AND digest = ? RETURNING 1",
                    *(prefix, _digest(directory, prefix, code)),
                )
            )
        rows = directory.run("SELECT secret FROM second_factor WHERE account = ?", prefix)
        step = _step(rows[0][0], code, directory.now()) if rows else None
        return step is not None and bool(
            directory.run(
                "UPDATE second_factor SET used_step = ? WHERE account = ? AND used_step < ? RETURNING 1",
                *(step, prefix, step),
            )
        )


def _codes(pick: Callable[[int], int]) -> tuple[str, ...]:
    return tuple(f"{_word(pick)}-{_word(pick)}" for _ in range(RECOVERY_CODES))


def _keep(directory: Directory, prefix: int, codes: tuple[str, ...]) -> None:
    for code in codes:
        directory.run("INSERT INTO recovery_code VALUES (?, ?)", prefix, _digest(directory, prefix, code))


def _step(secret: str, code: str, now: int) -> int | None:
    """The step of time this is the code of, of those that count as now."""
    totp = pyotp.TOTP(secret, interval=STEP)
    present = now // STEP
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def _digest(directory: Directory, prefix: int, code: str) -> bytes:
    return hmac.digest(directory.app_key, f"recovery:{prefix}:{code}".encode(), hashlib.sha256)


def _word(pick: Callable[[int], int]) -> str:
    return "".join(_ALPHABET[pick(len(_ALPHABET))] for _ in range(5))
