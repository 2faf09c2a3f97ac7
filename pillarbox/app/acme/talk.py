"""What `renewing` and the process of an order say to each other, one line of JSON each."""

from msgspec import Struct

from pillarbox.app.config import Acme


class Wanted(Struct, frozen=True):
    data: str
    acme: Acme


class Issued(Struct, frozen=True):
    """Since and until when it is good; or why there is none."""

    since: float = 0.0
    until: float = 0.0
    failed: str = ""
