"""`pillarbox account tokens`: which programs somebody has let in by OAuth, and taking that back."""

from typing import Annotated

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import existing
from pillarbox.identity import grants

app = typer.Typer(
    help="Show and take back what programs were let in by a sign-in page.", no_args_is_help=True
)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]


@app.command("list")
def list_tokens(context: typer.Context, address: Address, json: Json = False) -> None:
    """List the programs, with what they may do, and when and from where each was used last."""
    with existing(load(context.obj)) as directory:
        found = grants.each_of(directory, directory.require(address).prefix)
    plain = [
        {
            "id": each.id,
            "program": each.name,
            "client": each.client,
            "scope": each.scope,
            "created": moment(each.created_at),
            "expires": moment(each.expires_at),
            "used": each.used_at and moment(each.used_at),
            "from": each.used_from,
        }
        for each in found
    ]
    columns = ("id", "program", "scope", "created", "expires", "used", "from")
    show(plain, json, table(columns, [tuple(str(each[key] or "") for key in columns) for each in plain]))


@app.command()
def revoke(
    context: typer.Context,
    address: Address,
    id: Annotated[int | None, typer.Option("--id", help="Which, as `list` numbers them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    json: Json = False,
) -> None:
    """Take a program's tokens back, at once; it has to ask its user again."""
    if (id is None) != every:
        raise typer.BadParameter("say --id or --all")
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        if id is not None:
            grants.revoke(directory, account, id)
            count = 1
        else:
            with directory.changing():
                count = grants.end_all(directory, account.prefix)
    acted(config, f"tokens revoke {id if id is not None else '--all'}", account.address)
    words = "1 program was" if count == 1 else f"{count} programs were"
    show({"address": account.address, "revoked": count}, json, f"{words} let out.")
