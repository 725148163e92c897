"""Each chapter that has a widget, in the browser: run it as a learner does, then make one gesture per kind of control.

What each control does at each of its extremes is proved without a browser, in tests/test_chapter_widgets.py.
"""

import re

import numpy as np
from PIL import Image

SECONDS = 400  # that a chapter may take with its trainings cut; it takes one or two minutes
SLOW = 0.30  # seconds for an answer in which a model predicts
QUICK = 0.15  # seconds for a drawing alone


def move(widget, name):
    """Move a slider by keyboard to its end and back by a step: it is drawn anew, and what is seen changes."""
    handle = widget.slider(name)
    low, high, now = (handle.get_attribute(f"aria-value{which}") for which in ("min", "max", "now"))
    seen = {(widget.status.inner_text(), widget.picture.get_attribute("src"))}
    for key in ("Home", "ArrowRight") if now == high else ("End", "ArrowLeft"):
        widget.after(handle.press, key)
        seen.add((widget.status.inner_text(), widget.picture.get_attribute("src")))
    assert len(seen) > 1, f"{name} changes nothing between {low} and {high}"
    widget.notebook.check_no_error()


def number(text, before):
    """Read the number that follows a word."""
    return float(re.search(rf"{before} (-?[\d.]+(e[-+]\d+)?)", text).group(1))


def test_basics(open_chapter):
    chapter = open_chapter("01")
    chapter.run_all(SECONDS)

    neuron = chapter.widget("bring the loss down to 0.03")
    assert number(neuron.status.inner_text(), "loss") > 1
    neuron.after(neuron.button("close").press, "Enter")
    assert number(neuron.status.inner_text(), "loss") <= 0.03
    flat = neuron.after(neuron.drag, "weight", -60)
    assert number(flat, "weight") < 0.5
    move(neuron, "bias")
    neuron.keep("01_neuron")

    activation = chapter.widget("at which sigmoid passes on most")
    assert "slope 0.250; left after layer 10: 9.5e-07" in activation.status.inner_text()
    activation.after(activation.choice("activation", "ReLU").press, "Enter")
    move(activation, "z")
    activation.after(activation.button("ReLU above zero").click)
    assert "slope 1.000; left after layer 10: 1" in activation.status.inner_text()
    activation.keep("01_activation")

    descent = chapter.widget("within the fifty steps")
    bold = number(descent.after(descent.button("too bold").click), "loss")
    better = number(descent.after(descent.button("with momentum").click), "loss")
    assert better < bold
    descent.after(descent.choice("optimizer", "Adam").click)
    move(descent, "learning rate")
    descent.keep("01_descent")
    chapter.check(QUICK)


def test_mlp(open_chapter):
    chapter = open_chapter("02")
    chapter.run_all(SECONDS)
    altered = chapter.widget("until the answer changes")
    move(altered, "turn")
    altered.after(altered.button("as it is").click)
    altered.keep("02_altered")
    pad = chapter.widget("a 7 with a bar and without")
    pad.after(pad.button("a 8").click)
    assert re.fullmatch(r"it says \d, with \d+%", pad.after(pad.draw, [[(0.3, 0.2), (0.7, 0.2), (0.4, 0.9)]]))
    pad.keep("02_pad")
    chapter.check(SLOW)


def test_cnn(open_chapter, lab):
    chapter = open_chapter("03")
    chapter.run_all(SECONDS)
    kernel = chapter.widget("and 0 everywhere else")
    kernel.after(kernel.button("blur").click)
    kernel.notebook.page.wait_for_timeout(1000)
    assert kernel.status.inner_text().count("+0.11") == 9, "the sliders' steps do not change what a button set"
    move(kernel, "centre")
    kernel.keep("03_kernel")
    maps = chapter.widget("hold a channel")
    move(maps, "channel")
    maps.after(maps.button("another channel").click)
    assert maps.status.inner_text() == "layer 2, channel 40"
    maps.keep("03_maps")

    pad = chapter.widget("that you can read at once")
    pad.after(pad.draw, [[(0.5, 0.15), (0.5, 0.9)]])
    pad.clear()
    assert pad.status.inner_text() == "The pad is empty: draw a digit."
    # With the keyboard alone: a stroke down, from the middle.
    pad.canvas.focus()
    pad.after(lambda: [pad.canvas.press(key) for key in (" ", *["ArrowDown"] * 12, " ")])
    assert "says" in pad.status.inner_text()
    pad.keep("03_pad_by_keyboard")
    pad.clear()
    pad.after(pad.draw_by_finger, [(0.3, 0.2), (0.5, 0.2), (0.7, 0.2), (0.6, 0.5), (0.5, 0.9)])
    pad.keep("03_pad_by_finger")
    Image.fromarray(np.pad(np.full((20, 6), 255, np.uint8), 20)).save(lab.folder / "one.png")
    pad.after(pad.type, "or a picture's file", "one.png", "Enter")
    pad.type("or a picture's file", "two.png", "Enter")
    alert = pad.place.locator('[role="alert"]')
    alert.wait_for()
    assert "There is no file two.png" in alert.inner_text()
    pad.after(pad.button("a 7").click)
    pad.keep("03_pad")
    chapter.check(SLOW)


def test_lstm(open_chapter):
    chapter = open_chapter("04")
    chapter.run_all(SECONDS)
    review = chapter.widget("where the two lines part")
    review.after(review.button("not hated").press, " ")
    review.keep("04_review")
    review.after(review.type, "your review", "This film is not good")
    review.type("your review", " ")
    review.status.filter(has_text="Nothing is typed yet.").wait_for()
    review.after(review.type, "your review", "a wonderful film " * 3)
    review.keep("04_review_typed")
    chapter.check(SLOW)


def test_stocks(open_chapter):
    chapter = open_chapter("05")
    chapter.run_all(SECONDS)
    forecast = chapter.widget("clearly beats naive on the stock")
    one_day = number(forecast.status.inner_text(), "naive")
    twenty = number(forecast.after(forecast.button("in twenty days").click), "naive")
    assert twenty > one_day
    forecast.after(forecast.choice("series", "seasonal").click)
    move(forecast, "lookback")
    forecast.keep("05_forecast")
    chapter.check(SLOW)


def test_gan(open_chapter):
    chapter = open_chapter("06")
    chapter.run_all(SECONDS)
    walk = chapter.widget("walk slowly from 0 to 1")
    assert walk.after(walk.button("half-way").click) == "50% of the way from 0 to 1"
    move(walk, "first")
    walk.keep("06_walk")
    directions = chapter.widget("turn one direction from end to end")
    move(directions, "direction 1")
    directions.keep("06_directions")
    chapter.check(SLOW)


def test_bert(open_chapter):
    chapter = open_chapter("07")
    chapter.run_all(SECONDS)
    attention = chapter.widget("go through the heads of block 0")
    move(attention, "head")
    attention.after(attention.type, "your sentence", "The cat that the dog chased was fast.")
    attention.keep("07_attention")
    chapter.check(SLOW)


def test_resnet(open_chapter):
    chapter = open_chapter("08")
    chapter.run_all(SECONDS)
    warm = chapter.widget("ask one picture about several classes")
    chosen = re.search(r"what speaks for (\w+)", warm.status.inner_text()).group(1)
    others = [kind for kind in warm.choices("kind").all_inner_texts() if kind != chosen]
    assert len(others) == 9
    assert f"what speaks for {others[0]}" in warm.after(warm.choice("kind", others[0]).click)
    move(warm, "picture")
    warm.keep("08_grad_cam")
    chapter.check(SLOW)


def test_widget_shows_an_error_of_its_own_and_goes_on(open_notebook, make_notebook):
    notebook = make_notebook(
        "from course_utils import widgets",
        """
def draw(ax, number, word):
    if number == 2:
        raise ValueError("two is too <b>much</b>")
    ax.set_title(f"{number} {word}")

widgets.explore(draw, controls={"number": (0, 3, 1), "word": ["a", "b"]}, hint="see it fail.",
    states={"start": {"number": 0, "word": "a"}})
""",
    )
    page = open_notebook("errors", notebook)
    page.run_all(60)
    widget = page.widget("see it fail")
    handle = widget.slider("number")
    widget.after(handle.press, "ArrowRight")
    handle.press("ArrowRight")
    alert = widget.place.locator('[role="alert"]')
    alert.wait_for()
    assert alert.inner_text().startswith("ValueError: two is too <b>much</b>")
    alert.locator("summary").press("Enter")
    widget.keep("error")
    assert "in draw" in alert.inner_text()
    widget.after(handle.press, "ArrowRight")
    assert widget.status.inner_text() == "3 a"
    widget.after(widget.choice("word", "b").click)
    assert widget.status.inner_text() == "3 b"
    assert page.errors == []


def test_every_kind_of_control_is_reached_and_moved_by_keyboard_alone(open_notebook, make_notebook):
    notebook = make_notebook(
        "from course_utils import widgets",
        """
def draw(ax, rate, kind, text):
    ax.set_title(f"{rate} {kind} {text}")

widgets.explore(draw, controls={"rate": (0, 3, 1), "kind": ["bad", "good"], "text": str}, hint="no mouse.",
    states={"start": {"rate": 1, "kind": "bad", "text": "abc"}, "end": {"rate": 3, "kind": "bad", "text": "xyz"}})
""",
    )
    page = open_notebook("keyboard", notebook)
    page.run_all(60)
    widget, press, cells = page.widget("no mouse."), page.page.keyboard.press, page.page.locator(".jp-Cell").count()
    assert widget.status.inner_text() == "1 bad abc"
    widget.slider("rate").focus()
    assert widget.after(press, "ArrowRight") == "2 bad abc"

    def next_is(control):
        press("Tab")
        if not control.evaluate("control => control === document.activeElement"):
            press("Tab")  # the number beside a slider
        assert control.evaluate("control => control === document.activeElement")

    next_is(widget.choice("kind", "bad"))
    next_is(widget.choice("kind", "good"))
    widget.keep("keyboard")
    assert widget.after(press, "Space") == "2 good abc"
    next_is(widget.field("text"))
    press("End")
    assert widget.after(press, "b") == "2 good abcb", "a letter is no shortcut of JupyterLab"
    next_is(widget.button("start"))
    next_is(widget.button("end"))
    assert widget.after(press, "Enter") == "3 bad xyz"
    assert page.page.locator(".jp-Cell").count() == cells
    page.check_no_error()
