"""The indexer is killed again and again, wherever it is: searches stay exact, and it gets on."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from pillarbox.app.spawn import environment
from pillarbox.model import search
from pillarbox.store.index import catching_up
from tests import corpus
from tests.places import LONG
from tests.store.archive import Archive
from tests.store.needles import TextKey

KILLS = 100 if LONG else 6
MESSAGES = 400 if LONG else 200
LONGEST = 1.0  # seconds it lives

_CHILD = """
import sys
from pathlib import Path
from pillarbox.store.index import catching_up, writer
catching_up.BATCH, catching_up.READ, writer.FAN = 20, 8, 3
print(flush=True)
for turn in range(1000):
    catching_up.catch_up(Path(sys.argv[1]), anew=turn % 4 == 3)
"""


def test_killed_anywhere(archive: Archive) -> None:
    chance = random.Random(5)
    letters = corpus.real()
    archive.add(letters[:MESSAGES])
    asked: list[TextKey] = [
        search.Body("the"),
        search.Text("linux"),
        search.Body("of the"),
        search.Header("subject", "re: "),
        search.Header("x-mailer", ""),
        search.Body("qqzzxj"),
    ]
    for kill in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(archive.folder)],
            stdout=subprocess.PIPE,
            env=environment(),
        )
        try:
            assert child.stdout is not None
            child.stdout.readline()  # it has been loaded
            with pytest.raises(subprocess.TimeoutExpired):  # it does not end by itself
                child.wait(chance.uniform(0, LONGEST))
        finally:
            child.kill()
            child.communicate()
        archive.add([letters[(MESSAGES + kill) % len(letters)]])
        for key, (found, plan) in zip(asked, archive.find(asked)):
            assert found == archive.truth(key), (kill, key, plan)
    archive.index()
    assert not catching_up.behind(archive.folder)
    for key, (found, plan) in zip(asked, archive.find(asked)):
        assert found == archive.truth(key), (key, plan)
        assert (plan.indexed or 0) > 0
