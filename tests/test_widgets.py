"""Sliders and a text field for a person, a plain figure where nobody watches."""

import ipywidgets
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from course_utils import widgets

SLIDERS = {"weight": (-2.0, 2.0, 0.1), "bias": (0.0, 1.0, 0.5)}
STATES = [{"weight": 1.0, "bias": 0.5}, {"weight": -1.0, "bias": 0.0}]


@pytest.fixture
def drawn(monkeypatch):
    """The values that the drawing function was called with."""
    mpl.use("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    yield []
    plt.close("all")


def recorder(calls):
    def draw(ax, weight, bias):
        calls.append({"weight": weight, "bias": bias})
        ax.set_title("drawn")

    return draw


def test_headless_draws_one_plain_figure_with_every_state(drawn, monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    widgets.explore(recorder(drawn), SLIDERS, STATES)
    assert drawn == STATES
    assert [ax.get_title() for ax in plt.gcf().axes] == ["drawn", "drawn"]


def test_sliders_start_at_the_first_state_and_redraw_when_moved(drawn, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    made = []
    monkeypatch.setattr(ipywidgets, "interact", lambda redraw, **controls: made.append((redraw, controls)))
    widgets.explore(recorder(drawn), SLIDERS, STATES)
    ((redraw, controls),) = made
    assert {name: slider.value for name, slider in controls.items()} == STATES[0]
    assert (controls["weight"].min, controls["weight"].max, controls["weight"].step) == (-2.0, 2.0, 0.1)
    redraw(weight=0.3, bias=1.0)
    assert drawn == [{"weight": 0.3, "bias": 1.0}]


def test_state_that_does_not_name_the_sliders_is_refused(drawn):
    with pytest.raises(ValueError, match=r"Give one value for each of: weight, bias"):
        widgets.explore(recorder(drawn), SLIDERS, [{"weight": 1.0}])


def test_headless_draws_every_sample_below_the_other(drawn, monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    widgets.type_text(lambda ax, text: drawn.append((ax, text)), ["good", "bad"])
    assert [text for _, text in drawn] == ["good", "bad"]
    assert drawn[0][0].get_position().y0 > drawn[1][0].get_position().y1


def test_text_field_starts_with_the_first_sample_and_redraws_what_is_typed_or_picked(drawn, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    widgets.type_text(lambda ax, text: drawn.append(text), ["good", "bad"], label="Review")
    field, choice, _ = shown[0].children
    assert (field.value, field.description) == ("good", "Review")
    field.value = "so so"
    choice.value = "bad"
    assert (field.value, drawn) == ("bad", ["good", "so so", "bad"])


def test_sample_can_be_picked_again_after_typing(drawn, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    widgets.type_text(lambda ax, text: drawn.append(text), ["good", "bad"])
    field, choice, _ = shown[0].children
    field.value = "so so"
    assert (choice.value, field.value) == (None, "so so")
    choice.value = "good"
    field.value = "bad"
    assert (choice.value, drawn) == ("bad", ["good", "so so", "good", "bad"])


def test_text_field_needs_a_sample(drawn):
    with pytest.raises(ValueError, match="Pass at least one text"):
        widgets.type_text(lambda ax, text: None, [])


def test_headless_draws_every_sample_with_the_sliders_at_their_start(drawn, monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    sliders = {"layer": (1, 6, 3), "head": (1, 12, 7)}
    widgets.type_text(lambda ax, text, layer, head: drawn.append((text, layer, head)), ["good", "bad"], sliders=sliders)
    assert drawn == [("good", 3, 7), ("bad", 3, 7)]


def test_moving_a_slider_beside_the_text_redraws_with_both(drawn, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    sliders = {"layer": (1, 6, 3), "attention_head": (1, 12, 7)}
    widgets.type_text(
        lambda ax, text, layer, attention_head: drawn.append((text, layer, attention_head)),
        ["good", "bad"],
        sliders=sliders,
    )
    field, _, layer, head, _ = shown[0].children
    assert [(each.min, each.max, each.value) for each in (layer, head)] == [(1, 6, 3), (1, 12, 7)]
    assert (layer.description, head.description) == ("layer", "attention head")
    layer.value = 5
    field.value = "so so"
    head.value = 12
    assert drawn == [("good", 3, 7), ("good", 5, 7), ("so so", 5, 7), ("so so", 5, 12)]
