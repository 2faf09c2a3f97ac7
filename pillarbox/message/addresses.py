"""Address lists (RFC 5322 3.4 and 4.4) read leniently, and spelled as ENVELOPE wants them.

Names and comments lose their quoting but stay as bytes: encoded words are the client's to decode
(RFC 9051 7.5.2). What is no address still shows: a missing half is named MISSING_MAILBOX or
MISSING_DOMAIN, because NIL has a meaning there (it marks groups).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.limits import MAX_ADDRESSES, MAX_FIELD, MEMO_ENTRIES, MEMO_KEY
from pillarbox.message.spelling import for_humans, nstring

MISSING_MAILBOX = b"MISSING_MAILBOX"
MISSING_DOMAIN = b"MISSING_DOMAIN"


class Address(NamedTuple):
    """One `address` of an ENVELOPE. A group begins with its name as `mailbox` and no `host`, and ends
    with both absent (RFC 9051 7.5.2)."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_GROUP_END = Address(None, None, None, None)

# The forms nearly all addresses have: local@host, Name <local@host>, "Name" <local@host>.
_ATOM = rb"[^\s\"()<>@,;:\\\[\]]"
_PLAIN = re.compile(
    rb"[ \t]*+(?:(?:\"([^\"\\\t]*+)\"|(" + _ATOM + rb"++(?: " + _ATOM + rb"++)*+))?[ \t]*+"
    rb"<(" + _ATOM + rb"++)@(" + _ATOM + rb"++)>|(" + _ATOM + rb"++)@(" + _ATOM + rb"++))[ \t]*+(?:,|\Z)"
)
_TOKEN = re.compile(
    rb'[ \t\r\n]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|\[(?:[^\[\]\\,<>]++|\\.)*+\]'
    rb'|[()<>@,;:]|[^ \t\r\n"()<>@,;:\[]++|\[',
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PARENTHESIS = re.compile(rb"[()]|\\.", re.DOTALL)


def addresses(value: bytes) -> list[Address]:
    """The addresses of an unfolded field value, groups as their begin and end marks."""
    value = value[:MAX_FIELD]
    out: list[Address] = []
    at, size = 0, len(value)
    while at < size and len(out) < MAX_ADDRESSES:
        match = _PLAIN.match(value, at)
        if match is None:
            _Reader(value, at, out).read()
            return out
        out.append(_plain(match))
        at = match.end()
    return out


def first_address(value: bytes) -> Address | None:
    """The first of `addresses`, mostly without a look at the others."""
    match = _PLAIN.match(value, 0, MAX_FIELD)
    if match is not None:
        return _plain(match)
    found = addresses(value)
    return found[0] if found else None


def _plain(match: re.Match[bytes]) -> Address:
    quoted, name, local, host, bare_local, bare_host = match.groups()
    if bare_local is not None:
        return Address(None, None, bare_local, bare_host)
    shown = for_humans(quoted) if quoted is not None else name
    return Address(shown or None, None, local, host)


def is_plain(value: bytes) -> bool:
    """Is each address written in one of the usual forms, so that it is shown as it is written?"""
    at, size = 0, len(value)
    while at < size:
        match = _PLAIN.match(value, at)
        if match is None:
            return False
        at = match.end()
    return True


class _Reader:
    """The whole grammar, from `at` on; one pass over the tokens, no way back."""

    def __init__(self, value: bytes, at: int, out: list[Address]) -> None:
        self.value = value
        self.at = at
        self.out = out
        self.in_group = False
        self.forget()

    def forget(self) -> None:
        self.words: list[bytes | None] = []  # of a phrase or a bare address; None for white space
        self.spaced = False  # white space came after the last word
        self.quoted = False  # one of the words was
        self.comment: bytes | None = None
        self.done = False  # the address is complete: what follows, up to the comma, is dropped

    def read(self) -> None:
        value, size = self.value, len(self.value)
        while self.at < size and len(self.out) < MAX_ADDRESSES:
            match = _TOKEN.match(value, self.at)
            if match is None:  # a lone backslash at the end
                break
            token = match[0]
            self.at = match.end()
            first = token[:1]
            if first == b"(":
                self.comment = self.read_comment()
                self.spaced = True
            elif first == b",":
                self.finish()
            elif first == b";":
                self.finish()
                if self.in_group:
                    self.out.append(_GROUP_END)
                    self.in_group = False
            elif self.done:
                continue
            elif first in b" \t\r\n>":
                self.spaced = True  # a ">" that closes nothing parts words too
            elif first == b"<":
                self.read_angle()
            elif first == b":" and not self.in_group and b"@" not in self.words:
                self.out.append(Address(None, None, self.phrase() or b"", None))
                self.in_group = True
                self.forget()
            else:
                self.add(token)
        self.finish()
        if self.in_group:
            self.out.append(_GROUP_END)

    def add(self, token: bytes) -> None:
        if self.spaced and self.words:
            self.words.append(None)
        self.spaced = False
        if token[:1] == b'"':
            self.quoted = True
            token = unquoted(token)
        self.words.append(token)

    def phrase(self) -> bytes | None:
        return for_humans(b"".join([b" " if word is None else word for word in self.words])) or None

    def read_comment(self) -> bytes | None:
        """The text of the comment whose "(" has just been read, nested ones in it."""
        depth, start = 1, self.at
        for match in _PARENTHESIS.finditer(self.value, start):
            if match[0] == b"(":
                depth += 1
            elif match[0] == b")":
                depth -= 1
                if depth == 0:
                    self.at = match.end()
                    return for_humans(_ESCAPED.sub(rb"\1", self.value[start : match.start()])) or None
        self.at = len(self.value)
        return for_humans(self.value[start:]) or None

    def read_angle(self) -> None:
        """`<route:local@host>` after a phrase; without its `>` it ends at the comma."""
        name = self.phrase()
        words: list[bytes] = []
        while self.at < len(self.value):
            match = _TOKEN.match(self.value, self.at)
            if match is None:
                break
            token = match[0]
            in_route = bool(words) and words[0] == b"@" and b":" not in words
            if (token == b";" and self.in_group) or (token == b"," and not in_route):
                break  # the bracket was never closed
            self.at = match.end()
            if token == b">":
                break
            if token == b"(":
                self.read_comment()
            elif token[:1] == b'"':
                words.append(unquoted(token))
            elif token[:1] not in b" \t\r\n<":
                words.append(token)
        route = None
        if words and words[0] == b"@" and b":" in words:
            colon = words.index(b":")
            route = b"".join(words[:colon])
            words = words[colon + 1 :]
        if name is not None or route is not None or words:
            self.out.append(Address(name, route, *_halves(words)))
        else:
            self.out.append(Address(None, None, MISSING_MAILBOX, MISSING_DOMAIN))
        self.done = True

    def finish(self) -> None:
        """The end of an element that had no angle brackets."""
        if not self.done and self.words:
            if b"@" in self.words:
                name, words = _bare(self.words)
                self.out.append(Address(self.comment or name, None, *_halves(words)))
            elif self.quoted or None in self.words:
                self.out.append(Address(self.phrase(), None, MISSING_MAILBOX, MISSING_DOMAIN))
            else:
                self.out.append(Address(self.comment, None, self.phrase(), MISSING_DOMAIN))
        self.forget()


def _bare(words: list[bytes | None]) -> tuple[bytes | None, list[bytes]]:
    """(words before it, tokens of it) of the first address among words without angle brackets.

    RFC 5322 4.4 allows white space around "@" and ".", so only other white space parts addresses.
    """
    groups: list[list[bytes]] = [[]]
    parted = False
    for word in words:
        if word is None:
            parted = True
            continue
        last = groups[-1][-1] if groups[-1] else b"."
        if parted and last not in (b"@", b".") and word != b"@" and not word.startswith(b"."):
            groups.append([])
        groups[-1].append(word)
        parted = False
    at = next(number for number, group in enumerate(groups) if b"@" in group)
    name = for_humans(b" ".join([b"".join(group) for group in groups[:at]]))
    return name or None, groups[at]


def unquoted(token: bytes) -> bytes:
    """The text of a quoted string, with or without its closing quote."""
    text = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def _halves(words: list[bytes]) -> tuple[bytes, bytes]:
    """(mailbox, host) of an addr-spec's tokens, split at its last "@"."""
    text_at = len(words) - 1 - words[::-1].index(b"@") if b"@" in words else len(words)
    return b"".join(words[:text_at]) or MISSING_MAILBOX, b"".join(words[text_at + 1 :]) or MISSING_DOMAIN


def _spell(value: bytes) -> bytes:
    found = addresses(value)
    if not found:
        return b"NIL"
    return b"(" + b"".join([b"(" + b" ".join(map(nstring, address)) + b")" for address in found]) + b")"


_remembered = lru_cache(maxsize=MEMO_ENTRIES)(_spell)


def spelled(value: bytes) -> bytes:
    """An address list as ENVELOPE has it; NIL when there is none."""
    return _remembered(value) if len(value) <= MEMO_KEY else _spell(value)
