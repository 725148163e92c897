"""Training before the learner's eyes: what it shows, that it can be stopped, and that drawn digits are read."""

import re

import numpy as np

SETUP = """
import os
os.environ["COURSE_DATA_DIR"] = {mirror!r}
from course_utils import device, plots, training, widgets
from course_utils.datasets import mnist
device.prepare()
plots.use_style()
import keras
import numpy as np
from keras import layers
keras.utils.set_random_seed(0)
"""
NETWORK = """
digits = mnist.load("full")
x_train = digits.x_train[..., None]
model = keras.Sequential([
    keras.Input(shape=(28, 28, 1)),
    layers.Rescaling(1 / 255),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dropout(0.3),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
FIT = """
history = model.fit(
    x_train, digits.y_train, validation_split=0.1, batch_size=128, epochs=3, verbose=0, callbacks=training.progress()
)
"""
PAD = """
def draw(ax, picture):
    shares = np.asarray(model(picture[None, ..., None]))[0]
    ax.barh(range(10), shares)
    ax.set(xlim=(0, 2), yticks=range(10))
    ax.inset_axes([0.56, 0.25, 0.42, 0.5]).imshow(picture, vmin=0, vmax=255)
    ax.set_title(f"it says {shares.argmax()}, with {shares.max():.0%}")

widgets.draw_digit(draw, samples={"a 7": digits.x_test[0]}, hint="ten digits by mouse.")
"""


def arc(across, down, width, height, start, stop):
    """Points on an ellipse, from one angle to another: in degrees, 0 is at the right, 90 at the bottom."""
    angles = np.radians(np.linspace(start, stop, 14))
    return list(zip(across + width * np.cos(angles), down + height * np.sin(angles), strict=True))


# As a hand draws them, each of another size and place on the pad.
DRAWN = {
    0: [arc(0.5, 0.5, 0.25, 0.35, -90, 270)],
    1: [[(0.52, 0.15), (0.48, 0.85)]],
    2: [[*arc(0.5, 0.35, 0.22, 0.2, -170, 30), (0.3, 0.85), (0.75, 0.84)]],
    3: [[*arc(0.45, 0.32, 0.2, 0.17, -150, 90), *arc(0.45, 0.66, 0.24, 0.18, -90, 150)]],
    4: [[(0.35, 0.15), (0.25, 0.5), (0.75, 0.5)], [(0.65, 0.2), (0.6, 0.9)]],
    5: [[(0.7, 0.15), (0.38, 0.16), (0.35, 0.45), *arc(0.45, 0.62, 0.22, 0.2, -100, 140)]],
    6: [[(0.62, 0.12), (0.4, 0.35), *arc(0.48, 0.65, 0.18, 0.19, 180, -180)]],
    7: [[(0.25, 0.2), (0.72, 0.18), (0.45, 0.85)]],
    8: [[*arc(0.5, 0.32, 0.16, 0.16, 90, 450), *arc(0.5, 0.67, 0.2, 0.19, -90, 270)]],
    9: [[*arc(0.48, 0.35, 0.17, 0.17, 0, -360), (0.64, 0.6), (0.58, 0.88)]],
}


def test_training_is_seen_and_what_it_learned_reads_drawn_digits(open_notebook, make_notebook, require, mirror_of_ci):
    require(mirror_of_ci, "the full MNIST: set COURSE_DATA_DIR to a folder that holds mnist.npz")
    page = open_notebook("digits", make_notebook(SETUP.format(mirror=mirror_of_ci), NETWORK, FIT, PAD))
    page.start_all()
    cell = page.page.locator(".jp-CodeCell").nth(2)
    picture = cell.locator("img.widget-image")
    pictures, words, heights = [], [], []
    for _ in range(600):
        page.page.wait_for_timeout(300)
        if cell.locator(".jp-OutputArea-output").count():
            words.append(cell.locator(".jp-OutputArea").inner_text())
        if picture.count() and picture.is_visible():
            pictures.append(picture.get_attribute("src"))
            heights.append(cell.bounding_box()["height"])
            if len(set(pictures)) == 2:
                page.keep("training", cell)
        if words and "showing this took" in words[-1]:
            break
    page.wait_until_run(60)
    page.keep("training_done", cell)
    page.note("pictures of the curves", len(set(pictures)))
    assert len(set(pictures)) >= 5, "the curves grow"
    assert min(np.diff(heights)) > -2, "nothing collapses between two pictures"
    lefts = [re.search(r"epoch \d/3 .*loss", text) and re.search(r"\d\d:\d\d<\d\d:\d\d", text) for text in words]
    assert sum(map(bool, lefts)) > 5, words[len(words) // 2]
    share = float(re.search(r"showing this took ([\d.]+)%", words[-1]).group(1))
    page.note("callback share", share / 100)
    assert share < 3
    assert len(words[-1]) < 400, "no flood of text"

    pad = page.widget("ten digits by mouse")
    read = {}
    for digit, strokes in DRAWN.items():
        pad.clear()
        pad.after(pad.draw, strokes)
        page.page.wait_for_timeout(500)
        read[digit] = int(re.search(r"it says (\d)", pad.status.inner_text()).group(1))
        pad.keep(f"digit_{digit}")
    page.note("drawn digits read", sum(read[digit] == digit for digit in read))
    assert sum(read[digit] == digit for digit in read) >= 8, read
    page.check_no_error()


LONG_FIT = """
model = keras.Sequential([keras.Input(shape=(50,)), layers.Dense(1)])
model.compile("sgd", "mse")
x = np.random.default_rng(0).normal(size=(200_000, 50)).astype("float32")
before = model.evaluate(x, x[:, :1], verbose=0)
history = model.fit(x, x[:, :1], epochs=500, verbose=0, callbacks=training.progress())
"""
AFTER_FIT = 'print(len(history.epoch), "epochs", model.evaluate(x, x[:, :1], verbose=0) < before)'
LONG_LOOP = """
import time
done = []
for step in training.steps(100_000, 50, lambda step: {"half": step / 2}):
    time.sleep(0.01)
    done.append(step)
"""
AFTER_LOOP = "print(len(done) < 100_000, done == list(range(1, len(done) + 1)))"


def test_stop_ends_a_fit_and_a_loop_and_keeps_what_was_learned(open_notebook, make_notebook):
    cells = (SETUP.format(mirror=""), LONG_FIT, AFTER_FIT, LONG_LOOP, AFTER_LOOP)
    page = open_notebook("stop", make_notebook(*cells))
    page.start_all()
    fit, after_fit, loop, after_loop = (page.page.locator(".jp-CodeCell").nth(place) for place in range(1, 5))
    fit.get_by_text("epoch 2/500").wait_for(timeout=90_000)
    page.page.get_by_role("button", name="Interrupt the kernel").click()
    fit.get_by_text("Stopped early; what was learned is kept.").wait_for(timeout=20_000)
    page.keep("stopped", fit)
    after_fit.get_by_text("epochs True").wait_for(timeout=60_000)
    loop.locator('[role="status"]').filter(has_text="half").wait_for(timeout=60_000)
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("i")
    page.page.keyboard.press("i")
    after_loop.get_by_text("True True").wait_for(timeout=20_000)
    page.wait_until_run(20)
    epochs = int(re.search(r"(\d+) epochs", after_fit.locator(".jp-OutputArea").inner_text()).group(1))
    assert 1 < epochs < 500
