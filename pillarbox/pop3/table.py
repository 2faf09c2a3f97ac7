"""One row a command: how its line is read, in which states it may come, who does it, and where it is defined.

AUTHORIZATION  nobody has logged in
TRANSACTION    there is a maildrop

The UPDATE state (RFC 1939 6) is what QUIT does before it answers: no command comes in it.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pillarbox.pop3.commands import authorization, maildrop, retrieve
from pillarbox.pop3.wire import command as wire
from pillarbox.pop3.wire.answer import Answer

if TYPE_CHECKING:
    from pillarbox.pop3.session import Session


class State(Enum):
    """With the sentence for a command that must not come in it."""

    AUTHORIZATION = "Log in first"
    TRANSACTION = "You have logged in already"


Handler = Callable[["Session", Any], Coroutine[Any, Any, Answer]]

_BEFORE = frozenset((State.AUTHORIZATION,))
_AFTER = frozenset((State.TRANSACTION,))
_ANY = frozenset(State)


@dataclass(frozen=True, slots=True)
class Row:
    keyword: str
    read: Callable[[str], wire.Command]
    states: frozenset[State]
    do: Handler
    rfc: str


ROWS = (
    Row("USER", wire.read_user, _BEFORE, authorization.user, "RFC 1939 7"),
    Row("PASS", wire.read_pass, _BEFORE, authorization.password, "RFC 1939 7"),
    Row("AUTH", wire.read_auth, _BEFORE, authorization.auth, "RFC 5034 4"),
    Row("STLS", wire.read_stls, _BEFORE, authorization.stls, "RFC 2595 4"),
    Row("UTF8", wire.read_utf8, _BEFORE, authorization.utf8, "RFC 6856 2.1"),
    Row("CAPA", wire.read_capa, _ANY, authorization.capa, "RFC 2449 5"),
    Row("LANG", wire.read_lang, _ANY, authorization.lang, "RFC 6856 3"),
    Row("STAT", wire.read_stat, _AFTER, maildrop.stat, "RFC 1939 5"),
    Row("LIST", wire.read_list, _AFTER, maildrop.listing, "RFC 1939 5"),
    Row("UIDL", wire.read_uidl, _AFTER, maildrop.uidl, "RFC 1939 7"),
    Row("RETR", wire.read_retr, _AFTER, retrieve.retr, "RFC 1939 5"),
    Row("TOP", wire.read_top, _AFTER, retrieve.top, "RFC 1939 7"),
    Row("DELE", wire.read_dele, _AFTER, maildrop.dele, "RFC 1939 5"),
    Row("NOOP", wire.read_noop, _AFTER, maildrop.noop, "RFC 1939 5"),
    Row("RSET", wire.read_rset, _AFTER, maildrop.rset, "RFC 1939 5"),
    Row("QUIT", wire.read_quit, _ANY, maildrop.quit, "RFC 1939 4, 6"),
)
TABLE = {row.keyword: row for row in ROWS}
