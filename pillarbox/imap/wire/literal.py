"""The announcement of a literal at the end of a line (RFC 9051 4.3; RFC 7888; RFC 3516 4.4)."""

import re
from dataclasses import dataclass

from pillarbox.imap.wire.limits import NUMBER64
from pillarbox.model.errors import PeerSyntax


@dataclass(frozen=True, slots=True)
class Literal:
    """`sync`: the client waits for `+` before it sends the octets. `binary`: `~{n}`, they may hold NUL."""

    size: int
    sync: bool
    binary: bool


# literal  = "{" number64 ["+"] "}" CRLF *CHAR8
# literal8 = "~{" number64 ["+"] "}" CRLF *OCTET     (the "+" by RFC 7888 6)
ANNOUNCEMENT = re.compile(rb"(~?)\{([0-9]{1,40})(\+?)\}\Z")


def literal_at_end(line: bytes) -> Literal | None:
    """The literal that follows `line`, None when the command ends with it.

    Wherever it stands in the line: what looks like an announcement is one, because the client will send the
    octets, and taking them for commands would let a message body speak for its reader.
    """
    if line[-1:] != b"}":
        return None
    found = ANNOUNCEMENT.search(line, max(0, len(line) - 44))
    if not found:
        return None
    size = int(found[2])
    if size > NUMBER64:
        raise PeerSyntax("The size of the literal at the end of the line is not a 63-bit number")
    return Literal(size, not found[3], bool(found[1]))
