"""Does the client's address have a name that leads back to it? Found out before the content comes."""

from dataclasses import dataclass

from pillarbox.filter.auth.iprev import Iprev


@dataclass(frozen=True, slots=True)
class Reverse:
    """`required`: mail from where there is none is not taken."""

    iprev: Iprev
    required: bool
