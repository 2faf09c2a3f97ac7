"""Are the signatures of a message good? RFC 6376 6.1, with results in the words of RFC 8601 2.7.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pillarbox.filter.auth.dkim import canonical, key
from pillarbox.filter.auth.dkim.body import Form, Hashed
from pillarbox.filter.auth.dkim.key import NoKey
from pillarbox.filter.auth.dkim.signature import Mistake, Signature, parse
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.dns import Asking

SIGNATURE_LIMIT = 8  # signatures looked at; each may cost a question and a check
DRIFT = 300  # seconds a clock may be wrong

NAME = b"dkim-signature"


class Result(StrEnum):
    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Dkim:
    """One signature. Only `domain` of one that passes means anything."""

    result: Result
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    begin: str = ""
    reason: str = ""
    testing: bool = False


def forms(fields: Sequence[Field]) -> list[Form]:
    """In which forms the body has to be hashed for `verify`."""
    found = []
    for each in _signatures(fields):
        try:
            found.append(parse(each.value).body_form)
        except Mistake:
            continue
    return found


def verify(fields: Sequence[Field], bodies: Mapping[Form, Hashed], now: float) -> Asking[tuple[Dkim, ...]]:
    """One finding for each of the first signatures, in their order."""
    found: list[Dkim] = []
    for each in _signatures(fields):
        found.append((yield from _one(each, fields, bodies, now)))
    return tuple(found)


def _signatures(fields: Sequence[Field]) -> list[Field]:
    return [each for each in fields if each.name == NAME][:SIGNATURE_LIMIT]


def _one(own: Field, fields: Sequence[Field], bodies: Mapping[Form, Hashed], now: float) -> Asking[Dkim]:
    try:
        signature = parse(own.value)
    except Mistake as mistake:
        return Dkim(Result.PERMERROR, reason=str(mistake))
    if signature.expires is not None and signature.expires + DRIFT < now:
        return _of(signature, Result.FAIL, "the signature has expired")
    others = [each for each in fields if each is not own]
    failure, testing = yield from check(signature, own.raw, others, bodies)
    return _of(signature, *(failure or (Result.PASS, "")), testing=testing)


def check(
    signature: Signature, own: bytes, fields: Sequence[Field], bodies: Mapping[Form, Hashed]
) -> Asking[tuple[tuple[Result, str] | None, bool]]:
    """(what is wrong or None, is the key a test). `fields` are those that may be signed."""
    body = bodies.get(signature.body_form)
    if body is None:
        return (Result.POLICY, "too many forms of the body are signed"), False
    try:
        found = yield from key.find(signature.domain, signature.selector, signature.algorithm)
    except NoKey as reason:
        return (Result.TEMPERROR if reason.temporary else Result.PERMERROR, str(reason)), False
    if found.strict and a_labels(signature.identity.rpartition("@")[2]) != signature.domain:
        return (Result.PERMERROR, "the key is not for domains below d="), found.testing
    if signature.body_form.limit is not None and signature.body_form.limit > body.size:
        return (Result.FAIL, "the body is shorter than what was signed"), found.testing
    if body.digest != signature.body_hash:
        return (Result.FAIL, "the body has been changed"), found.testing
    chosen = canonical.chosen(fields, signature.names)
    data = canonical.signed(chosen, own, signature.header_form)
    if not key.fits(found.public, signature.octets, data):
        return (Result.FAIL, "the header has been changed, or another key signed it"), found.testing
    if signature.body_form.limit is not None and signature.body_form.limit < body.size:
        # RFC 6376 8.2: anybody can add to such a message. It is not taken for the domain's word.
        return (Result.POLICY, "part of the body is not signed"), found.testing
    return None, found.testing


def _of(signature: Signature, result: Result, reason: str, *, testing: bool = False) -> Dkim:
    return Dkim(
        *(result, signature.domain, signature.selector, signature.identity, signature.algorithm),
        *(signature.begin, reason, testing),
    )
