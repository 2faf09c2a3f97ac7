"""Every scene of every transcript is a test, once for each target."""

from tests.oracle import dovecot  # noqa: F401  the fixture
