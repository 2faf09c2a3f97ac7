"""What a handler gives back: plain data, that `session` has encoded and sends in one order for all commands.

untagged data, stream, what the client must be told of its mailbox, tagged response
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.response import ResponseCode
from pillarbox.model.errors import PeerSyntax
from pillarbox.store.flags import Stored


@dataclass(frozen=True, slots=True)
class Done:
    """The command is over. NO with a code that has arguments is a `Done` too; without, a `Refused`.

    `own` is what the command itself did to flags and answers itself.
    """

    text: str
    code: ResponseCode | None = None
    data: tuple[Response, ...] = ()
    told: bytes = b""  # FETCH lines, rendered by `wire.fetch_plan` from columns; they come after `data`
    stream: AsyncGenerator[bytes, None] | None = None
    own: Stored | None = None
    condition: Literal["OK", "NO"] = "OK"


@dataclass(frozen=True, slots=True)
class Begun:
    """The command goes on: the session's `dialogue` has been set and hears the client's next octets."""

    response: Response | None = None


Outcome = Done | Begun


class UidRequired(PeerSyntax):
    """RFC 9586 3: the command speaks in message numbers, and the client has given them up."""

    def __init__(self) -> None:
        super().__init__("Message numbers are not allowed once UIDONLY is enabled")


class ClientBug(PeerSyntax):
    """Well formed, and nothing that a client may ever send: BAD [CLIENTBUG] (RFC 5530 3)."""


class Torn(Exception):
    """An answer broke off inside a literal: nothing that could be sent after it would be understood, so the
    connection ends."""
