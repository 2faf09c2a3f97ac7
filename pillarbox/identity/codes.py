"""Authorization codes (RFC 6749 4.1) bound to whoever asked by PKCE (RFC 7636), which is always demanded.

A code is good once and for two minutes. One that comes again has been seen by somebody else on its way: then
what it was exchanged for is taken back (RFC 6749 4.1.2).
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from pillarbox.identity import grants
from pillarbox.identity.directory import Directory
from pillarbox.identity.grants import Pair, Random, digest
from pillarbox.identity.oauth_clients import Client, Lifetimes

SECONDS = 120
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636 4.2, S256
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 4.1


def issue(
    directory: Directory,
    account: int,
    client: Client,
    redirect_uri: str,
    scope: str,
    challenge: str,
    random: Random,
) -> str:
    code = random(32).hex()
    with directory.changing():
        grants.prune(directory)
        directory.run(
            "INSERT INTO oauth_code VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            *(digest(code), account, client.id, client.name, redirect_uri, scope, challenge),
            directory.now() + SECONDS,
        )
    return code


def exchange(
    directory: Directory,
    code: str,
    client: Client,
    redirect_uri: str,
    verifier: str,
    random: Random,
    lifetimes: Lifetimes,
) -> Pair | None:
    """The tokens for a code; None where there are none for it."""
    told = digest(code)
    with directory.changing():
        rows = directory.run(
            "SELECT account, client, name, redirect_uri, scope, challenge, expires_at, grant_id, state"
            " FROM oauth_code JOIN account ON account.prefix = account WHERE digest = ?",
            told,
        )
        if not rows or rows[0][1] != client.id:
            return None
        account, _, name, expected_uri, scope, challenge, expires_at, spent, state = rows[0]
        if spent is not None:
            grants.end(directory, spent)
            return None
        if (
            directory.now() >= expires_at
            or state != 1
            or redirect_uri != expected_uri
            or not _proves(verifier, challenge)
        ):
            # Who holds it is not who asked for it, or is late: it is of no use to anybody any more.
            directory.run("DELETE FROM oauth_code WHERE digest = ?", told)
            return None
        grant = grants.begin(directory, account, client.id, name, scope, lifetimes.refresh)
        directory.run("UPDATE oauth_code SET grant_id = ? WHERE digest = ?", grant, told)
        return grants.issue(
            directory,
            grant,
            scope,
            random,
            access_seconds=lifetimes.access,
            refresh_seconds=lifetimes.refresh,
        )


def _proves(verifier: str, challenge: str) -> bool:
    """RFC 7636 4.6: BASE64URL(SHA256(ASCII(code_verifier))) is the challenge."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())
