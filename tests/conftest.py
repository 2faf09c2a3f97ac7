"""What holds for every test.

A running server is the fixture `mail_server` of `pillarbox.testing`; real mail is in `tests/corpus.py`.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Examples take as long as the machine is busy, so no deadline; each test says how many it wants.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """A command sets its own, for its process."""
    before = os.umask(0o022)
    yield
    os.umask(before)
