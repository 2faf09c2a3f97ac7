"""`pillarbox account totp`: a second factor."""

import secrets
from typing import Annotated

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show
from pillarbox.app.wiring import existing
from pillarbox.identity import second_factor

app = typer.Typer(help="Ask for a code of an authenticator, or no longer.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]


@app.command()
def enable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Switch it on, and print once what the authenticator needs. Mail clients then need app passwords."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        enabled = second_factor.enable(directory, account, config.hostname, secrets.randbelow)
    acted(config, "totp enable", account.address)
    show(
        {"address": account.address, "uri": enabled.uri, "recovery_codes": list(enabled.recovery_codes)},
        json,
        f"The password of {account.address} alone opens nothing any more. For the authenticator:",
        enabled.uri,
        "Each of these opens once in the place of a code:",
        *enabled.recovery_codes,
    )


@app.command()
def disable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Switch it off: the password is enough again."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        second_factor.disable(directory, account)
    acted(config, "totp disable", account.address)
    show({"address": account.address}, json, f"The password of {account.address} is enough again.")


@app.command("status")
def show_status(context: typer.Context, address: Address, json: Json = False) -> None:
    """Show whether it is on, since when, and how many recovery codes are left."""
    with existing(load(context.obj)) as directory:
        account = directory.require(address)
        found = second_factor.status(directory, account.prefix)
    about = {
        "address": account.address,
        "enabled": found is not None,
        "since": found and moment(found.created_at),
        "recovery_codes": found.recovery_codes if found else 0,
    }
    show(about, json, *(f"{key}: {value}" for key, value in about.items()))


def recovery_codes(context: typer.Context, address: Address, json: Json = False) -> None:
    """Make new recovery codes for an account with a second factor, and print them once; the old ones end."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        codes = second_factor.renew_codes(directory, account, secrets.randbelow)
    acted(config, "recovery-codes", account.address)
    show(
        {"address": account.address, "recovery_codes": list(codes)},
        json,
        f"Each of these opens {account.address} once in the place of a code; earlier ones no longer do:",
        *codes,
    )
