"""SIGHUP: the configuration and the certificate as they are on the disk now, for all who come from now on.

Everything is looked at before anything changes; what is no good leaves all as it was.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from pillarbox.app.config import Config, ConfigError, reloaded
from pillarbox.app.serve import Tell, Unreadable, certificate_of
from pillarbox.model.errors import Refused
from pillarbox.net.certificates import Material


class Adopting(Protocol):
    """A server, of one process or of several."""

    config: Config
    material: Material

    async def adopt(self, config: Config, material: Material) -> None: ...


async def reload(server: Adopting, read: Callable[[], Config], tell: Tell, warn: Tell) -> None:
    """`read` gives the configuration as it is written now."""
    try:
        config, refused = reloaded(server.config, read())
        certificate = certificate_of(config)
        try:
            material = certificate.read()
        except Unreadable as unreadable:
            # Root has read the ones in use, when the server began; the other keys can change nevertheless.
            warn("these certificates can be read by root only; the ones in use stay", file=unreadable.file)
            config, material = msgspec.structs.replace(config, tls=server.config.tls), server.material
    except (ConfigError, Refused, OSError) as error:
        warn("not reloaded, everything stays as it was", reason=str(error))
        return
    await server.adopt(config, material)
    if refused:
        warn("a change of these keys needs a restart", keys=", ".join(refused))
    tell("reloaded", certificate=str(certificate.certificate))


async def take_certificates(server: Adopting, tell: Tell, warn: Tell) -> None:
    """The certificates as they are on the disk now, and nothing else."""
    try:
        certificate = certificate_of(server.config)
        material = certificate.read()
    except (ConfigError, Refused, OSError) as error:
        warn("the certificates in use stay", reason=str(error))
        return
    await server.adopt(server.config, material)
    tell("certificates taken", certificate=str(certificate.certificate))
