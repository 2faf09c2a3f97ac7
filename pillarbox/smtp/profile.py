"""What a dialect of SMTP offers, as data."""

from dataclasses import dataclass

COMMAND_LIMIT = 4096  # octets of a command line. RFC 5321 4.5.3.1.4 asks for 512, extensions for a bit more
RECIPIENT_LIMIT = 1000  # RFC 5321 4.5.3.1.8 asks for 100; what one message may cost before its content
PATIENCE = 300.0  # seconds; RFC 5321 4.5.3.2.7: a server waits at least five minutes


@dataclass(frozen=True, slots=True)
class Profile:
    """`verbs`: the commands it has, of all in `table`. `keywords`: what the hello command announces besides
    SIZE and STARTTLS, which depend on the server. `protocols`: the names for Received (RFC 3848, RFC 6531
    4.3), by whether the addresses may be UTF-8 and whether TLS is on. `reply_per_recipient`: RFC 2033 4.2.
    """

    name: str
    hello: str
    verbs: frozenset[str]
    keywords: tuple[str, ...]
    protocols: dict[tuple[bool, bool], str]
    reply_per_recipient: bool


LMTP = Profile(
    name="LMTP",
    hello="LHLO",
    # RFC 2033 4.1: HELO and EHLO are not present.
    verbs=frozenset(
        ("LHLO", "MAIL", "RCPT", "DATA", "BDAT", "STARTTLS", "RSET", "NOOP", "QUIT", "VRFY", "HELP")
    ),
    keywords=("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"),
    protocols={
        (False, False): "LMTP",
        (False, True): "LMTPS",
        (True, False): "UTF8LMTP",
        (True, True): "UTF8LMTPS",
    },
    reply_per_recipient=True,
)
