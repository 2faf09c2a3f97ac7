"""Rights arithmetic of RFC 4314. The rows are the store's; what they mean is here."""

ALL = "lrswipkxtea"  # RFC 4314 2.1, in its order
LOOKUP, READ, SEEN, WRITE, INSERT, POST = "l", "r", "s", "w", "i", "p"
CREATE, DELETE, DELETE_MESSAGES, EXPUNGE, ADMINISTER = "k", "x", "t", "e", "a"


def canonical(rights: str) -> str:
    """The rights in the RFC's order; the obsolete `c` and `d` widened (RFC 4314 2.1.1)."""
    wide = set(rights)
    if "c" in wide:
        wide |= {CREATE, DELETE}
    if "d" in wide:
        wide |= {DELETE_MESSAGES, EXPUNGE}
    return "".join(right for right in ALL if right in wide)
