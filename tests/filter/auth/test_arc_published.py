"""The published test suite of ARC, as the source of Mail::DKIM carries it: chains to be judged.

The other half of it, for sealers, wants the octets that one certain library makes; ours are held to dkimpy
instead.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.filter.auth.arc.chain import Status
from tests.filter.auth.published import suite
from tests.filter.auth.test_arc import checked
from tests.filter.auth.zone import Zone

yaml = pytest.importorskip("yaml", reason="PyYAML reads the suite")

# The suite is older than RFC 8617. Where it leaves the outcome open, which is where a seal says that the
# chain has failed, 5.2 has it fail.
WANTED = {"none": Status.NONE, "": Status.FAIL, "pass": Status.PASS, "fail": Status.FAIL}

# What it lets pass, and fails here.
STRICTER = {
    "ams_fields_a_sha1": "RFC 8301 3.1: SHA-1 must not be believed",
    "as_fields_a_sha1": "RFC 8301 3.1",
    "ams_fields_h_empty": "RFC 6376 3.5: h= names at least one field",
    "ams_fields_h_mis_hdr": "RFC 6376 3.5: and no name is empty",
}


def cases() -> Iterator[Any]:
    path = suite("Mail-DKIM-*/t/arc_test_suite/arc-draft-validation-tests.yml")
    for scenario in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if scenario:
            zone = Zone()
            for name, text in (scenario.get("txt-records") or {}).items():
                zone.add(name, "TXT", str(text))
            for name, case in scenario["tests"].items():
                wanted = "fail" if name in STRICTER else str(case["cv"] or "").lower()
                yield pytest.param(case, zone, WANTED[wanted], id=name)


@pytest.mark.parametrize("case, zone, wanted", list(cases()))
def test_the_published_suite(case: dict[str, Any], zone: Zone, wanted: Status) -> None:
    message = (case["message"] or "").replace("\n", "\r\n").encode()
    assert checked(message, zone).status is wanted
