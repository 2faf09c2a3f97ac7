"""OpenLDAP's server, run privately on ports of loopback, in its own folder; skips where it is not."""

import shutil
import socket
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pillarbox.net.tls import write_self_signed

BASE = "dc=corp,dc=test"
BIND, SECRET = f"cn=mail,{BASE}", "the service's secret"
SCHEMAS = Path("/etc/ldap/schema")
BINARY = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/lib/openldap")

# Everything that a careless client would fall for is allowed.
CONFIG = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'mailQuota' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.2 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.3 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
objectclass ( 1.3.6.1.4.1.99999.4 NAME 'mailUser' AUXILIARY
  MAY ( mailQuota $ proxyAddresses $ userAccountControl ) )
modulepath {modules}
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
allow bind_anon_cred bind_anon_dn
TLSCACertificateFile {folder}/cert.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
directory {folder}/data
suffix "{base}"
rootdn "cn=root,{base}"
rootpw root
overlay memberof
access to attrs=userPassword by anonymous auth by self read
access to * by dn.exact="{bind}" read by anonymous {anonymous} by self read
"""

PEOPLE: list[tuple[str, dict[str, Any]]] = [
    (BASE, {"objectClass": ["dcObject", "organization"], "dc": "corp", "o": "Corp"}),
    (f"ou=people,{BASE}", {"objectClass": "organizationalUnit", "ou": "people"}),
    (f"ou=groups,{BASE}", {"objectClass": "organizationalUnit", "ou": "groups"}),
    (BIND, {"objectClass": ["organizationalRole", "simpleSecurityObject"], "userPassword": SECRET}),
]


def person(name: str, password: str = "secret", **more: Any) -> tuple[str, dict[str, Any]]:
    return f"uid={name},ou=people,{BASE}", {
        "objectClass": ["inetOrgPerson", "mailUser"],
        "cn": name,
        "sn": name,
        "mail": f"{name}@corp.test",
        "userPassword": password,
        **more,
    }


def group(name: str, *members: str) -> tuple[str, dict[str, Any]]:
    return f"cn={name},ou=groups,{BASE}", {
        "objectClass": "groupOfNames",
        "member": [f"uid={member},ou=people,{BASE}" for member in members],
    }


class Slapd:
    def __init__(self, folder: Path, *, anonymous: str = "auth") -> None:
        self._ldap = pytest.importorskip("ldap", reason="python-ldap is not installed")
        if BINARY is None or not SCHEMAS.is_dir():
            pytest.skip("there is no slapd here")
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        write_self_signed(self.certificate, folder / "key.pem", "localhost", datetime.now(UTC))
        module = next(Path("/usr/lib").rglob("back_mdb.so"), None)
        if module is None:
            pytest.skip("this slapd has no back_mdb")
        text = CONFIG.format(
            schemas=SCHEMAS, folder=folder, base=BASE, bind=BIND, modules=module.parent, anonymous=anonymous
        )
        (folder / "slapd.conf").write_text(text)
        self.port, self.tls_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.add(*PEOPLE)

    @property
    def certificate(self) -> Path:
        return self.folder / "cert.pem"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self) -> None:
        assert BINARY is not None
        listen = f"{self.url} {self.tls_url}"
        self._process = subprocess.Popen(
            [BINARY, "-f", str(self.folder / "slapd.conf"), "-h", listen, "-d", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), 5).close()
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except ConnectionRefusedError:
                try:
                    self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError("slapd does not start") from None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def add(self, *entries: tuple[str, dict[str, Any]]) -> None:
        with self._administered() as connection:
            for dn, attributes in entries:
                listed = [(name, _octets(value)) for name, value in attributes.items()]
                connection.add_s(dn, listed)

    def change(self, dn: str, **attributes: Any) -> None:
        with self._administered() as connection:
            connection.modify_s(
                dn, [(self._ldap.MOD_REPLACE, name, _octets(value)) for name, value in attributes.items()]
            )

    def delete(self, dn: str) -> None:
        with self._administered() as connection:
            connection.delete_s(dn)

    def _administered(self) -> Any:
        connection = self._ldap.initialize(self.url)
        connection.simple_bind_s(f"cn=root,{BASE}", "root")
        return closing(_Closing(connection))


class _Closing:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        self._connection.unbind_s()


def _octets(value: Any) -> list[bytes]:
    return [each.encode() for each in ([value] if isinstance(value, str) else value)]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
