"""Mail addresses as account names: which may exist, and when two are the same."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pillarbox.model.errors import Code, Refused

MAX_LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1
MAX_DOMAIN_OCTETS = 255  # RFC 5321 4.5.3.1.2
MAX_LABEL_OCTETS = 63  # RFC 1035 2.3.4
MAX_LENGTH = MAX_LOCAL_OCTETS + 1 + MAX_DOMAIN_OCTETS  # characters, so at least what octets allow
DETAIL_MARK = "+"

# RFC 5321 4.1.2: Dot-string = Atom *("." Atom); RFC 6531 3.3 adds UTF8-non-ascii to atext.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# RFC 5321 4.1.2: sub-domain = Let-dig [Ldh-str], or a U-label (RFC 6531 3.3).
_LABEL = re.compile(r"[^\W_](?:[^\W_]|[\-\u0080-\U0010ffff])*(?<!-)")


@dataclass(frozen=True, slots=True)
class Address:
    """`local` and `domain` as they were written (NFC).

    `folded` is the spelling under which the directory knows it: case does not matter, nor does xn--.
    RFC 5321 2.4 lets the receiving system decide whether case counts in its own local parts.
    """

    local: str
    domain: str
    folded: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def maybe_address(text: str) -> Address | None:
    """`text` as an address that an account may have, or None.

    Quoted local parts and address literals are legal on the wire and name nobody here.
    """
    return _parsed(text) if len(text) <= MAX_LENGTH else None


def address(text: str) -> Address:
    """`maybe_address`, with a sentence where there is none."""
    found = maybe_address(text)
    if found is None:
        raise Refused(f"{text!r} is not a mail address (expected name@domain)", Code.CANNOT)
    return found


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    text = unicodedata.normalize("NFC", text)
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not _is_printable(text):
        return None
    folded_domain = fold_domain(domain)
    if not _is_domain(domain, folded_domain) or len(local.encode()) > MAX_LOCAL_OCTETS:
        return None
    return Address(local, domain, f"{local.casefold()}@{folded_domain}")


def fold_domain(domain: str) -> str:
    """A domain as DNS compares it: lower case, A-labels (RFC 5890 2.3.2.1)."""
    return ".".join(_fold_label(label) for label in unicodedata.normalize("NFC", domain.lower()).split("."))


def without_detail(written: Address) -> tuple[Address, str | None]:
    """`user+detail@domain` as (user@domain, detail); None where there is no detail (RFC 5233 1)."""
    user, mark, detail = written.local.partition(DETAIL_MARK)
    if not mark or not user:
        return written, None
    _, _, folded_domain = written.folded.rpartition("@")
    return Address(user, written.domain, f"{user.casefold()}@{folded_domain}"), detail


def _fold_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _is_domain(domain: str, folded: str) -> bool:
    return (
        len(folded) <= MAX_DOMAIN_OCTETS
        and all(len(label) <= MAX_LABEL_OCTETS for label in folded.split("."))
        and all(_LABEL.fullmatch(label) for label in domain.split("."))
    )


def _is_printable(text: str) -> bool:
    """No controls, format marks, separators, private or unassigned code points, no lone surrogates."""
    return not any(unicodedata.category(character)[0] in "CZ" for character in text)
