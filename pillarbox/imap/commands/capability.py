"""CAPABILITY, NOOP, ENABLE, NAMESPACE, ID."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pillarbox
from pillarbox.imap.capability import ENABLEABLE
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import NEVER_RECENT
from pillarbox.imap.wire import capability as wire
from pillarbox.imap.wire.strings import REV2, UTF8_ACCEPT

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
    if "IMAP4rev2" in session.enabled:
        session.kind = REV2
        if session.view is not None:
            session.view = replace(session.view, recent_from=NEVER_RECENT)
    elif "UTF8=ACCEPT" in session.enabled:
        session.kind = UTF8_ACCEPT
    return Done("ENABLE completed", data=(wire.Enabled(names),))


async def namespace(session: Session, tag: bytes, command: wire.Namespace) -> Outcome:
    return Done("NAMESPACE completed", data=(wire.Namespaces(personal=("",)),))


async def id_(session: Session, tag: bytes, command: wire.Id) -> Outcome:
    # RFC 2971 3.3: who asks before login is told no more than the name.
    fields = [("name", "Pillarbox")]
    if session.logged_in:
        fields.append(("version", pillarbox.__version__))
    return Done("ID completed", data=(wire.ServerId(tuple(fields)),))
