"""The text of header fields, folded, as SEARCH sees it.

A field is searched as it is written, folds undone and encoded words decoded. A field of addresses is
searched as ENVELOPE shows it too, where that differs: quotes and escapes gone, comments in the place of
names. These are texts of their own, in which a needle is or is not.
"""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache

from pillarbox.message.addresses import MISSING_DOMAIN, MISSING_MAILBOX, addresses, is_plain
from pillarbox.message.casemap import Fold, fold_text
from pillarbox.message.decode import header_text
from pillarbox.message.envelope import ADDRESS_FIELDS
from pillarbox.message.header import unfolded
from pillarbox.message.limits import MAX_FIELD, MAX_FIELDS, MAX_HEADER, MEMO_ENTRIES, MEMO_KEY

_UPPER = bytes(range(256)).upper().translate(bytes.maketrans(b"\t", b" "))
_ORDINARY = bytes([9, 10, *range(32, 127)])
_SPACES = re.compile("  +")


def field_texts(name: bytes, value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    """The texts of one field: its lower-case name and unfolded value."""
    if name not in ADDRESS_FIELDS:
        return (_folded(value[:MAX_FIELD], fold),)
    if fold is not fold_text:
        return _address_texts(value[:MAX_FIELD], fold)
    return _remembered(value) if len(value) <= MEMO_KEY else _address_texts(value[:MAX_FIELD])


def header_texts(header: bytes, fold: Fold = fold_text) -> Iterator[tuple[str, str]]:
    """(lower-case name, text) of each field of a header, in order. With another `fold` than the usual one
    names are as they are written.

    Most fields of most headers need nothing but capitals and single spaces, which all of them get at once.
    """
    header = unfolded(header[:MAX_HEADER])
    lines = header.split(b"\n", MAX_FIELDS)[:MAX_FIELDS]
    if fold is not fold_text:
        for line in lines:
            name, colon, value = line.partition(b":")
            if colon:
                name = name.rstrip(b" \t")
                for text in field_texts(name.lower(), value.strip(b" \t\r"), fold):
                    yield name.decode("latin-1"), text
        return
    if header.translate(None, _ORDINARY):
        for line in lines:
            name, colon, value = line.partition(b":")
            if colon:
                yield from _one(name.rstrip(b" \t").lower(), value)
        return
    capitals = _SPACES.sub(" ", header.translate(_UPPER).decode("ascii"))
    odd = "=?" in capitals or len(capitals) > MAX_FIELD
    for number, folded in enumerate(capitals.split("\n", MAX_FIELDS)[: len(lines)]):
        key, found, text = folded.partition(":")
        if not found:
            continue
        key = key.rstrip(" ").lower()
        if key in _ADDRESS_NAMES or (odd and ("=?" in text or len(text) > MAX_FIELD)):
            yield from _one(key.encode("ascii"), lines[number].partition(b":")[2])
        else:
            yield key, text.strip(" ")


_ADDRESS_NAMES = frozenset(name.decode("ascii") for name in ADDRESS_FIELDS)


def _one(name: bytes, value: bytes) -> Iterator[tuple[str, str]]:
    shown = name.decode("latin-1")
    for text in field_texts(name, value.strip(b" \t\r")):
        yield shown, text


def _folded(value: bytes, fold: Fold = fold_text) -> str:
    return fold(header_text(value), sys.maxsize).strip(" ")


def _address_texts(value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    written = _folded(value, fold)
    if is_plain(value):
        return (written,)
    shown = fold(_shown(value), sys.maxsize).strip(" ")
    return (written,) if shown in written else (written, shown)


_remembered = lru_cache(maxsize=MEMO_ENTRIES)(_address_texts)


def _shown(value: bytes) -> str:
    """The addresses as `Name <local@domain>`, a group as `Name: members;`."""
    out: list[str] = []
    comma = ""
    for name, _, mailbox, host in addresses(value):
        if host is None:
            if mailbox is None:
                out.append(";")
                comma = ", "
            else:
                out.append(f"{comma}{header_text(mailbox)}: ")
                comma = ""
            continue
        spelled = b"" if mailbox is None or mailbox == MISSING_MAILBOX else mailbox
        if host != MISSING_DOMAIN:
            spelled += b"@" + host
        if name and spelled:
            out.append(f"{comma}{header_text(name)} <{header_text(spelled)}>")
        else:
            out.append(comma + header_text(name or spelled))
        comma = ", "
    return "".join(out)
