"""Delivery status notifications: messages that tell a sender what became of theirs (RFC 3461, 3464).

A report has three parts: words for people, fields for programs (RFC 3464), and what it is about. It comes
from the null sender, so that nobody ever reports on a report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pillarbox.delivery.outbound.conversation import xtext
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.queue.entries import REQUIRED, Letter, Waiting
from pillarbox.delivery.trace import date

MOST_RETURNED = 64 * 1024  # octets of a message that go back whole; of a longer one, its header does
LINE = 78


class Action(Enum):
    """RFC 3464 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


_SUBJECTS = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed",
    Action.DELIVERED: "Your message has been delivered",
    Action.RELAYED: "Your message has been handed on",
}
_WORDS = {
    Action.FAILED: "Your message could not be delivered to",
    Action.DELAYED: "Your message has not been delivered yet. You need not do anything: this goes on until",
    Action.DELIVERED: "Your message has been delivered to",
    Action.RELAYED: "Your message has been handed on to a system that will not tell more of it, for",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one recipient. `host` is the system that said so, "" for this one."""

    recipient: Waiting
    action: Action
    outcome: Outcome
    host: str = ""


def report(
    letter: Letter, told: Sequence[Told], content: bytes, *, hostname: str, now: int, until: int, name: str
) -> bytes:
    """The message to `letter.sender`. `until` is when a delayed one is given up; `name` makes it unique."""
    action = told[0].action
    boundary = f"=_{name}"
    # RFC 8689 5: of what has to be under TLS only the header goes back.
    whole = (
        letter.ret != "HDRS"
        and letter.tls != REQUIRED
        and action is Action.FAILED
        and len(content) <= MOST_RETURNED
    )
    # RFC 3461 4.3: without a word on it, the choice is ours.
    header = content[: content.find(b"\r\n\r\n") + 2] if b"\r\n\r\n" in content else content
    returned = content if whole else header
    eight = not returned.isascii() or not letter.sender.isascii()
    lines = [
        f"From: Mail delivery <postmaster@{hostname}>",
        f"To: <{letter.sender}>",
        f"Subject: {_SUBJECTS[action]}",
        f"Date: {date(now)}",
        f"Message-ID: <{name}@{hostname}>",
        "Auto-Submitted: auto-replied",  # RFC 3834 5
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {'8bit' if eight else '7bit'}",
        "",
        *_for_people(letter, told, action, hostname, until),
        "",
        f"--{boundary}",
        "Content-Type: message/delivery-status",
        "",
        *_for_programs(letter, told, hostname, now, until),
        f"--{boundary}",
        f"Content-Type: {_kind(letter, whole)}",
        *(("Content-Transfer-Encoding: 8bit",) if not returned.isascii() else ()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + returned + f"\r\n--{boundary}--\r\n".encode()


def _kind(letter: Letter, whole: bool) -> str:
    # RFC 6533 6: what may be UTF-8 in its header has types of its own.
    if letter.utf8:
        return "message/global" if whole else "message/global-headers"
    return "message/rfc822" if whole else "text/rfc822-headers"


def _for_people(letter: Letter, told: Sequence[Told], action: Action, hostname: str, until: int) -> list[str]:
    out = [f"This is the mail server {hostname}.", ""]
    out.append(_WORDS[action] + (f"\r\n{date(until)}, for" if action is Action.DELAYED else "") + ":")
    for each in told:
        out += ["", f"    {each.recipient.address}"]
        if action in (Action.FAILED, Action.DELAYED):
            out.append(f"    {each.host or hostname} says: {each.outcome.code} {each.outcome.text}")
    return out


def _for_programs(letter: Letter, told: Sequence[Told], hostname: str, now: int, until: int) -> list[str]:
    out = [f"Reporting-MTA: dns; {hostname}"]
    if letter.envid:
        out.append(f"Original-Envelope-Id: {xtext(letter.envid)}")  # RFC 3464 2.2.1
    out.append(f"Arrival-Date: {date(letter.arrived_at)}")
    if letter.wishes.by is not None:
        out.append(f"Deliver-By-Date: {date(letter.wishes.by.at)}")  # RFC 2852 5
    if letter.wishes.hold is not None:
        out.append(f"Future-Release-Request: {letter.wishes.hold.asked}")  # RFC 4865 5.1.2
    out.append("")
    for each in told:
        recipient, outcome = each.recipient, each.outcome
        if recipient.orcpt:
            out.append(f"Original-Recipient: {recipient.orcpt.replace(';', '; ', 1)}")
        kind = "rfc822" if recipient.address.isascii() else "utf-8"  # RFC 6533 3
        out.append(f"Final-Recipient: {kind}; {_utf8_xtext(recipient.address)}")
        out.append(f"Action: {each.action.value}")
        out.append(f"Status: {outcome.enhanced}")
        if each.host:
            out.append(f"Remote-MTA: dns; {each.host}")
            said = "".join(c if " " <= c <= "~" else "?" for c in outcome.text)
            out.append(f"Diagnostic-Code: smtp; {outcome.code} {outcome.enhanced} {said}")
        out.append(f"Last-Attempt-Date: {date(now)}")
        if each.action is Action.DELAYED:
            out.append(f"Will-Retry-Until: {date(until)}")
        out.append("")
    return out


def _utf8_xtext(address: str) -> str:
    """RFC 6533 3: utf-8-addr-unitext has no place in a body of 7 bits."""
    return "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in address)
