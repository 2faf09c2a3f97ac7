"""IDLE (RFC 9051 6.3.13) and the DONE that ends it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idle:
    pass
