"""Quick resynchronisation (RFC 7162 3.2)."""

from __future__ import annotations

from array import array

import pytest

from pillarbox.imap import resync, view
from pillarbox.imap.view import View
from pillarbox.model.changes import Columns, Rows
from pillarbox.store import changes
from tests.imap.conftest import ACCOUNT, Imap, Play, World
from tests.imap.test_condstore import MAIL, filled, highest, numbers


async def uidvalidity(user: Imap) -> int:
    (found,) = numbers(b"UIDVALIDITY", await user.ok(b"STATUS INBOX (UIDVALIDITY)"))
    return found


async def caught_up(user: Imap, parameter: bytes) -> list[bytes]:
    """VANISHED and FETCH of a SELECT (QRESYNC (uidvalidity parameter))."""
    value = await uidvalidity(user)
    lines = await user.ok(b"SELECT INBOX (QRESYNC (%d %b))" % (value, parameter))
    return [line for line in lines if b"VANISHED" in line or b"FETCH" in line]


def test_vanished_takes_the_place_of_expunge(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 6, b"IMAP4rev2", b"QRESYNC")
        await user.ok(b"SELECT INBOX")
        await user.ok(b"STORE 2:3,5 +FLAGS.SILENT (\\Deleted)")
        *lines, last = (await user.do(b"EXPUNGE")).splitlines()
        assert lines == [b"* VANISHED 2:3,5"]
        assert numbers(b"OK [HIGHESTMODSEQ", [last]) == [highest(await user.ok(b"SELECT INBOX"))]
        *lines, last = (await user.do(b"UID MOVE 4 Archive")).splitlines()
        assert lines[-1] == b"* VANISHED 4" and numbers(b"OK [HIGHESTMODSEQ", [last])
        await user.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        *lines, last = (await user.do(b"UID EXPUNGE 1:9")).splitlines()
        assert lines == [b"* VANISHED 1"] and numbers(b"OK [HIGHESTMODSEQ", [last])
        assert b"HIGHESTMODSEQ" not in await user.do(b"EXPUNGE"), "nothing was expunged"
        await user.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        assert b"HIGHESTMODSEQ" not in await user.do(b"CLOSE"), "RFC 7162 3.2.8"

    play(script)


def test_it_is_pushed_during_idle(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 2, b"QRESYNC")
        await user.ok(b"SELECT INBOX")
        tag = await user.send(b"IDLE")
        assert (await user.client.read_line()).startswith(b"+")
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        while (line := await user.client.read_line()) != b"* VANISHED 1\r\n":
            assert line.startswith(b"* 1 FETCH (UID 1 FLAGS (")
        await user.client.send(b"DONE\r\n")
        await user.answer(tag)

    play(script)


@pytest.mark.parametrize("known", [b"", b" 1:7", b" 1:3,5:7", b" 1:4294967295"])
def test_select_tells_what_was_missed(play: Play, known: bytes) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 7, b"QRESYNC")
        seen = highest(await user.ok(b"SELECT INBOX"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"UID STORE 6 +FLAGS (\\Flagged)")
        await other.ok(b"UID STORE 2,4 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        await other.append(MAIL)
        told = await caught_up(user, b"%d%b" % (seen, known))
        gone = b"2" if known == b" 1:3,5:7" else b"2,4"
        assert told[0] == b"* VANISHED (EARLIER) " + gone
        assert told[1].startswith(b"* 4 FETCH (UID 6 FLAGS (\\Flagged")
        # The new message is told to those whose set has room for it.
        assert [line.split()[3] for line in told[2:]] == ([] if b"7" in known[-2:] else [b"(UID"])
        assert await caught_up(user, b"%d" % highest(await user.ok(b"EXAMINE INBOX"))) == []

    play(script)


def test_a_message_that_came_and_went_after_the_mod_sequence_is_told_to_who_may_know_it(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 1, b"QRESYNC")
        seen = highest(await user.ok(b"SELECT INBOX"))
        await user.append(MAIL)
        await user.ok(b"UID FETCH 2 (UID)")  # known from now on, and nothing was said of its mod-sequence
        other = await made.user(select=b"INBOX")
        await other.ok(b"UID STORE 2 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        assert await caught_up(user, b"%d 1:2" % seen) == [b"* VANISHED (EARLIER) 2"]

    play(script)


def test_what_the_store_has_forgotten_is_told_from_what_the_client_knows(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 9, b"QRESYNC")
        seen = highest(await user.ok(b"SELECT INBOX"))
        await user.ok(b"UID STORE 2:3,6,9 +FLAGS.SILENT (\\Deleted)")
        await user.ok(b"EXPUNGE")
        await made.erase()
        await made.store.write(ACCOUNT, changes.forget, int(made.clock[0]))
        told = await caught_up(user, b"%d 1:4294967295" % seen)
        assert told == [b"* VANISHED (EARLIER) 2:3,6,9"]
        assert await caught_up(user, b"%d 1,4,6" % seen) == [b"* VANISHED (EARLIER) 6"]
        # RFC 7162 3.2.5.2: number 3 is UID 5, so the client knows what went before it. Number 6 is another.
        assert await caught_up(user, b"%d 1:9 (1,3,6 1,5,7)" % seen) == [b"* VANISHED (EARLIER) 6,9"]
        assert await caught_up(user, b"%d 1:9 (1:4294967295 1:4294967295)" % seen) == told
        (line,) = await user.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % seen)
        assert line == told[0]

    play(script)


def test_another_uidvalidity_makes_the_rest_mean_nothing(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 3, b"QRESYNC")
        lines = await user.ok(b"SELECT INBOX (QRESYNC (1 1 1:99))")
        assert not any(b"VANISHED" in line or b"FETCH" in line for line in lines)
        assert b"* 3 EXISTS" in lines

    play(script)


def test_it_has_to_be_enabled(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 1)
        await user.ok(b"SELECT INBOX")
        assert (await user.status(b"SELECT Drafts (QRESYNC (1 1))")).startswith(b"BAD")
        assert await user.ok(b"FETCH 1 (UID)") == [b"* 1 FETCH (UID 1)"], "INBOX is still selected"
        enabled, told = await user.ok(b"ENABLE QRESYNC CONDSTORE X")
        assert enabled == b"* ENABLED QRESYNC CONDSTORE" and numbers(b"[HIGHESTMODSEQ", [told])
        lines = await user.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)")
        assert len(lines) == 1

    play(script)


def test_vanished_by_fetch_comes_before_the_messages(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 5, b"QRESYNC")
        seen = highest(await user.ok(b"SELECT INBOX"))
        await user.ok(b"UID STORE 1,4 +FLAGS.SILENT (\\Deleted)")
        await user.ok(b"EXPUNGE")
        await user.ok(b"UID STORE 5 +FLAGS.SILENT (\\Seen)")
        lines = await user.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % seen)
        assert lines[0] == b"* VANISHED (EARLIER) 1,4" and lines[1].startswith(b"* 3 FETCH (UID 5 ")
        lines = await user.ok(b"UID FETCH 2:9 (FLAGS) (CHANGEDSINCE %d VANISHED)" % seen)
        assert lines[0] == b"* VANISHED (EARLIER) 4"

    play(script)


def test_a_search_by_number_is_told_of_no_expunge(play: Play) -> None:
    """RFC 7162 3.2.10.2"""

    async def script(made: World) -> None:
        user = await filled(made, 3, b"QRESYNC")
        await user.ok(b"SELECT INBOX")
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        assert not any(b"VANISHED" in line for line in await user.ok(b"UID SEARCH 1:2"))
        assert b"* VANISHED 1" in await user.ok(b"UID SEARCH ALL")

    play(script)


def test_a_hostile_set_costs_what_it_weighs(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 3, b"QRESYNC")
        seen = highest(await user.ok(b"SELECT INBOX"))
        await user.ok(b"UID STORE 2 +FLAGS.SILENT (\\Deleted)")
        await user.ok(b"EXPUNGE")
        pieces = b",".join(b"%d:%d" % (low, low + 400_000) for low in range(1, 4_294_000_000, 1_500_000))
        assert 50_000 < len(pieces) < 65_000
        assert await caught_up(user, b"%d %b" % (seen, pieces)) == [b"* VANISHED (EARLIER) 2"]
        await made.erase()
        assert await caught_up(user, b"%d %b" % (seen, pieces)) == [b"* VANISHED (EARLIER) 2"]

    play(script)


def test_uids_only(play: Play) -> None:
    """RFC 9586 3"""

    async def script(made: World) -> None:
        user = await filled(made, 4, b"UIDONLY")
        await user.ok(b"EXAMINE INBOX")
        assert not any(b"UNSEEN" in line for line in await user.ok(b"SELECT INBOX"))
        for command in (
            b"FETCH 1 FLAGS",
            b"STORE 1 +FLAGS (\\Seen)",
            b"SEARCH ALL",
            b"COPY 1 Drafts",
            b"MOVE 1 Drafts",
            b"UID SEARCH OR 1:2 SEEN",
        ):
            assert (await user.status(command)).startswith(b"BAD [UIDREQUIRED] ")
        assert await user.ok(b"UID STORE 3 FLAGS (\\Seen)") == [b"* 3 UIDFETCH (FLAGS (\\Seen \\Recent))"]
        assert await user.ok(b"UID FETCH 2 (UID FLAGS)") == [b"* 2 UIDFETCH (UID 2 FLAGS (\\Recent))"]
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 2 +FLAGS (\\Deleted)")
        assert await user.ok(b"NOOP") == [b"* 2 UIDFETCH (FLAGS (\\Deleted \\Recent))"]
        assert await user.ok(b"EXPUNGE") == [b"* VANISHED 2", b"* 3 RECENT"]
        assert await user.ok(b"UID SEARCH UID 1:3 UNSEEN") == [b"* SEARCH 1"]
        await user.ok(b"ENABLE QRESYNC")
        value = await uidvalidity(user)
        answer = await user.status(b"SELECT INBOX (QRESYNC (%d 5 1:9 (1 1)))" % value)
        assert answer.startswith(b"BAD [UIDREQUIRED] ")
        lines = await caught_up(user, b"1 1:9")
        assert lines[0] == b"* VANISHED (EARLIER) 2" and lines[1].startswith(b"* 1 UIDFETCH (FLAGS ")

    play(script)


def shown(*uids: int) -> View:
    rows = Rows(array("I", uids), array("H", [1] * len(uids)), array("Q", [1] * len(uids)))
    return view.opened(Columns.joined(1, 1, [rows]))


@pytest.mark.parametrize(
    ("places", "uids", "greatest"),
    [
        ((), (), 0),
        (((1, 1),), ((3, 3),), 3),
        (((2, 2),), ((5, 5),), 0),
        (((1, 3),), ((3, 5),), 3),
        (((3, 4),), ((9, 10),), 10),
        (((1, 1), (3, 5)), ((3, 3), (9, 11)), 10),
        (((1, 4294967295),), ((1, 4294967295),), 0),
        (((3, 4294967289),), ((9, 4294967295),), 10),
        (((1, 2), (4, 4)), ((3, 4), (10, 10)), 10),
        (((9, 9),), ((20, 20),), 0),
    ],
)
def test_the_last_pair_that_still_matches(places: tuple, uids: tuple, greatest: int) -> None:
    assert resync.matched(shown(3, 6, 9, 10, 12), places, uids) == greatest


def test_parts_of_known_uids() -> None:
    known = ((2, 4), (7, 9))
    assert resync.upto(known, 8) == ((2, 4), (7, 8)) and resync.upto(known, 1) == ()
    assert resync.upto(known, 5) == ((2, 4),) and resync.upto(known, 2) == ((2, 2),)
    assert resync.beyond(known, 3) == ((4, 4), (7, 9)) and resync.beyond(known, 4) == ((7, 9),)
    assert resync.beyond(known, 0) == known and resync.beyond(known, 9) == ()
