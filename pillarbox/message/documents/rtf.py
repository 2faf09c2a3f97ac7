"""Rich Text Format: its text, in one pass."""

import re
from collections.abc import Iterator

from pillarbox.message.decode import charset_decode

_TOKEN = re.compile(
    rb"\\(?:'([0-9a-fA-F]{2})|([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|([^a-zA-Z]))"
    rb"|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)
# Groups that hold no text of the document.
_HIDDEN = frozenset(
    b"""fonttbl colortbl stylesheet info pict object themedata datastore latentstyles rsidtbl generator
    listtable listoverridetable xmlnstbl fldinst filetbl revtbl operator author""".split()
)
_SPACES = frozenset(b"par line tab cell row page sect column emspace enspace".split())
_SIGNS = {
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
}
_HALF = re.compile("[\ud800-\udbff]")  # of a pair of surrogates
_MOST_OPEN = 10_000  # groups
_PIECE = 1 << 12


def pieces(data: bytes) -> Iterator[str]:
    codepage = "cp1252"
    out: list[str] = []
    octets = bytearray()  # of a word in the document's codepage
    opened: list[tuple[bool, int]] = []
    hidden, unicode_skips, to_skip = False, 1, 0
    for match in _TOKEN.finditer(data):
        hexed, word, number, symbol, brace, plain = match.groups()
        if hexed is not None and not hidden and not to_skip:
            octets += bytes((int(hexed, 16),))
            continue
        if octets:
            out.append(charset_decode(bytes(octets), codepage))
            octets.clear()
        if brace == b"{":
            if len(opened) == _MOST_OPEN:
                break
            opened.append((hidden, unicode_skips))
        elif brace == b"}":
            if opened:
                hidden, unicode_skips = opened.pop()
            to_skip = 0
        elif symbol == b"*" or word in _HIDDEN:
            hidden = True
        elif hidden:
            continue
        elif to_skip and plain is None:
            to_skip -= 1  # a control word or symbol counts as one character
        elif plain is not None:
            if to_skip:
                plain, to_skip = plain[to_skip:], max(0, to_skip - len(plain))
            out.append(plain.decode("cp1252", "replace"))
        elif word == b"u" and number:
            out.append(_character(int(number)))
            to_skip = unicode_skips
        elif word == b"uc" and number:
            unicode_skips = min(max(int(number), 0), 100)
        elif word == b"ansicpg" and number:
            codepage = "cp" + number.decode("ascii")
        elif word in _SPACES or symbol == b"~":
            out.append(" ")
        elif word in _SIGNS:
            out.append(_SIGNS[word])
        elif symbol in (b"\\", b"{", b"}"):
            out.append(symbol.decode("ascii"))
        elif symbol in (b"\r", b"\n"):
            out.append(" ")
        if len(out) >= _PIECE and not _HALF.match(out[-1]):
            yield _joined(out)
            out.clear()
    if octets:
        out.append(charset_decode(bytes(octets), codepage))
    yield _joined(out)


def _character(number: int) -> str:
    """A UTF-16 code unit, mostly written as a signed number."""
    return chr(number & 0xFFFF)


def _joined(out: list[str]) -> str:
    """Pairs of surrogates as the characters they are."""
    return "".join(out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
