"""`pillarbox check`: is everything in the store as the store's own rules say?"""

from typing import Annotated

import typer

from pillarbox.app.checking import check_all
from pillarbox.app.config import load
from pillarbox.app.output import Json, show
from pillarbox.app.wiring import existing


def check(
    context: typer.Context,
    address: Annotated[str | None, typer.Argument(help="Only this account.")] = None,
    json: Json = False,
) -> None:
    """Check the mail of one account or of all. Exit code 1 when there are problems."""
    config = load(context.obj)
    with existing(config) as directory:
        checked, problems = check_all(config.data_folder, directory, address)
    value = {"checked": checked, "problems": [each.__dict__ for each in problems]}
    lines = [f"{each.account}: {each.text}" for each in problems]
    show(value, json, *lines, f"{checked} accounts checked, {len(problems)} problems found.")
    if problems:
        raise typer.Exit(1)
