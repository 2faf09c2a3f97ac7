"""Comparators: how text is compared (RFC 4790), and what COMPARATOR may choose (RFC 5255 4.7).

A collation here is one function from text to a key. Two texts are equal, ordered, or one inside the other as
their keys are; keys compare by code point, which is the order of their octets in UTF-8, so each is as
i;octet on what RFC 5051 calls the prepared string.

What could not be read as text collates after everything that could, by its octets (RFC 5255 4.6): it is
stored behind `UNREADABLE`, which UTF-8 never contains.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pillarbox.message.casemap import Fold, fold_text, single_spaced

UNREADABLE = b"\xff"
_BETWEEN = b"\x01"  # is in hardly any text, and stays itself
_LAST = "\U0010ffff"  # no character, so nothing sorts behind it


_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def ascii_casemap(text: str) -> str:
    """RFC 4790 9.2: the letters a to z as A to Z, everything else as it is."""
    return text.upper() if text.isascii() else text.translate(_ASCII_UPPER)


def octet(text: str) -> str:
    """RFC 4790 9.3."""
    return text


@dataclass(frozen=True, slots=True)
class Comparator:
    """`name` without a direction; `descending` inverts the ordering (RFC 4790 3.3), not the others."""

    name: str
    prepare: Callable[[str], str]
    descending: bool = False

    @property
    def fold(self) -> Fold:
        """How SEARCH compares (RFC 5255 4.2). Layout makes no difference, whatever the comparator."""
        return fold_text if self.prepare is fold_text else self._fold

    def _fold(self, text: str, most: int) -> str:
        return self.prepare(single_spaced(text, most))[:most]

    @property
    def selected(self) -> str:
        """collation-selected = ["+" / "-"] collation-id"""
        return f"-{self.name}" if self.descending else self.name


# RFC 5255 4.4: only collations that offer all three operations, so there is no i;ascii-numeric.
DEFAULT = Comparator("i;unicode-casemap", fold_text)
ASCII_CASEMAP = Comparator("i;ascii-casemap", ascii_casemap)
OCTET = Comparator("i;octet", octet)
COMPARATORS = (DEFAULT, ASCII_CASEMAP, OCTET)  # the more useful ones first: a wildcard takes the first

# collation-order = ["+" / "-"] collation-wild, of at most 254 characters (RFC 4790 3.2, 3.3)
_ORDER = re.compile(r"([+-]?)((?:\*|[A-Za-z]\*?)(?:[A-Za-z0-9;=.-]\*?)*)")
MAX_ORDER = 254


def matching(order: str) -> list[Comparator] | None:
    """The comparators that an argument of COMPARATOR names; None when it is no collation-order at all."""
    found = _ORDER.fullmatch(order) if len(order) <= MAX_ORDER else None
    if found is None:
        return None
    descending, wanted = found[1] == "-", found[2]
    if wanted.lower() == "default":  # RFC 5255 4.7
        wanted = DEFAULT.name
    # Names are short, so a pattern full of wildcards finds little to try.
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.IGNORECASE)
    return [replace(one, descending=descending) for one in COMPARATORS if pattern.fullmatch(one.name)]


def key(stored: bytes, prepare: Callable[[str], str]) -> str:
    """What to compare of a text as the store keeps it."""
    if stored[:1] == UNREADABLE:
        return _LAST + stored[1:].decode("latin-1")
    return prepare(stored.decode("utf-8", "surrogatepass"))


def keys(stored: Iterable[bytes], prepare: Callable[[str], str]) -> dict[bytes, str]:
    """`key` of many texts. Those of ASCII are prepared as one: of it no comparator here takes a character for
    another because of what stands elsewhere, but for line ends."""
    out: dict[bytes, str] = {}
    plain = []
    for text in stored:
        if text.isascii() and _BETWEEN not in text and b"\r" not in text:
            plain.append(text)
        else:
            out[text] = key(text, prepare)
    if plain:
        prepared = prepare(_BETWEEN.join(plain).decode("ascii"))
        out.update(zip(plain, prepared.split(_BETWEEN.decode("ascii"))))
    return out
