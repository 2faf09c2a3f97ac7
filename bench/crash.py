"""`python -m bench.crash`: the crash tests at their full length, ten rounds of a thousand messages."""

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["PILLARBOX_LONG"] = "1"
    sys.exit(pytest.main(["-v", "-s", "tests/crash", "tests/store", "-k", "crash or kill or power or lost"]))
