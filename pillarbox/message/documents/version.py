"""Which program reads documents. The texts that two of them make of one file may differ."""

from functools import cache
from importlib import metadata

_OWN = 1  # grows with any change to what the readers here answer


@cache
def version() -> str:
    """Changes with anything that may change what is read; part of the format of what was made from it."""
    try:
        return f"{_OWN}+pypdf-{metadata.version('pypdf')}"
    except metadata.PackageNotFoundError:
        return f"{_OWN}"
