"""The short way of RETR: who takes in a maildrop says it thousands of times, many ahead of the answers.

It is for the usual message, which fits in one row and is there. Where anything is out of the ordinary, None
says so before something has been done, and the long way (`commands/retrieve.py`) is gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pillarbox.model.errors import Refused
from pillarbox.pop3.wire.content import encode_whole
from pillarbox.store import blobs
from pillarbox.store.staged import Place
from pillarbox.store.tx import Busy

if TYPE_CHECKING:
    from pillarbox.pop3.maildrop import Maildrop

_RETR = re.compile(rb"retr ([0-9]{1,10})", re.IGNORECASE).fullmatch


def answer(maildrop: Maildrop, line: bytes, *, utf8: bool) -> bytes | None:
    """What this command is answered; None where it takes the long way."""
    found = _RETR(line)
    if found is None or not maildrop.actor.owner:  # whose rights would be another statement
        return None
    try:
        row = maildrop.glance(int(found[1]))
        if row is None:
            return None
        header_size, size, place, dictionary, frames, data = row
        if place != Place.INLINE or frames is not None:
            return None
        whole = blobs.octets(size, place, dictionary, frames, data)
    except (Busy, Refused):
        return None
    # RFC 6856 2.1: who has not said UTF8 is sent no header but in ASCII.
    if not utf8 and not whole.isascii() and not whole[:header_size].isascii():
        return None
    return b"+OK %d octets\r\n" % size + encode_whole(whole)
