"""What each command does. One file a family, with the same basename as in `wire/`.

Rules of the place:
* a handler takes the session, the tag and a frozen command, and returns an `Outcome`; it parses nothing,
  formats nothing and does not ask for the state (`table` has);
* it holds no transaction over an await of anything but the store;
* it announces no expunge: `session` and `updates` do.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from pillarbox.imap.commands import (
    append,
    authenticate,
    cancelupdate,
    capability,
    comparator,
    compress,
    copy,
    expunge,
    fetch,
    idle,
    mailbox,
    multisearch,
    notify,
    replace,
    search,
    select,
    sort,
    store,
    thread,
    uidbatches,
    urlauth,
)
from pillarbox.imap.commands import list as list_
from pillarbox.imap.commands.upload import Upload
from pillarbox.imap.outcome import Outcome
from pillarbox.imap.wire.command import Split

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

Handler = Callable[["Session", bytes, Any], Coroutine[Any, Any, Outcome]]

HANDLERS: dict[str, Handler] = {
    "CAPABILITY": capability.capability,
    "NOOP": capability.noop,
    "LOGOUT": authenticate.logout,
    "ID": capability.id_,
    "STARTTLS": authenticate.starttls,
    "AUTHENTICATE": authenticate.authenticate,
    "LOGIN": authenticate.login,
    "UNAUTHENTICATE": authenticate.unauthenticate,
    "COMPRESS": compress.compress,
    "ENABLE": capability.enable,
    "SELECT": select.select,
    "EXAMINE": select.select,
    "CREATE": mailbox.create,
    "DELETE": mailbox.delete,
    "RENAME": mailbox.rename,
    "SUBSCRIBE": mailbox.subscribe,
    "UNSUBSCRIBE": mailbox.unsubscribe,
    "LIST": list_.list_,
    "LSUB": list_.lsub,
    "NAMESPACE": capability.namespace,
    "STATUS": list_.status,
    "APPEND": append.append,
    "IDLE": idle.idle,
    "NOTIFY": notify.notify,
    "UIDBATCHES": uidbatches.uidbatches,
    "GENURLAUTH": urlauth.genurlauth,
    "RESETKEY": urlauth.resetkey,
    "URLFETCH": urlauth.urlfetch,
    "CHECK": select.check,
    "CLOSE": select.close,
    "UNSELECT": select.unselect,
    "EXPUNGE": expunge.expunge,
    "SEARCH": search.search,
    "ESEARCH": multisearch.multisearch,
    "COMPARATOR": comparator.comparator,
    "SORT": sort.sort,
    "UID SORT": sort.sort,
    "THREAD": thread.thread,
    "UID THREAD": thread.thread,
    "CANCELUPDATE": cancelupdate.cancelupdate,
    "FETCH": fetch.fetch,
    "STORE": store.store,
    "COPY": copy.copy,
    "MOVE": copy.move,
    "REPLACE": replace.replace,
    "UID REPLACE": replace.replace,
    "UID EXPUNGE": expunge.uid_expunge,
    "UID SEARCH": search.search,
    "UID FETCH": fetch.fetch,
    "UID STORE": store.store,
    "UID COPY": copy.copy,
    "UID MOVE": copy.move,
}

# The commands that begin an upload when the literal at the end of their line is a message.
UPLOADS: dict[str, Callable[[Session, list[bytes], Split], Upload | None]] = {
    "APPEND": append.maybe_append,
    "REPLACE": replace.maybe_replace,
    "UID REPLACE": replace.maybe_replace,
}
