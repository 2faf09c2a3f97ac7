"""Is the chain of a message whole? RFC 8617 5.2, step by step."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pillarbox.filter.auth import results, tags
from pillarbox.filter.auth.dkim import canonical, key, signature, verify
from pillarbox.filter.auth.dkim.body import Form, Hashed
from pillarbox.filter.auth.dkim.canonical import Canonical
from pillarbox.filter.auth.dkim.key import NoKey
from pillarbox.filter.auth.dkim.signature import Mistake
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.auth.results import Results
from pillarbox.filter.dns import Asking

SETS_LIMIT = 50  # RFC 8617 4.2.1

SEAL, MESSAGE_SIGNATURE, RESULTS = b"arc-seal", b"arc-message-signature", b"arc-authentication-results"
_NAMES = (SEAL, MESSAGE_SIGNATURE, RESULTS)

# arc-info = instance [CFWS] ";" authres-payload
_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*(\d{1,2})[ \t\r\n]*;", re.IGNORECASE)


class Status(StrEnum):
    """RFC 8617 4.4."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Set:
    """One server's part: its three fields, and the tags of its seal."""

    instance: int
    seal: Field
    signature: Field
    results: Field
    tags: Mapping[str, str]

    @property
    def said(self) -> Results | None:
        """What this server found, behind its instance number."""
        return results.parse(self.results.value.partition(b";")[2])


@dataclass(frozen=True, slots=True)
class Link:
    """What a set of a chain that passes says: who sealed it, and what was found there."""

    domain: str
    said: Results | None


@dataclass(frozen=True, slots=True)
class Arc:
    """`links` from the first to the last, of a chain that passes. `oldest_pass`: the lowest instance whose
    signature over the message still holds, 0 when all do. `highest`: the highest instance number seen;
    `closed`: the chain says itself that it failed, and nobody may go on with it."""

    status: Status
    links: tuple[Link, ...] = ()
    oldest_pass: int | None = None
    highest: int = 0
    closed: bool = False
    reason: str = ""


class _Broken(Exception):
    pass


def forms(fields: Sequence[Field]) -> list[Form]:
    """In which forms the body has to be hashed; the newest signature's first, which matters most."""
    found: dict[int, Form] = {}
    for each in fields:
        if each.name == MESSAGE_SIGNATURE and len(found) < SETS_LIMIT:
            try:
                listed = _tags(each)
                found[_number(listed)] = signature.signed(_without_instance(listed)).body_form
            except (_Broken, Mistake):
                continue
    return [found[instance] for instance in sorted(found, reverse=True)]


def sets(fields: Sequence[Field]) -> tuple[Set, ...]:
    """RFC 8617 5.2, steps 1 and 3: complete sets numbered from 1 without a gap, or `_Broken`."""
    found: dict[int, dict[bytes, Field]] = {}
    seals: dict[int, Mapping[str, str]] = {}
    for each in fields:
        if each.name not in _NAMES:
            continue
        if each.name == RESULTS:
            match = _INSTANCE.match(each.value)
            instance = int(match[1]) if match else 0
        else:
            listed = _tags(each)
            instance = _number(listed)
            if each.name == SEAL:
                seals[instance] = listed
        if not 1 <= instance <= SETS_LIMIT:
            raise _Broken("an instance number is missing or out of range")
        if each.name in found.setdefault(instance, {}):
            raise _Broken("an instance number stands twice")
        found[instance][each.name] = each
    if sorted(found) != list(range(1, len(found) + 1)) or any(len(each) != 3 for each in found.values()):
        raise _Broken("the chain has gaps")
    return tuple(
        Set(instance, each[SEAL], each[MESSAGE_SIGNATURE], each[RESULTS], seals[instance])
        for instance, each in sorted(found.items())
    )


def check(fields: Sequence[Field], bodies: Mapping[Form, Hashed]) -> Asking[Arc]:
    """RFC 8617 5.2.1: every failure is one for good, a DNS that does not answer included."""
    highest = _highest(fields)
    if not any(each.name in _NAMES for each in fields):
        return Arc(Status.NONE)
    try:
        chain = sets(fields)
    except _Broken as broken:
        return Arc(Status.FAIL, highest=highest, closed=_closed(fields, highest), reason=str(broken))
    if _cv(chain[-1]) == "fail":
        return Arc(Status.FAIL, highest=highest, closed=True, reason="the chain says that it failed")
    if any(_cv(each) != ("pass" if each.instance > 1 else "none") for each in chain):
        return Arc(Status.FAIL, highest=highest, reason="a seal says the wrong thing of the chain before it")
    try:
        yield from _message(chain[-1], fields, bodies)
        oldest = yield from _oldest(chain, fields, bodies)
        domains = yield from _seals(chain)
    except _Broken as broken:
        return Arc(Status.FAIL, highest=highest, reason=str(broken))
    links = tuple(Link(domain, each.said) for domain, each in zip(domains, chain))
    return Arc(Status.PASS, links, oldest, highest)


def scope(chain: Sequence[Set]) -> list[Field]:
    """RFC 8617 5.1.1: what the next seal signs, in this order."""
    return [each for one in chain for each in (one.results, one.signature, one.seal)]


def _message(one: Set, fields: Sequence[Field], bodies: Mapping[Form, Hashed]) -> Asking[None]:
    """Step 4: the signature over the message."""
    try:
        parsed = signature.signed(_without_instance(_tags(one.signature)))
    except Mistake as mistake:
        raise _Broken(f"a message signature is malformed: {mistake}") from None
    if SEAL in parsed.names:  # RFC 8617 4.1.2: the seals sign the signatures, not the other way round
        raise _Broken("a message signature signs a seal")
    others = [each for each in fields if each is not one.signature]
    failure, _ = yield from verify.check(parsed, one.signature.raw, others, bodies)
    if failure is not None:
        raise _Broken(failure[1])


def _oldest(chain: Sequence[Set], fields: Sequence[Field], bodies: Mapping[Form, Hashed]) -> Asking[int]:
    """Step 5."""
    for one in reversed(chain[:-1]):
        try:
            yield from _message(one, fields, bodies)
        except _Broken:
            return one.instance + 1
    return 0


def _seals(chain: Sequence[Set]) -> Asking[list[str]]:
    """Step 6; the sealing domains, from the first to the last."""
    domains: list[str] = []
    relaxed = [canonical.field(each.raw, Canonical.RELAXED) for each in scope(chain)]
    for count in range(len(chain), 0, -1):
        one = chain[count - 1]
        if "h" in one.tags:  # RFC 8617 4.1.3
            raise _Broken("a seal says what it signs")
        try:
            algorithm, octets, domain, selector = signature.sealed(one.tags)
            found = yield from key.find(domain, selector, algorithm)
        except (Mistake, NoKey) as mistake:
            raise _Broken(f"a seal cannot be checked: {mistake}") from None
        before = b"".join(relaxed[: 3 * count - 1])
        data = before + canonical.signed((), one.seal.raw, Canonical.RELAXED)
        if not key.fits(found.public, octets, data):
            raise _Broken("a seal is broken")
        domains.append(domain)
    return domains[::-1]


def _tags(each: Field) -> dict[str, str]:
    listed = tags.parse(each.value.decode("utf-8", "replace"))
    if listed is None:
        raise _Broken("a field is no tag list")
    return listed


def _number(listed: Mapping[str, str]) -> int:
    return tags.number(listed.get("i", ""), 2) or 0


def _without_instance(listed: Mapping[str, str]) -> dict[str, str]:
    """RFC 8617 4.1.2: i= is no identity here."""
    return {name: value for name, value in listed.items() if name != "i"}


def _cv(one: Set) -> str:
    return tags.packed(one.tags.get("cv", "")).lower()


def _highest(fields: Sequence[Field]) -> int:
    highest = 0
    for each in fields:
        if each.name in _NAMES:
            match = _INSTANCE.match(each.value)
            number = int(match[1]) if match else 0
            if each.name != RESULTS:
                listed = tags.parse(each.value.decode("utf-8", "replace"))
                number = _number(listed) if listed is not None else 0
            highest = max(highest, number)
    return highest


def _closed(fields: Sequence[Field], highest: int) -> bool:
    """Of a chain without shape: does its latest seal say that it failed?"""
    for each in fields:
        if each.name == SEAL:
            listed = tags.parse(each.value.decode("utf-8", "replace")) or {}
            if _number(listed) == highest and tags.packed(listed.get("cv", "")).lower() == "fail":
                return True
    return False
