"""The configuration of a server that the world can reach, and a unit for systemd that runs it."""

import json
import sys
from pathlib import Path

SYSTEM_DATA = "/var/lib/pillarbox"

_CONFIGURATION = """\
# Pillarbox for {domain}. Every key is in docs/operations.md; what is not here has its default.
# Others see the host name in greetings, and the server's address has to lead back to it.
hostname = {hostname}
# Who reads what is meant for whoever runs this server.
postmaster = {postmaster}
data = {data}

[listen]
smtp = ["0.0.0.0:25", "[::]:25"]             # mail from other servers
submissions = ["0.0.0.0:465", "[::]:465"]    # mail clients send here, by TLS
submission = ["0.0.0.0:587", "[::]:587"]     # the same by STARTTLS
imaps = ["0.0.0.0:993", "[::]:993"]          # mail clients read here, by TLS
pop3s = ["0.0.0.0:995", "[::]:995"]
# https = ["0.0.0.0:443", "[::]:443"]        # policy of MTA-STS, settings for mail clients, sign-in page

[tls]                                        # without these lines: a certificate that nobody vouches for
# certificate = "/etc/letsencrypt/live/{host}/fullchain.pem"
# key = "/etc/letsencrypt/live/{host}/privkey.pem"

[auth]
cleartext = "never"                          # no password without TLS
"""

_UNIT = """\
[Unit]
Description=Pillarbox mail server
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={program} --config {configuration} serve
ExecReload=/bin/kill -HUP $MAINPID
User=pillarbox
AmbientCapabilities=CAP_NET_BIND_SERVICE
LimitNOFILE=65536
NoNewPrivileges=true
ProtectSystem=full
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def configuration(domain: str, hostname: str, data: str) -> str:
    return _CONFIGURATION.format(
        domain=domain,
        host=hostname,
        hostname=json.dumps(hostname),
        postmaster=json.dumps(f"postmaster@{domain}"),
        data=json.dumps(data),
    )


def data_for(path: Path) -> str:
    """Where the data belongs: beside the configuration, but not in /etc."""
    return SYSTEM_DATA if path.absolute().is_relative_to("/etc") else "var"


def unit(path: Path) -> str:
    return _UNIT.format(program=Path(sys.executable).parent / "pillarbox", configuration=path.absolute())
