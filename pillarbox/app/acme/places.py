"""Where the authority's visit is waited for (http-01) by a listener of its own, the responder's."""

from pillarbox.app.config import Config


def places(config: Config) -> tuple[str, ...]:
    """Not where `listen.http` is: nobody binds an address twice, and the site answers the authority too."""
    http = [address for protocol, address in config.listen.each() if protocol == "http"]
    return tuple(each for each in config.acme.addresses if not any(_takes(one, each) for one in http))


def beside(config: Config) -> frozenset[str]:
    """Addresses of one port, of which one is every address of the machine and the other a particular one,
    where the site is: each is bound so that it bears the other."""
    found: set[str] = set()
    for address in places(config):
        host, _, port = address.rpartition(":")
        if host not in _EVERY or port == "0":
            continue
        near = {one for name, one in config.listen.each() if name == "http" and one.endswith(f":{port}")}
        found |= {address, *near} if near else set()
    return frozenset(found)


def _takes(bound: str, address: str) -> bool:
    """Whether who listens on `bound` has `address` too. Of port 0 each takes another."""
    host, _, port = address.rpartition(":")
    every, _, same = bound.rpartition(":")
    if port != same or port == "0":
        return False
    return every in (host, "", "*", "[::]" if host.startswith("[") else "0.0.0.0")


_EVERY = ("", "*", "0.0.0.0", "[::]")
