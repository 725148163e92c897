"""Each chapter in the browser: run it as a learner does, then touch everything that can be touched."""

import re

import numpy as np
from PIL import Image

SECONDS = 400  # that a chapter may take with its trainings cut; it takes one or two minutes
SLOW = 0.30  # seconds for an answer in which a network predicts
QUICK = 0.15  # seconds for a drawing


def move(widget, *names):
    """Move each slider by keyboard, to both ends too: another picture each time, and no error."""
    for name in names:
        handle = widget.slider(name)
        for key in ("End", "ArrowLeft", "Home", "ArrowRight"):
            widget.after(lambda key=key: handle.press(key))
    widget.notebook.check_no_error()


def number(text, before):
    """Read the number that follows a word."""
    return float(re.search(rf"{before} (-?[\d.]+)", text).group(1))


def test_basics(open_chapter):
    chapter = open_chapter("01")
    chapter.run_all(SECONDS)

    neuron = chapter.widget("bring the loss below 0.03")
    assert number(neuron.status.inner_text(), "loss") > 1
    neuron.after(lambda: neuron.button("close").press("Enter"))
    assert number(neuron.status.inner_text(), "loss") < 0.03
    flat = neuron.after(lambda: neuron.drag("weight", -60))
    assert number(flat, "weight") < 0.5
    move(neuron, "weight", "bias")
    neuron.keep("01_neuron")

    activation = chapter.widget("at which sigmoid passes on most")
    assert "slope 0.250; after 10 layers 9.5e-07 is left" in activation.status.inner_text()
    activation.after(lambda: activation.menu("activation").select_option("ReLU"))
    move(activation, "z", "depth")
    activation.after(lambda: activation.button("ReLU above zero").click())
    assert "slope 1.000; after 10 layers 1 is left" in activation.status.inner_text()
    activation.keep("01_activation")

    descent = chapter.widget("within the fifty steps")
    bold = number(descent.after(lambda: descent.button("too bold").click()), "loss")
    better = number(descent.after(lambda: descent.button("with momentum").click()), "loss")
    assert better < bold
    descent.after(lambda: descent.menu("optimizer").select_option("Adam"))
    move(descent, "learning rate", "momentum")
    descent.keep("01_descent")
    chapter.check(QUICK)


def test_mlp(open_chapter):
    chapter = open_chapter("02")
    chapter.run_all(SECONDS)
    altered = chapter.widget("until the answer changes")
    move(altered, "digit", "right", "down", "turn", "pen")
    altered.after(lambda: altered.button("as it is").click())
    altered.keep("02_altered")
    pad = chapter.widget("a 7 with a bar and without")
    pad.after(lambda: pad.button("a 8").click())
    assert re.fullmatch(r"it says \d, with \d+%", pad.after(lambda: pad.draw([[(0.3, 0.2), (0.7, 0.2), (0.4, 0.9)]])))
    pad.keep("02_pad")
    chapter.check(SLOW)


def test_cnn(open_chapter, lab):
    chapter = open_chapter("03")
    chapter.run_all(SECONDS)
    kernel = chapter.widget("and 0 everywhere else")
    for name in ("blur", "sharpen", "vertical edges"):
        kernel.after(lambda name=name: kernel.button(name).click())
    move(kernel, "top left", "centre", "right")
    kernel.keep("03_kernel")
    maps = chapter.widget("hold a channel")
    move(maps, "layer", "channel", "digit")
    maps.after(lambda: maps.button("another channel").click())
    assert maps.status.inner_text() == "layer 2, channel 40"
    maps.keep("03_maps")

    pad = chapter.widget("that you can read at once")
    pad.after(lambda: pad.button("a ring").click())
    pad.after(lambda: pad.draw([[(0.5, 0.15), (0.5, 0.9)]]))
    pad.clear()
    assert pad.status.inner_text() == "The pad is empty: draw a digit."
    # With the keyboard alone: a stroke down, from the middle.
    pad.canvas.focus()
    pad.after(lambda: [pad.canvas.press(key) for key in (" ", *["ArrowDown"] * 12, " ")])
    assert "says" in pad.status.inner_text()
    pad.keep("03_pad_by_keyboard")
    Image.fromarray(np.pad(np.full((20, 6), 255, np.uint8), 20)).save(lab.folder / "one.png")
    pad.after(lambda: pad.type("or a picture's file", "one.png", enter=True))
    pad.type("or a picture's file", "two.png", enter=True)
    alert = pad.place.locator('[role="alert"]')
    alert.wait_for()
    assert "There is no file two.png" in alert.inner_text()
    pad.after(lambda: pad.button("a 7").click())
    pad.keep("03_pad")
    chapter.check(SLOW)


def test_lstm(open_chapter):
    chapter = open_chapter("04")
    chapter.run_all(SECONDS)
    review = chapter.widget("where the two lines part")
    review.after(lambda: review.button("not hated").press(" "))
    review.keep("04_review")
    review.after(lambda: review.type("your review", "This film is not good"))
    review.after(lambda: review.field("your review").press("Backspace"))
    review.type("your review", " ")
    review.status.filter(has_text="Nothing is typed yet.").wait_for()
    review.after(lambda: review.type("your review", "xyzzy"))
    review.after(lambda: review.type("your review", "a wonderful film " * 12))
    review.keep("04_review_typed")
    chapter.check(SLOW)


def test_stocks(open_chapter):
    chapter = open_chapter("05")
    chapter.run_all(SECONDS)
    forecast = chapter.widget("beats naive on the stock")
    one_day = number(forecast.status.inner_text(), "naive")
    twenty = number(forecast.after(lambda: forecast.button("in twenty days").click()), "naive")
    assert twenty > one_day
    forecast.after(lambda: forecast.menu("series").select_option("seasonal"))
    move(forecast, "lookback", "horizon")
    forecast.keep("05_forecast")
    chapter.check(QUICK)


def test_gan(open_chapter):
    chapter = open_chapter("06")
    chapter.run_all(SECONDS)
    walk = chapter.widget("walk slowly from 0 to 1")
    assert walk.after(lambda: walk.button("half-way").click()) == "50% of the way from 0 to 1"
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
    attention.after(lambda: attention.type("your sentence", "The cat that the dog chased was fast."))
    attention.keep("07_attention")
    attention.after(lambda: attention.type("your sentence", "word " * 60))
    chapter.check(SLOW)


def test_resnet(open_chapter):
    chapter = open_chapter("08")
    chapter.run_all(SECONDS)
    warm = chapter.widget("ask one picture about several classes")
    menu = warm.menu("kind")
    for kind in menu.locator("option").all_inner_texts()[1:4]:
        assert f"what speaks for {kind}" in warm.after(lambda kind=kind: menu.select_option(kind))
    move(warm, "picture")
    warm.keep("08_grad_cam")
    chapter.check(SLOW)


def test_keras_tour(open_chapter):
    chapter = open_chapter("A1")
    chapter.run_all(SECONDS)
    chapter.check_no_error()


def test_widget_shows_an_error_of_its_own_and_goes_on(open_notebook):
    notebook = nbformat_of(
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
    widget.after(lambda: handle.press("ArrowRight"))
    handle.press("ArrowRight")
    alert = widget.place.locator('[role="alert"]')
    alert.wait_for()
    assert alert.inner_text().startswith("ValueError: two is too <b>much</b>")
    alert.locator("summary").press("Enter")
    widget.keep("error")
    assert "in draw" in alert.inner_text()
    widget.after(lambda: handle.press("ArrowRight"))
    assert widget.status.inner_text() == "3 a"
    menu = widget.menu("word")
    menu.focus()
    widget.after(lambda: menu.press("ArrowDown"))
    assert widget.status.inner_text() == "3 b"
    assert page.errors == []


def nbformat_of(*cells):
    """Make a notebook of code cells."""
    import nbformat.v4

    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
