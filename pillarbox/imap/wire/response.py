"""Status responses and their response codes (RFC 9051 7.1; RFC 3501 7.1), and continuation requests."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from pillarbox.model.errors import Code
from pillarbox.model.numbers import Runs

Condition = Literal["OK", "NO", "BAD", "BYE", "PREAUTH"]


class Mark(Enum):
    """Codes without arguments that are no reason for a refusal; those are `model.errors.Code`."""

    ALERT = "ALERT"
    CLOSED = "CLOSED"
    PARSE = "PARSE"
    READ_ONLY = "READ-ONLY"
    READ_WRITE = "READ-WRITE"
    UIDNOTSTICKY = "UIDNOTSTICKY"
    USEATTR = "USEATTR"  # RFC 6154 6


@dataclass(frozen=True, slots=True)
class BadCharset:
    """The charsets that are supported; () leaves the list out."""

    charsets: tuple[str, ...] = ()


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
class MailboxId:
    """RFC 8474 4.1, 4.2."""

    id: str


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


ResponseCode = (
    Code
    | Mark
    | BadCharset
    | CapabilityCode
    | PermanentFlags
    | UidNext
    | UidValidity
    | Unseen
    | HighestModseq
    | MailboxId
    | AppendUid
    | CopyUid
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
