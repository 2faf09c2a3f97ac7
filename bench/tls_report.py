"""`make tls-report`: what testssl.sh and sslscan, where they are there, find at the ports of a fresh server.

    python -m bench.tls_report [PROTOCOL ...]

Exit code 1 for any finding of testssl.sh above "low". That nobody vouches for the certificate of a fresh
server is not counted, nor what follows from it: there is nobody who could revoke it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pillarbox.testing import MailServer

# Protocol of the server -> the kind of STARTTLS that testssl.sh and sslscan have for it.
KINDS = {
    "imaps": None,
    "submissions": None,
    "pop3s": None,
    "imap": "imap",
    "submission": "smtp",
    "smtp": "smtp",
    "pop3": "pop3",
    "lmtp": "lmtp",
}
COUNTED = ("MEDIUM", "HIGH", "CRITICAL")
OF_TRUST = ("cert_chain_of_trust", "cert_revocation", "cert_trust")
PATIENCE = 900  # seconds for one port
ASKED = ("-p", "-s", "-f", "-S", "-U")  # protocols, ciphers, forward secrecy, defaults, vulnerabilities


def testssl(program: str, port: int, kind: str | None, folder: Path) -> list[dict[str, Any]]:
    report = folder / f"{port}.json"
    starttls = ["-t", kind] if kind else []
    target = f"127.0.0.1:{port}"
    command = [program, "--quiet", "--warnings", "off", "--nodns", "none", "--jsonfile", str(report)]
    subprocess.run([*command, *ASKED, *starttls, target], capture_output=True, timeout=PATIENCE, check=False)
    found: list[dict[str, Any]] = json.loads(report.read_text())
    return found


def sslscan(program: str, port: int, kind: str | None) -> list[str]:
    """What it accepts, and what it has a word of warning for."""
    starttls = [f"--starttls-{kind}"] if kind else []
    command = [program, "--no-colour", "--no-heartbleed", *starttls, f"127.0.0.1:{port}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    wanted = ("Accepted", "Preferred", "enabled", "renegotiation")
    return [line.strip() for line in ran.stdout.splitlines() if any(word in line for word in wanted)]


def main() -> int:
    programs = {
        name: found
        for name in ("testssl", "testssl.sh", "sslscan")
        if (found := shutil.which(name)) is not None
    }
    tester = programs.get("testssl") or programs.get("testssl.sh")
    if not programs:
        print("neither testssl.sh nor sslscan is installed")
        return 0
    bad = 0
    with tempfile.TemporaryDirectory() as folder, MailServer() as server:
        for protocol in sys.argv[1:] or KINDS:
            port, kind = getattr(server, f"{protocol}_port"), KINDS[protocol]
            if tester is not None:
                findings = testssl(tester, port, kind, Path(folder))
                levels = [each["severity"] for each in findings]
                counted = [
                    each
                    for each in findings
                    if each["severity"] in COUNTED and not each["id"].startswith(OF_TRUST)
                ]
                bad += len(counted)
                good = sum(level in ("OK", "INFO", "LOW") for level in levels)
                looked = any(each["id"] == "TLS1_3" for each in findings)
                bad += not looked
                print(
                    f"{protocol}: {len(levels)} findings, {good} fine, {len(counted)} above low", flush=True
                )
                for each in findings:
                    if each in counted or each["severity"] in ("WARN", "FATAL"):
                        print(f"  {each['severity']} {each['id']}: {each['finding']}", flush=True)
            if "sslscan" in programs and kind != "lmtp":
                for line in sslscan(programs["sslscan"], port, kind):
                    print(f"  sslscan: {line}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
