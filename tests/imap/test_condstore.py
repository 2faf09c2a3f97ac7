"""Mod-sequences as clients see them (RFC 7162 3.1)."""

from __future__ import annotations

import re

import pytest

from tests.imap.conftest import Imap, Play, World

MAIL = b"Subject: m\r\n\r\nx\r\n"


def numbers(name: bytes, lines: list[bytes]) -> list[int]:
    """What `name` says in each line, in their order."""
    pattern = re.compile(re.escape(name) + rb" \(?(\d+)")
    return [int(found[1]) for line in lines if (found := pattern.search(line))]


def highest(lines: list[bytes]) -> int:
    (found,) = numbers(b"[HIGHESTMODSEQ", lines)
    return found


async def filled(made: World, count: int, *enable: bytes) -> Imap:
    user = await made.user(*enable)
    for _ in range(count):
        await user.append(MAIL)
    return user


def test_select_and_status_say_how_far_the_mailbox_is(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 2)
        first = highest(await user.ok(b"SELECT INBOX"))
        assert numbers(b"HIGHESTMODSEQ", await user.ok(b"STATUS INBOX (HIGHESTMODSEQ)"))[-1] == first
        await user.append(MAIL, to=b"Drafts")
        assert highest(await user.ok(b"SELECT INBOX")) == first, "another mailbox is none of its business"
        (line,) = await user.ok(b"STORE 1 +FLAGS (\\Seen)")
        (modseq,) = numbers(b"MODSEQ", [line])
        assert modseq > first
        assert highest(await user.ok(b"EXAMINE INBOX")) == modseq

    play(script)


@pytest.mark.parametrize(
    "command",
    [
        b"STATUS Drafts (HIGHESTMODSEQ)",
        b'LIST "" (INBOX) RETURN (STATUS (HIGHESTMODSEQ))',
        b"FETCH 1 (MODSEQ)",
        b"FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
        b"SEARCH MODSEQ 0",
        b"STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)",
        b"ENABLE CONDSTORE",
        b"ENABLE QRESYNC",
    ],
)
def test_the_first_command_that_speaks_of_them_makes_the_client_aware(play: Play, command: bytes) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 1)
        known = highest(await user.ok(b"SELECT INBOX"))
        assert b"MODSEQ" not in b"".join(await user.ok(b"STORE 1 +FLAGS (\\Draft)"))
        assert highest(await user.ok(command)) > known
        assert not numbers(b"[HIGHESTMODSEQ", await user.ok(command)), "it is said once"
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 1 +FLAGS (\\Flagged)")
        (line,) = await user.ok(b"NOOP")
        assert re.fullmatch(rb"\* 1 FETCH \(UID 1 FLAGS \(.*\) MODSEQ \(\d+\)\)", line)

    play(script)


def test_select_with_condstore_makes_it_aware_too(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 1)
        highest(await user.ok(b"SELECT INBOX (CONDSTORE)"))
        (line,) = await user.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
        assert re.fullmatch(rb"\* 1 FETCH \(UID 1 MODSEQ \(\d+\)\)", line)
        assert await user.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)") == [], "RFC 7162 3.1.11: nothing has changed"
        await user.ok(b"STORE 1 -FLAGS.SILENT (\\Seen)")
        told = b"".join(await user.ok(b"FETCH 1 BODY[TEXT]"))
        assert re.search(rb"\(UID 1 FLAGS \([^)]*\\Seen[^)]*\) MODSEQ \(\d+\) BODY\[TEXT\]", told)

    play(script)


def test_unchanged_since_is_tested_message_by_message(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 4)
        known = highest(await user.ok(b"SELECT INBOX (CONDSTORE)"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"UID STORE 2,4 +FLAGS (\\Flagged)")
        answer = await user.do(b"STORE 4,1:3,2 (UNCHANGEDSINCE %d) FLAGS.SILENT (\\Deleted)" % known)
        *lines, last = answer.splitlines()
        assert b" OK [MODIFIED 2,4] " in last
        told = {line.split()[1]: line for line in lines}
        assert b"\\Flagged" in told[b"2"] and b"\\Deleted" not in told[b"2"]
        assert numbers(b"MODSEQ", [told[b"1"]]) == numbers(b"MODSEQ", [told[b"3"]]) > [known]
        assert b"FLAGS" not in told[b"1"]
        answer = await user.do(b"UID STORE 1:* (UNCHANGEDSINCE %d) FLAGS (\\Seen)" % known)
        assert b" OK [MODIFIED 1:4] " in answer.splitlines()[-1]
        assert len(answer.splitlines()) == 5, "the flags of all are told"
        # A message that has the flag already passes when it has not changed, and keeps its mod-sequence.
        now = highest(await user.ok(b"SELECT INBOX"))
        before = await user.ok(b"FETCH 2 (UID MODSEQ)")
        assert await user.ok(b"STORE 2 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Flagged)" % now) == before

    play(script)


def test_a_change_of_other_flags_is_no_reason_to_refuse(play: Play) -> None:
    """RFC 7162 3.1.12"""

    async def script(made: World) -> None:
        user = await filled(made, 4)
        known = highest(await user.ok(b"SELECT INBOX (CONDSTORE)"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 2,4 +FLAGS (\\Flagged)")
        await other.ok(b"STORE 3 +FLAGS ($Processed)")
        answer = await user.do(b"STORE 1:4 (UNCHANGEDSINCE %d) +FLAGS.SILENT ($processed)" % known)
        assert b" OK [MODIFIED 3] " in answer
        # The client knows in the end what its flag and the others' have become together.
        last = [line for line in answer.splitlines() if line.startswith(b"* 2 FETCH ")][-1]
        assert b"$Processed" in last and b"\\Flagged" in last and b"MODSEQ" in last
        lines = await user.ok(b"FETCH 1:4 (FLAGS)")
        assert all(b"$Processed" in line for line in lines)
        assert [b"\\Flagged" in line for line in lines] == [False, True, False, True]
        # Of what it has been told in between it has to say that it knows.
        answer = await user.do(b"STORE 2 (UNCHANGEDSINCE %d) -FLAGS.SILENT (\\Draft)" % known)
        assert b" OK [MODIFIED 2] " in answer

    play(script)


def test_unchanged_since_zero_always_fails(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 1)
        await user.ok(b"SELECT INBOX")
        assert b"[MODIFIED 1]" in await user.status(b"STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)")
        assert (await user.status(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (x)" % 2**63)).startswith(b"BAD")
        assert (await user.status(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (x)" % (2**63 - 1))).startswith(b"OK")

    play(script)


def test_what_failed_and_what_is_gone_in_one_answer(play: Play) -> None:
    """RFC 7162 3.1.3, example 11."""

    async def script(made: World) -> None:
        user = await filled(made, 4)
        known = highest(await user.ok(b"SELECT INBOX (CONDSTORE)"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 3:4 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        await other.ok(b"STORE 2 +FLAGS (\\Answered \\Seen)")
        await other.ok(b"STORE 2 +FLAGS (\\Draft)")
        assert await user.ok(b"FETCH 4 (UID)") != []
        answer = await user.do(b"STORE 1:4 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % known)
        assert b" NO [MODIFIED 2] " in answer.splitlines()[-1]

    play(script)


def test_no_more_is_said_to_be_known_than_withheld_expunges_allow(play: Play) -> None:
    """RFC 7162 3.2 and 6."""

    async def script(made: World) -> None:
        user = await filled(made, 3, b"QRESYNC")
        known = highest(await user.ok(b"SELECT INBOX"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        *lines, last = (await user.do(b"STORE 1 +FLAGS.SILENT (\\Seen)")).splitlines()
        assert not any(b"VANISHED" in line for line in lines)
        (told,) = numbers(b"[HIGHESTMODSEQ", [last])
        assert known <= told < min(numbers(b"MODSEQ", [line for line in lines if b"UID 1 " in line]))
        *lines, last = (await user.do(b"NOOP")).splitlines()
        assert lines[0] == b"* VANISHED 2"
        (now,) = numbers(b"[HIGHESTMODSEQ", [last])
        assert now == highest(await user.ok(b"SELECT INBOX")) > told

    play(script)


def test_search_tells_the_greatest_of_those_found(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 4)
        await user.ok(b"SELECT INBOX (CONDSTORE)")
        modseqs = numbers(b"MODSEQ", await user.ok(b"FETCH 1:* (MODSEQ)"))
        assert modseqs == sorted(modseqs)
        two, three, four = modseqs[1:]
        assert await user.ok(b"SEARCH MODSEQ %d NOT 4" % two) == [b"* SEARCH 2 3 (MODSEQ %d)" % three]
        assert await user.ok(b'SEARCH MODSEQ "/flags/\\\\Seen" all %d' % four) == [
            b"* SEARCH 4 (MODSEQ %d)" % four
        ]
        assert await user.ok(b"SEARCH MODSEQ %d" % (four + 1)) == [b"* SEARCH"]
        for options, told in (
            (b"MIN", b" MIN 2 MODSEQ %d" % two),
            (b"MAX", b" MAX 4 MODSEQ %d" % four),
            (b"MIN COUNT", b" MIN 2 COUNT 3 MODSEQ %d" % four),
            (b"PARTIAL 1:2", b" PARTIAL (1:2 2:3) MODSEQ %d" % three),
            (b"PARTIAL 4:9", b" PARTIAL (4:9 NIL)"),
        ):
            (line,) = await user.ok(b"SEARCH RETURN (%b) MODSEQ %d" % (options, two))
            assert line.partition(b")")[2] == told
        (line,) = await user.ok(b"SEARCH RETURN (ALL) MODSEQ %d" % (four + 1))
        assert line.endswith(b")")

    play(script)


def test_changed_since_leaves_out_what_has_not_changed(play: Play) -> None:
    async def script(made: World) -> None:
        user = await filled(made, 5)
        known = highest(await user.ok(b"SELECT INBOX"))
        other = await made.user(select=b"INBOX")
        await other.ok(b"STORE 2,4 +FLAGS (\\Seen)")
        await other.append(MAIL)
        lines = await user.ok(b"FETCH 1:4 (UID) (CHANGEDSINCE %d)" % known)
        told = [line for line in lines if line.endswith(b")") and b"FLAGS" not in line and b"FETCH" in line]
        assert [line.split(b" MODSEQ")[0] for line in told] == [
            b"* 2 FETCH (UID 2",
            b"* 4 FETCH (UID 4",
        ]
        lines = await user.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d)" % known)
        assert [line.split()[1] for line in lines] == [b"2", b"4", b"6"]
        lines = await user.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d PARTIAL -1:-2)" % known)
        assert [line.split()[1] for line in lines] == [b"6"]
        assert (await user.status(b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")).startswith(b"BAD")
        assert (await user.status(b"FETCH 1 FLAGS (CHANGEDSINCE %d)" % 2**63)).startswith(b"BAD")

    play(script)


def test_pages_of_a_search_are_saved_as_they_are_returned(play: Play) -> None:
    """RFC 9394 3.2, table 1."""

    async def script(made: World) -> None:
        user = await filled(made, 6)
        await user.ok(b"SELECT INBOX")
        for options, saved in (
            (b"SAVE PARTIAL 2:3", b"2:3"),
            (b"SAVE PARTIAL -1:-2 MIN", b"1,5:6"),
            (b"SAVE PARTIAL 2:2 MIN MAX", b"1:2,6"),
            (b"SAVE PARTIAL 2:2 COUNT MAX", b"1:6"),
        ):
            await user.ok(b"SEARCH RETURN (%b) ALL" % options)
            (line,) = await user.ok(b"SEARCH RETURN (ALL) $")
            assert line.endswith(b" ALL " + saved)
        assert (await user.status(b"SEARCH RETURN (PARTIAL 1:2 ALL) ALL")).startswith(b"BAD")
        (line,) = await user.ok(b"UID FETCH 1:* (UID) (PARTIAL -2:-2)")
        assert line == b"* 5 FETCH (UID 5)"
        assert (await user.status(b"FETCH 1:* (UID) (PARTIAL 1:2)")).startswith(b"BAD")

    play(script)
