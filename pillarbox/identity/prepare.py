"""SASLprep (RFC 4013): two ways of typing the same password become one string before they are compared."""

import stringprep
import unicodedata

from pillarbox.model.errors import Code, Refused

# RFC 4013 2.3: what no prepared string contains.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepare(text: str) -> str:
    """`text` as RFC 4013 prepares it; Refused when the profile prohibits it.

    Printable ASCII, which is nearly every password, comes back as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    # RFC 4013 2.1: other spaces become a space, what is commonly mapped to nothing goes.
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    # RFC 4013 2.2
    prepared = unicodedata.normalize("NFKC", mapped)
    # Deviates: RFC 4013 2.5: unassigned code points are accepted in stored passwords too, because the
    # profile's Unicode 3.2 knows no character added since 2002.
    if any(table(c) for c in prepared for table in _PROHIBITED):
        raise Refused("The text contains a character that is not allowed here", Code.CANNOT)
    _check_direction(prepared)
    return prepared


def _check_direction(prepared: str) -> None:
    """RFC 3454 6: a text with right-to-left letters has no left-to-right ones, and such at both ends."""
    if not any(stringprep.in_table_d1(c) for c in prepared):
        return
    ends_well = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
    if not ends_well or any(stringprep.in_table_d2(c) for c in prepared):
        raise Refused("The text mixes writing directions in a way that is not allowed here", Code.CANNOT)
