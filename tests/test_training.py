"""Progress of a training: text where nobody watches, a bar for a person."""

import time

import numpy as np
import pytest

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
