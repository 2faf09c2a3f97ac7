"""Every scene against every target. A failure names the file, the line, and what the server said."""

import asyncio
from collections.abc import Iterator

import pytest
from imapclient import IMAPClient

from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD, Dovecot
from tests.transcripts.language import HERE, Scene, read
from tests.transcripts.runner import NotOffered, Target, play
from tests.transcripts.targets import Memory, in_memory, over_dovecot, over_tcp

SCENES = [scene for path in sorted(HERE.glob("*.txt")) for scene in read(path)]
# What the server must announce to whoever has logged in, beside IMAP4rev2 itself.
PROMISED = frozenset(
    (
        *("CONDSTORE", "QRESYNC", "NOTIFY", "UIDONLY", "PARTIAL", "INPROGRESS", "OBJECTID", "SAVEDATE"),
        *("UIDBATCHES", "OBJECTID+"),
        *("PREVIEW", "REPLACE", "MULTIAPPEND", "UNAUTHENTICATE", "COMPRESS=DEFLATE", "APPENDLIMIT"),
        *("UTF8=ACCEPT", "STATUS=SIZE", "CATENATE", "URLAUTH", "URLAUTH=BINARY", "URL-PARTIAL", "IDLE"),
        *("SORT", "SORT=DISPLAY", "SORT=MODSEQ", "SORT=UID"),
        *("THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES", "THREAD=REFS", "I18NLEVEL=2"),
        *("WITHIN", "MULTISEARCH", "CONTEXT=SEARCH", "ESORT", "CONTEXT=SORT", "SEARCH=FUZZY"),
    )
)
# What of it is not there yet, and what scenes are about that nobody has promised. A scene that needs one
# of these is passed over; one that needs anything else we do not announce fails.
AWAITED: frozenset[str] = frozenset()
each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with in_memory(tmp_path_factory.mktemp("memory")) as target:
        yield target


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running
        running.check()


def run(scene: Scene, target: Target, runner: asyncio.Runner) -> None:
    if target.name in scene.skips:
        pytest.skip(scene.skips[target.name])
    try:
        runner.run(play(scene, target))
    except NotOffered as missing:
        if target.is_ours:
            if AWAITED.issuperset(missing.names):
                pytest.skip(f"not offered yet: {missing}")
            raise AssertionError(f"the server does not announce {missing}") from None
        pytest.skip(f"{target.name} does not announce {missing}")


def test_what_is_promised_is_announced(server: MailServer) -> None:
    server.add_account("asks@example.test", PASSWORD)
    with IMAPClient(server.host, server.imap_port, ssl=False) as client:
        client.login("asks@example.test", PASSWORD)
        announced = {name.decode().partition("=")[0] for name in client.capabilities()}
        announced |= {name.decode() for name in client.capabilities()}
    assert PROMISED - AWAITED - announced == set()


@each_scene
def test_in_memory(scene: Scene, memory: Memory) -> None:
    run(scene, memory, memory.runner)


@each_scene
def test_over_tcp(scene: Scene, server: MailServer) -> None:
    with asyncio.Runner() as runner:
        run(scene, over_tcp(server), runner)


@each_scene
def test_dovecot_agrees(scene: Scene, dovecot: Dovecot) -> None:
    with asyncio.Runner() as runner:
        run(scene, over_dovecot(dovecot), runner)
