"""`pillarbox certificate`: what clients are shown, until when, and how its renewal stands."""

import time
from datetime import UTC, datetime
from typing import Any

import typer

from pillarbox.app import folder
from pillarbox.app.acme import files
from pillarbox.app.acted import acted
from pillarbox.app.config import Config, load
from pillarbox.app.output import Json, show
from pillarbox.app.serve import certificate_of
from pillarbox.model.errors import Refused

app = typer.Typer(help="Certificates of the server.", no_args_is_help=True)
SOON = (
    14 * 86_400.0
)  # seconds before its end when a certificate that is not renewed by itself is worth a word


@app.command("status")
def status(context: typer.Context, json: Json = False) -> None:
    """Which certificates are served, for which names, until when. Exit code 1: something has to be done."""
    config = load(context.obj)
    now = time.time()
    certificates = [_described(pem, now) for pem in _served(config)]
    state = files.state(config.data_folder) if config.acme.names else None
    told: dict[str, Any] = {"certificates": certificates, "acme": state and _plain(state)}
    troubled = any(each["expired"] for each in certificates) or bool(state and state.failures)
    show(told, json, *_lines(certificates, state, now))
    raise typer.Exit(1 if troubled else 0)


@app.command("renew")
def renew(context: typer.Context) -> None:
    """Have the running server order a certificate now, whatever the old one still has to live."""
    config = load(context.obj)
    if not config.acme.names:
        raise Refused("There are no acme.names in the configuration, so there is nothing to order")
    files.write(files.order_now(config.data_folder), b"")
    acted(config, "certificate renew")
    print("A running server orders it now; `pillarbox certificate status` has the outcome.")


def _served(config: Config) -> list[bytes]:
    if config.tls.certificate is None:
        folder.require(config.data_folder)  # nothing is made by looking
    served = certificate_of(config)
    paths = [served.certificate, *(certificate for certificate, _ in served.others)]
    return [path.read_bytes() for path in paths]


def _described(pem: bytes, now: float) -> dict[str, Any]:
    from cryptography import x509

    parsed = x509.load_pem_x509_certificates(pem)[0]
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = sorted(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        hosts = []
    until = parsed.not_valid_after_utc.timestamp()
    return {
        "names": hosts,
        "issuer": parsed.issuer.rfc4514_string(),
        "self_signed": parsed.issuer == parsed.subject,
        "since": parsed.not_valid_before_utc.timestamp(),
        "until": until,
        "expired": until <= now,
    }


def _plain(state: files.State) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__struct_fields__}


def _lines(certificates: list[dict[str, Any]], state: files.State | None, now: float) -> list[str]:
    out = []
    for each in certificates:
        issuer = "itself" if each["self_signed"] else each["issuer"]
        left = int((each["until"] - now) / 86_400)
        end = "EXPIRED" if each["expired"] else f"{left} days left"
        out.append(
            f"{' '.join(each['names']) or '(no names)'}: until {_day(each['until'])}, {end}, by {issuer}"
        )
    if state is None:
        return out
    if state.renewed:
        out.append(f"renewed by itself from {_day(state.renewed)} on")
    if state.failures:
        out.append(
            f"an order failed at {_day(state.failed)}, {state.failures} in a row: {state.reason};"
            f" again at {_day(state.again)}"
        )
    elif not state.renewed:
        out.append("none has been ordered yet; a running server does that")
    return out


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
