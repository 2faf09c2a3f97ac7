"""What makes mail of the domain believed elsewhere: SPF, DKIM, DMARC."""

from pillarbox.app.publishing.cost import cost
from pillarbox.app.publishing.finding import Finding, State, absent, right, wrong
from pillarbox.app.publishing.records import Record, Topic
from pillarbox.app.publishing.setup import Setup
from pillarbox.filter.auth import tags
from pillarbox.filter.auth.dkim.key import NoKey
from pillarbox.filter.auth.dkim.key import parse as parse_key
from pillarbox.filter.auth.dmarc.record import Policy
from pillarbox.filter.auth.dmarc.record import parse as parse_dmarc
from pillarbox.filter.auth.domains import a_labels, within
from pillarbox.filter.auth.spf.check import TERM_LIMIT, Result, check
from pillarbox.filter.auth.spf.record import Mistake, is_spf, parse
from pillarbox.filter.dns import Asking, Kind, Question


def policy(setup: Setup, record: Record) -> Asking[list[Finding]]:
    """One policy, within its limits, that names this server and not everybody."""
    answer = yield Question(record.name, Kind.TXT)
    found = [text for text in answer.values if is_spf(text)]
    if not found:
        return [absent(record, answer)]
    if len(found) > 1:
        return [wrong(record, f"there are {len(found)} policies, and one is allowed; others ignore them all")]
    try:
        parsed = parse(found[0])
    except Mistake as mistake:
        return [wrong(record, f"it is malformed: {mistake}")]
    asked = yield from cost(parsed)
    if asked > TERM_LIMIT:
        return [wrong(record, f"it asks the DNS {asked} times; with more than {TERM_LIMIT} it is void")]
    if any(each.name == "all" and each.qualifier == "+" for each in parsed.mechanisms):
        return [wrong(record, "+all lets everybody send for the domain")]
    notes = []
    if any(each.name == "ptr" for each in parsed.mechanisms):
        notes.append("ptr is slow, and not to be used any more (RFC 7208 5.5)")
    if parsed.redirect is None and not any(each.name == "all" for each in parsed.mechanisms):
        notes.append("without an all at its end it says nothing of other servers")
    if setup.smarthost and record.topic is Topic.SPF:
        notes.append("mail leaves by another server, which the policy has to name; that was not looked at")
        return [right(record, *notes)]
    for kind in (Kind.A, Kind.AAAA):
        addresses = yield Question(setup.host, kind)
        for address in addresses.values:
            sender = f"postmaster@{record.name}" if record.topic is Topic.SPF else ""
            judged = yield from check(address, sender, setup.host, receiver=setup.host)
            if judged.result is Result.TEMPERROR:
                return [Finding(record, State.UNKNOWN, judged.problem)]
            if judged.result is Result.PERMERROR:
                return [wrong(record, f"it is in error: {judged.problem}")]
            if judged.result is not Result.PASS:
                return [
                    wrong(record, f"it does not name this server: mail from {address} is {judged.result}")
                ]
    return [right(record, *notes)]


def key(record: Record) -> Asking[list[Finding]]:
    """The key that this server signs with, and no other."""
    answer = yield Question(record.name, Kind.TXT)
    if not answer.values:
        return [absent(record, answer, "without it what is signed fails")]
    if len(answer.values) > 1:
        return [wrong(record, "there is more than one key by that name")]
    published, ours = answer.values[0], tags.parse(record.value) or {}
    try:
        parse_key(published, f"{ours.get('k', 'rsa')}-sha256")
    except NoKey as reason:
        return [wrong(record, str(reason))]
    found = tags.parse(published) or {}
    if tags.packed(found.get("p", "")) != tags.packed(ours.get("p", "")):
        return [wrong(record, "the key is not the one this server signs with")]
    testing = "y" in tags.packed(found.get("t", "")).split(":")
    return [right(record, "t=y says that signatures are only tried out" if testing else "")]


def dmarc(setup: Setup, record: Record) -> Asking[list[Finding]]:
    answer = yield Question(record.name, Kind.TXT)
    found = [parsed for parsed in map(parse_dmarc, answer.values) if parsed is not None]
    if not found:
        if answer.values:
            return [wrong(record, "what is there is no DMARC record; it begins with v=DMARC1")]
        return [absent(record, answer)]
    if len(found) > 1:
        return [wrong(record, f"there are {len(found)} records; others ignore them all")]
    [published] = found
    if published.malformed:
        return [wrong(record, "its p= is none of none, quarantine and reject")]
    notes = []
    for uri in published.reports:
        reader = a_labels(uri.rpartition("@")[2]) if uri.lower().startswith("mailto:") else None
        if reader and not within(reader, setup.domain) and not within(setup.domain, reader):
            # RFC 9990 4: reports go to another domain only where that domain says that it wants them.
            consent = yield Question(f"{setup.domain}._report._dmarc.{reader}", Kind.TXT)
            if not any(text.startswith("v=DMARC1") for text in consent.values):
                return [wrong(record, f"{reader} does not say that it takes reports on {setup.domain}")]
    if published.policy is Policy.NONE:
        notes.append("p=none: others report, and do nothing; when reports are good, say p=quarantine")
    if published.testing:
        notes.append("t=y: the policy is only tried out")
    if not published.reports:
        notes.append("without rua= nobody tells you what fails")
    return [right(record, *notes)]
