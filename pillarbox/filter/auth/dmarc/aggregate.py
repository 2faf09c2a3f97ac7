"""An aggregate report as XML, gzipped, and what it is called (RFC 7489 7.2.1.1, appendix C). Pure."""

import gzip
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from pillarbox.filter.auth.dmarc.judge import Row

# Deviates: RFC 9990 3.1: reports have the form of RFC 7489, which all who read reports know; of what is new
# it lacks how the policy was found, np=, and that a domain is in test mode, which stands in the reason.
NAMESPACE = "http://dmarc.org/dmarc-xml/0.1"
SIGNATURES_LIMIT = 100  # of a row: RFC 9990 3.1.3
TEXT_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Period:
    """Seconds since 1970; `end` is the last of them."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Counted:
    row: Row
    count: int


def report_id(domain: str, submitter: str, period: Period) -> str:
    """The same for the same report, however often it is made (RFC 7489 7.2.1.1)."""
    digest = hashlib.sha256(f"{domain}\0{submitter}\0{period.begin}".encode()).hexdigest()[:20]
    return f"{period.begin}.{digest}"


def file_name(domain: str, submitter: str, period: Period) -> str:
    """RFC 7489 7.2.1.1: filename."""
    return f"{submitter}!{domain}!{period.begin}!{period.end}.xml.gz"


def subject(domain: str, submitter: str, id: str) -> str:
    """RFC 7489 7.2.1.1: dmarc-subject."""
    return f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{id}@{submitter}>"


def compressed(xml: bytes) -> bytes:
    return gzip.compress(xml, mtime=0)


def written(rows: Sequence[Counted], submitter: str, contact: str, period: Period) -> bytes:
    """`rows` are of one domain, at least one; the policy is that of the last."""
    last = rows[-1].row
    root = Element("feedback", xmlns=NAMESPACE)
    _text(root, version="1.0")
    about = SubElement(root, "report_metadata")
    _text(about, org_name=submitter, email=contact, report_id=report_id(last.domain, submitter, period))
    _text(SubElement(about, "date_range"), begin=period.begin, end=period.end)
    _text(
        SubElement(root, "policy_published"),
        domain=last.domain,
        adkim="s" if last.strict_dkim else "r",
        aspf="s" if last.strict_spf else "r",
        p=last.policy,
        sp=last.subdomains,
        pct=100,
        fo=last.failure_options,
    )
    for each in rows:
        _record(root, each)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _record(root: Element, each: Counted) -> None:
    row = each.row
    record = SubElement(root, "record")
    line = SubElement(record, "row")
    # The schema has no "::" in addresses of IPv6.
    _text(line, source_ip=ip_address(row.source).exploded, count=each.count)
    done = SubElement(line, "policy_evaluated")
    disposition = "none" if row.disposition == "pass" else row.disposition
    _text(done, disposition=disposition, dkim=row.dkim, spf=row.spf)
    if row.override:
        _text(SubElement(done, "reason"), type=row.override)
    elif row.testing and row.disposition != "pass":
        _text(SubElement(done, "reason"), type="other", comment="the policy is in test mode")
    _text(SubElement(record, "identifiers"), envelope_from=row.envelope_from, header_from=row.header_from)
    results = SubElement(record, "auth_results")
    for domain, selector, result in row.signatures[:SIGNATURES_LIMIT]:
        _text(SubElement(results, "dkim"), domain=domain, selector=selector, result=result)
    domain, result = row.sender_check
    scope = "mfrom" if row.envelope_from else "helo"
    _text(SubElement(results, "spf"), domain=domain, scope=scope, result=result)


def _text(parent: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = _clean(str(value))


def _clean(text: str) -> str:
    """XML 1.0 2.2: what senders write may hold what XML may not."""
    return "".join(c if c.isprintable() else "?" for c in text[:TEXT_LIMIT])


def total(rows: Iterable[Counted]) -> tuple[int, int]:
    """Messages, and how many of them passed."""
    counts = [(each.count, each.row.disposition == "pass") for each in rows]
    return sum(count for count, _ in counts), sum(count for count, passed in counts if passed)
