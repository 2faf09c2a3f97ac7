"""Public keys as the DNS has them (RFC 6376 3.6, RFC 8463 4), and the arithmetic of signatures."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pillarbox.filter.auth import tags
from pillarbox.filter.auth.dkim.signature import ED25519, RSA
from pillarbox.filter.dns import Asking, Found, Kind, Question

SHORTEST = 1024  # bits; RFC 8301 3.2: shorter ones are no signature at all
LONGEST = 4096  # bits; RFC 8301 3.2 asks for no more, and a check gets slower with the square
EXPONENT_BITS = 33  # all keys there are have 65537 or less; a check gets slower with each bit

PublicKey = RSAPublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Key:
    """`strict`: i= must be d= itself, not below it. `testing`: RFC 6376 3.6.1, the domain tries it out."""

    public: PublicKey
    strict: bool = False
    testing: bool = False


class NoKey(Exception):
    """There is no key to check with; `temporary` when there may be one later."""

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


def find(domain: str, selector: str, algorithm: str) -> Asking[Key]:
    """RFC 6376 6.1.2."""
    answer = yield Question(f"{selector}._domainkey.{domain}", Kind.TXT)
    if answer.found is Found.TROUBLE:
        raise NoKey("the key cannot be looked up", temporary=True)
    if not answer.values:
        raise NoKey("there is no such key")
    if len(answer.values) > 1:  # RFC 6376 3.6.2.2: the result is undefined
        raise NoKey("there is more than one key")
    return parse(answer.values[0], algorithm)


def parse(text: str, algorithm: str) -> Key:
    found = tags.parse(text)
    if found is None or "p" not in found:
        raise NoKey("the key record is malformed")
    if "v" in found and (found["v"] != "DKIM1" or next(iter(found)) != "v"):
        raise NoKey("the key is of another version")
    kind = found.get("k", "rsa")
    if kind != algorithm.partition("-")[0]:
        raise NoKey("the key is for another algorithm")
    if "h" in found and "sha256" not in tags.packed(found["h"]).split(":"):
        raise NoKey("the key is for another hash")
    if "s" in found and not {"*", "email"} & set(tags.packed(found["s"]).split(":")):
        raise NoKey("the key is not for mail")
    if not tags.packed(found["p"]):
        raise NoKey("the key is revoked")
    octets = tags.octets(found["p"])
    if octets is None:
        raise NoKey("the key is no base64")
    flags = tags.packed(found.get("t", "")).split(":")
    return Key(_public(octets, algorithm), "s" in flags, "y" in flags)


def _public(octets: bytes, algorithm: str) -> PublicKey:
    try:
        if algorithm == ED25519:
            return Ed25519PublicKey.from_public_bytes(octets)
        key = load_der_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NoKey("the key is malformed") from None
    if not isinstance(key, RSAPublicKey):
        raise NoKey("the key is for another algorithm")
    if key.key_size < SHORTEST:
        raise NoKey("the key is too short to be secure")
    if key.key_size > LONGEST:
        raise NoKey("the key is too long")
    if key.public_numbers().e.bit_length() > EXPONENT_BITS:
        raise NoKey("the key has an exponent that is too long")
    return key


def fits(key: PublicKey, octets: bytes, data: bytes) -> bool:
    """Did the owner of the key sign this?"""
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(octets, data, PKCS1v15(), SHA256())
        else:
            key.verify(octets, hashlib.sha256(data).digest())  # RFC 8463 3: PureEdDSA over the hash
    except InvalidSignature:
        return False
    return True


def signed(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    return key.sign(hashlib.sha256(data).digest())


def algorithm_of(key: PrivateKey) -> str:
    return RSA if isinstance(key, RSAPrivateKey) else ED25519
