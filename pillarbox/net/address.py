"""Where to listen: "host:port", "[IPv6]:port" or "unix:path", and the sockets for it.

Binding and serving are apart, because the process that may bind is not always the one that serves.
"""

import errno
import socket
import stat
from pathlib import Path

BACKLOG = 1024
# Whoever may reach the folder of a Unix socket may connect: the mail server in front is another user.
MODE = 0o666
FOLDER_MODE = 0o755
_UNIX = "unix:"


def bind(address: str, *, shared: bool = False) -> list[socket.socket]:
    """Listening sockets for `address`, one for each of the host's IP addresses; "*" means all of the
    machine's. Port 0 takes a free one, the same for all. OSError when it cannot be had. `shared`: another of
    this user's sockets may have the port too; who comes goes to the one that names the address."""
    if (path := unix_path(address)) is not None:
        return [_bind_unix(path)]
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    found = socket.getaddrinfo(
        None if host in ("", "*") else host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    chosen = int(port)
    try:
        for family, _, _, _, name in dict.fromkeys(found):
            sock = _bind_tcp(family, (name[0], chosen, *name[2:]), alone=not sockets, shared=shared)
            if sock is not None:
                sockets.append(sock)
                chosen = sock.getsockname()[1]
    except OSError:
        release(sockets)
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, f"no address of {host} can be bound")
    return sockets


def unix_path(address: str) -> Path | None:
    """Of the socket, where it is a Unix one."""
    return Path(address.removeprefix(_UNIX)) if address.startswith(_UNIX) else None


def spell(sock: socket.socket) -> str:
    """The address of a listening socket, in the form `bind` takes."""
    name = sock.getsockname()
    if sock.family == getattr(socket, "AF_UNIX", None):
        return _UNIX + str(name)
    host = f"[{name[0]}]" if sock.family == socket.AF_INET6 else name[0]
    return f"{host}:{name[1]}"


def release(sockets: list[socket.socket]) -> None:
    """Close listening sockets for good; a Unix socket's name goes with it."""
    for sock in sockets:
        path = sock.getsockname() if sock.family == getattr(socket, "AF_UNIX", None) else None
        sock.close()
        if path:
            Path(path).unlink(missing_ok=True)


def _bind_tcp(family: int, name: tuple[object, ...], *, alone: bool, shared: bool) -> socket.socket | None:
    """None when the machine does not have this family or address, though it was found another."""
    try:
        # Said by name, because asyncio turns Nagle's delay off only where it knows that it is TCP.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError:
        if alone:
            raise
        return None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Each family has its own socket, so that "*" means the same on every system.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if not alone and error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return sock


def _bind_unix(path: Path) -> socket.socket:
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(FOLDER_MODE)  # whatever else this process makes is private
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()  # left behind by a process that is gone
        sock.bind(str(path))
        path.chmod(MODE)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
