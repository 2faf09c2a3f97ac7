"""From, To, Cc, Bcc and Subject as they are written, packed to be kept beside a message: so mail that no
index holds yet is searched by these fields without being opened.

A line for each field: its letter, and the unfolded value, which has no line ends. Where that would not be
all that `searchable_headers` looks at (a field that is there twice), or is very long, there is `None`, and
the message itself has to be asked.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from pillarbox.message.casemap import Fold, fold_text
from pillarbox.message.field_text import field_texts
from pillarbox.message.glance import DROPPED, word_of
from pillarbox.message.walk import REPEATED

LONGEST = 2_000  # octets that are kept of a message

_UNSURE = b"\x80"
_SQUEEZED = bytes(_UNSURE[0] if code >= 0x80 or code == 0x28 else code for code in range(256)).upper()
_LETTERS = {"from": b"F", "to": b"T", "cc": b"C", "bcc": b"B", "subject": b"S"}


def packed(fields: Mapping[bytes, bytes]) -> bytes | None:
    """Of a message's fields as `walk.walk` has them."""
    if REPEATED in fields:
        return None
    get = fields.get
    sender, to, cc, bcc, subject = get(b"from"), get(b"to"), get(b"cc"), get(b"bcc"), get(b"subject")
    made = b"" if sender is None else b"F%b\n" % sender
    if to is not None:
        made += b"T%b\n" % to
    if cc is not None:
        made += b"C%b\n" % cc
    if bcc is not None:
        made += b"B%b\n" % bcc
    if subject is not None:
        made += b"S%b\n" % subject
    return made if len(made) <= LONGEST else None


def value_of(kept: bytes, name: str) -> bytes | None:
    """The value of the field of this name; None where there is none."""
    letter = _LETTERS[name]
    if kept.startswith(letter):
        return kept[1 : kept.index(b"\n")]
    at = kept.find(b"\n" + letter)
    return kept[at + 2 : kept.index(b"\n", at + 2)] if at >= 0 else None


def texts(name: str, value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    """What SEARCH sees of it."""
    return field_texts(name.encode(), value, fold)


def may_have(kept: Sequence[bytes], name: str, needle: str) -> Sequence[int]:
    """Those of some messages, by their place among them, whose field of this name may have the folded needle.
    For all others that is told by its longest word, at once: it stands nowhere in the field, not even with
    what may be between its letters taken out. What has to be decoded, and comments, are not looked at."""
    word = word_of(needle)
    if not word:
        return range(len(kept))
    text = b"".join([b"\n", *kept]).translate(_SQUEEZED, DROPPED)
    start = b"\n" + _LETTERS[name]
    ends = list(accumulate([fields.count(b"\n") for fields in kept]))
    out = set()
    for sought in (word, b"=?", _UNSURE):
        line = counted = 0
        at = text.find(sought)
        while at >= 0:
            line += text.count(b"\n", counted, at)
            counted = at
            if text.startswith(start, text.rfind(b"\n", 0, at)):
                out.add(bisect_left(ends, line))
            at = text.find(sought, text.find(b"\n", at))
    return sorted(out)
