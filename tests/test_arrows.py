"""The rooms import downward only, and no pair of protocols knows each other.

The table is the design's: each room with the rooms it may import. A room missing from it fails.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pillarbox"

_PROTOCOL = {"model", "message", "store", "identity", "net"}

ARROWS: dict[str, set[str]] = {
    "model": set(),
    "message": {"model"},
    "filter": {"model", "message"},
    "store": {"model", "message"},
    "identity": {"model", "store"},
    "delivery": {"model", "message", "filter", "store", "identity"},
    "net": set(),
    "imap": _PROTOCOL,
    "pop3": _PROTOCOL,
    "managesieve": _PROTOCOL,
    "activesync": _PROTOCOL,
    "smtp": _PROTOCOL | {"delivery"},
    "jmap": _PROTOCOL | {"delivery"},
    "web": _PROTOCOL | {"delivery", "jmap"},
    "remote": {"model", "message", "store", "net", "imap.wire"},
    "app": {
        *_PROTOCOL,
        *("filter", "delivery", "imap", "pop3", "managesieve", "activesync", "smtp", "jmap", "web", "remote"),
    },
    "testing": {*_PROTOCOL, "filter", "delivery", "imap", "pop3", "smtp", "app"},
    "__main__": {"app"},
}

# Rooms that touch no file, socket, thread or clock, and what they would need for it.
PURE = ("model", "message", "filter", "imap/wire", "pop3/wire", "smtp/wire")
IMPURE_MODULES = {
    "asyncio",
    "socket",
    "ssl",
    "os",
    "pathlib",
    "time",
    "random",
    "secrets",
    "threading",
    "apsw",
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything the file imports, wherever in it the import stands."""
    package = ["pillarbox", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(filter(None, (start, node.module)))
            for name in node.names:
                yield node.lineno, f"{module}.{name.name}"


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def broken(path: Path) -> list[str]:
    if path == PACKAGE / "__init__.py":
        allowed: set[str] = set()
    else:
        allowed = ARROWS[room(path)] | {room(path)}
    found = []
    for line, name in imported(path):
        if not name.startswith("pillarbox."):
            continue
        target = name.removeprefix("pillarbox.")
        if target.startswith("__version__"):
            continue
        if not any(target == each or target.startswith(f"{each}.") for each in allowed):
            found.append(f"{path.relative_to(PACKAGE.parent)}:{line} imports {name}")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_downward(path: Path) -> None:
    assert broken(path) == []


def test_the_rule_sees_an_arrow_that_points_upward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "pillarbox")
    wrong = tmp_path / "pillarbox" / "store" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("def late():\n    from pillarbox.imap import wire\n    import pillarbox.smtp.wire\n")
    assert len(broken(wrong)) == 2
    wrong.write_text("from ..message import parts\nfrom . import tx\n")
    assert broken(wrong) == []


@pytest.mark.parametrize("folder", PURE)
def test_pure_rooms_reach_for_nothing_outside(folder: str) -> None:
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        names = {name.partition(".")[0] for _, name in imported(path)}
        assert not names & IMPURE_MODULES, path


@pytest.mark.parametrize("folder", ["identity", "delivery", "store", "net", "imap", "pop3", "smtp"])
def test_the_clock_is_passed_in(folder: str) -> None:
    """Below `app`, `time.time` and friends are at most a parameter's default, never called."""
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                called = f"{owner.id}.{node.func.attr}" if isinstance(owner, ast.Name) else ""
                assert called not in {"time.time", "datetime.now", "random.random"}, f"{path}:{node.lineno}"
