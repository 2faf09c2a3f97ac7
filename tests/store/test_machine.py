"""Verbs in any order against a model made of dictionaries.

The model knows nothing of rows, counters or change rows. After every step the verb's answer must be
the model's; now and then everything that can be read is compared; and at the end the store's check must
find nothing, after sweeping, erasing and merging in slices that happen in between.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pillarbox.model.errors import Refused
from pillarbox.model.flags import FlagSet, canonical
from pillarbox.model.names import INITIAL_MAILBOXES
from pillarbox.model.numbers import MAX_NUMBER, Runs, contains, runs_of
from pillarbox.store import buried, changes, emails, flags, mailboxes, messages, quota
from pillarbox.store.flags import Mode
from pillarbox.store.messages import Incoming
from pillarbox.store.staged import Staged
from pillarbox.testing.verbs import Verbs, account, staged

MAILS = [
    staged(f"Message-ID: <{n}@x>\r\nSubject: {'Re: ' * n}s\r\n\r\n{'x' * n}\r\n".encode()) for n in range(4)
]
PATHS = st.sampled_from(["a", "b", "a/b", "b/a", "INBOX", "INBOX/a", "Sent"])
SOMEWHERE = st.integers(0, 99)  # one of the mailboxes there are
FLAGS = st.lists(st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "k", "l"]), max_size=3).map(canonical)
RUNS = st.lists(st.integers(1, 14), max_size=8).map(lambda some: runs_of(sorted(set(some)))) | st.just(
    ((1, MAX_NUMBER),)
)


@dataclass
class Message:
    email: int
    flags: FlagSet
    size: int


@dataclass
class Mailbox:
    selectable: bool = True
    uidnext: int = 1
    uidvalidity: int = 0
    messages: dict[int, Message] = field(default_factory=dict)

    def named(self, runs: Runs) -> list[int]:
        return [uid for uid in sorted(self.messages) if contains(runs, uid)]

    def add(self, message: Message) -> int:
        self.messages[self.uidnext] = message
        self.uidnext += 1
        return self.uidnext - 1


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def open_account(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.opened = account(self.folder)
        self.verbs: Verbs = self.opened.__enter__()
        for path, _ in INITIAL_MAILBOXES:
            self.verbs.write(mailboxes.delete, path)
        self.model: dict[str, Mailbox] = {"INBOX": Mailbox()}
        self.kept: list[tuple[int, int, dict[int, FlagSet], str]] = []  # what a client has seen, and when
        self.validities: dict[str, int] = {}
        self.create("a")
        for path in ("INBOX", "a"):
            self.file(path, [Incoming(MAILS[n % 4], ("\\Deleted",) if n % 3 else ()) for n in range(7)])

    # The model's own arithmetic

    def box(self, path: str) -> Mailbox | None:
        found = self.model.get(path)
        return found if found and found.selectable else None

    def number(self, path: str) -> int:
        row = self.verbs.read(mailboxes.find, path)
        return row.id if row else 1

    def somewhere(self, at: int) -> str:
        return sorted(self.model)[at % len(self.model)]

    def children(self, path: str) -> list[str]:
        return [other for other in self.model if other.startswith(path + "/")]

    def make_levels(self, path: str) -> None:
        levels = path.split("/")
        for depth in range(1, len(levels)):
            self.model.setdefault("/".join(levels[:depth]), Mailbox())

    def refused(self, *call: object) -> bool:
        before = self.verbs.modseq()
        try:
            self.verbs.write(*call)  # type: ignore[arg-type]
        except Refused:
            assert self.verbs.modseq() == before
            return True
        return False

    # Steps

    @rule(path=PATHS)
    def create(self, path: str) -> None:
        exists = self.box(path) is not None
        assert self.refused(mailboxes.create, path) == exists
        if not exists:
            self.make_levels(path)
            self.model[path] = Mailbox()

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        box = self.model.get(path)
        impossible = path == "INBOX" or box is None or (not box.selectable and bool(self.children(path)))
        assert self.refused(mailboxes.delete, path) == impossible
        if not impossible:
            if self.children(path):
                self.model[path] = Mailbox(selectable=False)
            else:
                del self.model[path]

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: str, new: str) -> None:
        impossible = old not in self.model or new in self.model
        impossible |= old != "INBOX" and new.startswith(old + "/")
        assert self.refused(mailboxes.rename, old, new) == impossible
        if impossible:
            return
        self.make_levels(new)
        if old == "INBOX":
            target = self.model[new] = Mailbox()
            for uid in sorted(self.model["INBOX"].messages):
                target.add(self.model["INBOX"].messages.pop(uid))
            return
        for path in [old, *self.children(old)]:
            self.model[new + path[len(old) :]] = self.model.pop(path)

    @rule(at=SOMEWHERE, batch=st.lists(st.tuples(st.sampled_from(MAILS), FLAGS), min_size=1, max_size=4))
    def append(self, at: int, batch: list[tuple[Staged, FlagSet]]) -> None:
        self.file(self.somewhere(at), [Incoming(mail, given) for mail, given in batch])

    def file(self, path: str, items: list[Incoming]) -> None:
        box = self.box(path)
        if box is None:
            assert self.refused(messages.append_many, self.number(path), items)
            return
        for done, item in zip(self.verbs.write(messages.append_many, self.number(path), items), items):
            assert done.uid == box.add(Message(done.email, item.flags, item.staged.size))

    @rule(source=SOMEWHERE, into=SOMEWHERE, runs=RUNS, moves=st.booleans())
    def copy_or_move(self, source: int, into: int, runs: Runs, moves: bool) -> None:
        origin, target = self.somewhere(source), self.somewhere(into)
        verb = messages.move if moves else messages.copy
        here, there = self.box(origin), self.box(target)
        if here is None or there is None:
            assert self.refused(verb, self.number(origin), runs, self.number(target))
            return
        done = self.verbs.write(verb, self.number(origin), runs, self.number(target))
        uids = here.named(runs)
        assert done.source == runs_of(uids)
        copies = [there.add(Message(m.email, m.flags, m.size)) for m in (here.messages[uid] for uid in uids)]
        assert done.target == runs_of(copies)
        if moves:
            for uid in uids:
                del here.messages[uid]

    @rule(at=SOMEWHERE, runs=RUNS, given=FLAGS, mode=st.sampled_from(["replace", "add", "remove"]))
    def store(self, at: int, runs: Runs, given: FlagSet, mode: Mode) -> None:
        path = self.somewhere(at)
        box = self.box(path)
        if box is None:
            assert self.refused(flags.store_flags, self.number(path), runs, mode, given)
            return
        moved = {}
        for uid in box.named(runs):
            old = box.messages[uid].flags
            now = {
                "replace": given,
                "add": canonical((*old, *given)),
                "remove": tuple(flag for flag in old if flag not in given),
            }[mode]
            if now != old:
                moved[uid] = box.messages[uid].flags = now
        done = self.verbs.write(flags.store_flags, self.number(path), runs, mode, given)
        assert self.spelled(done.uids, done.flag_sets) == moved

    @rule(at=SOMEWHERE, runs=st.none() | RUNS)
    def expunge(self, at: int, runs: Runs | None) -> None:
        path = self.somewhere(at)
        box = self.box(path)
        if box is None:
            assert self.refused(messages.expunge, self.number(path), runs)
            return
        gone = [
            uid
            for uid in box.named(((1, MAX_NUMBER),) if runs is None else runs)
            if "\\Deleted" in box.messages[uid].flags
        ]
        assert self.verbs.write(messages.expunge, self.number(path), runs) == runs_of(gone)
        for uid in gone:
            del box.messages[uid]

    @rule(at=SOMEWHERE)
    def remember(self, at: int) -> None:
        """A client opens a mailbox and goes away: later it must be told exactly what it missed."""
        path = self.somewhere(at)
        if (box := self.box(path)) is not None:
            seen = {uid: message.flags for uid, message in box.messages.items()}
            self.kept.append((self.number(path), self.verbs.modseq(), seen, path))

    @rule(days=st.integers(1, 20), limit=st.integers(1, 5))
    def maintain(self, days: int, limit: int) -> None:
        self.verbs.now += days * 86_400
        self.verbs.write(lambda tx, _: buried.sweep(tx, limit))
        self.verbs.write(lambda tx, _: buried.erase(tx, limit=limit))
        self.verbs.write(lambda tx, _: changes.forget(tx, self.verbs.now - buried.RETENTION))
        self.verbs.write(lambda tx, _: flags.sweep(tx))

    # What must hold

    def spelled(self, uids: object, numbers: object) -> dict[int, FlagSet]:
        sets = self.verbs.read(lambda tx, _: flags.flag_sets(tx))
        return {uid: sets[number] for uid, number in zip(uids, numbers)}  # type: ignore[call-overload]

    @invariant()
    def mailboxes_are_the_models(self) -> None:
        rows = {row.path: row for row in self.verbs.read(mailboxes.list_all)}
        assert rows.keys() == self.model.keys()
        for path, box in self.model.items():
            row = rows[path]
            assert (row.selectable, row.has_children) == (box.selectable, bool(self.children(path)))
            if not box.selectable:
                continue
            # RFC 9051 2.3.1.1: whatever has a name, its UIDVALIDITY never goes back.
            assert row.uidvalidity >= self.validities.get(path, 0)
            self.validities[path] = row.uidvalidity
            status = self.verbs.read(mailboxes.status, row.id)
            held = list(box.messages.values())
            assert (status.messages, status.uidnext) == (len(held), box.uidnext)
            assert status.size == sum(message.size for message in held)
            assert status.unseen == sum("\\Seen" not in message.flags for message in held)
            assert status.deleted == sum("\\Deleted" in message.flags for message in held)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def catch_up(self, data: st.DataObject) -> None:
        number, modseq, seen, _ = self.kept.pop(data.draw(st.integers(0, len(self.kept) - 1)))
        alive = {
            row.id: self.model[row.path] for row in self.verbs.read(mailboxes.list_all) if row.selectable
        }
        if number not in alive:
            assert self.refused(changes.since, number, modseq)
            return
        now = {uid: message.flags for uid, message in alive[number].messages.items()}
        columns = self.verbs.read(changes.columns, number)
        assert self.spelled(columns.uids, columns.flag_sets) == now
        delta = self.verbs.read(changes.since, number, modseq)
        if not delta.complete:
            return
        gone = [uid for uid in seen if contains(delta.gone, uid)]
        assert runs_of(sorted(gone)) == delta.gone, "only what the client knew is said to be gone"
        new = self.spelled(delta.new_uids, delta.new_flag_sets)
        assert not new.keys() & seen.keys()
        left = {uid: named for uid, named in seen.items() if uid not in gone}
        changed = self.spelled(delta.changed_uids, delta.changed_flag_sets)
        assert changed.keys() <= left.keys()
        assert {**left, **changed, **new} == now

    def teardown(self) -> None:
        if not hasattr(self, "opened"):
            return
        used = self.verbs.read(lambda tx, _: quota.usage(tx))
        held = [message for box in self.model.values() for message in box.messages.values()]
        assert (used.messages, used.octets) == (len(held), sum(message.size for message in held))
        for path, box in self.model.items():
            if box.selectable:
                told = self.verbs.read(emails.rows, self.number(path), 1, MAX_NUMBER, ("uid", "email"))
                assert told == [(uid, box.messages[uid].email) for uid in sorted(box.messages)]
        self.opened.__exit__(None, None, None)
        shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def merging_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MERGE_EVERY", 8)
    monkeypatch.setattr(changes, "MAX_RUNS", 2)
    monkeypatch.setattr(flags, "MANY_SETS", 3)


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50)
TestStore = StoreMachine.TestCase
