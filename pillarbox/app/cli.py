"""`pillarbox`: the commands, and what their failures look like.

Exit codes: 0 done, 1 it could not be done (or `check` found problems), 2 the command line or the
configuration is wrong. What is expected to go wrong is one sentence on standard error; a traceback is a
bug of ours.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pillarbox import __version__
from pillarbox.app import privileges
from pillarbox.app.commands.account import app as account
from pillarbox.app.commands.alias import app as alias
from pillarbox.app.commands.audit import audit
from pillarbox.app.commands.ban import app as ban
from pillarbox.app.commands.certificate import app as certificate
from pillarbox.app.commands.check import check
from pillarbox.app.commands.deliver import deliver
from pillarbox.app.commands.domain import app as domain
from pillarbox.app.commands.imports import import_mail
from pillarbox.app.commands.init import init
from pillarbox.app.commands.queue import app as queue
from pillarbox.app.commands.queue import trace
from pillarbox.app.commands.reindex import reindex
from pillarbox.app.commands.report import app as report
from pillarbox.app.commands.search import search
from pillarbox.app.commands.serve import serve
from pillarbox.app.commands.systemd import systemd
from pillarbox.app.config import ConfigError
from pillarbox.model.errors import Refused

AS_THEY_ARE = ("serve", "systemd")  # the one sees to it by itself, the other touches no data

app = typer.Typer(
    name="pillarbox",
    help="A complete mail server with IMAP at its heart.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pillarbox {__version__}")
        raise typer.Exit


@app.callback()
def pillarbox(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="The configuration; without it ./pillarbox.toml, else defaults.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """A complete mail server with IMAP at its heart."""
    context.obj = config
    privileges.protect()
    if context.invoked_subcommand not in AS_THEY_ARE and "--help" not in sys.argv:
        privileges.become(config)


app.command("serve")(serve)
app.command("init")(init)
app.command("systemd")(systemd)
app.add_typer(certificate, name="certificate")
app.add_typer(account, name="account")
app.command("audit")(audit)
app.add_typer(ban, name="ban")
app.add_typer(domain, name="domain")
app.add_typer(alias, name="alias")
app.add_typer(queue, name="queue")
app.command("trace")(trace)
app.add_typer(report, name="report")
app.command("deliver")(deliver)
app.command("import")(import_mail)
app.command("search", context_settings={"ignore_unknown_options": True})(search)  # -is:read
app.command("check")(check)
app.command("reindex")(reindex)


def main() -> None:
    try:
        app()
    except ConfigError as error:
        _fail(str(error), 2)
    except Refused as error:
        _fail(error.text, 1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(sentence: str, code: int) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": sentence}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"pillarbox: {sentence}", file=sys.stderr)
    sys.exit(code)
