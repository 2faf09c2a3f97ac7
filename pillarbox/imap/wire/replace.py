"""REPLACE and UID REPLACE (RFC 8508): APPEND of one message, and which one it takes the place of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.append import Append, message
from pillarbox.imap.wire.limits import NUMBER
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import STAR

_SEQ_NUMBER = re.compile(rb"[1-9][0-9]{0,9}|\*")


@dataclass(frozen=True, slots=True)
class Replace:
    """The command up to and including the announcement of its message. `number` may be STAR."""

    number: int
    append: Append
    uid: bool = False


def head(pieces: Sequence[bytes], start: int, utf8: bool = False, *, uid: bool = False) -> Replace | None:
    """As `append.head`.

    replace = "REPLACE" SP seq-number SP mailbox append-message     (RFC 8508 5)
    """
    reader = Reader(pieces, utf8, start)
    reader.space()
    written = reader.take(_SEQ_NUMBER, "One message number" if not uid else "One UID")[0]
    number = STAR if written == b"*" else int(written)
    if number > NUMBER:
        raise PeerSyntax("The number of the message is not a 32-bit number")
    reader.space()
    if len(pieces) == 1 and reader.at_announcement():
        return None
    mailbox = reader.mailbox()
    reader.space()
    return Replace(number, Append(mailbox, message(reader)), uid)


def parse_replace(reader: Reader) -> Replace:
    """As `append.parse_append`."""
    raise PeerSyntax("REPLACE needs a message as a literal at the end of its line")
