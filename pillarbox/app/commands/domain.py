"""`pillarbox domain`: whose mail is taken."""

from typing import Annotated, Any

import typer

from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import existing
from pillarbox.identity import routes
from pillarbox.identity.routes import Domain

app = typer.Typer(help="Add, list and delete domains.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The domain, like example.org.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    catch_all: Annotated[
        str | None, typer.Option("--catch-all", help="Who gets mail for addresses that nobody has.")
    ] = None,
    json: Json = False,
) -> None:
    """Take mail for a domain. An account's domain needs no adding; said again, the catch-all is changed."""
    with existing(load(context.obj)) as directory:
        made = routes.add_domain(directory, name, catch_all)
    show(_plain(made), json, f"Mail for {made.name} is taken.")


@app.command("list")
def list_domains(context: typer.Context, json: Json = False) -> None:
    """List all domains."""
    with existing(load(context.obj)) as directory:
        found = routes.domains(directory)
    rows = [(each.name, each.catch_all or "", moment(each.created_at)) for each in found]
    show([_plain(each) for each in found], json, table(("domain", "catch-all", "created"), rows))


@app.command()
def delete(context: typer.Context, name: Name, json: Json = False) -> None:
    """Take no more mail for a domain that no account and no alias is in."""
    with existing(load(context.obj)) as directory:
        routes.delete_domain(directory, name)
    show({"deleted": name}, json, f"Mail for {name} is not taken any more.")


def _plain(domain: Domain) -> dict[str, Any]:
    return {"domain": domain.name, "catch_all": domain.catch_all, "created": moment(domain.created_at)}
