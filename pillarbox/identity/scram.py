"""SCRAM (RFC 5802, 7677): a client proves that it knows a password, and the server that it stores it.

    client   n,a=authzid,n=user,r=cnonce            header, then "client-first-message-bare"
    server   r=cnonce+snonce,s=salt,i=iterations
    client   c=base64(header+binding),r=...,p=proof
    server   v=signature                             to which the client says nothing more

A `Verifier` is what is stored. Who has none, or does not exist, is answered as if there were one: the salt is
made of the name and a secret of the server, for everybody in the same way, so it tells nothing. One exchange
may be proved by any of several verifiers with one salt and one count, because the proof comes last.

Each failure after a well-formed message is one and the same refusal. "e=" is never sent: it would tell what
was wrong, and the protocol around has its own way to say no.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag

from pillarbox.identity.claims import Proven, refusal
from pillarbox.identity.prepare import prepare
from pillarbox.model.errors import PeerSyntax

# Of what is stored where nothing else is configured. Cyrus SASL (2.1), and with it mbsync, computes no more.
ITERATIONS = 65_536
MIN_ITERATIONS = 4096  # RFC 7677 4; what is stored with fewer counts as nothing
MAX_ITERATIONS = 10_000_000  # a client would compute for minutes
SALT_OCTETS = 24
NONCE_OCTETS = 18  # 144 bits, no "=" in base64
END_POINT = "tls-server-end-point"  # RFC 5929 4


class Hash(IntFlag):
    """The hash functions, by their bits in `account.scram`."""

    SHA_256 = 1
    SHA_512 = 2
    SHA_1 = 4

    @property
    def algorithm(self) -> str:
        return _ALGORITHMS[self]


_ALGORITHMS = {Hash.SHA_256: "sha256", Hash.SHA_512: "sha512", Hash.SHA_1: "sha1"}
MODERN = Hash.SHA_256 | Hash.SHA_512
# Best first. RFC 7677 1: SHA-1 is only for clients that know nothing better.
MECHANISMS = {"SCRAM-SHA-512": Hash.SHA_512, "SCRAM-SHA-256": Hash.SHA_256, "SCRAM-SHA-1": Hash.SHA_1}
PLUS = "-PLUS"


@dataclass(frozen=True, slots=True)
class Verifier:
    """RFC 5802 3: what the server stores of a password for one hash function."""

    hash: Hash
    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"Verifier(hash={self.hash!r}, iterations={self.iterations})"  # never the keys


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who could be at the other end: `proves` is what to say of whoever proves the verifier beside it.
    There are none where nobody can log in under the name."""

    salt: bytes
    iterations: int
    verifiers: tuple[tuple[Verifier, Proven], ...] = ()

    def acting_for(self, user: str) -> "Candidates":
        """The same people, who want to be somebody else."""
        acting = ((verifier, replace(proven, authorize_as=user)) for verifier, proven in self.verifiers)
        return Candidates(self.salt, self.iterations, tuple(acting))


def derive(hash_: Hash, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
    """RFC 5802 3. Refused when the password cannot be prepared."""
    name = hash_.algorithm
    salted = hashlib.pbkdf2_hmac(name, prepare(password).encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", name)
    server_key = hmac.digest(salted, b"Server Key", name)
    return Verifier(hash_, iterations, salt, hashlib.new(name, client_key).digest(), server_key)


# Deviates: RFC 5802 6.1: tls-unique, which it demands, is not offered: RFC 9266 1 says what is wrong with it,
# and TLS 1.3 has none. tls-exporter, which takes its place, needs more than Python's ssl module gives.

# RFC 5802 7. saslname: no NUL, "=" and "," only as "=3D" and "=2C".
_NAME = r"(?:[^\0=,]|=2C|=3D)+"
_EXTENSIONS = r"(?:,[A-Za-z]=[^\0,]+)*"
_NONCE = r"[\x21-\x2b\x2d-\x7e]+"
_FIRST = re.compile(
    rf"(?P<header>(?:p=(?P<type>[A-Za-z0-9.\-]+)|(?P<flag>[ny])),(?:a=(?P<acts>{_NAME}))?,)"
    rf"(?P<bare>(?P<mandatory>m=[^\0,]+,)?n=(?P<name>{_NAME}),r=(?P<nonce>{_NONCE}){_EXTENSIONS})"
)
_FINAL = re.compile(
    rf"(?P<signed>c=(?P<binding>[A-Za-z0-9/+]+=*),r=(?P<nonce>{_NONCE}){_EXTENSIONS}),p=(?P<proof>[A-Za-z0-9/+]+=*)"
)


class Scram:
    """One exchange. `find` gives the candidates for a name, `nonce` is printable and used this once;
    `end_point` binds to the connection where -PLUS is offered on it, and `plus`: the client chose that."""

    def __init__(
        self,
        hash_: Hash,
        find: Callable[[str, Hash], Candidates],
        nonce: str,
        *,
        end_point: bytes | None,
        plus: bool,
    ) -> None:
        self._hash = hash_
        self._find = find
        self._nonce = nonce
        self._end_point = end_point
        self._plus = plus
        self._binding = b""
        self._messages = ""  # "client-first-message-bare,server-first-message"
        self._acts = ""
        self._candidates: Candidates | None = None
        self._proven: Proven | None = None
        self.name = next(name for name, each in MECHANISMS.items() if each is hash_) + (PLUS if plus else "")
        self.proving = ""  # whose proof the next message is

    @property
    def by_device(self) -> bool:
        """Whether it was an app password that was proved."""
        return self._proven is not None and bool(self._proven.device)

    def step(self, response: bytes | None) -> bytes | Proven:
        if response is None:
            return b""  # RFC 5802 5: the client speaks first
        if self._proven is not None:
            if response:
                raise PeerSyntax("There is nothing to say after the server's proof")
            return self._proven
        message = _text(response)
        self.proving = ""
        return self._first(message) if self._candidates is None else self._final(message, self._candidates)

    def _first(self, message: str) -> bytes:
        match = _FIRST.fullmatch(message)
        if match is None:
            raise PeerSyntax("The first SCRAM message is not one")
        if match["mandatory"]:  # RFC 5802 5.1: "m" MUST cause authentication failure
            raise PeerSyntax("An extension that SCRAM does not have is demanded")
        self._check_flag(match["flag"], match["type"])
        self._binding = match["header"].encode()
        if match["type"]:
            self._binding += self._end_point or b""
        self._acts = _name(match["acts"] or "")
        name = _name(match["name"])
        self._candidates = found = self._find(name, self._hash)
        self.proving = name
        self._nonce = match["nonce"] + self._nonce
        answer = f"r={self._nonce},s={b64encode(found.salt).decode('ascii')},i={found.iterations}"
        self._messages = f"{match['bare']},{answer}"
        return answer.encode()

    def _check_flag(self, flag: str | None, type_: str | None) -> None:
        """RFC 5802 6: whether both ends mean the same channel, and nobody between them took "-PLUS" away."""
        if flag == "y" and self._end_point is not None:
            raise refusal(
                "wrong channel binding"
            )  # it saw no -PLUS, and we offer it: somebody has changed what we offered
        if flag is None and (self._end_point is None or type_ != END_POINT):
            raise refusal("wrong channel binding")  # a binding that is not ours to check
        if self._plus and flag is not None:
            raise refusal("wrong channel binding")  # RFC 5802 6: "p" MUST be used with -PLUS

    def _final(self, message: str, candidates: Candidates) -> bytes:
        match = _FINAL.fullmatch(message)
        if match is None:
            raise PeerSyntax("The last SCRAM message is not one")
        proof = _base64(match["proof"])
        if _base64(match["binding"]) != self._binding or match["nonce"] != self._nonce:
            raise refusal("wrong channel binding")
        said = f"{self._messages},{match['signed']}".encode()
        # Somebody's keys are always tried, so that nobody takes as long.
        nobody = ((_NOBODY[self._hash], None),)
        proven = None
        for verifier, proves in candidates.verifiers or nobody:
            if _proves(verifier, said, proof) and proves is not None and proven is None:
                proven = verifier, proves
        if proven is None:
            raise refusal("wrong proof")
        verifier, proves = proven
        self._proven = replace(proves, authorize_as=self._acts or proves.authorize_as, mechanism=self.name)
        return b"v=" + b64encode(hmac.digest(verifier.server_key, said, self._hash.algorithm))


def _proves(verifier: Verifier, said: bytes, proof: bytes) -> bool:
    """RFC 5802 3: ClientKey = ClientProof XOR ClientSignature, and its hash is what is stored."""
    name = verifier.hash.algorithm
    signature = hmac.digest(verifier.stored_key, said, name)
    if len(proof) != len(signature):
        return False
    key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.new(name, key).digest(), verifier.stored_key)


def _name(written: str) -> str:
    return written.replace("=2C", ",").replace("=3D", "=")


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerSyntax("SCRAM messages are UTF-8") from None


def _base64(written: str) -> bytes:
    try:
        return b64decode(written, validate=True)
    except Error:
        raise PeerSyntax("A part of the SCRAM message is not base64") from None


_NOBODY = {
    hash_: Verifier(hash_, ITERATIONS, b"", *[bytes(hashlib.new(name).digest_size)] * 2)
    for hash_, name in _ALGORITHMS.items()
}
