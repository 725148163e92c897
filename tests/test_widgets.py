"""Sliders, choices and text fields for a person, a plain figure where nobody watches."""

import ipywidgets
import matplotlib.pyplot as plt
import pytest
from screens import Screen

from course_utils import widgets

CONTROLS = {"weight": (-2.0, 2.0, 0.1), "num_layers": (1, 4, 1), "loss": ["mse", "mae"]}
STATES = {
    "flat": {"weight": 0.0, "num_layers": 1, "loss": "mse"},
    "steep & deep": {"weight": 1.5, "num_layers": 3, "loss": "mae"},
}
TYPED = {"your_review": str, "share": (0.0, 1.0, 0.25)}
REVIEWS = {"good": {"your_review": "I love it", "share": 0.5}, "bad": {"your_review": "so so", "share": 1.0}}


def recorder(calls):
    """A drawing function that notes its values, and draws another picture for each of them."""

    def draw(ax, **values):
        calls.append(values)
        ax.text(0, 0.5, str(values), fontsize=6, parse_math=False)
        ax.set_title(f"drawn of {values}")

    return draw


@pytest.fixture
def explore(displayed):
    """A function that explores, and returns what a person sees and the values that were drawn."""

    def call(controls, states, draw=None, hint="move something"):
        calls = []
        widgets.explore(draw or recorder(calls), controls, states, hint)
        return Screen(displayed[-1]), calls

    return call


def test_headless_draws_one_plain_figure_with_every_state_side_by_side(unwatched):
    calls = []
    widgets.explore(recorder(calls), CONTROLS, STATES, "")
    assert calls == list(STATES.values())
    assert len(unwatched) == 1
    assert len(unwatched[0]) == 1
    left, right = plt.gcf().axes
    assert [ax.get_title() for ax in (left, right)] == [f"drawn of {state}" for state in STATES.values()]
    assert left.get_position().x1 < right.get_position().x0
    assert left.get_position().y0 == right.get_position().y0


def test_headless_draws_the_states_one_below_the_other_where_there_is_text_to_type(unwatched):
    calls = []
    widgets.explore(recorder(calls), TYPED, REVIEWS, "")
    assert calls == list(REVIEWS.values())
    upper, lower = plt.gcf().axes
    assert upper.get_position().y0 > lower.get_position().y1
    assert upper.get_position().x0 == lower.get_position().x0


@pytest.mark.ipywidgets7
def test_each_control_is_of_the_kind_that_fits(explore):
    screen, _ = explore(
        {"rate": (0.0, 1.0, 0.25), "from_one": (1, 2.5, 0.5), **CONTROLS, **TYPED},
        {"start": {"rate": 0.5, "from_one": 1, **STATES["flat"], **REVIEWS["good"]}},
    )
    assert {label: type(control).__name__ for label, control in screen.inputs.items()} == {
        "rate": "FloatSlider",
        "from one": "FloatSlider",
        "weight": "FloatSlider",
        "num layers": "IntSlider",
        "loss": "ToggleButtons",
        "your review": "Text",
        "share": "FloatSlider",
    }
    slider = screen.inputs["num layers"]
    assert (slider.min, slider.max, slider.step) == (1, 4, 1)
    assert tuple(screen.inputs["loss"].options) == ("mse", "mae")


def test_starts_at_the_first_state(explore):
    screen, calls = explore(CONTROLS, STATES)
    assert [control.value for control in screen.inputs.values()] == [0.0, 1, "mse"]
    assert calls == [STATES["flat"]]
    assert screen.status == f"drawn of {STATES['flat']}"
    assert screen.picture.startswith(b"\x89PNG")


@pytest.mark.ipywidgets7
@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("weight", 0.7), ("weight", -2.0), ("weight", 2.0), ("num layers", 2), ("num layers", 4), ("loss", "mae"),
    ],
)  # fmt: skip
def test_moving_a_control_draws_anew_at_its_ends_too(explore, label, value):
    screen, calls = explore(CONTROLS, STATES)
    first = screen.picture
    screen.inputs[label].value = value
    expected = {**STATES["flat"], label.replace(" ", "_"): value}
    assert calls[1:] == [expected]
    assert screen.status == f"drawn of {expected}"
    assert screen.picture.startswith(b"\x89PNG")
    assert screen.picture != first


@pytest.mark.ipywidgets7
@pytest.mark.parametrize("label", ["weight", "num layers"])
def test_slider_gives_numbers_of_its_kind(explore, label):
    screen, calls = explore(CONTROLS, STATES)
    screen.inputs[label].value = screen.inputs[label].max
    assert type(calls[-1][label.replace(" ", "_")]) is (int if label == "num layers" else float)


@pytest.mark.parametrize("text", ["x", "half a sen", "no $ign, <b>no</b> & so on", "word " * 500, "\N{SNOWMAN} né"])
def test_typing_draws_anew_whatever_is_typed(explore, text):
    screen, calls = explore(TYPED, REVIEWS, lambda ax, your_review, share: ax.set_title(your_review))
    screen.inputs["your review"].value = text
    assert screen.alert is None
    assert screen.status == text
    assert calls == []


@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_blank_text_is_not_drawn_and_said_so(explore, blank):
    screen, calls = explore(TYPED, REVIEWS)
    first = screen.picture
    screen.inputs["your review"].value = blank
    screen.inputs["share"].value = 0.75
    assert screen.status == "Nothing is typed yet."
    assert screen.picture == first
    assert len(calls) == 1
    screen.inputs["your review"].value = "well"
    assert calls[1:] == [{"your_review": "well", "share": 0.75}]
    assert screen.status == f"drawn of {calls[-1]}"


@pytest.mark.ipywidgets7
def test_button_of_a_state_sets_every_control_and_draws_once(explore):
    screen, calls = explore(CONTROLS, STATES)
    assert list(screen.buttons) == ["flat", "steep & deep"]
    screen.buttons["steep & deep"].click()
    assert [control.value for control in screen.inputs.values()] == [1.5, 3, "mae"]
    assert calls[1:] == [STATES["steep & deep"]]
    screen.inputs["weight"].value = -1.0
    screen.buttons["flat"].click()
    assert calls[2:] == [{**STATES["steep & deep"], "weight": -1.0}, STATES["flat"]]


def test_slider_that_goes_to_the_nearest_step_by_itself_does_not_change_what_a_button_set(explore):
    states = {"between": {"share": 1 / 3, "your_review": "good"}}
    screen, calls = explore(TYPED, states)
    slider = screen.inputs["share"]
    slider.value = 0.25  # as the browser answers
    assert calls == [states["between"]]
    screen.inputs["your review"].value = "bad"
    assert calls[1:] == [{"share": 1 / 3, "your_review": "bad"}]
    slider.value = 0.5
    assert calls[2:] == [{"share": 0.5, "your_review": "bad"}]
    screen.buttons["between"].click()
    assert calls[3:] == [states["between"]]


def test_button_draws_again_what_failed(explore):
    calls = []

    def draw(ax, **values):
        calls.append(values)
        if len(calls) == 1:
            raise OSError("for once")

    screen, _ = explore(CONTROLS, STATES, draw)
    assert screen.alert is not None
    screen.buttons["flat"].click()
    assert screen.alert is None


@pytest.mark.ipywidgets7
def test_error_of_the_drawing_is_shown_until_the_next_good_one(explore):
    def draw(ax, weight, num_layers, loss):
        if weight > 1:
            raise ArithmeticError("a <b>bold</b> & wrong step")
        ax.plot([0, weight])
        ax.set_title("fine")

    screen, _ = explore(CONTROLS, STATES, draw)
    good = screen.picture
    screen.inputs["weight"].value = 2.0
    assert screen.status is None
    assert screen.alert.find("b") is None
    assert "ArithmeticError: a <b>bold</b> & wrong step" in screen.alert.get_text()
    assert "raise ArithmeticError" in screen.alert.find("details").get_text()
    assert screen.picture == good
    screen.inputs["weight"].value = 0.5
    assert screen.alert is None
    assert screen.status == "fine"
    assert screen.picture != good


def test_error_of_the_first_drawing_leaves_the_controls_at_work(explore):
    def draw(ax, weight, num_layers, loss):
        ax.plot([0, 1 / weight])
        ax.set_title("fine")

    screen, _ = explore(CONTROLS, STATES, draw)
    assert "ZeroDivisionError" in screen.alert.get_text()
    assert screen.picture is None
    screen.buttons["steep & deep"].click()
    assert screen.status == "fine"
    assert screen.picture is not None


@pytest.mark.ipywidgets7
@pytest.mark.parametrize(("count", "in_rows"), [(1, False), (8, False), (9, True), (12, True)])
def test_nine_or_more_controls_stand_in_rows_of_three(explore, count, in_rows):
    names = [f"weight_{number}" for number in range(count)]
    screen, calls = explore(dict.fromkeys(names, (-1.0, 1.0, 0.1)), {"zero": dict.fromkeys(names, 0.0)})
    assert len(screen.inputs) == count
    (holder,) = [part for part in screen.parts if screen.inputs["weight 0"] in getattr(part, "children", ())]
    assert isinstance(holder, ipywidgets.GridBox) == in_rows
    if in_rows:
        assert holder.layout.grid_template_columns.startswith("repeat(3")
    screen.inputs[f"weight {count - 1}"].value = 1.0
    assert calls[-1] == {**dict.fromkeys(names, 0.0), names[-1]: 1.0}


@pytest.mark.ipywidgets7
def test_hint_is_plain_text(explore):
    screen, _ = explore(CONTROLS, STATES, hint="weights < 0 & <i>biases</i>")
    assert "Try: weights < 0 & <i>biases</i>" in screen.texts.get_text()
    assert screen.texts.find("i") is None


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": 1.0}, r"gives weight\. Give one value for each of: weight, num_layers, loss"),
        ({}, r"gives nothing\. Give one value for each of: weight"),
        ({**STATES["flat"], "bias": 1}, r"gives weight, num_layers, loss, bias\. Give one value for each of"),
        ({**STATES["flat"], "weight": 2.1}, r"weight=2\.1, .*\. Give a number from -2\.0 to 2\.0"),
        ({**STATES["flat"], "num_layers": 0}, r"num_layers=0, .*\. Give a whole number from 1 to 4"),
        ({**STATES["flat"], "loss": "rmse"}, r"loss='rmse', .*\. Give one of: mse, mae"),
        ({**STATES["flat"], "weight": "0.5"}, r"weight='0\.5', .*\. Give a number from -2\.0 to 2\.0"),
        ({**STATES["flat"], "weight": None}, r"weight=None, .*\. Give a number from"),
        ({**STATES["flat"], "num_layers": 1.5}, r"num_layers=1\.5, .*\. Give a whole number from 1 to 4"),
        ({**STATES["flat"], "loss": 3}, r"loss=3, .*\. Give one of: mse, mae"),
    ],
)
def test_state_that_does_not_fit_is_an_error_with_the_way_out(displayed, monkeypatch, headless, state, message):
    if headless:
        monkeypatch.setenv("COURSE_HEADLESS", "1")
    with pytest.raises(ValueError, match=rf"The state 'odd' .*{message}"):
        widgets.explore(recorder([]), CONTROLS, {**STATES, "odd": state}, "")
    assert displayed == []


def test_text_of_a_state_must_be_a_text(displayed):
    with pytest.raises(ValueError, match=r"your_review=3, which does not fit\. Give a text"):
        widgets.explore(recorder([]), TYPED, {"odd": {"your_review": 3, "share": 0.5}}, "")


def test_no_state_at_all_is_an_error_with_the_way_out(displayed):
    with pytest.raises(ValueError, match=r"states is empty\. Pass at least one setting"):
        widgets.explore(recorder([]), CONTROLS, {}, "")
