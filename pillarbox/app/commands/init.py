"""`pillarbox init`: a server for a domain, from nothing to the records to publish."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pillarbox.app import accounts, production
from pillarbox.app.acted import acted
from pillarbox.app.config import FILE_NAME, Config, load
from pillarbox.app.output import Json, show
from pillarbox.app.publishing import words, zone
from pillarbox.app.publishing.keys import keys_of
from pillarbox.app.publishing.records import records
from pillarbox.app.publishing.setup import Setup, checked, name, setup
from pillarbox.app.wiring import Core, core, hashes
from pillarbox.identity import routes
from pillarbox.identity.passwords import generate, store
from pillarbox.model.errors import Code, Refused

Addresses = Annotated[
    list[str] | None, typer.Option("--address", help="A public address of this machine; may be repeated.")
]
Zone = Annotated[bool, typer.Option("--zone", help="Print the records as a fragment of a zone file.")]


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is new. The password is written nowhere."""

    account: str = ""
    password: str = ""
    abuse: bool = False


def init(
    context: typer.Context,
    domain: Annotated[str, typer.Option(help="The domain whose mail this server shall have.")],
    hostname: Annotated[
        str | None, typer.Option(help="This server's name; without it mail.DOMAIN, or what is configured.")
    ] = None,
    address: Addresses = None,
    zone_file: Zone = False,
    json: Json = False,
) -> None:
    """Set up a server for a domain: its configuration, unless there is one, the addresses that every domain
    has, and the DNS records to publish."""
    path: Path = context.obj or Path.cwd() / FILE_NAME
    host = name(hostname or f"mail.{name(domain)}")
    addresses = checked(address or ())
    wanted = production.configuration(domain, host, production.data_for(path))
    written = _write(path, wanted)
    config = load(path)
    if not written and hostname is not None and name(config.hostname) != host:
        raise Refused(f"{path} says that this server is {config.hostname}; nothing was changed", Code.CANNOT)
    made = setup(config, domain, addresses=addresses)
    begun = asyncio.run(_begin(config, made.domain, domain))
    made = replace(made, keys=keys_of(config, made.domain))
    acted(config, f"init --domain {made.domain}")
    if zone_file:
        print(zone.fragment(made.domain, records(made)), end="")
        return
    show(_plain(made, path, written, wanted, begun), json, *_lines(made, path, written, wanted, begun))


def _write(path: Path, text: str) -> bool:
    """Whether it was written: what is there stays."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


async def _begin(config: Config, domain: str, spelled: str) -> _Begun:
    """RFC 2142 5, RFC 5321 4.5.1: somebody reads mail for the postmaster and about abuse. Done again it
    changes nothing."""
    async with core(config) as parts:
        account, password = "", ""
        if parts.directory.is_empty():
            account = f"postmaster@{spelled}"
            password = await _first(config, parts, account)
        elif not routes.is_local(parts.directory, domain):
            routes.add_domain(parts.directory, spelled)
        reader = f"abuse@{spelled}"
        found = routes.expand(parts.directory, reader)
        new = isinstance(found, routes.Nowhere)
        if new:
            routes.add_alias(parts.directory, reader, [f"postmaster@{spelled}"])
        return _Begun(account, password, new)


async def _first(config: Config, parts: Core, address: str) -> str:
    password = generate(secrets.randbelow)
    stored = store(password, parts.directory.salt(address), hashes(config), config.auth.scram_iterations)
    await accounts.add(parts.directory, parts.store, address, stored.hash, stored.verifiers)
    return password


def _plain(made: Setup, path: Path, written: bool, wanted: str, begun: _Begun) -> dict[str, Any]:
    found = records(made)
    return {
        "domain": made.domain,
        "hostname": made.host,
        "configuration": {"path": str(path), "written": written, "text": wanted},
        "account": {"address": begun.account, "password": begun.password} if begun.account else None,
        "records": [words.plain_record(each) for each in found],
        "zone": zone.fragment(made.domain, found),
        "mta_sts": words.plain_policy(made),
        "systemd": production.unit(path),
    }


def _lines(made: Setup, path: Path, written: bool, wanted: str, begun: _Begun) -> list[str]:
    out = []
    if written:
        out.append(f"{path} is written.")
    else:
        out += [f"{path} is there already and stays as it is. A new one would say:", ""]
        out += [f"  {line}" for line in wanted.splitlines()]
    out.append(f"Mail for {made.domain} is taken.")
    if begun.password:
        out += [
            f"The first account is {begun.account}, which others write to when something is wrong.",
            f"Password: {begun.password}",
        ]
    if begun.abuse:
        out.append(f"Mail for abuse@{made.domain} goes to the postmaster.")
    out += ["", f"Publish these records, and then ask `pillarbox domain check {made.domain}`:"]
    out += words.lines(made, records(made))
    out += ["", "A unit for systemd, for /etc/systemd/system/pillarbox.service:"]
    return [*out, *(f"  {line}" if line else "" for line in production.unit(path).splitlines())]
