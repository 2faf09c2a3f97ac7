"""The DKIM-Signature field read (RFC 6376 3.5), and ARC's kin of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pillarbox.filter.auth import tags
from pillarbox.filter.auth.dkim.body import Form
from pillarbox.filter.auth.dkim.canonical import Canonical
from pillarbox.filter.auth.domains import a_labels, within
from pillarbox.filter.dns import is_name

RSA, ED25519 = "rsa-sha256", "ed25519-sha256"
NAMES_LIMIT = 1000  # names in h=


class Mistake(ValueError):
    """The field is no signature; `str()` says why, in words that hold nothing of the message."""


@dataclass(frozen=True, slots=True)
class Signature:
    algorithm: str
    octets: bytes  # b=
    body_hash: bytes  # bh=
    header_form: Canonical
    body_form: Form
    domain: str  # d=, A-labels
    selector: str  # s=, A-labels
    names: tuple[bytes, ...]  # h=, lower case
    identity: str  # i=
    time: int | None
    expires: int | None
    begin: str  # the first characters of b=, which tell signatures apart (RFC 6008)


def parse(value: bytes) -> Signature:
    """RFC 6376 6.1.1."""
    found = tags.parse(value.decode("utf-8", "replace"))
    if found is None:
        raise Mistake("no tag list")
    if found.get("v") != "1":
        raise Mistake("version is not 1")
    signature = signed(found)
    if b"from" not in signature.names:
        raise Mistake("From is not signed")
    _, at, domain = signature.identity.rpartition("@")
    inner = a_labels(domain) if at else None
    if inner is None or not within(inner, signature.domain):
        raise Mistake("i= is not within d=")
    return signature


def signed(found: Mapping[str, str]) -> Signature:
    """What DKIM-Signature and ARC-Message-Signature have in common."""
    algorithm, octets, domain, selector = sealed(found)
    body_hash = tags.octets(_required(found, "bh"))
    if body_hash is None:
        raise Mistake("bh= is no base64")
    header_form, _, body_form = tags.packed(found.get("c", "simple/simple")).partition("/")
    try:
        header, body = Canonical(header_form), Canonical(body_form or "simple")
    except ValueError:
        raise Mistake("an unknown canonical form") from None
    names = tuple(name.lower().encode() for name in tags.packed(_required(found, "h")).split(":"))
    if len(names) > NAMES_LIMIT or not all(names):
        raise Mistake("h= is malformed")
    limit = None
    if "l" in found:
        limit = tags.number(found["l"], 76)
        if limit is None:
            raise Mistake("l= is no number")
    if "q" in found and "dns/txt" not in tags.packed(found["q"]).split(":"):
        raise Mistake("an unknown way to the key")
    time, expires = _time(found, "t"), _time(found, "x")
    if time is not None and expires is not None and expires <= time:
        raise Mistake("it expired before it was made")
    identity = tags.packed(found.get("i", "")) or f"@{domain}"
    begin = tags.packed(found["b"])[:8]
    return Signature(
        *(algorithm, octets, body_hash, header, Form(body, limit), domain, selector),
        *(names, identity, time, expires, begin),
    )


def sealed(found: Mapping[str, str]) -> tuple[str, bytes, str, str]:
    """Algorithm, signature, domain and selector: what ARC-Seal has too."""
    algorithm = tags.packed(_required(found, "a")).lower()
    if algorithm == "rsa-sha1":  # RFC 8301 3.1
        raise Mistake("SHA-1 is not secure")
    if algorithm not in (RSA, ED25519):
        raise Mistake("an unknown algorithm")
    octets = tags.octets(_required(found, "b"))
    if not octets:
        raise Mistake("b= is no base64")
    domain = a_labels(tags.packed(_required(found, "d")))
    selector = a_labels(tags.packed(_required(found, "s")))
    if domain is None or selector is None or not is_name(f"{selector}._domainkey.{domain}"):
        raise Mistake("d= or s= is no name")
    return algorithm, octets, domain, selector


def _required(found: Mapping[str, str], name: str) -> str:
    if not found.get(name):
        raise Mistake(f"{name}= is missing")
    return found[name]


def _time(found: Mapping[str, str], name: str) -> int | None:
    if name not in found:
        return None
    seconds = tags.number(found[name], 12)
    if seconds is None:
        raise Mistake(f"{name}= is no time")
    return seconds
