"""Whoever wants what they have no right to is written down."""

from __future__ import annotations

import pytest

from pillarbox.identity.authenticate import Login
from pillarbox.model.actors import SERVER, Actor
from pillarbox.store import mailboxes
from pillarbox.store.tx import Tx
from tests.imap.conftest import ACCOUNT, Play, World


def test_a_guest_without_the_right(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(made: World) -> None:
        owner = await made.user()
        for name in (b"shared", b"hidden"):
            await owner.ok(b"CREATE " + name)

        def grant(tx: Tx) -> None:
            mailbox = mailboxes.require(tx, SERVER, "shared").id
            tx.run("INSERT INTO acl VALUES (?, ?, 'anyone', 'lr', 1)", tx.account, mailbox)

        await made.store.write(ACCOUNT, grant)
        monkeypatch.setattr(Login, "actor", Actor(reader=9, owner=False))
        guest = await made.user()
        assert b"[NOPERM]" in await guest.status(b"DELETE shared")
        assert b"[NOPERM]" in await guest.status(b"CREATE top")
        for name in (b"nowhere", b"hidden"):  # what cannot be seen is not there
            assert b"NO" in await guest.status(b"SELECT " + name)
        noted = [(address, channel.protocol, said) for address, channel, _, said in made.refusals]
        assert noted == [
            ("ada@example.org", "imap", "DELETE: You do not have the right to do that here"),
            ("ada@example.org", "imap", "CREATE: Only the owner creates mailboxes here"),
        ]

    play(story)
