"""A whole command: its tag, its name, and the parser of its family.

The names here are those of `imap.table`, UID forms as two words.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pillarbox.imap.wire import (
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
from pillarbox.imap.wire import list as list_
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax

Command = (
    authenticate.Login
    | authenticate.Authenticate
    | authenticate.StartTls
    | authenticate.Logout
    | authenticate.Unauthenticate
    | compress.Compress
    | capability.Capability
    | capability.Noop
    | capability.Enable
    | capability.Namespace
    | capability.Id
    | select.Select
    | select.Check
    | select.Close
    | select.Unselect
    | mailbox.Create
    | mailbox.Delete
    | mailbox.Rename
    | mailbox.Subscribe
    | mailbox.Unsubscribe
    | list_.List
    | list_.Lsub
    | list_.Status
    | append.Append
    | replace.Replace
    | idle.Idle
    | notify.Notify
    | search.Search
    | sort.Sort
    | comparator.Compare
    | thread.Thread
    | multisearch.Multisearch
    | cancelupdate.CancelUpdate
    | fetch.Fetch
    | store.Store
    | copy.Copy
    | copy.Move
    | expunge.Expunge
    | uidbatches.UidBatches
    | urlauth.GenUrlAuth
    | urlauth.ResetKey
    | urlauth.UrlFetch
)

PARSERS: dict[str, Callable[[Reader], Command]] = {
    "LOGIN": authenticate.parse_login,
    "AUTHENTICATE": authenticate.parse_authenticate,
    "STARTTLS": authenticate.parse_starttls,
    "LOGOUT": authenticate.parse_logout,
    "UNAUTHENTICATE": authenticate.parse_unauthenticate,
    "COMPRESS": compress.parse_compress,
    "CAPABILITY": capability.parse_capability,
    "NOOP": capability.parse_noop,
    "ENABLE": capability.parse_enable,
    "NAMESPACE": capability.parse_namespace,
    "ID": capability.parse_id,
    "SELECT": select.parse_select,
    "EXAMINE": partial(select.parse_select, read_only=True),
    "UIDBATCHES": uidbatches.parse_uidbatches,
    "CHECK": select.parse_check,
    "CLOSE": select.parse_close,
    "UNSELECT": select.parse_unselect,
    "CREATE": mailbox.parse_create,
    "DELETE": mailbox.parse_delete,
    "RENAME": mailbox.parse_rename,
    "SUBSCRIBE": mailbox.parse_subscribe,
    "UNSUBSCRIBE": mailbox.parse_unsubscribe,
    "LIST": list_.parse_list,
    "LSUB": list_.parse_lsub,
    "STATUS": list_.parse_status,
    "APPEND": append.parse_append,
    "REPLACE": replace.parse_replace,
    "UID REPLACE": partial(replace.parse_replace, uid=True),
    "IDLE": idle.parse_idle,
    "NOTIFY": notify.parse_notify,
    "GENURLAUTH": urlauth.parse_genurlauth,
    "RESETKEY": urlauth.parse_resetkey,
    "URLFETCH": urlauth.parse_urlfetch,
    "SEARCH": search.parse_search,
    "UID SEARCH": partial(search.parse_search, uid=True),
    "ESEARCH": multisearch.parse_multisearch,
    "COMPARATOR": comparator.parse_comparator,
    "SORT": sort.parse_sort,
    "UID SORT": partial(sort.parse_sort, uid=True),
    "THREAD": thread.parse_thread,
    "UID THREAD": partial(thread.parse_thread, uid=True),
    "CANCELUPDATE": cancelupdate.parse_cancelupdate,
    "FETCH": fetch.parse_fetch,
    "UID FETCH": partial(fetch.parse_fetch, uid=True),
    "STORE": store.parse_store,
    "UID STORE": partial(store.parse_store, uid=True),
    "COPY": copy.parse_copy,
    "UID COPY": partial(copy.parse_copy, uid=True),
    "MOVE": copy.parse_move,
    "UID MOVE": partial(copy.parse_move, uid=True),
    "EXPUNGE": expunge.parse_expunge,
    "UID EXPUNGE": expunge.parse_uid_expunge,
}


@dataclass(frozen=True, slots=True)
class Split:
    """The head of a command. `name` in capitals, known or not; its arguments begin at `start`."""

    tag: bytes
    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Tagged:
    tag: bytes
    name: str
    command: Command


# tag = 1*<any ASTRING-CHAR except "+">
TAG = rb'[^(){%*"\\+\x00-\x20\x7f-\xff]+'
_TAG = re.compile(TAG)
_NAME = re.compile(rb"(?:([Uu][Ii][Dd]) )?([A-Za-z][A-Za-z0-9=+.-]*)")


def split(line: bytes) -> Split:
    """Tag and name of the command that begins with `line`. When this fails, there is no tag to answer to."""
    tag = _TAG.match(line)
    if not tag:
        raise PeerSyntax("A tag expected at octet 1 of the command")
    name = _NAME.match(line, tag.end() + 1)
    if not name or line[tag.end() : tag.end() + 1] != b" ":
        return Split(tag[0], "", tag.end())
    word = name[2].decode("ascii").upper()
    return Split(tag[0], f"UID {word}" if name[1] else word, name.end())


def parse(pieces: Sequence[bytes], utf8: bool = False, head: Split | None = None) -> Tagged:
    """The command made of `pieces`: line, literal, line, ..., each without its CRLF.

    `utf8`: the client has enabled IMAP4rev2 or UTF8=ACCEPT. `head`: the result of `split`, where it is
    known already.
    """
    head = head or split(pieces[0] if pieces else b"")
    return Tagged(head.tag, head.name, arguments(pieces, utf8, head))


def arguments(pieces: Sequence[bytes], utf8: bool, head: Split) -> Command:
    """`parse` without the tag and the name, which are known."""
    parser = PARSERS.get(head.name)
    if not parser:
        raise PeerSyntax(unknown(head))
    reader = Reader(pieces, utf8, head.start)
    command = parser(reader)
    reader.end()
    return command


def unknown(head: Split) -> str:
    """What is wrong with a name that is no command's."""
    if not head.name or head.name == "UID":
        return f"A command name expected at octet {head.start + 2} of the command"
    return f"There is no command {head.name[:40]}"
