"""Tokens that another server has given: JWTs it has signed (RFC 7519, 9068), and others that it is asked
about (RFC 7662). What is fetched is fetched by whoever is passed in.

What is believed of a JWT: that a key of the issuer has signed it, with an algorithm that goes with that
key and never with one that a public key could forge (`none`, HS*); that it is for us (`aud`), from him
(`iss`), and of now (`exp`, `nbf`, within a bounded skew). Whose it is says one claim, which has to be an
address of an account here.

A server that does not answer is nobody's fault here: its tokens are refused for now, and neither counted
nor let in. Keys that were fetched go on being good for a day then.
"""

import asyncio
import hashlib
import json
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pillarbox.identity.addresses import fold_domain, maybe_address
from pillarbox.identity.grants import PREFIX
from pillarbox.identity.outside.tokens import is_verified
from pillarbox.identity.tokens import Spoken
from pillarbox.model.errors import Code, Refused

KEYS_SECONDS = 3_600.0  # after which keys are fetched again
STALE_SECONDS = 86_400.0  # that keys are good for while nobody answers
SOON = 60.0  # seconds between two fetches because of a key that is not known; who forges tokens names any
DEAD_SECONDS = 10.0  # that nobody is asked again after no answer
REMEMBERED_SECONDS = 60.0  # that an answer about a token is
MAX_REMEMBERED = 10_000
MIN_RSA = 2048  # bits; RFC 7518 3.3
MAX_KEYS = 100

# By RFC 7517 6.1 "kty", and for curves RFC 7518 6.2.1.1 "crv": what may have been signed with such a key.
_ALGORITHMS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


class Fetch(Protocol):
    """GET, or with a form POST; `basic` is name and password. OSError when there is no good answer."""

    async def __call__(
        self, url: str, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What makes a token of this issuer good here."""

    issuer: str
    audience: tuple[str, ...] = ()
    claim: str = "email"
    scope: str = ""
    domains: tuple[str, ...] = ()
    skew: int = 60


def dead() -> Refused:
    text = "The server that gave this token does not answer, try again later"
    return Refused(text, Code.UNAVAILABLE, temporary=True)


class Keys:
    """The keys of an issuer (a JWKS, RFC 7517 5), by their ids. `clock` is monotonic."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[Any, tuple[str, ...]]] = {}
        self._fetched = self._failed = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, kid: str) -> tuple[Any, tuple[str, ...]] | None:
        """A key and the algorithms that go with it; None where the issuer has none of that name."""
        now = self._clock()
        if kid in self._keys and now < self._fetched + KEYS_SECONDS:
            return self._keys[kid]
        async with self._turn:
            now = self._clock()
            due = self._fetched + (KEYS_SECONDS if kid in self._keys else SOON)
            if now >= due:
                await self._again(now)
        if now >= self._fetched + STALE_SECONDS:
            raise dead()
        if kid not in self._keys and self._failed > self._fetched:
            raise dead()  # it may be a new one
        return self._keys.get(kid)

    async def _again(self, now: float) -> None:
        if now < self._failed + DEAD_SECONDS:
            return
        try:
            found = json.loads(await self._fetch(self._url))
            self._keys = _read_keys(found["keys"])
            if len(self._keys) == 1:  # RFC 7515 4.1.4: who has one key need not name it
                self._keys.setdefault("", next(iter(self._keys.values())))
            self._fetched = now
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self._failed = now


def _read_keys(written: Any) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Those that can be used; an issuer may have others."""
    if not isinstance(written, list):
        raise ValueError("no list of keys")
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for each in written[:MAX_KEYS]:
        if not isinstance(each, dict):
            continue
        algorithms = _ALGORITHMS.get((str(each.get("kty", "")), str(each.get("crv", ""))), ())
        if "alg" in each:
            algorithms = tuple(name for name in algorithms if name == each["alg"])
        if not algorithms or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each, algorithm=algorithms[0]).key
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            continue
        if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA:
            continue
        found[str(each.get("kid", ""))] = key, algorithms
    return found


class Signed:
    """Tokens that are JWTs."""

    guessable = False

    def __init__(self, terms: Terms, keys: Keys, now: Callable[[], float]) -> None:
        self._terms = terms
        self._keys = keys
        self._now = now

    def knows(self, token: str) -> bool:
        return issuer_of(token) == self._terms.issuer

    async def ask(self, token: str) -> Spoken | None:
        terms = self._terms
        try:
            header = jwt.get_unverified_header(token)
            found = await self._keys.find(str(header.get("kid") or ""))
            if found is None or header.get("crit"):
                return None
            key, algorithms = found
            claims = jwt.decode(
                token,
                key,
                algorithms=list(algorithms),
                # Times are looked at below, by our clock.
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_sub": False,
                },
                audience=list(terms.audience),
                issuer=terms.issuer,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return judge(claims, terms, self._now())


class Introspected:
    """Tokens that their issuer is asked about, each time; its yes is remembered for a minute."""

    guessable = True

    def __init__(
        self,
        terms: Terms,
        url: str,
        basic: tuple[str, str] | None,
        fetch: Fetch,
        now: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._terms = terms
        self._url = url
        self._basic = basic
        self._fetch = fetch
        self._now = now
        self._clock = clock
        self._failed = float("-inf")
        self._remembered: dict[bytes, tuple[float, dict[str, Any]]] = {}

    def knows(self, token: str) -> bool:
        return not token.startswith(PREFIX) and issuer_of(token) in (None, self._terms.issuer)

    async def ask(self, token: str) -> Spoken | None:
        claims = await self._claims(token)
        # RFC 7662 2.2: all but "active" is optional; what is said has to be right.
        if claims.get("active") is not True or claims.get("iss", self._terms.issuer) != self._terms.issuer:
            return None
        heard = claims.get("aud")
        audience = heard if isinstance(heard, list) else [heard]
        if self._terms.audience and not set(self._terms.audience) & {each for each in audience if each}:
            return None
        return judge(claims, self._terms, self._now())

    async def _claims(self, token: str) -> dict[str, Any]:
        now, digest = self._clock(), hashlib.sha256(token.encode()).digest()
        until, known = self._remembered.get(digest, (now, {}))
        if now < until:
            return known
        if now < self._failed + DEAD_SECONDS:
            raise dead()
        try:
            form = {"token": token, "token_type_hint": "access_token"}
            claims = json.loads(await self._fetch(self._url, form, self._basic))
        except (OSError, ValueError, RecursionError):
            self._failed = now
            raise dead() from None
        if not isinstance(claims, dict):
            raise dead()
        if claims.get("active") is True:
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[digest] = now + REMEMBERED_SECONDS, claims
        return claims


def judge(claims: dict[str, Any], terms: Terms, now: float) -> Spoken | None:
    """What is said in a token that is the issuer's, and for us."""
    expires, begins = claims.get("exp"), claims.get("nbf")
    for moment in (expires, begins):
        if moment is not None and (isinstance(moment, bool) or not isinstance(moment, (int, float))):
            return None
    if begins is not None and now < begins - terms.skew:
        return None
    address = claims.get(terms.claim)
    written = maybe_address(address) if isinstance(address, str) else None
    if written is None or ("email_verified" in claims and not is_verified(claims)):
        return None
    if terms.domains and fold_domain(written.domain) not in map(fold_domain, terms.domains):
        return None
    heard = claims.get("scope", claims.get("scp", ""))
    scopes = heard.split() if isinstance(heard, str) else heard if isinstance(heard, list) else []
    enough = not terms.scope or set(terms.scope.split()) <= {str(each) for each in scopes}
    program = claims.get("client_id") or claims.get("azp") or terms.issuer
    expired = expires is not None and now >= expires + terms.skew
    scope = None if enough else ""
    return Spoken(str(written), str(program)[:100], scope, expired, terms.issuer, claims)


def issuer_of(token: str) -> str | None:
    """Whose a JWT says it is, before anything is believed of it; None for what is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, Error, RecursionError):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""
