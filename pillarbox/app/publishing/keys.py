"""The keys of a domain that others have to find in its DNS, as `delivery/signing` keeps them."""

import time

from pillarbox.app.config import Config
from pillarbox.delivery.signing.keys import Keys, State


def keys_of(config: Config, domain: str) -> tuple[tuple[str, str], ...]:
    """Selector and record of those that sign and of those that wait to be found; a domain without any gets
    them. Old ones are not to be published anew."""
    keys = Keys(config.data_folder)
    return tuple(
        (each.selector, keys.record(domain, each.selector).value)
        for each in keys.begin(domain, time.time())
        if each.state is not State.OLD
    )
