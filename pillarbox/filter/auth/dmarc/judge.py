"""Does the author's domain vouch for a message, and what does it ask for where not? RFC 9989 5.3."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pillarbox.filter.auth.dkim.verify import Dkim
from pillarbox.filter.auth.dkim.verify import Result as DkimResult
from pillarbox.filter.auth.dmarc.record import Policy, Record
from pillarbox.filter.auth.dmarc.walk import Trouble, Walk, Walker
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.auth.spf.check import Result as SpfResult
from pillarbox.filter.auth.spf.check import Spf
from pillarbox.filter.dns import Asking, Found, Kind, Question
from pillarbox.message.addresses import MISSING_DOMAIN, addresses
from pillarbox.message.header import unfolded

ALIGNED_LIMIT = 8  # domains of signatures that are compared; there are no more


class Result(StrEnum):
    """RFC 9989 5.3 in the words of RFC 8601: none where no policy applies."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Dmarc:
    """`author`: the domain shown as the sender's. `asked`: the policy its owner wants for a message that
    fails, test mode considered; `published` as written. The rest is what a row of an aggregate report needs
    (RFC 9990): where the policy stands, and which of the two checks was aligned."""

    result: Result
    author: str = ""
    asked: Policy = Policy.NONE
    published: Policy = Policy.NONE
    policy_domain: str = ""
    record: Record | None = None
    dkim_aligned: tuple[str, ...] = ()
    spf_aligned: bool = False
    reason: str = ""


def authors(fields: Sequence[Field]) -> tuple[str, ...]:
    """The domains of all From fields, in A-labels; "" for one that is none."""
    found: dict[str, None] = {}
    for each in fields:
        if each.name != b"from":
            continue
        for address in addresses(unfolded(each.value).strip()):
            if address.mailbox is None or address.host is None:  # the end, or the beginning, of a group
                continue
            host = "" if address.host == MISSING_DOMAIN else address.host.decode("utf-8", "replace")
            found[a_labels(host) or ""] = None
    return tuple(found)


def judge(fields: Sequence[Field], spf: Spf | None, dkim: Sequence[Dkim]) -> Asking[Dmarc]:
    """`spf`: None where the client's address is not the sender's, as behind a server that forwards to us;
    then nobody fails for want of it."""
    domains = authors(fields)
    if len(domains) != 1 or not domains[0] or sum(each.name == b"from" for each in fields) != 1:
        # RFC 9989 5.3.1: without precisely one author domain it is not possible.
        return Dmarc(Result.PERMERROR, reason="not exactly one domain in From")
    author = domains[0]
    walker = Walker()
    try:
        walk = yield from walker.walk(author)
    except Trouble:
        return Dmarc(Result.TEMPERROR, author, reason="the policy cannot be looked up")
    step = walk.applicable
    if step is None or (step.record.malformed and not step.record.reports):
        return Dmarc(Result.NONE, author)
    record = step.record
    try:
        published = yield from _published(record, author, step.name)
        aligned, by_spf = yield from _aligned(walker, walk, record, spf, dkim)
    except Trouble:
        return Dmarc(Result.TEMPERROR, author, reason="an organization cannot be looked up")
    asked = published
    if record.testing:  # RFC 9989 4.7: one level below
        asked = Policy.QUARANTINE if published is Policy.REJECT else Policy.NONE
    reason = ""
    if aligned or by_spf:
        result = Result.PASS
    elif (spf is not None and spf.result is SpfResult.TEMPERROR) or any(
        each.result is DkimResult.TEMPERROR for each in dkim
    ):
        # RFC 9989 5.3.6: where a question found no answer the message neither passes nor fails.
        result, reason = Result.TEMPERROR, "a check could not be made"
    elif spf is None:
        result, reason = Result.NONE, "SPF was not checked"
    else:
        result = Result.FAIL
    return Dmarc(result, author, asked, published, step.name, record, aligned, by_spf, reason)


def _published(record: Record, author: str, at: str) -> Asking[Policy]:
    """RFC 9989 4.10.1: p= at the author's own domain; from above sp=, or np= for a name that is not there."""
    if record.malformed:
        return Policy.NONE
    own = record.policy or Policy.NONE
    if at == author:
        return own
    below = record.subdomains or own
    if record.missing is None or record.missing is below:
        return below
    # RFC 9989 3.2.13: a name that is not there gives NXDOMAIN for A, AAAA and MX (RFC 8020: one is enough,
    # but servers exist that get this wrong).
    for kind in (Kind.A, Kind.AAAA, Kind.MX):
        answer = yield Question(author, kind)
        if answer.found is Found.TROUBLE:
            raise Trouble(author)
        if answer.found is not Found.NO_NAME:
            return below
    return record.missing


def _aligned(
    walker: Walker, walk: Walk, record: Record, spf: Spf | None, dkim: Sequence[Dkim]
) -> Asking[tuple[tuple[str, ...], bool]]:
    """(the domains of good signatures that are the author's, is the envelope's sender the author's)."""
    good = dict.fromkeys(each.domain for each in dkim if each.result is DkimResult.PASS)
    aligned: list[str] = []
    for domain in list(good)[:ALIGNED_LIMIT]:
        if (yield from _alike(walker, walk, domain, record.strict_dkim)):
            aligned.append(domain)
    by_spf = False
    # RFC 9989 4.4.2: the MAIL FROM identity; RFC 7208 2.4 makes it that of HELO for the null sender.
    if spf is not None and spf.result is SpfResult.PASS:
        sender = a_labels(spf.domain)
        by_spf = sender is not None and (yield from _alike(walker, walk, sender, record.strict_spf))
    return tuple(aligned), by_spf


def _alike(walker: Walker, walk: Walk, domain: str, strict: bool) -> Asking[bool]:
    if domain == walk.start:
        return True
    if strict:
        return False
    other = yield from walker.walk(domain)
    return other.organization == walk.organization


@dataclass(frozen=True, slots=True)
class Row:
    """What one message adds to an aggregate report for `domain` (RFC 9990): equal rows are counted."""

    domain: str
    reports: tuple[str, ...]
    source: str
    disposition: str  # "none" | "quarantine" | "reject"; RFC 9990 has "pass" where DMARC passed
    dkim: str
    spf: str
    header_from: str
    envelope_from: str
    published: Policy
    testing: bool
    signatures: tuple[tuple[str, str, str], ...]  # domain, selector, result
    sender_check: tuple[str, str]  # domain, result; RFC 9990 knows no scope but mfrom
    override: str = ""
    sizes: tuple[int, ...] = ()  # of `reports`
    policy: Policy = Policy.NONE  # p=, sp= and the rest as they are published at `domain`
    subdomains: Policy = Policy.NONE
    strict_dkim: bool = False
    strict_spf: bool = False
    failure_options: str = "0"


def row(
    dmarc: Dmarc,
    spf: Spf | None,
    dkim: Sequence[Dkim],
    *,
    source: str,
    sender: str,
    disposition: str,
    override: str = "",
) -> Row | None:
    """None where nobody asks for reports."""
    if dmarc.record is None or not dmarc.record.reports:
        return None
    return Row(
        domain=dmarc.policy_domain,
        reports=dmarc.record.reports,
        source=source,
        disposition="pass" if dmarc.result is Result.PASS else disposition,
        dkim="pass" if dmarc.dkim_aligned else "fail",
        spf="pass" if dmarc.spf_aligned else "fail",
        header_from=dmarc.author,
        envelope_from=sender.rpartition("@")[2].lower(),
        published=dmarc.published,
        testing=dmarc.record.testing,
        signatures=tuple((each.domain, each.selector, each.result.value) for each in dkim if each.domain),
        sender_check=(spf.domain, spf.result.value) if spf is not None else ("", "none"),
        override=override,
        sizes=dmarc.record.sizes,
        policy=dmarc.record.policy or Policy.NONE,
        subdomains=dmarc.record.subdomains or dmarc.record.policy or Policy.NONE,
        strict_dkim=dmarc.record.strict_dkim,
        strict_spf=dmarc.record.strict_spf,
        failure_options=dmarc.record.failure_options,
    )
