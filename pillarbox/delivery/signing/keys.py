"""The keys that our domains sign with, as files of the data folder, all for their owner's eyes only.

    dkim/example.org/20270115-rsa.pem   a private key; its name is its selector
    dkim/example.org/keys.json          what state each of them is in, since when

A key waits until the DNS has its public half, or until somebody says that it has. It signs then, in the place
of the one before it with the same algorithm, whose public half has to stay in the DNS for a while: what it
signed is on its way. Commands, workers and the process that sends change these files under one lock.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import gmtime, strftime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pillarbox.delivery import published
from pillarbox.delivery.published import Record
from pillarbox.filter.auth.dkim.key import PrivateKey
from pillarbox.filter.auth.dkim.signature import ED25519, RSA
from pillarbox.identity.addresses import fold_domain, maybe_address
from pillarbox.model.errors import Code, Refused

FOLDER = "dkim"
RSA_BITS = 2048  # RFC 8301 3.2: at least 2048; a longer one does not fit into one answer over UDP
KEPT_SECONDS = 30 * 86_400  # an old key: longer than mail is on its way

_STATE, _LOCK = "keys.json", "lock"
_ENDS = {RSA: "rsa", ED25519: "ed25519"}


class State(StrEnum):
    WAITING = "waiting"  # to be found in the DNS
    SIGNING = "signing"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class Named:
    selector: str
    algorithm: str
    state: State
    since: int


class Keys:
    """Those of a data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._known: dict[str, tuple[object, tuple[tuple[str, PrivateKey], ...]]] = {}
        self._turn = threading.Lock()

    def domains(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.name for path in self._folder.glob(f"*/{_STATE}"))

    def has(self, domain: str) -> bool:
        return _is_domain(domain) and (self._place(domain) / _STATE).is_file()

    def listed(self, domain: str) -> tuple[Named, ...]:
        """Oldest first; none where nobody has made any."""
        try:
            text = (self._place(domain) / _STATE).read_bytes()
        except FileNotFoundError:
            return ()
        try:
            return msgspec.json.decode(text, type=tuple[Named, ...])
        except msgspec.MsgspecError as error:
            raise Refused(f"{self._place(domain) / _STATE} cannot be read: {error}") from None

    def private(self, domain: str, selector: str) -> PrivateKey:
        path = self._place(domain) / f"{selector}.pem"
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise Refused(f"{path} cannot be read: {error}") from None
        if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
            raise Refused(f"{path} is no key for signing mail")
        return key

    def record(self, domain: str, selector: str) -> Record:
        """What is to be published for it."""
        return published.dkim(domain, selector, self.private(domain, selector).public_key())

    def signing(self, domain: str) -> tuple[tuple[str, PrivateKey], ...]:
        """(selector, key) of those that sign, from memory while no process has changed any."""
        try:
            found = (self._place(domain) / _STATE).stat()
        except FileNotFoundError:
            return ()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._turn:
            known = self._known.get(domain)
            if known is None or known[0] != seen:
                loaded = tuple(
                    (each.selector, self.private(domain, each.selector))
                    for each in self.listed(domain)
                    if each.state is State.SIGNING
                )
                known = self._known[domain] = (seen, loaded)
        return known[1]

    # Changes

    def begin(self, domain: str, now: float) -> tuple[Named, ...]:
        """Keys for a domain that has none."""
        with self._changing():
            return self.listed(domain) or self._make(domain, now)

    def rotate(self, domain: str, now: float, *, at_once: bool = False) -> tuple[Named, ...]:
        """New keys, or those that wait already; `at_once` they sign without being looked for."""
        with self._changing():
            waiting = [each for each in self.listed(domain) if each.state is State.WAITING]
            made = tuple(waiting) or self._make(domain, now)
            if at_once:
                for each in made:
                    self._sign_with(domain, each.selector, now)
            selectors = {each.selector for each in made}
            return tuple(each for each in self.listed(domain) if each.selector in selectors)

    def sign_with(self, domain: str, selector: str, now: float) -> None:
        with self._changing():
            self._sign_with(domain, selector, now)

    def retire(self, domain: str, selector: str) -> None:
        """Away with a key that does not sign."""
        with self._changing():
            listed = self.listed(domain)
            found = [each for each in listed if each.selector == selector]
            if not found:
                raise Refused(f"{domain} has no key {selector}", Code.NONEXISTENT)
            if found[0].state is State.SIGNING:
                raise Refused(f"{selector} signs; `domain dkim {domain} rotate` makes another", Code.INUSE)
            self._write(domain, [each for each in listed if each.selector != selector])
            (self._place(domain) / f"{selector}.pem").unlink(missing_ok=True)

    def _sign_with(self, domain: str, selector: str, now: float) -> None:
        listed = self.listed(domain)
        (chosen,) = [each for each in listed if each.selector == selector]
        changed = []
        for each in listed:
            state = each.state
            if each is chosen:
                state = State.SIGNING
            elif each.algorithm == chosen.algorithm and state is State.SIGNING:
                state = State.OLD
            since = each.since if state is each.state else int(now)
            changed.append(Named(each.selector, each.algorithm, state, since))
        self._write(domain, changed)

    def _make(self, domain: str, now: float) -> tuple[Named, ...]:
        place = self._place(domain)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        listed = self.listed(domain)
        taken = {each.selector for each in listed}
        day = strftime("%Y%m%d", gmtime(now))
        stem = next(
            stem
            for stem in (day, *(f"{day}-{count}" for count in range(2, 10_000)))
            if not any(f"{stem}-{end}" in taken for end in _ENDS.values())
        )
        made = []
        for algorithm, key in ((RSA, generate_private_key(65537, RSA_BITS)), (ED25519, _ed25519())):
            selector = f"{stem}-{_ENDS[algorithm]}"
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            _write(place / f"{selector}.pem", pem)
            made.append(Named(selector, algorithm, State.WAITING, int(now)))
        self._write(domain, [*listed, *made])
        return tuple(made)

    def _write(self, domain: str, listed: list[Named]) -> None:
        _write(self._place(domain) / _STATE, msgspec.json.format(msgspec.json.encode(listed), indent=2))

    def _place(self, domain: str) -> Path:
        if not _is_domain(domain):
            raise Refused(f"{domain!r} is no domain", Code.CANNOT)
        return self._folder / domain

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _is_domain(text: str) -> bool:
    """Folded, and nothing that means more in a path."""
    return fold_domain(text) == text and maybe_address(f"x@{text}") is not None


def _ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def _write(path: Path, octets: bytes) -> None:
    """All of it or nothing, and on the disk: a key that the DNS names must not be lost."""
    begun = path.with_name(path.name + ".new")
    begun.unlink(missing_ok=True)
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, octets)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    begun.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
