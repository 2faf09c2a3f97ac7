"""Whether a response is the one a transcript expects: spelling aside, meaning compared.

A response becomes a tree of tokens: atoms (`bytes`), strings (`Text`, however they were spelled) and
lists. What has no order in the RFC (flags, FETCH items, STATUS items, capabilities) is compared as a
set; number sets as the numbers they name; ENVELOPE and BODYSTRUCTURE in order. Text for humans is
not compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

STATUSES = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")
REST = b"..."
# RFC 9051 7.3.1 lets a server add these to any LIST response; they count only where a scene names them.
VOLUNTEERED = frozenset(
    b"\\hasnochildren \\haschildren \\marked \\unmarked \\noinferiors \\all \\archive \\drafts \\flagged "
    b"\\junk \\sent \\trash".split()
)
_VARIABLE = re.compile(rb"\$([a-z][a-z0-9]*)")
_NUMBERS = re.compile(rb"[0-9][0-9,:]*$")

Bindings = dict[bytes, bytes]


class Text(bytes):
    """A string of the grammar: quoted or literal."""


Token = "bytes | Text | list[Token]"


class Unreadable(Exception):
    """The response is not in the grammar."""


@dataclass(frozen=True, slots=True)
class Response:
    raw: bytes
    tag: bytes  # b"*", b"+" or a tag
    status: bytes  # b"" for data
    code: list[object] | None
    tokens: list[object]  # of data, without the `*`


def parse(raw: bytes) -> Response:
    """A whole response without its last CRLF; literals are inside as they came."""
    tag, _, rest = raw.partition(b" ")
    if tag == b"+":
        return Response(raw, tag, b"", None, [])
    word = rest.partition(b" ")[0].upper()
    if all(each in STATUSES for each in word.split(b"|")):  # a pattern may say `OK|BAD`
        text = rest[len(word) :].lstrip(b" ")
        code = None
        if text.startswith(b"["):
            # Where nothing but a code was asked for, its arguments may hold `]` only inside a string.
            code, _ = _tokens(text, 1, b"]")
        return Response(raw, tag, word, code, [])
    tokens, end = _tokens(rest, 0, b"")
    if end != len(rest):
        raise Unreadable(f"left over: {rest[end:]!r}")
    return Response(raw, tag, b"", None, tokens)


def _tokens(data: bytes, at: int, closing: bytes) -> tuple[list[object], int]:
    out: list[object] = []
    while at < len(data):
        here = data[at : at + 1]
        if here == closing:
            return out, at + 1
        if here == b" ":
            at += 1
        elif here == b"(":
            inner, at = _tokens(data, at + 1, b")")
            out.append(inner)
        elif here == b'"':
            text, at = _quoted(data, at)
            out.append(text)
        elif here == b"{" or data[at : at + 2] == b"~{":
            text, at = _literal(data, at)
            out.append(text)
        else:
            atom, at = _atom(data, at, closing)
            out.append(atom)
    if closing:
        raise Unreadable(f"no {closing.decode()} in {data!r}")
    return out, at


def _quoted(data: bytes, at: int) -> tuple[Text, int]:
    out = bytearray()
    at += 1
    while at < len(data):
        octet = data[at]
        if octet == 0x22:
            return Text(out), at + 1
        if octet == 0x5C:
            at += 1
            if at == len(data):
                break
            octet = data[at]
        out.append(octet)
        at += 1
    raise Unreadable(f"an unfinished string in {data!r}")


def _literal(data: bytes, at: int) -> tuple[Text, int]:
    found = re.compile(rb"~?\{(\d+)\}\r\n").match(data, at)
    if not found:
        raise Unreadable(f"not a literal: {data[at : at + 20]!r}")
    end = found.end() + int(found[1])
    if end > len(data):
        raise Unreadable("a literal longer than the response")
    return Text(data[found.end() : end]), end


def _atom(data: bytes, at: int, closing: bytes) -> tuple[bytes, int]:
    start = at
    while at < len(data):
        here = data[at : at + 1]
        if here == b"[" and at > start:
            end = data.find(b"]", at)
            if end < 0:
                raise Unreadable(f"no ] in {data!r}")
            at = end + 1
        elif here in (b" ", b"(", b")", b'"') or here == closing:
            break
        else:
            at += 1
    if at == start:
        raise Unreadable(f"unexpected {data[at : at + 10]!r}")
    atom = data[start:at]
    if b"[" in atom:  # RFC 9051 7.5.2: the section's field names may be spelled as atoms or strings
        atom = atom.replace(b'"', b"").upper()
    return atom, at


def match(pattern: Response, actual: Response, bindings: Bindings) -> Bindings | None:
    """The bindings after `actual` is found to be what `pattern` says, or None when it is not."""
    bound = dict(bindings)
    if pattern.tag != actual.tag or actual.status not in pattern.status.split(b"|"):
        return None
    if pattern.status:
        if pattern.code is None:
            return bound
        return bound if actual.code is not None and _data(pattern.code, actual.code, bound) else None
    return bound if _data(pattern.tokens, actual.tokens, bound) else None


def _data(pattern: list[object], actual: list[object], bound: Bindings) -> bool:
    if not pattern or not actual:
        return pattern == actual
    word = _word(pattern[0])
    if word != _word(actual[0]) and not _NUMBERS.match(word) and not word.startswith(b"$"):
        return False
    if word in (b"CAPABILITY", b"ENABLED", b"SEARCH", b"BADCHARSET"):
        return _set(pattern[1:], actual[1:], bound)
    if word in (b"FLAGS", b"PERMANENTFLAGS") and len(pattern) == len(actual) == 2:
        return _inner(_set, pattern[1], actual[1], bound)
    if word in (b"LIST", b"LSUB") and len(actual) >= 4:
        return _listed(pattern[1:], actual[1:], bound)
    if word == b"STATUS" and len(pattern) == len(actual) == 3:
        return _named(pattern[1], actual[1], bound) and _inner(_pairs, pattern[2], actual[2], bound)
    if word == b"ESEARCH":
        return _esearch(pattern[1:], actual[1:], bound)
    if (
        len(pattern) > 2
        and _word(pattern[1]) in (b"FETCH", b"UIDFETCH")
        and len(actual) == 3
        and _word(actual[1]) == _word(pattern[1])
    ):
        return _one(pattern[0], actual[0], bound) and _inner(_pairs, pattern[2], actual[2], bound)
    return _row(pattern, actual, bound)


def _word(token: object) -> bytes:
    return bytes(token).upper() if isinstance(token, bytes) else b"("


def _inner(how: object, pattern: object, actual: object, bound: Bindings) -> bool:
    assert callable(how)
    return isinstance(pattern, list) and isinstance(actual, list) and bool(how(pattern, actual, bound))


def _row(pattern: list[object], actual: list[object], bound: Bindings, fold: bool = False) -> bool:
    if pattern and pattern[-1] == REST:
        pattern, actual = pattern[:-1], actual[: len(pattern) - 1]
    return len(pattern) == len(actual) and all(
        _one(wanted, given, bound, fold) for wanted, given in zip(pattern, actual)
    )


def _one(pattern: object, actual: object, bound: Bindings, fold: bool = False) -> bool:
    if pattern == b"$_" and not isinstance(pattern, Text):
        return True
    if isinstance(pattern, list) or isinstance(actual, list):
        return isinstance(pattern, list) and isinstance(actual, list) and _row(pattern, actual, bound, fold)
    assert isinstance(pattern, bytes) and isinstance(actual, bytes)
    nil = [not isinstance(each, Text) and each.upper() == b"NIL" for each in (pattern, actual)]
    if any(nil):
        return all(nil)
    if isinstance(pattern, Text):
        return pattern == actual or (fold and pattern.lower() == actual.lower())
    if _VARIABLE.search(pattern):
        return _bind(pattern, actual, bound)
    if _NUMBERS.match(pattern) and _NUMBERS.match(actual):
        return _numbers(pattern) == _numbers(actual)
    return pattern.lower() == actual.lower()


def _bind(pattern: bytes, actual: bytes, bound: Bindings) -> bool:
    names: list[bytes] = []
    regex = b""
    at = 0
    for found in _VARIABLE.finditer(pattern):
        regex += re.escape(pattern[at : found.start()])
        name = found[1]
        if name in bound:
            regex += re.escape(bound[name])
        elif name in names:
            regex += b"(?P=%s)" % name
        else:
            names.append(name)
            regex += b"(?P<%s>%s)" % (name, rb"\d+" if pattern != found[0] else rb".*")
        at = found.end()
    matched = re.fullmatch(regex + re.escape(pattern[at:]), actual, re.DOTALL)
    if not matched:
        substituted = _VARIABLE.sub(lambda found: bound.get(found[1], b"?"), pattern)
        return bool(
            _NUMBERS.match(substituted)
            and _NUMBERS.match(actual)
            and _numbers(substituted) == _numbers(actual)
        )
    bound.update({name: matched[name.decode()] for name in names})
    return True


def _numbers(text: bytes) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    pairs = []
    for piece in text.split(b","):
        low, _, high = piece.partition(b":")
        ends = sorted((int(low), int(high or low)))
        pairs.append((ends[0], ends[1]))
    for low_end, high_end in sorted(pairs):
        if runs and low_end <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], high_end))
        else:
            runs.append((low_end, high_end))
    return runs


def _set(pattern: list[object], actual: list[object], bound: Bindings) -> bool:
    open_ended = REST in pattern
    wanted = [token for token in pattern if token != REST]
    left = list(actual)
    if not any(_word(token) == b"\\RECENT" for token in wanted):  # RFC 9051 removes it, RFC 3501 has it
        left = [token for token in left if _word(token) != b"\\RECENT"]
    # Literal members first, so that a variable takes only what is left.
    for token in sorted(wanted, key=lambda token: b"$" in _word(token)):
        if _word(token).startswith(b"!"):
            if any(_word(each) == _word(token)[1:] for each in left):
                return False
            continue
        for index, each in enumerate(left):
            if _one(token, each, bound):
                del left[index]
                break
        else:
            return False
    return open_ended or not left


def _pairs(pattern: list[object], actual: list[object], bound: Bindings) -> bool:
    open_ended = REST in pattern
    wanted = [token for token in pattern if token != REST]
    if len(actual) % 2 or len(wanted) % 2:
        return False
    given = {_word(key): value for key, value in zip(actual[::2], actual[1::2])}
    keys = [_word(key) for key in wanted[::2]]
    if len(given) * 2 != len(actual) or (not open_ended and set(keys) != set(given)):
        return False
    for key, value in zip(keys, wanted[1::2]):
        if key not in given:
            return False
        if key == b"FLAGS":
            if not _inner(_set, value, given[key], bound):
                return False
        elif key == b"INTERNALDATE":
            if not _same_instant(value, given[key]):
                return False
        elif not _one(value, given[key], bound, fold=key in (b"BODYSTRUCTURE", b"BODY")):
            return False
    return True


def _same_instant(pattern: object, actual: object) -> bool:
    """A date-time names an instant; the zone it is told in is the server's business."""
    if not isinstance(pattern, Text) or not isinstance(actual, Text):
        return bool(pattern == b"$_")
    instants = [datetime.strptime(each.decode(), "%d-%b-%Y %H:%M:%S %z") for each in (pattern, actual)]
    return instants[0] == instants[1]


def _named(pattern: object, actual: object, bound: Bindings) -> bool:
    """Mailbox names: INBOX in any case, everything else exactly."""
    if _word(pattern) == b"INBOX":
        return _word(actual) == b"INBOX"
    if isinstance(pattern, bytes) and not _VARIABLE.search(pattern):
        return pattern == actual
    return _one(pattern, actual, bound)


def _listed(pattern: list[object], actual: list[object], bound: Bindings) -> bool:
    wanted, given = pattern[0], actual[0]
    if not isinstance(wanted, list) or not isinstance(given, list):
        return False
    spoken = {_word(token).lstrip(b"!") for token in wanted}
    given = [token for token in given if _word(token).lower() not in VOLUNTEERED or _word(token) in spoken]
    extended, offered = pattern[3:], actual[3:]
    return (
        _set(wanted, given, bound)
        and _one(pattern[1], actual[1], bound)
        and _named(pattern[2], actual[2], bound)
        and (not extended or len(extended) == len(offered) == 1)
        and (not extended or _inner(_pairs, extended[0], offered[0], bound))
    )


def _esearch(pattern: list[object], actual: list[object], bound: Bindings) -> bool:
    for part in (lambda token: isinstance(token, list), lambda token: _word(token) == b"UID"):
        wanted, given = bool(pattern) and part(pattern[0]), bool(actual) and part(actual[0])
        if wanted != given:
            return False
        if wanted:
            if not _one(pattern[0], actual[0], bound):
                return False
            pattern, actual = pattern[1:], actual[1:]
    return _pairs(pattern, actual, bound)


def now(pattern: Response, pending: list[Response]) -> Response | None:
    """`pattern` as it must read while the earlier `pending` ones have not come yet; None when it must wait.

    EXPUNGE changes what every number after it means (RFC 9051 7.5.1). So EXPUNGE and EXISTS keep their
    place, and a FETCH that comes before an EXPUNGE it is written after counts by the older numbers.
    """
    kind = _kind(pattern)
    if kind not in (b"EXPUNGE", b"EXISTS", b"FETCH"):
        return pattern
    expunged = [each for each in pending if _kind(each) == b"EXPUNGE"]
    if kind == b"EXPUNGE":
        return None if any(_kind(each) == b"EXISTS" for each in pending) else pattern
    if kind == b"EXISTS" or not expunged:
        return None if expunged else pattern
    numbers = [each.tokens[0] for each in (pattern, *expunged)]
    if not all(isinstance(number, bytes) and number.isdigit() for number in numbers):
        return None
    number = int(numbers[0])  # type: ignore[call-overload]
    for gone in reversed(numbers[1:]):
        number += number >= int(gone)  # type: ignore[call-overload]
    return replace(pattern, tokens=[b"%d" % number, *pattern.tokens[1:]])


def expunged(pending: list[Response], actual: Response) -> list[Response] | None:
    """The `pending` EXPUNGE responses after `actual` has come for one of them, renumbered; None when it
    is not one of them. Only which messages go matters: a server may announce them in any order."""
    originals: list[int] = []
    for each in pending:
        number = int(each.tokens[0])  # type: ignore[call-overload]
        for gone in sorted(originals):
            number += number >= gone
        originals.append(number)
    gone = int(actual.tokens[0])  # type: ignore[call-overload]
    if gone not in originals:
        return None
    left = sorted(number - (number > gone) for number in originals if number != gone)
    return [
        replace(pending[0], tokens=[b"%d" % (number - index), *pending[0].tokens[1:]])
        for index, number in enumerate(left)
    ]


def is_numbered_expunge(response: Response) -> bool:
    return _kind(response) == b"EXPUNGE" and _NUMBERS.match(_word(response.tokens[0])) is not None


def _kind(response: Response) -> bytes:
    return _word(response.tokens[1]) if len(response.tokens) > 1 else b""


def may_always_come(response: Response) -> bool:
    """RFC 3501 7.3.2 has RECENT and RFC 9051 has not, a server may tell FLAGS whenever it learns a keyword
    (RFC 9051 7.3.5), and one with URLAUTH says URLMECH at every SELECT: a scene that does not name them does
    not mind them."""
    if response.status:
        return bool(response.code) and _word(response.code[0]) in (b"PERMANENTFLAGS", b"URLMECH")
    return _kind(response) == b"RECENT" or _word(response.tokens[0]) == b"FLAGS"
