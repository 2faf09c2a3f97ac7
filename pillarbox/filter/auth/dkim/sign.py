"""Signing: relaxed/relaxed, with RSA or Ed25519 (RFC 6376 5, RFC 8463).

    bodies = Bodies([FORM]); bodies.feed(...)
    field = sign(split(header), bodies.hashes()[FORM], domain=..., selector=..., key=..., now=...)

The field goes before the message. Of those that matter every one there is gets signed, and From once more
than there are, so that nobody can put another one before it (RFC 6376 8.15).
"""

import base64
from collections.abc import Iterable, Sequence

from pillarbox.filter.auth.dkim import canonical
from pillarbox.filter.auth.dkim.body import Form, Hashed
from pillarbox.filter.auth.dkim.canonical import Canonical
from pillarbox.filter.auth.dkim.key import PrivateKey, algorithm_of, signed
from pillarbox.filter.auth.fields import Field

FORM = Form(Canonical.RELAXED)

# RFC 6376 5.4.1, without those that others may change on the way.
SIGNED = (
    *(b"from", b"reply-to", b"subject", b"date", b"to", b"cc", b"message-id", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding", b"resent-date", b"resent-from"),
    *(b"resent-to", b"resent-cc", b"list-id", b"list-help", b"list-unsubscribe", b"list-subscribe"),
    *(b"list-unsubscribe-post", b"list-post", b"list-owner", b"list-archive"),
    *(b"tls-report-domain", b"tls-report-submitter", b"tls-required"),  # RFC 8460 5.3
)
OVERSIGNED = (b"from",)

_WIDTH = 72


def sign(
    fields: Sequence[Field],
    body: Hashed,
    *,
    domain: str,
    selector: str,
    key: PrivateKey,
    now: float,
    lifetime: float | None = None,
) -> bytes:
    """A DKIM-Signature field with its CRLF."""
    names = names_of(fields, SIGNED, OVERSIGNED)
    head = {
        "v": "1",
        "a": algorithm_of(key),
        "c": "relaxed/relaxed",
        "d": domain,
        "s": selector,
        "t": str(int(now)),
    }
    if lifetime is not None:
        head["x"] = str(int(now + lifetime))
    head |= {"h": ":".join(name.decode() for name in names), "bh": text(body.digest)}
    own = unsigned_field("DKIM-Signature", head)
    data = canonical.signed(canonical.chosen(fields, names), own, Canonical.RELAXED)
    return with_signature(own, signed(key, data))


def names_of(
    fields: Sequence[Field], wanted: Iterable[bytes], oversigned: Iterable[bytes] = ()
) -> list[bytes]:
    """As often as each field stands there, and for some once more."""
    counts: dict[bytes, int] = {}
    for each in fields:
        counts[each.name] = counts.get(each.name, 0) + 1
    more = set(oversigned)
    return [name for name in wanted for _ in range(counts.get(name, 0) + (name in more))]


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def unsigned_field(name: str, tags: dict[str, str]) -> bytes:
    """The field with an empty b= at its end, folded, with its CRLF."""
    line, lines = f"{name}:", []
    for tag, value in {**tags, "b": ""}.items():
        item = f"{tag}={value}" + ("" if tag == "b" else ";")
        for piece in _pieces(item):
            if len(line) + len(piece) + 1 > _WIDTH:
                lines.append(line)
                line = "\t" + piece
            else:
                line += (" " if piece is item or piece.startswith(f"{tag}=") else "") + piece
    return "\r\n".join([*lines, line]).encode() + b"\r\n"


def _pieces(item: str) -> list[str]:
    """Lists of names may be folded at their colons."""
    if len(item) < _WIDTH or ":" not in item:
        return [item]
    names = item.split(":")
    return [f"{name}:" for name in names[:-1]] + names[-1:]


def with_signature(own: bytes, octets: bytes) -> bytes:
    value = text(octets)
    lines = [value[at : at + _WIDTH] for at in range(0, len(value), _WIDTH)]
    return own.removesuffix(b"\r\n") + b"".join(b"\r\n\t" + line.encode() for line in lines) + b"\r\n"
