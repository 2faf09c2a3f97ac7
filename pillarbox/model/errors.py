"""The three kinds of failure, named for whose fault they are.

`PeerSyntax`   the peer wrote something the grammar does not allow (IMAP BAD, SMTP 500).
`Refused`      the peer's request is well formed and cannot be granted (IMAP NO with a code, SMTP 4xx/5xx).
anything else  is our fault: the session answers NO [SERVERBUG] / 451, logs it with a trace id, and lives on.
"""

from enum import Enum


class Code(Enum):
    """Why a request was refused, in the words of RFC 9051 7.1, and of RFC 5530, 6154, 8474, 9208 and
    10022."""

    ALREADYEXISTS = "ALREADYEXISTS"
    AUTHENTICATIONFAILED = "AUTHENTICATIONFAILED"
    AUTHORIZATIONFAILED = "AUTHORIZATIONFAILED"
    BADCHARSET = "BADCHARSET"
    BADCOMPARATOR = "BADCOMPARATOR"
    CANNOT = "CANNOT"
    CLIENTBUG = "CLIENTBUG"
    CONTACTADMIN = "CONTACTADMIN"
    CORRUPTION = "CORRUPTION"
    EXPIRED = "EXPIRED"
    EXPUNGEISSUED = "EXPUNGEISSUED"
    HASCHILDREN = "HASCHILDREN"
    INUSE = "INUSE"
    LIMIT = "LIMIT"
    NONEXISTENT = "NONEXISTENT"
    NOPERM = "NOPERM"
    NOTSAVED = "NOTSAVED"
    OVERQUOTA = "OVERQUOTA"
    PRIVACYREQUIRED = "PRIVACYREQUIRED"
    SERVERBUG = "SERVERBUG"
    TOOBIG = "TOOBIG"
    TOOFEW = "TOOFEW"
    TOOMANY = "TOOMANY"
    TRYCREATE = "TRYCREATE"
    UNAVAILABLE = "UNAVAILABLE"
    UNKNOWN_CTE = "UNKNOWN-CTE"
    USEATTR = "USEATTR"


class PeerSyntax(Exception):
    """The peer broke the grammar. `str()` says where, in a sentence fit to be sent back."""


class Refused(Exception):
    """The request is understood and refused.

    `code` is the RFC's reason or None, `text` a sentence for a human, `temporary` whether the
    same request may succeed later (SMTP 4xx instead of 5xx).
    """

    def __init__(self, text: str, code: Code | None = None, *, temporary: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.temporary = temporary


class NoRight(Refused):
    """Somebody wanted what they have no right to, though they may be told that it is not there."""


class NoAccount(Refused):
    """There is no such account, or no longer: a session that has it open has nothing left to do."""

    def __init__(self) -> None:
        super().__init__("There is no such account", Code.NONEXISTENT)
