"""Flags and keywords (RFC 9051 2.3.2).

A flag set is a `FlagSet`: a tuple of spellings in canonical order (system flags in the order of
`SYSTEM`, then keywords by their folded form), without repeats. `\\Recent` is never part of one:
it belongs to a session, not to a message (RFC 3501 2.3.2). Keywords compare without regard to
ASCII case; the account's first spelling wins, and only the store knows which that is.
"""

from collections.abc import Iterable

FlagSet = tuple[str, ...]

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
RECENT = "\\Recent"
SYSTEM: FlagSet = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)
MAX_KEYWORDS = 128  # a message (store.md: a flag set stays one small row)
MAX_KEYWORD_LENGTH = 128

_SYSTEM_BY_FOLD = {flag.lower(): flag for flag in SYSTEM}
_RANK = {flag: rank for rank, flag in enumerate(SYSTEM)}


def canonical(flags: Iterable[str]) -> FlagSet:
    """The flags as one `FlagSet`: system flags spelled as the RFC does, repeats dropped, order fixed."""
    by_fold: dict[str, str] = {}
    for flag in flags:
        fold = flag.lower()
        by_fold.setdefault(fold, _SYSTEM_BY_FOLD.get(fold, flag))
    return tuple(sorted(by_fold.values(), key=lambda flag: (_RANK.get(flag, len(SYSTEM)), flag.lower())))


def is_system(flag: str) -> bool:
    return flag.lower() in _SYSTEM_BY_FOLD


def encode(flags: FlagSet) -> bytes:
    """A flag set as the store keeps it and IMAP prints it: spellings joined by one space."""
    return " ".join(flags).encode("ascii")


def decode(stored: bytes) -> FlagSet:
    return tuple(stored.decode("ascii").split())
