"""Progress of a training: text where nobody watches; a bar, curves and an early stop for a person."""

import copy
import io
import signal
import threading
import time
from types import SimpleNamespace

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tqdm.notebook
import tqdm.std
from IPython.core.events import EventManager, available_events
from screens import Screen

from course_utils import training

STOPPED = "Stopped early; what was learned is kept."


@pytest.fixture(scope="module")
def keras():
    from course_utils import device

    device.prepare()
    import keras

    return keras


@pytest.fixture
def small_model(keras):
    """A network of one unit, to be trained on 12 samples in batches of 4."""
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    return model


X = np.linspace(0, 1, 12, dtype="float32").reshape(-1, 1)


def train(model, callbacks, **options):
    options = {"epochs": 2, "batch_size": 4, "validation_data": (X, X), **options}
    return model.fit(X, X, verbose=0, callbacks=callbacks, **options)


def after_each_batch(keras, do):
    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: do(batch))


def before_each_batch(keras, do):
    return keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: do(batch))


@pytest.fixture
def watched(displayed, monkeypatch):
    """A person at the notebook: the bars, and what a person sees below the latest of them."""

    class Bar(tqdm.std.tqdm):
        def __init__(self, *arguments, **named):
            self.closings = []
            super().__init__(*arguments, **named, file=io.StringIO())
            seen.bars.append(self)

        def close(self):
            if not self.disable:
                self.closings.append(self.n)
            super().close()

    seen = SimpleNamespace(bars=[], screen=lambda: Screen(displayed[-1]))
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    return seen


@pytest.fixture
def handler():
    """What an interrupt does before and after the training, which each test must leave as it found it."""

    def interrupt(*arguments):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    yield interrupt
    after = signal.signal(signal.SIGINT, before)
    assert after is interrupt


@pytest.fixture
def shell(monkeypatch):
    """A notebook's kernel, as far as its events go."""
    made = SimpleNamespace(events=None, config={})
    made.events = EventManager(made, available_events)
    monkeypatch.setattr("IPython.get_ipython", lambda: made)
    return made


def waiting(shell):
    return shell.events.callbacks["post_run_cell"]


# A fit that nobody watches


def test_headless_prints_one_line_per_epoch_with_every_number(small_model, unwatched, capsys):
    history = train(small_model, training.progress()).history
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert lines[0].startswith("epoch 1/2")
    assert len(lines) == 2
    assert f"  loss {history['loss'][1]:.4f}" in lines[1]
    assert f"val_loss {history['val_loss'][1]:.4f}" in lines[1]


@pytest.mark.parametrize("mode", ["unwatched", "watched"])
def test_history_gains_the_seconds_since_the_training_began(request, small_model, mode):
    request.getfixturevalue(mode)
    begun = time.perf_counter()
    seconds = train(small_model, training.progress()).history["seconds"]
    assert len(seconds) == 2
    assert 0 < seconds[0] < seconds[1] < time.perf_counter() - begun


# A fit with a person in front of it


@pytest.mark.ipywidgets7
def test_person_sees_one_bar_over_all_steps_of_all_epochs(small_model, watched, capsys):
    history = train(small_model, training.progress()).history
    (bar,) = watched.bars
    assert bar.total == 6
    assert bar.closings == [6]
    words, _ = watched.screen().status.splitlines()
    assert words.startswith("epoch 2/2  ")
    assert f"  val_loss {history['val_loss'][1]:.4f}" in words
    assert "seconds" not in words
    assert "epoch" not in capsys.readouterr().out


def test_last_line_says_how_much_of_the_time_the_showing_took(small_model, watched):
    callbacks = training.progress()
    train(small_model, callbacks)
    assert watched.screen().status.endswith(f" s, of which showing this took {callbacks[1].share:.1%}.")
    assert watched.screen().alert is None


def test_bar_is_for_the_epochs_that_are_left(small_model, watched):
    train(small_model, training.progress(), epochs=5, initial_epoch=3)
    (bar,) = watched.bars
    assert bar.total == 6
    assert bar.closings == [6]
    assert watched.screen().status.startswith("epoch 5/5  ")


def unknown_length():
    import tensorflow as tf

    shape = tf.TensorSpec((4, 1), "float32")
    return tf.data.Dataset.from_generator(lambda: iter([(X[:4], X[:4])] * 3), output_signature=(shape, shape))


def test_bar_learns_the_length_of_a_generator_from_its_first_epoch(keras, small_model, watched):
    totals = []
    noted = after_each_batch(keras, lambda batch: totals.append(watched.bars[0].total))
    small_model.fit(unknown_length(), shuffle=False, epochs=3, verbose=0, callbacks=[*training.progress(), noted])
    (bar,) = watched.bars
    assert totals == [None, None, None, 9, 9, 9, 9, 9, 9]
    assert bar.closings == [9]


@pytest.mark.ipywidgets7
@pytest.mark.parametrize("kind", ["plain", "initial epoch", "unknown length", "early stop"])
def test_bar_of_a_notebook_ends_well(keras, small_model, displayed, monkeypatch, kind):
    bars = []
    monkeypatch.setattr("tqdm.auto.tqdm", tqdm.notebook.tqdm)
    monkeypatch.setattr("tqdm.notebook.display", bars.append)
    if kind == "unknown length":
        small_model.fit(unknown_length(), shuffle=False, epochs=2, verbose=0, callbacks=training.progress())
    elif kind == "early stop":
        early = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(small_model, "stop_training", 1)
        )
        train(small_model, [*training.progress(), early], epochs=4)
    else:
        train(small_model, training.progress(), epochs=4, initial_epoch=2 if kind == "initial epoch" else 0)
    (bar,) = [part for part in bars[0].children if isinstance(part, ipywidgets.FloatProgress)]
    assert len(bars) == 1
    assert (bar.value, bar.max) == {"plain": (12, 12), "early stop": (3, 12)}.get(kind, (6, 6))
    assert bar.bar_style == "success"
    assert bar.layout.width is None, "else it is as narrow as one of unknown length"


def test_callbacks_may_be_used_for_a_second_training(keras, small_model, watched, clock):
    callbacks = training.progress()
    for _ in range(2):
        train(small_model, [*callbacks, slow(keras, clock, 1)])
    assert [bar.closings for bar in watched.bars] == [[6], [6]]
    assert len(clock.drawn[-1][0]["loss"]) == 2, "the curves begin anew"


def test_fit_without_an_epoch_left_shows_nothing_and_goes_well(small_model, watched):
    callbacks = training.progress()
    train(small_model, callbacks)
    train(small_model, callbacks, epochs=2, initial_epoch=2)
    assert watched.screen().picture is None
    assert "epoch" not in watched.screen().status
    assert "showing this took" in watched.screen().status


def test_metric_of_several_numbers_is_left_out(keras, watched, clock):
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=[keras.metrics.F1Score()])
    labels = np.eye(2, dtype="float32")[[0, 1] * 6]
    history = model.fit(
        X, labels, batch_size=4, epochs=2, verbose=0, callbacks=[*training.progress(), slow(keras, clock, 1)]
    ).history
    assert np.shape(history["f1_score"][0]) == (2,)
    assert set(clock.drawn[-1][0]) == {"loss", "seconds"}
    assert "f1" not in watched.screen().status


def test_first_epoch_of_unknown_length_has_no_picture_yet(keras, small_model, watched, clock):
    pictures = []
    noted = after_each_batch(keras, lambda batch: pictures.append(watched.screen().picture))
    callbacks = [*training.progress(), slow(keras, clock, 1), noted]
    small_model.fit(unknown_length(), shuffle=False, epochs=2, verbose=0, callbacks=callbacks)
    assert pictures[:3] == [None, None, None]
    assert None not in pictures[3:]


def test_share_of_the_time_that_showing_took_is_what_it_says(keras, small_model, watched):
    # That it stays below 3 % is held where nothing runs beside it: in tests/browser/test_live_training.py.
    train(small_model, training.progress(), epochs=1, validation_data=None)  # what is imported and traced only once
    callbacks = training.progress()
    began = time.perf_counter()
    train(
        small_model,
        [*callbacks, before_each_batch(keras, lambda batch: time.sleep(0.06))],
        epochs=5,
        validation_data=None,
    )
    seconds = time.perf_counter() - began
    assert callbacks[1].share > 0
    assert callbacks[1].spent == pytest.approx(callbacks[1].share * seconds, rel=0.5)


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when it is told to; `clock.drawing` is how many seconds a picture takes."""
    told = SimpleNamespace(now=0.0, drawing=0.0, drawn=[])

    def curves(history, now):
        told.now += told.drawing
        told.drawn.append((copy.deepcopy(history), copy.deepcopy(now)))
        return b"picture %d" % len(told.drawn)

    monkeypatch.setattr("course_utils.screen.fit.time", SimpleNamespace(perf_counter=lambda: told.now))
    monkeypatch.setattr("course_utils.screen.fit.curves", curves)
    return told


def slow(keras, clock, seconds):
    def wait(batch):
        clock.now += seconds

    return before_each_batch(keras, wait)


@pytest.mark.ipywidgets7
def test_curves_grow_within_an_epoch_and_end_with_the_history(keras, small_model, watched, clock):
    history = train(small_model, [*training.progress(), slow(keras, clock, 1)]).history
    ends = [now["loss"][-1][0] if now else None for _, now in clock.drawn]
    assert ends[:4] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1, pytest.approx(4 / 3)]
    lengths = [len(earlier.get("val_loss", [])) for earlier, _ in clock.drawn]
    assert lengths == sorted(lengths)
    finished, unfinished = clock.drawn[-1]
    assert unfinished == {}
    assert finished == {name: [(1, first), (2, second)] for name, (first, second) in history.items()}
    assert watched.screen().picture == b"picture %d" % len(clock.drawn)


def test_single_epoch_shows_its_whole_course(keras, small_model, watched, clock):
    train(small_model, [*training.progress(), slow(keras, clock, 1)], epochs=1)
    _, course = clock.drawn[-1]
    assert [place for place, _ in course["loss"]] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1]


def test_curves_are_drawn_only_as_often_as_the_time_allows(keras, small_model, watched, clock):
    clock.drawing = 0.25
    callbacks = training.progress()
    train(small_model, [*callbacks, slow(keras, clock, 5)], epochs=10, validation_data=None)
    assert 8 <= len(clock.drawn) <= 0.03 * 150 / 0.25
    assert callbacks[1].spent == 0.25 * len(clock.drawn)
    assert callbacks[1].share <= 0.03
    assert len(clock.drawn[-1][0]["loss"]) == 10, "the last picture shows the whole training"


def test_numbers_and_curves_of_many_short_epochs_wait_for_their_turn(keras, small_model, watched, clock):
    train(small_model, [*training.progress(), slow(keras, clock, 0.01)], epochs=100)
    assert 4 <= len(clock.drawn) <= 3 / 0.5 + 1, "three seconds, and the end"
    assert watched.screen().status.startswith("epoch 100/100  ")
    assert len(clock.drawn[-1][0]["loss"]) == 100


def test_what_showing_takes_at_the_start_is_counted(small_model, watched, clock, monkeypatch):
    from course_utils.screen import fit

    class Slow(fit.Progress):
        def __init__(self, total):
            super().__init__(total)
            clock.now += 1

    monkeypatch.setattr(fit, "Progress", Slow)
    callbacks = training.progress()
    train(small_model, callbacks)
    assert callbacks[1].spent == 1
    assert callbacks[1].share == 1
    assert clock.drawn == [], "nothing is left to draw with"


# An interrupt of a fit


def test_interrupt_ends_the_fit_after_the_present_step(keras, small_model, watched, handler):
    steps_taken, words = [], []

    def note(batch):
        steps_taken.append(small_model.get_weights())

    def interrupt(batch):
        if len(steps_taken) == 4:  # in the middle of the second epoch
            signal.raise_signal(signal.SIGINT)
            words.append(watched.screen().status)

    stop = [before_each_batch(keras, interrupt), after_each_batch(keras, note)]
    history = train(small_model, [*training.progress(), *stop], epochs=9).history
    assert len(steps_taken) == 5
    assert [len(values) for values in history.values()] == [2] * len(history)
    assert {"loss", "val_loss", "seconds"} <= set(history)
    for kept, then, earlier in zip(small_model.get_weights(), steps_taken[-1], steps_taken[-2], strict=True):
        np.testing.assert_array_equal(kept, then)
        assert not np.array_equal(kept, earlier)
    assert words[0].splitlines()[-1] == "Stopping after this step. Once more breaks off at once, with an error."
    assert watched.screen().status.splitlines()[-1] == STOPPED
    assert watched.screen().status.startswith("epoch 2/9  ")
    assert watched.bars[0].closings == [5]
    assert signal.getsignal(signal.SIGINT) is handler


def test_interrupt_in_the_first_epoch_still_gives_a_history(keras, small_model, watched, handler):
    def interrupt(batch):
        signal.raise_signal(signal.SIGINT)

    history = train(small_model, [*training.progress(), before_each_batch(keras, interrupt)], epochs=9).history
    assert len(history["loss"]) == len(history["val_loss"]) == len(history["seconds"]) == 1
    assert watched.bars[0].closings == [1]


def test_interrupt_between_two_epochs_ends_the_fit_after_the_next_step(keras, small_model, watched, handler):
    def interrupt(epoch, logs):
        if epoch == 0:
            signal.raise_signal(signal.SIGINT)

    late = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    assert len(train(small_model, [*training.progress(), late], epochs=9).history["loss"]) == 2
    assert watched.bars[0].closings == [4]
    assert watched.screen().status.splitlines()[-1] == STOPPED


def test_interrupt_of_the_validation_ends_the_fit_after_its_epoch(keras, small_model, watched, handler):
    class Interrupt(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            signal.raise_signal(signal.SIGINT)

    late = Interrupt()
    assert len(train(small_model, [*training.progress(), late], epochs=9).history["val_loss"]) == 1
    assert watched.bars[0].closings == [3]


def test_training_that_was_stopped_can_go_on(keras, small_model, watched, handler):
    callbacks = training.progress()

    def interrupt(batch):
        signal.raise_signal(signal.SIGINT)

    train(small_model, [*callbacks, before_each_batch(keras, interrupt)], epochs=9)
    assert len(train(small_model, callbacks).history["loss"]) == 2
    assert STOPPED not in watched.screen().status
    assert watched.bars[1].closings == [6]


def test_second_interrupt_breaks_off_at_once(keras, small_model, watched, handler):
    taken = []

    def interrupt(batch):
        taken.append(batch)
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(small_model, [*training.progress(), before_each_batch(keras, interrupt)])
    assert taken == [0]
    assert signal.getsignal(signal.SIGINT) is handler


def test_handler_is_given_back_after_a_fit_that_nobody_stopped(small_model, watched, handler, shell):
    train(small_model, training.progress())
    assert signal.getsignal(signal.SIGINT) is handler
    assert waiting(shell) == []


def test_handler_is_given_back_at_the_end_of_the_cell_after_an_error_in_fit(
    keras, small_model, watched, handler, shell, capsys
):
    def fail(batch):
        raise ArithmeticError("out of numbers")

    with pytest.raises(ArithmeticError, match="out of numbers"):
        train(small_model, [*training.progress(), before_each_batch(keras, fail)])
    assert signal.getsignal(signal.SIGINT) is not handler
    assert len(waiting(shell)) == 1
    assert watched.bars[0].closings == []
    shell.events.trigger("post_run_cell", SimpleNamespace())
    assert signal.getsignal(signal.SIGINT) is handler
    assert waiting(shell) == []
    assert len(watched.bars[0].closings) == 1
    assert watched.screen().status.endswith("Broken off.")
    assert "Error" not in capsys.readouterr().out


def test_training_in_another_thread_goes_on_without_the_early_stop(small_model, watched, handler):
    lengths = []
    worker = threading.Thread(
        target=lambda: lengths.append(len(train(small_model, training.progress()).history["loss"]))
    )
    worker.start()
    worker.join()
    assert lengths == [2]


# A loop that the notebook writes out itself


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
    told = []
    for _ in training.steps(5, 2, lambda step: {"loss": step / 8}):
        assert not watched.bars[0].closings
        *numbers, hint = watched.screen().status.splitlines()
        assert "stops the training and keeps what was learned" in hint
        told.append(numbers)
    (bar,) = watched.bars
    assert bar.total == 5
    assert told == [[], [], ["loss 0.2500"], ["loss 0.2500"], ["loss 0.5000"]]
    assert bar.closings == [5]
    assert watched.screen().picture is None
    assert watched.screen().status == "loss 0.6250"
    assert step_lines(capsys.readouterr().out) == []


def numbered_figures(drawn):
    """A function that draws one figure after the other, and notes them."""

    def draw():
        drawn.append(plt.figure())
        drawn[-1].text(0.5, 0.5, str(len(drawn)))
        return drawn[-1]

    return draw


@pytest.mark.ipywidgets7
def test_person_sees_one_picture_that_is_drawn_anew(watched, displayed):
    drawn, pictures = [], []
    for _ in training.steps(5, 2, lambda step: {}, numbered_figures(drawn)):
        pictures.append(watched.screen().picture)
        assert plt.get_fignums() == [], "a figure that stays open is shown a second time"
    pictures.append(watched.screen().picture)
    assert len(displayed) == 1
    assert len(drawn) == 3
    assert pictures[0] is pictures[1] is None
    assert pictures[2] == pictures[3]
    assert len(set(pictures)) == 4, "nothing, then three pictures"
    assert pictures[-1].startswith(b"\x89PNG")


@pytest.mark.parametrize("culprit", ["body", "measure", "draw"])
def test_bar_is_closed_and_the_handler_given_back_even_when_the_loop_fails(watched, handler, shell, culprit):
    def fail(name):
        if name == culprit:
            raise ArithmeticError(name)
        return plt.figure() if name == "draw" else {}

    def loop():
        for step in training.steps(9, 2, lambda step: fail("measure"), lambda: fail("draw")):
            if step == 2:
                fail("body")

    with pytest.raises(ArithmeticError, match=culprit):
        loop()
    assert [len(bar.closings) for bar in watched.bars] == [1]
    assert watched.bars[0].closings[0] < 9
    assert signal.getsignal(signal.SIGINT) is handler
    assert waiting(shell) == []


def test_bar_is_closed_where_the_loop_is_left_early(watched, handler):
    measured = []
    for step in training.steps(9, 2, lambda number: measured.append(number) or {}):
        if step == 3:
            break
    assert measured == [2]
    assert [bar.closings for bar in watched.bars] == [[2]]


def test_interrupt_ends_the_loop_after_the_present_step_measured_and_drawn(watched, handler, shell):
    taken, measured, drawn = [], [], []
    for step in training.steps(9, 4, lambda number: measured.append(number) or {"loss": 0.5}, numbered_figures(drawn)):
        if step == 6:
            signal.raise_signal(signal.SIGINT)
        taken.append(step)
    assert taken == [1, 2, 3, 4, 5, 6]
    assert measured == [4, 6]
    assert len(drawn) == 2
    (bar,) = watched.bars
    assert bar.closings == [6]
    assert watched.screen().status.splitlines() == ["loss 0.5000", STOPPED]
    assert watched.screen().picture is not None
    assert signal.getsignal(signal.SIGINT) is handler
    assert waiting(shell) == []


def test_second_interrupt_breaks_the_loop_off_at_once(watched, handler):
    def loop():
        for step in training.steps(9, 4, lambda number: measured.append(number) or {}):
            for _ in range(step):
                signal.raise_signal(signal.SIGINT)
            if step == 1:
                signal.raise_signal(signal.SIGINT)

    measured = []
    with pytest.raises(KeyboardInterrupt):
        loop()
    assert measured == []
    assert [bar.closings for bar in watched.bars] == [[0]]


@pytest.mark.parametrize("mode", ["unwatched", "watched"])
@pytest.mark.parametrize(("total", "every", "named"), [(0, 1, "total=0"), (5, 0, "every=0"), (-3, 2, "total=-3")])
def test_loop_without_steps_is_an_error_with_the_way_out(request, mode, total, every, named):
    request.getfixturevalue(mode)
    with pytest.raises(ValueError, match=rf"{named} does not fit: .*\. Pass a whole number from 1 on"):
        next(training.steps(total, every, lambda step: {}))


# A few items


def test_headless_goes_through_the_items_in_silence(unwatched, capfd):
    assert list(training.each([3, "b", None])) == [3, "b", None]
    assert list(training.each([])) == []
    assert capfd.readouterr() == ("", "")


def test_person_sees_a_bar_over_the_items(watched):
    for place, item in enumerate(training.each(["a", "b", "c"])):
        assert item == "abc"[place]
    (bar,) = watched.bars
    assert bar.total == 3
    assert bar.closings[0] == 3
    assert not bar.leave


# The folder of trained models


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
