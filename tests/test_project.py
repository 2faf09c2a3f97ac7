"""The project itself: its pages agree with its code, and what nobody wants to find is not there."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import pillarbox

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pillarbox"
FOLDERS = ("pillarbox", "tests", "docs", "bench", ".ci")
MAX_LINES = 600


def files(*endings: str) -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    found += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    return sorted(path for path in found if path.name.endswith(endings) and "__pycache__" not in path.parts)


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    for path, text in generate().pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run `make docs`: {path.name} is not current"


def test_every_key_of_the_configuration_is_explained() -> None:
    """In the example of the operations page, under its table."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    written = page.split("```toml\n", 1)[1].split("\n```", 1)[0]
    silent, table, known = [], "", set()
    for line in written.splitlines():
        if header := re.match(r"\[+([a-z_.]+)\]", line):
            table = header[1] + "."
        for key in re.findall(r"(?:^|[{,] ?)\s*([a-z_0-9]+) = ", line):
            known.add(table + key)
        known |= {f"{table}{word}" for word in re.findall(r"and ([a-z_]+):", line)}
    for key in re.findall(r"^\| `([a-z_0-9.\[\]]+)`", generate().configuration(), re.MULTILINE):
        plain = key.replace("[]", "")
        if plain not in known and plain.replace("tls.certificates.", "tls.") not in known:
            silent.append(key)
    assert silent == RESERVED


# Protocols that this version does not speak: the text says so.
RESERVED = ["listen.managesieve"]


def test_marks_of_deviations_are_found_whole() -> None:
    found = generate().marks(
        [
            "x = 1",
            "    # Deviates: RFC 1 2.3: this,",
            "    # and that.",
            "    y = 2  # Deviates: RFC 4.",
            "    # no more",
        ]
    )
    assert found == ["RFC 1 2.3: this, and that.", "RFC 4."]


def test_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == pillarbox.__version__


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in files(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if (
                "://" not in target
                and not target.startswith("mailto:")
                and not (page.parent / target).exists()
            ):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_files_stay_small_enough_to_read() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in files(".py")}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_every_module_says_what_lives_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted(PACKAGE.rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


# Spelled in pieces, so that this file does not find itself.
UNWANTED = {
    "a path of some machine": re.compile(
        "/" + "work/|/" + "farm/|/home/[a-z]|" + r"\.lib" + "rary|before" + "-stop"
    ),
    "a promise not kept": re.compile(
        r"\b(?:TO" + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b|NotImplemented" + "Error"
    ),
}


@pytest.mark.parametrize("what", UNWANTED)
def test_there_is_no(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files(".py", ".md", ".toml", "Makefile", "run")
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if UNWANTED[what].search(line)
    ]
    assert found == []


def skips(tree: ast.AST) -> Iterator[tuple[int, bool]]:
    """(line, whether a reason is given) of everything that may leave a test out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            said = any(word.arg in ("reason", "msg") for word in node.keywords)
            if name in ("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.importorskip"):
                yield node.lineno, said
            elif name in ("pytest.skip", "pytest.xfail"):
                yield node.lineno, said or bool(node.args)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("unittest.skip", "pytest.mark.slow"):
            yield node.lineno, False


def test_every_skip_is_explained() -> None:
    unexplained = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, said in skips(ast.parse(path.read_text(encoding="utf-8")))
        if not said
    ]
    assert unexplained == []


def test_the_rule_sees_a_skip_without_a_reason() -> None:
    source = "@pytest.mark.skipif(x)\ndef a(): pytest.skip()\ndef b(): pytest.skip('no dovecot')\n"
    assert list(skips(ast.parse(source))) == [(1, False), (2, False), (3, True)]


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [
        each for name, extra in project["optional-dependencies"].items() if name != "dev" for each in extra
    ]
    declared = {re.split(r"[\[<>=]", each)[0] for each in (*project["dependencies"], *extras)}
    modules = {name.lower().replace("-", "_").removesuffix("_cffi") for name in declared} | {
        "pytest",
        "pillarbox",
        "dns",  # dnspython
        "ldap",  # python-ldap
        "passlib",  # libpass keeps the name of what it continues
        "jwt",  # PyJWT
    }
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    assert imported - set(sys.stdlib_module_names) - modules == set()


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "app"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
