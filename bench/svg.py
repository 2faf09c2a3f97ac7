"""A plot of lines on axes that count in powers of ten, as SVG, with nothing but strings.

Each line has its name at its right end, so there is no legend to look things up in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

Points = Iterable[tuple[float, float]]

WIDTH, HEIGHT = 840, 440
LEFT, RIGHT, TOP, BOTTOM = 78, 270, 64, 56
COLOURS = ("#1b6ca8", "#c2410c", "#2f7d32", "#7a3e9d", "#8a6d00", "#b0225e", "#00767a", "#555555")
LABEL = 15  # between the names of two lines that end at one place


def plot(title: str, across: str, up: str, lines: Mapping[str, Points]) -> str:
    """`across` and `up` say what the axes count; only points above zero have a place on them."""
    kept = {name: sorted((x, y) for x, y in points if x > 0 and y > 0) for name, points in lines.items()}
    kept = {name: points for name, points in kept.items() if points}
    xs = _powers(x for points in kept.values() for x, _ in points)
    ys = _powers(y for points in kept.values() for _, y in points)

    def at(x: float, y: float) -> tuple[float, float]:
        return _place(x, xs, LEFT, WIDTH - RIGHT), _place(y, ys, HEIGHT - BOTTOM, TOP)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="26" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 14}" fill="#555">{escape(up)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle" fill="#555">'
        f"{escape(across)}</text>",
    ]
    for power in range(xs[0], xs[1] + 1):
        x, _ = at(10.0**power, 10.0 ** ys[0])
        out.append(_line(x, TOP, x, HEIGHT - BOTTOM, "#e4e4e4"))
        out.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_spelled(power)}</text>'
        )
    for power in range(ys[0], ys[1] + 1):
        _, y = at(10.0 ** xs[0], 10.0**power)
        out.append(_line(LEFT, y, WIDTH - RIGHT, y, "#e4e4e4"))
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_spelled(power)}</text>')
    out.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#888"))
    out.append(_line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "#888"))
    ends = {name: at(*points[-1]) for name, points in kept.items()}
    names = _apart({name: y for name, (_, y) in ends.items()})
    for number, (name, points) in enumerate(kept.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x = WIDTH - RIGHT + 12
        out.append(_line(ends[name][0] + 4, ends[name][1], x - 3, names[name] - 4, colour, "2 2"))
        out.append(f'<text x="{x}" y="{names[name]:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])


def _powers(values: Iterable[float]) -> tuple[int, int]:
    """The powers of ten around all values, at least one apart."""
    logs = [math.log10(value) for value in values] or [0.0]
    low = math.floor(min(logs) + 1e-9)
    return low, max(math.ceil(max(logs) - 1e-9), low + 1)


def _place(value: float, powers: tuple[int, int], start: float, end: float) -> float:
    low, high = powers
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def _apart(wanted: Mapping[str, float]) -> dict[str, float]:
    """Where the names stand: beside their lines, but never on each other."""
    out: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        last = max(y + 4, last + LABEL)
        out[name] = last
    over = last - (HEIGHT - BOTTOM)
    if over > 0:
        out = {name: y - over for name, y in out.items()}
    return out


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}" '
        f'stroke-width="1"{dashed}/>'
    )


def _spelled(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"
