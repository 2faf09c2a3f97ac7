"""All that was found out about who a message is from, and how it is written down for later readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pillarbox.filter.auth import results
from pillarbox.filter.auth.arc import chain
from pillarbox.filter.auth.arc.chain import Arc, Status
from pillarbox.filter.auth.dkim import verify
from pillarbox.filter.auth.dkim.body import Form, Hashed
from pillarbox.filter.auth.dkim.verify import Dkim
from pillarbox.filter.auth.dmarc import judge
from pillarbox.filter.auth.dmarc.judge import Dmarc
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.auth.results import Method
from pillarbox.filter.auth.spf import check as spf_check
from pillarbox.filter.auth.spf.check import Identity, Spf
from pillarbox.filter.dns import Asking


@dataclass(frozen=True, slots=True)
class Sender:
    """The envelope, as far as it says who sends. `address` "": not known, so SPF cannot be asked."""

    address: str
    helo: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """`spf`: of the MAIL FROM identity; None where nobody knows the client. `lists`: does the message say
    that a mailing list sent it?"""

    spf: Spf | None
    dkim: tuple[Dkim, ...]
    dmarc: Dmarc
    arc: Arc
    helo: Spf | None = None
    lists: bool = False


def forms(fields: Sequence[Field]) -> list[Form]:
    """How the body has to be hashed for `examine`."""
    return [*verify.forms(fields), *chain.forms(fields)]


def examine(
    sender: Sender, fields: Sequence[Field], bodies: Mapping[Form, Hashed], *, receiver: str, now: float
) -> Asking[Evidence]:
    spf = helo = None
    if sender.address:
        if sender.mail_from:
            helo = yield from spf_check.check(
                sender.address, "", sender.helo, receiver=receiver, now=now, identity=Identity.HELO
            )
        spf = yield from spf_check.check(
            sender.address, sender.mail_from, sender.helo, receiver=receiver, now=now
        )
    dkim = yield from verify.verify(fields, bodies, now)
    dmarc = yield from judge.judge(fields, spf, dkim)
    arc = yield from chain.check(fields, bodies)
    lists = any(each.name == b"list-id" for each in fields)
    return Evidence(spf, dkim, dmarc, arc, helo, lists)


def methods(evidence: Evidence, sender: Sender) -> tuple[Method, ...]:
    """For Authentication-Results (RFC 8601 2.7, RFC 8617 6, RFC 9989 9.1)."""
    found: list[Method] = []
    if evidence.helo is not None and evidence.helo.result is not spf_check.Result.NONE:
        found.append(_spf(evidence.helo, (("smtp.helo", sender.helo),)))
    if evidence.spf is not None:
        name, value = "smtp.helo", sender.helo
        if sender.mail_from:
            # RFC 8601 2.2: what is no plain address is named by its domain alone.
            plain = results.is_bare(sender.mail_from)
            name, value = "smtp.mailfrom", sender.mail_from if plain else evidence.spf.domain
        found.append(_spf(evidence.spf, ((name, value),)))
    found += [_dkim(each) for each in evidence.dkim] or [Method("dkim", "none")]
    dmarc = evidence.dmarc
    found.append(
        Method(
            "dmarc",
            dmarc.result.value,
            (
                ("header.from", dmarc.author),
                ("policy.published-domain-policy", dmarc.published.value if dmarc.record else ""),
            ),
            dmarc.reason,
        )
    )
    arc = evidence.arc
    if arc.status is not Status.NONE:
        oldest = "" if arc.oldest_pass is None else str(arc.oldest_pass)
        properties = (("smtp.remote-ip", sender.address), ("header.oldest-pass", oldest))
        found.append(Method("arc", arc.status.value, properties, arc.reason))
    return tuple(found)


def _spf(spf: Spf, properties: tuple[tuple[str, str], ...]) -> Method:
    return Method("spf", spf.result.value, properties, spf.problem)


def _dkim(dkim: Dkim) -> Method:
    properties = (
        ("header.d", dkim.domain),
        ("header.i", dkim.identity if dkim.identity != f"@{dkim.domain}" else ""),
        ("header.s", dkim.selector),
        ("header.a", dkim.algorithm),
        ("header.b", dkim.begin),
    )
    return Method("dkim", dkim.result.value, properties, dkim.reason, "test mode" if dkim.testing else "")


def field(evidence: Evidence, sender: Sender, authserv_id: str, before: Sequence[Method] = ()) -> bytes:
    """The Authentication-Results field with its CRLF. `before`: what else was found out."""
    return results.field(authserv_id, (*before, *methods(evidence, sender)))
