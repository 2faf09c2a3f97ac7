"""`pillarbox alias`: addresses that lead to others, and groups."""

from typing import Annotated, Any

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, show, table
from pillarbox.app.wiring import existing
from pillarbox.identity import routes
from pillarbox.identity.routes import Alias

app = typer.Typer(help="Add, list and delete aliases and groups.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The alias, like info@example.org.")]


@app.command()
def add(
    context: typer.Context,
    address: Address,
    targets: Annotated[list[str], typer.Argument(help="Where its mail goes, here or elsewhere.")],
    may_send: Annotated[
        bool | None,
        typer.Option(
            "--may-send/--no-may-send",
            help="Whether those it leads to may send as it; by default while it is only one.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Add an alias, or more targets to one. With several it is a group: each of them gets the mail."""
    config = load(context.obj)
    with existing(config) as directory:
        made = routes.add_alias(directory, address, targets, may_send=may_send)
    acted(config, f"alias add, to {', '.join(made.targets)}", made.address)
    show(_plain(made), json, f"Mail for {made.address} goes to {', '.join(made.targets)}.")


@app.command("list")
def list_aliases(context: typer.Context, json: Json = False) -> None:
    """List all aliases."""
    with existing(load(context.obj)) as directory:
        found = routes.aliases(directory)
    rows = [(each.address, ", ".join(each.targets), "yes" if each.may_send else "") for each in found]
    show([_plain(each) for each in found], json, table(("alias", "targets", "may send"), rows))


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    targets: Annotated[list[str] | None, typer.Argument(help="Only these of its targets.")] = None,
    json: Json = False,
) -> None:
    """Delete an alias, or some of its targets."""
    config = load(context.obj)
    with existing(config) as directory:
        routes.delete_alias(directory, address, targets or ())
    what = f"{', '.join(targets)} of {address}" if targets else address
    acted(config, f"alias delete {', '.join(targets or ())}".rstrip(), address)
    show({"deleted": address, "targets": targets or []}, json, f"{what} is deleted.")


def _plain(alias: Alias) -> dict[str, Any]:
    return {"alias": alias.address, "targets": list(alias.targets), "may_send": alias.may_send}
