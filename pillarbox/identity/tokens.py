"""What a bearer token is worth: whose account it opens, if any, on this connection.

Our own are random and long, so one that is right opens also where others guess. All else is treated as a
wrong password is: it waits, it is counted, it is written down; and a program that says the same wrong token
all day is counted once. A token that was good and has run out is no guess: programs find out so that it is
time for another, and are not counted for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pillarbox.identity import grants
from pillarbox.identity.bearer import INSUFFICIENT_SCOPE, INVALID_TOKEN, SCOPES
from pillarbox.identity.claims import Channel, Credentials, Proven, Rejected, Token
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.outside.tokens import account_of
from pillarbox.model.errors import Refused


class Bad(Exception):
    """A token that opens nothing here; `status` is what its bearer is told (RFC 6750 3.1)."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Spoken:
    """What somebody says a token is: whose, and for what. `expired`: no longer. `scope` None: he does not
    say, and it is for mail as a whole. `issuer` and `claims`: who says so, and all he says."""

    address: str
    program: str
    scope: str | None = None
    expired: bool = False
    issuer: str = ""
    claims: Mapping[str, object] = field(default_factory=dict, compare=False)


class Foreign(Protocol):
    """Another server's word on its tokens. `knows` says whether this looks like one of them, without asking
    anybody; `ask` is None for one that is not, and raises Refused, temporary, while nobody can say.
    `guessable`: whether each question costs somebody else something."""

    @property
    def guessable(self) -> bool: ...

    def knows(self, token: str) -> bool: ...

    async def ask(self, token: str) -> Spoken | None: ...


class Tokens:
    def __init__(
        self,
        directory: Directory,
        gate: Gate,
        *,
        foreign: Sequence[Foreign] = (),
        outside: Outside | None = None,
        discovery: Callable[[], str] = lambda: "",
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._foreign = foreign
        self._outside = outside
        self.discovery = discovery

    async def prove(self, said: Token, channel: Channel) -> Proven:
        """Whose it is; `Bad`, or Refused where nobody looks at it now."""
        self._gate.check(said.authorize_as, channel)
        own = grants.find(self._directory, said.token)
        if own is not None:
            spoken = Spoken(own.address, own.grant.name, own.scope, own.expired)
            return self._judge(await self._placed(spoken, said, channel), said, channel, own.grant.id)
        entered = False
        for provider in self._foreign:
            if not provider.knows(said.token):
                continue
            if provider.guessable and not entered:
                await self._gate.enter(said.authorize_as, channel)
                entered = True
            try:
                found = await provider.ask(said.token)
            except Refused as refused:
                self._gate.refused(said.authorize_as, channel, said.mechanism, refused.text)
                raise
            if found is not None:
                return self._judge(await self._placed(found, said, channel), said, channel)
            if not provider.guessable:
                break  # a signature that is wrong is so for everybody
        if not entered:
            await self._gate.enter(said.authorize_as, channel)
        self._gate.still_open(said.authorize_as, channel)
        claim = Credentials(said.authorize_as, said.token)
        self._gate.failed(said.authorize_as, channel, said.mechanism, "unknown token", claim)
        raise Bad(INVALID_TOKEN)

    async def _placed(self, spoken: Spoken, said: Token, channel: Channel) -> Spoken:
        """When what is kept elsewhere of the account is known here: a provider's first good token makes one,
        and whoever is in LDAP or tables is asked for there."""
        if self._outside is None or spoken.expired or not _is_for(spoken, channel):
            return spoken  # it opens nothing, so it makes nothing either
        try:
            if spoken.issuer:
                found = await account_of(
                    self._outside, self._directory, spoken.issuer, spoken.claims, said.mechanism
                )
                if found is not None:
                    return replace(spoken, address=found.name)
            await self._outside.know(spoken.address)
        except Rejected as rejected:
            self._gate.refused(spoken.address, channel, said.mechanism, rejected.reason)
            raise Bad(INVALID_TOKEN) from None
        except Refused as refused:
            self._gate.refused(spoken.address, channel, said.mechanism, refused.text)
            raise
        return spoken

    def _judge(self, spoken: Spoken, said: Token, channel: Channel, grant: int = 0) -> Proven:
        def refuse(reason: str, status: str) -> Bad:
            self._gate.refused(spoken.address, channel, said.mechanism, reason)
            return Bad(status)

        if spoken.expired:
            raise refuse("token has run out", INVALID_TOKEN)
        if not _is_for(spoken, channel):
            raise refuse(f"token is not for {_needed(channel)}", INSUFFICIENT_SCOPE)
        credential = self._directory.credential(spoken.address)
        if credential is None or not credential.enabled:
            raise refuse("no account, or a disabled one, for the token", INVALID_TOKEN)
        return Proven(
            credential.address,
            credential.account,
            credential.version,
            said.authorize_as,
            spoken.program,
            said.mechanism,
            grant,
        )


def _needed(channel: Channel) -> str:
    return SCOPES.get(channel.protocol, channel.protocol)


def _is_for(spoken: Spoken, channel: Channel) -> bool:
    return spoken.scope is None or _needed(channel) in spoken.scope.split()
