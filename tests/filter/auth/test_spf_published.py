"""The published test suite of RFC 7208, as the source distribution of pyspf carries it."""

from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.filter.auth.spf.check import check
from pillarbox.filter.dns import Answer, Kind, Question, answered
from tests.filter.auth.published import suite
from tests.filter.auth.zone import Zone

yaml = pytest.importorskip("yaml", reason="PyYAML reads the suite")


def zone_of(data: dict[str, list[Any]]) -> Zone:
    zone = Zone()
    for name, entries in data.items():
        kinds = {kind for entry in entries if isinstance(entry, dict) for kind in entry}
        zone.data.setdefault(name.lower(), {})
        timeout = "TIMEOUT" in entries
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            for kind, value in entry.items():
                # The suite writes policies as type SPF where TXT is meant, unless TXT stands beside it.
                if kind == "SPF":
                    if "TXT" in kinds:
                        continue
                    kind = "TXT"
                if value == "TIMEOUT":
                    zone.breaks(name, (kind,))
                elif value != "NONE":
                    zone.add(name, kind, _value(kind, value))
        if timeout:
            zone.breaks(name, set(Kind) - set(zone.data[name.lower()]))
    return zone


def _value(kind: str, value: Any) -> str:
    if kind == "TXT":
        parts = value if isinstance(value, list) else [value]
        return "".join(parts).encode("utf-8").decode("latin-1")
    return str(value[1] if kind == "MX" else value).removesuffix(".")


def cases() -> Iterator[Any]:
    path = suite("pyspf-*/test/rfc7208-tests.yml")
    for scenario in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if scenario:
            for name, case in scenario["tests"].items():
                yield pytest.param(case, scenario["zonedata"], id=name)


@pytest.mark.parametrize("case, data", list(cases()))
def test_the_published_suite(case: dict[str, Any], data: dict[str, Any]) -> None:
    zone = zone_of(data)
    asked: list[Question] = []

    def ask(question: Question) -> Answer:
        asked.append(question)
        return zone(question)

    found = answered(check(case["host"], case["mailfrom"], case["helo"], receiver="receiver.example"), ask)
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert found.result in wanted
    if "explanation" in case:
        assert (found.explanation or "DEFAULT") == case["explanation"]
    assert len(asked) <= 150
