"""`pillarbox import`: take over the mail another program left in files."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.importing import detect
from pillarbox.app.importing.filing import Imported, file_letters
from pillarbox.app.output import Json, progress, show
from pillarbox.app.wiring import core
from pillarbox.model.names import INBOX


def import_mail(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The account to import into.")],
    path: Annotated[Path, typer.Argument(help="An mbox file, a Maildir, an .eml file or a folder of them.")],
    mailbox: Annotated[str, typer.Option(help="The mailbox to import into; made if it is missing.")] = INBOX,
    json: Json = False,
) -> None:
    """Import messages with their flags and dates from an mbox, a Maildir or .eml files."""
    config = load(context.obj)

    async def run() -> Imported:
        async with core(config, make=False) as parts:
            account = parts.directory.require(address)
            with progress("Importing", detect.octets(path)) as advance:
                return await file_letters(parts.store, account.prefix, mailbox, detect.letters(path), advance)

    imported = asyncio.run(run())
    acted(config, f"import of {imported.messages}", address)
    show(
        {"messages": imported.messages, "octets": imported.octets, "mailboxes": imported.mailboxes},
        json,
        f"{_counted(imported.messages)} imported into {', '.join(imported.mailboxes) or 'no mailbox'}.",
    )


def _counted(messages: int) -> str:
    return "1 message is" if messages == 1 else f"{messages} messages are"
