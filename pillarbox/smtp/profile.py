"""What a dialect of SMTP offers, as data."""

from dataclasses import dataclass

COMMAND_LIMIT = 4096  # octets of a command line. RFC 5321 4.5.3.1.4 asks for 512, extensions for a bit more
RESPONSE_LIMIT = 12288  # octets of a line in an AUTH exchange: RFC 4954 4
RECIPIENT_LIMIT = 1000  # RFC 5321 4.5.3.1.8 asks for 100; what one message may cost before its content
PATIENCE = 300.0  # seconds; RFC 5321 4.5.3.2.7: a server waits at least five minutes
# Deviates: RFC 5321 4.5.3.2.7 has a server wait five minutes; who has to log in and has not has one, because
# strangers can come in any number.
PATIENCE_BEFORE_LOGIN = 60.0
MAX_FAILED_LOGINS = 5  # a connection; the throttle across connections is not SMTP's business
MAX_BAD = 100  # commands in a row that were no good; who cannot speak SMTP is not worth a socket


@dataclass(frozen=True, slots=True)
class Profile:
    """`verbs`: the commands it has, of all in `table`. `keywords`: what the hello command announces besides
    SIZE, STARTTLS, AUTH, FUTURERELEASE and XCLIENT, which depend on the server; `under_tls`: what it
    announces there only. `plain` and `utf8`: its names in Received (RFC 3848, RFC 6531 4.3).
    `reply_per_recipient`: RFC 2033 4.2. `submits`: clients log in, and their mail goes anywhere (RFC 6409);
    else it is taken only for those who have an address here.
    """

    name: str
    verbs: frozenset[str]
    keywords: tuple[str, ...]
    plain: str
    utf8: str
    reply_per_recipient: bool = False
    submits: bool = False
    trusts_priority: bool = False  # the client is a server of ours (RFC 6710 4.1)
    under_tls: tuple[str, ...] = ()

    def extends(self, extension: str, *, tls: bool = True) -> bool:
        """Whether this extension is offered."""
        return (
            extension in self.keywords
            or (tls and extension in self.under_tls)
            or (extension == "AUTH" and self.submits)
        )

    def protocol(self, *, extended: bool, utf8: bool, tls: bool, login: bool) -> str:
        """The "with" word of a Received field."""
        if not extended:
            return "SMTP"
        return f"{self.utf8 if utf8 else self.plain}{'S' if tls else ''}{'A' if login else ''}"


_COMMON = ("MAIL", "RCPT", "DATA", "BDAT", "STARTTLS", "RSET", "NOOP", "QUIT", "VRFY", "HELP")

LMTP = Profile(
    name="LMTP",
    # RFC 2033 4.1: HELO and EHLO are not present.
    verbs=frozenset(("LHLO", *_COMMON)),
    keywords=("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "MT-PRIORITY"),
    plain="LMTP",
    utf8="UTF8LMTP",
    reply_per_recipient=True,
    trusts_priority=True,
)

_KEYWORDS = (
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "DSN",
    "DELIVERBY",
    "MT-PRIORITY",
    f"LIMITS RCPTMAX={RECIPIENT_LIMIT}",  # RFC 9422 3
)

# From other servers, without a password, for those who have an address here.
MX = Profile(
    name="ESMTP",
    verbs=frozenset(("HELO", "EHLO", "EXPN", "XCLIENT", *_COMMON)),
    keywords=(*_KEYWORDS, "BINARYMIME"),
    plain="ESMTP",
    utf8="UTF8SMTP",
    under_tls=("REQUIRETLS",),  # RFC 8689 2 (7)
)

# From programs of people with an account here, to anybody. No BINARYMIME: hardly a server beyond takes it.
SUBMISSION = Profile(
    name="ESMTP",
    verbs=frozenset(("HELO", "EHLO", "EXPN", "AUTH", "XCLIENT", *_COMMON)),
    keywords=_KEYWORDS,
    plain="ESMTP",
    utf8="UTF8SMTP",
    submits=True,
    under_tls=("REQUIRETLS",),
)
