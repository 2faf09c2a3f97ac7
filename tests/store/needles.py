"""Queries for mail that is there: keys whose needles are cut out of the texts, and some that are in none."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pillarbox.message import searchable
from pillarbox.message.casemap import fold_text
from pillarbox.message.searchable import Searchable
from pillarbox.model import search

FIELDS = (
    *("from", "to", "cc", "bcc", "subject", "received", "message-id", "x-mailer", "content-type"),
    *("list-id", "sender", "x-mimeole"),
)
LONGEST = 40

TextKey = search.Header | search.Body | search.Text


def matches(message: Searchable, key: TextKey) -> bool:
    """The truth."""
    needle = fold_text(key.needle)
    match key:
        case search.Header(name=name):
            return searchable.in_header(message, name, needle)
        case search.Body():
            return searchable.in_body(message, needle)
        case search.Text():
            return searchable.in_text(message, needle)


def keys(messages: Sequence[Searchable], count: int, chance: random.Random) -> list[TextKey]:
    """`count` of them."""
    out: list[TextKey] = []
    while len(out) < count:
        made = _key(chance.choice(messages), chance)
        if made is not None:
            out.append(made)
    return out


def _key(message: Searchable, chance: random.Random) -> TextKey | None:
    kind = chance.randrange(8)
    if kind < 3 and message.parts:
        needle = _cut(chance.choice(message.parts), chance)
        return search.Body(needle) if kind < 2 else search.Text(needle)
    if not message.headers:
        return None
    name, text = chance.choice(message.headers)
    if kind == 3:
        return search.Text(_cut(searchable.line(name, text), chance))
    if kind == 4:
        name = chance.choice(FIELDS)
        texts = [text for one, text in message.headers if one == name]
        return search.Header(name, _cut(chance.choice(texts), chance) if texts else "")
    if kind == 5:  # in no message, or in one by chance
        needle = _cut(text, chance)
        return chance.choice((search.Body, search.Text))(needle + chr(chance.randrange(0x21, 0x2000)))
    return search.Header(name, _cut(text, chance))


def _cut(text: str, chance: random.Random) -> str:
    if not text:
        return ""
    start = chance.randrange(len(text))
    return text[start : start + chance.choice((1, 2, 3, chance.randint(1, LONGEST)))]
