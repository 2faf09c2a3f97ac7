"""`pillarbox check`: is everything in the store as the store's own rules say?"""

from dataclasses import asdict
from typing import Annotated

import typer

from pillarbox.app.acted import acted
from pillarbox.app.checking import check_all
from pillarbox.app.config import load
from pillarbox.app.output import Json, show
from pillarbox.app.wiring import existing


def check(
    context: typer.Context,
    address: Annotated[str | None, typer.Argument(help="Only this account.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set wrong counters right; no mail is touched.")
    ] = False,
    json: Json = False,
) -> None:
    """Check the mail of one account or of all. Exit code 1 when there are problems."""
    config = load(context.obj)
    with existing(config) as directory:
        checked, found = check_all(config.data_folder, directory, address, repair=repair)
    if repair:
        acted(config, "check --repair", address or "")
    show(
        {"checked": checked, "problems": [asdict(each) for each in found]},
        json,
        *(f"{each.account}: {each.text}{' (repaired)' if each.repaired else ''}" for each in found),
        f"{checked} {'account' if checked == 1 else 'accounts'} checked, {len(found)} problems found.",
    )
    if not all(each.repaired for each in found):
        raise typer.Exit(1)
