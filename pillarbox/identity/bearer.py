"""OAUTHBEARER (RFC 7628) and XOAUTH2, which came before it and is what many clients speak: bearer tokens.

    client   n,a=user@example.org,^Ahost=...^Aport=...^Aauth=Bearer TOKEN^A^A      OAUTHBEARER
             user=user@example.org^Aauth=Bearer TOKEN^A^A                          XOAUTH2
    server   success, or a challenge of JSON that says what was wrong with the token
    client   ^A (OAUTHBEARER), or nothing (XOAUTH2)
    server   failure

An exchange ends in a `Token`; who has looked at it and found it no good asks `refuse` for the challenge.
"""

import json
import re

from pillarbox.identity.claims import Token
from pillarbox.model.errors import Code, PeerSyntax, Refused

INVALID_REQUEST, INVALID_TOKEN, INSUFFICIENT_SCOPE = (
    "invalid_request",
    "invalid_token",
    "insufficient_scope",
)  # RFC 6750 3.1

SCOPES = {"imap": "imap", "pop": "pop", "pop3": "pop", "smtp": "smtp"}  # by protocol
MAX_TOKEN = 8192  # octets; the longest that are met are JWTs of 4 KiB

# RFC 5801 4: the header of GS2 without channel binding. RFC 5802 5.1: saslname.
_GS2 = re.compile(r"[ny],(?:a=(?P<acts>(?:[^,=\0]|=2C|=3D)+))?,\x01(?P<pairs>.*)", re.DOTALL)
# RFC 7628 3.1: kvpair = key "=" value kvsep
_PAIR = re.compile(r"(?P<key>[A-Za-z]+)=(?P<value>[\x20-\x7e\t\r\n]*)\x01")
_X_PAIRS = re.compile(r"user=(?P<user>[^\x01]+)\x01(?P<pairs>.*)", re.DOTALL)
# RFC 6750 2.1: b64token; RFC 9110 11.1: the scheme in any case
_AUTH = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9._~+/\-]+=*)")


class Bearer:
    """One exchange. `scope`: what opens this protocol; `discovery`: where the server that gives tokens
    describes itself, '' where there is none of our own."""

    proving = ""

    def __init__(self, name: str, scope: str, discovery: str) -> None:
        self.name = name
        self._scope = scope
        self._discovery = discovery
        self._refused = False

    def step(self, response: bytes | None) -> bytes | Token:
        if self._refused:
            # RFC 7628 3.2.3: whatever is said now only ends the exchange.
            raise Refused("Authentication failed", Code.AUTHENTICATIONFAILED)
        if response is None:
            return b""
        if response == b"\x01":
            # RFC 7628 3.1: as a first message it asks for nothing that there is.
            raise Refused("Authentication failed", Code.AUTHENTICATIONFAILED)
        acts, pairs = self._read(response)
        # Deviates: RFC 7628 3.2: host and port are not compared with ours. A server has many names, and
        # often a proxy in front; a bearer token does not cover them, so they prove nothing.
        match = _AUTH.fullmatch(pairs.get("auth", "").strip())
        if match is None or len(match["token"]) > MAX_TOKEN:
            return self.refuse(INVALID_REQUEST)
        return Token(match["token"], acts, self.name)

    def refuse(self, status: str) -> bytes:
        """The challenge that says so."""
        self._refused = True
        if self.name == "XOAUTH2":
            code = "403" if status == INSUFFICIENT_SCOPE else "400" if status == INVALID_REQUEST else "401"
            about = {"status": code, "schemes": "Bearer", "scope": self._scope}
        else:
            about = {"status": status, "scope": self._scope}
            if self._discovery:
                about["openid-configuration"] = self._discovery
        return json.dumps(about, separators=(",", ":")).encode()

    def _read(self, response: bytes) -> tuple[str, dict[str, str]]:
        try:
            text = response.decode("utf-8")
        except UnicodeDecodeError:
            raise PeerSyntax(f"{self.name} messages are UTF-8") from None
        match = (_X_PAIRS if self.name == "XOAUTH2" else _GS2).fullmatch(text)
        if match is None:
            raise PeerSyntax(f"The {self.name} message is not one")
        if self.name == "XOAUTH2":
            acts = match["user"]
        else:
            acts = (match["acts"] or "").replace("=2C", ",").replace("=3D", "=")
        return acts, _pairs(match["pairs"], self.name)


NAMES = ("OAUTHBEARER", "XOAUTH2")


def _pairs(text: str, name: str) -> dict[str, str]:
    """RFC 7628 3.1: unknown ones are ignored, which is for whoever asks for those he knows."""
    found: dict[str, str] = {}
    at = 0
    while match := _PAIR.match(text, at):
        if found.setdefault(match["key"].lower(), match["value"]) != match["value"]:
            raise PeerSyntax(f"The {name} message says {match['key']} twice")
        at = match.end()
    if text[at:] != "\x01":
        raise PeerSyntax(f"The {name} message does not end as one")
    return found
