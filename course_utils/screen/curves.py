"""The curves of a training as a picture in SVG.

Matplotlib takes up to a tenth of a second for a picture beside a training, and a new one comes every half second: so
the lines are written as text.
"""

import html
import math
from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from ..plots import PALETTE

Points = Sequence[tuple[float, float]]  # each an epoch, whole or in parts, and the value there
NO_CURVE = ("seconds", "learning_rate")  # numbers of the history that are no measure of the network
SIZE, PANEL = (760, 230), (290, 160)  # pixels: of the picture, and of the frame of one set of curves


def curves(history: Mapping[str, Points], now: Mapping[str, Points]) -> bytes:
    """Draw loss, and the first other number, over the epochs: training dashed, validation solid.

    Args:
        history: {name: its points}, one for each epoch.
        now: {name: points} in the middle of an epoch.

    Returns:
        A picture in SVG. Values that are not finite are left out.
    """
    names = [name for name in history or now if not name.startswith("val_") and name not in NO_CURVE]
    names = sorted(names, key="loss".__ne__)[:2]
    has_validation = any(name.startswith("val_") for name in history)
    parts = [f'<rect width="{SIZE[0]}" height="{SIZE[1]}" fill="white"/>', *_line("training", [(70, 12), (96, 12)])]
    parts.append('<text x="102" y="16">training</text>')
    if has_validation:
        parts += [*_line("validation", [(172, 12), (198, 12)]), '<text x="204" y="16">validation</text>']
    for place, name in enumerate(names):
        training = sorted([*history.get(name, ()), *now.get(name, ())])
        lines = {"training": training, "validation": history.get(f"val_{name}", ())}
        parts += [f'<g transform="translate({70 + 385 * place} 28)">', *_panel(name.replace("_", " "), lines), "</g>"]
    size = f'width="{SIZE[0]}" height="{SIZE[1]}"'
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(parts)}</svg>'.encode()


def _panel(name: str, lines: Mapping[str, Points]) -> list[str]:
    """Draw axes and lines. The frame's upper left corner is at (0, 0)."""
    wide, high = PANEL
    lines = {kind: [point for point in points if math.isfinite(point[1])] for kind, points in lines.items()}
    points = [point for line in lines.values() for point in line]
    parts = [
        f'<path d="M0 0V{high}H{wide}" fill="none" stroke="#333"/>',
        f'<text x="{wide / 2}" y="{high + 36}" text-anchor="middle">epoch</text>',
        f'<text transform="translate(-57 {high / 2}) rotate(-90)" text-anchor="middle">{html.escape(name)}</text>',
    ]
    if not points:
        return parts
    epochs, values = zip(*points, strict=True)
    left = math.ceil(min(epochs)) - 1  # where the first epoch began
    right = max(*epochs, left + 1)
    lowest, highest = min(values), max(values)
    if lowest == highest:
        margin = abs(lowest) / 20 or 1
        lowest, highest = lowest - margin, highest + margin

    def across(value):
        return wide * (0.03 + 0.94 * (value - left) / (right - left))

    def down(value):
        return high * (0.95 - 0.9 * (value - lowest) / (highest - lowest))

    for tick in MaxNLocator(5, integer=True).tick_values(left, right):
        if left <= tick <= right:
            x = across(tick)
            parts.append(f'<path d="M{x:.1f} {high}v4" stroke="#333"/>')
            parts.append(f'<text x="{x:.1f}" y="{high + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(lowest, highest):
        if lowest <= tick <= highest:
            y = down(tick)
            parts.append(f'<path d="M0 {y:.1f}h-4" stroke="#333"/>')
            parts.append(f'<text x="-7" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for kind, line in lines.items():
        parts += _line(kind, [(across(epoch), down(value)) for epoch, value in line])
    return parts


def _line(kind: str, places: Sequence[tuple[float, float]]) -> list[str]:
    """Draw one line through places in pixels, with a dot at each where there are few."""
    colour, dashes = (PALETTE[0], ' stroke-dasharray="5 3"') if kind == "training" else (PALETTE[1], "")
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline class="{kind}" points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>']
    if len(places) <= 40:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in places]
    return parts
