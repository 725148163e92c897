"""A renderer of our own: ten kinds of things, drawn as they might stand in a snapshot.

Nothing but the shape tells the kinds apart. Each picture draws its own pose (turned, mirrored, squeezed, slanted, large
or small, off the middle), its own colours (any colour for any kind, light on dark or dark on light), its own ground,
light and blur, things that lie about, and variants of the kind itself: wheels of all sizes, five to eight petals.
So a pixel means nothing by itself, and edges, corners and their arrangement mean everything.

A picture depends only on its kind and number. Its random numbers are those of ``numpy.random.RandomState``, a stream
that NumPy promises never to change. Corners are rounded to a fine grid before anything is filled, and what follows is
plain arithmetic: the same pictures with every version and on every platform. `images.BUNDLED_SHA256` is their hash:
whoever edits a line here makes a new data set, on which every recorded number has to be measured again.
"""

import colorsys
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import RandomState

SEED = 2_008
SIDE = 64
# Each pixel is the mean of so many samples in each direction.
SAMPLES = 4
SAMPLED = SIDE * SAMPLES
# Corners lie on a grid of so many steps per sample: far finer than the eye, far coarser than rounding errors.
STEPS = 64
# What the colours of a thing keep between them and the ground, as a distance of weighted red, green and blue.
CONTRAST = 0.4

Point = tuple[float, float]
Ring = list[Point]


class Part(NamedTuple):
    """A piece of a thing in one colour.

    Attributes:
        rings: Closed outlines in the thing's own square, x to the right and y down, each from -1 to 1. They are filled
            where they wind round a point; one that runs the other way round cuts a hole.
        role: Which colour of the picture's palette: "main", "second", "accent" or "line".
    """

    rings: list[Ring]
    role: str


# --- Outlines


def _between(rng: "RandomState", low: float, high: float) -> float:
    return low + (high - low) * rng.random_sample()


def _chance(rng: "RandomState", share: float) -> bool:
    return rng.random_sample() < share


def _whole(rng: "RandomState", low: int, high: int) -> int:
    """Draw a whole number from low to high, both included."""
    return low + int((high - low + 1) * rng.random_sample())


def _disc(x: float, y: float, wide: float, high: float = 0.0, turn: float = 0.0) -> Ring:
    """Outline an ellipse by its half axes (a circle by one), turned by an angle in radians."""
    return _arc(x, y, wide, high or wide, 0.0, 2 * math.pi, turn)[:-1]


def _arc(x: float, y: float, wide: float, high: float, start: float, end: float, turn: float = 0.0) -> Ring:
    """Follow an ellipse from one angle to another; angles grow clockwise on the picture, 0 is to the right."""
    count = max(6, round(abs(end - start) * 5))
    angles = [start + (end - start) * step / count for step in range(count + 1)]
    local = [(wide * math.cos(angle), high * math.sin(angle)) for angle in angles]
    cosine, sine = math.cos(turn), math.sin(turn)
    return [(x + cosine * u - sine * v, y + sine * u + cosine * v) for u, v in local]


def _box(left: float, top: float, right: float, bottom: float) -> Ring:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _hole(ring: Ring) -> Ring:
    return ring[::-1]


def _hoop(x: float, y: float, radius: float, thickness: float) -> list[Ring]:
    return [_disc(x, y, radius), _hole(_disc(x, y, radius - thickness))]


def _stroke(points: Sequence[Point], width: float) -> list[Ring]:
    """Outline a line of some width along points, round at its corners and ends."""
    rings = [_disc(x, y, width / 2) for x, y in points]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        across, down = (y2 - y1) / length * width / 2, -(x2 - x1) / length * width / 2
        rings.append([(x1 + across, y1 + down), (x2 + across, y2 + down), (x2 - across, y2 - down)])
        rings[-1].append((x1 - across, y1 - down))
    return rings


def _bow(start: Point, bend: Point, end: Point) -> list[Point]:
    """Follow a quadratic Bezier curve."""
    steps = [step / 10 for step in range(11)]
    weights = [((1 - t) ** 2, 2 * t * (1 - t), t**2) for t in steps]
    return [tuple(a * p + b * q + c * r for p, q, r in zip(start, bend, end, strict=True)) for a, b, c in weights]


def _mirrored(rings: Iterable[Ring]) -> list[Ring]:
    """Mirror outlines left to right; the order of the corners turns too, so that holes stay holes."""
    return [[(-x, y) for x, y in ring[::-1]] for ring in rings]


# --- The ten kinds, back to front


def _bicycle(rng: "RandomState") -> list[Part]:
    radius, thickness = _between(rng, 0.36, 0.45), _between(rng, 0.07, 0.1)
    width = _between(rng, 0.08, 0.11)
    rear, front, pedal = (-0.55, 0.3), (0.55, 0.3), (-0.06, 0.34)
    saddle, head = (-0.2, _between(rng, -0.3, -0.2)), (0.34, _between(rng, -0.3, -0.2))
    low_bar = _chance(rng, 0.3)
    frame = [*_stroke([rear, pedal, head, front], width), *_stroke([pedal, saddle, rear], width)]
    frame += _stroke([(-0.14, 0.02) if low_bar else saddle, (0.38, -0.08) if low_bar else head], width)
    spokes, first, count = [], _between(rng, 0, math.pi), _whole(rng, 2, 4)
    for x, y in (rear, front):
        for spoke in range(count):
            angle = first + math.pi * spoke / count
            u, v = radius * math.cos(angle) * 0.95, radius * math.sin(angle) * 0.95
            spokes += _stroke([(x - u, y - v), (x + u, y + v)], 0.035)
    top = (head[0] - 0.06, head[1] - 0.2)
    grip = (top[0] + 0.2, top[1] - 0.02) if _chance(rng, 0.5) else (top[0] - 0.18, top[1] - 0.04)
    seat = [saddle, (saddle[0] - 0.03, saddle[1] - 0.12)]
    return [
        Part(spokes, "second"),
        Part([*_hoop(*rear, radius, thickness), *_hoop(*front, radius, thickness)], "line"),
        Part(frame, "main"),
        Part([*_stroke([head, top, grip], width * 0.8), *_stroke(seat, width * 0.8)], "line"),
        Part(_stroke([(seat[1][0] - 0.13, seat[1][1]), (seat[1][0] + 0.14, seat[1][1] + 0.01)], 0.11), "line"),
        Part([_disc(*pedal, 0.1)], "second"),
    ]


def _butterfly(rng: "RandomState") -> list[Part]:
    tilt, tall = _between(rng, 0.5, 0.85), _between(rng, 0.32, 0.42)
    upper = _disc(0.48, -0.32, _between(rng, 0.5, 0.58), tall, -tilt)
    lower = _disc(0.36, 0.36, _between(rng, 0.36, 0.44), tall * 0.78, tilt * 0.9)
    spots = [_disc(0.62, -0.46, 0.13, 0.17, -tilt), _disc(0.42, 0.44, 0.1, 0.12)]
    if _chance(rng, 0.6):
        spots.append(_disc(0.3, -0.2, 0.09))
    feeler = _bow((0.02, -0.5), (0.08, -0.8), (0.28, -0.95))
    wings = "main" if _chance(rng, 0.5) else "second"
    return [
        Part([lower, *_mirrored([lower])], wings),
        Part([upper, *_mirrored([upper])], "main"),
        Part([*spots, *_mirrored(spots)], "accent"),
        Part([*_stroke(feeler, 0.05), *_mirrored(_stroke(feeler, 0.05))], "line"),
        Part([_disc(0, 0.05, 0.09, 0.55), _disc(0, -0.5, 0.11)], "line"),
    ]


def _chair(rng: "RandomState") -> list[Part]:
    wide, deep = _between(rng, 0.4, 0.5), _between(rng, 0.2, 0.3)
    top, seat, foot = _between(rng, -0.95, -0.75), _between(rng, 0.02, 0.12), 0.92
    leg = _between(rng, 0.09, 0.13)
    # Seen from one side and a little from above: what lies behind is drawn higher and to the right.
    near = [(-wide - deep / 2, seat + deep), (wide - deep / 2, seat + deep)]
    far = [(wide + deep / 2, seat), (-wide + deep / 2, seat)]
    left, right = far[1][0], far[0][0]
    behind = [*_stroke([far[0], (right, foot - deep)], leg), *_stroke([far[1], (left, foot - deep)], leg)]
    posts = [*_stroke([(left, seat), (left, top)], leg), *_stroke([(right, seat), (right, top)], leg)]
    kind = _whole(rng, 0, 2)
    if kind == 0:  # slats
        places = [top + (seat - top) * share for share in (0.0, 0.3, 0.6)]
        back = [ring for y in places for ring in _stroke([(left, y), (right, y)], leg * 1.2)]
    elif kind == 1:  # bars
        places = [left + (right - left) * share for share in (0.25, 0.5, 0.75)]
        back = [ring for x in places for ring in _stroke([(x, seat), (x, top)], leg * 0.7)]
        back += _stroke([(left, top), (right, top)], leg * 1.4)
    else:  # a panel
        back = [_box(left, top, right, top + (seat - top) * _between(rng, 0.5, 0.8))]
    before = [ring for x, y in near for ring in _stroke([(x, y), (x, foot)], leg)]
    rim = 0.08
    edge = [*near[::-1], (near[0][0], near[0][1] + rim), (near[1][0], near[1][1] + rim)]
    return [
        Part(behind, "second"),
        Part(posts, "main"),
        Part(back, "main"),
        Part(before, "main"),
        Part([[*near, *far]], "accent" if _chance(rng, 0.6) else "second"),
        Part([[edge[0], edge[1], edge[2], edge[3]]], "second"),
    ]


def _cup(rng: "RandomState") -> list[Part]:
    wide, foot = _between(rng, 0.44, 0.58), _between(rng, 0.6, 1.0)
    top, bottom = _between(rng, -0.5, -0.3), _between(rng, 0.55, 0.72)
    rim, x = _between(rng, 0.1, 0.17), -0.18
    body = [(x - wide, top), *_arc(x, bottom, wide * foot, rim, math.pi, 0.0), (x + wide, top)]
    grip = _between(rng, 0.24, 0.32)
    middle = (x + wide * (1 + foot) / 2 + 0.02, top + (bottom - top) * 0.45)
    handle = [_disc(*middle, grip, grip * 1.15), _hole(_disc(*middle, grip - 0.12, grip * 1.15 - 0.12))]
    parts = []
    if _chance(rng, 0.4):  # a saucer
        parts += [Part([_disc(x, bottom + 0.12, 0.8, 0.2)], "second")]
    parts += [Part(handle, "main"), Part([body[::-1]], "main"), Part([_disc(x, top, wide, rim)], "second")]
    parts += [Part([_disc(x, top + 0.02, wide * 0.85, rim * 0.7)], "line")]
    if _chance(rng, 0.5):  # a band
        y, height = top + (bottom - top) * _between(rng, 0.4, 0.65), _between(rng, 0.08, 0.16)
        spans = [wide * (1 + (foot - 1) * (at - top) / (bottom - top)) for at in (y, y + height)]
        upper = _arc(x, y, spans[0], rim, math.pi, 0.0)
        parts.append(Part([_hole([*upper, *_arc(x, y + height, spans[1], rim, 0.0, math.pi)])], "accent"))
    if _chance(rng, 0.4):  # steam
        for shift in (-0.2, 0.15):
            low, high = (x + shift, top - 0.15), (x + shift + 0.05, top - 0.5)
            wave = _bow(low, (low[0] + 0.2, top - 0.28), ((low[0] + high[0]) / 2, top - 0.33))
            wave += _bow(wave[-1], (low[0] - 0.15, top - 0.4), high)
            parts.append(Part(_stroke(wave, 0.06), "second"))
    return parts


def _fish(rng: "RandomState") -> list[Part]:
    high, nose, root = _between(rng, 0.34, 0.5), -0.85, 0.5
    body = [*_bow((nose, 0.0), (-0.25, -2 * high), (root, -0.08)), *_bow((root, 0.08), (-0.25, 2 * high), (nose, 0.0))]
    spread, notch = _between(rng, 0.3, 0.48), _between(rng, 0.1, 0.28)
    tail = [(root - 0.1, 0.0), (0.95, -spread), (0.95 - notch, 0.0), (0.95, spread)]
    fin = [(-0.4, -high * 0.75), *_bow((-0.25, -high - 0.22), (0.1, -high - 0.25), (0.25, -high * 0.6))]
    belly = [(-0.15, high * 0.7), (0.1, high + 0.2), (0.2, high * 0.55)]
    parts = [Part([tail], "second"), Part([fin, belly[::-1]], "second"), Part([body], "main")]
    if _chance(rng, 0.6):  # stripes
        for place in range(_whole(rng, 2, 3)):
            at = -0.3 + 0.25 * place
            tall = high * (0.85 - 0.9 * max(0.0, at))
            stripe = _bow((at, -tall), (at + 0.12, 0.0), (at, tall))
            parts.append(Part(_stroke(stripe, 0.08), "accent"))
    else:
        parts.append(Part(_stroke(_bow((-0.45, -high * 0.6), (-0.3, 0.0), (-0.45, high * 0.6)), 0.05), "line"))
        parts.append(Part([[(-0.2, 0.02), (0.1, -0.06), (0.1, 0.16)]], "second"))
    eye = (-0.6, -0.1)
    mouth = _stroke([(nose + 0.02, 0.04), (nose + 0.14, 0.09)], 0.05)
    return [*parts, Part([_disc(*eye, 0.11)], "accent"), Part([_disc(*eye, 0.065), *mouth], "line")]


def _flower(rng: "RandomState") -> list[Part]:
    count, y = _whole(rng, 5, 8), -0.38
    reach, long = _between(rng, 0.3, 0.36), _between(rng, 0.23, 0.29)
    broad, first = min(0.22, 1.05 * reach * math.pi / count), _between(rng, 0, 1)
    petals = []
    for petal in range(count):
        angle = first + 2 * math.pi * petal / count
        petals.append(_disc(reach * math.cos(angle), y + reach * math.sin(angle), long, broad, angle))
    bend = _between(rng, -0.25, 0.25)
    stem = _bow((0.0, y), (bend, 0.3), (0.0, 0.98))
    leaves = [_disc(-0.26, 0.6, 0.28, 0.11, 0.6)]
    if _chance(rng, 0.7):
        leaves.append(_disc(0.28, 0.5, 0.28, 0.11, -0.6))
    return [
        Part([*_stroke(stem, _between(rng, 0.07, 0.11)), *leaves], "second"),
        Part(petals, "main"),
        Part([_disc(0, y, _between(rng, 0.15, 0.2))], "accent"),
    ]


def _house(rng: "RandomState") -> list[Part]:
    wide, eaves, ground = _between(rng, 0.55, 0.75), _between(rng, -0.25, 0.0), 0.85
    top, over = eaves - _between(rng, 0.5, 0.7), _between(rng, 0.08, 0.18)
    ridge = _between(rng, 0.0, 0.25) if _chance(rng, 0.5) else 0.0
    roof = [(-wide - over, eaves), (-ridge, top), (ridge + 0.01, top), (wide + over, eaves)]
    parts = []
    if _chance(rng, 0.7):
        place = wide * _between(rng, 0.45, 0.65)
        parts.append(Part([_box(place - 0.09, top + 0.05, place + 0.09, eaves)], "line"))
    parts += [Part([_box(-wide, eaves - 0.02, wide, ground)], "main"), Part([roof], "second")]
    door = wide * _between(rng, -0.5, 0.5)
    parts.append(Part([_box(door - 0.12, ground - 0.46, door + 0.12, ground)], "line"))
    size = _between(rng, 0.12, 0.16)
    places = [x for x in (-wide * 0.6, 0.0, wide * 0.6) if abs(x - door) > 0.14 + size]
    level = eaves + 0.12 + size
    panes = [_box(x - size, level - size, x + size, level + size) for x in places]
    bars = [ring for x in places for ring in _stroke([(x - size, level), (x + size, level)], 0.04)]
    bars += [ring for x in places for ring in _stroke([(x, level - size), (x, level + size)], 0.04)]
    parts += [Part(panes, "accent"), Part(bars, "line")]
    if _chance(rng, 0.4):
        parts.append(Part([_disc(0.0, (eaves + top) / 2 + 0.08, 0.11)], "accent"))
    return parts


def _mushroom(rng: "RandomState") -> list[Part]:
    wide, high, brim = _between(rng, 0.68, 0.85), _between(rng, 0.6, 0.85), _between(rng, 0.08, 0.18)
    y = _between(rng, 0.0, 0.1)
    cap = [*_arc(0, y, wide, high, math.pi, 2 * math.pi), *_arc(0, y, wide, brim, 0.0, math.pi)[1:-1]]
    neck, foot = _between(rng, 0.16, 0.22), _between(rng, 0.22, 0.36)
    stalk = [(-neck, y), (neck, y), *_bow((neck, 0.5), (neck + 0.02, 0.75), (foot, 0.85))]
    stalk += _bow((foot, 0.85), (0.0, 1.0), (-foot, 0.85))[1:-1]
    stalk += _bow((-foot, 0.85), (-neck - 0.02, 0.75), (-neck, 0.5))
    dots = [_disc(0.02, y - high * 0.62, 0.15, 0.12), _disc(-wide * 0.5, y - high * 0.32, 0.12, 0.13)]
    dots += [_disc(wide * 0.48, y - high * 0.34, 0.13, 0.13), _disc(-0.06, y - high * 0.12, 0.1, 0.08)]
    if _chance(rng, 0.5):
        dots += [_disc(-wide * 0.8, y - 0.06, 0.07, 0.07), _disc(wide * 0.78, y - 0.05, 0.08, 0.07)]
    under = [*_arc(0, y, wide * 0.9, brim, 0.0, math.pi), *_arc(0, y, wide * 0.9, brim * 0.3, math.pi, 0.0)[1:-1]]
    parts = [Part([stalk], "second")]
    if _chance(rng, 0.5):  # a ring round the stalk
        parts.append(Part([_disc(0, y + 0.3, neck + 0.1, 0.07)], "accent"))
    return [*parts, Part([cap], "main"), Part([under], "line"), Part(dots, "accent")]


def _sailboat(rng: "RandomState") -> list[Part]:
    deck, keel, mast = _between(rng, 0.4, 0.5), _between(rng, 0.72, 0.85), _between(rng, -0.15, 0.1)
    bow, stern = _between(rng, 0.78, 0.95), _between(rng, 0.65, 0.8)
    hull = [(-stern, deck), (bow, deck), *_bow((bow, deck), (0.55, keel), (0.35, keel)), (-stern * 0.75, keel)]
    boom = deck - _between(rng, 0.1, 0.16)
    bulge = _between(rng, 0.05, 0.3)
    main = [(mast - 0.06, -0.85), *_bow((mast - 0.06, boom), (mast - 0.4, boom + 0.02), (-stern * 0.95, boom))]
    main += _bow((-stern * 0.95, boom), (mast - 0.5 + bulge, -0.3 - bulge), (mast - 0.06, -0.85))[1:-1]
    jib = [(mast + 0.07, -0.7), *_bow((mast + 0.07, -0.7), (mast + 0.5, -0.1), (bow * 0.88, boom))]
    jib += [(mast + 0.07, boom)]
    parts = [
        Part(_stroke([(mast, -0.92), (mast, deck)], 0.07), "line"),
        Part([main[::-1]], "second"),
        Part([jib], "accent" if _chance(rng, 0.5) else "second"),
        Part([hull], "main"),
    ]
    if _chance(rng, 0.5):
        parts.append(Part(_stroke([(-stern * 0.9, deck + 0.1), (bow * 0.85, deck + 0.1)], 0.06), "accent"))
    if _chance(rng, 0.5):
        parts.append(Part([[(mast, -1.0), (mast + 0.25, -0.92), (mast, -0.84)]], "accent"))
    return parts


def _umbrella(rng: "RandomState") -> list[Part]:
    wide, high = _between(rng, 0.8, 0.95), _between(rng, 0.62, 0.8)
    y, scallop = _between(rng, -0.1, 0.0), _between(rng, 0.12, 0.2)
    count = 2 * _whole(rng, 2, 3) if _chance(rng, 0.5) else 5
    tips = [-wide + 2 * wide * tip / count for tip in range(count + 1)]
    brim = [
        _bow((right, y), ((left + right) / 2, y - 2 * scallop), (left, y)) for left, right in itertools.pairwise(tips)
    ]
    canopy = [*_arc(0, y, wide, high, math.pi, 2 * math.pi)]
    for bow in brim[::-1]:
        canopy += bow[1:]
    ribs, panels = [], []
    for place, (left, right) in enumerate(itertools.pairwise(tips)):
        sides = [_bow((0.0, y - high), (tip * 0.9, y - high * 0.75), (tip, y)) for tip in (left, right)]
        if place:
            ribs += _stroke(sides[0], 0.035)
        if place % 2:
            panels.append([*sides[1], *brim[place][1:], *sides[0][::-1]])
    hook = _between(rng, 0.14, 0.2)
    side = 1 if _chance(rng, 0.5) else -1
    bend = [(x * side + hook * side, bottom) for x, bottom in _arc(0, 0.78, hook, hook, math.pi, 0.0)]
    return [
        Part(_stroke([(0.0, y - high - 0.13), (0.0, 0.78), *bend], _between(rng, 0.07, 0.1)), "line"),
        Part([canopy], "main"),
        Part(panels, "second") if _chance(rng, 0.6) else Part(ribs, "line"),
    ]


# {kind: (how to draw it, how far it may turn in degrees)}
KINDS = {
    "bicycle": (_bicycle, 15),
    "butterfly": (_butterfly, 40),
    "chair": (_chair, 12),
    "cup": (_cup, 15),
    "fish": (_fish, 30),
    "flower": (_flower, 20),
    "house": (_house, 12),
    "mushroom": (_mushroom, 20),
    "sailboat": (_sailboat, 15),
    "umbrella": (_umbrella, 25),
}


# --- From outlines to pixels


def _fill(rings: Sequence[Ring]) -> "np.ndarray":
    """Fill outlines given in shares of the picture's side: bool (SAMPLED, SAMPLED), True inside."""
    import numpy as np

    # How often the outlines wind round a sample: add up, from the left, the edges that pass through its row.
    passing = np.zeros((SAMPLED, SAMPLED + 1), np.int16)
    begins = [len(ring) for ring in rings]
    corners = np.rint(np.array([corner for ring in rings for corner in ring]) * (SAMPLED * STEPS)) / STEPS
    ends = np.arange(1, len(corners) + 1)
    ends[np.cumsum(begins) - 1] -= begins  # the last corner of a ring leads back to its first
    (x1, y1), (x2, y2) = corners.T, corners[ends].T
    top, bottom = (
        np.clip(np.ceil(edge(y1, y2) - 0.5), 0, SAMPLED).astype(np.int64) for edge in (np.minimum, np.maximum)
    )
    count = bottom - top
    edge = np.repeat(np.arange(len(corners)), count)
    row = np.arange(len(edge)) + np.repeat(top - np.cumsum(count) + count, count)
    x = x1[edge] + (row + 0.5 - y1[edge]) * (x2 - x1)[edge] / (y2 - y1)[edge]
    column = np.clip(np.ceil(x - 0.5), 0, SAMPLED).astype(np.int64)
    np.add.at(passing, (row, column), np.where(y2 > y1, 1, -1).astype(np.int16)[edge])
    filled = np.zeros((SAMPLED, SAMPLED), bool)
    rows = slice(top.min(), bottom.max())
    filled[rows] = np.cumsum(passing[rows], axis=1, dtype=np.int16)[:, :SAMPLED] != 0
    return filled


def _coverage(filled: "np.ndarray") -> "np.ndarray":
    """Average samples to pixels: (SIDE, SIDE, 1) float64 0..1."""
    import numpy as np

    columns = sum(filled[:, first::SAMPLES].astype(np.uint8) for first in range(SAMPLES))
    return sum(columns[first::SAMPLES] for first in range(SAMPLES))[..., None] / SAMPLES**2


def _grown(filled: "np.ndarray", samples: int) -> "np.ndarray":
    """Let a filled area grow by so many samples to all sides."""
    import numpy as np

    grown, padded = filled.copy(), np.pad(filled, samples)
    near = round(samples * 0.7)
    for down, right in ((samples, 0), (0, samples), (near, near), (near, -near)):
        for sign in (1, -1):
            top, left = samples + sign * down, samples + sign * right
            grown |= padded[top : top + SAMPLED, left : left + SAMPLED]
    return grown


def _clouds(rng: "RandomState", coarsest: int, finest: int) -> "np.ndarray":
    """Make noise of several sizes, the cells of each half as large as the one before: (SIDE, SIDE) float64 0..1."""
    import numpy as np

    total, weight, cells = np.zeros((SIDE, SIDE)), 0.0, coarsest
    while cells <= finest:
        grid = rng.random_sample((cells + 1, cells + 1))
        place = (np.arange(SIDE) + 0.5) * cells / SIDE
        cell = place.astype(np.int64)
        share = place - cell
        rows = grid[cell] * (1 - share)[:, None] + grid[cell + 1] * share[:, None]  # (SIDE, cells + 1)
        total += (rows[:, cell] * (1 - share) + rows[:, cell + 1] * share) / cells
        weight += 1 / cells
        cells *= 2
    return total / weight


def _ramp(rng: "RandomState") -> "np.ndarray":
    """Go from 0 to 1 across the picture in a random direction: (SIDE, SIDE) float64."""
    import numpy as np

    angle = round(_between(rng, 0, 2 * math.pi), 3)
    right, down = round(math.cos(angle), 6), round(math.sin(angle), 6)
    steps = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    return 0.5 + (steps * right + steps[:, None] * down) / (abs(right) + abs(down))


def _waves(rng: "RandomState", count: float) -> "np.ndarray":
    """Go up and down between 0 and 1 about so many times in a random direction: (SIDE, SIDE) float64."""
    import numpy as np

    return abs(np.mod(_ramp(rng) * count + rng.random_sample(), 1.0) * 2 - 1)


# --- Colours


def _rgb(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    # Rounded, because the last digits differ between systems.
    return tuple(round(part, 6) for part in colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def _distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Tell how different two colours look: 0 for the same, 1 for black and white."""
    return math.sqrt(sum(w * (a - b) ** 2 for w, a, b in zip((0.35, 0.5, 0.15), first, second, strict=True)))


def _unlike(rng: "RandomState", others: Sequence[Sequence[float]], least: float) -> tuple[float, ...]:
    """Draw a colour that keeps a distance from others; where thirty tries do not give one, the farthest of them."""
    best, farthest = (), -1.0
    for _ in range(30):
        colour = _rgb(rng.random_sample(), _between(rng, 0.1, 1.0), _between(rng, 0.1, 1.0))
        nearest = min(_distance(colour, other) for other in others)
        if nearest >= least:
            return colour
        if nearest > farthest:
            best, farthest = colour, nearest
    return best


def _palette(rng: "RandomState") -> dict[str, tuple[float, ...]]:
    """Draw the colours of one picture: two of the ground, the others of the thing."""
    ground = _rgb(rng.random_sample(), _between(rng, 0.0, 0.8), _between(rng, 0.1, 1.0))
    shift = [_between(rng, -0.18, 0.18) for _ in range(3)]
    other = tuple(min(1.0, max(0.0, round(a + b, 6))) for a, b in zip(ground, shift, strict=True))
    grounds = [ground, other]
    main = _unlike(rng, grounds, CONTRAST)
    second = _unlike(rng, [*grounds, main], CONTRAST * 0.6)
    accent = _unlike(rng, [main, second], CONTRAST * 0.8)
    line = _unlike(rng, [*grounds, main], CONTRAST * 0.75)
    return {"ground": ground, "other": other, "main": main, "second": second, "accent": accent, "line": line}


# --- The picture


def draw(kind: str, number: int) -> "np.ndarray":
    """Draw one picture.

    Args:
        kind: What it shows, a key of KINDS.
        number: Which picture of the kind, from 0 on.

    Returns:
        (64, 64, 3) uint8, red, green and blue.

    Raises:
        ValueError: No such kind, or no such number.
    """
    import numpy as np

    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not known. Pass one of {', '.join(KINDS)}.")
    if number < 0:
        raise ValueError(f"number={number!r} does not fit: pictures are counted. Pass a whole number from 0 on.")
    rng = np.random.RandomState([SEED, list(KINDS).index(kind), number])
    palette = _palette(rng)
    canvas = _ground(rng, palette)
    for _ in range(_whole(rng, 1, 4)):  # what lies about
        canvas = _scatter(rng, canvas, palette, _between(rng, 0.06, 0.18))
    make, turn = KINDS[kind]
    pose = _pose(rng, turn)
    parts = [Part([pose(ring) for ring in part.rings], part.role) for part in make(rng) if part.rings]
    canvas = _place(rng, canvas, parts, palette)
    for _ in range(_whole(rng, 0, 2)):  # what hangs before it, at the rim
        canvas = _scatter(rng, canvas, palette, _between(rng, 0.05, 0.1), rim=True)
    return _photograph(rng, canvas)


def _ground(rng: "RandomState", palette: dict) -> "np.ndarray":
    """Paint the ground: (SIDE, SIDE, 3) float64."""
    import numpy as np

    kind = _whole(rng, 0, 5)
    if kind == 0:
        pattern = _ramp(rng)
    elif kind == 1:
        pattern = _clouds(rng, 2, 16)
    elif kind == 2:
        pattern = np.clip(_waves(rng, _between(rng, 2, 7)) * 4 - 1.5, 0, 1)
    elif kind == 3:
        pattern = (_waves(rng, _between(rng, 2, 6)) > 0.5) ^ (_waves(rng, _between(rng, 2, 6)) > 0.5)
        pattern = pattern * 0.8
    elif kind == 4:  # a horizon
        level = _between(rng, 0.35, 0.75) + 0.15 * (_clouds(rng, 2, 8) - 0.5)
        pattern = ((np.arange(SIDE)[:, None] + 0.5) / SIDE > level) * 1.0
    else:  # specks
        pattern = np.clip((_clouds(rng, 8, 32) - 0.5) * 8, 0, 1)
    first, second = (np.array(palette[name]) for name in ("ground", "other"))
    rough = (_clouds(rng, 16, 64) - 0.5) * _between(rng, 0.0, 0.2)
    return first + (second - first) * pattern[..., None] + rough[..., None]


def _scatter(rng, canvas: "np.ndarray", palette: dict, size: float, rim: bool = False) -> "np.ndarray":
    """Paint some small thing without a meaning: a block, a disc, a bar or a hoop."""
    import numpy as np

    x, y = rng.random_sample(), rng.random_sample()
    if rim:  # pushed to the nearest side
        x, y = (round(x), y) if abs(x - 0.5) > abs(y - 0.5) else (x, round(y))
    kind = _whole(rng, 0, 3)
    if kind == 0:
        count, first = _whole(rng, 3, 6), rng.random_sample()
        corners = [first + 2 * math.pi * corner / count for corner in range(count)]
        rings = [[(x + size * math.cos(angle), y + size * math.sin(angle)) for angle in corners]]
    elif kind == 1:
        rings = [_disc(x, y, size, size * _between(rng, 0.5, 1.0), rng.random_sample() * 3)]
    elif kind == 2:
        angle = rng.random_sample() * math.pi
        u, v = 2 * size * math.cos(angle), 2 * size * math.sin(angle)
        rings = _stroke([(x - u, y - v), (x + u, y + v)], size * _between(rng, 0.2, 0.5))
    else:
        rings = _hoop(x, y, size, size * _between(rng, 0.25, 0.5))
    near = [palette["ground"], palette["other"]]
    colour = _unlike(rng, near, 0.12)
    # Paler than the thing itself, or it would be the first that one sees.
    blend = _between(rng, 0.35, 0.8)
    return canvas + (np.array(colour) - canvas) * (_coverage(_fill(rings)) * blend)


def _pose(rng: "RandomState", most: float):
    """Draw how the thing stands: a function from its own square to shares of the picture's side."""
    turn = math.radians(_between(rng, -most, most))
    size = _between(rng, 0.37, 0.48)
    squeeze, slant = _between(rng, 0.78, 1.12), _between(rng, -0.18, 0.18)
    mirror = -1 if _chance(rng, 0.5) else 1
    play = 0.5 - size + 0.02
    x, y = 0.5 + _between(rng, -play, play), 0.5 + _between(rng, -play, play)
    cosine, sine = math.cos(turn), math.sin(turn)

    def place(ring: Ring) -> Ring:
        flat = [(mirror * squeeze * u + slant * v, v) for u, v in ring]
        return [(x + size * (cosine * u - sine * v), y + size * (sine * u + cosine * v)) for u, v in flat]

    return place


def _place(rng: "RandomState", canvas: "np.ndarray", parts: list[Part], palette: dict) -> "np.ndarray":
    """Paint the thing with its shadow, its outline, its light and its grain."""
    import numpy as np

    masks = [_fill(part.rings) for part in parts]
    whole = np.logical_or.reduce(masks)
    if _chance(rng, 0.6):  # a shadow
        shift = [round(_between(rng, -0.06, 0.06) * SAMPLED) for _ in range(2)]
        shadow = _coverage(_grown(np.roll(whole, shift, axis=(0, 1)), 6))
        canvas = canvas * (1 - shadow * _between(rng, 0.2, 0.5))
    if _chance(rng, 0.45):  # an outline
        outline = _coverage(_grown(whole, _whole(rng, 3, 6)))
        canvas = canvas + (np.array(palette["line"]) - canvas) * outline
    light = 1 + (_ramp(rng)[..., None] - 0.5) * _between(rng, 0.0, 0.7)
    grain = (_clouds(rng, 8, 64)[..., None] - 0.5) * _between(rng, 0.0, 0.35)
    for part, mask in zip(parts, masks, strict=True):
        paint = np.array(palette[part.role]) * light + grain
        canvas = canvas + (paint - canvas) * _coverage(mask)
    return canvas


def _photograph(rng: "RandomState", canvas: "np.ndarray") -> "np.ndarray":
    """Take the picture: uneven light, a lens that is not quite sharp, a sensor that is not quite clean."""
    import numpy as np

    canvas = canvas * (1 + (_ramp(rng)[..., None] - 0.5) * _between(rng, 0.0, 0.5)) + _between(rng, -0.08, 0.08)
    canvas = np.clip(canvas, 0, 1)
    blur = _between(rng, 0.0, 0.3)
    for axis in (0, 1):
        pad = np.pad(canvas, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        before, after = np.split(pad, [SIDE], axis)[0], np.split(pad, [2], axis)[1]
        canvas = canvas * (1 - blur) + (before + after) * (blur / 2)
    noise = (rng.random_sample((SIDE, SIDE, 3)) - 0.5) * _between(rng, 0.0, 0.08)
    return np.rint(np.clip(canvas + noise, 0, 1) * 255).astype(np.uint8)
