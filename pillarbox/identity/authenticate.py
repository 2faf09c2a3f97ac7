"""The one way in: credentials become a `Login`, or are refused alike for every reason.

A client opens many connections with one password, so what was verified is remembered for some minutes:
never the password, only an HMAC of it under a key that dies with the process. The directory is asked
each time, so a changed password, a disabled or deleted account counts at once, in every process.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from pillarbox.identity import app_passwords, masters, second_factor
from pillarbox.identity.audit import account_name
from pillarbox.identity.claims import (
    WRONG_CODE,
    Channel,
    Claim,
    Credentials,
    Proven,
    Rejected,
    Unchecked,
    refusal,
)
from pillarbox.identity.completion import Completion
from pillarbox.identity.directory import Credential, Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.masters import Masters
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.pool import PasswordPool, network
from pillarbox.identity.uses import Uses
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused

REMEMBERED_SECONDS = 300.0
REMEMBERED_LOGINS = 10_000  # about 1 MiB
WITH_A_TOKEN = "Passwords are not taken for that domain, log in with a token (OAUTHBEARER) or an app password"


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who proved to be the user of an account, or, where there is a `by`, to be a master who may act
    for them."""

    account: int  # the 31-bit prefix: what the store calls the account
    user: int
    address: str
    by: str = ""

    @property
    def actor(self) -> Actor:
        return Actor(reader=self.user)


class Authenticator:
    """`login` and what it remembers. `clock` is monotonic; `key` is 32 random octets of this process;
    `remembered` is where it remembers, so that another with the same key can go on; `completion` has
    passwords stored in the ways that are lacking, `uses` notes when a device came; `take_code` tells, on a
    thread, whether a code of a second factor behind the password is good: without it none is; `devices`:
    whether app passwords open; `gate` says who waits, and writes down who came; `outside` knows the accounts
    that are kept elsewhere."""

    def __init__(
        self,
        directory: Directory,
        pool: PasswordPool,
        *,
        clock: Callable[[], float],
        key: bytes,
        remembered: dict[bytes, float] | None = None,
        completion: Completion | None = None,
        uses: Uses | None = None,
        take_code: Callable[[int, str], bool] | None = None,
        devices: bool = True,
        gate: Gate | None = None,
        outside: Outside | None = None,
        masters: Masters = masters.NONE,
    ) -> None:
        self._masters = masters
        self._gate = gate or Gate()
        self._outside = outside
        self._devices = devices
        self._directory = directory
        self._pool = pool
        self._clock = clock
        self._key = key
        self._completion = completion
        self._uses = uses
        self._take_code = take_code
        self._remembered = {} if remembered is None else remembered  # proof -> until, oldest first

    async def login(self, claim: Claim, channel: Channel = Channel()) -> Login:  # noqa: B008
        """The login, or `Refused`: the same answer after the same time whatever was wrong."""
        if isinstance(claim, Credentials) and (both := self._masters.split(claim.name)):
            claim = replace(claim, authorize_as=claim.authorize_as or both[0], name=both[1])
        self._gate.check(claim.name, channel)
        grant = 0
        try:
            if isinstance(claim, Proven):
                await self._know(claim.name)
                credential, device, grant = self._proven(claim), claim.device, claim.grant
            else:
                credential, device = await self._checked(claim, channel)
        except Rejected as rejected:
            known = claim if isinstance(claim, Credentials) else None
            self._gate.failed(claim.name, channel, claim.mechanism, rejected.reason, known)
            raise
        except Unchecked as refused:
            self._gate.unchecked(claim.name, channel, claim.mechanism, refused.text)
            raise
        if device and self._uses is not None:
            self._uses.note(credential.account, device, channel.peer, grant)
        try:
            login = await self._authorized(credential, claim, device)
        except Unchecked as refused:
            self._gate.unchecked(claim.name, channel, claim.mechanism, refused.text)
            raise
        except Refused as refused:
            wanted = f"{refused.text}: {account_name(claim.authorize_as)}"
            self._gate.refused(credential.address, channel, claim.mechanism, wanted)
            raise
        if login.by:
            self._gate.acted(login.by, login.address, channel, claim.mechanism)
        else:
            self._gate.came(credential.address, channel, claim.mechanism, device)
        return login

    async def _checked(self, claim: Credentials, channel: Channel) -> tuple[Credential, str]:
        """Whose password it is, and of which device if it is an app password."""
        credential = self._directory.credential(claim.name)
        if device := self._device(credential, claim, channel):
            assert credential is not None
            await self._know(claim.name)
            return self._unchanged(credential), device
        if await self._gate.enter(claim.name, channel) or self._is_outside(claim.name):
            await self._know(claim.name)
            credential = self._directory.credential(claim.name)
        if credential is None or not credential.enabled:
            await self._verify(credential, claim.password, claim, channel)
            raise refusal("no such account" if credential is None else "account is disabled")
        if credential.second_factor:
            await self._by_two_factors(credential, claim, channel)
            return credential, ""
        proof = self._proof(credential, claim.password)
        if not self._remembers(proof):
            if not await self._verify(credential, claim.password, claim, channel):
                raise refusal()
            credential = self._unchanged(credential)
            self._remember(proof, credential.address)
            if self._completion is not None and not credential.directory:
                self._completion.begin(credential, claim.password)
        return credential, ""

    def _device(self, credential: Credential | None, claim: Credentials, channel: Channel) -> str | None:
        if not self._devices:
            return None
        # Of nobody's there are none, but looking for them takes as long.
        prefix = credential.account if credential is not None and credential.enabled else -1
        return app_passwords.maybe_name(self._directory, prefix, claim.password, channel.protocol)

    def _is_outside(self, name: str) -> bool:
        return self._outside is not None and self._outside.covers(name)

    async def _know(self, name: str) -> None:
        """What the directory says of this name is young enough. Refused, for now, where nobody can tell."""
        if self._outside is not None:
            await self._outside.know(name)

    async def _verify(
        self, credential: Credential | None, password: str, claim: Credentials, channel: Channel
    ) -> bool:
        """Whether the password is right, found out where it is kept; never for nobody and the disabled."""

        outside = self._outside
        if outside is not None and outside.covers(claim.name):
            if not outside.takes_passwords(claim.name):
                raise Unchecked(WITH_A_TOKEN, Code.CANNOT)
            usable = credential is not None and credential.enabled
            name = credential.address if credential is not None and usable else claim.name
            return await outside.verify(name, password) and usable
        stored = credential.password_hash if credential is not None and credential.enabled else None

        def still() -> None:
            self._gate.still_open(claim.name, channel)

        return await self._pool.verify(stored, password, channel.peer, still)

    async def _by_two_factors(self, credential: Credential, claim: Credentials, channel: Channel) -> None:
        """Nothing of it is remembered, because a code is good for one login."""
        both = second_factor.split(claim.password) if self._take_code is not None else None
        against, password = (credential, both[0]) if both else (None, claim.password)
        right = await self._verify(against, password, claim, channel)
        if not both or not self._take_code:
            raise refusal("a code is needed")
        if not right:
            raise refusal()
        self._unchanged(credential)
        if not self._gate.takes_codes(claim.name):
            raise refusal("too many wrong codes")
        account, code = credential.account, both[1]
        take = self._take_code
        if not await self._pool.run(lambda: take(account, code), network(channel.peer)):
            raise refusal(WRONG_CODE)
        self._unchanged(credential)

    def _proven(self, claim: Proven) -> Credential:
        credential = self._directory.credential(claim.name)
        if credential is None or not credential.enabled:
            raise refusal("account is disabled")
        if (credential.account, credential.version) != (claim.account, claim.version):
            raise refusal("changed meanwhile")  # while the client was proving it
        return credential

    def _unchanged(self, credential: Credential) -> Credential:
        """What was checked may have been changed meanwhile, when many were waiting to be checked."""
        now = self._directory.credential(credential.address)
        if (
            now is None
            or not now.enabled
            or (now.account, now.version) != (credential.account, credential.version)
        ):
            raise refusal("changed meanwhile")
        return now

    def user(self, name: str) -> Login | None:
        """Who logs in under this name; None where nobody can."""
        credential = self._directory.credential(name)
        if credential is None or not credential.enabled:
            return None
        return Login(credential.account, credential.user, credential.address)

    async def _authorized(self, credential: Credential, claim: Claim, device: str) -> Login:
        # RFC 4616 2: who may act as whom is ours to decide: everybody as himself, and masters for others.
        if not claim.authorize_as:
            return Login(credential.account, credential.user, credential.address)
        if self._masters.is_one(credential):
            await self._know(claim.authorize_as)
        wanted = self._directory.credential(claim.authorize_as)
        if wanted is not None and wanted.account == credential.account:
            return Login(credential.account, credential.user, credential.address)
        # An app password, or a certificate, goes past the second factor.
        past = device or (credential.second_factor and isinstance(claim, Proven))
        if wanted is None or past or not self._masters.may_act(credential, wanted):
            raise Refused("You may not act for that user", Code.AUTHORIZATIONFAILED)
        return Login(wanted.account, wanted.user, wanted.address, credential.address)

    def _proof(self, credential: Credential, password: str) -> bytes:
        # The credential's version is part of it: after a change nothing remembered fits any more.
        claim = f"{credential.account}:{credential.version}:{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, claim, hashlib.sha256)

    def _remembers(self, proof: bytes) -> bool:
        until = self._remembered.get(proof)
        return until is not None and self._clock() < until

    def _remember(self, proof: bytes, address: str) -> None:
        self._remembered.pop(proof, None)  # so that it goes to the young end
        while len(self._remembered) >= REMEMBERED_LOGINS:
            del self._remembered[next(iter(self._remembered))]
        seconds = REMEMBERED_SECONDS
        if self._outside is not None:
            seconds = min(seconds, self._outside.remembered(address))
        self._remembered[proof] = self._clock() + seconds
