"""`pillarbox account`: who has mail here."""

import asyncio
import secrets
import sys
from typing import Annotated, Any

import typer

from pillarbox.app import accounts
from pillarbox.app.config import load
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import Core, core, existing, hashes
from pillarbox.identity.directory import Account, State
from pillarbox.identity.passwords import generate, store
from pillarbox.identity.scram import MECHANISMS
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Refused
from pillarbox.store import mailboxes

app = typer.Typer(help="Add, list, show, change and delete accounts.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made.")
]


@app.command()
def add(
    context: typer.Context, address: Address, password_stdin: PasswordStdin = False, json: Json = False
) -> None:
    """Add an account. Without --password-stdin a password is made and printed, once."""
    password = _password(password_stdin)
    config = load(context.obj)

    async def run() -> Account:
        async with core(config) as parts:
            stored = store(password, parts.directory.salt(address), hashes(config))
            return await accounts.add(parts.directory, parts.store, address, stored.hash, stored.verifiers)

    added = asyncio.run(run())
    _show_password(added, password, password_stdin, json, f"{added.address} is added.")


@app.command("list")
def list_accounts(context: typer.Context, json: Json = False) -> None:
    """List all accounts."""
    with existing(load(context.obj)) as directory:
        found = directory.accounts()
    rows = [(each.address, each.state.name.lower(), moment(each.created_at)) for each in found]
    show([_plain(each) for each in found], json, table(("address", "state", "created"), rows))


@app.command("show")
def show_account(context: typer.Context, address: Address, json: Json = False) -> None:
    """Show an account with its mailboxes."""

    async def run() -> tuple[Account, list[dict[str, Any]]]:
        async with core(load(context.obj), make=False) as parts:
            account = parts.directory.require(address)
            return account, await _mailboxes(parts, account)

    account, found = asyncio.run(run())
    about = {**_plain(account), "mailboxes": found}
    show(
        about,
        json,
        *(f"{key}: {value}" for key, value in _plain(account).items()),
        table(
            ("mailbox", "messages", "unseen", "octets"),
            [(each["path"], each["messages"], each["unseen"], each["octets"]) for each in found],
        ),
    )


@app.command()
def password(
    context: typer.Context, address: Address, password_stdin: PasswordStdin = False, json: Json = False
) -> None:
    """Set an account's password. Without --password-stdin one is made and printed, once."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        chosen = _password(password_stdin)
        stored = store(chosen, directory.salt(account.address), hashes(config))
        directory.set_password(account.prefix, stored.hash, stored.verifiers)
    _show_password(account, chosen, password_stdin, json, f"The password of {account.address} is changed.")


@app.command()
def disable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Let nobody log in to an account. Mail for it is still filed."""
    _set_enabled(context, address, False, json)


@app.command()
def enable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Let a disabled account log in again."""
    _set_enabled(context, address, True, json)


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete an account and erase all its mail, for good."""

    async def run() -> Account:
        async with core(load(context.obj), make=False) as parts:
            account = parts.directory.require(address)
            _confirm(account, yes)
            await accounts.delete(parts.directory, parts.store, account)
            return account

    deleted = asyncio.run(run())
    show({"deleted": deleted.address}, json, f"{deleted.address} and all its mail is deleted.")


@app.command()
def restored(context: typer.Context, address: Address, json: Json = False) -> None:
    """Say that an account has been put back as it was earlier, where the server cannot see that by itself."""

    async def run() -> Account:
        async with core(load(context.obj), make=False) as parts:
            account = parts.directory.require(address)
            await parts.store.declare_restored(account.prefix)
            return account

    account = asyncio.run(run())
    show(_plain(account), json, f"Clients of {account.address} will ask again for everything.")


def _confirm(account: Account, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"Deleting {account.address} erases all its mail; say --yes to do it")
    if not typer.confirm(f"Delete {account.address} and erase all its mail?"):
        raise Refused("Nothing was deleted")


def _set_enabled(context: typer.Context, address: str, enabled: bool, json: bool) -> None:
    with existing(load(context.obj)) as directory:
        account = directory.require(address)
        directory.set_enabled(account.prefix, enabled)
        account = directory.require(address)
    show(_plain(account), json, f"{account.address} is {account.state.name.lower()}.")


def _password(from_stdin: bool) -> str:
    """The first line of standard input, or a new password."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return generate(secrets.randbelow)


def _show_password(account: Account, chosen: str, was_given: bool, json: bool, sentence: str) -> None:
    if was_given:
        show(_plain(account), json, sentence)
    else:
        show({**_plain(account), "password": chosen}, json, sentence, f"Password: {chosen}")


def _plain(account: Account) -> dict[str, Any]:
    return {
        "address": account.address,
        "state": State(account.state).name.lower(),
        "created": moment(account.created_at),
        "account": f"{account.prefix:08x}",
        "user": account.user,
        "has_password": account.has_password,
        "scram": [name for name, hash_ in MECHANISMS.items() if hash_ in account.scram],
    }


async def _mailboxes(parts: Core, account: Account) -> list[dict[str, Any]]:
    out = []
    for row in await parts.store.read(account.prefix, mailboxes.list_all, SERVER):
        if row.selectable:
            status = await parts.store.read(account.prefix, mailboxes.status, SERVER, row.id)
            counts = {"messages": status.messages, "unseen": status.unseen, "octets": status.size}
            out.append({"path": row.path, **counts})
    return out
