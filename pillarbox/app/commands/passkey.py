"""`pillarbox account passkeys`: those that somebody has registered on his account page."""

from typing import Annotated

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import existing
from pillarbox.identity import passkeys
from pillarbox.model.errors import Refused

app = typer.Typer(help="Show and remove passkeys of the sign-in page.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]


@app.command("list")
def list_passkeys(context: typer.Context, address: Address, json: Json = False) -> None:
    """List the passkeys of an account, with when each was used last."""
    with existing(load(context.obj)) as directory:
        found = passkeys.each_of(directory, directory.require(address).prefix)
    plain = [
        {
            "id": each.id.hex(),
            "name": each.name,
            "created": moment(each.created_at),
            "used": each.used_at and moment(each.used_at),
        }
        for each in found
    ]
    columns = ("name", "created", "used", "id")
    show(plain, json, table(columns, [tuple(str(each[key] or "") for key in columns) for each in plain]))


@app.command()
def remove(
    context: typer.Context,
    address: Address,
    id: Annotated[str, typer.Option("--id", help="Which, as `list` spells it.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    json: Json = False,
) -> None:
    """Remove a passkey; whoever is signed in by it is signed out."""
    if bool(id) == every:
        raise typer.BadParameter("say --id or --all")
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        if every:
            count = passkeys.remove_all(directory, account)
        else:
            try:
                octets = bytes.fromhex(id)
            except ValueError:
                raise Refused(f"{id} is no passkey's id") from None
            passkeys.remove(directory, account.prefix, octets)
            count = 1
    acted(config, f"passkeys remove {id or '--all'}", account.address)
    show(
        {"address": account.address, "removed": count},
        json,
        "1 passkey is removed." if count == 1 else f"{count} passkeys are removed.",
    )
