"""Accounts that only a provider of tokens knows (OpenID Connect): the first token that is good makes one.

    proven = await account_of(outside, directory, issuer, claims, mechanism)    # then
    authenticator.login(proven)

Whether a token is good (signature, audience, time) has been found out before: this takes what it says. A
provider speaks for its own domains only. Who somebody is says the subject; an address that another subject
has had is not handed over with its mail (OpenID Connect Core 5.7), until an administrator unlinks the
account.
"""

from collections.abc import Mapping

from pillarbox.identity.addresses import maybe_address
from pillarbox.identity.claims import Proven, refusal
from pillarbox.identity.directory import Directory
from pillarbox.identity.outside import record
from pillarbox.identity.outside.outside import Outside
from pillarbox.identity.outside.source import Found


async def account_of(
    outside: Outside, directory: Directory, issuer: str, claims: Mapping[str, object], mechanism: str
) -> Proven | None:
    """Whose account it is, made now where it has to be; None where this issuer has no accounts of its own.
    Refused where the token is for nobody here."""
    places = [place for place in outside.places if place.provider and issuer in place.provider.issuers]
    if not places:
        return None
    for place in places:
        provider = place.provider
        assert provider is not None
        said, subject = claims.get(provider.claim), claims.get("sub")
        written = maybe_address(said) if isinstance(said, str) else None
        if written is None or written.folded.rpartition("@")[2] not in place.domains:
            continue
        if not isinstance(subject, str) or not subject:
            raise refusal("token has no subject")
        if provider.verified and not is_verified(claims):
            raise refusal("address in the token is not verified")
        key = f"{issuer}\0{subject}"
        known = record.known(directory, written.folded)
        if known is not None and known.directory == place.name and known.key != key:
            raise refusal("address is another subject's")
        await outside.record(place, Found(str(written), key), written)
        credential = directory.credential(str(written))
        assert credential is not None
        return Proven(credential.address, credential.account, credential.version, mechanism=mechanism)
    raise refusal("token is for an address in no domain of its issuer")


def is_verified(claims: Mapping[str, object]) -> bool:
    """Whether the issuer says that it has verified the address."""
    said = claims.get("email_verified")
    # OpenID Connect Core 5.1 has a boolean; Amazon Cognito and Apple write it as text.
    return said is True or said == "true"
