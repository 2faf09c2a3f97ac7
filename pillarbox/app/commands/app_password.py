"""`pillarbox account app-password`: a password for each device."""

import secrets
from typing import Annotated, Any

import typer

from pillarbox.app.acted import acted
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import existing, hashes
from pillarbox.identity import app_passwords, scram
from pillarbox.identity.app_passwords import AppPassword
from pillarbox.identity.passwords import generate

app = typer.Typer(help="Give each device a password of its own, and take it away.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]
Name = Annotated[str, typer.Option("--name", help="What you call the device.")]


@app.command()
def add(
    context: typer.Context,
    address: Address,
    name: Name,
    protocols: Annotated[
        str,
        typer.Option(
            help=f"Where it may be used, separated by commas: {', '.join(app_passwords.PROTOCOLS)}."
        ),
    ] = "",
    expires: Annotated[str, typer.Option(help="The last day it is good, like 2027-01-31, or 90d.")] = "",
    json: Json = False,
) -> None:
    """Make a password for a device and print it, once."""
    config = load(context.obj)
    password = generate(secrets.randbelow)
    with existing(config) as directory:
        account = directory.require(address)
        salt = directory.salt(account.address)
        wanted = hashes(config)
        iterations = directory.device_iterations(account.prefix, config.auth.scram_iterations)
        made = app_passwords.add(
            directory,
            account,
            name,
            password,
            [scram.derive(hash_, password, salt, iterations) for hash_ in scram.Hash if hash_ in wanted],
            protocols=tuple(each.strip() for each in protocols.split(",") if each.strip()),
            expires_at=app_passwords.end_of(expires, directory.now()),
        )
    acted(config, f"app-password add {made.name}", account.address)
    about = {**_plain(made), "address": account.address, "password": password}
    show(about, json, f"{account.address} has an app password {made.name}.", f"Password: {password}")


@app.command("list")
def list_app_passwords(context: typer.Context, address: Address, json: Json = False) -> None:
    """List the app passwords of an account, with when and from where each was used last."""
    with existing(load(context.obj)) as directory:
        found = app_passwords.each_of(directory, directory.require(address).prefix)
    plain = [_plain(each) for each in found]
    columns = ("name", "protocols", "created", "expires", "used", "from")
    rows = [tuple(str(each[column] or "") for column in columns) for each in plain]
    show(plain, json, table(columns, rows))


@app.command()
def revoke(context: typer.Context, address: Address, name: Name, json: Json = False) -> None:
    """Take an app password away; the device cannot log in again."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        app_passwords.revoke(directory, account, name)
    acted(config, f"app-password revoke {name}", account.address)
    show({"address": account.address, "revoked": name}, json, f"{name} can no longer log in.")


def _plain(each: AppPassword) -> dict[str, Any]:
    return {
        "name": each.name,
        "protocols": " ".join(each.protocols) or "all",
        "created": moment(each.created_at),
        "expires": each.expires_at and moment(each.expires_at),
        "used": each.used_at and moment(each.used_at),
        "from": each.used_from,
    }
