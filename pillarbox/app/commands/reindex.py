"""`pillarbox reindex`: make an account's search index anew."""

from typing import Annotated

import typer

from pillarbox.app import documents
from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, progress, show
from pillarbox.app.wiring import existing
from pillarbox.store.files import account_folder
from pillarbox.store.index.catching_up import catch_up, octets


def reindex(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The account whose index is to be made.")],
    json: Json = False,
) -> None:
    """Make the search index of an account anew. It is never needed for searches to be right: it makes them
    fast, and is made by itself. The server may go on meanwhile."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
    folder = account_folder(config.data_folder, account.prefix)
    with progress("Indexing", octets(folder)) as advance, documents.reading() as reader:
        caught = catch_up(folder, documents=reader.text_of, anew=True, told=advance)
    acted(config, "reindex", account.address)
    show(
        {"messages": caught.messages, "octets": caught.octets},
        json,
        f"{caught.messages} {'message is' if caught.messages == 1 else 'messages are'} indexed.",
    )
