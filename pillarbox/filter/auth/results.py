"""The Authentication-Results field (RFC 8601): written for what we found, read where others wrote it.

field("mx.example.org", [Method("spf", "pass", (("smtp.mailfrom", "kim@example.net"),))])
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pillarbox.filter.auth.domains import a_labels

VALUE_LIMIT = 256  # characters of one value
FIELD_LIMIT = 16 * 1024  # octets of a field that is read at all
METHODS_LIMIT = 100  # read of one field
DEPTH_LIMIT = 1000  # comments in comments

# RFC 2045 5.1: what a value may hold without quotes; RFC 8601 2.2 lets an address stand bare too.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]*@?[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_LEX = re.compile(
    r'(?P<space>[ \t\r\n]+)|"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<mark>[;=/(])|(?P<word>[^\s;=/("]+)', re.DOTALL
)
_COMMENT = re.compile(r"[()]|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Method:
    """One resinfo. `properties`: ("smtp.mailfrom", "kim@example.net")."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    authserv_id: str
    methods: tuple[Method, ...] = ()
    version: str = "1"


def field(authserv_id: str, methods: Iterable[Method]) -> bytes:
    """The whole field, with its CRLF."""
    return b"Authentication-Results: " + payload(authserv_id, methods) + b"\r\n"


def payload(authserv_id: str, methods: Iterable[Method]) -> bytes:
    """Without the name: ARC-Authentication-Results has the same after its instance."""
    parts = [_method(each) for each in methods] or ["none"]
    return ";\r\n\t".join([_value(authserv_id), *parts]).encode("utf-8", "replace")


def _method(each: Method) -> str:
    words = [f"{each.method}={each.result}"]
    if each.comment:
        words.append(f"({_comment(each.comment)})")
    if each.reason:
        words.append(f"reason={_quoted(_clean(each.reason))}")
    words += [f"{name}={_value(value)}" for name, value in each.properties if value]
    line, lines = words[0], []
    for word in words[1:]:
        if len(line) + len(word) > 76:
            lines.append(line)
            line = word
        else:
            line += " " + word
    return "\r\n\t\t".join([*lines, line])


def _clean(text: str) -> str:
    """Nothing that a sender wrote may end the field."""
    return "".join(c for c in text if c.isprintable())[:VALUE_LIMIT]


def _comment(text: str) -> str:
    return re.sub(r"[()\\]", "?", _clean(text))


def is_bare(text: str) -> bool:
    """May it stand as it is, without quotes? Addresses and names of hosts mostly do."""
    return _BARE.fullmatch(text) is not None


def _value(text: str) -> str:
    text = _clean(text)
    return text if is_bare(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Reading


def parse(value: bytes) -> Results | None:
    """What stands after the colon; None where it is malformed."""
    if len(value) > FIELD_LIMIT:
        return None
    try:
        return _Reader(value.decode("utf-8", "replace")).results()
    except _Malformed:
        return None


class _Malformed(Exception):
    pass


class _Reader:
    """Words and marks without comments and folds; a quoted word is marked as a word."""

    def __init__(self, text: str) -> None:
        self.marks: list[tuple[str, str]] = _lexed(text)
        self.at = 0

    def results(self) -> Results:
        authserv_id = self.word()
        version = "1"
        if self.peek()[0] == "word":
            version = self.word()
            if not version.isdigit():
                raise _Malformed
        methods: list[Method] = []
        while self.peek()[0] != "end":
            self.mark(";")
            if self.peek()[0] == "end":
                break
            name = self.word()
            if name.lower() == "none" and self.peek()[0] == "end" and not methods:
                break
            methods.append(self.method(name))
            if len(methods) > METHODS_LIMIT:
                raise _Malformed
        return Results(authserv_id, tuple(methods), version)

    def method(self, name: str) -> Method:
        if self.peek() == ("mark", "/"):
            self.at += 1
            self.word()
        self.mark("=")
        result = self.word()
        reason, properties = "", []
        while self.peek()[0] == "word":
            key = self.word()
            while self.peek()[0] == "word":  # "smtp . mailfrom"
                key += self.word()
            self.mark("=")
            value = self.word()
            while self.peek() == ("mark", "/") or self.peek() == ("mark", "="):
                value += self.peek()[1]
                self.at += 1
                if self.peek()[0] == "word":
                    value += self.word()
            if key.lower() == "reason":
                reason = value
            else:
                properties.append((key.lower(), value))
        return Method(name.lower(), result.lower(), tuple(properties), reason)

    def peek(self) -> tuple[str, str]:
        return self.marks[self.at] if self.at < len(self.marks) else ("end", "")

    def word(self) -> str:
        kind, text = self.peek()
        if kind != "word":
            raise _Malformed
        self.at += 1
        return text

    def mark(self, wanted: str) -> None:
        if self.peek() != ("mark", wanted):
            raise _Malformed
        self.at += 1


def _lexed(text: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _LEX.match(text, at)
        if match is None:
            raise _Malformed
        at = match.end()
        if match["quoted"] is not None:
            out.append(("word", re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL)))
        elif match["word"] is not None:
            out.append(("word", match["word"]))
        elif match["mark"] == "(":
            at = _after_comment(text, at)
        elif match["mark"] is not None:
            out.append(("mark", match["mark"]))
    return out


def _after_comment(text: str, at: int) -> int:
    depth = 1
    while depth:
        match = _COMMENT.search(text, at)
        if match is None or depth > DEPTH_LIMIT:
            raise _Malformed
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        at = match.end()
    return at


def claims(value: bytes, authserv_ids: frozenset[str]) -> bool:
    """Does a field that came from outside pretend to be one of ours? RFC 8601 5: such a field goes, as does
    one of a version that we do not know. What cannot be read goes when it begins with one of our names.

    `authserv_ids` as `comparable` makes them.
    """
    found = parse(value)
    if found is not None:
        return found.version != "1" or comparable(found.authserv_id) in authserv_ids
    text = value[:FIELD_LIMIT].decode("utf-8", "replace")
    try:
        words = [text for kind, text in _lexed(text) if kind == "word"][:1]
    except _Malformed:
        words = _TOKEN.findall(text)[:50]
    return any(comparable(word) in authserv_ids for word in words)


def comparable(authserv_id: str) -> str:
    """RFC 8601 2.5 and 5: names of hosts, in any case, in A-labels or U-labels."""
    return a_labels(authserv_id) or authserv_id.lower()
