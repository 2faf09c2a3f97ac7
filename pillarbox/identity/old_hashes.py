"""Hashes of other servers, `{SCHEME}hash` as Dovecot and OpenLDAP write them: they are checked once.

Whoever logs in with one gets the hash and the verifiers of this server (`completion`). What cannot be
checked, or would take a core for seconds, is refused when it is brought in, not when its owner comes.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from typing import Any

from pillarbox.identity.prepare import prepare
from pillarbox.model.errors import Code, Refused

MAX_ROUNDS = 1_000_000  # of the SHA-crypt and PBKDF2 kinds: about a second
MAX_BCRYPT_COST = 14  # likewise
BCRYPT_OCTETS = 72  # all that bcrypt ever looked at; the library insists on hearing no more

Check = Callable[[bytes], bool]

_HASH = re.compile(r"\{(?P<scheme>[A-Za-z0-9-]+)\}(?P<rest>.*)", re.DOTALL)
_SHA_CRYPT = re.compile(
    r"\$[56]\$(?:rounds=(?P<rounds>[1-9]\d{0,8})\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{43,86}"
)
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./0-9A-Za-z]{53}")
_MODULAR_PBKDF2 = re.compile(
    r"\$pbkdf2-sha(?:256|512)\$(?P<rounds>[1-9]\d{0,8})\$[./0-9A-Za-z+]{2,}\$[./0-9A-Za-z+]{43,86}"
)
_DOVECOT_PBKDF2 = re.compile(r"\$1\$(?P<salt>[^$]{1,64})\$(?P<rounds>[1-9]\d{0,8})\$(?P<digest>[0-9a-f]{40})")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=(?P<kib>\d{1,6}),t=(?P<passes>\d{1,2}),p=\d{1,2}\$[^$]+\$[^$]+"
)
_PLAIN = ("PLAIN", "CLEAR", "CLEARTEXT")
_DIGESTS = {
    **{"SHA": "sha1", "SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"},
    **{"SSHA": "sha1", "SSHA256": "sha256", "SSHA512": "sha512"},
}
NAMES = (
    *("SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT", "CRYPT", "PBKDF2", "PBKDF2-SHA256", "PBKDF2-SHA512"),
    *_DIGESTS,
    *("ARGON2ID", "ARGON2I", "PLAIN"),
)


def accepted(text: str) -> str:
    """A hash as it can be stored, or Refused."""
    text = re.sub(r"\A\{ARGON2ID?\}", "", text.strip(), flags=re.IGNORECASE)
    if text.startswith("$argon2"):
        match = _ARGON2.fullmatch(text)
        if match is None or int(match["kib"]) > 1024 * 1024 or not 0 < int(match["passes"]) <= 20:
            raise Refused("This argon2 hash is damaged, or takes too much to check", Code.CANNOT)
        return text
    match = _HASH.fullmatch(text)
    if match is None:
        raise Refused("This is no password hash (expected {SCHEME}hash)", Code.CANNOT)
    if _check(match["scheme"].upper(), match["rest"]) is None:
        known = ", ".join(NAMES)
        raise Refused(
            f"This hash is damaged, too slow, or of a kind that is not known ({known})", Code.CANNOT
        )
    return text


def maybe_plain(text: str) -> str | None:
    """The password where a "hash" is one in clear."""
    match = _HASH.fullmatch(text)
    return match["rest"] if match is not None and match["scheme"].upper() in _PLAIN else None


def verify(stored: str, password: str) -> bool:
    """Whether `password` is the one behind another server's hash, as it was typed or as it is prepared."""
    match = _HASH.fullmatch(stored)
    check = match and _check(match["scheme"].upper(), match["rest"])
    if check is None:
        return False
    typed = password.encode("utf-8", "surrogatepass")
    if b"\0" in typed:
        return False
    prepared = prepare(password).encode()
    return check(typed) or (prepared != typed and check(prepared))


def _check(scheme: str, rest: str) -> Check | None:
    """What tells whether a password is the one; None where there is no telling."""
    if scheme in _DIGESTS:
        return _digest(_DIGESTS[scheme], rest, salted=scheme.startswith("SSHA"))
    if scheme in ("SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT", "CRYPT"):
        return _crypt(rest)
    if scheme.startswith("PBKDF2"):
        return _pbkdf2(scheme, rest)
    return None


def _digest(name: str, rest: str, *, salted: bool) -> Check | None:
    """RFC 2307 5.3 and its successors: base64 of the digest, and of the salt behind it."""
    try:
        octets = b64decode(rest, validate=True)
    except (Error, ValueError):
        return None
    size = hashlib.new(name).digest_size
    if len(octets) < size or (len(octets) > size) != salted:
        return None
    digest, salt = octets[:size], octets[size:]
    return lambda password: hmac.compare_digest(hashlib.new(name, password + salt).digest(), digest)


def _crypt(rest: str) -> Check | None:
    if (match := _SHA_CRYPT.fullmatch(rest)) and int(match["rounds"] or 5000) <= MAX_ROUNDS:
        return _by_library("sha512_crypt" if rest.startswith("$6$") else "sha256_crypt", rest)
    if (match := _BCRYPT.fullmatch(rest)) and 4 <= int(match["cost"]) <= MAX_BCRYPT_COST:
        check = _by_library("bcrypt", rest)
        return check and (lambda password: check(password[:BCRYPT_OCTETS]))
    return None


def _pbkdf2(scheme: str, rest: str) -> Check | None:
    if scheme == "PBKDF2" and (match := _DOVECOT_PBKDF2.fullmatch(rest)):
        salt, rounds, digest = match["salt"].encode(), int(match["rounds"]), bytes.fromhex(match["digest"])
        if rounds > MAX_ROUNDS:
            return None
        return lambda password: hmac.compare_digest(
            hashlib.pbkdf2_hmac("sha1", password, salt, rounds), digest
        )
    if scheme != "PBKDF2" and not rest.startswith("$"):
        rest = f"${scheme.lower()}${rest}"  # OpenLDAP leaves out what the scheme says
    if (match := _MODULAR_PBKDF2.fullmatch(rest)) and int(match["rounds"]) <= MAX_ROUNDS:
        return _by_library("pbkdf2_sha256" if rest.startswith("$pbkdf2-sha256") else "pbkdf2_sha512", rest)
    return None


def _by_library(name: str, written: str) -> Check | None:
    from passlib import hash as library  # here, because a server that has no such hash needs none of it

    handler: Any = getattr(library, name, None)
    try:
        handler.from_string(written)
    except (ValueError, TypeError, AttributeError):
        return None

    def check(password: bytes) -> bool:
        return bool(handler.verify(password, written))

    return check
