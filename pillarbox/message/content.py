"""The Content-* fields of MIME (RFC 2045 5, RFC 2183): types, encodings, dispositions, parameters.

Lenient in what it reads: parameters that make sense are kept, the rest is passed over. Parameters are
kept as they stand; RFC 2231 continuations and charsets are the client's business.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.limits import MAX_FIELD, MAX_PARAMETERS, MEMO_ENTRIES, MEMO_KEY
from pillarbox.message.spelling import string

Parameters = tuple[tuple[bytes, bytes], ...]

_TYPE = re.compile(
    rb"[ \t]*([^][()<>@,;:\\\"/?=\x00-\x20\x7f]+)[ \t]*/[ \t]*([^][()<>@,;:\\\"/?=\x00-\x20\x7f]+)"
)
_TOKEN = re.compile(rb"[ \t]*([^][()<>@,;:\\\"/?=\x00-\x20\x7f]+)")
_ENCODING = re.compile(rb"[ \t]*([^][()<>@,;:\\\"/?=\x00-\x20\x7f]+)[ \t]*(?:[(;]|\Z)")
_PARAMETER = re.compile(
    rb";[ \t\r\n]*+([^][()<>@,;:\\\"/?=\x00-\x20\x7f]++)[ \t\r\n]*+=[ \t\r\n]*+"
    rb'(?:"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|([^;]*+))',
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"[ \t\r\n]*\(.*\)?[ \t\r\n]*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ContentType:
    """A Content-Type. `spelled` is its beginning of a BODYSTRUCTURE: type, subtype, parameters (for a
    multipart: subtype, parameters). `charset` is that of its parameters in lower case, "" without one."""

    type: str
    subtype: str
    parameters: Parameters
    spelled: bytes
    charset: str

    def parameter(self, name: bytes) -> bytes | None:
        return _parameter(self.parameters, name)


def _parameter(pairs: Parameters, name: bytes) -> bytes | None:
    return next((value for key, value in pairs if key.lower() == name), None)


def parameters(value: bytes) -> Parameters:
    """The `;name=value` pairs of a field's value, quotes and comments taken away."""
    out: list[tuple[bytes, bytes]] = []
    for match in _PARAMETER.finditer(value[:MAX_FIELD]):
        name, quoted, plain = match.groups()
        if quoted is not None:
            text = _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        else:
            text = plain.strip(b" \t\r\n")
            if b"(" in text:
                text = _COMMENT.sub(b"", text)
        out.append((name, text))
        if len(out) == MAX_PARAMETERS:
            break
    return tuple(out)


def spelled_parameters(pairs: Parameters) -> bytes:
    """body-fld-param."""
    if not pairs:
        return b"NIL"
    return b"(" + b" ".join([string(name) + b" " + string(value) for name, value in pairs]) + b")"


def _content_type(kind: bytes, subkind: bytes, pairs: Parameters) -> ContentType:
    lower = kind.lower().decode("ascii", "replace")
    if lower == "multipart":
        spelled = string(subkind) + b" " + spelled_parameters(pairs)
    else:
        spoken = pairs
        if lower == "text" and all(name.lower() != b"charset" for name, _ in pairs):
            # RFC 9051 7.5.2 does not ask for it; RFC 2045 5.2 says what the absence of a charset means.
            spoken = (*pairs, (b"charset", b"us-ascii"))
        spelled = string(kind) + b" " + string(subkind) + b" " + spelled_parameters(spoken)
    charset = (_parameter(pairs, b"charset") or b"").decode("ascii", "replace").lower()
    return ContentType(lower, subkind.lower().decode("ascii", "replace"), pairs, spelled, charset)


TEXT_PLAIN = _content_type(b"text", b"plain", ())
MESSAGE_RFC822 = _content_type(b"message", b"rfc822", ())


def content_type(value: bytes) -> ContentType:
    """RFC 2045 5.2: what cannot be read is text/plain in US-ASCII."""
    return _remembered_type(value) if len(value) <= MEMO_KEY else _read_type(value)


def _read_type(value: bytes) -> ContentType:
    match = _TYPE.match(value)
    if match is None:
        return TEXT_PLAIN
    return _content_type(match[1], match[2], parameters(value[match.end() :]))


_remembered_type = lru_cache(maxsize=MEMO_ENTRIES)(_read_type)


def token(value: bytes) -> bytes:
    """The first token of a value, b"" when it does not begin with one."""
    match = _TOKEN.match(value)
    return match[1] if match else b""


def encoding(value: bytes | None) -> bytes:
    """A Content-Transfer-Encoding as it is spelled; 7bit, the default, for what is none (RFC 2045 6.1)."""
    match = _ENCODING.match(value or b"")
    return match[1] if match else b"7bit"


class Transfer(NamedTuple):
    """A Content-Transfer-Encoding: its name in lower case, and as BODYSTRUCTURE has it."""

    name: str
    spelled: bytes


def transfer(value: bytes | None) -> Transfer:
    """What `encoding` finds in the field, which may be absent."""
    if value is None:
        return SEVEN_BIT
    return _remembered_transfer(value) if len(value) <= MEMO_KEY else _read_transfer(value)


def _read_transfer(value: bytes | None) -> Transfer:
    found = encoding(value)
    return Transfer(found.lower().decode("latin-1"), string(found))


_remembered_transfer = lru_cache(maxsize=MEMO_ENTRIES)(_read_transfer)
SEVEN_BIT = _read_transfer(None)


def disposition(value: bytes) -> bytes:
    """body-fld-dsp (RFC 2183)."""
    kind = token(value)
    if not kind:
        return b"NIL"
    return b"(" + string(kind) + b" " + spelled_parameters(parameters(value)) + b")"


def languages(value: bytes) -> bytes:
    """body-fld-lang (RFC 3282): a list, also of one."""
    tags = [token(tag) for tag in value[:MAX_FIELD].split(b",", MAX_PARAMETERS)]
    spelled = [string(tag) for tag in tags if tag]
    return b"(" + b" ".join(spelled) + b")" if spelled else b"NIL"
