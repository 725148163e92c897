# %% [markdown]
# # 01 · Basics: what does a network compute, and how does it learn?
#
# **You build.** A neuron that learns to add, a network that solves what one neuron cannot, backpropagation and six
# optimizers from scratch, and a first Keras model that reads handwritten digits.
#
# **Time.** About a minute for a machine with two CPU cores, an evening for you.
#
# **You need.** Python with a little numpy, and the derivative as you met it at school. Partial derivatives and matrix
# products are used too, and shown with their shapes.
#
# Run a cell with **Shift + Enter**. Before each one, guess what it will print: a wrong guess teaches more than a
# right one.

# %%
from course_utils import device, plots, results, training, widgets
from course_utils.checks import chapter01 as check
from course_utils.datasets import mnist

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
DATA = "auto"  # the digits of section 9: "auto", "full" or "bundled"
TRAIN_LIMIT: int | None = None  # how many training digits; None for all
SMOKE = False  # True cuts every training to seconds, to see that the code runs

# %%
keras.utils.set_random_seed(SEED)

# %% [markdown]
# ## 1. Can a neuron learn to add?
#
# A neuron multiplies each input by a **weight**, sums up, adds a **bias**, and that is all. Let us teach one to add two
# numbers. It sees two examples only, 1 + 1 = 2 and 1 + 2 = 3.

# %%
pairs = np.array([[1.0, 1.0], [1.0, 2.0]])  # (2 examples, 2 inputs)
sums = np.array([2.0, 3.0])  # (2,)


def neuron(x, weights, bias):
    return x @ weights + bias  # (n, 2) @ (2,) + () -> (n,)


neuron(pairs, weights=np.zeros(2), bias=0.0)

# %% [markdown]
# With all weights zero it answers 0. How wrong is that? We square each error and take the mean, the mean squared error
# or **MSE**: this is our **loss**. Learning means to make it smaller. Which way should each weight move? The derivative says it:
#
# $$L = \frac1n \sum_i e_i^2, \quad e_i = \mathbf{w}\cdot\mathbf{x}_i + b - y_i, \qquad
# \frac{\partial L}{\partial \mathbf{w}} = \frac2n \sum_i e_i\,\mathbf{x}_i, \quad
# \frac{\partial L}{\partial b} = \frac2n \sum_i e_i$$

# %%
def squared_loss(x, y, weights, bias):
    return np.mean((neuron(x, weights, bias) - y) ** 2)


def gradient(x, y, weights, bias):
    error = neuron(x, weights, bias) - y  # (n,)
    return 2 * x.T @ error / len(y), 2 * error.mean()  # (2,) and ()


weight_gradient, bias_gradient = gradient(pairs, sums, np.zeros(2), 0.0)
print("slope along the two weights:", weight_gradient, " along the bias:", bias_gradient)
print("loss before:", squared_loss(pairs, sums, np.zeros(2), 0.0))
loss_after = squared_loss(pairs, sums, -0.1 * weight_gradient, -0.1 * bias_gradient)
print("loss after one small step downhill:", loss_after.round(3))

# %% [markdown]
# One step against the slope and the loss falls. So take many. This loop *is* gradient descent, and every training
# in this course is a variation of it.
#
# Both examples will soon be right. **Will it have learned to add?** Make your guess for 3 + 4 before you run the cell.

# %% tags=["nbval-check-output"]
def descend(x, y, weights, bias, learning_rate=0.1, steps=4000):
    path = []
    for _ in range(steps):
        path.append([*weights, bias])
        weight_gradient, bias_gradient = gradient(x, y, weights, bias)
        weights = weights - learning_rate * weight_gradient
        bias = bias - learning_rate * bias_gradient
    return weights, bias, np.array(path)


weights, bias, path_of_two = descend(pairs, sums, np.zeros(2), 0.0)
print("weights", weights.round(3), " bias", bias.round(3))
print("its two examples:", neuron(pairs, weights, bias).round(3))
print("3 + 4 =", neuron(np.array([3.0, 4.0]), weights, bias).round(3))

# %% [markdown]
# Not 7. It knows its two examples by heart and cannot add. Look at the weights: the first input was 1 in *both*
# examples, so nothing told its weight from the bias, and the two shared the work. Two equations, three unknowns: a
# whole line of answers fits perfectly, and gradient descent took the one nearest to its start.
#
# What if it saw one more example, 2 + 1 = 3?

# %% alt="Two loss surfaces over the first weight and the bias. With two examples the lowest points form a long valley and descent stops at its nearest point; with three examples the valley closes to one point, which descent reaches."
three_pairs = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
three_sums = three_pairs.sum(axis=1)
adder_weights, adder_bias, path_of_three = descend(three_pairs, three_sums, np.zeros(2), 0.0)


def draw_valley(ax, x, y, path):
    first, biases = np.meshgrid(np.linspace(-0.5, 2, 80), np.linspace(-1, 1.5, 80))
    # The second weight is held at 1.
    errors = first[..., None] * x[:, 0] + 1.0 * x[:, 1] + biases[..., None] - y
    ax.contourf(first, biases, np.log10((errors**2).mean(-1) + 1e-3), levels=15, cmap="viridis")
    ax.plot(path[:, 0], path[:, 2], color="white", linewidth=2)
    ax.plot(*path[-1, [0, 2]], "o", color="white", markersize=9)
    ax.set(xlabel="first weight", ylabel="bias", title=f"{len(y)} examples")
    ax.grid(False)


figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
draw_valley(axes[0], pairs, sums, path_of_two)
draw_valley(axes[1], three_pairs, three_sums, path_of_three)
plt.show()
print("weights", adder_weights.round(3), " bias", adder_bias.round(3))
print("3 + 4 =", neuron(np.array([3.0, 4.0]), adder_weights, adder_bias).round(3))

# %% [markdown]
# Dark is low (the second weight is held at 1). On the left every point along the valley is a perfect answer to the two
# examples, and the white path, a shadow on this slice, comes to rest where it met the valley floor. The third example
# closes the valley to one point, and that point is addition.
#
# Now the test that counts: pairs it has never seen, from a random start.

# %% alt="Two tables of the error for all pairs from 0 to 9. The neuron that saw two examples is wrong almost everywhere, the more so the larger the first number; the one that saw three is right everywhere."
start = np.random.default_rng(SEED).normal(size=3)
adder_weights, adder_bias, _ = descend(three_pairs, three_sums, start[:2], start[2])

digits = np.arange(10.0)
all_pairs = np.stack(np.meshgrid(digits, digits, indexing="ij"), axis=-1)  # (10, 10, 2)
error_of_two = neuron(all_pairs, weights, bias) - all_pairs.sum(axis=-1)
error_of_three = neuron(all_pairs, adder_weights, adder_bias) - all_pairs.sum(axis=-1)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
for ax, error, seen in zip(axes, (error_of_two, error_of_three), (pairs, three_pairs)):
    shown = ax.imshow(error, cmap="RdBu_r", vmin=-4, vmax=4, origin="lower")
    ax.plot(seen[:, 1], seen[:, 0], "k*", markersize=11, linestyle="none", label="seen in training")
    ax.set(xlabel="second number", ylabel="first number", title=f"taught with {len(seen)} examples")
    ax.grid(False)
axes[0].legend()
figure.colorbar(shown, ax=axes, label="answer minus true sum")
plt.show()

unseen = np.ones((10, 10), dtype=bool)
unseen[tuple(three_pairs.astype(int).T)] = False
results.report("01", seed=SEED, smoke=SMOKE, addition_error=np.abs(error_of_three[unseen]).max())

# %% [markdown]
# **What we saw.** A loss of zero on the training examples is no promise for new ones. Doing well on data it has not seen
# is called **generalization**, and it depends on what the examples pin down. Every chapter will come back to this.
#
# ### The same neuron in Keras
#
# `Dense(1)` is this neuron, `"mse"` our loss. `SGD`, stochastic gradient descent, takes a step per **batch**, a part of
# the data; our batch is all three examples, so it is our loop. Keras goes over the data once per **epoch**; we repeat
# the examples so that an epoch holds 500 steps.

# %%
keras_neuron = keras.Sequential([keras.Input(shape=(2,)), layers.Dense(1)])
keras_neuron.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")
keras_neuron.fit(
    np.tile(three_pairs, (500, 1)), np.tile(three_sums, 500),
    batch_size=3, epochs=1 if SMOKE else 3, shuffle=False, verbose=0,
)
kernel, keras_bias = keras_neuron.get_weights()
print("weights", kernel.ravel().round(3), " bias", keras_bias.round(3))

# %% [markdown]
# ### Play: be the optimizer
#
# One input, one weight, one bias: the neuron is a line. Move both until the orange squares, the squared errors, are as
# small as you can get them. Which of the two would *you* change first, and how do you know?

# %% alt="A line through five points in three states: flat and far off, too steep, and close to the points. Orange squares show the squared errors, and each title gives the loss."
def draw_neuron(ax, weight, bias):
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    y = np.array([-0.9, 0.1, 0.7, 1.6, 2.9])
    answer = weight * x + bias
    ax.plot(x, answer, color=plots.PALETTE[0])
    ax.plot(x, y, "o", color="black")
    for left, low, side in zip(x, np.minimum(y, answer), np.abs(y - answer)):
        ax.add_patch(plt.Rectangle((left, low), side, side, color=plots.PALETTE[1], alpha=0.3))
    loss = np.mean((answer - y) ** 2)
    ax.set(xlabel="input", ylabel="output", xlim=(-4, 5), ylim=(-4.5, 4.5), aspect="equal")
    ax.set_title(f"weight {weight:.1f}, bias {bias:.1f}: loss {loss:.2f}")


widgets.explore(
    draw_neuron,
    controls={"weight": (-2.0, 2.0, 0.1), "bias": (-2.0, 2.0, 0.1)},
    states={
        "flat": {"weight": 0.0, "bias": 0.0},
        "too steep": {"weight": 1.8, "bias": -0.5},
        "close": {"weight": 0.9, "bias": 0.9},
    },
    hint="start from flat, and bring the loss down to 0.03.",
)

# %% [markdown]
# ## 2. What can one neuron not do?
#
# Let a neuron decide instead of count: it says 1 when the weighted sum is above zero, else 0. This is Rosenblatt's
# **perceptron** (1958), and the rule by which it learns is one line: where it errs, add or subtract the input, and 1 for
# the bias. We give it three tasks with two inputs: AND (both on), OR (at least one on), XOR (exactly one on). Will it learn all three?

# %% alt="Left, mistakes per epoch of the perceptron: AND and OR fall to zero and stay there, XOR never does. Then the four corners of a square for each task: for AND and OR a straight line parts filled from empty corners; for XOR, whose filled corners lie on a diagonal, there is none."
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
tasks = {"AND": np.array([0, 0, 0, 1]), "OR": np.array([0, 1, 1, 1]), "XOR": np.array([0, 1, 1, 0])}


def train_perceptron(x, y, epochs=15):
    weights, bias, mistakes = np.zeros(2), -0.5, []
    for _ in range(epochs):
        errors = 0
        for inputs, label in zip(x, y):
            error = label - int(inputs @ weights + bias > 0)  # -1, 0 or 1
            weights, bias = weights + error * inputs, bias + error
            errors += abs(error)
        mistakes.append(errors)
    return weights, bias, mistakes


def draw_corners(ax, labels):
    across, up = [0, 0, 1, 1], [0, 1, 0, 1]
    ax.scatter(across, up, c=labels, cmap="Greys", vmin=0, vmax=1, edgecolor="black", s=140, zorder=3)
    ax.set(xlabel="first input", ylabel="second input")


figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), width_ratios=(1.5, 1, 1, 1))
for ax, (task, labels), style in zip(axes[1:], tasks.items(), ("-", "--", ":")):
    (w1, w2), bias_found, mistakes = train_perceptron(corners, labels)
    axes[0].plot(range(1, len(mistakes) + 1), mistakes, style, label=task, linewidth=2)
    if mistakes[-1] == 0:
        across = np.linspace(-0.5, 1.5, 2)
        ax.plot(across, -(w1 * across + bias_found) / w2, color=plots.PALETTE[1])
    draw_corners(ax, labels)
    ax.set(title=task, xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
axes[0].set(xlabel="epoch", ylabel="mistakes among 4 examples", xticks=range(1, 16, 2))
axes[0].legend()
plt.show()

# %% [markdown]
# XOR goes round in circles for ever. The pictures show why: a perceptron draws *one straight line* and calls one side
# 1 (filled). For XOR there is no such line.
#
# Is that the end of it? Many articles say that a network with one hidden layer can only solve problems that a line
# separates. Let us see whether it is so. Two hidden neurons with **ReLU**, $\max(0, z)$, and weights found with
# pencil and paper:

# %% tags=["nbval-check-output"]
hidden = np.maximum(0, corners @ np.array([[1, 1], [1, 1]]) + np.array([0, -1]))  # (4, 2)
answer = hidden @ np.array([1, -2])  # (4,)
print("inputs        hidden       answer  XOR")
for inputs, middle, out, label in zip(corners, hidden, answer, tasks["XOR"]):
    print(f"{inputs}  ->  {middle}  ->  {out:.0f}       {label}")

# %% [markdown]
# The articles are wrong. The hidden layer *moves* the corners: (0, 1) and (1, 0) land on the same point, and then a
# line is enough. Nobody needs to find such weights by hand, gradient descent does it:

# %% alt="The plane coloured by the answer of the trained XOR network: the corners (0, 1) and (1, 0) lie in regions of class 1, the other two in regions of class 0."
xor_model = keras.Sequential([
    keras.Input(shape=(2,)),
    layers.Dense(8, activation="tanh"),  # (batch, 8)
    layers.Dense(1, activation="sigmoid"),  # (batch, 1)
])
xor_model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.05), loss="binary_crossentropy")
xor_model.fit(
    np.tile(corners, (100, 1)), np.tile(tasks["XOR"], 100),
    batch_size=4, epochs=1 if SMOKE else 4, verbose=0,
)
xor_probabilities = np.asarray(xor_model(corners)).ravel()
print("probability of 1 at each corner:", xor_probabilities.round(2))

figure, ax = plt.subplots(figsize=(5, 3.8))
plots.decision_regions(xor_model, corners, tasks["XOR"], ax)
draw_corners(ax, tasks["XOR"])
ax.set_title("red: answers 1, blue: answers 0")
plt.show()

xor_accuracy = np.mean((xor_probabilities > 0.5) == tasks["XOR"])
results.report("01", seed=SEED, smoke=SMOKE, xor_accuracy=xor_accuracy)

# %% [markdown]
# ### Shallow or deep?
#
# If one hidden layer is enough, why do people build deep networks? Here is a layer of two ReLU units that folds the
# interval from 0 to 1 in half, like a sheet of paper. What happens if we fold again, and again?

# %% alt="The output of 1, 2 and 4 folding layers over the interval from 0 to 1: one tent, then two, then eight." tags=["nbval-check-output"]
def relu(z):
    return np.maximum(0, z)


def fold(x):
    return 2 * relu(x) - 4 * relu(x - 0.5)  # up to 1 in the middle, down to 0 at the end


grid = np.linspace(0, 1, 1025)
figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), sharey=True)
print("layers  units  straight pieces   most that one layer of as many units can have")
for ax, depth in zip(axes, (1, 2, 4)):
    folded = grid
    for _ in range(depth):
        folded = fold(folded)
    slopes = np.diff(folded) / np.diff(grid)
    pieces = 1 + np.count_nonzero(np.diff(slopes))
    print(f"{depth:6d}  {2 * depth:5d}  {pieces:15d}   {2 * depth + 1}")
    ax.plot(grid, folded)
    ax.set(title=f"layers of folds: {depth}", xlabel="input")
axes[0].set_ylabel("output")
plt.show()

# %% [markdown]
# **What we saw.** One hidden layer can bend space, and that already solves XOR. But each layer can *multiply* the
# number of pieces, where a wider layer only adds: depth can buy detail exponentially. (Telgarsky, 2016, made a theorem of this
# very picture.)
#
# ## 3. Why does the activation matter?
#
# Between two layers stands a bent (nonlinear) function, the **activation**. Without it, two layers would be one: a matrix
# times a matrix is a matrix. Here are three, with their derivatives. Which of them would you trust to pass on a learning
# signal?

# %% alt="Sigmoid, tanh and ReLU on the left, their derivatives on the right. The sigmoid's derivative is at most a quarter and tanh's at most one, both near zero far from the origin; ReLU's is zero or one."
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


activations = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "ReLU": (relu, lambda z: (z > 0).astype(float)),
}

z = np.linspace(-5, 5, 401)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for (name, (function, derivative)), style in zip(activations.items(), ("-", "--", ":")):
    axes[0].plot(z, function(z), style, label=name, linewidth=2)
    axes[1].plot(z, derivative(z), style, label=name, linewidth=2)
axes[0].set(xlabel="input z", ylabel="activation", ylim=(-1.2, 2.5))
axes[1].set(xlabel="input z", ylabel="derivative")
axes[0].legend()
plt.show()

# %% [markdown]
# ### Play: how much of a signal comes back?
#
# Choose an activation, an input and a depth, the number of layers. The dashed line is the tangent; its slope, the
# derivative, is what an error is multiplied by on its way back, once per layer. Where does sigmoid lose least? Is there
# an input at which ReLU loses a little? And one at which it loses everything?

# %% alt="Three activations, each with its tangent at a chosen input: sigmoid at 0, where the slope is a quarter, tanh far from 0, where it is nearly flat, and ReLU above 0, where the slope is one. The titles say how much of a signal is left after ten layers."
def draw_activation(ax, activation, z, depth):
    function, derivative = activations[activation]
    wide, slope = np.linspace(-5, 5, 201), float(derivative(np.float64(z)))
    ax.plot(wide, function(wide), color=plots.PALETTE[0])
    ax.plot(wide, function(z) + slope * (wide - z), "--", color=plots.PALETTE[1])
    ax.plot(z, function(z), "o", color="black")
    ax.set(xlabel="input z", ylabel="activation", xlim=(-5, 5), ylim=(-1.5, 2.5))
    ax.set_title(f"slope {slope:.3f}; left after layer {depth}: {slope**depth:.2g}")


widgets.explore(
    draw_activation,
    controls={"activation": list(activations), "z": (-5.0, 5.0, 0.1), "depth": (1, 20, 1)},
    states={
        "sigmoid in the middle": {"activation": "sigmoid", "z": 0.0, "depth": 10},
        "tanh far out": {"activation": "tanh", "z": 2.5, "depth": 10},
        "ReLU above zero": {"activation": "ReLU", "z": 1.0, "depth": 10},
    },
    hint="find the input at which sigmoid passes on most, then add depth.",
)

# %% [markdown]
# **Softmax** is the odd one out: it takes a whole row of numbers and makes it a row of probabilities. What will the naive
# formula say to 1000? And when one score is raised, what happens to the *other* probabilities?

# %%
def naive_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def softmax(z):
    return naive_softmax(z - z.max(axis=-1, keepdims=True))


scores = np.array([1.0, 2.0, 4.0])
print("softmax:             ", softmax(scores).round(3), " sum", softmax(scores).sum().round(3))
print("the same plus 1000:  ", softmax(scores + 1000).round(3))
with np.errstate(over="ignore", invalid="ignore"):
    print("naive, plus 1000:    ", naive_softmax(scores + 1000))
p = softmax(scores)
print("how output i (row) changes with score j (column):")
print((np.diag(p) - np.outer(p, p)).round(3))

# %% [markdown]
# Adding the same number to all scores changes nothing, so we may subtract the largest first, and nothing overflows. The
# derivative, $\partial p_i / \partial z_j = p_i(\delta_{ij} - p_j)$, has columns that sum to zero: what one class wins, the
# others lose.
#
# ### Why is tanh often better than sigmoid?
#
# Both are S-shaped. But sigmoid's outputs are all positive. The next layer's weight gradient is *error × input*: with
# positive inputs, each single example pushes all weights of a neuron the same way. Averaged over the examples, what would
# move them apart nearly cancels, and that direction is learned slowly. Below, two weights learn from the same signals,
# once through sigmoid and once through tanh, each with a learning rate of one over its steepest curvature, half of what
# would explode. The goal asks for one weight up and the other down. Same number of steps. Who arrives?

# %% alt="Descent on two loss surfaces. With sigmoid inputs the surface is a narrow slanted valley and the path is still far from the minimum; with tanh inputs the valley is round and the path ends at the minimum."
def descend_plane(x, y, steps):
    hessian = 2 * x.T @ x / len(y)  # (2, 2), the curvatures of the loss
    learning_rate = 1 / np.linalg.eigvalsh(hessian)[-1]
    path = [np.array([0.0, 0.0])]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * 2 * x.T @ (x @ path[-1] - y) / len(y))
    return np.array(path), np.linalg.cond(hessian)


signals = np.random.default_rng(SEED).normal(size=(200, 2))
goal = np.array([1.0, -1.0])
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
for ax, (name, function) in zip(axes, {"sigmoid": sigmoid, "tanh": np.tanh}.items()):
    passed = function(signals)
    path, condition = descend_plane(passed, passed @ goal, steps=12)
    first, second = np.meshgrid(np.linspace(-0.6, 1.6, 60), np.linspace(-1.6, 0.6, 60))
    errors = (first - 1)[..., None] * passed[:, 0] + (second + 1)[..., None] * passed[:, 1]
    ax.contour(first, second, (errors**2).mean(-1), levels=12, cmap="viridis")
    ax.plot(*path.T, "o-", color=plots.PALETTE[1], markersize=4)
    ax.plot(*goal, "k*", markersize=14)
    ax.set(xlabel="weight 1", ylabel="weight 2", title=f"{name}: condition number {condition:.1f}", aspect="equal")
plt.show()

# %% [markdown]
# (The condition number is the ratio of the steepest to the flattest curvature; a round bowl has 1.) Centred inputs make
# a rounder valley. This is also why we centre and scale *data*. Try `goal = (1, 1)`: now sigmoid arrives too. Why?
#
# ### Failure gallery: the neuron that died
#
# ReLU is not centred either, though the effect is milder, and its slope does not fade for large inputs. It has another
# trouble. A neuron, $\max(0, wx + b)$, starts too steep and is to learn a gentler slope. Its very first learning rate is
# too large; all later ones are sensible. Will it recover?

# %% alt="Loss over steps after a first step that was far too large. The ReLU neuron's loss stays flat for ever; the leaky ReLU neuron's loss falls towards zero."
def train_ramp(slope_below_zero, steps=300):
    x = np.linspace(0.1, 2, 40)
    y = 1.5 * x + 0.2
    w, b, losses = 3.0, 0.0, []
    for step in range(steps):
        z = w * x + b
        out = np.where(z > 0, z, slope_below_zero * z)
        losses.append(np.mean((out - y) ** 2))
        back = 2 * (out - y) / len(x) * np.where(z > 0, 1.0, slope_below_zero)  # dL/dz
        learning_rate = 1.0 if step == 0 else 0.1
        w, b = w - learning_rate * back @ x, b - learning_rate * back.sum()
    return losses


figure, ax = plt.subplots(figsize=(7, 3.4))
ax.plot(train_ramp(slope_below_zero=0.0), label="ReLU")
ax.plot(train_ramp(slope_below_zero=0.2), "--", label="leaky ReLU, slope 0.2 below zero")
ax.set(xlabel="step", ylabel="loss", yscale="log")
ax.legend()
plt.show()

# %% [markdown]
# **Diagnosis.** The step threw the neuron to where $z < 0$ for *every* input. There ReLU's derivative is 0, so the
# gradient is 0, so nothing will ever change: a **dead ReLU**. A small slope below zero is a way back; the smaller, the slower.
#
# ### How far does a learning signal travel?
#
# Sigmoid's derivative is at most 1/4, and backpropagation multiplies one such factor per layer, times the weights. Guess:
# what is left after 20 layers? We measure the gradient that arrives at each layer's weights before any training.

# %% alt="Size of the gradient at each of 20 layers on a logarithmic axis. With sigmoid it falls by many orders of magnitude towards the first layer. The other three stay level: tanh, and ReLU with He initialization, near one; ReLU with Glorot initialization far lower."
def gradient_norms(x, y, activation, initializer):
    deep_model = keras.Sequential([keras.Input(shape=(32,))])
    for _ in range(20):
        deep_model.add(layers.Dense(32, activation=activation, kernel_initializer=initializer))
    deep_model.add(layers.Dense(1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((deep_model(x) - y) ** 2)
    kernels = [layer.kernel.value for layer in deep_model.layers[:-1]]
    return [float(tf.norm(slope)) for slope in tape.gradient(loss, kernels)]


rng = np.random.default_rng(SEED)
noise, targets = rng.normal(size=(64, 32)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")
norms = {
    "sigmoid": gradient_norms(noise, targets, "sigmoid", "glorot_uniform"),
    "tanh": gradient_norms(noise, targets, "tanh", "glorot_uniform"),
    "ReLU, Glorot initialization": gradient_norms(noise, targets, "relu", "glorot_uniform"),
    "ReLU, He initialization": gradient_norms(noise, targets, "relu", "he_normal"),
}
figure, ax = plt.subplots(figsize=(7, 3.6))
for (name, sizes), style in zip(norms.items(), ("o-", "s--", "v-.", "^:")):
    ax.semilogy(range(1, 21), sizes, style, label=name)
ax.set(xlabel="layer (1 is next to the input)", ylabel="norm of the weight gradient")
ax.set_xticks([1, 5, 10, 15, 20])
ax.legend()
plt.show()
share = norms["sigmoid"][0] / norms["sigmoid"][-1]
print(f"sigmoid: the first layer's gradient is {share:.0e} of the last one's")

# %% [markdown]
# **What we saw.** Through 20 sigmoid layers next to nothing arrives: the **vanishing gradient**, which held deep learning
# up for years. At the start of training, tanh with Glorot's initialization and ReLU with He's (He et al., 2015) both keep
# the signal alive: activation and initialization belong together. Chapter 8 meets the problem again at a greater depth.
#
# ## 4. What should the network be punished for?
#
# The loss is the only thing a network is told about our wishes. Take five prices of a flat, one of them mistyped.
# Which single number "predicts" them best?

# %% alt="Mean squared and mean absolute error of a constant guess for five prices, one of them an outlier. The squared error is lowest at the mean, far from the four sensible prices; the absolute error is lowest at the median, among them."
prices = np.array([200.0, 210.0, 220.0, 230.0, 900.0])  # thousand euros; the last is mistyped
guesses = np.linspace(150, 950, 801)
errors = guesses[:, None] - prices  # (801, 5)
mse, mae = (errors**2).mean(axis=1), np.abs(errors).mean(axis=1)

figure, ax = plt.subplots(figsize=(7, 3.4))
ax.plot(guesses, mse / mse.max(), label=f"MSE, lowest at {guesses[mse.argmin()]:.0f}")
ax.plot(guesses, mae / mae.max(), "--", label=f"MAE, lowest at {guesses[mae.argmin()]:.0f}")
ax.plot(prices, np.zeros(5), "ko", label=f"prices: mean {prices.mean():.0f}, median {np.median(prices):.0f}")
ax.set(xlabel="guess (thousand euros)", ylabel="loss (share of its maximum)")
ax.legend()
plt.show()

# %% [markdown]
# Squaring lets one wild value pull the answer away: the mean squared error, MSE, aims at the **mean** of the prices, the
# mean absolute error, MAE, at their **median**.
#
# ### And for classes?
#
# A classifier says how probable it finds the right class. **Cross entropy** is minus the logarithm of that
# probability. Why not the squared error here? Look at the slope it gives when the answer is confidently wrong.

# %% alt="Loss and slope against the logit of the right class. When the answer is confidently wrong, at the far left, cross entropy has slope minus one, while the slope of the squared error is almost zero."
logit = np.linspace(-8, 8, 401)  # the network's raw score for the right class
probability = sigmoid(logit)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
axes[0].plot(logit, -np.log(probability), label="cross entropy")
axes[0].plot(logit, (1 - probability) ** 2, "--", label="squared error")
axes[1].plot(logit, probability - 1, label="cross entropy")
axes[1].plot(logit, -2 * (1 - probability) ** 2 * probability, "--", label="squared error")
axes[0].set(xlabel="logit of the right class", ylabel="loss")
axes[1].set(xlabel="logit of the right class", ylabel="slope of the loss")
axes[0].legend()
plt.show()

# %% [markdown]
# At the far left the answer is as wrong as can be, and the squared error hardly objects: its slope is almost zero.
# Cross entropy pushes at full strength. That is why classifiers use it.
#
# ### Four names, one idea
#
# Labels may be integers (`2`) or one-hot rows (`[0, 0, 1]`), outputs may be probabilities or raw scores, called
# **logits**. Keras has a spelling for each. By hand they are one line, and they agree:

# %% tags=["nbval-check-output"]
logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 3.0]])
labels = np.array([0, 1])
one_hot = np.eye(3)[labels]
by_hand = -np.log(softmax(logits)[np.arange(2), labels]).mean()

from_integers = keras.losses.SparseCategoricalCrossentropy
from_one_hot = keras.losses.CategoricalCrossentropy
spellings = {
    "integers, probabilities": from_integers()(labels, softmax(logits)),
    "integers, logits": from_integers(from_logits=True)(labels, logits),
    "one-hot, probabilities": from_one_hot()(one_hot, softmax(logits)),
    "one-hot, logits": from_one_hot(from_logits=True)(one_hot, logits),
}
print(f"{'by hand':24s}{by_hand:.4f}")
for name, value in spellings.items():
    print(f"{name:24s}{float(value):.4f}")

# %% [markdown]
# **Binary cross entropy** is the case of two classes with one output $z$, whose probability for class 1 is
# $p = \sigma(z)$, the sigmoid:
#
# $$-y \log p - (1 - y) \log(1 - p) = \log(1 + e^z) - yz, \qquad \text{with the slope } \sigma(z) - y$$
#
# Remember that slope, what it says minus what it should say: section 5 begins with it. Now a trap: what if we forget
# `from_logits=True`, or go through a probability when the score is large?

# %%
binary = keras.losses.BinaryCrossentropy
label, score = np.array([[1.0]]), np.array([[-40.0]])  # sure, and wrong
print(f"by hand, from the logit:       {np.log1p(np.exp(40.0)):.2f}")
print(f"Keras, from_logits=True:       {float(binary(from_logits=True)(label, score)):.2f}")
print(f"Keras, through a probability:  {float(binary()(label, sigmoid(score))):.2f}")
print(f"Keras, from_logits forgotten:  {float(binary()(label, score)):.2f}")

# %% [markdown]
# The last two stop at the same wall: a bare probability is clipped before the logarithm, so a worse answer costs no more
# and the gradient is lost. (A model that *ends* in a sigmoid is rescued: with TensorFlow, Keras finds the logit behind
# it. Better not to rely on that.) **What we saw:** give the loss logits where you can, and say so.
#
# ## 5. How does a network with layers learn?
#
# For one neuron we found the gradient with pencil and paper. For a network the chain rule does the same, from the
# last layer back to the first: **backpropagation**. Our data are two half moons, which no line separates.

# %% alt="Four hundred points in two interleaved half moons, circles for class 0 and squares for class 1."
moons, moon_labels = make_moons(400, noise=0.2, random_state=SEED)
x_train, y_train = moons[:200], moon_labels[:200]
x_test, y_test = moons[200:], moon_labels[200:]

figure, ax = plt.subplots(figsize=(6, 3.2))
for value, marker in ((0, "o"), (1, "s")):
    ax.scatter(*moons[moon_labels == value].T, s=16, marker=marker, label=f"class {value}")
ax.set(xlabel="feature 1", ylabel="feature 2")
ax.legend()
plt.show()

# %% [markdown]
# **Forward**: inputs → hidden → logit → loss. Follow the shapes on the right.

# %%
def forward(x, y, w1, b1, w2, b2):
    hidden = np.tanh(x @ w1 + b1)  # (n, 2) @ (2, 16) -> (n, 16)
    logit = (hidden @ w2 + b2)[:, 0]  # (n, 16) @ (16, 1) -> (n,)
    loss = np.mean(np.logaddexp(0, logit) - y * logit)  # binary cross entropy, safe for any logit
    return hidden, logit, loss


def initial_parameters(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 16)), np.zeros(16), rng.normal(size=(16, 1)) / 4, np.zeros(1)]


hidden, logit, loss = forward(x_train, y_train, *initial_parameters(SEED))
print("hidden", hidden.shape, " logit", logit.shape, f" loss {loss:.3f}")

# %% [markdown]
# **Backward**: how does the loss change with the logit? Then with the hidden values? Then with each weight? Every
# line below is the derivative of one line above, in reverse order.

# %%
def backward(x, y, w1, b1, w2, b2):
    hidden, logit, _ = forward(x, y, w1, b1, w2, b2)
    d_logit = ((sigmoid(logit) - y) / len(y))[:, None]  # (n, 1)
    d_w2 = hidden.T @ d_logit  # (16, n) @ (n, 1) -> (16, 1)
    d_b2 = d_logit.sum(axis=0)  # (1,)
    d_hidden = d_logit @ w2.T  # (n, 1) @ (1, 16) -> (n, 16)
    d_z1 = d_hidden * (1 - hidden**2)  # tanh' = 1 - tanh²
    d_w1 = x.T @ d_z1  # (2, n) @ (n, 16) -> (2, 16)
    d_b1 = d_z1.sum(axis=0)  # (16,)
    return [d_w1, d_b1, d_w2, d_b2]


own_gradients = backward(x_train, y_train, *initial_parameters(SEED))
[slope.shape for slope in own_gradients]

# %% [markdown]
# ### Is it right?
#
# A wrong gradient often learns a little all the same, so do not trust: check. Nudge one weight by a small ε, see how
# the loss changes, compare; for every weight and bias. How small should ε be? As small as possible?

# %% alt="Largest difference between finite differences and the own gradient against the nudge, both axes logarithmic: a V, lowest in the middle, worse for larger and for smaller nudges."
def finite_difference(x, y, parameters, index, epsilon):
    slopes = np.zeros_like(parameters[index])
    for position in np.ndindex(slopes.shape):
        losses = []
        for nudge in (epsilon, -epsilon):
            nudged = [array.copy() for array in parameters]
            nudged[index][position] += nudge
            losses.append(forward(x, y, *nudged)[2])
        slopes[position] = (losses[0] - losses[1]) / (2 * epsilon)
    return slopes


nudges, differences = 10.0 ** np.arange(-11, 0), []
for nudge in nudges:
    nudged = [finite_difference(x_train, y_train, initial_parameters(SEED), i, nudge) for i in range(4)]
    differences.append(max(np.abs(a - b).max() for a, b in zip(nudged, own_gradients)))

figure, ax = plt.subplots(figsize=(7, 3.2))
ax.loglog(nudges, differences, "o-")
ax.set(xlabel="nudge ε", ylabel="largest difference")
plt.show()

# %% [markdown]
# Too large a nudge leaves the tangent, too small a one drowns in rounding: the best lies between. Frameworks do
# better: they record what we compute and run the chain rule themselves. Does `tf.GradientTape` agree with us?

# %%
parameters = [tf.Variable(array) for array in initial_parameters(SEED)]
with tf.GradientTape() as tape:
    w1, b1, w2, b2 = parameters
    tape_logit = (tf.tanh(x_train @ w1 + b1) @ w2 + b2)[:, 0]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(y_train.astype(float), tape_logit)  # (n,)
    tape_loss = tf.reduce_mean(losses)
tape_gradients = tape.gradient(tape_loss, parameters)

gradient_error = max(np.abs(own - taped).max() for own, taped in zip(own_gradients, tape_gradients))
results.report("01", seed=SEED, smoke=SMOKE, gradient_error=gradient_error)

# %% [markdown]
# They agree to the last digits. Now let our own network learn.

# %% alt="Loss of the network written in numpy over the steps of gradient descent, falling fast at first and then slowly."
own_network, own_losses = initial_parameters(SEED), []
for _ in range(100 if SMOKE else 1500):
    own_losses.append(forward(x_train, y_train, *own_network)[2])
    slopes = backward(x_train, y_train, *own_network)
    own_network = [parameter - 0.5 * slope for parameter, slope in zip(own_network, slopes)]

figure, ax = plt.subplots(figsize=(7, 3))
ax.plot(own_losses)
ax.set(xlabel="step", ylabel="training loss")
plt.show()

own_accuracy = np.mean((forward(x_test, y_test, *own_network)[1] > 0) == y_test)
line_accuracy = LogisticRegression().fit(x_train, y_train).score(x_test, y_test)
print(f"test accuracy: a straight line (logistic regression) {line_accuracy:.3f}, our network {own_accuracy:.3f}")

# %% [markdown]
# **What we saw.** A screenful of numpy learns a boundary that no straight line can draw. Backpropagation is the chain rule
# with good book-keeping; from here on Keras keeps the books.
#
# ## 6. Which way down?
#
# Gradient descent walks straight down the slope. In a long narrow valley that is a poor plan: it bounces between the
# walls and creeps along the floor. Six ideas, each a few lines. `memory` is what a rule carries from step to step.

# %%
def sgd(point, slope, memory, step, learning_rate):
    return point - learning_rate * slope, memory


def heavy_ball(point, slope, velocity, step, learning_rate, beta=0.9):
    velocity = beta * velocity - learning_rate * slope  # momentum: it keeps rolling
    return point + velocity, velocity


def adagrad(point, slope, squares, step, learning_rate):
    squares = squares + slope**2  # steep directions get ever smaller steps
    return point - learning_rate * slope / np.sqrt(squares + 1e-7), squares


def rmsprop(point, slope, squares, step, learning_rate, rho=0.9):
    squares = rho * squares + (1 - rho) * slope**2  # the same, but it forgets
    return point - learning_rate * slope / np.sqrt(squares + 1e-7), squares


def adadelta(point, slope, memory, step, learning_rate, rho=0.95):
    squares, moved = memory  # scales by its own recent steps
    squares = rho * squares + (1 - rho) * slope**2
    delta = -np.sqrt(moved + 1e-7) / np.sqrt(squares + 1e-7) * slope
    return point + learning_rate * delta, np.array([squares, rho * moved + (1 - rho) * delta**2])


def adam(point, slope, memory, step, learning_rate, beta_1=0.9, beta_2=0.999):
    mean, squares = memory  # momentum and RMSprop together
    mean = beta_1 * mean + (1 - beta_1) * slope
    squares = beta_2 * squares + (1 - beta_2) * slope**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)  # both began at zero
    return point - rate * mean / (np.sqrt(squares) + 1e-7), np.array([mean, squares])


# %% [markdown]
# Our valley is $f(x, y) = x^2/100 + y^2$: a hundred times more curved across than along. Every rule starts at the same
# point and takes the same number of steps.

# %% alt="Six panels with the path of each optimizer through a long narrow valley from the same start. SGD bounces between the walls and is left far from the minimum, momentum swings from side to side as it rolls along, Adagrad and RMSprop curve towards the minimum, Adam runs past it and turns back, and Adadelta has hardly moved."
def valley_slope(point):
    return np.array([point[0] / 50, 2 * point[1]])


def walk(rule, memory, learning_rate, start, steps):
    path = [np.array(start)]
    for step in range(1, steps + 1):
        point, memory = rule(path[-1], valley_slope(path[-1]), memory, step, learning_rate)
        path.append(point)
    return np.array(path)


rules = {  # rule, its memory at the start, learning rate
    "SGD": (sgd, np.zeros(2), 0.9),
    "Momentum": (heavy_ball, np.zeros(2), 0.2),
    "Adagrad": (adagrad, np.full(2, 0.1), 1.0),
    "RMSprop": (rmsprop, np.zeros(2), 0.3),
    "Adadelta": (adadelta, np.zeros((2, 2)), 1.0),
    "Adam": (adam, np.zeros((2, 2)), 0.5),
}
paths = {name: walk(*rule, start=(-6.0, 2.0), steps=50) for name, rule in rules.items()}
across, up = np.meshgrid(np.linspace(-7, 4, 100), np.linspace(-3, 3, 100))
figure, axes = plt.subplots(2, 3, figsize=(11, 5.2), sharex=True, sharey=True)
for ax, (name, path) in zip(axes.ravel(), paths.items()):
    ax.contour(across, up, across**2 / 100 + up**2, levels=np.geomspace(0.05, 10, 9))
    ax.plot(*path.T, "o-", color=plots.PALETTE[1], markersize=3, linewidth=1)
    ax.plot(0, 0, "k*", markersize=12)
    ax.set_title(f"{name}: {np.linalg.norm(path[-1]):.2f} from the goal")
figure.supxlabel("x")
figure.supylabel("y")
plt.show()

# %% [markdown]
# Did you expect Adadelta to stand still? It scales each step by its *earlier* steps, and it has none at the start, so
# the first are about as small as its ε allows. It warms up over thousands of steps. And no winner here is a winner
# everywhere: Adagrad, RMSprop and Adam scale each axis by itself, and this valley lies along an axis, which flatters
# them. Change a learning rate above and the order changes too.
#
# Are these really the rules that Keras uses? We let Keras walk the same slopes, step by step, from a random start.
# Would a small mistake show? We leave out the last idea in Adam, the correction for having begun at zero, and see.

# %%
def hasty_adam(point, slope, memory, step, learning_rate):
    return adam(point, slope, memory, 10_000, learning_rate)  # as if the beginning were long past


def keras_walk(optimizer, start, steps):
    point = keras.Variable(start, dtype="float64")
    path = [np.array(start)]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(valley_slope(path[-1]))], [point])
        path.append(keras.ops.convert_to_numpy(point))
    return np.array(path)


steps = 50
keras_optimizers = {  # each at a thousandth, the rate that Keras gives to Adam
    "SGD": keras.optimizers.SGD(1e-3),
    "Momentum": keras.optimizers.SGD(1e-3, momentum=0.9),
    "Adagrad": keras.optimizers.Adagrad(1e-3),
    "RMSprop": keras.optimizers.RMSprop(1e-3),
    "Adadelta": keras.optimizers.Adadelta(1e-3),
    "Adam": keras.optimizers.Adam(1e-3),
}
start = np.random.default_rng(SEED).uniform(-3, 3, size=2)
keras_paths = {name: keras_walk(optimizer, start, steps) for name, optimizer in keras_optimizers.items()}
optimizer_errors = {
    name: np.abs(walk(rule, memory, 1e-3, start, steps) - keras_paths[name]).max()
    for name, (rule, memory, _) in rules.items()
}
hasty_path = walk(hasty_adam, np.zeros((2, 2)), 1e-3, start, steps)
hasty_error = np.abs(hasty_path - keras_paths["Adam"]).max()
for name, error in {**optimizer_errors, "Adam without its correction": hasty_error}.items():
    print(f"{name:28s} largest difference in {steps} steps: {error:.1e}")

results.report("01", seed=SEED, smoke=SMOKE, adam_error=optimizer_errors["Adam"])

# %% [markdown]
# The rules are the same; what is left is rounding (Keras handles the learning rate and β₂ in 32 bits). And the check has
# teeth: one left-out correction shows at once.
#
# ### Play: an optimizer on the loss surface
#
# Find the largest learning rate that does not explode without momentum. Then add momentum: does it help or hurt? And
# Adam, for which momentum is its β₁: which learning rate brings it closest in the same fifty steps?

# %% alt="Three paths of gradient descent in the valley: a small learning rate without momentum creeps, a large one bounces from wall to wall, and a large one with momentum swings and arrives."
def draw_descent(ax, optimizer, learning_rate, momentum):
    def rule(point, slope, memory, step, rate):
        if optimizer == "Adam":
            return adam(point, slope, memory, step, rate, beta_1=momentum)
        return heavy_ball(point, slope, memory, step, rate, beta=momentum)

    memory = np.zeros((2, 2)) if optimizer == "Adam" else np.zeros(2)
    path = walk(rule, memory, learning_rate, start=(-6.0, 2.0), steps=50)
    across, up = np.meshgrid(np.linspace(-7, 4, 100), np.linspace(-3, 3, 100))
    ax.contour(across, up, across**2 / 100 + up**2, levels=np.geomspace(0.05, 10, 9))
    ax.plot(*path.T, "o-", color=plots.PALETTE[1], markersize=3, linewidth=1)
    ax.plot(0, 0, "k*", markersize=12)
    ax.set(xlabel="x", ylabel="y", xlim=(-7, 4), ylim=(-3, 3))
    loss = path[-1][0] ** 2 / 100 + path[-1][1] ** 2
    ax.set_title(f"rate {learning_rate:.2f}, momentum {momentum:.2f}: loss {loss:.2g}")


widgets.explore(
    draw_descent,
    controls={
        "optimizer": ["SGD", "Adam"], "learning_rate": (0.02, 1.1, 0.02), "momentum": (0.0, 0.98, 0.02),
    },
    states={
        "too careful": {"optimizer": "SGD", "learning_rate": 0.1, "momentum": 0.0},
        "too bold": {"optimizer": "SGD", "learning_rate": 0.98, "momentum": 0.0},
        "with momentum": {"optimizer": "SGD", "learning_rate": 0.9, "momentum": 0.8},
    },
    hint="get the loss below 0.001 within the fifty steps.",
)

# %% [markdown]
# **What we saw.** The gradient says which way is steepest; the optimizer decides where to go, and how far. Adam is a
# common first choice because it needs little tuning on real networks, not because it won here. Tune the learning rate
# before anything else.
#
# ## 7. How do you keep a network from learning the noise?
#
# Twenty noisy samples of a smooth curve, and a network with far more weights than samples. What will it draw?

# %% alt="Noisy samples, the true sine curve, and the network's curve, which bends to reach single samples."
rng = np.random.default_rng(SEED)
noisy_x = np.sort(rng.uniform(-3, 3, size=(40, 1)), axis=0)
noisy_y = np.sin(1.5 * noisy_x) + rng.normal(scale=0.4, size=(40, 1))
x_fit, y_fit = noisy_x[::2], noisy_y[::2]  # (20, 1)
x_val, y_val = noisy_x[1::2], noisy_y[1::2]  # (20, 1), held back
smooth_x = np.linspace(-3, 3, 200)[:, None]
smooth_y = np.sin(1.5 * smooth_x)  # the truth, which no real project knows


def fit_curve(x, y, validation, epochs, penalty=None, dropout=0.0, callbacks=()):
    curve_model = keras.Sequential([
        keras.Input(shape=(1,)),
        layers.Dense(128, activation="relu", kernel_regularizer=penalty),  # (batch, 128)
        layers.Dropout(dropout),
        layers.Dense(128, activation="relu", kernel_regularizer=penalty),  # (batch, 128)
        layers.Dropout(dropout),
        layers.Dense(1),  # (batch, 1)
    ])
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    curve_model.compile(optimizer, loss="mse", metrics=["mse"], steps_per_execution=50)
    history = curve_model.fit(
        np.tile(x, (50, 1)), np.tile(y, (50, 1)),  # an epoch is 50 steps, each over all samples
        batch_size=len(x), epochs=epochs, shuffle=False,
        validation_data=validation, callbacks=list(callbacks), verbose=0,
    )
    return curve_model, history.history


def draw_fit(ax, model, x, y, smooth_x, smooth_y):
    drawn = np.asarray(model(smooth_x))
    ax.plot(smooth_x, smooth_y, "--", color="black", label="truth")
    ax.plot(smooth_x, drawn, color=plots.PALETTE[1], label="network")
    ax.plot(x, y, "o", color=plots.PALETTE[0], markersize=4, label="samples")
    distance = np.sqrt(np.mean((drawn - smooth_y) ** 2))
    ax.set(xlabel="x", ylim=(-2.5, 2.5), title=f"{distance:.2f} from the truth")


epochs = 2 if SMOKE else 20
free_model, free_history = fit_curve(x_fit, y_fit, (x_val, y_val), epochs)
figure, ax = plt.subplots(figsize=(6, 3.2))
draw_fit(ax, free_model, x_fit, y_fit, smooth_x, smooth_y)
ax.set_ylabel("y")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# It chases single samples. How could you stop it? Four remedies, one change at a time: a penalty on the absolute size of
# the weights (**L1**, $\lambda \sum |w|$) or on their squares (**L2**, $\lambda \sum w^2$), added to the loss; switching a
# random part of the units off in every training step, and none when predicting (**dropout**); stopping when the twenty
# held-back samples get worse (**early stopping**).

# %% alt="Five panels with the same samples and the curve each network drew: free, L1, L2, dropout, early stopping; each title gives the distance from the truth. Below each, training and held-back error over the epochs: without a remedy the training error ends far below the held-back one."
patient = keras.callbacks.EarlyStopping(
    monitor="val_mse", mode="min", patience=6, restore_best_weights=True
)
remedies = {
    "L1": {"penalty": keras.regularizers.L1(1e-3)},
    "L2": {"penalty": keras.regularizers.L2(1e-2)},
    "dropout": {"dropout": 0.3},
    "early stopping": {"callbacks": [patient]},
}
curve_fits = {"nothing": (free_model, free_history)}
for name, remedy in training.each(remedies.items()):
    curve_fits[name] = fit_curve(x_fit, y_fit, (x_val, y_val), epochs, **remedy)

figure, axes = plt.subplots(2, 5, figsize=(15, 5.6), sharey="row")
for (upper, lower), (name, (model, history)) in zip(axes.T, curve_fits.items()):
    draw_fit(upper, model, x_fit, y_fit, smooth_x, smooth_y)
    upper.set_title(f"{name}: {upper.get_title()}", fontsize=10)
    epochs_run = range(1, len(history["mse"]) + 1)
    lower.plot(epochs_run, history["mse"], "--", label="training")
    lower.plot(epochs_run, history["val_mse"], label="held back")
    lower.set(xlabel="epoch", ylim=(0, 0.8))
axes[0, 0].set_ylabel("y")
axes[1, 0].set_ylabel("squared error")
axes[0, 0].legend(fontsize=8)
axes[1, 0].legend(fontsize=8)
plt.show()

# %% [markdown]
# (Dropout's dashed line is measured with units switched off, so it lies high. Early stopping chose its epoch by the
# held-back samples, so their error flatters it.)
#
# **What we saw.** With more weights than samples, the network also learned the noise: **overfitting**. Each remedy trades
# a little fit for a smoother answer. None is free: too strong a penalty flattens the curve. Try `L2(1.0)`.
#
# ## 8. What does the same look like in Keras?
#
# The two moons again. The steps that you wrote by hand in section 5, forward, loss, backward, update, for a slightly
# larger network: five lines, and `fit`.

# %% tags=["nbval-check-output"]
def build_moons_model():
    model = keras.Sequential([keras.Input(shape=(2,))])
    model.add(layers.Dense(16, activation="relu"))  # (batch, 16)
    model.add(layers.Dense(16, activation="relu"))  # (batch, 16)
    model.add(layers.Dense(1))  # (batch, 1), logits
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return model


moons_model = build_moons_model()
for layer in moons_model.layers:
    print(f"{layer.units:2d} units: weights and biases", [array.shape for array in layer.get_weights()])

# %% [markdown]
# How many parameters is that? Count before you run the next cell. Then watch the boundary bend as the training goes on.

# %% alt="The plane coloured by the network's answer before training and after three stretches of it, with the half moons on top. Before training the colours are pale and the boundary arbitrary, if there is one; then it bends into the gap between the moons."
def probabilities(model, points):
    return sigmoid(np.asarray(model(points)))


growing_model, epochs_done = build_moons_model(), 0
print(growing_model.count_params(), "parameters")
figure, axes = plt.subplots(1, 4, figsize=(14, 3.3), sharey=True)
for ax, epochs in zip(axes, (0, 1, 2, 3) if SMOKE else (0, 5, 20, 60)):
    growing_model.fit(
        x_train, y_train, batch_size=32, initial_epoch=epochs_done, epochs=epochs, verbose=0
    )
    epochs_done = epochs
    plots.decision_regions(lambda points: probabilities(growing_model, points), x_test, y_test, ax)
    test_accuracy = np.mean((probabilities(growing_model, x_test).ravel() > 0.5) == y_test)
    ax.set_title(f"{epochs} epochs: test accuracy {test_accuracy:.2f}")
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 9. And on real digits? The whole pipeline once
#
# Every project in this course goes the same way: **clean**, **split**, **augment**, **design**, **train**,
# **evaluate**. Here it is on real handwritten digits, as small as it can be. Look at the data first, always.

# %% alt="Twenty handwritten digits in grey on black, each with its label above."
handwritten = mnist.load(DATA, train_limit=TRAIN_LIMIT, seed=SEED)
plots.image_grid(handwritten.x_train[:20], titles=handwritten.y_train[:20])
plt.show()

# %% [markdown]
# **Clean.** Here cleaning means form: each picture becomes one row of numbers. Their scale, 0 to
# 255, does not suit a network that starts with small weights; the model's first layer will divide by 255, where whoever
# uses the model later cannot forget it. **Split.** The test digits come as a separate set; we hold back a tenth of
# the training digits for validation and touch the test digits once, at the end. **Augment.** Not yet: chapter 3 does.

# %% tags=["nbval-check-output"]
def to_rows(images):
    return images.reshape(len(images), 784)  # (n, 28, 28) -> (n, 784)


digit_rows, test_rows = to_rows(handwritten.x_train), to_rows(handwritten.x_test)
held_back = len(digit_rows) // 10
x_digits, y_digits = digit_rows[held_back:], handwritten.y_train[held_back:]
x_held, y_held = digit_rows[:held_back], handwritten.y_train[:held_back]
for name, array in {"one picture": handwritten.x_train, "one row": x_digits}.items():
    print(f"{name}: {array[0].shape}, {array.dtype}, from {array.min()} to {array.max()}")

# %% [markdown]
# **A baseline first.** How far do we get without any network? Take the average picture of each digit, and give a new
# picture the label of the nearest average.

# %% alt="The average picture of each of the ten digits, blurred but readable."
centroids = np.stack([x_digits[y_digits == digit].mean(axis=0) for digit in range(10)])  # (10, 784)


def nearest_centroid(rows, centroids):
    distances = [((rows - mean) ** 2).sum(axis=1) for mean in centroids]  # ten times (n,)
    return np.argmin(distances, axis=0)  # (n,)


plots.image_grid(centroids.reshape(10, 28, 28), titles=range(10))
plt.show()
print(f"{len(x_digits)} digits to train, {len(x_held)} to validate, {len(test_rows)} to test")
print(f"nearest average: validation accuracy {np.mean(nearest_centroid(x_held, centroids) == y_held):.3f}")

# %% [markdown]
# **Design, train.** One hidden layer. The batch size and the number of epochs follow from how many digits there are,
# so that the small set gets enough steps too.

# %% alt="Training loss, dashed, and validation loss, solid, of the digits model over the epochs."
digits_model = keras.Sequential([
    keras.Input(shape=(784,)),
    layers.Rescaling(1 / 255),  # (batch, 784), from 0 to 1
    layers.Dense(128, activation="relu"),  # (batch, 128)
    layers.Dense(10),  # (batch, 10), logits
])
digits_model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.002),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
batch_size, epochs = (256, 4) if len(x_digits) > 10_000 else (32, 20)
history = digits_model.fit(
    x_digits, y_digits, validation_data=(x_held, y_held),
    batch_size=batch_size, epochs=1 if SMOKE else epochs, verbose=0, callbacks=training.progress(),
)
plots.loss_curves({"digits": history.history})
plt.show()

# %% [markdown]
# Does the validation loss still fall at the end, or does it rise? Which remedy of section 7 would you try?
#
# **Evaluate**, on digits that neither has seen, once. And look at the mistakes: they teach more than the score. How many
# of these would *you* have read?

# %% alt="Up to ten test digits that the network read wrongly, each titled with the true digit and what the network saw."
guesses = digits_model.predict(test_rows, verbose=0).argmax(axis=-1)
digits_accuracy = np.mean(guesses == handwritten.y_test)
wrong = np.flatnonzero(guesses != handwritten.y_test)[:10]
titles = [f"{true}, not {guess}" for true, guess in zip(handwritten.y_test[wrong], guesses[wrong])]
plots.image_grid(handwritten.x_test[wrong], titles)
plt.show()

baseline_accuracy = np.mean(nearest_centroid(test_rows, centroids) == handwritten.y_test)
print(f"test accuracy: nearest average {baseline_accuracy:.3f}, network {digits_accuracy:.3f}")
results.report(
    "01", seed=SEED, smoke=SMOKE, data=handwritten.provenance, digits_accuracy=digits_accuracy
)

# %% [markdown]
# **What we saw.** One hidden layer leaves the baseline far behind. Chapter 2 takes this network seriously; chapter 3 gives
# it eyes.
#
# ## 10. The map: what else is there?
#
# ### Six kinds of network
#
# - **Feed-forward** networks pass numbers from layer to layer, each unit seeing all units before it. Chapters 1 and 2.
# - **Convolutional** networks look through a small window that slides over a picture, with the same weights
#   everywhere. Chapters 3 and 8.
# - **Recurrent** networks read a sequence step by step and carry a memory along. Chapters 4 and 5.
# - **Adversarial** networks are two: a generator invents, a discriminator tries to tell invented from real. Each makes
#   the other better. Chapter 6.
# - **Transformers** let every position of a sequence look at every other at once, and learn where to look, at a cost that
#   grows with the square of the length. Chapter 7.
# - **State-space models** (S4, Mamba) also carry a memory along a sequence, but by a rule so simple that it can be
#   computed for all steps in parallel. Their cost grows with the length, not with its square.
#
# In the pictures x is the input, h what is computed on the way, y the output, G the generator and D the discriminator.

# %% alt="Six small diagrams. Feed-forward: all units of one layer joined to all of the next. Convolutional: each unit joined to its nearest neighbours. Recurrent: a chain of states, each fed by its input. Adversarial: generator to discriminator, which also sees real data. Transformer: every output joined to every input. State-space: a tree that joins neighbouring steps in pairs."
def row(letter, height, places=range(4)):
    return {f"{letter}{place}": (place, height) for place in places}


inputs, middle, outputs = row("x", 0), row("h", 1), row("y", 2)
ladder = [(f"x{i}", f"h{i}") for i in range(4)] + [(f"h{i}", f"y{i}") for i in range(4)]
chain = [(f"h{i}", f"h{i + 1}") for i in range(3)]
every = [(a, b) for a in inputs for b in middle] + [(a, b) for a in middle for b in ("y1", "y2")]
window = [(f"x{i + j}", f"h{i}") for i in range(4) for j in (-1, 0, 1) if 0 <= i + j < 4]
tree = {"h0": (0.5, 1), "h1": (2.5, 1), "h2": (1.5, 2)}
look = [(a, b) for a in inputs for b in outputs]
rivals = {"noise": (0, 0), "G": (1, 1), "real": (3, 0), "D": (2, 1), "real?": (2, 2.2)}
game = [("noise", "G"), ("G", "D"), ("real", "D"), ("D", "real?")]
pairs_joined = [("x0", "h0"), ("x1", "h0"), ("x2", "h1"), ("x3", "h1"), ("h0", "h2"), ("h1", "h2")]

figure, axes = plt.subplots(2, 3, figsize=(11, 6))
plots.diagram({**inputs, **middle, **row("y", 2, (1, 2))}, every, "feed-forward", axes[0, 0])
plots.diagram({**inputs, **middle}, window, "convolutional", axes[0, 1])
plots.diagram({**inputs, **middle, **outputs}, ladder + chain, "recurrent", axes[0, 2])
plots.diagram(rivals, game, "adversarial", axes[1, 0])
plots.diagram({**inputs, **outputs}, look, "Transformer", axes[1, 1])
plots.diagram({**inputs, **tree}, pairs_joined, "state-space: steps joined in pairs", axes[1, 2])
plt.show()

# %% [markdown]
# Recurrent and state-space networks are cousins. A recurrent step bends its state with an activation, so step 100 must
# wait for step 99. A state-space step is linear, and linear steps can be joined in pairs, and the pairs in pairs.
#
# ### Four ways to learn
#
# - **Supervised**: every example comes with its answer. Nearly all of this course.
# - **Unsupervised**: no answers, the structure of the data is all there is; here k-means finds two groups on its own.
# - **Semi-supervised**: a few answers and many examples without. The few spread along the shape of the many.
# - **Reinforcement**: no answers but rewards, often late. The learner acts, and finds out which actions were good.

# %% alt="Four panels. Supervised: half moons coloured by their labels. Unsupervised: the same points in two k-means groups that cut across the moons. Semi-supervised: four labelled points, the rest coloured along the moons. Reinforcement: a grid with the value of each cell, highest at the goal, and arrows along the best way."
clean_moons, clean_labels = make_moons(400, noise=0.1, random_state=SEED)
few_labels = np.full(len(clean_moons), -1)
for value in (0, 1):
    few_labels[np.flatnonzero(clean_labels == value)[:2]] = value
groups = KMeans(n_clusters=2, n_init=10, random_state=SEED).fit_predict(clean_moons)
spreading = LabelSpreading(kernel="rbf", gamma=50, alpha=0.99, max_iter=1000)
spread = spreading.fit(clean_moons, few_labels).transduction_

cell_values = np.zeros((4, 5))  # the reward waits at the top right; every step costs 0.1
for _ in range(30):
    around = np.pad(cell_values, 1, constant_values=-9)
    above, below, right, left = around[2:, 1:-1], around[:-2, 1:-1], around[1:-1, 2:], around[1:-1, :-2]
    neighbours = np.stack([above, below, right, left])  # (4, 4, 5)
    cell_values = neighbours.max(axis=0) - 0.1
    cell_values[3, 4] = 1.0
best_moves = np.array(["↑", "↓", "→", "←"])[neighbours.argmax(axis=0)]
best_moves[3, 4] = "★"

figure, axes = plt.subplots(1, 4, figsize=(14, 3.2))
colours = np.array(plots.PALETTE)
ways = {"supervised": clean_labels, "unsupervised": groups, "semi-supervised": spread}
for ax, (title, classes) in zip(axes, ways.items()):
    ax.scatter(*clean_moons.T, s=9, color=colours[classes])
    ax.set(title=title, xlabel="feature 1", ylabel="feature 2")
known = few_labels >= 0
axes[2].scatter(*clean_moons[known].T, s=160, marker="*", color=colours[few_labels[known]], edgecolor="black")
axes[3].imshow(cell_values, origin="lower", cmap="viridis")
for (up, across), value in np.ndenumerate(cell_values):
    shade = "white" if value < 0.8 else "black"
    axes[3].text(across, up, f"{value:.1f}\n{best_moves[up, across]}", ha="center", va="center", color=shade)
axes[3].set(title="reinforcement", xlabel="value of each place, best move", xticks=[], yticks=[])
axes[3].grid(False)
plt.show()
agreement = np.mean(groups == clean_labels)
print(f"agreement with the labels: k-means {max(agreement, 1 - agreement):.0%},", end=" ")
print(f"label spreading {np.mean(spread == clean_labels):.0%}")

# %% [markdown]
# Notice the middle ones: k-means cuts the moons across, because it knows distances, not shapes (and its colours are
# arbitrary, since it knows no names). Four labels, the stars, and the shape of the rest do better. In the last picture
# the values are computed from the known rules; a learner would have to find them by trying.
#
# ### Which chapter holds what
#
# | chapter | its question |
# |---|---|
# | 02 MLP on MNIST | can it read digits? |
# | 03 CNN | why look through a small window? |
# | 04 LSTM on IMDb | does word order matter? |
# | 05 stock LSTM | can it see tomorrow? |
# | 06 GAN | can it invent a digit? |
# | 07 BERT | what does attention attend to? |
# | 08 ResNet transfer | how do we build on others' work? |
# | A1 Keras tour | a place to look things up |
#
# ### Why TensorFlow through Keras?
#
# Keras says *what* a network is in few words, and the same words run on three engines. **TensorFlow** is the one
# that most Keras code in books and articles was written for, so that you can try here what you read elsewhere. **PyTorch** is what most research is written in; its training loops are explicit, as ours in section 5. **JAX**
# differentiates and compiles plain numpy-like functions. What you learn here (layers, losses, gradients, honest
# evaluation) is the same in all three.
#
# ## What to take with you
#
# 1. A neuron is a weighted sum; a layer is many; the activation between layers is what makes depth worth anything.
# 2. Learning is going downhill on the loss. Backpropagation is the chain rule, and you can check it.
# 3. Zero training loss proves nothing. Hold data back, and look there.
# 4. Before every network stands a baseline.
# 5. When training stalls, look at the gradients: vanished, dead, or a learning rate that does not fit?
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it. It tells you whether
# the answer is right, and if not, why.
#
# **Exercise 1 (easy).** Section 1 used 2 + 1 as the third example. Give another pair of small numbers that would have
# taught the neuron to add. Would any pair do? (Try yours, and larger ones, with `descend`.)

# %%
def third_example():
    ### BEGIN SOLUTION
    return 3.0, 1.0  # any pair whose first number is not 1
    ### END SOLUTION


# %%
check.third_example(third_example)

# %% [markdown]
# **Exercise 2 (medium).** Binary cross entropy straight from the logits: for a label of 1 it is $\log(1 + e^{-z})$, for
# a label of 0 it is $\log(1 + e^{z})$, and the loss is the mean. It must also survive $z = \pm 1000$. `np.logaddexp(a, b)` is
# $\log(e^a + e^b)$ without overflow.

# %%
def binary_cross_entropy(labels, logits):
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, logits) - labels * logits)
    ### END SOLUTION


# %%
check.binary_cross_entropy(binary_cross_entropy)

# %% [markdown]
# **Exercise 3 (makes you think).** What is the gradient of the mean softmax cross entropy with respect to the logits?
# Derive it on paper; the result is surprisingly short. `logits` has shape (n, classes), `labels` (n,) are integers, and
# the answer has the shape of `logits`.

# %%
def softmax_cross_entropy_gradient(labels, logits):
    ### BEGIN SOLUTION
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    one_hot = np.eye(logits.shape[1])[labels]
    return (probabilities - one_hot) / len(labels)
    ### END SOLUTION


# %%
check.softmax_cross_entropy_gradient(softmax_cross_entropy_gradient)

# %% [markdown]
# **Exercise 4 (open).** How few hidden units does `xor_model` need? Try 1, 2, 3 and 4, each with ten seeds, and draw how often it
# reaches all four corners. Two are enough on paper: are they enough in practice? There is no check; a good answer is a figure
# and two sentences. Add a cell below this one and begin.

# %% [markdown]
# ## Read on
#
# - F. Rosenblatt, *The perceptron*, Psychological Review 65, 1958: where it began.
# - D. Rumelhart, G. Hinton, R. Williams, *Learning representations by back-propagating errors*, Nature 323, 1986.
# - K. He et al., *Delving deep into rectifiers*, 2015: the initialization of section 3.
# - D. Kingma, J. Ba, *Adam: a method for stochastic optimization*, 2015: section 6.
# - M. Telgarsky, *Benefits of depth in neural networks*, 2016: the folds of section 2.
#
# **Next: chapter 02.** One hidden layer read most digits. How far can such a network go, and how do you find out honestly?
