"""Where texts are cut: runs of word characters, runs of the others, and pieces of very long ones.

A folded text is searched as UTF-8. Letters and digits of ASCII and every octet above are word characters
(scripts beyond ASCII keep their punctuation that way: it must only be the same on both sides), the other
characters of ASCII separate. A needle is cut alike; so a run inside it is a whole run of the text, its first
one the end of a run and its last one the beginning, unless the needle is a single run, which can be
anywhere in one.

Runs over `LONG` octets (text without spaces, lines of dashes, encoded data) are not listed whole: they are
listed as grams, overlapping pieces of four characters, or of two where a character is beyond ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

LONG = 64
ASCII_GRAM = 4
GRAM = 2

WORD_OCTETS = bytes(code for code in range(256) if code >= 0x80 or bytes([code]).isalnum())
_BORDERS = bytes(set(range(256)) - set(WORD_OCTETS) - {0x0A})

# Word characters as they are, the rest is space.
_WORDS_ONLY = bytes(code if code in WORD_OCTETS else 0x20 for code in range(256))
# The separators, moved out of the way of white space, and spaces for words and line ends.
_BORDERS_ONLY = bytes(code | 0x80 if code in _BORDERS else 0x20 for code in range(256))


class Kind(IntEnum):
    """What is listed together. The numbers are part of the format."""

    WORD = 0
    BORDER = 1  # what separates words, each octet with its high bit set
    GRAM = 2  # of long words
    BORDER_GRAM = 3
    LINE = 4  # whole texts of short fields: see `document.lines`
    PAIR = 5  # two words and what is between: see `pairs`
    PAIRED = 6  # which words are whole in them, and where


class Stand(Enum):
    """How a run of a needle stands in the run of the text that it is found in."""

    INSIDE = "inside"
    WHOLE = "whole"
    BEGINS = "begins"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Run:
    kind: Kind  # WORD or BORDER
    octets: bytes  # as they are listed
    stand: Stand


def encode(text: str) -> bytes:
    """A folded text as it is searched. What is no character in any charset stays itself."""
    return text.encode("utf-8", "surrogatepass")


def words(text: bytes) -> set[bytes]:
    return set(words_in_order(text))


def borders(text: bytes) -> set[bytes]:
    return set(borders_in_order(text))


def words_in_order(text: bytes) -> list[bytes]:
    return text.translate(_WORDS_ONLY).split()


def borders_in_order(text: bytes) -> list[bytes]:
    """What separates the words, as it is listed."""
    return text.translate(_BORDERS_ONLY).split()


def listed_border(border: bytes) -> bytes:
    """A border, which has no line end in it, as it is listed."""
    return border.translate(_BORDERS_ONLY)


def runs_of(needle: bytes) -> list[Run]:
    """The runs of a needle, in order; it is not empty and has no line end in it."""
    kinds = needle.translate(_IS_WORD)
    cuts = [at for at in range(1, len(needle)) if kinds[at] != kinds[at - 1]]
    out = []
    for start, stop in zip([0, *cuts], [*cuts, len(needle)]):
        first, last = start == 0, stop == len(needle)
        if first:
            stand = Stand.INSIDE if last else Stand.ENDS
        else:
            stand = Stand.BEGINS if last else Stand.WHOLE
        run = needle[start:stop]
        if kinds[start]:
            out.append(Run(Kind.WORD, run, stand))
        else:
            out.append(Run(Kind.BORDER, run.translate(_BORDERS_ONLY), stand))
    return out


_IS_WORD = bytes(int(code in WORD_OCTETS) for code in range(256))


def grams_of(run: bytes, kind: Kind) -> set[bytes]:
    """The pieces a long run is listed as: one begins at each of its characters, shorter ones at its end."""
    if kind is Kind.BORDER or run.isascii():
        return {run[at : at + ASCII_GRAM] for at in range(len(run))}
    text = run.decode("utf-8", "surrogatepass")
    sizes = [ASCII_GRAM if character < "\x80" else GRAM for character in text]
    found = {text[at : at + size] for at, size in enumerate(sizes)}
    return set(encode("\n".join(found)).split(b"\n"))


def needed_grams(run: bytes, kind: Kind) -> set[bytes]:
    """Those that any long run lists in which `run` is found; none when it is as short as a piece of one."""
    if kind is Kind.BORDER or run.isascii():
        return {run[at : at + ASCII_GRAM] for at in range(len(run) - ASCII_GRAM + 1)}
    text = run.decode("utf-8", "surrogatepass")
    found = set()
    for at, character in enumerate(text):
        size = ASCII_GRAM if character.isascii() else GRAM
        if at + size <= len(text):
            found.add(encode(text[at : at + size]))
    return found
