"""A page of performance must not flatter: ratios are to the better Dovecot, and what is missed is said."""

from __future__ import annotations

from xml.dom import minidom

from bench import page, report, workloads
from bench.growth import sentence
from bench.svg import plot
from bench.workloads import Row


def row(goal: float | None = 0.5, *, limit: float | None = None, worst: bool = False) -> Row:
    return Row("row", "A row", goal, lambda bench: 0.0, "s", worst, limit)


def figures(
    ours: list[float], sdbox: list[float], maildir: list[float], xapian: float = 1.0
) -> report.Figures:
    out = report.Figures()
    for name, taken in (("pillarbox", ours), ("dovecot-sdbox", sdbox), ("dovecot-maildir", maildir)):
        for figure in taken:
            out.add("row", name, figure)
    out.add("row", "dovecot-xapian", xapian)
    return out


def test_ratio_is_to_the_better_format() -> None:
    taken = figures([3.0, 1.0, 2.0], [8.0, 4.0, 6.0], [6.0, 5.0, 9.0], xapian=0.25)
    assert taken.ratio(row()) == 1 / 4
    assert taken.ratio(row(), how="median") == 2 / 6
    assert taken.ratio(row(), how="first") == 3 / 6
    assert taken.ratio(row(), (report.INDEXED,)) == 4
    assert taken.ratio(row(worst=True)) == 3 / 8


def test_what_is_missed() -> None:
    assert figures([1.0, 0.4], [1.0, 1.0], [2.0, 2.0]).missed(row()) == ""
    assert figures([1.1, 0.4], [1.0, 1.0], [2.0, 2.0]).missed(row()) == "first round"
    assert figures([0.9, 0.6], [1.0, 1.0], [2.0, 2.0]).missed(row()) == "goal"
    assert figures([0.6], [1.0], [2.0]).missed(row(None, limit=0.5)) == "goal"
    assert figures([], [1.0], [2.0]).missed(row()) == ""


def test_page_names_what_is_missed() -> None:
    taken = figures([0.9, 0.6], [1.0, 1.0], [2.0, 2.0])
    data = report.data(taken, [row()], [], 2) | {"servers": {"pillarbox": "ours", "dovecot-sdbox": "theirs"}}
    machine = {"load before": 7.5, "commit": "c0ffee", "cores": 2, "processor": "P", "memory": "M"}
    machine |= {"system": "S", "file system": "F", "python": "3", "sqlite": "4", "dovecot": "5"}
    found = {"rows": {"kind": "rows", "at": "2026-11-23T00:00:00", "machine": machine, "figures": data}}
    text = "\n".join(page.page(found))
    assert "Missed: A row (goal)." in text
    assert (
        "| **A row** | 1e+03 / 1e+03 / 1e+03 ms | 600 / 750 / 900 ms | 0.60 | 0.5 | 0.75 | 0.90 | 0.60 |"
        in text
    )
    assert "dovecot-sdbox: theirs." in text
    assert "busy (7.5" in text


def test_page_says_why_a_row_is_missed() -> None:
    missed = {"title": "STORE one", "missed": "goal"}
    rows = {"store-one": missed, "noop": {"title": "NOOP", "missed": ""}}
    text = "\n".join(page._reasons(rows))
    assert "* STORE one: COMMIT is a third" in text
    assert "NOOP" not in text
    assert {name for names, _ in page.REASONS for name in names.split()} <= {
        row.name for row in workloads.load()
    }


def test_plot_is_xml_with_every_line_inside() -> None:
    lines = {"a < b": [(1, 2), (1000, 2000)], "flat": [(1, 2000), (1000, 2000)], "none": [(0, 1)]}
    drawn = minidom.parseString(plot("T & U", "x", "y", lines)).documentElement
    assert drawn is not None
    paths = [each.getAttribute("points") for each in drawn.getElementsByTagName("polyline")]
    width, height = (float(drawn.getAttribute(name)) for name in ("width", "height"))
    places = [tuple(map(float, pair.split(","))) for path in paths for pair in path.split()]
    assert len(places) == 4
    assert all(0 < x < width and 0 < y < height for x, y in places)
    assert places[0][1] > places[1][1] == places[2][1]  # more is higher
    names = [
        each for each in drawn.getElementsByTagName("text") if each.getAttribute("fill").startswith("#1b")
    ]
    assert [each.firstChild.data for each in names if each.firstChild] == ["a < b"]  # type: ignore[attr-defined]


def test_sentence_says_how_much_each_line_grows() -> None:
    said = sentence("accounts", {"delivery": [[1000, 6.0], [10, 2.0]], "unknown": [[10, 1.0]]})
    assert said == "From 10 to 1,000 accounts on the server: delivery × 3 (from 2 to 6)."
