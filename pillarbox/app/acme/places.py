"""Where the authority's visit is waited for (http-01) by a listener of its own, the responder's."""

from pillarbox.app.config import Config


def places(config: Config) -> tuple[str, ...]:
    """Not where `listen.http` is: nobody binds an address twice, and the site answers the authority too."""
    http = [address for protocol, address in config.listen.each() if protocol == "http"]
    return tuple(each for each in config.acme.addresses if not any(_takes(one, each) for one in http))


def _takes(bound: str, address: str) -> bool:
    """Whether who listens on `bound` has `address` too. Of port 0 each takes another."""
    host, _, port = address.rpartition(":")
    every, _, same = bound.rpartition(":")
    if port != same or port == "0":
        return False
    return every in (host, "", "*", "[::]" if host.startswith("[") else "0.0.0.0")
