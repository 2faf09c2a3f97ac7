"""What is proposed, by evidence and policy."""

import pytest

from pillarbox.filter.auth.arc.chain import Arc, Link, Status
from pillarbox.filter.auth.dmarc.judge import Dmarc, Result
from pillarbox.filter.auth.dmarc.record import Policy as Asked
from pillarbox.filter.auth.dmarc.record import Record
from pillarbox.filter.auth.evidence import Evidence
from pillarbox.filter.auth.results import Method, Results
from pillarbox.filter.auth.spf.check import Identity, Spf
from pillarbox.filter.auth.spf.check import Result as SpfResult
from pillarbox.filter.auth.verdict import Action, Obey, Policy, propose

ACCEPT, QUARANTINE, REJECT = Action
NOTHING = Arc(Status.NONE)


def evidence(
    result: Result, asked: Asked = Asked.NONE, arc: Arc = NOTHING, lists: bool = False, spf: str = "none"
) -> Evidence:
    dmarc = Dmarc(result, "example.org", asked, asked, "example.org", Record(asked))
    return Evidence(Spf(SpfResult(spf), Identity.MAIL_FROM, "x.test"), (), dmarc, arc, lists=lists)


def link(domain: str, result: str = "pass", author: str = "example.org") -> Link:
    return Link(domain, Results(f"mx.{domain}", (Method("dmarc", result, (("header.from", author),)),)))


@pytest.mark.parametrize(
    "asked, obey, action, override",
    [
        (Asked.REJECT, Obey.QUARANTINE, QUARANTINE, "local_policy"),
        (Asked.REJECT, Obey.REJECT, REJECT, ""),
        (Asked.REJECT, Obey.NOTE, ACCEPT, "local_policy"),
        (Asked.QUARANTINE, Obey.REJECT, QUARANTINE, ""),
        (Asked.QUARANTINE, Obey.NOTE, ACCEPT, "local_policy"),
        (Asked.NONE, Obey.REJECT, ACCEPT, ""),
    ],
)
def test_a_failure_leads_to_what_is_asked_as_far_as_it_is_obeyed(
    asked: Asked, obey: Obey, action: Action, override: str
) -> None:
    found = propose(evidence(Result.FAIL, asked), Policy(dmarc=obey))
    assert (found.action, found.override) == (action, override)


@pytest.mark.parametrize("result", [Result.PASS, Result.NONE, Result.TEMPERROR])
def test_whatever_is_no_failure_is_accepted(result: Result) -> None:
    assert propose(evidence(result, Asked.REJECT), Policy(dmarc=Obey.REJECT)).action is ACCEPT


def test_authors_that_cannot_be_told_are_suspicious() -> None:
    found = evidence(Result.PERMERROR)
    assert propose(found, Policy(dmarc=Obey.REJECT)).action is QUARANTINE
    assert propose(found, Policy(dmarc=Obey.NOTE)).action is ACCEPT


def test_lists_are_not_rejected() -> None:
    found = propose(evidence(Result.FAIL, Asked.REJECT, lists=True), Policy(dmarc=Obey.REJECT))
    assert (found.action, found.override) == (QUARANTINE, "mailing_list")


@pytest.mark.parametrize(
    "links, action",
    [
        ((link("good.test"),), ACCEPT),
        ((link("evil.test"), link("good.test")), ACCEPT),  # the good one saw it pass itself
        ((link("good.test"), link("evil.test")), REJECT),
        ((link("evil.test"), link("good.test", "fail")), REJECT),
        ((link("good.test"), link("fine.test", "fail")), ACCEPT),
        ((link("good.test", author="other.test"),), REJECT),
        ((Link("good.test", None),), REJECT),
    ],
)
def test_the_word_of_trusted_servers_counts(links: tuple[Link, ...], action: Action) -> None:
    policy = Policy(Obey.REJECT, sealers=frozenset({"good.test", "fine.test"}))
    assert propose(evidence(Result.FAIL, Asked.REJECT, Arc(Status.PASS, links)), policy).action is action
    broken = evidence(Result.FAIL, Asked.REJECT, Arc(Status.FAIL, links))
    assert propose(broken, policy).action is REJECT


def test_spf_alone() -> None:
    failed = evidence(Result.NONE, spf="fail")
    assert propose(failed, Policy()).action is ACCEPT
    assert propose(failed, Policy(spf=Obey.REJECT)).action is REJECT
    assert propose(evidence(Result.PASS, spf="fail"), Policy(spf=Obey.REJECT)).action is ACCEPT
    assert propose(evidence(Result.NONE, spf="softfail"), Policy(spf=Obey.REJECT)).action is ACCEPT
