"""Telling by a glance at its octets that a needle is nowhere in a message, which is so in nearly all.

The longest word of a needle, in the letters and digits of ASCII, must stand in what has the needle. What is
plain ASCII has it only where its octets have it, case aside. So only a "no" is told here, and never where
something has to be decoded to know.
"""

import re
import sys
from collections.abc import Iterable
from typing import TypeVar

from pillarbox.message.casemap import Fold, fold_text
from pillarbox.message.decode import charset_decode
from pillarbox.message.envelope import ADDRESS_FIELDS
from pillarbox.message.header import fields

T = TypeVar("T", str, bytes)

UPPER = bytes(range(256)).upper()
# What may have been between letters that are shown side by side: `addresses` and folding drop it. Comments
# are dropped too, and are not so easily told.
DROPPED = b'\0\t\r "<\\'

MANY = 64  # places in a text that are looked at by themselves

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_WORDS = re.compile("[A-Z0-9]+")
_PARAMETERS = (
    rb'(?:"charset" "(us-ascii|utf-8|iso-8859-\d\d?|windows-125\d)"|"format" "(?:flowed|fixed)"'
    rb'|"encoding" "[-\w]*")'
)
_STRING = rb'(?:NIL|"[^"\\]*")'
_PLAIN_TEXT = re.compile(
    rb'\("text" "plain" (?:NIL|\(%b(?: %b)*\)) %b %b "(?:7bit|8bit|binary)" \d+ \d+ %b'
    rb' (?:NIL|\("(?:inline|attachment)" NIL\)) %b %b\)' % (_PARAMETERS, _PARAMETERS, *(_STRING,) * 5),
    re.IGNORECASE,
)


def word_of(needle: str) -> bytes:
    """The longest word of a folded needle; empty where it has none."""
    return max(_WORDS.findall(needle), key=len, default="").encode()


def charset_of_plain(structure: bytes) -> str | None:
    """The charset ("" for none) of a message of this BODYSTRUCTURE, if it is one text and nothing else, which
    stands in it as it is read, but for lines that flow; and if ASCII is itself in it."""
    found = _PLAIN_TEXT.fullmatch(structure)
    if found is None or (found[1] and found[2]):
        return None
    return (found[1] or found[2] or b"").decode()


def absent_from_text(text: bytes, charset: str, word: bytes) -> bool:
    """Such a text has no word like this."""
    if word in text.upper() or b"\0" in text:
        return False
    if text.isascii():
        return True
    odd = b" ".join(_around(_BEYOND_ASCII.finditer(text), text, len(word)))
    return word.decode() not in fold_text(charset_decode(odd, charset))


def absent_from_header(header: bytes, word: bytes) -> bool:
    """Neither the name nor any text of a field has it."""
    if not header.isascii():
        return False
    squeezed = header.translate(UPPER, DROPPED + b"\n")
    if word in squeezed or b"=?" in squeezed:
        return False
    # A comment within an address may part what is shown as one.
    return b"(" not in squeezed or not any(
        b"(" in value and b"<" in value for _, value in fields(header, ADDRESS_FIELDS)
    )


def folding(needle: str) -> Fold:
    """`fold_text` for who looks for this needle, which has a word, in each text by itself: of a text that
    cannot have it nothing is made."""
    if ":" in needle:
        return fold_text  # it may begin in the name of a field, which is folded apart
    word = word_of(needle)
    shown = word.decode()

    def fold(text: str, most: int = sys.maxsize) -> str:
        octets = text.encode("utf-8", "surrogatepass")
        if word in octets.upper() or b"\0" in octets:
            return fold_text(text, most)
        if len(octets) > len(text):
            odd = " ".join(_around(_NOT_ASCII.finditer(text), text, len(shown)))
            if shown in fold_text(odd):
                return fold_text(text, most)
        return ""

    return fold


def _around(found: Iterable[re.Match[T]], text: T, near: int) -> Iterable[T]:
    """What may become a word of so many letters with something in it that is not ASCII: what was found, and
    as much on both sides of it. Of a text that has much, all."""
    out: list[T] = []
    begin = end = 0
    for one in found:
        start, stop = one.span()
        if start - near > end:
            out.append(text[begin:end])
            begin = start - near
            if len(out) > MANY:
                return (text,)
        end = stop + near
    out.append(text[begin:end])
    return out
