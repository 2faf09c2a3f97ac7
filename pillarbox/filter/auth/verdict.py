"""From evidence to what is proposed to be done with a message, by the policy of this server. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pillarbox.filter.auth.arc.chain import Arc, Status
from pillarbox.filter.auth.dmarc.judge import Result as DmarcResult
from pillarbox.filter.auth.dmarc.record import Policy as Asked
from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.auth.evidence import Evidence
from pillarbox.filter.auth.spf.check import Result as SpfResult


class Action(StrEnum):
    ACCEPT = "accept"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Obey(StrEnum):
    """What a failure may lead to at most."""

    NOTE = "note"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Policy:
    """`dmarc`: how far what domains ask for is done. `spf`: the same for a sender whose domain says that it
    does not send from there. `sealers`: whose ARC seals are believed.

    RFC 9989 7.4: a message must not be rejected for p=reject alone, because mailing lists break what it
    builds on; without other knowledge it is to be quarantined. That is the default; REJECT says that the
    operator has other knowledge, and is not obeyed for what comes from a mailing list.
    """

    dmarc: Obey = Obey.QUARANTINE
    spf: Obey = Obey.NOTE
    sealers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` for people, in the log and in a reply. `override`: why less is done than the domain asks for,
    in the words of an aggregate report (RFC 9990)."""

    action: Action
    reason: str = ""
    override: str = ""


_ACTIONS = {Asked.NONE: Action.ACCEPT, Asked.QUARANTINE: Action.QUARANTINE, Asked.REJECT: Action.REJECT}
_MOST = {Obey.NOTE: Action.ACCEPT, Obey.QUARANTINE: Action.QUARANTINE, Obey.REJECT: Action.REJECT}
_ORDER = (Action.ACCEPT, Action.QUARANTINE, Action.REJECT)


def propose(evidence: Evidence, policy: Policy) -> Verdict:
    dmarc = evidence.dmarc
    if dmarc.result is DmarcResult.PASS:
        return Verdict(Action.ACCEPT)
    if dmarc.result is DmarcResult.FAIL:
        return _failed(evidence, policy)
    if dmarc.result is DmarcResult.PERMERROR and policy.dmarc is not Obey.NOTE:
        # RFC 9989 11.5: several authors, or none, are a way around the policies of all.
        return Verdict(Action.QUARANTINE, "it names not exactly one author's domain in From")
    spf = evidence.spf
    if spf is not None and spf.result is SpfResult.FAIL and policy.spf is not Obey.NOTE:
        return Verdict(_MOST[policy.spf], f"{spf.domain} does not send from there (SPF)")
    return Verdict(Action.ACCEPT)


def _failed(evidence: Evidence, policy: Policy) -> Verdict:
    dmarc = evidence.dmarc
    asked = _ACTIONS[dmarc.asked]
    if asked is Action.ACCEPT:
        return Verdict(asked)
    if trusted(evidence.arc, dmarc.author, policy.sealers):
        return Verdict(Action.ACCEPT, "passed where a trusted server received it (ARC)", "trusted_forwarder")
    most = _MOST[policy.dmarc]
    if evidence.lists and most is Action.REJECT:
        most = Action.QUARANTINE
    action = min(asked, most, key=_ORDER.index)
    reason = (
        f"{dmarc.author} did not send it, and {dmarc.policy_domain} asks to {asked.value} such mail (DMARC)"
    )
    if action is asked:
        return Verdict(action, reason)
    return Verdict(action, reason, "mailing_list" if evidence.lists else "local_policy")


def trusted(arc: Arc, author: str, sealers: frozenset[str]) -> bool:
    """Did a server that we believe see the message pass for this author, with none but such after it?"""
    if arc.status is not Status.PASS:
        return False
    for link in reversed(arc.links):
        if link.domain not in sealers:
            return False
        for method in link.said.methods if link.said is not None else ():
            named = dict(method.properties).get("header.from", "")
            if method.method == "dmarc" and method.result == "pass" and a_labels(named) == author:
                return True
    return False
