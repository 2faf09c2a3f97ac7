"""Mailbox names and roles.

A mailbox's path is a `str` of levels joined by `/`, NFC normalised, never starting or ending with
the separator. `INBOX` in any case is spelled `INBOX`, as the first level and only there
(RFC 9051 5.1). The wire spellings (modified UTF-7, UTF-8) are `imap/wire/mailbox_name.py`.
"""

import re
import unicodedata
from enum import Enum
from functools import lru_cache

from pillarbox.model.errors import Code, Refused

SEPARATOR = "/"
INBOX = "INBOX"
MAX_DEPTH = 32
MAX_LEVEL_BYTES = 255


class Role(Enum):
    """What a mailbox is for; the value is its special-use attribute (RFC 6154 2)."""

    ALL = "\\All"
    ARCHIVE = "\\Archive"
    DRAFTS = "\\Drafts"
    FLAGGED = "\\Flagged"
    JUNK = "\\Junk"
    SENT = "\\Sent"
    TRASH = "\\Trash"


# What a new account contains besides INBOX.
INITIAL_MAILBOXES: tuple[tuple[str, Role], ...] = (
    ("Archive", Role.ARCHIVE),
    ("Drafts", Role.DRAFTS),
    ("Junk", Role.JUNK),
    ("Sent", Role.SENT),
    ("Trash", Role.TRASH),
)


def normalise(path: str) -> str:
    """The one spelling of `path`: NFC, INBOX in capitals, one trailing separator dropped.

    RFC 9051 6.3.4: a trailing separator only announces that children will follow.
    """
    path = unicodedata.normalize("NFC", path)
    if path.endswith(SEPARATOR):
        path = path[:-1]
    first, separator, rest = path.partition(SEPARATOR)
    if first.upper() == INBOX:
        first = INBOX
    return first + separator + rest


def validated(path: str) -> str:
    """`normalise(path)`, or `Refused` when no mailbox may ever be called that."""
    path = normalise(path)
    levels = path.split(SEPARATOR)
    if len(levels) > MAX_DEPTH:
        raise Refused(f"Mailbox names have at most {MAX_DEPTH} levels", Code.LIMIT)
    for level in levels:
        if not level:
            raise Refused("A mailbox name has no empty level", Code.CANNOT)
        if len(level.encode("utf-8", "surrogatepass")) > MAX_LEVEL_BYTES:
            raise Refused(f"A level of a mailbox name has at most {MAX_LEVEL_BYTES} bytes", Code.LIMIT)
        # RFC 9051 5.1: no control characters (RFC 5198), no line or paragraph separators; surrogates
        # are not Unicode text; wildcards would make the name impossible to LIST.
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "*%" for c in level):
            raise Refused("The mailbox name contains a character that is not allowed", Code.CANNOT)
    return path


def parent(path: str) -> str:
    """The path one level up; '' at the top."""
    return path.rpartition(SEPARATOR)[0]


@lru_cache(maxsize=1024)
def pattern(reference_and_pattern: str) -> re.Pattern[str]:
    """LIST wildcards as a regular expression for `fullmatch` (RFC 9051 6.3.9): `*` any, `%` any but `/`.

    What stands between two wildcards is matched where it first fits and not tried again (an atomic group):
    no later place leaves more room for the rest. Only what must reach the end of the name is tried from
    several places. So a hostile pattern costs at most the square of the name's length.
    """
    text = re.sub(r"[*%]*\*[*%]*", "*", re.sub("%+", "%", normalise_pattern(reference_and_pattern)))
    head, *middle = text.split("*")
    if not middle:
        return re.compile(_segment(head, last=True), re.DOTALL)
    tail = middle.pop()
    atoms = "".join(f"(?>.*?{_segment(segment, last=False)})" for segment in middle)
    return re.compile(_segment(head, last=False) + atoms + ".*" + _segment(tail, last=True), re.DOTALL)


def _segment(text: str, *, last: bool) -> str:
    """Literals joined by `%`; `last`: the name ends with this segment."""
    first, *rest = map(re.escape, text.split("%"))
    final = f"[^/]*{rest.pop()}" if last and rest else ""
    return first + "".join(f"(?>[^/]*?{literal})" for literal in rest) + final


def normalise_pattern(text: str) -> str:
    """A LIST pattern with NFC and, where its first level spells INBOX, INBOX in capitals."""
    text = unicodedata.normalize("NFC", text)
    first, separator, rest = text.partition(SEPARATOR)
    return (INBOX + separator + rest) if first.upper() == INBOX else text
