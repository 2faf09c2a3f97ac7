import pytest

from pillarbox.imap.wire.store import Store
from pillarbox.model.search import Saved

COMMANDS = [
    (b"STORE 2:4 +FLAGS (\\Deleted)", Store(((2, 4),), "add", ("\\Deleted",))),
    (b"STORE 1 FLAGS ()", Store(((1, 1),), "replace", ())),
    (b"store 1 flags \\seen", Store(((1, 1),), "replace", ("\\Seen",))),
    (
        b"STORE * -FLAGS.SILENT \\Seen $x \\Answered",
        Store(((0, 0),), "remove", ("\\Answered", "\\Seen", "$x"), silent=True),
    ),
    (b"UID STORE 5:* +flags.silent (a A b)", Store(((5, 0),), "add", ("a", "b"), silent=True, uid=True)),
    (b"UID STORE $ +FLAGS (\\Recent x)", Store(Saved(), "add", ("x",), uid=True)),
    (
        b"STORE 1 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)",
        Store(((1, 1),), "add", ("\\Deleted",), silent=True, unchanged_since=320162338),
    ),
    (b"STORE 1 (unchangedsince 0) FLAGS ()", Store(((1, 1),), "replace", (), unchanged_since=0)),
]

REFUSED = [
    b"STORE",
    b"STORE 1",
    b"STORE 1 FLAGS",
    b"STORE 1 FLAGS ",
    b"STORE 1 FLAGS (",
    b"STORE 1 FLAGS ( )",
    b"STORE 1 FLAGS (a  b)",
    b"STORE 1 FLAGS (a b",
    b"STORE 1 FLAGS (a\\b)",
    b"STORE 1 FLAGS (\\)",
    b"STORE 1 FLAGS (\\*)",
    b"STORE 1 FLAGS (\xc3\xa4)",
    b'STORE 1 FLAGS ("a")',
    b"STORE 1 FLAGS (a]b)",
    b"STORE 1 *FLAGS (a)",
    b"STORE 1 + FLAGS (a)",
    b"STORE 1 FLAGS.LOUD (a)",
    b"STORE 0 FLAGS (a)",
    b"STORE 1 () FLAGS (a)",
    b"STORE 1 (CHANGEDSINCE 1) FLAGS (a)",
    b"STORE 1 (UNCHANGEDSINCE -1) FLAGS (a)",
    b"STORE 1 (UNCHANGEDSINCE 1)FLAGS (a)",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)
