"""SASL mechanisms as steps without IO (RFC 4422). The protocol room speaks base64 and its own continuations.

    mechanism = mechanisms.start("PLAIN", channel)
    outcome = await mechanisms.step(mechanism, initial_response_or_None, channel)
    while isinstance(outcome, bytes): send it as a challenge, then the same with the answer
    login = await authenticator.login(outcome, channel)      # outcome is Credentials, or Proven

A broken message is PeerSyntax, a failed proof Refused, and the exchange is over. A client that cancels with
`*` is the protocol room's business: it forgets the mechanism.
"""

from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from pillarbox.identity import bearer, masters, scram
from pillarbox.identity.bearer import Bearer
from pillarbox.identity.candidates import candidates
from pillarbox.identity.claims import Channel, Claim, Proven, Rejected, Token, refusal
from pillarbox.identity.claims import Credentials as Credentials
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.masters import Masters
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.scram import Candidates, Hash, Scram
from pillarbox.identity.tokens import Bad, Tokens
from pillarbox.model.errors import PeerSyntax

Outcome = bytes | Credentials


class Exchange(Protocol):
    """One exchange. `step(None)` starts it when the client sent no initial response. `proving`: whose proof
    the next response is, where the exchange itself checks it."""

    @property
    def name(self) -> str: ...

    @property
    def proving(self) -> str: ...

    def step(self, response: bytes | None) -> bytes | Claim | Token: ...


class Mechanism(Protocol):
    """An exchange that ends in a password."""

    @property
    def name(self) -> str: ...

    @property
    def proving(self) -> str: ...

    def step(self, response: bytes | None) -> Outcome: ...


class Plain:
    """PLAIN (RFC 4616): one message, `authzid NUL authcid NUL passwd`."""

    name = "PLAIN"
    proving = ""

    def step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b""  # RFC 4616 2: the client speaks first, so the challenge is empty
        pieces = response.split(b"\0")
        if len(pieces) != 3:
            raise PeerSyntax("A PLAIN message has three parts separated by NUL")
        authorize_as, name, password = (_utf8(piece) for piece in pieces)
        if not name or not password:
            raise PeerSyntax("A PLAIN message names a user and a password")  # RFC 4616 2: 1*SAFE
        return Credentials(name, password, authorize_as, "PLAIN")


class Login:
    """LOGIN: never standardised, still the only mechanism of some clients. Name, then password."""

    name = "LOGIN"
    proving = ""

    def __init__(self) -> None:
        self._name: str | None = None

    def step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b"Username:"
        if self._name is None:
            self._name = _utf8(response)
            return b"Password:"
        return Credentials(self._name, _utf8(response), mechanism="LOGIN")


class External:
    """EXTERNAL (RFC 4422 A): the client's certificate says who it is, by the mail addresses in it. One
    message: whom the client wants to be, or nothing."""

    name = "EXTERNAL"
    proving = ""

    def __init__(self, directory: Directory, certified: tuple[str, ...]) -> None:
        self._directory = directory
        self._certified = certified

    def step(self, response: bytes | None) -> bytes | Proven:
        if response is None:
            return b""
        wanted = _utf8(response)
        if "\0" in wanted:
            raise PeerSyntax("An authorization identity has no NUL in it")  # RFC 4422 A.1
        found = [self._directory.credential(address) for address in self._certified]
        accounts = {each.account: each for each in found if each is not None}
        chosen = self._directory.credential(wanted) if wanted else None
        if chosen is not None and chosen.account in accounts:
            credential = chosen
        elif len(accounts) == 1 or (accounts and wanted):
            # Who wants to be somebody else is told so, as after every other proof.
            credential = next(iter(accounts.values()))
        else:
            # Of several the client has to say which it wants to be.
            raise refusal("certificate is for no account, or for several")
        return Proven(credential.address, credential.account, credential.version, wanted, mechanism=self.name)


_PASSWORDS: dict[str, type[Plain] | type[Login]] = {"PLAIN": Plain, "LOGIN": Login}
SCRAM_NAMES = tuple(f"{name}{plus}" for plus in (scram.PLUS, "") for name in scram.MECHANISMS)

# In the order in which they are announced: the best first.
MECHANISMS: tuple[str, ...] = tuple(_PASSWORDS)
ALL = (External.name, *SCRAM_NAMES, *MECHANISMS, *bearer.NAMES)


def start(name: str) -> Mechanism | None:
    """A fresh exchange of a password, by the mechanism of that name, in any case; None when there is none."""
    mechanism = _PASSWORDS.get(name.upper())
    return mechanism() if mechanism else None


class Mechanisms:
    """What can be used. `hashes`: those that SCRAM may be used with, by what the directory stores, with
    `iterations` from now on; `random` gives so many octets; `channel_binding`: whether the -PLUS
    mechanisms are offered under TLS; `gate` is where proofs wait as passwords do. `announced`: with which of
    the hashes SCRAM is offered, where it is not all; `outside` knows the accounts that are kept elsewhere;
    `masters` are known by names of two; `tokens` says what bearer tokens are worth, where there are any."""

    def __init__(
        self,
        directory: Directory | None = None,
        *,
        hashes: Hash = Hash(0),  # noqa: B008
        iterations: int = scram.ITERATIONS,
        random: Callable[[int], bytes] = bytes,
        channel_binding: bool = False,
        gate: Gate | None = None,
        announced: Hash | None = None,
        outside: Outside | None = None,
        masters: Masters = masters.NONE,
        tokens: Tokens | None = None,
    ) -> None:
        self._masters = masters
        self._gate = gate or Gate()
        self._outside = outside
        self._announced = hashes if announced is None else announced
        self._tokens = tokens
        self._directory = directory
        self._iterations = iterations
        self._hashes = hashes if directory is not None else Hash(0)
        self._random = random
        self._channel_binding = channel_binding

    def offered(self, channel: Channel) -> tuple[str, ...]:
        """Their names, best first. SCRAM is offered when it works for all that can log in: a client takes the
        best it is offered, and those without a verifier could not come in to be given one."""
        # A password that is kept elsewhere has no verifier either.
        usable = self._hashes & self._announced
        usable = usable & self._directory.stored_hashes() if usable and self._directory else usable
        external = (External.name,) if channel.certified else ()
        others = (name for name in ALL if name in _PASSWORDS or self._scram(name, usable, channel))
        bearers = bearer.NAMES if self._takes_tokens(channel) else ()
        return (*external, *others, *bearers)

    def start(self, name: str, channel: Channel) -> Exchange | None:
        """A fresh exchange with the mechanism of that name, in any case; None when there is none."""
        name = name.upper()
        if name in _PASSWORDS:
            return _PASSWORDS[name]()
        if name == External.name and channel.certified and self._directory is not None:
            return External(self._directory, channel.certified)
        if name in bearer.NAMES and self._tokens is not None and self._takes_tokens(channel):
            scope = bearer.SCOPES.get(channel.protocol, channel.protocol)
            return Bearer(name, scope, self._tokens.discovery())
        hash_ = self._scram(name, self._hashes, channel)
        if hash_ is None or self._directory is None:
            return None
        directory, nonce = self._directory, b64encode(self._random(scram.NONCE_OCTETS)).decode()

        def find(name: str, hash_: Hash) -> Candidates:
            user, name = self._masters.split(name) or ("", name)
            elsewhere = self._outside is not None and self._outside.covers(name)
            only_devices = elsewhere or self._gate.is_shut(name, channel)
            found = candidates(
                directory,
                name,
                hash_,
                channel.protocol,
                only_devices=only_devices,
                iterations=self._iterations,
            )
            return found.acting_for(user) if user else found

        end_point = self._end_point(channel)
        return Scram(hash_, find, nonce, end_point=end_point, plus=name.endswith(scram.PLUS))

    async def step(self, exchange: Exchange, response: bytes | None, channel: Channel) -> bytes | Claim:
        """`exchange.step`, when whoever has to wait has waited."""
        name = self._who(exchange.proving)
        if not name:
            if exchange.name == External.name and self._outside is not None:
                for address in channel.certified:
                    await self._outside.know(address)
            try:
                outcome = exchange.step(response)
            except Rejected as rejected:
                self._gate.failed("", channel, exchange.name, rejected.reason)
                raise
            if not isinstance(outcome, Token):
                return outcome
            assert isinstance(exchange, Bearer)
            assert self._tokens is not None
            try:
                return await self._tokens.prove(outcome, channel)
            except Bad as bad:
                return exchange.refuse(bad.status)
        shut = self._gate.is_shut(name, channel)  # an app password is let through
        if not shut:
            await self._gate.enter(name, channel)
        try:
            proven = exchange.step(response)
            assert not isinstance(proven, Token)
            if isinstance(exchange, Scram) and not exchange.by_device:
                # Begun before the network was shut, so that what people choose was still among what proves.
                self._gate.still_open(name, channel)
            return proven
        except Rejected as rejected:
            self._gate.still_open(name, channel)
            self._gate.failed(name, channel, exchange.name, rejected.reason)
            raise

    def _who(self, name: str) -> str:
        """Whose proof it is."""
        return (self._masters.split(name) or ("", name))[1]

    def _takes_tokens(self, channel: Channel) -> bool:
        # RFC 7628 3: TLS MUST be used; what stays on the machine is as private.
        return self._tokens is not None and (channel.tls or _stays_here(channel.peer))

    def _end_point(self, channel: Channel) -> bytes | None:
        return channel.end_point if self._channel_binding else None

    def _scram(self, name: str, among: Hash, channel: Channel) -> Hash | None:
        base = name.removesuffix(scram.PLUS)
        if base != name and self._end_point(channel) is None:
            return None
        hash_ = scram.MECHANISMS.get(base)
        return hash_ if hash_ is not None and hash_ in among else None


def _stays_here(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return True  # a Unix socket


def _utf8(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerSyntax("Names and passwords are UTF-8") from None
