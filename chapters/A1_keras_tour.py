# %% [markdown]
# # A1 · Keras tour: where do I look it up?
#
# **You build.** Small models of every shape, a table of layers whose parameters you can count by hand, every loss and
# callback at work, and a dictionary from the Keras of old tutorials to the Keras of today.
#
# **Time.** Under a minute for a machine with two CPU cores. You will come back to it more often than read it through.
#
# **You need.** Chapter 01. Run the cells down to *Two helpers*, then the section you need (section 5 also takes
# `digit_model` from section 2).
#
# - [1. Which way of building fits?](#1.-Which-way-of-building-fits?) Sequential, Functional, two inputs, two outputs, subclassing
# - [2. What do the arguments of fit do?](#2.-What-do-the-arguments-of-fit-do?) batch size, validation, weights, going on
# - [3. What does each layer make of a shape?](#3.-What-does-each-layer-make-of-a-shape?) the layer atlas
# - [4. Which loss and which metric?](#4.-Which-loss-and-which-metric?) by task, against numpy
# - [5. Which optimizer?](#5.-Which-optimizer?)
# - [6. What can happen between two epochs?](#6.-What-can-happen-between-two-epochs?) every callback at work
# - [7. Then and now: what broke?](#7.-Then-and-now:-what-broke?) **the page for readers of older tutorials**
# - [8. Which backend runs?](#8.-Which-backend-runs?) TensorFlow, JAX, PyTorch
# - [Exercises](#Exercises)

# %%
import ast
import contextlib
import html
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

from course_utils import device, plots, results, training
from course_utils.checks import appendix1 as check
from course_utils.datasets import mnist

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import HTML, display
from keras import layers
from sklearn.metrics import roc_auc_score

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
DATA = "auto"  # the digits of sections 1, 2 and 5: "auto", "full" or "bundled"
TRAIN_LIMIT: int | None = None  # at most this many digits; None for 1,000
SMOKE = False  # True cuts every training to seconds, to see that the code runs

# %%
keras.utils.set_random_seed(SEED)

# %% [markdown]
# ### Two helpers
#
# One shows a table, the other a few digits for the experiments. Everything else is Keras.

# %%
def table(header, rows, code=(), widths=()):
    def cell(tag, index, content):
        shown, _, below = html.escape(str(content)).partition("\n\n")
        if tag == "td" and index in code:  # columns of code keep their lines
            shown = f"<pre style='{pre}'>{shown}</pre>{below}"
        width = f"width:{widths[index]}%" if widths else ""
        return f"<{tag} style='text-align:left;vertical-align:top;{width}'>{shown}</{tag}>"

    pre = "margin:0;padding:0;background:none;font:0.9em monospace;white-space:pre-wrap"
    pre += ";word-break:normal"
    fixed = "width:100%;table-layout:fixed;overflow-wrap:anywhere" if widths else ""
    lines = ["".join(cell("th", i, text) for i, text in enumerate(header))]
    lines += ["".join(cell("td", i, text) for i, text in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return HTML(f"<table style='{fixed}'>{body}</table>")


digits = mnist.load(DATA, train_limit=min(TRAIN_LIMIT or 1000, 1000), seed=SEED)
held_back = len(digits.x_train) // 5
x_train, y_train = digits.x_train[held_back:], digits.y_train[held_back:]  # (n, 28, 28), (n,)
x_val, y_val = digits.x_train[:held_back], digits.y_train[:held_back]

# %% [markdown]
# ## 1. Which way of building fits?
#
# Keras has three ways to write a network. Which one you need depends on its *shape*, not on its size.
#
# **One way in, one way out: Sequential.** A list of layers. Begin it with `keras.Input`, so that the weights exist and
# can be counted before any data come. Count them yourself before you run the cell.

# %% tags=["nbval-check-output"]
sequential_model = keras.Sequential(
    [
        keras.Input(shape=(28, 28), name="picture"),
        layers.Flatten(name="flat"),  # (batch, 784)
        layers.Dense(64, activation="relu", name="hidden"),  # (batch, 64)
        layers.Dense(10, activation="softmax", name="digit"),  # (batch, 10)
    ],
    name="sequential_digits",
)
sequential_model.summary()

# %% [markdown]
# **Several ways in or out: Functional.** A layer is called on the result of another, and the model is what lies between
# given inputs and outputs. Here one input has 100 numbers and one has 200; each gets a layer of its own, then they meet.

# %% tags=["nbval-check-output"]
first = keras.Input(shape=(100,), name="first")
second = keras.Input(shape=(200,), name="second")
first_features = layers.Dense(32, activation="relu", name="first_dense")(first)  # (batch, 32)
second_features = layers.Dense(32, activation="relu", name="second_dense")(second)  # (batch, 32)
joined = layers.Concatenate(name="joined")([first_features, second_features])  # (batch, 64)
hidden = layers.Dense(16, activation="relu", name="hidden")(joined)  # (batch, 16)
answer = layers.Dense(1, name="answer")(hidden)  # (batch, 1)
two_input_model = keras.Model(inputs=[first, second], outputs=answer, name="two_inputs")
two_input_model.summary()

# %% [markdown]
# A list of layers no longer shows how they hang together; a picture does. `keras.utils.plot_model` draws one where the
# package pydot and the program Graphviz are installed. Often they are not, and the model knows its own graph: every layer
# can tell which tensors go in. So we draw it ourselves.

# %% alt="The graph of the model with two inputs as boxes from left to right: first and second each lead to a Dense layer, both meet in Concatenate, then hidden, then answer. Each box shows the shape and the number of parameters."
def draw_graph(model, ax):
    maker = {id(layer.output): layer.name for layer in model.layers}
    sources, columns, places = {}, [], {}
    for layer in model.layers:  # each comes after those that feed it
        tensors = keras.tree.flatten(layer.input)
        sources[layer.name] = {maker[id(tensor)] for tensor in tensors} - {layer.name}
        across = max((places[source][0] + 1 for source in sources[layer.name]), default=0)
        columns += [[]] * (across + 1 - len(columns))
        columns[across] = [*columns[across], layer.name]
        places[layer.name] = (across, -len(columns[across]))
    for layer in model.layers:
        across, down = places[layer.name]
        place = (across, down + (len(columns[across]) + 1) / 2)
        places[layer.name] = place
        shape = ", ".join("batch" if size is None else str(size) for size in layer.output.shape)
        kind, count = type(layer).__name__, f"{layer.count_params():,} parameters"
        text = f"{layer.name}\n{kind}\n({shape})\n{count}"
        ax.text(*place, text, ha="center", va="center", fontsize=8,
                bbox={"boxstyle": "round", "facecolor": "#cfe3f3", "edgecolor": plots.PALETTE[0]})
        for source in sources[layer.name]:
            arrow = {"arrowstyle": "->", "color": "0.4", "shrinkA": 38, "shrinkB": 38}
            ax.annotate("", place, places[source], arrowprops=arrow)
    ax.set(xlim=(-0.6, len(columns) - 0.4), ylim=(-1.2, 1.2))
    ax.axis("off")


figure, ax = plt.subplots(figsize=(11, 2.8))
draw_graph(two_input_model, ax)
plt.show()

# %% tags=["nbval-ignore-output"]
with tempfile.TemporaryDirectory() as folder:
    try:
        file = f"{folder}/graph.png"
        display(keras.utils.plot_model(two_input_model, to_file=file, show_shapes=True, dpi=60))
    except ImportError as error:
        print("plot_model cannot draw here:", str(error).split(".")[0])

# %% [markdown]
# How are two inputs fed? As a list in the order of `inputs=`, or, harder to get wrong, as a dictionary by name. What
# happens when the list comes in the wrong order? Our task: is the mean of the first 100 numbers above that of the
# other 200?

# %%
rng = np.random.default_rng(SEED)
hundred = rng.normal(size=(500, 100)).astype("float32")
two_hundred = rng.normal(size=(500, 200)).astype("float32")
is_larger = (hundred.mean(axis=1) > two_hundred.mean(axis=1)).astype("float32")

fresh_model = keras.models.clone_model(two_input_model)  # new weights at each run of this cell
fresh_model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.003),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],  # a logit of 0 is even
)
by_name = {"first": hundred, "second": two_hundred}
history = fresh_model.fit(by_name, is_larger, validation_split=0.2, epochs=8, verbose=0)
reached = history.history["val_accuracy"][-1]
print(f"validation accuracy with 400 examples: {reached:.2f}, guessing gives about 0.50")
try:
    fresh_model.fit([two_hundred, hundred], is_larger, verbose=0)
except ValueError as error:
    print("in the wrong order:", re.split(r"[.:\n]", str(error))[0])

# %% [markdown]
# Lucky: the sizes differ, so it stopped. Two inputs of the *same* size in the wrong order train without a word. Use names.
#
# ### Two outputs: why not a sigmoid on both?
#
# One network, two questions about a digit: *which* is it (ten classes, softmax), and *how much ink* does it hold (a
# number)? We standardize the ink, so it lies around 0, on both sides. Popular code puts a sigmoid on the number, too, by
# habit. What will that do?

# %%
def ink_of(pictures):
    return pictures.sum(axis=(1, 2)) / 255  # (n,), in pixels of full ink


def two_output_model(ink_activation):
    picture = keras.Input(shape=(28, 28, 1), name="picture")
    scaled = layers.Rescaling(1 / 255)(picture)
    small = layers.Flatten()(layers.AveragePooling2D(4)(scaled))  # (batch, 49), enough for both
    hidden = layers.Dense(64, activation="relu")(small)  # (batch, 64)
    digit = layers.Dense(10, activation="softmax", name="digit")(hidden)  # (batch, 10)
    ink = layers.Dense(1, activation=ink_activation, name="ink")(hidden)  # (batch, 1)
    model = keras.Model(inputs=picture, outputs={"digit": digit, "ink": ink})
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.005),
        loss={"digit": "sparse_categorical_crossentropy", "ink": "mse"},  # one per output, by name
        loss_weights={"digit": 1.0, "ink": 1.0},  # what fit makes small is their weighted sum
        metrics={"digit": ["accuracy"]},
    )
    return model


ink_mean, ink_spread = ink_of(x_train).mean(), ink_of(x_train).std()
ink_train = (ink_of(x_train) - ink_mean) / ink_spread
ink_val = (ink_of(x_val) - ink_mean) / ink_spread
print(f"standardized ink: from {ink_train.min():.1f} to {ink_train.max():.1f}")

# %% alt="Predicted against true ink in two panels. With a linear output the points lie along the diagonal; with a sigmoid no prediction leaves the band from 0 to 1, although most true values lie outside it."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True, sharey=True)
for ax, (name, activation) in zip(axes, {"linear": None, "sigmoid": "sigmoid"}.items()):
    keras.utils.set_random_seed(SEED)  # the same start for both
    model = two_output_model(activation)
    model.fit(
        x_train[..., None], {"digit": y_train, "ink": ink_train},
        batch_size=64, epochs=2 if SMOKE else 25, verbose=0,
    )
    predicted = model.predict(x_val[..., None], verbose=0)
    predicted_ink = predicted["ink"][:, 0]
    accuracy = np.mean(predicted["digit"].argmax(axis=-1) == y_val)
    ax.plot(ink_val, predicted_ink, "o", markersize=3, color=plots.PALETTE[name == "sigmoid"])
    ax.axline((0, 0), slope=1, color="black", linewidth=1)
    ax.set(xlabel="true ink (standardized)", title=f"{name} output")
    error = np.sqrt(np.mean((predicted_ink - ink_val) ** 2))
    print(f"{name:8s} RMSE of the ink {error:.2f}, accuracy of the digit {accuracy:.2f}")
axes[0].set_ylabel("predicted ink")
plt.show()
best_sigmoid = np.sqrt(np.mean((np.clip(ink_val, 0, 1) - ink_val) ** 2))
print(f"the best that any sigmoid could do: {best_sigmoid:.2f}")

# %% [markdown]
# **What we saw.** A sigmoid answers between 0 and 1, always. No training can make it say 2 or −1, and the loss does
# not complain, it just stays high. The output for a number you want to predict has *no* activation; softmax and
# sigmoid are for probabilities. (It may even answer 0 to everything: most of the targets pull it below its floor, it
# saturates, and then it has no slope left to learn by, as in section 3 of chapter 01.)
#
# **Anything else: subclassing.** Write `call` as Python: loops, conditions, two modes. What you pay: Keras no longer
# knows the graph, so no shapes before the first call, no picture, and to save it you describe its arguments yourself.

# %% tags=["nbval-check-output"]
class Digits(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(units, activation="relu")
        self.digit = layers.Dense(10, activation="softmax")

    def call(self, pictures):  # (batch, 28, 28) -> (batch, 10)
        return self.digit(self.hidden(self.flat(pictures)))


subclassed_model = Digits(units=64)
print("weights before the first call:", len(subclassed_model.weights))
subclassed_model(np.zeros((1, 28, 28)))
count = subclassed_model.count_params()
print(f"after: {len(subclassed_model.weights)} arrays, {count:,} parameters")
print("as many as the Sequential one:", count == sequential_model.count_params())

# %% [markdown]
# ## 2. What do the arguments of fit do?
#
# ### What does the batch size trade?
#
# Large batches make few, exact steps; small batches many noisy ones. How noisy? We take the gradient over all training
# digits as the truth and measure how far the gradient of a random batch is from it, in shares of its length. Guess: with a
# batch four times as large, how much less noise?

# %%
def digit_model(optimizer):
    model = keras.Sequential([
        keras.Input(shape=(28, 28)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),  # (batch, 784)
        layers.Dense(64, activation="relu"),  # (batch, 64)
        layers.Dense(10),  # (batch, 10), logits
    ])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def flat_gradient(model, x, y):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=y, y_pred=model(x))
    slopes = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    return np.concatenate([slope.numpy().ravel() for slope in slopes])


def gradient_noise(model, x, y, batch_size, rng, repeats=10):
    truth = flat_gradient(model, x, y)
    picks = [rng.choice(len(x), batch_size, replace=False) for _ in range(repeats)]
    distances = [np.linalg.norm(flat_gradient(model, x[pick], y[pick]) - truth) for pick in picks]
    return np.mean(distances) / np.linalg.norm(truth)


# %% alt="Three panels over the batch size: steps per epoch fall in proportion, seconds per epoch fall much less than the steps do and may even rise again, and the noise of the gradient falls roughly with the square root."
sizes = [size for size in ([8, 32] if SMOKE else [8, 32, 128, 512]) if size <= len(x_train)]
untrained_model = digit_model("sgd")
rng = np.random.default_rng(SEED)
noise = [gradient_noise(untrained_model, x_train, y_train, size, rng) for size in sizes]
steps = [-(-len(x_train) // size) for size in sizes]
batch_runs = {}
for size in sizes:
    keras.utils.set_random_seed(SEED)  # the same start for all
    batch_model = digit_model(keras.optimizers.SGD(learning_rate=0.1))
    batch_runs[f"batch {size}"] = batch_model.fit(
        x_train, y_train, validation_data=(x_val, y_val), batch_size=size, epochs=2 if SMOKE else 8,
        validation_batch_size=len(x_val), verbose=0,
        callbacks=[training.clock()],
    ).history
seconds = [np.min(np.diff(run["seconds"])) for run in batch_runs.values()]

figure, axes = plt.subplots(1, 3, figsize=(12, 3.2))
by_root = noise[0] * np.sqrt(sizes[0] / np.array(sizes))
axes[2].loglog(sizes, by_root, "--", color="black", label="1 ÷ √batch")
axes[2].legend()
panels = {"steps per epoch": steps, "seconds per epoch": seconds, "noise ÷ gradient": noise}
for ax, (label, values) in zip(axes, panels.items()):
    ax.loglog(sizes, values, "o-")
    ax.minorticks_off()
    ax.set(xlabel="batch size", ylabel=label, xticks=sizes, xticklabels=sizes)
    ax.set(yticks=values, yticklabels=[f"{value:.3g}" for value in values])
plt.show()

# %% [markdown]
# Half the noise costs a batch four times as large. (Near the size of the whole set it falls faster, since a batch is
# drawn without repetition.) And which of them learns fastest? That depends on what you count:

# %% alt="Validation loss of four batch sizes against epochs on the left and seconds on the right. Over epochs the small batches fall first; over seconds the order is closer, since their epochs take longer."
plots.race(batch_runs, metric="val_loss")
plt.show()

# %% [markdown]
# **What we saw.** Per epoch small batches are ahead at first: they take more steps, all with the same learning rate.
# Per second the picture changes, because a step has a fixed cost: an epoch of four times fewer steps is not four
# times as quick (and the first point also holds the time in which TensorFlow builds its graph). A common compromise
# is 32 to 256; with a larger batch, try a larger learning rate.
#
# ### validation_split takes the *last* part
#
# It cuts before it shuffles. Data sets often lie sorted by label. Which digits will the network be validated on, then?

# %%
def validation_accuracy(x, y, **arguments):
    model = digit_model("adam")
    history = model.fit(x, y, batch_size=32, verbose=0, **arguments)
    return history.history["val_accuracy"][-1]


epochs = 1 if SMOKE else 5
order = np.argsort(y_train, kind="stable")
x_sorted, y_sorted = x_train[order], y_train[order]
last_part = y_sorted[-len(y_sorted) // 5 :]
print("labels in the last fifth of the sorted digits:", np.unique(last_part))
for name, x, y in (("sorted", x_sorted, y_sorted), ("shuffled", x_train, y_train)):
    accuracy = validation_accuracy(x, y, validation_split=0.2, epochs=epochs)
    print(f"{name:8s} digits, validation_split=0.2: validation accuracy {accuracy:.3f}")

# %% [markdown]
# A network that reads digits well enough, and an accuracy near zero, because it hardly ever saw what it is tested on. The
# opposite is as bad: augmented copies or windows of one series in both parts, and the accuracy is too good. **Shuffle or
# split yourself, and pass `validation_data`.** What if both are given?

# %% tags=["nbval-check-output"]
counting_model = keras.Sequential([keras.Input(shape=(1,), name="x"), layers.Dense(1, name="y")])
counting_model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
ones = np.ones((100, 1))
for arguments in (
    {"validation_split": 0.3},
    {"validation_data": (ones[:10], ones[:10])},
    {"validation_split": 0.3, "validation_data": (ones[:10], ones[:10])},
):
    counted = counting_model.fit(ones, ones, batch_size=10, verbose=0, **arguments)
    print(f"trained on {10 * counted.params['steps']:3d} of 100 with {', '.join(arguments)}")

# %% [markdown]
# `validation_data` wins, and `validation_split` is ignored: no error, no warning.
#
# ### shuffle
#
# `fit` reshuffles arrays before every epoch. It does *not* shuffle a `tf.data.Dataset` or a generator. What does
# sorted data do without shuffling?

# %%
unshuffled = validation_accuracy(
    x_sorted, y_sorted, validation_data=(x_val, y_val), shuffle=False, epochs=epochs
)
print(f"sorted digits, shuffle=False: validation accuracy {unshuffled:.3f}")

# %% [markdown]
# Unshuffled, nearly every batch holds one digit only, and the network forgets the others while it learns it.
#
# ### class_weight and sample_weight
#
# Nineteen of twenty examples are of class 0. A classifier may then ignore class 1 and still be right nineteen times
# of twenty. `class_weight` says how much a mistake on each class costs; `sample_weight` says it example by example.
# First: what exactly becomes of the loss?

# %% tags=["nbval-check-output"]
tiny_labels = np.array([[0.0], [0.0], [0.0], [1.0]])
tiny_logits = np.array([[-1.0], [0.0], [-2.0], [-1.0]])
tiny_weights = np.where(tiny_labels[:, 0] == 1, 3.0, 1.0)  # what class_weight={0: 1, 1: 3} becomes
each_loss = np.logaddexp(0, tiny_logits[:, 0]) - tiny_labels[:, 0] * tiny_logits[:, 0]
loss_function = keras.losses.BinaryCrossentropy(from_logits=True)
keras_loss = loss_function(tiny_labels, tiny_logits, sample_weight=tiny_weights)
weighted = np.sum(tiny_weights * each_loss)
print(f"Keras                             {float(keras_loss):.4f}")
print(f"sum(weight * loss) / n            {weighted / 4:.4f}")
print(f"sum(weight * loss) / sum(weight)  {weighted / tiny_weights.sum():.4f}")

# %% [markdown]
# It divides by the *number* of examples, not by the sum of the weights: doubling all weights doubles the loss, and with it
# every step of plain SGD. Now the lopsided classes:

# %%
rng = np.random.default_rng(SEED)
rare = rng.random(2000) < 0.05
x_lopsided = rng.normal(size=(2000, 2)) + 1.5 * rare[:, None]
y_lopsided = rare.astype("float32")
for name, weights in {"without": None, "with": {0: 1.0, 1: 19.0}}.items():
    lopsided_model = keras.Sequential([keras.Input(shape=(2,)), layers.Dense(1)])
    lopsided_model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.05),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    lopsided_model.fit(
        x_lopsided, y_lopsided, class_weight=weights, batch_size=128, epochs=8, verbose=0
    )
    scores = np.asarray(lopsided_model(x_lopsided))[:, 0]
    found = scores > 0
    print(f"{name:7s} class_weight: finds {found[rare].mean():.0%} of class 1,", end=" ")
    print(f"accuracy {np.mean(found == rare):.3f}, false alarms {found[~rare].mean():.0%},", end=" ")
    print(f"AUC {roc_auc_score(rare, scores):.3f}")

# %% [markdown]
# The weights buy finds with false alarms; accuracy even falls. The AUC (section 4), which knows no threshold, hardly
# moves: they shifted the threshold and taught nothing new. Chapters 02 and 04 look at the whole trade: precision,
# recall and ROC.
#
# ### Going on where you stopped
#
# `epochs` is the number of the *last* epoch, not how many to run; `initial_epoch` is where to begin, counted from 0.
# Many notebooks pass `initial_epoch=history.epoch[-1]`. Three epochs are done, five are wanted. How many will they
# have run?

# %% tags=["nbval-check-output"]
begun = counting_model.fit(ones, ones, epochs=3, verbose=0)
trap = counting_model.fit(ones, ones, initial_epoch=begun.epoch[-1], epochs=5, verbose=0)
right = counting_model.fit(ones, ones, initial_epoch=len(begun.epoch), epochs=5, verbose=0)
print("first run:                        epochs", begun.epoch)
for name, run in (("history.epoch[-1]: ", trap), ("len(history.epoch):", right)):
    print(f"initial_epoch={name} epochs {run.epoch}, in all {len(begun.epoch) + len(run.epoch)}")

# %% [markdown]
# The last epoch's index is 2 because counting starts at 0, so epoch 2 runs twice. A learning rate schedule that
# depends on the epoch would repeat a value as well.
#
# ## 3. What does each layer make of a shape?
#
# The **layer atlas**. Each line of code below is evaluated: the layer is built by Keras, called on an input of that
# shape, and its parameters counted. Beside it stands a formula, which is Python too and is evaluated with the numbers
# named in the line. Where the two differ, the last column says so, and the chapter's claim fails.

# %%
dense_like = [
    ("Dense(64)", (100,), "inputs * units + units", {"inputs": 100, "units": 64},
     "a weight per pair, a bias per unit"),
    ("Dense(64)", (20, 100), "inputs * units + units", {"inputs": 100, "units": 64},
     "on a sequence: the same weights at each step"),
    ("Flatten()", (7, 7, 32), "0", {}, "7 * 7 * 32 numbers in a row"),
    ("Rescaling(1 / 255)", (28, 28, 1), "0", {}, "multiplies; nothing to learn"),
    ("Dropout(0.5)", (100,), "0", {}, "acts in training only"),
    ("Lambda(lambda x: x**2)", (100,), "0", {}, "any function; see section 7 before you save one"),
    ("BatchNormalization()", (28, 28, 32), "4 * channels", {"channels": 32},
     "scale and shift learn, mean and variance are only tracked"),
    ("LayerNormalization()", (20, 64), "2 * channels", {"channels": 64},
     "scale and shift; nothing tracked"),
    ("Concatenate()", [(10,), (20,)], "0", {}, "side by side, along the last axis"),
]
convolutions = [
    ("Conv1D(16, 5)", (100, 8), "size * channels * filters + filters",
     {"size": 5, "channels": 8, "filters": 16}, "100 - 5 + 1 places"),
    ("Conv2D(32, 3)", (28, 28, 3), "size**2 * channels * filters + filters",
     {"size": 3, "channels": 3, "filters": 32}, "28 - 3 + 1 places each way"),
    ("Conv2D(32, 3, padding='same', strides=2)", (28, 28, 3), "size**2 * channels * filters + filters",
     {"size": 3, "channels": 3, "filters": 32}, "28 / 2 places; the picture's size costs no weight"),
    ("Conv3D(8, 3)", (16, 16, 16, 1), "size**3 * channels * filters + filters",
     {"size": 3, "channels": 1, "filters": 8}, "video, scans"),
    ("Conv2DTranspose(16, 4, strides=2, padding='same')", (7, 7, 32),
     "size**2 * channels * filters + filters", {"size": 4, "channels": 32, "filters": 16},
     "grows: 7 * 2 places; generators of chapter 06"),
    ("DepthwiseConv2D(3)", (28, 28, 16), "size**2 * channels + channels", {"size": 3, "channels": 16},
     "one window per channel, no mixing"),
    ("SeparableConv2D(32, 3)", (28, 28, 16), "size**2 * channels + channels * filters + filters",
     {"size": 3, "channels": 16, "filters": 32}, "first per channel, then mixed"),
    ("MaxPooling2D(2)", (27, 27, 32), "0", {}, "27 // 2: the last row and column are dropped"),
    ("AveragePooling2D(2)", (28, 28, 32), "0", {}, ""),
    ("GlobalAveragePooling2D()", (7, 7, 64), "0", {}, "one number per channel"),
    ("GlobalMaxPooling1D()", (100, 16), "0", {}, "the strongest moment of each channel"),
]
sequences = [
    ("Embedding(10000, 64)", (200,), "words * width", {"words": 10000, "width": 64},
     "a row to look up per word"),
    ("SimpleRNN(32)", (20, 8), "units * (inputs + units + 1)", {"inputs": 8, "units": 32},
     "the sequence's length costs no weight"),
    ("LSTM(32)", (20, 8), "4 * units * (inputs + units + 1)", {"inputs": 8, "units": 32},
     "four gates"),
    ("LSTM(32, return_sequences=True)", (20, 8), "4 * units * (inputs + units + 1)",
     {"inputs": 8, "units": 32}, "an answer at each step"),
    ("GRU(32)", (20, 8), "3 * units * (inputs + units + 2)", {"inputs": 8, "units": 32},
     "+ 2, not + 1: reset_after=True has two biases"),
    ("GRU(32, reset_after=False)", (20, 8), "3 * units * (inputs + units + 1)",
     {"inputs": 8, "units": 32}, "as in the paper and in Keras before TensorFlow 2"),
    ("Bidirectional(layers.LSTM(32))", (20, 8), "2 * 4 * units * (inputs + units + 1)",
     {"inputs": 8, "units": 32}, "forwards and backwards, side by side"),
    ("Attention()", [(10, 64), (20, 64)], "0", {}, "query, value: only products, no weights"),
    ("Attention(use_scale=True)", [(10, 64), (20, 64)], "1", {}, "one learned factor"),
    ("MultiHeadAttention(4, 16)", [(20, 64), (20, 64)],
     "3 * heads * size * (width + 1) + width * (heads * size + 1)",
     {"heads": 4, "size": 16, "width": 64},
     "self-attention: query, key, value, output"),
    ("MultiHeadAttention(4, 16)", [(10, 64), (20, 32)],
     "heads * size * (width + 1) + 2 * heads * size * (other + 1) + width * (heads * size + 1)",
     {"heads": 4, "size": 16, "width": 64, "other": 32},
     "cross-attention: key and value come from another"),
]

# %%
def measure(entry):
    code, shape, formula, numbers, note = entry
    layer = eval(f"layers.{code}", {"layers": layers})
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [keras.Input(shape=one) for one in shapes]
    apart = len(inputs) == 1 or code.startswith("MultiHead")  # the others take a list
    outputs = layer(*inputs) if apart else layer(inputs)
    counted, expected = layer.count_params(), eval(formula, {}, numbers)
    fixed = sum(int(np.prod(weight.shape)) for weight in layer.non_trainable_weights)
    moved = f"{' and '.join(map(str, shapes))} → {tuple(outputs.shape[1:])}"
    with_numbers = ", ".join(f"{name} {value}" for name, value in numbers.items())
    count = f"{counted:,}" + (f" ({fixed:,} not trainable)" if fixed else "")
    verdict = "✓" if counted == expected else f"✗ formula says {expected:,}"
    return [code, moved, count, formula, with_numbers, note, verdict]


header = ["layer", "shape, without the batch", "parameters", "formula", "with", "note", "equal?"]
atlas = [measure(entry) for entry in [*dense_like, *convolutions, *sequences]]

# %% tags=["nbval-check-output"]
table(header, atlas, code=(0, 3))

# %%
atlas_mismatches = sum(row[-1] != "✓" for row in atlas)
results.report("A1", seed=SEED, smoke=SMOKE, atlas_mismatches=atlas_mismatches)

# %% [markdown]
# **What we saw.** No *number of parameters* in the table depends on the length of a sequence or the size of a
# picture. `Flatten` in front of a `Dense` changes that: it makes the picture's size the number of inputs, and there
# most parameters of a small CNN sit. Count `Flatten` → `Dense(128)` behind a (13, 13, 64) picture; then the same
# behind `GlobalAveragePooling2D`.
#
# ## 4. Which loss and which metric?
#
# Your labels decide. Each loss and metric below is run by Keras on a few numbers, and the same is computed by numpy from
# its definition. Read a line as: with *these* labels, end the network like *this*, and pass *that* loss.

# %%
examples = {
    "np": np,
    "classes": np.array([0, 2]),  # integers
    "one_hot": np.array([[1.0, 0, 0], [0, 0, 1.0]]),
    "p": np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]),  # after softmax; the second one is wrong
    "logits": np.array([[2.0, 0.5, -1.0], [0.1, 3.0, 0.2]]),
    "spam": np.array([1.0, 0, 1, 0]),
    "q": np.array([0.9, 0.4, 0.3, 0.1]),  # after sigmoid, one per mail
    "tags": np.array([[1.0, 0, 1], [0, 1, 0]]),  # several may be 1
    "t": np.array([[0.8, 0.6, 0.4], [0.3, 0.9, 0.1]]),  # after sigmoid, one per tag
    "price": np.array([1.0, 2.0, 10.0]),
    "guess": np.array([1.5, 2.0, 4.0]),
}
log_sum = "np.log(np.exp(logits).sum(axis=1))"
binary = "-np.mean({y} * np.log({p}) + (1 - {y}) * np.log(1 - {p}))"
pairs_right = "np.mean({p}[{y} == 1][:, None] > {p}[{y} == 0])"
tasks = [
    ("one of several classes, labels 0, 1, 2", "Dense(3, activation='softmax')",
     "losses.SparseCategoricalCrossentropy()", "classes, p", "-np.mean(np.log(p[[0, 1], classes]))"),
    ("the same with logits, safer", "Dense(3)",
     "losses.SparseCategoricalCrossentropy(from_logits=True)", "classes, logits",
     f"np.mean({log_sum} - logits[[0, 1], classes])"),
    ("", "", "metrics.SparseCategoricalAccuracy()", "classes, p",
     "np.mean(p.argmax(axis=1) == classes)"),
    ("one of several classes, one-hot labels", "Dense(3, activation='softmax')",
     "losses.CategoricalCrossentropy()", "one_hot, p",
     "-np.mean(np.sum(one_hot * np.log(p), axis=1))"),
    ("", "", "metrics.CategoricalAccuracy()", "one_hot, p",
     "np.mean(p.argmax(axis=1) == one_hot.argmax(axis=1))"),
    ("yes or no", "Dense(1, activation='sigmoid')", "losses.BinaryCrossentropy()", "spam, q",
     binary.format(y="spam", p="q")),
    ("", "", "metrics.BinaryAccuracy()", "spam, q", "np.mean((q > 0.5) == spam)"),
    ("", "", "metrics.AUC()", "spam, q", pairs_right.format(y="spam", p="q")),
    ("several labels at once", "Dense(3, activation='sigmoid')",
     "losses.BinaryCrossentropy()", "tags, t", binary.format(y="tags", p="t")),
    ("", "", "metrics.Precision()", "tags, t", "tags[t > 0.5].mean()"),
    ("", "", "metrics.Recall()", "tags, t", "(t > 0.5)[tags == 1].mean()"),
    ("", "", "metrics.AUC()", "tags, t", pairs_right.format(y="tags", p="t")),
    ("a number", "Dense(1)", "losses.MeanSquaredError()", "price, guess",
     "np.mean((price - guess)**2)"),
    ("", "", "metrics.RootMeanSquaredError()", "price, guess",
     "np.sqrt(np.mean((price - guess)**2))"),
    ("a number, some labels wild", "Dense(1)", "losses.MeanAbsoluteError()", "price, guess",
     "np.mean(np.abs(price - guess))"),
    ("", "Dense(1)", "losses.Huber(delta=1.0)", "price, guess",
     "np.mean(np.where(np.abs(price - guess) < 1, (price - guess)**2 / 2,"
     " np.abs(price - guess) - 0.5))"),
]


def compare(entry, examples):
    task, last_layer, code, arguments, by_hand = entry
    function = eval(f"keras.{code}", {"keras": keras})
    value = float(function(*eval(arguments, {}, examples)))
    return [task, last_layer, code, arguments, value, by_hand, float(eval(by_hand, examples))]


compared = [compare(entry, examples) for entry in tasks]

# %% tags=["nbval-check-output"]
rounded = [[*row[:4], f"{row[4]:.4f}", row[5], f"{row[6]:.4f}"] for row in compared]
titles = ["task", "last layer", "loss or metric", "on", "Keras", "by hand, in numpy", "numpy"]
table(titles, rounded, code=(1, 2, 3, 5), widths=(13, 16, 24, 10, 7, 23, 7))

# %%
loss_error = max(abs(row[4] - row[6]) for row in compared)
results.report("A1", seed=SEED, smoke=SMOKE, loss_error=loss_error)

# %% [markdown]
# AUC is the share of pairs, one positive and one negative, in which the positive has the higher score. (Keras
# estimates it from 200 thresholds; with many close scores, scikit-learn's `roc_auc_score` is exact.) For integer and
# one-hot labels the loss is the same number: the difference is only the form of the labels. Mix the two up and Keras
# stops with an error about shapes, unless the shapes happen to fit.
#
# ### The trap: logits or probabilities?
#
# You end with `Dense(1)` and tell the *loss* `from_logits=True`. Who tells the *metrics*? These logits are right for
# every one of four examples: positive where the label is 1, negative where it is 0. What accuracy do you expect?

# %% tags=["nbval-check-output"]
right_labels = np.array([1.0, 1.0, 0.0, 0.0])
right_logits = np.array([0.3, 0.4, -0.2, -3.0])
for code in (
    "metrics.BinaryAccuracy()",
    "metrics.BinaryAccuracy(threshold=0.0)",
    "metrics.Recall()",
    "metrics.Recall(thresholds=0.0)",
    "losses.BinaryCrossentropy()",
    "losses.BinaryCrossentropy(from_logits=True)",
):
    value = float(eval(f"keras.{code}", {"keras": keras})(right_labels, right_logits))
    print(f"{code:46s}{value:.3f}")

# %% [markdown]
# Metrics cut at 0.5, and a logit of 0.3 is below. Nothing warns. The string `metrics=["accuracy"]` is no wiser: with
# one output it becomes `BinaryAccuracy()` with the threshold 0.5. Give thresholds as logits, or end in a sigmoid.
# (For several classes `argmax` does not care, so `"accuracy"` is right with logits there.) AUC has its own switch,
# `AUC(from_logits=True)`.

# %%
rng = np.random.default_rng(SEED)
many_labels = rng.integers(0, 2, size=1000)
many_logits = rng.normal(size=1000) + 2 * many_labels + 3  # no probabilities
exact = roc_auc_score(many_labels, many_logits)
told = float(keras.metrics.AUC(from_logits=True)(many_labels, many_logits))
untold = float(keras.metrics.AUC()(many_labels, many_logits))
print(f"exact {exact:.3f}, AUC(from_logits=True) {told:.3f}, AUC() on logits {untold:.3f}")

# %% [markdown]
# ## 5. Which optimizer?
#
# The same network, the same start, the same digits, eight trainings, each at the learning rate that Keras gives the
# optimizer (Adadelta also at its paper's). Chapter 01 wrote the rules; here is only the comparison. Whom do you
# expect last?

# %% alt="Validation loss of eight trainings with different optimizers against epochs and seconds. SGD with momentum, RMSprop, Adam, Lion and Adadelta at its paper's rate fall steeply, and Lion may turn up again; plain SGD and Adagrad lag, and Adadelta at its default hardly moves."
optimizers = {
    "SGD": keras.optimizers.SGD(),
    "SGD, Nesterov momentum": keras.optimizers.SGD(momentum=0.9, nesterov=True),
    "Adagrad": keras.optimizers.Adagrad(),
    "Adadelta": keras.optimizers.Adadelta(),
    "Adadelta, paper": keras.optimizers.Adadelta(learning_rate=1.0),
    "RMSprop": keras.optimizers.RMSprop(),
    "Adam": keras.optimizers.Adam(),
    "Lion": keras.optimizers.Lion(),
}
optimizer_runs = {}
for name, optimizer in list(optimizers.items())[: 2 if SMOKE else None]:
    keras.utils.set_random_seed(SEED)
    optimizer_model = digit_model(optimizer)
    rate = float(optimizer.learning_rate)
    optimizer_runs[f"{name}, {rate:g}"] = optimizer_model.fit(
        x_train, y_train, validation_data=(x_val, y_val), batch_size=32, epochs=2 if SMOKE else 6,
        validation_batch_size=len(x_val), verbose=0, callbacks=[training.clock()],
    ).history
axes = plots.race(optimizer_runs, metric="val_loss")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))  # beside the lines
plt.show()

# %% [markdown]
# The legend gives name and learning rate. This is a race of *default rates* as much as of rules: see the two lines of
# Adadelta. What to begin with:
#
# | optimizer | when | begin with |
# |---|---|---|
# | Adam | the first try for almost everything | 1e-3; 3e-3 with warm-up for small networks |
# | AdamW | Transformers and fine-tuning: weight decay that does not pass through Adam's scaling | 1e-3; 2e-5 to 1e-4 to fine-tune |
# | SGD with momentum 0.9 | image networks trained long, with a schedule | 0.1 with batch normalization, else 0.01 |
# | RMSprop | recurrent networks, reinforcement learning; what many older tutorials use | 1e-3 |
# | Adagrad, Ftrl | sparse features such as words and advertisements | 0.01 to 0.1 |
# | Adadelta | reproducing old results | 1.0, not Keras's default |
# | Lion | large networks with little memory: it keeps one number per weight where Adam keeps two | a third to a tenth of Adam's rate |
#
# More than the choice matters the learning rate, and that it falls towards the end. Schedules go in the rate's place:
# `Adam(keras.optimizers.schedules.CosineDecay(3e-3, decay_steps))`. Clipping is an argument too: `Adam(clipnorm=1.0)`.
#
# ## 6. What can happen between two epochs?
#
# A **callback** is called by `fit` at the beginning and end of training, epoch and batch. A small noisy regression serves
# all of them; files go to a temporary folder, which goes when the kernel ends.

# %%
def noisy_line(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 8)).astype("float32")
    return x, (x[:, :1] + rng.normal(size=(count, 1))).astype("float32")  # only one input matters


def train_with(callbacks, epochs, optimizer="adam", seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input(shape=(8,)),
        layers.Dense(64, activation="relu"),  # (batch, 64)
        layers.Dense(1),  # (batch, 1)
    ])
    # So short a training that building a graph would cost more than it saves.
    model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
    history = model.fit(
        *noisy_line(64, seed), validation_data=noisy_line(200, seed + 1), validation_batch_size=200,
        batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0,
    )
    return model, history


work_folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
work = Path(work_folder.name)

# %% [markdown]
# **EarlyStopping** ends a training that no longer improves. Without `restore_best_weights=True` you keep the weights of
# the *last* epoch, which is by definition not the best.
#
# **ModelCheckpoint** writes the model, here only when it is better than before. Let the path end in `.keras` (`.h5`
# is still taken, as a legacy format; with `save_weights_only=True` it is `.weights.h5`).

# %% alt="Validation loss over the epochs, falling and then rising or levelling off; markers show where training stopped and the best epoch, whose weights were restored."
stopper = keras.callbacks.EarlyStopping(monitor="val_loss", patience=8, restore_best_weights=True)
checkpoint = keras.callbacks.ModelCheckpoint(work / "epoch-{epoch:02d}.keras", save_best_only=True)
fast_adam = keras.optimizers.Adam(0.01)
stopped_model, history = train_with(
    [stopper, checkpoint], epochs=4 if SMOKE else 60, optimizer=fast_adam, seed=SEED
)
val_losses = history.history["val_loss"]
best = int(np.argmin(val_losses))

figure, ax = plt.subplots(figsize=(7, 3))
ax.plot(range(1, len(val_losses) + 1), val_losses)
ax.plot(best + 1, val_losses[best], "o", label="best: restored")
ax.plot(len(val_losses), val_losses[-1], "s", label="stopped")
ax.set(xlabel="epoch", ylabel="validation loss")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend()
plt.show()
restored = stopped_model.evaluate(*noisy_line(200, SEED + 1), verbose=0)
print(f"{len(val_losses)} epochs; best {val_losses[best]:.4f}, the model now {restored:.4f}")
print("last checkpoint:", max(path.name for path in work.glob("*.keras")))

# %% [markdown]
# **BackupAndRestore** is for machines that go away (Colab). It saves after every epoch; the same `fit` call, made
# again after a crash, goes on where it was, optimizer included. We crash on purpose in the fourth epoch.

# %% tags=["nbval-check-output"]
def pull_the_plug(epoch, logs):
    if epoch == 3:
        raise RuntimeError("the machine went away")


backup = keras.callbacks.BackupAndRestore(work / "backup")
try:
    train_with([backup, keras.callbacks.LambdaCallback(on_epoch_begin=pull_the_plug)], epochs=6)
except RuntimeError as error:
    print(f"epochs 0, 1, 2 done, then: {error}")
_, resumed = train_with([keras.callbacks.BackupAndRestore(work / "backup")], epochs=6)
print("the same call again ran epochs", resumed.epoch)

# %% [markdown]
# **LearningRateScheduler** sets the rate from the epoch. **ReduceLROnPlateau** lowers it when a number stalls. Both write
# the rate into the history. (A schedule *inside* the optimizer acts per step and needs no callback; the two cannot be
# combined: with a schedule in place, setting the rate is an error.)

# %% alt="Learning rate over the epochs on a logarithmic axis: the scheduler's line halves every five epochs; the plateau callback's line stays level and drops in steps where the validation loss stalls, if it does."
def halve_every_five(epoch, rate):
    return 0.01 * 0.5 ** (epoch // 5)


rate_callbacks = {
    "LearningRateScheduler": keras.callbacks.LearningRateScheduler(halve_every_five),
    "ReduceLROnPlateau": keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=3, min_lr=1e-5),
}
figure, ax = plt.subplots(figsize=(7, 3))
for (name, callback), style in zip(rate_callbacks.items(), ("o-", "s--")):
    own_adam = keras.optimizers.Adam(0.01)
    epochs = 4 if SMOKE else 20
    _, rate_history = train_with([callback], epochs, optimizer=own_adam, seed=SEED)
    rates = rate_history.history["learning_rate"]
    ax.semilogy(range(1, len(rates) + 1), rates, style, markersize=4, label=name)
ax.set(xlabel="epoch", ylabel="learning rate")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend()
plt.show()

# %% [markdown]
# **CSVLogger** writes a row per epoch, **TensorBoard** a folder of events, which `%load_ext tensorboard` and
# `%tensorboard --logdir FOLDER` show in a notebook.

# %%
shutil.rmtree(work / "events", ignore_errors=True)  # so that a second run starts afresh
tensorboard = keras.callbacks.TensorBoard(work / "events")
train_with([keras.callbacks.CSVLogger(work / "log.csv"), tensorboard], epochs=2, seed=SEED)
print((work / "log.csv").read_text())
for path in sorted((work / "events").rglob("*tfevents*")):
    print(f"{path.parent.relative_to(work).as_posix()}: {path.stat().st_size:,} bytes of events")

# %% [markdown]
# **TerminateOnNaN** ends a training whose loss is nan or infinite. Without it `fit` goes on to the last epoch and keeps
# that loss.

# %%
explosive = 1e12
for name, callbacks in {"without": [], "with": [keras.callbacks.TerminateOnNaN()]}.items():
    with contextlib.redirect_stdout(io.StringIO()):  # it announces the batch
        exploding = keras.optimizers.SGD(explosive)
        _, doomed = train_with(callbacks, epochs=5, optimizer=exploding, seed=SEED)
    last_loss = doomed.history["loss"][-1]
    print(f"{name:7s} TerminateOnNaN: {len(doomed.epoch)} of 5 epochs run, last loss {last_loss}")

# %% [markdown]
# **LambdaCallback** wraps one function; **your own** inherits from `Callback` and can see `self.model`. What it puts
# into `logs` reaches the history and every later callback.

# %%
class WeightNorm(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        squares = sum(np.sum(array**2) for array in self.model.get_weights())
        logs["weight_norm"] = float(np.sqrt(squares))


seen = []
shout = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)))
_, own_history = train_with([WeightNorm(), shout], epochs=3, seed=SEED)
print("norm of the weights:", np.round(own_history.history["weight_norm"], 3))
print("the LambdaCallback saw:", seen[-1])

# %% [markdown]
# **SwapEMAWeights** lets the validation during training see a running average of the weights (`use_ema=True` in the
# optimizer) instead of the last ones: often a little better, and steadier. (At the end of `fit` Keras puts the
# average into the model in any case.)

# %%
for name, callbacks in {"last weights": [], "averaged": [keras.callbacks.SwapEMAWeights()]}.items():
    averaging = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    epochs = 4 if SMOKE else 12
    _, ema_history = train_with(callbacks, epochs, optimizer=averaging, seed=SEED)
    last = np.array(ema_history.history["val_loss"][-5:])
    print(f"{name:13s} validation loss, last epochs: {last.mean():.3f} ± {last.std():.3f}")

# %% [markdown]
# Is that all of them? Ask Keras.

# %% tags=["nbval-ignore-output"]
shown = {
    "BackupAndRestore", "Callback", "CSVLogger", "EarlyStopping", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "ReduceLROnPlateau", "SwapEMAWeights", "TensorBoard",
    "TerminateOnNaN",
}
existing = {name for name in dir(keras.callbacks) if name[0].isupper()}
print("not shown here:", ", ".join(sorted(existing - shown)))

# %% [markdown]
# `History` and `CallbackList` are at work in every `fit`, and `ProgbarLogger` with `verbose=1`. `RemoteMonitor` posts
# the numbers to a server, and this course needs no network. `OrbaxCheckpoint`, in newer versions, needs a package of
# its own and is for models spread over many machines.
#
# ## 7. Then and now: what broke?
#
# You have a tutorial that worked once, and it does not run. This section runs **each old line**, in the Keras that is
# installed here, and shows what happens; beside it the new line, run too. Search it for your error (Ctrl + F).
#
# Each pair starts from the same small world: `x` (40, 4), `y` (40,), a compiled `model`, and a temporary folder. The
# value of the last line is what the table shows. An old line can **stop**, **warn**, **still work**, or give an
# **other result** than the new line without a word. That is the worst, because nothing stops you: either Keras
# changed, or the old line was always a trap.

# %%
def fresh_world():
    keras.utils.clear_session(free_memory=False)  # a fit that failed may leave its name behind
    keras.utils.set_random_seed(1)  # the table is about Keras, not about chance
    x = np.random.default_rng(1).normal(size=(40, 4)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("float32")
    model = keras.Sequential([keras.Input(shape=(4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return {"keras": keras, "layers": layers, "np": np, "tf": tf, "x": x, "y": y, "model": model}


def first_words(message):
    colour, place = r"\x1b\[\d*m", r"\s\(.*__init__\.py\)"
    text = re.sub(f"{colour}|{place}", "", str(message))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Exception encountered")] or [""]
    sentence = re.split(r"(?<=[a-z`)])\. ", lines[0])[0]
    return sentence if len(sentence) <= 120 else f"{sentence[:117]}..."


@contextlib.contextmanager
def listening(messages):
    logger, handler = logging.getLogger("absl"), logging.Handler()  # some warnings go there
    handler.emit = lambda record: messages.append(first_words(record.getMessage()))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        messages += [first_words(one.message) for one in caught if one.category is UserWarning]

# %% [markdown]
# Running a few lines: like a notebook cell, all but the last are executed, and the last one's value is kept.

# %%
class Outcome(NamedTuple):
    error: str  # "" when the lines ran
    warnings: list
    value: str


def run_lines(code, folder):
    world, messages = fresh_world(), []
    *body, last = ast.parse(code).body
    value = None
    with listening(messages), contextlib.chdir(folder):
        try:
            if isinstance(last, ast.Expr):
                exec(compile(ast.Module(body, []), "<lines>", "exec"), world)
                value = eval(compile(ast.Expression(last.value), "<lines>", "eval"), world)
            else:
                exec(code, world)
        except Exception as error:
            return Outcome(f"{type(error).__name__}: {first_words(error)}", messages, "")
    return Outcome("", messages, "" if value is None else str(value))


def judged(old, new):
    if old.error:
        return "✗ stops", old.error
    if old.warnings:
        return "⚠ warns", "; ".join(dict.fromkeys(old.warnings))
    return "= still works" if old.value == new.value else "≠ other result", old.value

# %% [markdown]
# Each pair below is written as `## why`, the old lines, an arrow, the new lines.

# %%
class Pair(NamedTuple):
    then: str
    kind: str
    said: str
    now: str
    gives: str
    why: str
    now_fails: bool


def then_and_now(text):
    pairs = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        prepare_folder(Path(folder))
        for block in text.strip().split("\n\n"):
            why, code = block.removeprefix("## ").split("\n", maxsplit=1)
            then, now = code.split("\n-->\n")
            old, new = run_lines(then, folder), run_lines(now, folder)
            gives = new.error or "; ".join(new.warnings) or new.value or "runs"
            fails = bool(new.error or new.warnings)
            pairs.append(Pair(then, *judged(old, new), now, gives, why, fails))
    return pairs


def prepare_folder(folder):
    with listening([]):
        old_model = keras.Sequential([keras.Input(shape=(4,)), layers.Dense(1)])
        old_model.compile(optimizer="adam", loss="mse", metrics=["mse"])
        old_model.save(folder / "old.h5")
    for name in ("cats", "dogs"):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(2):
            path = folder / "pictures" / name / f"{number}.png"
            keras.utils.save_img(path, np.full((8, 8, 3), 100 * number))


def show_pairs(pairs):
    rows = [[f"{p.then}\n\n{p.kind}: {p.said}", f"{p.now}\n\n→ {p.gives}", p.why] for p in pairs]
    header = ["then, and what happens today", "now", "why"]
    return table(header, rows, code=(0, 1), widths=(39, 39, 22))

# %% [markdown]
# ### Imports that moved
#
# The rule: `keras.layers`, `keras.utils`, `keras.optimizers` are flat now. Whatever stood between them and a name is gone.

# %%
import_pairs = then_and_now("""
## The same for layers.core, .convolutional, .recurrent, .embeddings, .advanced_activations.
from keras.layers.normalization import BatchNormalization
-->
from keras.layers import BatchNormalization

## keras.engine is gone.
from keras.engine.topology import Layer
-->
from keras.layers import Layer

## np_utils is gone, its functions are not.
from keras.utils import np_utils
np_utils.to_categorical([0, 2]).shape
-->
keras.utils.to_categorical([0, 2]).shape

## keras.utils is flat.
from keras.utils.vis_utils import plot_model
-->
from keras.utils import plot_model

## Other names and another signature; SciKeras, a package, is the other way.
from keras.wrappers.scikit_learn import KerasClassifier
-->
from keras.wrappers import SKLearnClassifier

## Each merge is a layer: Add, Multiply, Concatenate.
from keras.layers import merge
a = keras.Input(shape=(4,))
merge([a, a], mode='concat')
-->
a = keras.Input(shape=(4,))
layers.Concatenate()([a, a]).shape

## Also: adam in small letters.
from keras.optimizers import adam_v2
adam_v2.Adam(0.01)
-->
from keras.optimizers import Adam

## The optimizers of Keras 2 need the package tf_keras.
tf.keras.optimizers.legacy.Adam(0.01)
-->
optimizer = keras.optimizers.Adam(0.01)

## No longer experimental.
layers.experimental.preprocessing.Rescaling(1 / 255).name
-->
layers.Rescaling(1 / 255).name

## contrib went with TensorFlow 2.
from tensorflow.contrib import rnn
-->
layers.RNN(layers.LSTMCell(8)).name

## Since TensorFlow 2.16, tf.keras is this very Keras 3.
from tensorflow.keras.layers import Dense
Dense is layers.Dense
-->
from keras.layers import Dense
Dense is layers.Dense
""")
show_pairs(import_pairs)

# %% [markdown]
# ### Layers and models
#
# Watch the `Conv2D` line: it runs, and computes something else.

# %%
layer_pairs = then_and_now("""
## Say it with keras.Input. input_dim= is the same.
old = keras.Sequential([layers.Dense(3, input_shape=(4,))])
old.output_shape
-->
new = keras.Sequential([
    keras.Input(shape=(4,)), layers.Dense(3)])
new.output_shape

## Keras 1 names.
layers.Dense(output_dim=3, init='uniform').units
-->
layers.Dense(3, kernel_initializer='random_uniform').units

## Keras 1: rows and columns of the window. Today the third number is the stride.
picture = keras.Input(shape=(28, 28, 1))
layers.Conv2D(32, 3, 3)(picture).shape
-->
picture = keras.Input(shape=(28, 28, 1))
layers.Conv2D(32, (3, 3))(picture).shape

## Keras 1 names.
layers.Conv2D(8, 3, border_mode='same', subsample=(2, 2)).padding
-->
layers.Conv2D(8, 3, padding='same', strides=2).padding

## p became rate.
layers.Dropout(p=0.5).rate
-->
layers.Dropout(0.5).rate

## Default 0.3, where others use 0.01.
layers.LeakyReLU(alpha=0.1).negative_slope
-->
layers.LeakyReLU(negative_slope=0.1).negative_slope

## LSTM chooses the fast GPU kernel itself, with default activations and no recurrent dropout.
layers.CuDNNLSTM(8).units
-->
layers.LSTM(8).units

## The default changed with TensorFlow 2: weights saved before do not fit.
gru = layers.GRU(8)
gru.build((None, None, 4))
gru.count_params()
-->
gru = layers.GRU(8, reset_after=False)
gru.build((None, None, 4))
gru.count_params()

## A fixed batch size belongs to the Input.
layers.LSTM(8, batch_input_shape=(1, 5, 4), stateful=True).stateful
-->
new = keras.Sequential([
    keras.Input(batch_shape=(1, 5, 4)),
    layers.LSTM(8, stateful=True)])
new.layers[0].stateful

## The length comes with the data, or with keras.Input(shape=(20,)).
layers.Embedding(100, 8, input_length=20).output_dim
-->
layers.Embedding(100, 8).output_dim

## Likewise input_shape, get_output_at.
model.layers[0].output_shape
-->
model.layers[0].output.shape

## inputs and outputs: plural, since there may be several.
a = keras.Input(shape=(4,))
keras.Model(input=a, output=layers.Dense(1)(a)).output_shape
-->
a = keras.Input(shape=(4,))
keras.Model(inputs=a, outputs=layers.Dense(1)(a)).output_shape

## A symbolic tensor takes keras.ops; inside a layer's call, tf functions are fine.
a = keras.Input(shape=(4,))
tf.reduce_mean(a, axis=1).shape
-->
a = keras.Input(shape=(4,))
keras.ops.mean(a, axis=1).shape

## The first argument is the shape now. Self-written attention layers of old tutorials often stumble here.
class Scale(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight('factor', shape=(shape[-1],))
    def call(self, t):
        return t * self.factor
Scale()(x).shape
-->
class Scale(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(name='factor', shape=(shape[-1],))
    def call(self, t):
        return t * self.factor
Scale()(x).shape
""")
show_pairs(layer_pairs)

# %% [markdown]
# ### Compiling and training
#
# Look out for the lines that run on without a word, and do something else or nothing.

# %%
training_pairs = then_and_now("""
## The third place belongs to loss_weights. compile says nothing; fit stops.
model.compile('adam', 'binary_crossentropy', ['accuracy'])
model.fit(x, y, verbose=0)
-->
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
sorted(model.fit(x, y, verbose=0).history)

## lr was too short a name.
keras.optimizers.Adam(lr=0.01)
-->
round(float(keras.optimizers.Adam(learning_rate=0.01).learning_rate), 4)

## decay= is ignored: the rate never falls.
sgd = keras.optimizers.SGD(learning_rate=0.1, decay=0.5)
model.compile(sgd, 'mse')
model.fit(x, y, verbose=0)
round(float(sgd.learning_rate), 4)
-->
falling = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)
sgd = keras.optimizers.SGD(learning_rate=falling)
model.compile(sgd, 'mse')
model.fit(x, y, verbose=0)
round(float(sgd.learning_rate), 4)

## A new attribute nobody reads: the rate stays as it was.
model.optimizer.lr = 0.5
round(float(model.optimizer.learning_rate), 4)
-->
model.optimizer.learning_rate = 0.5
round(float(model.optimizer.learning_rate), 4)

## Plain assignment.
from keras import backend as K
K.set_value(model.optimizer.lr, 0.5)
-->
model.optimizer.learning_rate = 0.5

## Keras 1 name.
model.fit(x, y, nb_epoch=2, verbose=0).epoch
-->
model.fit(x, y, epochs=2, verbose=0).epoch

## fit, evaluate and predict take generators. Keras can neither count nor shuffle them: say so.
def batches():
    while True:
        yield x[:8], y[:8]
model.fit_generator(batches(), steps_per_epoch=2, verbose=0).epoch
-->
def batches():
    while True:
        yield x[:8], y[:8]
model.fit(batches(), steps_per_epoch=2, shuffle=False, verbose=0).epoch

## Workers belong to the data: PyDataset, once called Sequence.
model.fit(x, y, workers=4, use_multiprocessing=True)
-->
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5
    def __getitem__(self, i):
        return x[8 * i : 8 * i + 8], y[8 * i : 8 * i + 8]
model.fit(Batches(workers=2), verbose=0).epoch

## For several classes: predict(...).argmax(axis=-1).
model.predict_classes(x[:3]).shape
-->
(model.predict(x[:3], verbose=0) > 0.5).astype(int).shape

## The key is the name you gave: metrics=['acc'] still gives 'acc'.
history = model.fit(x, y, verbose=0)
len(history.history['acc'])
-->
history = model.fit(x, y, verbose=0)
len(history.history['accuracy'])

## get('acc') gives None.
class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get('acc') > 0.9:
            self.model.stop_training = True
model.fit(x, y, callbacks=[Stop()], verbose=0).epoch
-->
class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        if logs['accuracy'] > 0.9:
            self.model.stop_training = True
model.fit(x, y, callbacks=[Stop()], verbose=0).epoch

## Only its message tells: the name is wrong, not the mode.
stop = keras.callbacks.EarlyStopping('val_acc')
model.fit(x, y, validation_split=0.5, callbacks=[stop], verbose=0).epoch
-->
stop = keras.callbacks.EarlyStopping('val_accuracy')
model.fit(x, y, validation_split=0.5, callbacks=[stop], verbose=0).epoch

## Without validation data there is no val_loss, and it never stops.
stop = keras.callbacks.EarlyStopping()
model.fit(x, y, epochs=2, callbacks=[stop], verbose=0).epoch
-->
stop = keras.callbacks.EarlyStopping('loss')
model.fit(x, y, epochs=2, callbacks=[stop], verbose=0).epoch

## The old name is swallowed and has no effect.
keras.callbacks.ReduceLROnPlateau(epsilon=0.01).min_delta
-->
keras.callbacks.ReduceLROnPlateau(min_delta=0.01).min_delta

## An epoch is run twice (section 2).
history = model.fit(x, y, epochs=2, verbose=0)
model.fit(x, y, initial_epoch=history.epoch[-1], epochs=4, verbose=0).epoch
-->
history = model.fit(x, y, epochs=2, verbose=0)
model.fit(x, y, initial_epoch=len(history.epoch), epochs=4, verbose=0).epoch

## metrics_names lists containers now, not metrics.
scores = model.evaluate(x, y, verbose=0)
sorted(dict(zip(model.metrics_names, scores)))
-->
sorted(model.evaluate(x, y, verbose=0, return_dict=True))

## A weight per step: just give sample_weight that shape.
model.compile('sgd', 'mse', sample_weight_mode='temporal')
-->
steps = keras.Sequential([keras.Input(shape=(5, 4)), layers.Dense(1)])
steps.compile('sgd', 'mse')
weights = np.ones((8, 5))
steps.fit(np.ones((8, 5, 4)), np.ones((8, 5, 1)), sample_weight=weights, verbose=0).epoch

## TensorFlow takes ASCII letters, digits, _ . - in a name: no umlaut, no 层, no space.
named = keras.Sequential([
    keras.Input(shape=(4,)), layers.Dense(1, name='größe')])
named.compile('sgd', 'mse')
named.fit(x, y, verbose=0)
-->
named = keras.Sequential([
    keras.Input(shape=(4,)), layers.Dense(1, name='size')])
named.compile('sgd', 'mse')
named.fit(x, y, verbose=0).epoch

## Lists of numbers are no arrays; a list means several inputs.
model.fit(x.tolist(), y.tolist(), verbose=0).epoch
-->
model.fit(np.array(x.tolist()), np.array(y.tolist()), verbose=0).epoch

## Metrics go to compile.
model.add_metric(1.0, name='one')
-->
model.compile('adam', 'mse', metrics=[keras.metrics.MeanAbsoluteError(name='one')])

## Ask the tape for the slopes, then apply them.
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(x) ** 2)
model.optimizer.minimize(loss, model.trainable_variables, tape=tape)
-->
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(x) ** 2)
slopes = tape.gradient(loss, model.trainable_variables)
model.optimizer.apply(slopes, model.trainable_variables)
""")
show_pairs(training_pairs)

# %% [markdown]
# A name that TensorFlow refuses has a second victim: it stays behind in the kernel, and a healthy model whose
# optimizer creates variables of its own (Adam) then stops with an error that quotes the old name. Restart, or call
# `keras.utils.clear_session()`, as our `fresh_world` does.
#
# ### Saving and loading
#
# In the folder lies `old.h5`, a model saved the old way with `loss="mse"`.

# %%
saving_pairs = then_and_now("""
## It still works, as a legacy format.
model.fit(x, y, verbose=0)
model.save('model.h5')
keras.models.load_model('model.h5').count_params()
-->
model.fit(x, y, verbose=0)
model.save('model.keras')
keras.models.load_model('model.keras').count_params()

## Short names such as 'mse' are not found again. Load without, then compile anew.
keras.models.load_model('old.h5').count_params()
-->
keras.models.load_model('old.h5', compile=False).count_params()

## No more SavedModel folders; model.export writes one for serving.
model.save('folder')
-->
model.save('model.keras')

## A SavedModel comes back as a layer that can predict, not train.
model.export('folder', verbose=False)
keras.models.load_model('folder')
-->
model.export('folder', verbose=False)
layer = layers.TFSMLayer('folder', call_endpoint='serve')
layer(x).shape

## The ending is the rule.
model.save_weights('best.h5')
-->
model.save_weights('best.weights.h5')

## .keras, or the legacy .h5. Weights only: '.weights.h5'.
keras.callbacks.ModelCheckpoint('best.hdf5')
-->
keras.callbacks.ModelCheckpoint('best.keras').filepath

## Counted in batches, or 'epoch'.
keras.callbacks.ModelCheckpoint('best.keras', period=2)
-->
keras.callbacks.ModelCheckpoint('best.keras', save_freq=100).save_freq

## A lambda in a file is code from a stranger. safe_mode=False runs it; a layer of your own is better.
squares = keras.Sequential([keras.Input(shape=(4,)), layers.Lambda(lambda t: t**2)])
squares.save('squares.keras')
keras.models.load_model('squares.keras').count_params()
-->
@keras.saving.register_keras_serializable()
class Square(layers.Layer):
    def call(self, t):
        return t**2
squares = keras.Sequential([keras.Input(shape=(4,)), Square()])
squares.save('squares.keras')
keras.models.load_model('squares.keras').count_params()

## YAML could run code.
model.to_yaml()
-->
type(model.to_json()).__name__
""")
show_pairs(saving_pairs)

# %% [markdown]
# ### Images, text, series
#
# Surprise: under `tensorflow.keras` some of the old tools are still there, though not under `keras`. They are kept for
# compatibility, and work beside the model, not in it; do not build on them.

# %%
data_pairs = then_and_now("""
## Augmentation is made of layers (chapter 03).
from keras.preprocessing.image import ImageDataGenerator
-->
keras.Sequential([layers.RandomRotation(0.03), layers.RandomFlip('horizontal')])(
    np.ones((2, 8, 8, 3)), training=True).shape

## The old class hides on in tf.keras. Degrees there, shares of a full turn here.
from tensorflow.keras.preprocessing.image import ImageDataGenerator
flow = ImageDataGenerator(rotation_range=10).flow(np.ones((4, 8, 8, 3)), batch_size=2)
next(flow).shape
-->
layers.RandomRotation(10 / 360)(np.ones((2, 8, 8, 3)), training=True).shape

## One-hot labels then, integers now (label_mode='categorical' for the old form): another loss. Scale in the model.
from tensorflow.keras.preprocessing.image import ImageDataGenerator
flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory('pictures', target_size=(8, 8))
next(flow)[1].shape
-->
pictures = keras.utils.image_dataset_from_directory('pictures', image_size=(8, 8), verbose=False)
tuple(next(iter(pictures))[1].shape)

## A layer that learns a vocabulary.
from keras.preprocessing.text import Tokenizer
-->
vectorize = layers.TextVectorization()
vectorize.adapt(['a dog', 'a cat'])
vectorize.vocabulary_size()

## Unknown words: dropped then, 1 now. The first word was 1, now 2: an old model reads wrong words.
from tensorflow.keras.preprocessing.text import Tokenizer
tokenizer = Tokenizer()
tokenizer.fit_on_texts(['a dog', 'a cat a'])
tokenizer.texts_to_sequences(['a bird'])
-->
vectorize = layers.TextVectorization()
vectorize.adapt(['a dog', 'a cat a'])
np.asarray(vectorize(['a bird'])).tolist()

## Its new place. It pads in front: see chapter 04.
from keras.preprocessing.sequence import pad_sequences
pad_sequences([[1, 2], [3, 4, 5]]).tolist()
-->
keras.utils.pad_sequences([[1, 2], [3, 4, 5]]).tolist()

## Windows of a series (chapter 05).
from keras.preprocessing.sequence import TimeseriesGenerator
-->
windows = keras.utils.timeseries_dataset_from_array(np.arange(6), np.arange(2, 6), sequence_length=2)
tuple(next(iter(windows))[0].shape)
""")
show_pairs(data_pairs)

# %% [markdown]
# ### The backend, sessions, and graphs

# %%
backend_pairs = then_and_now("""
## keras.ops has numpy's names; K keeps epsilon, floatx and little more.
from keras import backend as K
float(K.mean(np.ones(3)))
-->
float(keras.ops.mean(np.ones(3)))

## TensorFlow 2 computes at once.
with tf.Session() as session:
    session.run(tf.constant(1.0))
-->
float(tf.constant(1.0))

## A model's input, in Keras's words.
tf.placeholder('float32', (None, 4))
-->
keras.Input(shape=(4,)).shape

## A model of the same layers.
from keras import backend as K
K.function([model.input], [model.layers[0].output])
-->
look_inside = keras.Model(model.inputs[0], model.layers[0].output)
look_inside(x).shape

## Say it in the call: training=True or False.
from keras import backend as K
K.learning_phase()
-->
model(x, training=False).shape

## Layers that act differently in training look at this argument.
model.uses_learning_phase
-->
model(x, training=True).shape

## On the layer, singular.
model.reset_states()
-->
lstm = layers.LSTM(2, stateful=True)
lstm(np.ones((1, 3, 4)))
lstm.reset_state()

## Short names live on in strings: loss='mse'.
keras.losses.MSE(np.ones(2), np.zeros(2))
-->
float(keras.losses.mean_squared_error(np.ones(2), np.zeros(2)))

## Two names, one function.
from keras import backend as K
K.clear_session()
-->
keras.utils.clear_session()
""")
show_pairs(backend_pairs)

# %% [markdown]
# How many of these old lines fail or mislead? And does every new line run, without error and without warning?

# %%
all_pairs = [
    *import_pairs, *layer_pairs, *training_pairs, *saving_pairs, *data_pairs, *backend_pairs
]
for pair in all_pairs:
    if pair.now_fails:
        print("a new line that fails:", pair.now, "->", pair.gives)
then_surprises = sum(pair.kind != "= still works" for pair in all_pairs)
now_failures = sum(pair.now_fails for pair in all_pairs)
results.report(
    "A1", seed=SEED, smoke=SMOKE, now_failures=now_failures, then_surprises=then_surprises
)

# %%
kinds = [pair.kind for pair in all_pairs]
for kind in ("✗ stops", "⚠ warns", "≠ other result", "= still works"):
    print(f"{kind:15s} {kinds.count(kind):3d} of {len(kinds)} old lines")

# %% [markdown]
# The worst are the silent ones: lines that Keras now reads differently, old traps, and old tools whose successors
# count differently. Here they are once more:

# %%
show_pairs([pair for pair in all_pairs if pair.kind == "≠ other result"])

# %% [markdown]
# **What we saw.** Most old lines stop at once, and the error, once known, leads to the new line. Look twice where
# nothing stops: a stride that was a window, a rate that nobody reads, a vocabulary that moved by one.
#
# ## 8. Which backend runs?
#
# Keras 3 is a language for models; TensorFlow, JAX or PyTorch computes. Which one is decided **before the first `import
# keras`**, by the environment variable `KERAS_BACKEND` (or the file `~/.keras/keras.json`). This course runs on TensorFlow.

# %% tags=["nbval-ignore-output"]
print("here: Keras", keras.__version__, "on", keras.backend.backend(), tf.__version__)
lines = "import keras; print('keras.ops.mean gives', type(keras.ops.mean([1.0, 2.0])))"
for backend in ("jax", "torch"):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", lines]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout.strip() or done.stderr.strip() or f"stopped with code {done.returncode}"
    print(f"KERAS_BACKEND={backend}:", said.splitlines()[-1])

# %% [markdown]
# A backend that is not installed says so at once; `python -m pip install jax` (or `torch`) brings it. Setting the
# variable after the import, in a later cell, has no effect: restart the kernel. A `.keras` file written on one
# backend loads on the others, as long as its own layers use `keras.ops` and no `tf` functions. `keras.ops` is numpy's
# vocabulary on all of them:

# %% tags=["nbval-check-output"]
corners = np.array([[3.0, 4.0], [6.0, 8.0]])
distances = keras.ops.sqrt(keras.ops.sum(corners**2, axis=1))
print(keras.ops.convert_to_numpy(distances))

# %% [markdown]
# ## What to take with you
#
# 1. The shape of the problem chooses the way of building: a line, a graph, or a program.
# 2. Labels choose the last layer and the loss together. A number has no activation; and who knows that they are logits?
# 3. You can count every parameter by hand. Do, once per model: a wrong count is a wrong model.
# 4. `validation_split` takes the last part. Pass `validation_data`.
# 5. An old line that stops is harmless. Fear the ones that run and do something else.
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it.
#
# **Exercise 1 (easy).** For each task, which activation ends the network, and which loss goes with it? Return two
# strings, as in `"tanh", "mse"`. The tasks: `"species"` (one of 5, labels 0 to 4), `"species, one-hot"` (the same as
# rows of five numbers), `"spam"` (yes or no), `"tags"` (any of 8 at once), `"price"` (a number).

# %%
def last_layer_and_loss(task):
    ### BEGIN SOLUTION
    return {
        "species": ("softmax", "sparse_categorical_crossentropy"),
        "species, one-hot": ("softmax", "categorical_crossentropy"),
        "spam": ("sigmoid", "binary_crossentropy"),
        "tags": ("sigmoid", "binary_crossentropy"),
        "price": ("linear", "mse"),
    }[task]
    ### END SOLUTION


# %%
check.last_layer_and_loss(last_layer_and_loss)

# %% [markdown]
# **Exercise 2 (medium).** A Transformer block (chapter 07) holds a `MultiHeadAttention(heads, width // heads)` of a
# sequence with itself, two `LayerNormalization()`, and two Dense layers: from `width` to `hidden`, and back to
# `width`. How many parameters? Find the parts in the atlas. Does the number of heads matter?

# %%
def block_parameters(width, hidden, heads):
    ### BEGIN SOLUTION
    attention = 4 * (width * width + width)  # query, key, value, output; the heads share the width
    normalization = 2 * 2 * width
    dense = width * hidden + hidden + hidden * width + width
    return attention + normalization + dense
    ### END SOLUTION


# %%
check.block_parameters(block_parameters)

# %% [markdown]
# **Exercise 3 (makes you think).** This is from 2016. Write a function that returns the same model, compiled, in today's
# Keras: same shapes, same parameters, same learning rate, no warning.
#
# ```python
# model = Sequential()
# model.add(Convolution2D(16, 3, 3, border_mode="same", init="he_normal", input_shape=(28, 28, 1)))
# model.add(Activation("relu"))
# model.add(MaxPooling2D(pool_size=(2, 2)))
# model.add(Dropout(p=0.25))
# model.add(Flatten())
# model.add(Dense(output_dim=10))
# model.add(Activation("softmax"))
# model.compile(Adam(lr=0.002), "categorical_crossentropy", ["accuracy"])
# ```

# %%
def translated_model():
    ### BEGIN SOLUTION
    model = keras.Sequential([
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(16, (3, 3), padding="same", kernel_initializer="he_normal"),
        layers.Activation("relu"),  # (batch, 28, 28, 16)
        layers.MaxPooling2D(pool_size=(2, 2)),  # (batch, 14, 14, 16)
        layers.Dropout(rate=0.25),
        layers.Flatten(),  # (batch, 3136)
        layers.Dense(units=10),  # (batch, 10)
        layers.Activation("softmax"),
    ])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.002),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
    ### END SOLUTION


# %%
check.translated_model(translated_model)

# %% [markdown]
# **Exercise 4 (open).** Take a tutorial of your own from before 2020 and bring it to today's Keras. Keep a list:
# which lines stopped, which warned, which changed their meaning without a word? Run the last kind through `run_lines`
# and compare. There is no check; a good answer is a row for the tables of section 7. Add a cell below this one and
# begin.

# %% [markdown]
# ## Read on
#
# - F. Chollet, M. Watson, *Deep Learning with Python*, third edition, 2025: Keras 3 by its author.
# - The Keras team, *Keras 3 API documentation* and *Migrating Keras 2 code to multi-backend Keras 3*, keras.io.
# - N. Keskar et al., *On large-batch training for deep learning*, 2017; P. Goyal et al., *Accurate, large minibatch SGD*, 2017.
# - I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, 2019: AdamW. X. Chen et al., *Symbolic discovery of
#   optimization algorithms*, 2023: Lion.
#
# **Next: wherever you came from.** If you came from nowhere: chapter 02 asks how well a network can read digits, and
# how you find that out honestly.
