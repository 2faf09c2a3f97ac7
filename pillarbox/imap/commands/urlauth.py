"""GENURLAUTH, RESETKEY, URLFETCH: URLs that let others read one part of one's mail (RFC 4467, RFC 5524).

A URL is authorized by an HMAC of its own octets under the key of its mailbox (`store.urlauth`). Whatever is
wrong with one, URLFETCH answers NIL after the same work: nobody learns which users and mailboxes there are.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap.commands.fetch import untorn
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.referred import Referred, refer
from pillarbox.imap.wire import url as wire_url
from pillarbox.imap.wire import urlauth as wire
from pillarbox.imap.wire.fetch import parse_section
from pillarbox.imap.wire.fetch_plan import Content, Stream
from pillarbox.imap.wire.response import UrlMech
from pillarbox.imap.wire.urlauth import Fetched, Wanted, What
from pillarbox.message.part_structure import of_header, part_structure
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.model.urls import Audience
from pillarbox.store import mailboxes, urlauth
from pillarbox.store.urlauth import KEY_OCTETS

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.actors import Actor
    from pillarbox.model.urls import Access, Url
    from pillarbox.store.mailboxes import MailboxRow
    from pillarbox.store.tx import Tx

INTERNAL = "INTERNAL"
ALGORITHM = "01"  # RFC 4467 2.4.1: of this token, an HMAC with SHA-256; another one would get another number
URLS_AT_ONCE = 10  # before others have their turn


async def resetkey(session: Session, tag: bytes, command: wire.ResetKey) -> Outcome:
    store, account, actor = session.store, session.account, session.actor
    if command.mailbox is None:
        await store.write(account, urlauth.reset_all, actor)
        return Done("RESETKEY completed, no key is left")
    for mechanism in command.mechanisms:
        _require_internal(mechanism)
    row = await store.read(account, mailboxes.require, actor, command.mailbox)
    await store.write(account, urlauth.reset, actor, row.id, session.services.random(KEY_OCTETS))
    return Done("RESETKEY completed", UrlMech())


async def genurlauth(session: Session, tag: bytes, command: wire.GenUrlAuth) -> Outcome:
    authorized: list[bytes] = []
    for number, (rump, mechanism) in enumerate(command.urls, 1):
        if number % URLS_AT_ONCE == 0:
            await asyncio.sleep(0)
        row = await _own_mailbox(session, rump)
        _require_internal(mechanism)
        store, account, actor = session.store, session.account, session.actor
        secret = await store.read(account, urlauth.key, actor, row.id)
        if secret is None:
            fresh = session.services.random(KEY_OCTETS)
            secret = await store.write(account, urlauth.ensure, actor, row.id, fresh)
        authorized.append(b"%b:internal:%b" % (rump, _token(secret, rump).encode("ascii")))
    return Done("GENURLAUTH completed", data=(wire.Authorized(tuple(authorized)),))


async def _own_mailbox(session: Session, rump: bytes) -> MailboxRow:
    """The mailbox that the URL is into. RFC 4467 BASE.6.3.GENURLAUTH: BAD when the URL is no good."""
    url = wire_url.parse(rump)
    if url.access is None or url.token is not None:
        raise PeerSyntax("The URL must end with an access identifier")
    # Deviates: RFC 4467 BASE.6.3.GENURLAUTH (2) has the server component name this server. Only the DNS knows
    # all names that lead here, so any is taken; the token vouches for the one that was written.
    if url.server is None or url.server.user is None:
        raise PeerSyntax("The URL must name the owner of the key and the server")
    owner = session.services.user(url.server.user)
    # Who else there is, is not told: only the user's own table of keys is at hand.
    if owner is None or owner.user != session.actor.reader:
        raise PeerSyntax("The owner in the URL must be the user who is logged in")
    if _is_over(session, url):
        raise PeerSyntax("The URL has expired already")
    parse_section(url.section)
    row = None
    if url.mailbox is not None:
        row = await session.store.read(session.account, mailboxes.find, session.actor, url.mailbox)
    if row is None or not row.selectable or url.uidvalidity not in (None, row.uidvalidity):
        raise PeerSyntax("The mailbox in the URL does not exist")
    return row


async def urlfetch(session: Session, tag: bytes, command: wire.UrlFetch) -> Outcome:
    return Done("URLFETCH completed", stream=_answers(session, command.urls))


async def _answers(session: Session, urls: tuple[Wanted, ...]) -> AsyncGenerator[bytes, None]:
    for wanted in urls:
        fetched = await _fetched(session, wanted)
        for piece in untorn(wire.url_data(wanted, fetched, session.kind)):
            yield piece


async def _fetched(session: Session, wanted: Wanted) -> Fetched | None:
    referred = await _validated(session, wanted.url)
    if referred is None:
        return None
    if not wanted.what:
        return Fetched(await referred.content())
    binary = What.BINARY in wanted.what
    structured = What.BODYPARTSTRUCTURE in wanted.what
    body = await referred.content()
    if not isinstance(body, bytes | Stream):
        return None  # RFC 5524 4: a part that does not exist
    content: Content = body
    decoded = None
    if binary:
        content, decoded = await _decoded(referred, body, measured=structured)
    structure = None
    if structured:
        rev1 = not session.kind.rev2
        structure = part_structure(referred.row["structure"], referred.section, decoded=decoded, rev1=rev1)
        if structure is None:
            octets = body if isinstance(body, bytes) else None
            structure = of_header(body.size if isinstance(body, Stream) else len(body), octets)
    return Fetched(content, structure)


async def _decoded(
    referred: Referred, body: Content, *, measured: bool
) -> tuple[Content, tuple[int, int] | None]:
    """The content without its transfer encoding, None where that is unknown, and the octets and lines of all
    of it where decoding has changed them."""
    section = referred.encoded()
    if section is None:
        return body, None
    whole = replace(referred, section=section, partial=None if measured else referred.partial)
    try:
        decoded = await whole.content("BINARY")
    except Refused as refused:
        if refused.code is not Code.UNKNOWN_CTE:
            raise
        return None, None  # RFC 5524 4: and the structure is as it stands
    assert isinstance(decoded, bytes)
    if not measured:
        return decoded, None
    size, lines = len(decoded), decoded.count(b"\n")
    if (partial := referred.partial) is not None:
        decoded = decoded[partial.first : partial.first + partial.count]
    return decoded, (size, lines)


async def _validated(session: Session, written: bytes) -> Referred | None:
    """What the URL names, if it is authorized, for this session, and still is (RFC 4467 6)."""
    services = session.services
    try:
        url = wire_url.parse(written)
    except PeerSyntax:
        return None
    named = url.server.user if url.server is not None else None
    owner = services.user(named) if named is not None else None
    account, actor = (owner.account, owner.actor) if owner else (session.account, session.actor)
    secret = await _secret(session, account, actor, url)
    # RFC 4467 6: the same work with a plausible key, so that time does not tell which mailboxes there are.
    genuine = _token(secret or services.random(KEY_OCTETS), wire_url.rump(written))
    if not hmac.compare_digest(genuine, url.token or ""):
        return None
    if owner is None or secret is None or url.mechanism != INTERNAL or url.access is None:
        return None
    if _is_over(session, url):
        return None
    if not _may_use(session, url.access):
        return None
    try:
        return await refer(session.store, account, actor, url)
    except PeerSyntax:
        return None


async def _secret(session: Session, account: int, actor: Actor, url: Url) -> bytes | None:
    try:
        return await session.store.read(account, _key, actor, url.mailbox or "")
    except Refused as refused:
        if refused.code is not Code.NONEXISTENT:
            raise
        return None


def _key(tx: Tx, actor: Actor, path: str) -> bytes | None:
    row = mailboxes.find(tx, actor, path)
    return urlauth.key(tx, actor, row.id if row is not None else 0)


def _is_over(session: Session, url: Url) -> bool:
    return url.expires is not None and session.store.clock() > url.expires


def _may_use(session: Session, access: Access) -> bool:
    """RFC 4467 3. Nobody is anonymous here."""
    match access.audience:
        case Audience.ANONYMOUS | Audience.AUTHUSER:
            return True
        case Audience.USER:
            return _is_user(session, access.user)
        case Audience.SUBMIT:
            # Whom it acts for, the submission server has checked itself.
            return any(_is_user(session, name) for name in session.services.settings.submitters)


def _is_user(session: Session, name: str) -> bool:
    found = session.services.user(name)
    return found is not None and found.user == session.actor.reader


def _require_internal(mechanism: str) -> None:
    if mechanism != INTERNAL:
        raise Refused("There is no such authorization mechanism", Code.CANNOT)


def _token(secret: bytes, rump: bytes) -> str:
    return ALGORITHM + hmac.digest(secret, rump, hashlib.sha256).hex()
