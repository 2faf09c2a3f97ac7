"""Status responses and their response codes (RFC 9051 7.1; RFC 3501 7.1), and continuation requests."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal

from pillarbox.imap.wire import charset
from pillarbox.imap.wire.limits import STATUS_TEXT
from pillarbox.imap.wire.strings import Kind, quoted
from pillarbox.model.errors import Code
from pillarbox.model.numbers import Runs
from pillarbox.model.numbers import text as set_text

_UNFIT = re.compile("[^\x20-\x7e]")
_UNFIT_IN_CODE = re.compile(rb"[^\x21-\x5c\x5e-\x7e]")

Condition = Literal["OK", "NO", "BAD", "BYE", "PREAUTH"]


class Mark(Enum):
    """Codes without arguments that are no reason for a refusal; those are `model.errors.Code`."""

    ALERT = "ALERT"
    CLOSED = "CLOSED"
    NOTIFICATIONOVERFLOW = "NOTIFICATIONOVERFLOW"  # RFC 5465 5.8
    PARSE = "PARSE"
    READ_ONLY = "READ-ONLY"
    READ_WRITE = "READ-WRITE"
    UIDNOTSTICKY = "UIDNOTSTICKY"
    UIDREQUIRED = "UIDREQUIRED"  # RFC 9586 3


@dataclass(frozen=True, slots=True)
class CapabilityCode:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PermanentFlags:
    """What can be stored for good; with `\\*` when new keywords can be."""

    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UidNext:
    uid: int


@dataclass(frozen=True, slots=True)
class UidValidity:
    value: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """RFC 3501 7.1: the number of the first message without \\Seen."""

    number: int


@dataclass(frozen=True, slots=True)
class HighestModseq:
    """RFC 7162 3.1.2.1."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Modified:
    """RFC 7162 3.1.3: the messages that failed UNCHANGEDSINCE, by number or, for UID STORE, by UID."""

    numbers: Runs


@dataclass(frozen=True, slots=True)
class MailboxId:
    """RFC 8474 4.1, 4.2."""

    id: str


@dataclass(frozen=True, slots=True)
class ObjectIdCode:
    """OBJECTID+ (draft-ietf-mailmaint-imap-objectid-bis 3): keys and identifiers in turn."""

    compound: str


@dataclass(frozen=True, slots=True)
class AppendUid:
    """`uids` in the order of the messages (RFC 9051 7.1)."""

    uidvalidity: int
    uids: Runs


@dataclass(frozen=True, slots=True)
class CopyUid:
    """Source and target UIDs, pairwise in the same order."""

    uidvalidity: int
    source: Runs
    target: Runs


@dataclass(frozen=True, slots=True)
class BadEvent:
    """RFC 5465 3.1: the events that NOTIFY does know."""

    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageLimit:
    """RFC 9738 3.1: the most messages of one command, and the lowest UID it would get to."""

    limit: int
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class NoUpdate:
    """RFC 5267 4.3.1: there are no updates, or no more, to the results of the command `tag`."""

    tag: bytes


@dataclass(frozen=True, slots=True)
class InProgress:
    """RFC 9585 4: how far the command `tag` is; `goal` None when it is not known, `done` likewise."""

    tag: bytes
    done: int | None = None
    goal: int | None = None


@dataclass(frozen=True, slots=True)
class BadUrl:
    """RFC 4469 4.1: the first URL of an APPEND that names no part of a message, as it was written."""

    url: bytes


@dataclass(frozen=True, slots=True)
class UrlMech:
    """RFC 4467 BASE.7.1.URLMECH: how URLs can be authorized, INTERNAL and what else there is."""


ResponseCode = (
    Code
    | Mark
    | CapabilityCode
    | PermanentFlags
    | UidNext
    | UidValidity
    | Unseen
    | HighestModseq
    | Modified
    | MailboxId
    | ObjectIdCode
    | AppendUid
    | CopyUid
    | BadEvent
    | MessageLimit
    | NoUpdate
    | InProgress
    | BadUrl
    | UrlMech
)


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """`tag OK [code] text`, or `* ...` when `tag` is None."""

    tag: bytes | None
    condition: Condition
    text: str
    code: ResponseCode | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """`+ text`: the server waits for a literal, or idles."""

    text: str


def ok(tag: bytes | None, text: str, code: ResponseCode | None = None) -> StatusResponse:
    return StatusResponse(tag, "OK", text, code)


def no(tag: bytes | None, text: str, code: ResponseCode | None = None) -> StatusResponse:
    return StatusResponse(tag, "NO", text, code)


def bad(tag: bytes | None, text: str, code: ResponseCode | None = None) -> StatusResponse:
    return StatusResponse(tag, "BAD", text, code)


def bye(text: str, code: ResponseCode | None = None) -> StatusResponse:
    return StatusResponse(None, "BYE", text, code)


def preauth(text: str, code: ResponseCode | None = None) -> StatusResponse:
    return StatusResponse(None, "PREAUTH", text, code)


def encode_status(response: StatusResponse, kind: Kind) -> bytes:
    """response-tagged = tag SP resp-cond-state CRLF"""
    tag = response.tag or b"*"
    if response.code is None:
        return tag + _plain(response.condition, response.text)
    if isinstance(response.code, Code | Mark):
        return tag + _coded(response.condition, response.code, response.text)
    return tag + _with_code(response.condition, response.code, response.text)


@lru_cache(maxsize=256)
def _coded(condition: Condition, code: Code | Mark, text: str) -> bytes:
    """`_with_code` for those without arguments."""
    return _with_code(condition, code, text)


def _with_code(condition: Condition, code: ResponseCode, text: str) -> bytes:
    return f" {condition} [{_code(code)}] {_text(text)}\r\n".encode("ascii")


@lru_cache(maxsize=256)
def _plain(condition: Condition, text: str) -> bytes:
    """All but the tag: how most commands end, in the same few words."""
    text = _text(text)
    if text.startswith("["):
        text = "(" + text[1:]  # or the client would read a response code
    return f" {condition} {text}\r\n".encode("ascii")


def encode_continue(response: Continue, kind: Kind) -> bytes:
    return b"+ " + _text(response.text).encode("ascii") + b"\r\n"


def _text(text: str) -> str:
    """Human text that fits: printable ASCII, never empty, never long. It may quote what a peer wrote.

    RFC 9051 9 (text): other characters only after ENABLE IMAP4rev2; ours are English sentences anyway.
    """
    return _UNFIT.sub("?", text[:STATUS_TEXT]) or "-"


def _code(code: ResponseCode) -> str:
    match code:
        case Code.BADCHARSET:
            return f"BADCHARSET ({' '.join(charset.NAMES)})"  # RFC 9051 7.1
        case Code() | Mark():
            name: str = code.value
            return name
        case CapabilityCode(names):
            return f"CAPABILITY {' '.join(names)}"
        case PermanentFlags(flags):
            return f"PERMANENTFLAGS ({' '.join(flags)})"
        case UidNext(uid):
            return f"UIDNEXT {uid}"
        case UidValidity(value):
            return f"UIDVALIDITY {value}"
        case Unseen(number):
            return f"UNSEEN {number}"
        case HighestModseq(modseq):
            return f"HIGHESTMODSEQ {modseq}"
        case Modified(numbers):
            return f"MODIFIED {set_text(numbers)}"
        case MailboxId(id):
            return f"MAILBOXID ({id})"
        case ObjectIdCode(compound):
            return f"OBJECTID ({compound})"
        case AppendUid(uidvalidity, uids):
            return f"APPENDUID {uidvalidity} {set_text(uids)}"
        case CopyUid(uidvalidity, source, target):
            return f"COPYUID {uidvalidity} {set_text(source)} {set_text(target)}"
        case BadEvent(events):
            return f"BADEVENT ({' '.join(events)})"
        case MessageLimit(limit, uid):
            return f"MESSAGELIMIT {limit}" if uid is None else f"MESSAGELIMIT {limit} {uid}"
        case NoUpdate(tag):
            return f"NOUPDATE {quoted(tag).decode('ascii')}"
        case InProgress(tag, done, goal):
            # RFC 9585 4: NIL for a tag that would end the response code.
            spelled = "NIL" if b"]" in tag else quoted(tag).decode("ascii")
            return f"INPROGRESS ({spelled} {_or_nil(done)} {_or_nil(goal)})"
        case BadUrl(url):
            return f"BADURL {_url(url)}"
        case UrlMech():
            return "URLMECH INTERNAL"


def _url(written: bytes) -> str:
    """url-resp-text (RFC 4469 5). What no URL may hold is spelled as a URL would spell it."""
    return _UNFIT_IN_CODE.sub(lambda found: b"%%%02X" % found[0][0], written).decode("ascii")


def _or_nil(number: int | None) -> str:
    return "NIL" if number is None else str(number)
