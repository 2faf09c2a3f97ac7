"""Text as it is compared: i;unicode-casemap (RFC 5051), and what of layout is nothing or a space.

`fold_text` is applied to needles and text alike, so a needle is found where its letters are, however they
are spelled. Everything here is done to whole strings at once, because each text of each message comes by.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

_SPACES = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029"  # the others are spaces after NFKD
# Nobody sees them and nobody types them: hyphens that show at a line's end only, joiners, marks of order.
_UNSEEN = "\0\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"
_UPPER = bytes(range(256)).upper().translate(bytes.maketrans(b"\t\n\v\f\r\x1c\x1d\x1e\x1f", b" " * 9))
_SPACES_RUN = re.compile("  [ ]*")
SPACES_RUN = re.compile(b"  [ ]*")  # in one pass, where `replace` needs several; a third faster than "  +"
_MARK = b"\x01"  # folding leaves it as it is
_AT_ONCE = 1 << 18  # characters: what is made on the way takes many times their memory
_LONG_RUN = 64
_EACH = _LONG_RUN // 2

# (text, most characters of the outcome) -> what is compared
Fold = Callable[[str, int], str]


def fold_text(text: str, most: int = sys.maxsize) -> str:
    """What is compared: case, forms of letters, layout and what is not seen make no difference. At most
    `most` characters of it."""
    if len(text) <= _AT_ONCE or text.isascii():
        folded = decode(fold_octets(encode(text)))
    else:
        # Spaces at the ends count: the needle "for " is not in "fortune".
        folded = decode(SPACES_RUN.sub(b" ", encode("".join(_in_pieces(text, most)))))
    return folded if len(folded) <= most else folded[:most]


def encode(text: str) -> bytes:
    """In UTF-8. What is no character in any charset stays itself."""
    return text.encode("utf-8", "surrogatepass")


def decode(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass")


def fold_octets(octets: bytes) -> bytes:
    """`fold_text` of what `encode` made: ASCII as the octets it is; all else by the lines it is in."""
    if octets.isascii():
        folded = octets.translate(_UPPER, b"\0\r")
        # Where CR comes before LF only, the pair is a space already without it.
        if len(octets) - len(folded) != octets.count(b"\r\n") + octets.count(b"\0"):
            folded = octets.translate(_UPPER, b"\0")
    elif len(octets) > _AT_ONCE:
        text = decode(octets)
        folded = encode(_fold(text) if len(text) <= _AT_ONCE else "".join(_in_pieces(text, sys.maxsize)))
    elif b"\0" in octets or _MARK in octets:
        folded = encode(_fold(decode(octets)))
    else:
        folded = _folded_lines(octets).translate(_UPPER)
    return SPACES_RUN.sub(b" ", folded)


def _folded_lines(octets: bytes) -> bytes:
    """With those lines folded that are not ASCII. Nothing in one has a say in what becomes of another."""
    lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    places = [place for place, line in enumerate(lines) if not line.isascii()]
    folded = encode(_fold(decode(_MARK.join([lines[place] for place in places])))).split(_MARK)
    for place, line in zip(places, folded):
        lines[place] = line
    return b"\n".join(lines)


def single_spaced(text: str, most: int = sys.maxsize) -> str:
    """The text with its case and its letters as they are, for comparators that tell them apart: only layout
    and what is not seen make no difference."""
    text = _laid_out(text)
    return _SPACES_RUN.sub(" ", text)[:most]


def _laid_out(text: str) -> str:
    text = text.replace("\r\n", " ")
    for unseen in _UNSEEN:
        text = text.replace(unseen, "")
    for space in _SPACES:
        text = text.replace(space, " ")
    return text


def _in_pieces(text: str, most: int) -> Iterator[str]:
    """Letters can become many: one of Arabic eighteen. What cannot be kept is not made."""
    start = length = 0
    while start < len(text) and length < 2 * most:  # runs of spaces may still shrink
        end = text.rfind(" ", start, start + _AT_ONCE)
        if end <= start:
            # Marks belong to the letter before them.
            end = start + _AT_ONCE
            while end < len(text) and unicodedata.combining(unicodedata.normalize("NFKD", text[end])[0]):
                end += 1
        folded = _fold(text[start:end])
        length += len(folded)
        yield folded
        start = end


def _fold(text: str) -> str:
    text = _laid_out(text)
    # Deviates: RFC 5051 2 maps case before the decomposition only, so that "ﬁ" becomes "fi" and never equals
    # "FI". Here the letters of a decomposition are mapped too. What the RFC takes for equal stays equal.
    text = unicodedata.normalize("NFKD", _without_long_runs(text))
    # The simple titlecase is asked for. Of a decomposed text the uppercase is that, but for sharp s, and
    # for Georgian, where it makes two more letters equal.
    return "ß".join([piece.upper() for piece in text.split("ß")])


@cache
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Two marks side by side, and a long run of them. Made when a text needs it, for it takes a while."""
    marks = "".join(
        re.escape(chr(code)) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code))
    )
    return re.compile(f"[{marks}]{{2}}"), re.compile(f"[{marks}]{{{_LONG_RUN}}}")


def _without_long_runs(text: str) -> str:
    """Sorting the marks of one letter takes time by their square; so no letter has more than so many.

    A run of `_LONG_RUN` holds two of the characters that are looked at, side by side.
    """
    if len(text) < _LONG_RUN:
        return text
    some = text[::_EACH]
    if not any(map(unicodedata.combining, some)):
        return text  # nearly always, and then nothing has to be made for it
    two, many = _marks()
    if two.search(some) is None:
        return text
    return many.sub(lambda run: run[0] + "\u034f", text)
