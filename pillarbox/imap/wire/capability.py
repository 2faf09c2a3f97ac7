"""CAPABILITY, NOOP, ENABLE, NAMESPACE (RFC 9051 6.1, 6.3.1, 6.3.10) and ID (RFC 2971)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Enable:
    """The capability names in capitals, known or not: RFC 9051 6.3.1 has unknown ones ignored."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    pass


@dataclass(frozen=True, slots=True)
class Id:
    """`fields` is what the client says about itself, () for NIL."""

    fields: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`* CAPABILITY ...`; the same list as a response code is `response.CapabilityCode`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enabled:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """`* NAMESPACE personal others shared`: each a tuple of prefixes, () = NIL. The prefix is a mailbox
    name and spelled like one; the separator is the same everywhere."""

    personal: tuple[str, ...]
    others: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerId:
    """`* ID (...)`: what the server says about itself; () = NIL."""

    fields: tuple[tuple[str, str | None], ...] = ()
