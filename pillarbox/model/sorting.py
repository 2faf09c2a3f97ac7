"""How messages may be sorted, by whatever protocol."""

from dataclasses import dataclass
from enum import Enum


class SortKey(Enum):
    """RFC 5256 3, RFC 5957 4. Text is compared by the comparator in use, everything else as numbers."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    FROM = "FROM"
    MODSEQ = "MODSEQ"  # no RFC: as Cyrus names them, like UID
    RELEVANCY = "RELEVANCY"  # RFC 6203 6: the most relevant first
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"
    UID = "UID"


@dataclass(frozen=True, slots=True)
class Criterion:
    """Ascending; `reverse` turns this one around, and not the mailbox order of those that are equal."""

    key: SortKey
    reverse: bool = False
