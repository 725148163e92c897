"""Progress of a training: text where nobody watches, a bar for a person."""

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
    assert f"loss {history['loss'][1]:.4f}" in lines[1]
    assert f"val_loss {history['val_loss'][1]:.4f}" in lines[1]


def test_person_sees_a_bar_and_one_figure_that_grows(keras, monkeypatch):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    updates = []

    class Place:
        def update(self, figure):
            updates.append(len(figure.axes[0].lines[0].get_xdata()))

    monkeypatch.setattr("IPython.display.display", lambda *things, display_id=None: Place())
    callbacks = training.progress(curves=True)
    assert type(callbacks[0]).__name__ == "TqdmCallback"
    fit(keras, callbacks)
    assert updates == [1, 2]
