"""A message from a file or a program to one address, as if it had come over the network."""

from collections.abc import Iterable

from pillarbox.app.importing.filing import file_letters
from pillarbox.app.importing.letter import Letter
from pillarbox.app.wiring import Core
from pillarbox.model.errors import Code, Refused
from pillarbox.model.names import INBOX


async def deliver(parts: Core, address: str, pieces: Iterable[bytes]) -> None:
    """Durable when this returns; bare LF becomes CRLF."""
    recipient = parts.directory.resolve(address)
    if recipient is None:
        raise Refused(f"There is no account {address}", Code.NONEXISTENT)
    letter = Letter(address, "", (), None, 0, iter(pieces))
    await file_letters(parts.store, recipient.account, INBOX, iter([letter]))
