"""Paths of SMTP: `<local@domain>` (RFC 5321 4.1.2, with the UTF-8 of RFC 6531 3.3)."""

import ipaddress
import re
from dataclasses import dataclass

from pillarbox.smtp.wire.fault import Fault

MAX_LOCAL = 256  # octets. RFC 5321 4.5.3.1 promises 64 and asks for more: VERP senders are longer
MAX_DOMAIN = 255

# atext = ALPHA / DIGIT / "!" / ... (RFC 5322 3.2.3) / UTF8-non-ascii (RFC 6531 3.3)
_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff"
# Deviates: RFC 5321 4.1.2 wants an atom on both sides of a dot; there are mailboxes called "a." and "a..b".
_DOT_STRING = rf"[{_ATEXT}.]+"
# Quoted-string = DQUOTE *QcontentSMTP DQUOTE
_QUOTED_STRING = r'"(?:[ !#-\[\]-~\u00a0-\U0010ffff]|\\[ -~])*"'
# Domain = sub-domain *("." sub-domain)
# Deviates: RFC 5321 4.1.2 has no "_" in domains; some have hosts that do.
_LABEL = r"[A-Za-z0-9_\u00a0-\U0010ffff](?:[A-Za-z0-9_\-\u00a0-\U0010ffff]*[A-Za-z0-9_\u00a0-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
# address-literal = "[" ( IPv4 / IPv6 / General ) "]", dcontent = %d33-90 / %d94-126
_LITERAL = r"\[[!-Z^-~]+\]"
_HOST = rf"(?:{_DOMAIN}|{_LITERAL})"

_PATH = re.compile(
    rf"<(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"  # RFC 5321 4.1.2, C: source routes are accepted and ignored
    rf"(?P<local>{_DOT_STRING}|{_QUOTED_STRING})@(?P<domain>{_DOMAIN}|{_LITERAL})>"
)
_POSTMASTER = re.compile(r"<postmaster>", re.IGNORECASE)
_ONLY_HOST = re.compile(_HOST)
_ONLY_DOTS = re.compile(_DOT_STRING)


@dataclass(frozen=True, slots=True)
class Path:
    """A mailbox: `local` without quotes, `domain` as written; "" only in `<Postmaster>`."""

    local: str
    domain: str

    @property
    def is_ascii(self) -> bool:
        return self.local.isascii() and self.domain.isascii()

    def __str__(self) -> str:
        """RFC 5321 4.1.2: quoted only where it must be."""
        local = self.local
        if not _ONLY_DOTS.fullmatch(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local


def read_path(text: str, *, forward: bool) -> tuple[Path | None, str]:
    """The path `text` begins with, and what comes after it; None is the null reverse-path `<>`."""
    if not forward and text.startswith("<>"):
        return None, text[2:]
    if forward and (match := _POSTMASTER.match(text)):
        # RFC 5321 4.1.1.3: the one forward-path without a domain, in any case.
        return Path("postmaster", ""), text[match.end() :]
    match = _PATH.match(text)
    if match is None or not _is_host(match["domain"]):
        raise _malformed(forward)
    local = match["local"]
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    if len(local.encode()) > MAX_LOCAL or len(match["domain"].encode()) > MAX_DOMAIN:
        raise _malformed(forward)
    return Path(local, match["domain"]), text[match.end() :]


def is_host(text: str) -> bool:
    """Whether `text` is a domain or an address literal: what a client may call itself."""
    return len(text) <= MAX_DOMAIN and _ONLY_HOST.fullmatch(text) is not None and _is_host(text)


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return True
    inner = text[1:-1]
    tag, colon, rest = inner.partition(":")
    try:
        if not colon:
            ipaddress.IPv4Address(inner)
        elif tag.upper() == "IPV6":
            ipaddress.IPv6Address(rest)
    except ValueError:
        return False
    return True


def _malformed(forward: bool) -> Fault:
    # RFC 3463 3.2: X.1.3 bad destination, X.1.7 bad sender's mailbox address syntax.
    which, enhanced = ("recipient's", "5.1.3") if forward else ("sender's", "5.1.7")
    return Fault(501, enhanced, f"The {which} address is not of the form <local@domain>")
