"""SIGHUP: the configuration and the certificate as they are on the disk now, for all who come from now on.

Everything is looked at before anything changes; what is no good leaves all as it was.
"""

from collections.abc import Callable
from typing import Protocol

from pillarbox.app.config import Config, ConfigError, reloaded
from pillarbox.app.serve import Tell, certificate_of
from pillarbox.model.errors import Refused
from pillarbox.net.certificates import Material


class Adopting(Protocol):
    """A server, of one process or of several."""

    config: Config

    async def adopt(self, config: Config, material: Material) -> None: ...


async def reload(server: Adopting, read: Callable[[], Config], tell: Tell, warn: Tell) -> None:
    """`read` gives the configuration as it is written now."""
    try:
        config, refused = reloaded(server.config, read())
        certificate = certificate_of(config)
        material = certificate.read()
    except (ConfigError, Refused, OSError) as error:
        warn("not reloaded, everything stays as it was", reason=str(error))
        return
    await server.adopt(config, material)
    if refused:
        warn("a change of these keys needs a restart", keys=", ".join(refused))
    tell("reloaded", certificate=str(certificate.certificate))
