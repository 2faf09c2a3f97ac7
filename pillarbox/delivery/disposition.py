"""What shall become of a message, decided from the evidence. Pure, and carried out elsewhere."""

from dataclasses import dataclass

from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.steps import Evidence
from pillarbox.delivery.steps.authentication import Authenticity
from pillarbox.delivery.steps.detail import Detail
from pillarbox.delivery.steps.greylisted import Greylisted
from pillarbox.delivery.steps.hops import MAX_HOPS, Hops
from pillarbox.delivery.steps.listed import Listed
from pillarbox.delivery.steps.reverse import Reverse
from pillarbox.filter.auth.iprev import Iprev, Result
from pillarbox.filter.auth.verdict import Action
from pillarbox.model.flags import FlagSet
from pillarbox.model.names import INBOX, Role

LOOP = Outcome(554, "5.4.6", "Too many hops: the message is going round in circles")


@dataclass(frozen=True, slots=True)
class File:
    """Into the mailbox for `role`, else into the mailbox `path`, or, where there is none such, into INBOX."""

    path: str = INBOX
    flags: FlagSet = ()
    reasons: tuple[str, ...] = ()
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    outcome: Outcome
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    address: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discard:
    reasons: tuple[str, ...] = ()


Disposition = File | Reject | Redirect | Discard


def judge(evidence: tuple[Evidence, ...]) -> Disposition:
    """The one disposition. What protects the system comes before what the recipient wishes."""
    disposition: Disposition = File()
    junk: tuple[str, ...] = ()
    for each in evidence:
        match each:
            case Reverse(iprev, required=True) if iprev.result is not Result.PASS:
                return Reject(_nameless(iprev), (f"iprev={iprev.result.value}",))
            case Listed() if each.weight >= each.refuse_from:
                return Reject(Outcome(554, "5.7.1", each.reason), (each.reason,))
            case Greylisted(seconds):
                return Reject(Outcome(451, "4.7.1", f"Come again in {seconds} seconds"), ("greylisted",))
            case Hops(count) if count > MAX_HOPS:
                return Reject(LOOP, (f"{count} Received fields",))
            case Authenticity(verdict=verdict) if verdict.action is Action.REJECT:
                return Reject(Outcome(550, "5.7.26", f"Not taken: {verdict.reason}"), (verdict.reason,))
            case Authenticity(verdict=verdict) if verdict.action is Action.QUARANTINE:
                junk += (verdict.reason,)
            case Listed() if each.weight >= each.junk_from:
                junk += (each.reason,)
            case Detail(text):
                disposition = File(text, reasons=(f"addressed to +{text}",))
    return File(role=Role.JUNK, flags=("$Junk",), reasons=junk) if junk else disposition


def _nameless(iprev: Iprev) -> Outcome:
    # RFC 7372 3.4
    if iprev.result is Result.TEMPERROR:
        return Outcome(450, "4.7.25", f"The name of {iprev.address} cannot be looked up at the moment")
    return Outcome(550, "5.7.25", f"{iprev.address} has no name that leads back to it")
