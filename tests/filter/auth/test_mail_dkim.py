"""Mail::DKIM (Perl, what SpamAssassin and amavis use) takes what we sign and seal, and we what it does."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pillarbox.filter.auth.arc.chain import Status
from pillarbox.filter.auth.dkim.verify import Result
from tests.app.dns_server import dns_server, of
from tests.filter.auth.test_arc import checked, sealed
from tests.filter.auth.test_dkim import MESSAGE, RSA, record, signed, verified, zone

SCRIPT = Path(__file__).with_name("peers.pl")
NAMES = ("example.org", "one.test", "two.test")
ZONE = {
    (f"s1._domainkey.{name}", "TXT"): [
        " ".join(f'"{record(RSA)[at : at + 200]}"' for at in range(0, 400, 200))
    ]
    for name in NAMES
}


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    try:
        subprocess.run(["perl", "-MMail::DKIM::ARC::Verifier", "-e", "1"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("Mail::DKIM for Perl is not installed")


def signs(tmp_path: Path, message: bytes, *arguments: str) -> bytes:
    pem = tmp_path / "key.pem"
    pem.write_bytes(RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    command = ["perl", str(SCRIPT), arguments[0], str(pem), *arguments[1:]]
    done = subprocess.run(command, input=message, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + message


def finds(message: bytes, what: str) -> str:
    async def scene() -> str:
        async with dns_server(of(ZONE, {})) as address:
            process = await asyncio.create_subprocess_exec(
                *("perl", str(SCRIPT), what, address.rpartition(":")[2]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sys.stderr,
            )
            out, _ = await process.communicate(message)
            return out.decode()

    return asyncio.run(scene())


def test_signatures(tmp_path: Path) -> None:
    ours = signed(MESSAGE, RSA)
    assert finds(ours, "verify") == "pass"
    assert finds(ours.replace(b"Hello", b"Hallo"), "verify").startswith("fail")
    theirs = signs(tmp_path, MESSAGE, "sign", "example.org", "s1")
    assert verified(theirs, zone(RSA))[0].result is Result.PASS


def test_chains(tmp_path: Path) -> None:
    first = b"Authentication-Results: mx.one.test; spf=pass smtp.mailfrom=kim@example.org\r\n" + MESSAGE
    theirs = signs(tmp_path, first, "seal", "one.test", "s1", "none")
    found = checked(theirs)
    assert (found.status, found.reason) == (Status.PASS, "")
    both = sealed(theirs, "example.org")
    assert checked(both).status is Status.PASS
    assert finds(both, "arc-verify").startswith("pass")
    assert finds(both.replace(b"Hello", b"Hallo"), "arc-verify").startswith("fail")
    again = b"Authentication-Results: mx.one.test; spf=pass smtp.mailfrom=kim@example.org\r\n" + both
    third = signs(tmp_path, again, "seal", "one.test", "s1", "pass")
    found = checked(third)
    assert (found.status, found.highest, found.reason) == (Status.PASS, 3, "")
