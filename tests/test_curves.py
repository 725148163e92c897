"""The curves of a training, as a picture in SVG."""

import math
import re
import time
import xml.etree.ElementTree as ElementTree

import pytest

from course_utils.screen import curves

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = {
    "accuracy": [(1, 0.5), (2, 0.75)], "loss": [(1, 2.0), (2, 1.0)],
    "val_accuracy": [(1, 0.4), (2, 0.6)], "val_loss": [(1, 2.5), (2, 1.5)],
    "seconds": [(1, 9.0), (2, 18.0)], "learning_rate": [(1, 0.1), (2, 0.1)],
}  # fmt: skip


def panels(history, now=None):
    """The two panels (or one) of a picture, each as an element."""
    return list(ElementTree.fromstring(curves.curves(history, now or {})).iter(f"{SVG}g"))


def words(element):
    return [text.text for text in element.iter(f"{SVG}text")]


def places(panel, kind):
    (line,) = [line for line in panel.iter(f"{SVG}polyline") if line.get("class") == kind]
    return [tuple(map(float, place.split(","))) for place in line.get("points").split()]


def ticks(panel, which):
    """{number at a tick: its place in pixels}, from left to right or from the bottom up."""
    down = str(curves.PANEL[1] + 18)
    found = [text for text in panel.iter(f"{SVG}text") if re.fullmatch(r"-?[\d.e+-]+", text.text)]
    if which == "x":
        return {float(text.text): float(text.get("x")) for text in found if text.get("y") == down}
    return {float(text.text): float(text.get("y")) - 4 for text in found if text.get("y") != down}


def test_two_panels_show_loss_first_then_the_other_number():
    left, right = panels(HISTORY)
    assert words(left)[:2] == ["epoch", "loss"]
    assert words(right)[:2] == ["epoch", "accuracy"]
    assert b"seconds" not in curves.curves(HISTORY, {})


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", ["training", "validation"])
def test_points_stand_where_the_axes_say(number, kind):
    name = ["loss", "accuracy"][number]
    values = HISTORY[name if kind == "training" else f"val_{name}"]
    panel = panels(HISTORY)[number]
    for (x, y), (epoch, value) in zip(places(panel, kind), values, strict=True):
        assert ticks(panel, "x")[epoch] == pytest.approx(x, abs=0.2)
        (first, first_place), (second, second_place) = list(ticks(panel, "y").items())[:2]
        assert y == pytest.approx(
            first_place + (value - first) / (second - first) * (second_place - first_place), abs=0.5
        )


def test_present_epoch_is_the_end_of_the_training_line():
    before, after = panels(HISTORY)[0], panels(HISTORY, {"loss": [(2.5, 0.8)], "accuracy": [(2.5, 0.8)]})[0]
    assert len(places(after, "training")) == len(places(before, "training")) + 1
    assert len(places(after, "validation")) == len(places(before, "validation"))


def test_curves_begin_in_the_middle_of_the_first_epoch():
    (panel,) = panels({}, {"loss": [(0.25, 3.0)]})
    assert len(places(panel, "training")) == 1
    assert {0, 1} <= set(ticks(panel, "x"))


def test_training_that_goes_on_begins_where_it_went_on():
    (panel,) = panels({"loss": [(51, 3.0), (52, 2.0)]})
    assert {50, 51, 52} <= set(ticks(panel, "x"))


@pytest.mark.parametrize(
    ("history", "count"),
    [
        ({}, 0),
        ({"loss": [(1, 2.0)]}, 1),
        ({"loss": [(1, 2.0)], "val_loss": [(1, 2.5)], "seconds": [(1, 9.0)], "learning_rate": [(1, 0.1)]}, 1),
        ({"first_guess": [(1, 0.1)], "second": [(1, 0.2)], "loss": [(1, 2.0)]}, 2),
    ],
)
def test_there_are_as_many_panels_as_numbers_but_two_at_most(history, count):
    assert len(panels(history)) == count


def test_only_the_first_other_number_is_drawn():
    _, right = panels({"first_guess": [(1, 0.1)], "second": [(1, 0.2)], "loss": [(1, 2.0)]})
    assert words(right)[1] == "first guess"


def test_legend_names_what_is_drawn():
    assert b">validation<" in curves.curves(HISTORY, {})
    without = {name: points for name, points in HISTORY.items() if not name.startswith("val_")}
    assert b">training<" in curves.curves(without, {})
    assert b">validation<" not in curves.curves(without, {})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out(value):
    (panel,) = panels({"loss": [(1, 2.0), (2, value), (3, 1.0)]})
    assert len(places(panel, "training")) == 2
    (panel,) = panels({"loss": [(1, value)]})
    assert words(panel) == ["epoch", "loss"]


@pytest.mark.parametrize("values", [[0.0, 0.0], [1e-9, 1.1e-9], [1e9, -1e9], [5.0, 5.0], [1.0, 1e12]])
def test_every_point_is_inside_the_frame(values):
    (panel,) = panels({"loss": [(epoch, value) for epoch, value in enumerate(values, 1)]})
    wide, high = curves.PANEL
    assert all(0 <= x <= wide and 0 <= y <= high for x, y in places(panel, "training"))
    assert all(0 <= place <= high for place in ticks(panel, "y").values())


def test_names_are_plain_text():
    (panel, _) = panels({"<b>&": [(1, 0.1)], "loss": [(1, 2.0)]})[::-1]
    assert words(panel)[1] == "<b>&"


def test_long_training_is_drawn_in_no_time():
    history = {name: [(epoch, 1 / epoch) for epoch in range(1, 501)] for name in HISTORY}
    took = []
    for _ in range(5):
        began = time.perf_counter()
        curves.curves(history, {})
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02
