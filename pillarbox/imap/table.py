"""The command table: one row a command. Dispatch, the timing of EXPUNGE and docs/protocols.md read it.

Rules of the place:
* what a command may do is said here and nowhere else; a handler never asks for the state;
* `numbers`: its arguments or answer speak in message numbers, so nothing may be renumbered before it ran;
* `expunge`: an EXPUNGE response may be part of its answer. RFC 9051 7.5.1 forbids that for FETCH, STORE and
  SEARCH, and says that their UID forms are other commands;
* `sync`: what other sessions did is looked at before the command acts, not only after. Never for STORE: flags
  as of before would be taken for its outcome;
* `looks`: the command itself asks the store or writes to it, so its end tells what this process knows and
  does not ask again what others have done meanwhile. Rows with `sync` are such.
"""

from dataclasses import dataclass, replace
from enum import Flag, auto


class State(Flag):
    """RFC 9051 3: where a connection is. The logout state needs no row: nothing is answered in it."""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()


ANY = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
NOT_AUTHENTICATED = State.NOT_AUTHENTICATED
LOGGED_IN = State.AUTHENTICATED | State.SELECTED
SELECTED = State.SELECTED


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    family: str  # the basename of its files in `wire/` and `commands/`
    states: State
    rfc: str
    numbers: bool = False
    expunge: bool = True
    sync: bool = False
    looks: bool = False


_ROWS = (
    Row("CAPABILITY", "capability", ANY, "RFC 9051 6.1.1"),
    Row("NOOP", "capability", ANY, "RFC 9051 6.1.2"),
    Row("LOGOUT", "authenticate", ANY, "RFC 9051 6.1.3"),
    Row("ID", "capability", ANY, "RFC 2971 3.1"),
    Row("STARTTLS", "authenticate", NOT_AUTHENTICATED, "RFC 9051 6.2.1"),
    Row("AUTHENTICATE", "authenticate", NOT_AUTHENTICATED, "RFC 9051 6.2.2"),
    Row("LOGIN", "authenticate", NOT_AUTHENTICATED, "RFC 9051 6.2.3"),
    Row("UNAUTHENTICATE", "authenticate", LOGGED_IN, "RFC 8437 3"),
    Row("COMPRESS", "compress", LOGGED_IN, "RFC 4978 3"),
    # RFC 9051 6.3.1 asks clients to ENABLE before they SELECT; RFC 5161 3.1 lets servers not check.
    Row("ENABLE", "capability", LOGGED_IN, "RFC 9051 6.3.1"),
    Row("SELECT", "select", LOGGED_IN, "RFC 9051 6.3.2", looks=True),
    Row("EXAMINE", "select", LOGGED_IN, "RFC 9051 6.3.3", looks=True),
    Row("CREATE", "mailbox", LOGGED_IN, "RFC 9051 6.3.4"),
    Row("DELETE", "mailbox", LOGGED_IN, "RFC 9051 6.3.5"),
    Row("RENAME", "mailbox", LOGGED_IN, "RFC 9051 6.3.6"),
    Row("SUBSCRIBE", "mailbox", LOGGED_IN, "RFC 9051 6.3.7"),
    Row("UNSUBSCRIBE", "mailbox", LOGGED_IN, "RFC 9051 6.3.8"),
    Row("LIST", "list", LOGGED_IN, "RFC 9051 6.3.9"),
    Row("LSUB", "list", LOGGED_IN, "RFC 3501 6.3.9"),
    Row("NAMESPACE", "capability", LOGGED_IN, "RFC 9051 6.3.10"),
    Row("STATUS", "list", LOGGED_IN, "RFC 9051 6.3.11"),
    Row("APPEND", "append", LOGGED_IN, "RFC 9051 6.3.12"),
    Row("IDLE", "idle", LOGGED_IN, "RFC 9051 6.3.13"),
    Row("NOTIFY", "notify", LOGGED_IN, "RFC 5465 3.1"),
    Row("UIDBATCHES", "uidbatches", SELECTED, "RFC 10022 3.1", sync=True),
    # RFC 7377 2.2: with SELECTED among its sources it needs a selected mailbox; that is for its handler.
    Row("ESEARCH", "multisearch", LOGGED_IN, "RFC 7377 2", sync=True),
    Row("COMPARATOR", "comparator", LOGGED_IN, "RFC 5255 4.7"),
    Row("GENURLAUTH", "urlauth", LOGGED_IN, "RFC 4467 7"),
    Row("RESETKEY", "urlauth", LOGGED_IN, "RFC 4467 7"),
    Row("URLFETCH", "urlauth", LOGGED_IN, "RFC 4467 7"),
    Row("CHECK", "select", SELECTED, "RFC 3501 6.4.1"),
    Row("CLOSE", "select", SELECTED, "RFC 9051 6.4.1"),
    Row("UNSELECT", "select", SELECTED, "RFC 9051 6.4.2"),
    Row("EXPUNGE", "expunge", SELECTED, "RFC 9051 6.4.3"),
    Row("SEARCH", "search", SELECTED, "RFC 9051 6.4.4", numbers=True, expunge=False, sync=True),
    Row("SORT", "sort", SELECTED, "RFC 5256 3", numbers=True, expunge=False, sync=True),
    Row("THREAD", "thread", SELECTED, "RFC 5256 3", numbers=True, expunge=False, sync=True),
    Row("CANCELUPDATE", "cancelupdate", SELECTED, "RFC 5267 4.3.5"),
    Row("FETCH", "fetch", SELECTED, "RFC 9051 6.4.5", numbers=True, expunge=False, sync=True),
    Row("STORE", "store", SELECTED, "RFC 9051 6.4.6", numbers=True, expunge=False, looks=True),
    Row("COPY", "copy", SELECTED, "RFC 9051 6.4.7", numbers=True, sync=True),
    Row("MOVE", "copy", SELECTED, "RFC 9051 6.4.8", numbers=True, sync=True),
    Row("REPLACE", "replace", SELECTED, "RFC 8508 3.2", numbers=True),
    Row("UID REPLACE", "replace", SELECTED, "RFC 8508 3.3"),
    Row("UID EXPUNGE", "expunge", SELECTED, "RFC 9051 6.4.9", sync=True),
    Row("UID SEARCH", "search", SELECTED, "RFC 9051 6.4.9", sync=True),
    Row("UID SORT", "sort", SELECTED, "RFC 5256 3", sync=True),
    Row("UID THREAD", "thread", SELECTED, "RFC 5256 3", sync=True),
    Row("UID FETCH", "fetch", SELECTED, "RFC 9051 6.4.9", sync=True),
    Row("UID STORE", "store", SELECTED, "RFC 9051 6.4.9", looks=True),
    Row("UID COPY", "copy", SELECTED, "RFC 9051 6.4.9", sync=True),
    Row("UID MOVE", "copy", SELECTED, "RFC 9051 6.4.9", sync=True),
)

TABLE: dict[str, Row] = {row.name: row for row in _ROWS}

# RFC 7162 3.2.10.2: with message numbers among its keys, UID SEARCH may be told of no expunge either.
BY_NUMBER: dict[str, Row] = {
    name: replace(TABLE[name], numbers=True, expunge=False)
    for name in ("UID SEARCH", "UID SORT", "UID THREAD", "ESEARCH")
}
