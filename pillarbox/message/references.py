"""Message ids and the thread a message says it belongs to (RFC 5322 3.6.4, RFC 5256 5)."""

import re
from functools import lru_cache

from pillarbox.message.limits import MAX_FIELD, MAX_REFERENCES, MEMO_ENTRIES, MEMO_KEY

_ID = re.compile(rb'<((?:[^<>"\s]++|"(?:[^"\\<>]++|\\.)*+"|[ \t]++)++)>')
_SPACE = re.compile(rb"[ \t\r\n]+")
_QUOTED = re.compile(rb'"((?:[^"\\]++|\\.)*+)"')
_ESCAPED = re.compile(rb"\\(.)")


def message_ids(value: bytes) -> list[bytes]:
    """The msg-ids of a field, normalised: without brackets, white space and needless quoting."""
    return [normal for found in _ID.findall(value[:MAX_FIELD]) if (normal := _normalised(found))]


def _normalised(found: bytes) -> bytes:
    # RFC 5256 5: ids that differ only in quoting are the same: <"01KF8JCEOCBS0045PS"@xxx.yyy.com>.
    if b'"' in found:
        found = _QUOTED.sub(lambda quoted: _ESCAPED.sub(rb"\1", quoted[1]), found)
    elif b" " not in found and b"\t" not in found:
        return found
    return _SPACE.sub(b"", found)


def message_id(value: bytes) -> bytes:
    """The id of a Message-ID field; b"" when it has none."""
    found = _ID.search(value[:MAX_FIELD])
    return _normalised(found[1]) if found else b""


@lru_cache(maxsize=MEMO_ENTRIES)
def _remembered(value: bytes) -> tuple[bytes, ...]:
    return _bounded(message_ids(value))


def _bounded(ids: list[bytes]) -> tuple[bytes, ...]:
    """All of them, also where one comes twice: the last one is the parent."""
    if len(ids) > MAX_REFERENCES:
        # Deviates: RFC 5256 3 (REFERENCES, 1.A) links all ids of a References field. Of more than a hundred
        # the chain's ends are kept: its root names the thread, its tail the parent.
        ids = [ids[0], *ids[1 - MAX_REFERENCES :]]
    return tuple(ids)


def references(refs: bytes | None, in_reply_to: bytes | None) -> tuple[bytes, ...]:
    """RFC 5256 5 (REFERENCES, step 1): the ids of References; without any, the first of In-Reply-To."""
    if refs:
        found = _remembered(refs) if len(refs) <= MEMO_KEY else _bounded(message_ids(refs))
        if found:
            return found
    return tuple(message_ids(in_reply_to)[:1]) if in_reply_to else ()
