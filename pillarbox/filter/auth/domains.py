"""Domain names as the standards of this room compare them: lower case, A-labels, without the last dot."""

from pillarbox.filter.dns import is_name


def a_labels(domain: str) -> str | None:
    """The name in A-labels (RFC 5890 2.3.2.1), lower case; None when it is no name of a host."""
    if len(domain) > 254:
        return None
    name = domain.removesuffix(".").lower()
    if not name.isascii():
        # Deviates: RFC 5891 4: names are mapped as IDNA of 2003 has it, which Python knows; the few that the
        # later standard spells otherwise (with a sharp s, among others) are looked up as they were then.
        try:
            name = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    return name if is_name(name) and not name.startswith("[") else None


def within(name: str, domain: str) -> bool:
    """Is `name` this domain or below it? Both as `a_labels` makes them."""
    return name == domain or name.endswith("." + domain)


def parent(name: str) -> str:
    """One label less; "" above a single label."""
    return name.partition(".")[2]
