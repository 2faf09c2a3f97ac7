"""The Received-SPF field (RFC 7208 9.1). What a sender made up is quoted, cut and freed of what could break
the field open."""

import re

from pillarbox.filter.auth.spf.check import Identity, Result, Spf

VALUE_LIMIT = 256  # octets of one value

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def field(spf: Spf, *, address: str, sender: str, helo: str, receiver: str) -> bytes:
    """The whole field with its CRLF. RFC 7208 9: it goes above the Received field of the same hop."""
    pairs = {
        "receiver": receiver,
        "identity": spf.identity.value,
        "client-ip": address,
        "envelope-from": sender if spf.identity is Identity.MAIL_FROM else "",
        "helo": helo,
        "mechanism": spf.mechanism,
        "problem": spf.problem,
    }
    lines = [f"Received-SPF: {spf.result} ({_comment(receiver)}: {_words(spf, address)})"]
    lines += [f" {key}={_value(value)};" for key, value in pairs.items() if value]
    return "\r\n".join(lines).encode() + b"\r\n"


def _words(spf: Spf, address: str) -> str:
    domain, client = _comment(spf.domain), _comment(address)
    return {
        Result.PASS: f"{client} may send for {domain}",
        Result.FAIL: f"{client} may not send for {domain}",
        Result.SOFTFAIL: f"{client} probably may not send for {domain}",
        Result.NEUTRAL: f"{domain} says nothing of {client}",
        Result.NONE: f"{domain or 'the sender'} publishes no policy",
        Result.TEMPERROR: f"the policy of {domain} could not be looked up",
        Result.PERMERROR: f"the policy of {domain} is in error",
    }[spf.result]


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:VALUE_LIMIT]


def _comment(text: str) -> str:
    return re.sub(r"[()\\]", "?", _clean(text))


def _value(text: str) -> str:
    text = _clean(text)
    if _ATOM.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
