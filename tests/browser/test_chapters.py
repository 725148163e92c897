"""Each chapter in the browser: run it as a learner does, then touch everything that can be touched."""

import re

import numpy as np
from PIL import Image

SECONDS = 400  # that a chapter may take with its trainings cut; it takes one or two minutes
SLOW = 0.30  # seconds for an answer in which a model predicts
QUICK = 0.15  # seconds for a drawing alone


def move(widget, *names):
    """Move each slider by keyboard, to both ends too: it is drawn anew each time, and what is seen changes."""
    for name in names:
        handle, seen = widget.slider(name), set()
        handle.press("Home")
        widget.notebook.page.wait_for_timeout(500)  # it may be there already, and then nothing is drawn
        for key in ("End", "ArrowLeft", "Home", "ArrowRight"):
            if key != "Home" or handle.get_attribute("aria-valuenow") != handle.get_attribute("aria-valuemin"):
                widget.after(handle.press, key)
            seen.add((widget.status.inner_text(), widget.picture.get_attribute("src")))
        assert len(seen) > 1, f"{name} changes nothing"
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
    move(neuron, "weight", "bias")
    neuron.keep("01_neuron")

    activation = chapter.widget("at which sigmoid passes on most")
    assert "slope 0.250; left after layer 10: 9.5e-07" in activation.status.inner_text()
    activation.after(activation.choice("activation", "ReLU").press, "Enter")
    move(activation, "z", "depth")
    activation.after(activation.button("ReLU above zero").click)
    assert "slope 1.000; left after layer 10: 1" in activation.status.inner_text()
    activation.keep("01_activation")

    descent = chapter.widget("within the fifty steps")
    bold = number(descent.after(descent.button("too bold").click), "loss")
    better = number(descent.after(descent.button("with momentum").click), "loss")
    assert better < bold
    descent.after(descent.choice("optimizer", "Adam").click)
    move(descent, "learning rate", "momentum")
    descent.keep("01_descent")
    chapter.check(QUICK)


def test_mlp(open_chapter):
    chapter = open_chapter("02")
    chapter.run_all(SECONDS)
    altered = chapter.widget("until the answer changes")
    move(altered, "digit", "right", "down", "turn", "pen")
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
    for name in ("vertical edges", "sharpen", "blur"):
        kernel.after(kernel.button(name).click)
    kernel.notebook.page.wait_for_timeout(1000)
    assert kernel.status.inner_text().count("+0.11") == 9, "the sliders' steps do not change what a button set"
    move(kernel, "top left", "centre", "right")
    kernel.keep("03_kernel")
    maps = chapter.widget("hold a channel")
    move(maps, "layer", "channel", "digit")
    maps.after(maps.button("another channel").click)
    assert maps.status.inner_text() == "layer 2, channel 40"
    maps.keep("03_maps")

    pad = chapter.widget("that you can read at once")
    pad.after(pad.button("a ring").click)
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
    review.after(review.field("your review").press, "Backspace")
    review.type("your review", " ")
    review.status.filter(has_text="Nothing is typed yet.").wait_for()
    review.after(review.type, "your review", "xyzzy")
    review.after(review.type, "your review", "a wonderful film " * 12)
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
    move(forecast, "lookback", "horizon")
    forecast.keep("05_forecast")
    chapter.check(SLOW)


def test_gan(open_chapter):
    chapter = open_chapter("06")
    chapter.run_all(SECONDS)
    walk = chapter.widget("walk slowly from 0 to 1")
    assert walk.after(walk.button("half-way").click) == "50% of the way from 0 to 1"
    move(walk, "first", "second", "share")
    walk.keep("06_walk")
    directions = chapter.widget("turn one direction from end to end")
    move(directions, "direction 1", "direction 4")
    directions.keep("06_directions")
    chapter.check(SLOW)


def test_bert(open_chapter):
    chapter = open_chapter("07")
    chapter.run_all(SECONDS)
    attention = chapter.widget("go through the heads of block 0")
    move(attention, "block", "head")
    attention.after(attention.type, "your sentence", "The cat that the dog chased was fast.")
    attention.keep("07_attention")
    attention.after(attention.type, "your sentence", "word " * 60)
    chapter.check(SLOW)


def test_resnet(open_chapter):
    chapter = open_chapter("08")
    chapter.run_all(SECONDS)
    warm = chapter.widget("ask one picture about several classes")
    chosen = re.search(r"what speaks for (\w+)", warm.status.inner_text()).group(1)
    others = [kind for kind in warm.choices("kind").all_inner_texts() if kind != chosen]
    assert len(others) == 9
    for kind in others[:3]:
        assert f"what speaks for {kind}" in warm.after(warm.choice("kind", kind).click)
    move(warm, "picture")
    warm.keep("08_grad_cam")
    chapter.check(SLOW)


def test_keras_tour(open_chapter):
    chapter = open_chapter("A1")
    chapter.run_all(SECONDS)
    chapter.check_no_error()


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
