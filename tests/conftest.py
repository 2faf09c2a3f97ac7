"""What holds for every test.

A running server is the fixture `mail_server` of `pillarbox.testing`; real mail is in `tests/corpus.py`.
"""

from hypothesis import settings

# Examples take as long as the machine is busy, so no deadline; each test says how many it wants.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")
