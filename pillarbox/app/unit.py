"""The unit for systemd, made for a configuration: the user, the ports and the folders that it names.

The service never is root: systemd gives it the one capability that low ports take, and the server gives that
back when they are bound. What it may see and do is what it needs; `systemd-analyze security` has the list.
"""

from collections.abc import Iterator
from pathlib import Path

from pillarbox.app.config import Config
from pillarbox.net.address import unix_path

USER = "pillarbox"
FIRST_FREE = 1024  # ports below are not for everybody
STATE, RUN = Path("/var/lib"), Path("/run")

_ALWAYS = """\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
LimitNOFILE=65536"""


def unit(config: Config, file: Path | None, program: Path) -> str:
    """`file` is the configuration's, `program` the command's, both absolute."""
    options = f" --config {_quoted(file)}" if file is not None else ""
    user = config.process.user or USER
    lines = [
        "[Unit]",
        "Description=Pillarbox mail server",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart={_quoted(program)}{options} serve",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "RestartSec=5",
        "WatchdogSec=60",
        "TimeoutStartSec=180",
        "TimeoutStopSec=30",
        # Only the parent is told to stop: it tells the others, in order.
        "KillMode=mixed",
        f"User={user}",
        *([f"Group={config.process.group}"] if config.process.group else []),
        *([f"WorkingDirectory={_quoted(file.parent)}"] if file is not None else []),
        *folders(config, file),
        *capabilities(config),
        _ALWAYS,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def folders(config: Config, file: Path | None) -> Iterator[str]:
    """Where it may write. Folders in /var/lib and /run are systemd's to make and to give."""
    data, written = config.data_folder, []
    if data.is_relative_to(STATE) and data != STATE:
        yield f"StateDirectory={data.relative_to(STATE)}"
        yield "StateDirectoryMode=0700"
    else:
        written.append(data)
    sockets = [path.parent for _, each in config.listen.each() if (path := unix_path(each)) is not None]
    run = [path for path in dict.fromkeys(sockets) if path.is_relative_to(RUN) and path != RUN]
    if run:
        yield "RuntimeDirectory=" + " ".join(_quoted(path.relative_to(RUN)) for path in run)
        yield "RuntimeDirectoryMode=0755"
    written += [path for path in dict.fromkeys(sockets) if path not in run and not path.is_relative_to(data)]
    if written:
        yield "ReadWritePaths=" + " ".join(map(_quoted, written))
    needed = [*written, *([file] if file is not None else []), *map(Path, _certificates(config))]
    private = any(path.is_relative_to(home) for path in needed for home in map(Path, ("/home", "/root")))
    yield f"ProtectHome={'read-only' if private else 'yes'}"


def capabilities(config: Config) -> Iterator[str]:
    ports = [int(each.rpartition(":")[2]) for each in _addresses(config)]
    if any(0 < port < FIRST_FREE for port in ports):
        yield "AmbientCapabilities=CAP_NET_BIND_SERVICE"
        yield "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
    else:
        yield "AmbientCapabilities="
        yield "CapabilityBoundingSet="


def _addresses(config: Config) -> list[str]:
    addresses = [*(each for _, each in config.listen.each()), *config.acme.addresses]
    return [each for each in addresses if unix_path(each) is None]


def _certificates(config: Config) -> list[str]:
    first = [config.tls.certificate, config.tls.key, config.tls.client_ca]
    more = [path for each in config.tls.certificates for path in (each.certificate, each.key)]
    return [path for path in (*first, *more) if path is not None]


def _quoted(path: Path) -> str:
    """systemd.syntax(7), systemd.service(5): with its own meaning of some characters undone."""
    text = str(path).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{text}"' if any(each in text for each in " \t\"'\\;") else text
