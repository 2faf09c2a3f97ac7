"""SORT against a naive transcription of RFC 5256 3, and what it shares with SEARCH."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

import pytest

from pillarbox.imap import ordering
from pillarbox.message.casemap import fold_text
from pillarbox.message.derive import derive
from pillarbox.store.turns import Turns
from tests.imap.conftest import Imap, Play, World

NAMES = ("Ada <ada@x>", "=?utf-8?q?=C3=81da?= <ADA@y>", "bob@x", '"" <Bob@z>', "", "team: a@b;", "Eve <é@x>")
SUBJECTS = (
    *("alpha", "Re: Alpha", "[list] beta", "=?utf-8?q?=C3=A9t=C3=A9?=", "=?utf-8?q?=D0=C0?="),
    *("", "ALPHA (fwd)", "zeta"),
)
DATES = ("Mon, 6 Feb 2023 23:30:00 -0800", "Tue, 7 Feb 2023 07:30:00 +0000", "1 Jan 2023", "nonsense", "")
FIELDS = {
    **{"CC": "cc_mailbox", "FROM": "from_mailbox", "TO": "to_mailbox", "SUBJECT": "base_subject"},
    **{"DISPLAYFROM": "from_display", "DISPLAYTO": "to_display"},
}
KEYS = ("ARRIVAL", "DATE", "SIZE", "UID", *FIELDS)


@dataclass
class Mail:
    uid: int
    arrived: int
    raw: bytes

    def value(self, key: str) -> Any:
        derived = derive(self.raw)
        if key in FIELDS:
            text: bytes = getattr(derived.sort_keys, FIELDS[key])
            if text.startswith(b"\xff"):
                return (1, text)
            return (0, fold_text(text.decode()).encode())
        sent = self.arrived if derived.sent_at is None else derived.sent_at
        return {"UID": self.uid, "ARRIVAL": self.arrived, "SIZE": len(self.raw), "DATE": sent}[key]


def naively(mails: list[Mail], criteria: list[tuple[str, bool]]) -> list[int]:
    def compare(one: Mail, other: Mail) -> int:
        for key, reverse in criteria:
            some, others = one.value(key), other.value(key)
            if some != others:
                return -1 if (some < others) is not reverse else 1
        return one.uid - other.uid

    return [mail.uid for mail in sorted(mails, key=cmp_to_key(compare))]


async def filled(world: World, rng: random.Random, count: int, first: int = 1) -> list[Mail]:
    mails = []
    user = await world.user()
    for uid in range(first, first + count):
        fields = [(name, rng.choice(NAMES)) for name in ("From", "To", "Cc")]
        fields += [("Subject", rng.choice(SUBJECTS)), ("Date", rng.choice(DATES))]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields if value).encode()
        raw = head + b"\r\n" + b"x" * rng.randrange(3)
        day = rng.randrange(1, 6)
        date = b' "%02d-Mar-2023 00:00:00 +0000"' % day
        await user.ok(b"APPEND INBOX" + date + b" {%d+}\r\n" % len(raw) + raw)
        mails.append(Mail(uid, 1_677_628_800 + 86_400 * (day - 1), raw))
    await user.ok(b"LOGOUT")
    return mails


def sorted_numbers(lines: list[bytes]) -> list[int]:
    [line] = [line for line in lines if line.startswith(b"* SORT")]
    return [int(word) for word in line.split()[2:]]


async def agree(user: Imap, mails: list[Mail], rng: random.Random, times: int) -> None:
    uids = [mail.uid for mail in mails]
    for _ in range(times):
        chosen = [(rng.choice(KEYS), rng.random() < 0.5) for _ in range(rng.randrange(1, 4))]
        criteria = " ".join(f"REVERSE {key}" if reverse else key for key, reverse in chosen).encode()
        some = mails if rng.random() < 0.5 else rng.sample(mails, rng.randrange(1, len(mails)))
        which = b"UID " + b",".join(b"%d" % mail.uid for mail in some)
        wanted = naively(some, chosen)
        told = sorted_numbers(await user.ok(b"UID SORT (%b) UTF-8 %b" % (criteria, which)))
        assert told == wanted, criteria
        told = sorted_numbers(await user.ok(b"SORT (%b) UTF-8 %b" % (criteria, which)))
        assert [uids[number - 1] for number in told] == wanted, criteria


def test_any_criteria_sort_as_the_rfc_says(play: Play) -> None:
    async def script(world: World) -> None:
        rng = random.Random(5256)
        mails = await filled(world, rng, 40)
        user = await world.user(select=b"INBOX")
        await agree(user, mails, rng, 60)
        # What has been kept of the mailbox must not outlive it.
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 3,17,30 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        mails = [mail for mail in mails if mail.uid not in (3, 17, 30)]
        mails += await filled(world, rng, 3, first=41)
        await user.ok(b"NOOP")
        await agree(user, mails, rng, 40)

    play(script)


def test_an_order_that_is_kept_is_brought_up_to_date(play: Play) -> None:
    async def script(world: World) -> None:
        rng = random.Random(6)
        mails = await filled(world, rng, 30)
        user, other = await world.user(select=b"INBOX"), await world.user(select=b"INBOX")
        programs = [[(key, reverse)] for key in KEYS for reverse in (False, True)]
        programs += [[("SUBJECT", False), ("DATE", True)], [("FROM", True), ("SIZE", False), ("UID", True)]]
        for round_ in range(6):
            for chosen in programs:
                criteria = " ".join(f"REVERSE {key}" if reverse else key for key, reverse in chosen)
                told = await user.ok(f"UID SORT ({criteria}) UTF-8 ALL".encode())
                assert sorted_numbers(told) == naively(mails, chosen), (round_, criteria)
            mails += await filled(world, rng, (0, 1, 2, 40, 1, 0)[round_], first=mails[-1].uid + 1)
            gone = [mail.uid for mail in rng.sample(mails[:-1], (1, 0, 2, 3, 20, 0)[round_])]
            if gone:
                which = b",".join(b"%d" % uid for uid in gone)
                await other.ok(b"NOOP")
                await other.ok(b"UID STORE " + which + b" +FLAGS.SILENT (\\Deleted)")
                await other.ok(b"EXPUNGE")
            mails = [mail for mail in mails if mail.uid not in gone]
            await user.ok(b"NOOP")

    play(script)


def test_messages_that_are_just_expunged_keep_the_others_in_order(play: Play) -> None:
    async def script(world: World) -> None:
        rng = random.Random(1)
        mails = await filled(world, rng, 12)
        user, other = await world.user(select=b"INBOX"), await world.user(select=b"INBOX")
        await other.ok(b"STORE 2,5 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        # SORT may not announce an EXPUNGE, so the numbers are still the old ones.
        wanted = naively([mail for mail in mails if mail.uid not in (2, 5)], [("SUBJECT", False)])
        assert sorted_numbers(await user.ok(b"SORT (SUBJECT) UTF-8 ALL")) == wanted
        lines = await user.ok(b"UID SORT (SUBJECT) UTF-8 ALL")
        assert sorted_numbers(lines) == wanted
        assert b"* 2 EXPUNGE" in lines

    play(script)


def test_mod_sequences_are_sorted_by_and_told(play: Play) -> None:
    async def script(world: World) -> None:
        await filled(world, random.Random(2), 4)
        user = await world.user(select=b"INBOX (CONDSTORE)")
        await user.ok(b"STORE 2 +FLAGS.SILENT (\\Seen)")
        assert sorted_numbers(await user.ok(b"SORT (REVERSE MODSEQ) UTF-8 ALL")) == [2, 4, 3, 1]
        await user.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
        [fetched] = await user.ok(b"FETCH 1 (MODSEQ)")
        highest = fetched.split(b"(")[-1].rstrip(b")")
        assert sorted_numbers(await user.ok(b"SORT (MODSEQ) UTF-8 ALL")) == [3, 4, 2, 1]
        assert await user.ok(b"SORT (SIZE) UTF-8 1 MODSEQ 1") == [b"* SORT 1 (MODSEQ %b)" % highest]
        # RFC 7162 3.1.9: nothing is said of them where nothing was found.
        assert await user.ok(b"SORT (SIZE) UTF-8 MODSEQ 9999") == [b"* SORT"]

    play(script)


@pytest.mark.parametrize("mode", [b"IMAP4rev1", b"IMAP4rev2", b"UTF8=ACCEPT"])
def test_charsets(play: Play, mode: bytes) -> None:
    async def script(world: World) -> None:
        await filled(world, random.Random(3), 3)
        user = await world.user(mode, select=b"INBOX")
        assert await user.ok(b'SORT (UID) "utf-8" ALL') == [b"* SORT 1 2 3"]
        if mode == b"UTF8=ACCEPT":
            assert (await user.status(b"SORT (UID) US-ASCII ALL")).startswith(b"BAD")  # RFC 9755 3
        else:
            assert await user.ok(b"SORT (UID) US-ASCII ALL") == [b"* SORT 1 2 3"]
        assert (await user.status(b"SORT (UID) X-NONE ALL")).startswith(b"NO [BADCHARSET (US-ASCII UTF-8 ")
        assert (await user.status(b"SORT (UID) US-ASCII SUBJECT {1+}\r\n\xe9")).startswith(b"BAD")

    play(script)


def test_saved_results_and_uids_only(play: Play) -> None:
    async def script(world: World) -> None:
        await filled(world, random.Random(4), 5)
        user = await world.user(select=b"INBOX")
        await user.ok(b"SEARCH RETURN (SAVE) 2:3")
        assert await user.ok(b"SORT (REVERSE UID) UTF-8 $") == [b"* SORT 3 2"]
        await user.ok(b"ENABLE UIDONLY")
        assert (await user.status(b"SORT (UID) UTF-8 ALL")).startswith(b"BAD [UIDREQUIRED]")
        assert (await user.status(b"UID SORT (UID) UTF-8 1:2")).startswith(b"BAD [UIDREQUIRED]")
        assert await user.ok(b"UID SORT (REVERSE UID) UTF-8 $") == [b"* SORT 3 2"]

    play(script)


def test_an_empty_mailbox(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for criteria in (b"SUBJECT", b"REVERSE DATE UID", b"MODSEQ"):
            assert await user.ok(b"SORT (%b) UTF-8 ALL" % criteria) == [b"* SORT"]

    play(script)


def test_long_lists_are_sorted_in_parts() -> None:
    async def both(items: list[int]) -> tuple[list[int], list[int]]:
        return await ordering._ascending(items, Turns()), sorted(items)

    rng = random.Random(5)
    size = 3 * ordering.PIECE
    for items in (
        [rng.randrange(10**9) for _ in range(size)],
        [rng.randrange(3) for _ in range(size)],
        list(range(size)),
        list(range(size, 0, -1)),
    ):
        some, others = asyncio.run(both(items))
        assert some == others
