"""Who may come in by what: every mechanism, protocol and kind of account, with clients that are not ours.

    python -m tests.clients.logins      writes docs/logins.md, which `test_logins` holds to what happens

`MATRIX` says by which mechanisms which client logs in at which protocol, `KINDS` what becomes of each kind of
account there. Each client answers with what it heard, and whether it believes that it is in.
"""

from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aioimaplib import aioimaplib
from scramp import ScramClient

from pillarbox.testing.server import MailServer
from tests.clients.conftest import program

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "logins.md"

# What a refusal has in it, whoever carries the words on.
REFUSED = {"imap": "AUTHENTICATIONFAILED", "pop3": "[AUTH]", "submission": "535"}


@dataclass(frozen=True)
class Who:
    """`certificate`: a file with a certificate and its key, for EXTERNAL."""

    name: str
    secret: str = ""
    certificate: Path | None = None


@dataclass(frozen=True)
class Heard:
    inside: bool
    said: str


@dataclass(frozen=True)
class Door:
    server: MailServer
    mechanism: str
    who: Who
    home: Path

    def port(self, protocol: str, *, tls: bool) -> int:
        names = {
            "imap": ("imap", "imaps"),
            "pop3": ("pop3", "pop3s"),
            "submission": ("submission", "submissions"),
        }
        port: int = getattr(self.server, f"{names[protocol][tls]}_port")
        return port

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.server.certificate))
        if self.who.certificate is not None:
            context.load_cert_chain(self.who.certificate)
        return context

    def run(self, *command: str, said: str = "") -> Heard:
        ran = subprocess.run(
            [program(command[0]), *command[1:]],
            input=said.encode(),
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd=self.home,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return Heard(ran.returncode == 0, (ran.stdout + ran.stderr).decode(errors="replace"))


Client = Callable[[Door, str], Heard]


def _bearer(who: Who) -> bytes:
    return f"n,a={who.name},\x01auth=Bearer {who.secret}\x01\x01".encode()


def _xoauth2(who: Who) -> bytes:
    return f"user={who.name}\x01auth=Bearer {who.secret}\x01\x01".encode()


def python_imaplib(door: Door, protocol: str) -> Heard:
    who, mechanism = door.who, door.mechanism
    with imaplib.IMAP4_SSL("localhost", door.port("imap", tls=True), ssl_context=door.context) as imap:
        answers: list[bytes] = {
            "PLAIN": [f"\0{who.name}\0{who.secret}".encode()],
            "LOGIN": [who.name.encode(), who.secret.encode()],
            "EXTERNAL": [b""],
            "OAUTHBEARER": [_bearer(who), b"\x01"],
            "XOAUTH2": [_xoauth2(who), b""],
        }.get(mechanism, [])
        scram = ScramClient([mechanism], who.name, who.secret) if mechanism.startswith("SCRAM-") else None

        def answer(challenge: bytes) -> bytes:
            if scram is None:
                return answers.pop(0)
            if not challenge:
                first: str = scram.get_client_first()
                return first.encode()
            if challenge.startswith(b"v="):
                scram.set_server_final(challenge.decode())
                return b""
            scram.set_server_first(challenge.decode())
            final: str = scram.get_client_final()
            return final.encode()

        try:
            if mechanism == "LOGIN command":
                imap.login(who.name, who.secret)
            else:
                imap.authenticate(mechanism, answer)
            return Heard(imap.select()[0] == "OK", "")
        except imaplib.IMAP4.error as refused:
            return Heard(False, str(refused))


def asyncio_imaplib(door: Door, protocol: str) -> Heard:
    async def login() -> Heard:
        client = aioimaplib.IMAP4("127.0.0.1", door.port("imap", tls=False), timeout=20)
        await client.wait_hello_from_server()
        answer = await client.login(door.who.name, door.who.secret)
        client.protocol.transport.close()
        await asyncio.sleep(0)
        return Heard(answer.result == "OK", str(answer.lines))

    return asyncio.run(login())


def python_poplib(door: Door, protocol: str) -> Heard:
    client = poplib.POP3_SSL("localhost", door.port("pop3", tls=True), context=door.context)
    try:
        client.user(door.who.name)
        client.pass_(door.who.secret)
        return Heard(client.stat()[0] == 0, "")
    except poplib.error_proto as refused:
        return Heard(False, str(refused))
    finally:
        client.close()


def curl(door: Door, protocol: str) -> Heard:
    scheme = {"imap": "imaps", "pop3": "pop3s", "submission": "smtps"}[protocol]
    # Over POP3 the list of messages is what it asks for by itself.
    asked = [] if protocol == "pop3" else ["--request", "NOOP"]
    shown = ["--cert", str(door.who.certificate)] if door.who.certificate is not None else []
    user = f"{door.who.name}:{door.who.secret}"
    if door.mechanism in TOKENS:
        user, shown = door.who.name, ["--oauth2-bearer", door.who.secret]
    return door.run(
        *("curl", "--silent", "--show-error", "--verbose", "--cacert", str(door.server.certificate)),
        *(
            "--login-options",
            f"AUTH={door.mechanism}",
            "--user",
            user,
            *shown,
        ),
        *(*asked, f"{scheme}://localhost:{door.port(protocol, tls=True)}/"),
    )


def gsasl(door: Door, protocol: str) -> Heard:
    kind = {"imap": "--imap", "submission": "--smtp"}[protocol]
    return door.run(
        *(
            "gsasl",
            kind,
            f"--connect=127.0.0.1:{door.port(protocol, tls=False)}",
            "--verbose",
            "--no-starttls",
        ),
        *(f"--authentication-id={door.who.name}", f"--password={door.who.secret}"),
        f"--mechanism={door.mechanism}",
    )


def swaks(door: Door, protocol: str) -> Heard:
    return door.run(
        *("swaks", "--server", "127.0.0.1", "--port", str(door.port(protocol, tls=False)), "--tls"),
        *("--auth", door.mechanism, "--auth-user", door.who.name, "--auth-password", door.who.secret),
        *("--from", door.who.name, "--to", door.who.name, "--quit-after", "AUTH"),
    )


def msmtp(door: Door, protocol: str) -> Heard:
    (door.home / "secret").write_text(door.who.secret)
    secret = ["--passwordeval=cat secret"] if door.who.secret else []
    key = door.who.certificate
    shown = [f"--tls-cert-file={key}", f"--tls-key-file={key}"] if key is not None else []
    return door.run(
        *("msmtp", "--debug", "--host=localhost", f"--port={door.port(protocol, tls=True)}", "--tls=on"),
        *("--tls-starttls=off", f"--tls-trust-file={door.server.certificate}", *shown),
        *(f"--auth={door.mechanism.lower()}", f"--user={door.who.name}", *secret),
        *(f"--from={door.who.name}", "somebody@example.test"),
        said=f"From: {door.who.name}\nSubject: x\n\nx\n",
    )


def mutt(door: Door, protocol: str) -> Heard:
    (door.home / "token").write_text(door.who.secret)
    user = door.who.name.replace("@", "%40")
    (door.home / "muttrc").write_text(
        f'set smtp_url = "smtps://{user}@localhost:{door.port(protocol, tls=True)}"\n'
        f'set smtp_oauth_refresh_command = "cat {door.home}/token"\n'
        f'set smtp_authenticators = "{door.mechanism.lower()}"\n'
        f'set certificate_file = "{door.server.certificate}"\n'
        f'set record = ""\nset from = "{door.who.name}"\nset use_envelope_from = yes\n'
        "set ssl_starttls = no\nset ssl_usesystemcerts = no\n"
    )
    ran = door.run(
        *("mutt", "-n", "-d", "2", "-F", str(door.home / "muttrc"), "-s", "x", "somebody@example.test"),
        said="x\n",
    )
    log = door.home / ".muttdebug0"
    return Heard(ran.inside, ran.said + (log.read_text(errors="replace") if log.exists() else ""))


def getmail(door: Door, protocol: str) -> Heard:
    (door.home / "mail").mkdir(exist_ok=True)
    for name in ("cur", "new", "tmp"):
        (door.home / "mail" / name).mkdir(exist_ok=True)
    (door.home / "getmailrc").write_text(
        "[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = localhost\n"
        f"port = {door.port('imap', tls=True)}\nusername = {door.who.name}\nuse_xoauth2 = true\n"
        f'password_command = ("echo", "{door.who.secret}")\nca_certs = {door.server.certificate}\n\n'
        f"[destination]\ntype = Maildir\npath = {door.home}/mail/\n"
    )
    return door.run("getmail", f"--getmaildir={door.home}", "--rcfile=getmailrc")


def python_smtplib(door: Door, protocol: str) -> Heard:
    who = door.who
    first = {"OAUTHBEARER": _bearer(who), "XOAUTH2": _xoauth2(who)}.get(door.mechanism, b"").decode()

    def token(challenge: bytes | None = None) -> str:
        return first if challenge is None else "\x01" if door.mechanism == "OAUTHBEARER" else ""

    port = door.port(protocol, tls=True)
    with smtplib.SMTP_SSL("localhost", port, context=door.context, timeout=20) as client:
        client.ehlo("localhost")
        client.user, client.password = who.name, who.secret
        try:
            if door.mechanism in TOKENS:
                client.auth(door.mechanism, token, initial_response_ok=True)
            else:
                client.auth(door.mechanism, getattr(client, f"auth_{door.mechanism.lower()}"))
        except smtplib.SMTPAuthenticationError as refused:
            return Heard(False, str(refused))
        return Heard(client.mail(who.name)[0] == 250, "")


def mbsync(door: Door, protocol: str) -> Heard:
    mechanism = {"LOGIN command": "LOGIN"}.get(door.mechanism, door.mechanism)
    (door.home / "mail").mkdir(exist_ok=True)
    (door.home / "mbsyncrc").write_text(
        f"IMAPAccount a\nHost localhost\nPort {door.port('imap', tls=True)}\nUser {door.who.name}\n"
        f'Pass "{door.who.secret}"\nSSLType IMAPS\nCertificateFile {door.server.certificate}\n'
        f"AuthMechs {mechanism}\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {door.home}/mail/\n"
        f"Inbox {door.home}/mail/INBOX\n\nChannel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\n"
        "SyncState *\n"
    )
    return door.run("mbsync", "-c", str(door.home / "mbsyncrc"), "all")


@dataclass(frozen=True)
class Way:
    protocol: str
    mechanism: str
    program: str
    client: Client


TOKENS = ("OAUTHBEARER", "XOAUTH2")
SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")


def _ways() -> tuple[Way, ...]:
    def each(protocol: str, name: str, client: Client, *mechanisms: str) -> list[Way]:
        return [Way(protocol, mechanism, name, client) for mechanism in mechanisms]

    return (
        *each(
            "imap", "imaplib", python_imaplib, "LOGIN command", "PLAIN", "LOGIN", *SCRAM, "EXTERNAL", *TOKENS
        ),
        *each("imap", "aioimaplib", asyncio_imaplib, "LOGIN command"),
        *each("imap", "curl", curl, "PLAIN", "LOGIN", "EXTERNAL", *TOKENS),
        *each("imap", "getmail", getmail, "XOAUTH2"),
        *each("imap", "gsasl", gsasl, "PLAIN", "LOGIN", *SCRAM[:2]),
        *each("imap", "mbsync", mbsync, "LOGIN command", "PLAIN", *SCRAM[:2]),
        *each("pop3", "poplib", python_poplib, "USER PASS"),
        *each("pop3", "curl", curl, "PLAIN", "LOGIN", "EXTERNAL", *TOKENS),
        *each("submission", "curl", curl, "PLAIN", "LOGIN", "EXTERNAL", *TOKENS),
        *each("submission", "gsasl", gsasl, "PLAIN", "LOGIN", *SCRAM[:2]),
        *each("submission", "swaks", swaks, "PLAIN", "LOGIN"),
        *each("submission", "msmtp", msmtp, "PLAIN", "LOGIN", *SCRAM[:2], "EXTERNAL", *TOKENS),
        *each("submission", "mutt", mutt, *TOKENS),
        *each("submission", "smtplib", python_smtplib, "PLAIN", "LOGIN", *TOKENS),
    )


MATRIX = _ways()


@dataclass(frozen=True)
class Kind:
    """`by`: where it makes sense. `inside`: whether it opens."""

    name: str
    inside: bool
    by: Callable[[str], bool]


def _secret(mechanism: str) -> bool:
    return mechanism != "EXTERNAL" and mechanism not in TOKENS


def _password(mechanism: str) -> bool:
    return mechanism in ("LOGIN command", "PLAIN", "LOGIN", "USER PASS")


def _certificate(mechanism: str) -> bool:
    return mechanism == "EXTERNAL"


def _token(mechanism: str) -> bool:
    return mechanism in TOKENS


KINDS = (
    Kind("password", True, _secret),
    Kind("wrong password", False, _secret),
    Kind("app password", True, _secret),
    Kind("app password for another protocol", False, _secret),
    Kind("second factor: password alone", False, _secret),
    Kind("second factor: password and code", True, _password),
    Kind("second factor: app password", True, _secret),
    Kind("disabled account: password", False, _secret),
    Kind("disabled account: app password", False, _secret),
    Kind("certificate", True, _certificate),
    Kind("certificate of a second factor's account", True, _certificate),
    Kind("certificate of nobody here", False, _certificate),
    Kind("certificate of a disabled account", False, _certificate),
    Kind("token", True, _token),
    Kind("token that has run out", False, _token),
    Kind("unknown token", False, _token),
    Kind("token of a second factor's account", True, _token),
    Kind("token of a disabled account", False, _token),
)


def page() -> str:
    kinds = "".join(f" {kind.name} |" for kind in KINDS)
    out = [
        "# Who comes in by what",
        "",
        "Generated by `make docs`. Each cell is a test with the program named there, against a server with",
        "`auth.scram_sha1`, `auth.totp_in_password` and `tls.client_ca`. An empty cell has nothing to try.",
        "EXTERNAL asks for no second factor: the key is one. Nor does a token: its giver has asked.",
        "",
        f"| protocol | mechanism | client |{kinds}",
        "|---|---|---|" + "---|" * len(KINDS),
    ]
    for way in sorted(MATRIX, key=lambda way: (way.protocol, way.mechanism, way.program)):
        cells = ["" if not kind.by(way.mechanism) else "in" if kind.inside else "refused" for kind in KINDS]
        out.append(f"| {way.protocol} | {way.mechanism} | {way.program} | {' | '.join(cells)} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
