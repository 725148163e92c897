"""How fast is this machine at the course's work? `make yardstick` takes about a minute and says it in seconds.

Frozen: budgets in seconds are meant for a machine on which this takes 60 s, which is one where chapter 02 of commit
d8667da takes 78 s on bundled data. On another machine, or on another day, multiply a budget by (these seconds) / 60. A
test holds the file to its hash: a yardstick that changes measures nothing. It imports nothing of the course, whose own
code may change.
"""

import io
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

START, START_CPU = time.perf_counter(), time.process_time()
RECORD = Path(__file__).resolve().parents[1] / "reports" / "yardstick.json"
SECONDS = 60  # on the machine that budgets are meant for
# Tuned once, so that 60 s here are 78 s of that chapter.
EPOCHS, FITS = 7, 6


def quiet_keras():
    """Import Keras on TensorFlow without the lines that its C++ part writes."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        import keras
        import tensorflow  # noqa: F401 (timed; Keras may be set to another backend)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
    return keras


def networks(keras):
    """Build one small network of each kind that the course trains most: dense, convolutional, recurrent."""
    layers = keras.layers
    yield (
        keras.Sequential(
            [
                keras.Input((784,)),
                layers.Dense(512, activation="relu"),
                layers.Dropout(0.2),
                layers.Dense(256, activation="relu"),
                layers.Dropout(0.2),
                layers.Dense(10, activation="softmax"),
            ]
        ),
        6_400,
    )
    yield (
        keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        ),
        1_280,
    )
    yield (
        keras.Sequential([keras.Input((60, 8)), layers.LSTM(32), layers.Dense(10, activation="softmax")]),
        1_280,
    )


def train(keras, numpy):
    """Train each of the three networks anew a few times, as the experiments of a chapter do, tracing included."""
    for number in range(FITS):
        for network, samples in networks(keras):
            random = numpy.random.default_rng(number)
            x = random.random((samples, *network.input_shape[1:]), dtype="float32")
            y = random.integers(10, size=samples)
            network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            network.fit(x, y, batch_size=64, epochs=EPOCHS, validation_split=0.1, verbose=0)
            network.predict(x[:256], verbose=0)


def draw(numpy):
    """Draw ten figures, each as a PNG in memory."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    random = numpy.random.default_rng(0)
    for _ in range(10):
        figure, axes = plt.subplots(2, 3, figsize=(12, 6), layout="constrained")
        for ax in axes.flat:
            ax.plot(random.normal(size=(200, 3)).cumsum(axis=0), label=["a", "b", "c"])
            ax.imshow(random.random((28, 28)), extent=(0, 50, 0, 10), aspect="auto")
            ax.set(title="a picture and three curves", xlabel="step", ylabel="loss")
            ax.legend()
        figure.savefig(io.BytesIO(), format="png", dpi=100)
        plt.close(figure)


def main():
    """Time the parts one after the other, say and record the sum."""
    parts = {}

    def note(name):
        parts[name] = round(time.perf_counter() - START - sum(parts.values()), 1)
        print(f"{name}: {parts[name]:.1f} s", flush=True)

    keras = quiet_keras()
    import numpy

    keras.utils.set_random_seed(0)
    note("importing TensorFlow")
    train(keras, numpy)
    note(f"tracing and training {3 * FITS} networks")
    draw(numpy)
    note("drawing ten figures")
    seconds, processor = time.perf_counter() - START, time.process_time() - START_CPU
    print(
        f"Yardstick: {seconds:.1f} s, {processor:.1f} s of processor. "
        f"Budgets on this machine, at this hour: {seconds / SECONDS:.2f} times what is written."
    )
    RECORD.parent.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"at": now, "seconds": round(seconds, 1), "processor_seconds": round(processor, 1), "parts": parts}
    RECORD.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
