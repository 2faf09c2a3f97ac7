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
_ORDINARY = bytes([9, 10, 13, *range(32, 127)])
_SPACES = re.compile("  +")
# Addresses that are shown as they are written; to tell that of others takes a look at their octets.
_SPEC = r"[-A-Z0-9._+=]++@[-A-Z0-9.]++"
_ADDRESS = rf"(?:(?:[-A-Z0-9!#$%&'*+/=?^_`{{|}}~.]++ )*+<{_SPEC}>|{_SPEC})"
_AS_WRITTEN = re.compile(rf" {_ADDRESS}(?:, {_ADDRESS})*+").fullmatch


def field_texts(name: bytes, value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    """The texts of one field: its lower-case name and unfolded value."""
    if name not in ADDRESS_FIELDS:
        return (_folded(value[:MAX_FIELD], fold),)
    if fold is not fold_text:
        return _address_texts(value[:MAX_FIELD], fold)
    return _remembered(value) if len(value) <= MEMO_KEY else _address_texts(value[:MAX_FIELD])


def header_texts(header: bytes, fold: Fold = fold_text) -> Iterator[tuple[str, str]]:
    """(lower-case name, text) of each field of a header, in order. With another `fold` than the usual one
    names are as they are written."""
    if fold is fold_text:
        for name, line, at in header_lines(header):
            yield name, line[at:]
        return
    for written in _lines(unfolded(header[:MAX_HEADER])):
        start, colon, value = written.partition(b":")
        if colon:
            start = start.rstrip(b" \t")
            for text in field_texts(start.lower(), value.strip(b" \t\r"), fold):
                yield start.decode("latin-1"), text


def header_lines(header: bytes) -> Iterator[tuple[str, str, int]]:
    """(lower-case name, the folded line "NAME: TEXT", where the text begins in it) of each field, in order.

    Most fields of most headers need nothing but capitals and single spaces, which all of them get at once.
    """
    header = header[:MAX_HEADER]
    if header.translate(None, _ORDINARY) or header.count(b"\r") != header.count(b"\r\n"):
        for written in _lines(unfolded(header)):
            start, colon, value = written.partition(b":")
            if colon:
                yield from _one(start.rstrip(b" \t").lower(), value)
        return
    capitals = header.translate(_UPPER, b"\r").replace(b"\n ", b" ").decode("ascii")
    if "  " in capitals:
        capitals = _SPACES.sub(" ", capitals)
    odd = "=?" in capitals or len(capitals) > MAX_FIELD
    lines: list[bytes] = []
    for number, folded in enumerate(capitals.split("\n", MAX_FIELDS)[:MAX_FIELDS]):
        at = folded.find(":")
        if at < 0:
            continue
        name = folded[:at].lower()
        if (
            (name in _ADDRESS_NAMES and not _AS_WRITTEN(folded, at + 1))
            or (odd and ("=?" in folded or len(folded) > MAX_FIELD))
            or name[-1:] == " "
        ):
            lines = lines or _lines(unfolded(header))
            yield from _one(name.rstrip(" ").encode("ascii"), lines[number].partition(b":")[2])
        elif folded[at + 1 : at + 2] == " " and folded[-1] != " ":
            yield name, folded, at + 2
        else:
            yield name, f"{folded[:at]}: {folded[at + 1 :].strip(' ')}", at + 2


def _lines(header: bytes) -> list[bytes]:
    return header.split(b"\n", MAX_FIELDS)[:MAX_FIELDS]


# With what their lines begin with.
_ADDRESS_NAMES = {name.decode("ascii"): f"{name.decode('ascii').upper()}: " for name in ADDRESS_FIELDS}


def _one(name: bytes, value: bytes) -> Iterator[tuple[str, str, int]]:
    shown = name.decode("latin-1")
    start = _ADDRESS_NAMES.get(shown) or f"{fold_text(shown)}: "
    for text in field_texts(name, value.strip(b" \t\r")):
        yield shown, start + text, len(start)


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
