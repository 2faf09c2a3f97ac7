"""One order, from the account to the chain, as a process of its own: `renewing` begins it.

    {"data": "/var/lib/pillarbox", "acme": {...}}     one line, read
    {"since": 1.0, "until": 2.0} or {"failed": "why"} one line, written

The new certificate is in the data folder when it says so, and the old one is untouched when it fails.
"""

import datetime
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from pillarbox import __version__
from pillarbox.app.acme import files
from pillarbox.app.acme.talk import Issued, Wanted
from pillarbox.app.config import Acme

PATIENCE = datetime.timedelta(minutes=5)  # for the authority to have looked, and to have signed
HOOK_PATIENCE = 600.0  # seconds: the hook waits until the name servers have it
ATTEMPTS = 4  # RFC 8555 6.5: a nonce may be refused at any time; the library bears it once
NETWORK_PATIENCE = 45  # seconds for one answer


class Failed(Exception):
    """There will be no certificate; `str()` says why."""


def order(wanted: Wanted) -> Issued:
    data, acme = Path(wanted.data), wanted.acme
    key = JWKEC(key=_account_key(files.account_key(data, acme.directory)))
    network = client.ClientNetwork(
        key,
        alg=ES256,
        verify_ssl=acme.ca or True,  # type: ignore[arg-type]  # a file of authorities, as requests takes it
        user_agent=f"pillarbox/{__version__}",
        timeout=NETWORK_PATIENCE,
    )
    speaker = client.ClientV2(client.ClientV2.get_directory(acme.directory, network), network)
    _account(speaker, key, acme)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ordered = speaker.new_order(crypto_util.make_csr(pem, list(acme.names)))
    with ExitStack() as stack:
        for each in ordered.authorizations:
            if each.body.status != messages.STATUS_VALID:
                _prove(speaker, key, each, data, acme, stack)
        deadline = datetime.datetime.now() + PATIENCE
        chain = speaker.poll_and_finalize(ordered, deadline).fullchain_pem.encode()
    certificate = x509.load_pem_x509_certificate(chain)
    _look_at(certificate, private, acme.names)
    files.write(files.bundle(data), pem + chain)
    return Issued(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def _account(speaker: client.ClientV2, key: JWKEC, acme: Acme) -> None:
    """RFC 8555 7.3: an account that exists is answered by the same request."""
    more: dict[str, Any] = {}
    if acme.eab_key_id and acme.eab_key:
        more["external_account_binding"] = messages.ExternalAccountBinding.from_data(
            account_public_key=key.public_key(),
            kid=acme.eab_key_id,
            hmac_key=acme.eab_key,
            directory=speaker.directory,
        )
    elif speaker.external_account_required():
        raise Failed("the authority wants an account of its own: acme.eab_key_id and acme.eab_key")
    wanted = messages.NewRegistration.from_data(
        email=acme.contact, terms_of_service_agreed=acme.agree_to_terms, **more
    )
    try:
        speaker.new_account(wanted)
    except errors.ConflictError as known:
        speaker.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())


def _prove(
    speaker: client.ClientV2,
    key: JWKEC,
    asked: messages.AuthorizationResource,
    data: Path,
    acme: Acme,
    stack: ExitStack,
) -> None:
    """That the name is ours, in the way that is configured. What it takes is there while `stack` lasts."""
    name = asked.body.identifier.value
    kinds: dict[str, type[Any]] = {"http-01": challenges.HTTP01, "dns-01": challenges.DNS01}
    kind = kinds[acme.challenge]
    chosen = next((each for each in asked.body.challenges if isinstance(each.chall, kind)), None)
    if chosen is None:
        offered = ", ".join(each.chall.typ for each in asked.body.challenges)
        raise Failed(f"the authority does not offer {acme.challenge} for {name}, but {offered}")
    response, validation = chosen.response_and_validation(key)
    if acme.challenge == "http-01":
        stack.enter_context(_shown(data, chosen.chall.encode("token"), validation.encode()))
    else:
        stack.enter_context(_hooked(acme.hook, chosen.chall.validation_domain_name(name), validation))
    speaker.answer_challenge(chosen, response)


@contextmanager
def _shown(data: Path, token: str, answer: bytes) -> Iterator[None]:
    path = files.challenge(data, token)
    if path is None:
        raise Failed("the authority gave a token that is none")
    files.write(path, answer)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _hooked(hook: tuple[str, ...], domain: str, value: str) -> Iterator[None]:
    """RFC 8555 8.4: a TXT record, which somebody else's program sets and takes away."""
    _run((*hook, "set", domain, value))
    try:
        yield
    finally:
        _run((*hook, "clear", domain, value))


def _run(command: tuple[str, ...]) -> None:
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=HOOK_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} {command[-3]} did not end within {HOOK_PATIENCE:.0f} seconds") from None
    except OSError as error:
        raise Failed(f"{command[0]} cannot be run: {error.strerror}") from None
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Failed(f"{command[0]} {command[-3]} failed: {said[-1] if said else ran.returncode}")


def _look_at(
    certificate: x509.Certificate, private: ec.EllipticCurvePrivateKey, names: tuple[str, ...]
) -> None:
    """Nothing is put in the place of a good one that is not good itself."""
    if certificate.public_key() != private.public_key():
        raise Failed("the authority signed another key than ours")
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    missing = set(names) - set(found.get_values_for_type(x509.DNSName))
    if missing:
        raise Failed(f"the certificate is not for {', '.join(sorted(missing))}")


def _account_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.write(path, pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Failed(f"{path} is not a key as this program makes them")
    return key


def _why(error: Exception) -> str:
    """One sentence out of what the library raises."""
    if isinstance(error, errors.ValidationError):
        wrong = [
            f"{each.body.identifier.value}: {challenge.error.detail}"
            for each in error.failed_authzrs
            for challenge in each.body.challenges
            if challenge.error is not None
        ]
        return "; ".join(wrong) or "the names were not proved"
    if isinstance(error, messages.Error):
        return error.detail or str(error)
    if isinstance(error, errors.TimeoutError):
        return "the authority did not get ready in time"
    if isinstance(error, requests.exceptions.RequestException):
        return f"the authority does not answer: {type(error).__name__}: {error}"
    return str(error) or type(error).__name__


def main(read: Callable[[], bytes] = sys.stdin.buffer.readline) -> None:
    wanted = msgspec.json.decode(read(), type=Wanted)
    for left in reversed(range(ATTEMPTS)):
        try:
            issued = order(wanted)
        except Exception as error:
            issued = Issued(failed=_why(error)[:1000])
            if left and isinstance(error, messages.Error) and error.code == "badNonce":
                continue
        break
    print(msgspec.json.encode(issued).decode(), flush=True)


if __name__ == "__main__":
    main()
