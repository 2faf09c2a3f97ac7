"""Envelope senders of mail that is sent on, so that it comes from a domain of ours and bounces find back.

    SRS0=hash=day=domain=local@ours      for local@domain
    SRS1=hash=host==rest@ours            for SRS0=rest@host, so that addresses do not grow with each hop

The Sender Rewriting Scheme is no standard, but these are the forms that others know. The hash, under a secret
of the directory, keeps strangers from sending anywhere through us; after `VALID_DAYS` it is no good any more.
"""

import base64
import hashlib
import hmac

VALID_DAYS = 21
HASH_CHARACTERS = 8  # of base32, which survives a change of case
_DAYS = 1024
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def forward(sender: str, domain: str, key: bytes, now: float) -> str:
    """What `sender` becomes in mail that `domain` of ours sends on."""
    local, _, host = sender.rpartition("@")
    kind, rest = local[:5].upper(), local[5:]
    if kind == "SRS0=":
        return f"SRS1={_hash(key, host, '=' + rest)}={host}=={rest}@{domain}"
    if kind == "SRS1=" and len(parts := rest.split("=", 2)) == 3:
        return f"SRS1={_hash(key, parts[1], parts[2])}={parts[1]}={parts[2]}@{domain}"
    day = _day(now)
    return f"SRS0={_hash(key, day, host, local)}={day}={host}={local}@{domain}"


def reverse(local: str, key: bytes, now: float) -> str | None:
    """The sender that became this local part; None where it is none of ours, or too old."""
    kind, rest = local[:5].upper(), local[5:]
    if kind == "SRS0=" and len(parts := rest.split("=", 3)) == 4:
        found, day, host, inner = parts
        if _same(found, _hash(key, day, host, inner)) and _recent(day, now):
            return f"{inner}@{host}"
    if kind == "SRS1=" and len(parts := rest.split("=", 2)) == 3:
        found, host, inner = parts
        if inner.startswith("=") and _same(found, _hash(key, host, inner)):
            return f"SRS0{inner}@{host}"
    return None


def _hash(key: bytes, *parts: str) -> str:
    # Case may change on the way, so it does not count.
    digest = hmac.digest(key, "=".join(parts).lower().encode(), hashlib.sha256)
    return base64.b32encode(digest).decode()[:HASH_CHARACTERS]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.upper().encode(), other.encode())


def _day(now: float) -> str:
    number = int(now // 86_400) % _DAYS
    return _ALPHABET[number >> 5] + _ALPHABET[number & 31]


def _recent(day: str, now: float) -> bool:
    day = day.upper()
    if len(day) != 2 or day[0] not in _ALPHABET or day[1] not in _ALPHABET:
        return False
    number = _ALPHABET.index(day[0]) << 5 | _ALPHABET.index(day[1])
    return (int(now // 86_400) - number) % _DAYS <= VALID_DAYS
