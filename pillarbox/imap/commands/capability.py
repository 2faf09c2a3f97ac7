"""CAPABILITY, NOOP, ENABLE, NAMESPACE, ID."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pillarbox
from pillarbox.imap import telling
from pillarbox.imap.capability import ENABLEABLE
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import NEVER_RECENT
from pillarbox.imap.wire import capability as wire
from pillarbox.imap.wire.encode import Response

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

_NOOP = Done("NOOP completed")


async def capability(session: Session, tag: bytes, command: wire.Capability) -> Outcome:
    return Done("CAPABILITY completed", data=(wire.Capabilities(session.capabilities()),))


async def noop(session: Session, tag: bytes, command: wire.Noop) -> Outcome:
    return _NOOP


async def enable(session: Session, tag: bytes, command: wire.Enable) -> Outcome:
    # RFC 9051 6.3.1: what is unknown or cannot be enabled is passed over.
    asked = [ENABLEABLE[name] for name in command.capabilities if name in ENABLEABLE]
    names = tuple(dict.fromkeys(name for name in asked if name not in session.enabled))
    session.enabled.update(names)
    if "IMAP4rev2" in names:
        session.kind = replace(session.kind, rev2=True, utf8=True)
        if session.view is not None:
            session.view = replace(session.view, recent_from=NEVER_RECENT)
    if "UTF8=ACCEPT" in names:
        session.kind = replace(session.kind, utf8=True)
    if "UIDONLY" in names:
        session.kind = replace(session.kind, uid_only=True)
    data: list[Response] = [wire.Enabled(names)]
    if "QRESYNC" in names or "CONDSTORE" in names:
        # RFC 7162 3.2.3: QRESYNC contains CONDSTORE.
        session.kind = replace(session.kind, qresync="QRESYNC" in session.enabled)
        data += await telling.aware(session)
    return Done("ENABLE completed", data=tuple(data))


async def namespace(session: Session, tag: bytes, command: wire.Namespace) -> Outcome:
    return Done("NAMESPACE completed", data=(wire.Namespaces(personal=("",)),))


async def id_(session: Session, tag: bytes, command: wire.Id) -> Outcome:
    # RFC 2971 3.3: who asks before login is told no more than the name.
    fields = [("name", "Pillarbox")]
    if session.logged_in:
        fields.append(("version", pillarbox.__version__))
    return Done("ID completed", data=(wire.ServerId(tuple(fields)),))
