"""Progress of a training: text where nobody watches, a bar for a person."""

import io
import time
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tqdm.std

from course_utils import training


@pytest.fixture(scope="module")
def keras():
    from course_utils import device

    device.prepare()
    import keras

    return keras


def fit(keras, callbacks):
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((4, 1), "float32")
    return model.fit(x, x, validation_data=(x, x), epochs=2, verbose=0, callbacks=callbacks).history


def test_headless_prints_one_line_per_epoch_with_every_number(keras, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    history = fit(keras, training.progress())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert lines[0].startswith("epoch 1/2")
    assert len(lines) == 2
    assert f"  loss {history['loss'][1]:.4f}" in lines[1]
    assert f"val_loss {history['val_loss'][1]:.4f}" in lines[1]


def test_person_sees_a_bar_and_one_figure_that_grows(keras, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    updates = []

    class Place:
        def update(self, figure):
            updates.append(len(figure.axes[0].lines[0].get_xdata()))

    monkeypatch.setattr("IPython.display.display", lambda *things, display_id=None: Place())
    callbacks = training.progress(curves=True)
    assert "TqdmCallback" in [type(callback).__name__ for callback in callbacks]
    fit(keras, callbacks)
    assert updates == [1, 2]


def test_history_gains_the_seconds_since_the_training_began(keras, monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    begun = time.perf_counter()
    seconds = fit(keras, training.progress())["seconds"]
    assert len(seconds) == 2
    assert 0 < seconds[0] < seconds[1] < time.perf_counter() - begun


@pytest.fixture
def watched(monkeypatch):
    """A person at the notebook: what the bar was told, and the figures that came to the places."""
    mpl.use("agg")
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    seen = SimpleNamespace(bars=[], places=[])

    class Bar(tqdm.std.tqdm):
        def __init__(self, *arguments, **named):
            self.words, self.closings = [], []
            super().__init__(*arguments, **named, file=io.StringIO())
            seen.bars.append(self)

        def set_postfix_str(self, words="", refresh=True):
            self.words.append((self.n, words))

        def close(self):
            if not self.disable:
                self.closings.append(self.n)
            super().close()

    class Place:
        def __init__(self):
            self.figures = []
            seen.places.append(self)

        def update(self, figure):
            assert figure.number in plt.get_fignums()
            self.figures.append(figure)

    def display(*things, display_id=None):
        assert not things, "an empty picture would stay above the bar"
        return Place() if display_id else None

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    monkeypatch.setattr("IPython.display.display", display)
    yield seen
    plt.close("all")


@pytest.fixture
def unwatched(monkeypatch):
    """Nobody at the notebook: the figures that are shown."""
    mpl.use("agg")
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    yield shown
    plt.close("all")


def step_lines(text):
    return [line for line in text.splitlines() if line.startswith("step")]


@pytest.mark.parametrize(
    ("total", "every", "measured"), [(10, 4, [4, 8, 10]), (6, 3, [3, 6]), (3, 1, [1, 2, 3]), (2, 9, [2]), (1, 1, [1])]
)
def test_headless_loop_prints_every_so_many_steps_and_the_last(unwatched, capsys, total, every, measured):
    counted = list(training.steps(total, every, lambda step: {"loss": step / 8, "hits": 3}))
    assert counted == list(range(1, total + 1))
    lines = step_lines(capsys.readouterr().out)
    assert [line.split("  ")[:2] for line in lines] == [
        [f"step {step}/{total}", f"loss {step / 8:.4f}"] for step in measured
    ]
    assert all("hits 3" in line for line in lines)


@pytest.mark.parametrize("mode", ["unwatched", "watched"])
def test_step_is_measured_after_the_body_of_the_loop(request, mode):
    request.getfixturevalue(mode)
    done, measured = [], []
    for step in training.steps(5, 2, lambda number: measured.append((number, list(done))) or {}):
        done.append(step)
    assert measured == [(2, [1, 2]), (4, [1, 2, 3, 4]), (5, [1, 2, 3, 4, 5])]


def test_headless_loop_draws_once_after_the_last_measurement(unwatched, capsys):
    events = []

    def draw():
        events.append("drawn")
        return plt.figure()

    for _ in training.steps(4, 2, lambda step: events.append(step) or {}, draw):
        assert "drawn" not in events
    assert events == [2, 4, "drawn"]
    assert len(unwatched) == 1
    assert len(unwatched[0]) == 1, "the figure is open when it is shown"


def test_headless_loop_shows_nothing_where_there_is_nothing_to_draw(unwatched):
    list(training.steps(2, 1, lambda step: {}))
    assert unwatched == []


def test_person_sees_a_bar_with_the_latest_numbers(watched, capsys):
    for _ in training.steps(5, 2, lambda step: {"loss": step / 8}):
        assert not watched.bars[0].closings
    (bar,) = watched.bars
    assert bar.total == 5
    assert bar.words == [(2, "loss 0.2500"), (4, "loss 0.5000"), (5, "loss 0.6250")]
    assert bar.closings == [5]
    assert watched.places == []
    assert step_lines(capsys.readouterr().out) == []


def test_person_sees_one_picture_that_is_drawn_anew(watched):
    drawn = []

    def draw():
        drawn.append(plt.figure())
        return drawn[-1]

    before = plt.get_fignums()
    list(training.steps(5, 2, lambda step: {}, draw))
    (place,) = watched.places
    assert place.figures == drawn
    assert len(drawn) == 3
    assert plt.get_fignums() == before, "a figure that stays open is shown a second time"


@pytest.mark.parametrize("culprit", ["body", "measure", "draw"])
def test_bar_is_closed_even_when_the_loop_fails(watched, culprit):
    def fail(name):
        if name == culprit:
            raise ArithmeticError(name)
        return {}

    def loop():
        for step in training.steps(9, 2, lambda step: fail("measure"), lambda: fail("draw")):
            if step == 2:
                fail("body")

    with pytest.raises(ArithmeticError, match=culprit):
        loop()
    assert [len(bar.closings) for bar in watched.bars] == [1]
    assert watched.bars[0].closings[0] < 9


def test_bar_is_closed_where_the_loop_is_left_early(watched):
    measured = []
    for step in training.steps(9, 2, lambda number: measured.append(number) or {}):
        if step == 3:
            break
    assert measured == [2]
    assert [bar.closings for bar in watched.bars] == [[2]]


@pytest.mark.parametrize("mode", ["unwatched", "watched"])
@pytest.mark.parametrize(("total", "every", "named"), [(0, 1, "total=0"), (5, 0, "every=0"), (-3, 2, "total=-3")])
def test_loop_without_steps_is_an_error_with_the_way_out(request, mode, total, every, named):
    request.getfixturevalue(mode)
    with pytest.raises(ValueError, match=rf"{named} does not fit: .*\. Pass a whole number from 1 on"):
        next(training.steps(total, every, lambda step: {}))


def test_models_stay_in_a_folder_of_the_project_that_git_ignores(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_MODELS_DIR", raising=False)
    ignored = (training.PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "models/" in ignored
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(training, "PROJECT", tmp_path)
    assert training.models_dir() == tmp_path / "models"
    assert training.models_dir().is_dir()


def test_models_stay_in_the_current_folder_where_there_is_no_project(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_MODELS_DIR", raising=False)
    monkeypatch.setattr(training, "PROJECT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    assert training.models_dir() == tmp_path / "models"


def test_models_stay_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "mine"))
    assert training.models_dir() == tmp_path / "mine"
    monkeypatch.setattr(training, "PROJECT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setenv("COURSE_MODELS_DIR", "near")
    assert training.models_dir() == tmp_path / "near"


def test_models_folder_that_cannot_be_made_is_an_error_with_the_way_out(monkeypatch, tmp_path):
    (tmp_path / "models").touch()  # a file is in the way
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "models"))
    with pytest.raises(OSError, match=r"cannot be made .* Set COURSE_MODELS_DIR to a folder"):
        training.models_dir()
