"""REPLACE and UID REPLACE (RFC 8508): APPEND of one message, and which one it takes the place of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.append import Append, target_and_steps, without_literals
from pillarbox.imap.wire.limits import NUMBER
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import STAR

_SEQ_NUMBER = re.compile(rb"[1-9][0-9]{0,9}|\*")


@dataclass(frozen=True, slots=True)
class Replace:
    """The command up to the announcement of its first literal that is no name. `number` may be STAR."""

    number: int
    append: Append
    uid: bool = False


def head(pieces: Sequence[bytes], start: int, utf8: bool = False, *, uid: bool = False) -> Replace | None:
    """As `append.head`.

    replace = "REPLACE" SP seq-number SP mailbox append-message     (RFC 8508 5)
    """
    reader = Reader(pieces, utf8, start)
    reader.space()
    number = _number(reader, uid=uid)
    if len(pieces) == 1 and reader.at_announcement():
        return None
    return Replace(number, target_and_steps(reader), uid)


def parse_replace(reader: Reader, *, uid: bool = False) -> Replace:
    """As `append.parse_append`."""
    reader.space()
    number = _number(reader, uid=uid)
    return Replace(number, without_literals(target_and_steps(reader)), uid)


def _number(reader: Reader, *, uid: bool) -> int:
    written = reader.take(_SEQ_NUMBER, "One message number" if not uid else "One UID")[0]
    number = STAR if written == b"*" else int(written)
    if number > NUMBER:
        raise PeerSyntax("The number of the message is not a 32-bit number")
    reader.space()
    return number
