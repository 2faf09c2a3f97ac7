"""`pillarbox account`: who has mail here."""

import asyncio
import secrets
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from pillarbox.app import accounts
from pillarbox.app.acted import acted
from pillarbox.app.commands import app_password, passkey, tokens, totp
from pillarbox.app.config import Config, load
from pillarbox.app.directories import require_ours
from pillarbox.app.output import Json, moment, show, table
from pillarbox.app.wiring import Core, core, existing, hashes
from pillarbox.identity import grants, old_hashes, routes
from pillarbox.identity.directory import Account, State
from pillarbox.identity.outside import record
from pillarbox.identity.passwords import Stored, generate, store
from pillarbox.identity.scram import MECHANISMS
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Refused
from pillarbox.store import mailboxes

app = typer.Typer(help="Add, list, show, change and delete accounts.", no_args_is_help=True)
app.add_typer(app_password.app, name="app-password")
app.add_typer(totp.app, name="totp")
app.add_typer(tokens.app, name="tokens")
app.add_typer(passkey.app, name="passkeys")
app.command("recovery-codes")(totp.recovery_codes)

Address = Annotated[str, typer.Argument(help="The account's address, like kim@example.org.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made.")
]
HashStdin = Annotated[
    bool,
    typer.Option(
        "--hash-stdin",
        help="Read a hash of another server from standard input, like {SSHA512}… or {BLF-CRYPT}…",
    ),
]


@app.command()
def add(
    context: typer.Context,
    address: Address,
    password_stdin: PasswordStdin = False,
    hash_stdin: HashStdin = False,
    json: Json = False,
) -> None:
    """Add an account. Without --password-stdin or --hash-stdin a password is made and printed, once."""
    config = load(context.obj)
    require_ours(config, address)
    secret = _secret(password_stdin, hash_stdin)

    async def run() -> Account:
        async with core(config) as parts:
            stored = secret.stored(parts.directory.salt(address), config)
            return await accounts.add(parts.directory, parts.store, address, stored.hash, stored.verifiers)

    added = asyncio.run(run())
    acted(config, "account add", added.address)
    _show_password(added, secret, json, f"{added.address} is added.")


@app.command("list")
def list_accounts(context: typer.Context, json: Json = False) -> None:
    """List all accounts."""
    with existing(load(context.obj)) as directory:
        found = directory.accounts()
    rows = [
        (
            each.address,
            each.state.name.lower(),
            "yes" if each.admin else "",
            each.directory,
            moment(each.created_at),
        )
        for each in found
    ]
    columns = ("address", "state", "admin", "directory", "created")
    show([_plain(each) for each in found], json, table(columns, rows))


@app.command("show")
def show_account(context: typer.Context, address: Address, json: Json = False) -> None:
    """Show an account with its mailboxes."""

    async def run() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        async with core(load(context.obj), make=False) as parts:
            account = parts.directory.require(address)
            iterations = sorted(parts.directory.stored_iterations(account.prefix))
            return {**_plain(account), "scram_iterations": iterations}, await _mailboxes(parts, account)

    shown, found = asyncio.run(run())
    about = {**shown, "mailboxes": found}
    show(
        about,
        json,
        *(f"{key}: {value}" for key, value in shown.items()),
        table(
            ("mailbox", "messages", "unseen", "octets"),
            [(each["path"], each["messages"], each["unseen"], each["octets"]) for each in found],
        ),
    )


@app.command()
def password(
    context: typer.Context,
    address: Address,
    password_stdin: PasswordStdin = False,
    hash_stdin: HashStdin = False,
    revoke_tokens: Annotated[
        bool,
        typer.Option("--revoke-tokens", help="Let out all programs too that came in by a sign-in page."),
    ] = False,
    json: Json = False,
) -> None:
    """Set an account's password. Without --password-stdin or --hash-stdin one is made and printed, once."""
    config = load(context.obj)
    require_ours(config, address)
    with existing(config) as directory:
        account = directory.require(address)
        secret = _secret(password_stdin, hash_stdin)
        iterations = directory.iterations(account.prefix, config.auth.scram_iterations)
        stored = secret.stored(directory.salt(account.address), config, iterations)
        directory.set_password(account.prefix, stored.hash, stored.verifiers)
        if revoke_tokens:
            with directory.changing():
                grants.end_all(directory, account.prefix)
    acted(config, f"account password{' --revoke-tokens' if revoke_tokens else ''}", account.address)
    _show_password(account, secret, json, f"The password of {account.address} is changed.")


@app.command()
def forward(
    context: typer.Context,
    address: Address,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Where the mail is sent on to; may be said again.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Whether it goes to the account's mailboxes too.")
    ] = True,
    json: Json = False,
) -> None:
    """Send an account's mail on to other addresses; without --to, to nobody any more."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        routes.set_forwards(directory, account.prefix, to or (), keep=keep)
        targets, kept = routes.forwards(directory, account.prefix)
    acted(config, f"account forward to {', '.join(targets) or 'nobody'}", account.address)
    also = " and to its mailboxes" if kept else ""
    sentence = f"Mail for {account.address} goes to {', '.join(targets)}{also}."
    show(
        {"address": account.address, "forward": list(targets), "keep": kept},
        json,
        sentence if targets else f"Mail for {account.address} is not sent on.",
    )


@app.command()
def disable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Let nobody log in to an account. Mail for it is still filed."""
    _set_enabled(context, address, False, json)


@app.command()
def enable(context: typer.Context, address: Address, json: Json = False) -> None:
    """Let a disabled account log in again."""
    _set_enabled(context, address, True, json)


@app.command()
def admin(
    context: typer.Context,
    address: Address,
    revoke: Annotated[bool, typer.Option("--revoke", help="Make it an account like others again.")] = False,
    json: Json = False,
) -> None:
    """Make an account an administrator's. Masters cannot act for those."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        directory.set_admin(account.prefix, not revoke)
        account = directory.require(address)
    acted(config, f"account admin{' --revoke' if revoke else ''}", account.address)
    what = "no administrator any more" if revoke else "an administrator"
    show(_plain(account), json, f"{account.address} is {what}.")


@app.command()
def unlink(context: typer.Context, address: Address, json: Json = False) -> None:
    """Forget who an account is in its directory: whoever proves to have the address next has its mail."""
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        if not record.unlink(directory, account.prefix):
            raise Refused(f"{account.address} is linked to no directory")
        account = directory.require(address)
    acted(config, "account unlink", account.address)
    show(_plain(account), json, f"{account.address} is linked to nobody.")


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete an account and erase all its mail, for good."""
    config = load(context.obj)

    async def run() -> Account:
        async with core(config, make=False) as parts:
            account = parts.directory.require(address)
            _confirm(account, yes)
            await accounts.delete(parts.directory, parts.store, account)
            return account

    deleted = asyncio.run(run())
    acted(config, "account delete", deleted.address)
    show({"deleted": deleted.address}, json, f"{deleted.address} and all its mail is deleted.")


@app.command()
def restored(context: typer.Context, address: Address, json: Json = False) -> None:
    """Say that an account has been put back as it was earlier, where the server cannot see that by itself."""
    config = load(context.obj)

    async def run() -> Account:
        async with core(config, make=False) as parts:
            account = parts.directory.require(address)
            await parts.store.declare_restored(account.prefix)
            return account

    account = asyncio.run(run())
    acted(config, "account restored", account.address)
    show(_plain(account), json, f"Clients of {account.address} will ask again for everything.")


def _confirm(account: Account, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"Deleting {account.address} erases all its mail; say --yes to do it")
    if not typer.confirm(f"Delete {account.address} and erase all its mail?"):
        raise Refused("Nothing was deleted")


def _set_enabled(context: typer.Context, address: str, enabled: bool, json: bool) -> None:
    config = load(context.obj)
    with existing(config) as directory:
        account = directory.require(address)
        directory.set_enabled(account.prefix, enabled)
        account = directory.require(address)
    acted(config, "account enable" if enabled else "account disable", account.address)
    show(_plain(account), json, f"{account.address} is {account.state.name.lower()}.")


@dataclass(frozen=True, slots=True)
class _Secret:
    """What an account is to be opened with: a password, which may have been made here, or a hash of one."""

    password: str = field(default="", repr=False)
    made: bool = False
    hash: str | None = field(default=None, repr=False)

    def stored(self, salt: bytes, config: Config, iterations: int = 0) -> Stored:
        if self.hash is not None:
            return Stored(self.hash, ())  # the rest is made when its owner first logs in
        return store(self.password, salt, hashes(config), iterations or config.auth.scram_iterations)


def _secret(password_stdin: bool, hash_stdin: bool) -> _Secret:
    """The first line of standard input, or a new password."""
    if password_stdin and hash_stdin:
        raise Refused("--password-stdin and --hash-stdin exclude each other")
    if not password_stdin and not hash_stdin:
        return _Secret(generate(secrets.randbelow), made=True)
    line = sys.stdin.readline().rstrip("\r\n")
    if password_stdin:
        return _Secret(line)
    plain = old_hashes.maybe_plain(line)
    return _Secret(plain) if plain is not None else _Secret(hash=old_hashes.accepted(line))


def _show_password(account: Account, secret: _Secret, json: bool, sentence: str) -> None:
    if secret.made:
        show({**_plain(account), "password": secret.password}, json, sentence, f"Password: {secret.password}")
    else:
        show(_plain(account), json, sentence)


def _plain(account: Account) -> dict[str, Any]:
    return {
        "address": account.address,
        "state": State(account.state).name.lower(),
        "created": moment(account.created_at),
        "account": f"{account.prefix:08x}",
        "user": account.user,
        "has_password": account.has_password,
        "admin": account.admin,
        "directory": account.directory or None,
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
