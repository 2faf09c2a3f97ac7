"""Writes the pages of the documentation that are read out of the code. `make docs` runs it.

A test compares what it would write with what is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pillarbox"
MARK = "# Deviates: "


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


def pages() -> dict[Path, str]:
    """Each generated page with its text."""
    return {ROOT / "docs" / "deviations.md": deviations()}


def deviations() -> str:
    """Every `# Deviates:` mark in the package, by file."""
    out = [
        "# Where Pillarbox does not do what an RFC says",
        "",
        "Generated from the marks in the code by `make docs`. Everything else is meant to be to the letter;",
        "what is not, and is not listed here, is a bug.",
    ]
    for path in sorted(PACKAGE.rglob("*.py")):
        found = marks(path.read_text(encoding="utf-8").splitlines())
        if found:
            out += ["", f"## {path.relative_to(ROOT).as_posix()}", ""]
            out += [f"* {sentence}" for sentence in found]
    return "\n".join(out) + "\n"


def marks(lines: list[str]) -> list[str]:
    """The sentences behind the marks; a mark goes on over the comment lines that follow it."""
    found: list[str] = []
    going_on = False
    for line in lines:
        before, mark, sentence = line.partition(MARK)
        comment = line.strip()
        if mark:
            found.append(sentence.strip())
            going_on = not before.strip()
        elif going_on and comment.startswith("#"):
            found[-1] += " " + comment.lstrip("#").strip()
        else:
            going_on = False
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
