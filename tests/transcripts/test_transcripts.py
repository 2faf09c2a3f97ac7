"""Every scene against every target. A failure names the file, the line, and what the server said."""

import asyncio

import pytest

from tests.oracle import Dovecot
from tests.transcripts.language import HERE, Scene, read
from tests.transcripts.runner import NotOffered, Target, play
from tests.transcripts.targets import over_dovecot

SCENES = [scene for path in sorted(HERE.glob("*.txt")) for scene in read(path)]
each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)


def run(scene: Scene, target: Target) -> None:
    if target.name in scene.skips:
        pytest.skip(scene.skips[target.name])
    try:
        asyncio.run(play(scene, target))
    except NotOffered as missing:
        if target.is_ours:
            raise AssertionError(f"the server does not announce {missing}") from None
        pytest.skip(f"{target.name} does not announce {missing}")


@each_scene
def test_dovecot_agrees(scene: Scene, dovecot: Dovecot) -> None:
    run(scene, over_dovecot(dovecot))
