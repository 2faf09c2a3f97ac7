"""The fields that delivery puts before a message: Return-Path, Delivered-To, Received."""

from email.utils import formatdate

from pillarbox.delivery.envelope import Envelope, Origin


def fields(envelope: Envelope, path: str, hostname: str, at: float, findings: bytes = b"") -> bytes:
    """Trace fields for the recipient `path`.

    RFC 5321 4.4: final delivery puts the return-path line at the beginning; Received comes before any
    other trace field. Delivered-To is RFC 9228: who it was delivered as. `findings` of this hop go above its
    Received field (RFC 8601 4.1, RFC 7208 9.1).
    """
    first = f"Return-Path: <{envelope.sender}>\r\nDelivered-To: {path}\r\n"
    last = (
        f"Received: {_from(envelope.origin)}by {hostname}{_with(envelope.origin)} id {envelope.id}\r\n"
        f"\tfor <{path}>{_priority(envelope.priority)}; {date(at)}\r\n"
    )
    return first.encode() + findings + last.encode()


def received(origin: Origin | None, hostname: str, id: str, at: float, priority: int = 0) -> bytes:
    """The Received field of what is sent on. It names no recipient: there may be several."""
    told = f" id {id}{_priority(priority)}"
    return f"Received: {_from(origin)}by {hostname}{_with(origin)}{told};\r\n\t{date(at)}\r\n".encode()


def _priority(priority: int) -> str:
    return f" PRIORITY {priority}" if priority else ""  # RFC 6710 4.1, 2 and 7


def date(at: float) -> str:
    """RFC 5322 3.3 date-time, in UTC."""
    return formatdate(at).removesuffix("-0000") + "+0000"


def _from(origin: Origin | None) -> str:
    if origin is None:
        return ""
    if not origin.address:
        return f"from {origin.helo}\r\n\t"
    literal = f"IPv6:{origin.address}" if ":" in origin.address else origin.address
    return f"from {origin.helo} ([{literal}])\r\n\t"


def _with(origin: Origin | None) -> str:
    if origin is None:
        return ""
    return f" with {origin.protocol}" + (f" ({origin.tls})" if origin.tls else "")
