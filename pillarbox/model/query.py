"""Queries as people type them into Gmail -> the tree of `model.search`.

    from:ann subject:(lunch OR dinner) has:attachment older_than:2m -is:read "see you"

    query     = *( term )                       all of them must match
    term      = factor *( "OR" factor )         OR binds closer than standing beside each other
    factor    = "-" factor | "(" query ")" | "{" query "}" | operator ":" value | text
    value     = word | phrase | "(" query ")" | "{" query "}"

In braces one of the terms must match. A group behind an operator has the operator apply to each text in it.
What looks like an operator and is none (`http://...`, `10:30`) is text. Operators are known in any case, OR
in capitals only.

Rules of the place:
* errors say what is wrong and at which character, for whoever typed it;
* times stay relative (`search.Within`): the tree means the same tomorrow as it did when it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NoReturn

from pillarbox.model import flags, search
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.search import And, Key, Not, Or

MAX_LENGTH = 10_000  # characters
MAX_DEPTH = 50  # groups within each other

DAY = 86_400
_AGES = {"d": DAY, "m": 30 * DAY, "y": 365 * DAY}
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_EPOCH = date(1970, 1, 1).toordinal()
_MOST = 2**63 - 1

_SPACES = re.compile(r"\s+")
_WORD = re.compile(r'[^\s(){}"]+')
_OPERATOR = re.compile(r"([A-Za-z0-9_]+):")
_PHRASE = re.compile(r'"([^"]*)"')
_AGE = re.compile(r"([0-9]{1,6})([dmy])", re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,18})([kmg]?)b?", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_SECONDS = re.compile(r"[0-9]{5,12}")

Leaf = Callable[[str], Key | str]  # a key, or what is wrong with the value


class QueryError(PeerSyntax):
    """`at` is the character that is wrong, counted from 1."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(f"{text} at character {at}")
        self.at = at


def parse(text: str) -> Key:
    """The tree; the empty query matches everything."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"A query has at most {MAX_LENGTH} characters, this one goes on", MAX_LENGTH + 1)
    return _Parser(text).whole()


class _Parser:
    __slots__ = ("_at", "_depth", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Key:
        keys = self._terms(search.Text)
        if self._at < len(self._text):
            self._fail(f'Nothing was opened that "{self._text[self._at]}" could close')
        return _all(keys)

    def _fail(self, text: str, at: int | None = None) -> NoReturn:
        raise QueryError(text, (self._at if at is None else at) + 1)

    def _skip(self) -> bool:
        """Over spaces; whether anything follows that is no end of a group."""
        if found := _SPACES.match(self._text, self._at):
            self._at = found.end()
        return self._at < len(self._text) and self._text[self._at] not in ")}"

    def _terms(self, leaf: Leaf) -> list[Key]:
        keys: list[Key] = []
        while self._skip():
            one = [self._factor(leaf)]
            while self._skip() and self._keyword("OR"):
                if not self._skip():
                    self._fail("Something to search for must follow OR")
                one.append(self._factor(leaf))
            keys.append(_one(one))
            if self._skip():
                self._keyword("AND")  # which is what standing beside each other means
        return keys

    def _keyword(self, word: str) -> bool:
        found = _WORD.match(self._text, self._at)
        if found is None or found[0] != word:
            return False
        self._at = found.end()
        return True

    def _factor(self, leaf: Leaf) -> Key:
        start = self._at
        negated = 0
        while self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2].strip():
            negated += 1
            self._at += 1
        key = self._positive(leaf, start)
        return Not(key) if negated % 2 else key

    def _positive(self, leaf: Leaf, start: int) -> Key:
        head = self._text[self._at]
        if head in "({":
            return self._group(leaf)
        if head in ")}":
            self._fail("Something to search for must stand here")
        if head == '"':
            return self._key(leaf, self._phrase(), start)
        if self._keyword("OR"):
            self._fail("Something to search for must stand before OR", start)
        if (operator := _OPERATOR.match(self._text, self._at)) is not None and leaf is search.Text:
            known = _OPERATORS.get(operator[1].lower())
            if known is not None:
                self._at = operator.end()
                return self._value(operator[0], known)
        found = _WORD.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._key(leaf, found[0], start)

    def _value(self, operator: str, leaf: Leaf) -> Key:
        start = self._at
        head = self._text[start : start + 1]
        if head and head in "({":
            return self._group(leaf)
        if head == '"':
            return self._key(leaf, self._phrase(), start)
        found = _WORD.match(self._text, start)
        if found is None:
            self._fail(f"A value must follow {operator}")
        self._at = found.end()
        return self._key(leaf, found[0], start)

    def _group(self, leaf: Leaf) -> Key:
        start = self._at
        opened = self._text[start]
        closing = ")" if opened == "(" else "}"
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"Groups are nested more than {MAX_DEPTH} deep")
        self._at += 1
        keys = self._terms(leaf)
        if not self._text.startswith(closing, self._at):
            self._fail(f'The "{opened}" at character {start + 1} is not closed')
        if not keys:
            self._fail("There is nothing in this group", start)
        self._at += 1
        self._depth -= 1
        return _all(keys) if opened == "(" else _one(keys)

    def _phrase(self) -> str:
        found = _PHRASE.match(self._text, self._at)
        if found is None:
            self._fail("This quotation mark has no second one")
        self._at = found.end()
        return found[1]

    def _key(self, leaf: Leaf, value: str, start: int) -> Key:
        key = leaf(value)
        if isinstance(key, str):
            self._fail(key, start)
        return key


def _all(keys: list[Key]) -> Key:
    if not keys:
        return search.All()
    return keys[0] if len(keys) == 1 else And(tuple(keys))


def _one(keys: list[Key]) -> Key:
    return keys[0] if len(keys) == 1 else Or(tuple(keys))


def _header(name: str) -> Leaf:
    return lambda value: search.Header(name, value)


_IS: dict[str, Key] = {
    "read": search.Flag(flags.SEEN),
    "unread": Not(search.Flag(flags.SEEN)),
    "starred": search.Flag(flags.FLAGGED),
    "flagged": search.Flag(flags.FLAGGED),
    "unstarred": Not(search.Flag(flags.FLAGGED)),
    "answered": search.Flag(flags.ANSWERED),
    "unanswered": Not(search.Flag(flags.ANSWERED)),
    "draft": search.Flag(flags.DRAFT),
    "forwarded": search.Flag("$Forwarded"),
    "important": search.Flag("$Important"),
}
_HAS: dict[str, Key] = {"attachment": search.Attached()}


def _chosen(operator: str, choices: dict[str, Key]) -> Leaf:
    def leaf(value: str) -> Key | str:
        return (
            choices.get(value.lower()) or f"{operator} knows {', '.join(choices)}, and this is none of them,"
        )

    return leaf


def _age(*, older: bool) -> Leaf:
    def leaf(value: str) -> Key | str:
        found = _AGE.fullmatch(value)
        if found is None or not int(found[1]):
            return "A number of days, months or years, like 3d, 2m or 1y, is missing"
        return search.Within(int(found[1]) * _AGES[found[2].lower()], older)

    return leaf


def _day(when: str) -> Leaf:
    def leaf(value: str) -> Key | str:
        if _SECONDS.fullmatch(value):
            return search.Instant("internal", when, int(value))
        if found := _YEAR_FIRST.fullmatch(value):
            year, month, day = map(int, found.groups())
        elif found := _YEAR_LAST.fullmatch(value):
            month, day, year = map(int, found.groups())
        else:
            return "A date like 2024/12/31 is missing"
        try:
            return search.Day("internal", when, date(year, month, day).toordinal() - _EPOCH)
        except ValueError:
            return "There is no such day in the calendar"

    return leaf


def _size(*, larger: bool) -> Leaf:
    def leaf(value: str) -> Key | str:
        found = _SIZE.fullmatch(value)
        if found is None:
            return "A size like 500K, 10M or 123456 is missing"
        return search.Size(min(int(found[1]) * _SIZES[found[2].lower()], _MOST), larger)

    return leaf


def _mailbox(value: str) -> Key | str:
    return search.InMailbox("" if value.lower() == "anywhere" else value)


def _label(value: str) -> Key | str:
    """What other mail programs show as labels are keywords here, and Gmail's are mailboxes."""
    return Or((search.InMailbox(value), search.Flag(value)))


def _message_id(value: str) -> Key | str:
    return search.Header("message-id", value.strip("<>"))


_OPERATORS: dict[str, Leaf] = {
    "from": _header("from"),
    "to": _header("to"),
    "cc": _header("cc"),
    "bcc": _header("bcc"),
    "subject": _header("subject"),
    "list": _header("list-id"),
    "deliveredto": _header("delivered-to"),
    "rfc822msgid": _message_id,
    "filename": search.FileName,
    "has": _chosen("has:", _HAS),
    "is": _chosen("is:", _IS),
    "in": _mailbox,
    "label": _label,
    "older_than": _age(older=True),
    "newer_than": _age(older=False),
    "before": _day("before"),
    "older": _day("before"),
    "after": _day("since"),
    "newer": _day("since"),
    "larger": _size(larger=True),
    "larger_than": _size(larger=True),
    "size": _size(larger=True),
    "smaller": _size(larger=False),
    "smaller_than": _size(larger=False),
}
