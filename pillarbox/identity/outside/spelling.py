"""How an address is spelled to a directory elsewhere, and how what directories store is read."""

import re

from pillarbox.identity.addresses import Address

NAMES = ("address", "local", "domain")

# What a colon means nothing in: strings, names, comments, and PostgreSQL's casts.
PIECE = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|::|:(?P<name>[A-Za-z_]\w*)""", re.DOTALL
)
_SIZE = re.compile(r"(?P<number>\d{1,18})\s*(?P<unit>[KMGT]?)(?:i?B|bytes|S)?", re.IGNORECASE)
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_YES = ("1", "t", "true", "y", "yes", "on")


def values(wanted: Address) -> dict[str, str]:
    """In lower case, because not every directory compares addresses as mail does."""
    local, domain = wanted.local.lower(), wanted.folded.rpartition("@")[2]
    return {"address": f"{local}@{domain}", "local": local, "domain": domain}


def octets(text: str) -> int | None:
    """`1073741824`, `1G`, `500 MB`; 0 and what is no size are no limit."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    return int(match["number"]) * 1024 ** _UNITS[match["unit"].upper()] or None


def is_yes(value: object) -> bool:
    return value.strip().lower() in _YES if isinstance(value, str) else bool(value)


def names(query: str) -> list[str]:
    """What stands for values in a query."""
    return [match["name"] for match in PIECE.finditer(query) if match["name"]]
