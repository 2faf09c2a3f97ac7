"""Test suites that others publish and that are not in this repository: where they are on this machine.

`.ci/run` downloads them; PILLARBOX_SUITES names their folder.
"""

import os
from pathlib import Path

import pytest


def suite(pattern: str) -> Path:
    """The file or folder that fits, or a skip that says how to get it."""
    folder = Path(os.environ.get("PILLARBOX_SUITES", Path(__file__).parents[3] / ".suites"))
    found = sorted(folder.glob(pattern))
    if not found:
        pytest.skip(f"{pattern} is not in {folder}; .ci/run downloads it", allow_module_level=True)
    return found[-1]
