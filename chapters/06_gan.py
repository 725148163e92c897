# %% [markdown]
# # 06 · GAN: can it invent a digit?
#
# **You build.** Networks that draw digits nobody ever wrote, the training step that most articles leave out, and
# scores that tell whether the drawings are any good.
#
# **Time.** Six to seven minutes for a machine with two CPU cores on the full MNIST, two to three on the bundled
# digits; an evening or two for you.
#
# **You need.** Chapters 01 to 03: dense and convolutional layers, cross entropy, logits, batch normalization. Section 9
# also uses an embedding (chapter 04).

# %%
from course_utils import device, plots, results, training, widgets
from course_utils.checks import chapter06 as check
from course_utils.datasets import mnist

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

import warnings
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
DATA = "auto"  # "auto", "full" or "bundled"
TRAIN_LIMIT: int | None = None  # how many training digits; None for all
SMOKE = False  # True cuts every training to seconds, to see that the code runs
GAN_STEPS = 1_400  # steps of the convolutional GAN on the full data
CONDITIONAL_STEPS = 1_400  # steps of the GAN that can be asked for a digit, on the full data

# %%
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1. Can you invent a digit by rolling dice?
#
# So far every network *answered*: which digit is this, what comes tomorrow. Now a network is to *invent*: out come 784
# pixels that look as if somebody had written a digit, and yet are no copy of any.
#
# We need three parts of the real digits. Networks learn from the first. The second, **held back**, is for looking at
# while we build. The third, the test digits, stays sealed until the very end.

# %%
digits = mnist.load(DATA, train_limit=900 if SMOKE else TRAIN_LIMIT, seed=SEED)
is_large = len(digits.x_train) > 10_000
held_back = len(digits.x_train) // (10 if is_large else 4)


def to_unit(images):
    return images[..., None].astype("float32") / 255  # (n, 28, 28, 1), 0 is background, 1 is ink


x_val, y_val = to_unit(digits.x_train[:held_back]), digits.y_train[:held_back]
x_fit, y_fit = to_unit(digits.x_train[held_back:]), digits.y_train[held_back:]
print(f"{len(x_fit)} digits to learn from, {len(x_val)} held back, {len(digits.x_test)} to test")

# %% [markdown]
# Before any network, dice. Three ways to roll 784 pixels, each knowing more about digits than the one before:
#
# 1. **random grey:** every grey is as likely as any other;
# 2. **shuffled:** each pixel takes its grey from *some* real digit, drawn anew for each pixel;
# 3. **Gaussian:** a normal distribution with the mean and the covariance of the real digits, so that each *pair* of
#    pixels goes together as it should.
#
# Which of them will look like digits? Guess, then look.

# %% alt="Four rows of eight pictures. Real digits; random grey; clouds of white dots in the middle; and from the Gaussian, blurred shapes of which some can be guessed as digits."
def shuffle_pixels(images, count, rng):
    rows = rng.integers(len(images), size=(count, 28, 28, 1))
    return np.take_along_axis(images, rows, axis=0)  # each pixel of another picture


def gaussian_digits(images, count, rng):
    flat = images.reshape(len(images), 784)
    values, directions = np.linalg.eigh(np.cov(flat.T))  # variances along the directions
    rolled = rng.normal(size=(count, 784)) * np.sqrt(np.maximum(values, 0))
    pixels = flat.mean(axis=0) + rolled @ directions.T
    return np.clip(pixels, 0, 1).reshape(count, 28, 28, 1).astype("float32")


num_dice = min(1_000, len(x_val) // 2)
dice = {
    "real": x_val[:num_dice],
    "random grey": rng.random((num_dice, 28, 28, 1), dtype="float32"),
    "shuffled": shuffle_pixels(x_fit, num_dice, rng),
    "Gaussian": gaussian_digits(x_fit[:10_000], num_dice, rng),
}


def tile(images, columns):
    rows = len(images) // columns
    kept = images[: rows * columns].reshape(rows, columns, 28, 28)
    return kept.swapaxes(1, 2).reshape(rows * 28, columns * 28)


def show_rows(ax, names, rows):
    ax.imshow(tile(np.concatenate(rows), len(rows[0])), vmin=0, vmax=1)
    ax.set_yticks(14 + 28 * np.arange(len(rows)), names)
    ax.set_xticks([])
    ax.grid(False)


_, ax = plt.subplots(figsize=(6, 3.2))
show_rows(ax, list(dice), [images[:8] for images in dice.values()])
plt.show()

# %% [markdown]
# **What we saw.** Random grey is no digit. Shuffled pixels are each right *alone*, and together nothing: no pixel knows
# of the others. With mean and covariance right, strokes appear, and now and then something like a digit. A digit is
# how *many* pixels agree at once, and nobody can write that down. So how could a network be told that its drawing
# is wrong?
#
# ## 2. Two players: who tells the network what a good drawing is?
#
# Another network does. Ian Goodfellow and others had the idea in 2014: a **generative adversarial network**, GAN.
#
# - The **generator** is a forger. It takes a few random numbers, the **noise**, and turns them into a sample.
# - The **discriminator** is a detective. It takes a sample, real or forged, and answers with one logit: above zero
#   means "real".
#
# The detective learns to tell the two apart: binary cross entropy with target 1 for real and 0 for forged samples. The
# forger learns to be taken for real: binary cross entropy with target 1 for *its own* samples. No sample is ever
# compared with a particular real one; all that the forger hears is how each number of its sample should change for the
# detective to believe it more.
#
# What does a detective say that *cannot* tell them apart? Probability one half, for everything. Then each cross
# entropy is $-\log \tfrac12 = \log 2$: the detective's loss, over real and forged, is $2 \log 2$, the forger's $\log 2$.
# Remember these two numbers.
#
# ### A game small enough to see
#
# Before digits, samples of two numbers each: points on a ring, in eight heaps.

# %% alt="Points of the plane in eight small round heaps, evenly on a circle of radius two."
def ring_points(count, rng):
    angles = 2 * np.pi * rng.integers(8, size=count) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (centres + 0.1 * rng.normal(size=(count, 2))).astype("float32")  # (count, 2)


ring = ring_points(20_000, rng)
_, ax = plt.subplots(figsize=(3.4, 3.4))
ax.scatter(*ring[:2_000].T, s=2, color="0.4")
ax.set(xlabel="first number", ylabel="second number", aspect="equal")
plt.show()

# %% [markdown]
# Now the step that articles leave out. It is the heart of this chapter, and we will not change a line of it when we
# come to digits. Read it slowly: **which** variables does each gradient belong to? (Leave `real_target` at 1 for now;
# section 5 changes it.)

# %%
def make_step(generator, discriminator, optimizers, real_target=1.0):
    generator_optimizer, discriminator_optimizer = optimizers
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    noise_size = generator.input_shape[-1]

    @tf.function  # compiled once, at the first call
    def step(real):
        noise = tf.random.normal((tf.shape(real)[0], noise_size))

        # The detective's turn.
        fake = generator(noise, training=True)  # outside the tape: it is not its turn
        with tf.GradientTape() as tape:
            real_logits = discriminator(real, training=True)  # (batch, 1)
            fake_logits = discriminator(fake, training=True)
            discriminator_loss = cross_entropy(
                real_target * tf.ones_like(real_logits), real_logits
            ) + cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        gradients = tape.gradient(discriminator_loss, discriminator.trainable_variables)
        discriminator_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables))

        # The forger's turn.
        with tf.GradientTape() as tape:
            fake_logits = discriminator(generator(noise, training=True), training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
        gradients = tape.gradient(generator_loss, generator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables))
        return discriminator_loss, generator_loss

    return step

# %% [markdown]
# Two turns, each with a tape, a loss and an optimizer of its own. In its turn, the generator's gradient runs *through*
# the discriminator, which is how the forger learns what the detective looks at, but it moves the generator's trainable
# weights alone. If it moved the discriminator's as well, the detective would be trained to believe forgeries.
#
# A training is this step, again and again, on random handfuls of real samples. A few times on the way we `look`. In
# the lines that are printed then, D is the discriminator and G the generator.

# %%
def batches_of(batch_size, rng, *arrays):
    while True:
        rows = rng.integers(len(arrays[0]), size=batch_size)
        yield [array[rows] for array in arrays]


def train(step, batches, num_steps, look, draw=None, num_looks=10):
    losses = []

    def measure(number):
        recent = np.mean(losses[-50:], axis=0)
        return {"loss of D": recent[0], "loss of G": recent[1], **look(number)}

    for _ in training.steps(num_steps, max(1, num_steps // num_looks), measure, draw):
        losses.append([float(loss) for loss in step(*next(batches))])
    return np.array(losses)  # (num_steps, 2): discriminator, generator

# %% [markdown]
# The noise here has two numbers, so that we can see what happens to it. How good are the points? Count the heaps that
# get at least one in a hundred of the generator's points, and the share of all points that lie on a heap.

# %%
def count_heaps(points):
    angles = 2 * np.pi * np.arange(8) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (8, 2)
    distances = np.linalg.norm(points[:, None] - centres, axis=-1)  # (n, 8)
    on_a_heap = distances.min(axis=1) < 0.3  # three standard deviations
    counts = np.bincount(distances.argmin(axis=1)[on_a_heap], minlength=8)
    return int(np.sum(counts >= 0.01 * len(points))), float(np.mean(on_a_heap))


def train_ring(generator_rate, discriminator_rate, num_steps, rng):
    generator = keras.Sequential([
        keras.Input(shape=(2,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(2),
    ])
    discriminator = keras.Sequential([
        keras.Input(shape=(2,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),  # (batch, 1), a logit
    ])
    optimizers = [
        keras.optimizers.Adam(rate, beta_1=0.5) for rate in (generator_rate, discriminator_rate)
    ]
    noise = rng.normal(size=(1_000, 2)).astype("float32")
    seen = {}  # {step: points}

    def look(number):
        seen[number] = generator(noise).numpy()
        heaps, share = count_heaps(seen[number])
        return {"heaps": heaps, "share": share}

    step = make_step(generator, discriminator, optimizers)
    batches = batches_of(256, rng, ring_points(20_000, rng))
    losses = train(step, batches, num_steps, look)
    return noise, losses, seen


ring_steps = 50 if SMOKE else 2_500
noise, healthy_losses, healthy = train_ring(2e-3, 2e-3, ring_steps, rng)

# %% [markdown]
# **Now one change:** the detective learns ten times more slowly. The forger has an easier life. Does that make its
# points better? Decide before you run the cell.

# %%
_, collapsed_losses, collapsed = train_ring(2e-3, 2e-4, ring_steps, rng)

# %% alt="Two rows of five scatter plots of generated points over the grey ring of eight heaps. Above, the points lie on the heaps, and a few on the lines between them. Below, they lie in one smear that covers few heaps or none, at a changing place, partly outside the picture."
_, axes = plt.subplots(2, 5, figsize=(11, 5.2), sharex=True, sharey=True)
for row, (name, seen) in enumerate({"same rate": healthy, "slow detective": collapsed}.items()):
    for ax, number in zip(axes[row], list(seen)[1::2], strict=True):
        ax.scatter(*ring[:800].T, s=2, color="0.8")
        ax.scatter(*seen[number].T, s=3, color=plots.PALETTE[row])
        heaps, share = count_heaps(seen[number])
        ax.set_title(f"step {number}: {heaps} heaps,\n{share:.0%} of the points on them", fontsize=10)
        ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    axes[row, 0].set_ylabel(name)
plt.show()

# %% [markdown]
# **What we saw.** Above, a healthy game: the points find the heaps, and soon only a few lie between them. Below, the
# forger puts nearly everything into one region, wherever the detective is weakest at the moment. By the time
# the detective has learned to distrust it, the crowd has run on to another, and so on. One or two heaps at a time, or
# none on the way, and the others missed: this is called **mode collapse**, after the *modes*, the heaps of the data. No
# loss asks the forger to be diverse; only a detective that is quick enough makes it pay.
#
# Which of the two trainings is the healthy one? Here are their losses, and we keep the names to ourselves.

# %% alt="Two panels of losses over the steps, discriminator left and generator right, each with two curves named A and B and a dotted line for a discriminator that cannot tell. Both curves waver about the dotted line or near it, one far more than the other."
def smooth(values, width=50):
    means = np.convolve(values, np.ones(width) / width, mode="valid")
    return np.arange(width, len(values) + 1), means  # steps, and the mean of the last ones at each


_, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for player, (ax, goal) in enumerate(zip(axes, (2 * np.log(2), np.log(2)), strict=True)):
    for name, losses, colour in (("A", collapsed_losses, "0.2"), ("B", healthy_losses, "0.6")):
        ax.plot(*smooth(losses[:, player]), colour, label=name)
    ax.axhline(goal, color="black", linestyle=":", label="cannot tell")
    ax.set(xlabel="step", ylabel=f"loss of the {('discriminator', 'generator')[player]}")
axes[0].legend()
plt.show()

# %% [markdown]
# (The code has the answer.) Both end near the value of a detective that cannot tell: one because the forgeries are
# good, the other because the detective is slow. The calmer one is the healthy one; but calm proves nothing either,
# and the *height*, at which everybody looks, is nearly the same. **A GAN's loss says how evenly matched the players
# are. It does not say how good the samples are.** Whoever shows you a falling generator loss as a proof of quality
# has proved nothing: section 10 has a splendid one, and no digit.
#
# Where does the ring come from? Colour each point of noise by its direction, and follow the colours.

# %% alt="Left, a round cloud of noise coloured by direction like a colour wheel. Right, the generated points in the same colours on the heaps: neighbouring heaps have neighbouring colours."
directions = np.arctan2(noise[:, 1], noise[:, 0])
_, axes = plt.subplots(1, 2, figsize=(7.5, 3.6))
for ax, points in zip(axes, (noise, healthy[ring_steps]), strict=True):
    ax.scatter(*points.T, s=4, c=directions, cmap="twilight")
    ax.set(aspect="equal")
axes[0].set(xlabel="first number of noise", ylabel="second number of noise")
axes[1].set(xlabel="first number of the sample", ylabel="second number of the sample")
plt.show()
last_looks = [count_heaps(points) for points in healthy.values()][-5:]
ring_heaps, ring_share = np.median(last_looks, axis=0)
results.report(
    "06", seed=SEED, smoke=SMOKE, ring_heaps=ring_heaps, ring_share=ring_share,
    collapsed_heaps=np.mean([count_heaps(points)[0] for points in collapsed.values()]),
)

# %% [markdown]
# (*ring_heaps* and *ring_share* are medians of the last five looks, *collapsed_heaps* is the mean of all: even a
# healthy game may lose a heap for a moment.)
#
# The generator is nothing but a map: it bends and stretches the round cloud until it lies on the heaps. What lies
# together in the noise mostly lands together, and where the map leaps from heap to heap, a few points are
# stretched across the gap. Keep this picture in mind for section 8.
#
# ## 3. The same step, on digits: is it any good?
#
# This network stands in many articles. The generator: 100 numbers of noise, 128 units, 784 pixels by a sigmoid. The
# discriminator: 784 pixels, 128 units, one logit (the articles write a sigmoid there; with logits, the cross entropy is
# the same and never overflows).

# %% tags=["nbval-check-output"]
NOISE_SIZE = 100


def build_dense_pair():
    generator = keras.Sequential([
        keras.Input(shape=(NOISE_SIZE,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(784, activation="sigmoid"),  # each pixel from 0 to 1
        layers.Reshape((28, 28, 1)),
    ])
    discriminator = keras.Sequential([
        keras.Input(shape=(28, 28, 1)),
        layers.Flatten(),  # (batch, 784)
        layers.Dense(128, activation="relu"),
        layers.Dense(1),  # (batch, 1), a logit
    ])
    return generator, discriminator


for name, player in zip(("generator", "discriminator"), build_dense_pair(), strict=True):
    print(f"{name} {player.count_params():,} parameters")

# %% [markdown]
# The articles compile with `optimizer="adam"`: Keras's defaults. We give the generator the same forty points of noise
# at every look, so that we see each drawing grow up.

# %% alt="Forty drawings of the dense generator in five rows, grainy: clouds of dots in the middle of each picture, or digits with frayed edges."
fixed_noise = rng.normal(size=(40, NOISE_SIZE)).astype("float32")
dense_steps = 20 if SMOKE else 3_000 if is_large else 1_000


def draw_sheet(images):
    figure, ax = plt.subplots(figsize=(5, 3.2))
    ax.imshow(tile(images, 8), vmin=0, vmax=1)
    ax.axis("off")
    return figure


hasty_generator, hasty_discriminator = build_dense_pair()
hasty_step = make_step(
    hasty_generator, hasty_discriminator, (keras.optimizers.Adam(), keras.optimizers.Adam())
)
hasty_losses = train(
    hasty_step, batches_of(128, rng, x_fit), dense_steps,
    look=lambda number: {}, draw=lambda: draw_sheet(hasty_generator(fixed_noise).numpy()),
)

# %% [markdown]
# Now **one change**. Keras's Adam has $\beta_1 = 0.9$: its momentum (chapter 01) keeps nine tenths of the direction of
# the steps before. That served us well in every chapter so far. But here the ground moves: each player's best
# direction changes with every step of the other. The ring's players had 0.5. Will that matter on digits?

# %% alt="Forty drawings of the dense generator after training with less momentum, in five rows: many can be read as digits, with grainy edges."
dense_generator, dense_discriminator = build_dense_pair()
dense_step = make_step(
    dense_generator, dense_discriminator, [keras.optimizers.Adam(beta_1=0.5) for _ in range(2)]
)
dense_losses = train(
    dense_step, batches_of(128, rng, x_fit), dense_steps,
    look=lambda number: {}, draw=lambda: draw_sheet(dense_generator(fixed_noise).numpy()),
)

# %% [markdown]
# **What we saw.** Digits, out of nothing but a detective's doubts; grainy ones. Compare the two sheets, and the losses of
# the discriminator: in which training does it win more clearly? And which sheet is better? By how much, and are all ten
# digits on it? We need to measure.
#
# ## 4. How good are they? Let a reader judge
#
# First a judge: a small convolutional network that reads digits. It never sees a forgery while it learns. How often is
# the judge itself right? Look at its validation accuracy.

# %%
judge = keras.Sequential([
    keras.Input(shape=(28, 28, 1)),
    layers.Conv2D(16, 3, activation="relu"),  # (batch, 26, 26, 16)
    layers.MaxPooling2D(),  # (batch, 13, 13, 16)
    layers.Conv2D(32, 3, activation="relu"),  # (batch, 11, 11, 32)
    layers.MaxPooling2D(),  # (batch, 5, 5, 32)
    layers.Flatten(),  # (batch, 800)
    layers.Dense(32, activation="relu", name="features"),
    layers.Dense(10),  # (batch, 10), logits
])
judge.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
judge_batch, judge_epochs = (128, 2) if is_large else (32, 12)
judge.fit(
    x_fit, y_fit, validation_data=(x_val, y_val), batch_size=judge_batch,
    epochs=1 if SMOKE else judge_epochs, verbose=0, callbacks=training.progress(),
)
reader = keras.Model(judge.inputs[0], [judge.get_layer("features").output, *judge.outputs])


def read(reader, images):
    parts = np.array_split(images, -(-len(images) // 1_000))  # a thousand at a time, to spare memory
    answers = [reader(part) for part in parts]
    features, logits = (np.concatenate([answer[side] for answer in answers]) for side in (0, 1))
    return features, np.asarray(keras.ops.softmax(logits))  # (n, 32), (n, 10)

# %% [markdown]
# Now four numbers, a few lines each.
#
# **Score.** A good drawing is read with certainty: its ten probabilities $p(y \mid x)$ are nearly 0 and 1. A good
# *collection* has all digits: the average $p(y)$ is flat. How far the first is from the second (the *Kullback-Leibler
# divergence*), averaged over the samples, is large when both are so:
#
# $$\text{score} = \exp\Big(\text{mean}_x \sum_y p(y \mid x)\,\log\frac{p(y \mid x)}{p(y)}\Big)$$
#
# It runs from 1 to 10, the number of classes. With a network for photographs as its judge it is known as the
# **inception score**.
#
# **Shares.** How often is each digit drawn? A smallest share near 0 shows that one is missing.
#
# **Fréchet distance.** The score never looks at real digits. So take the judge's 32 *features* (the outputs of its
# last hidden layer) of real and of drawn digits, and compare the mean $m$ and the covariance $C$ of both; 0 (it is
# squared, as is usual) would be the same:
#
# $$d^2 = \lVert m_1 - m_2 \rVert^2 + \text{trace}\big(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\big)$$
#
# **Nearest.** A machine that copies its training digits would be perfect by all of these. So search, for each
# drawing, the nearest training digit, pixel by pixel. How near is too near? Unseen real digits tell: divide by
# *their* distance.

# %%
def inception_score(probabilities):
    mean = probabilities.mean(axis=0)  # (10,)
    tiny = 1e-12  # log 0
    terms = probabilities * (np.log(probabilities + tiny) - np.log(mean + tiny))
    return float(np.exp(terms.sum(axis=1).mean()))


def class_shares(probabilities):
    return np.bincount(probabilities.argmax(axis=1), minlength=10) / len(probabilities)


def frechet_distance(features, others):
    difference = features.mean(axis=0) - others.mean(axis=0)
    covariance, other = np.cov(features.T), np.cov(others.T)
    # The trace of a root is the sum of the roots of the eigenvalues; rounding may make some negative.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariance @ other).real, 0))
    return float(difference @ difference + np.trace(covariance + other) - 2 * roots.sum())


def nearest(images, references):
    flat, others = images.reshape(len(images), -1), references.reshape(len(references), -1)
    lengths = np.einsum("ij,ij->i", others, others)  # squared; that of flat is the same for all
    closest = (lengths - 2 * flat @ others.T).argmin(axis=1)
    return closest, np.linalg.norm(flat - others[closest], axis=1)  # both (n,)

# %% [markdown]
# Can we trust four numbers that we have just made up? Only after they have given the right answer where we know it. Which
# of the four should expose each of these, and which should be fooled? (The dense GANs follow at the end of the table.)
#
# - real digits that were held back (not those that serve as the yardstick);
# - random grey, shuffled pixels and the Gaussian's shapes, from section 1;
# - one real digit, a thousand times over;
# - training digits, copied with a little noise on top;
# - the same copies, moved to the right by one pixel.

# %%
class Yardstick(NamedTuple):
    reader: keras.Model
    features: np.ndarray  # (n, 32), of held-back digits that are not among those to be judged
    x_fit: np.ndarray
    typical_distance: float  # of a held-back digit to its nearest training digit


class Scores(NamedTuple):
    score: float
    smallest_share: float
    frechet: float
    nearest: float


def scores_of(images, yard):
    features, probabilities = read(yard.reader, images)
    distances = nearest(images[:300], yard.x_fit)[1]
    return Scores(
        inception_score(probabilities),
        class_shares(probabilities).min(),
        frechet_distance(features, yard.features),
        np.median(distances) / yard.typical_distance,
    )


def print_scores(rows):
    print(f"{'':26s}{'score':>7s}{'smallest share':>16s}{'Fréchet':>9s}{'nearest':>9s}")
    for name, row in rows.items():
        print(f"{name:26s}{row.score:7.2f}{row.smallest_share:16.3f}", end="")
        print(f"{row.frechet:9.1f}{row.nearest:9.2f}")


x_yard = x_val[num_dice:]
unseen_nearest, unseen_distances = nearest(x_yard[:300], x_fit)
yard = Yardstick(reader, read(reader, x_yard)[0], x_fit, np.median(unseen_distances))
copies = x_fit[rng.integers(len(x_fit), size=1_000)]
copies = np.clip(copies + rng.normal(0, 0.02, copies.shape), 0, 1).astype("float32")
some_noise = rng.normal(size=(1_000, NOISE_SIZE)).astype("float32")
cases = {
    **dice,
    "one digit, again and again": np.repeat(x_val[:1], 1_000, axis=0),
    "copies": copies,
    "copies, moved by a pixel": np.roll(copies, 1, axis=2),
    "dense GAN, momentum 0.9": hasty_generator(some_noise).numpy(),
    "dense GAN, momentum 0.5": dense_generator(some_noise).numpy(),
}
known = {name: scores_of(images, yard) for name, images in cases.items()}
print_scores(known)
results.report(
    "06", seed=SEED, data=digits.provenance, smoke=SMOKE,
    real_score=known["real"].score, grey_score=known["random grey"].score,
    repeated_score=known["one digit, again and again"].score,
    copies_nearest=known["copies"].nearest, dense_score=known["dense GAN, momentum 0.5"].score,
)

# %% [markdown]
# **What we saw.** Go through the columns. The *score* is high for real digits, low for random grey and shuffled
# pixels, and exactly 1 for one digit again and again: in all three, the judge gives nearly the same answer to every
# picture. (The Gaussian does better than the other dice: some of its shapes remind the judge of digits.) It is blind
# to copies. The *smallest share* tells when a digit is missing. The *Fréchet distance* is small for real digits, and
# for copies, which are real digits after all; it is never 0, since two sets of real digits differ as well, the more
# so the fewer they are. (Compare such distances under one judge and one yardstick only.) *Nearest* alone finds the
# copies: far below 1. But move them by one pixel, and it, too, is fooled: to a distance between pixels, a shifted
# digit is another digit.
#
# So a value far below 1, with all digits in the shares, is a strong hint of copying. (A machine that draws nothing
# but ones would come out low as well: ones lie close together.) A value near 1 says only that nothing was copied
# pixel by pixel; far above 1, the drawings are, pixel by pixel, unlike any training digit. Whoever looks at one
# number alone will be fooled by something.
#
# And the two dense GANs, one run each? Are they ahead of the dice, in every column? How much did less momentum bring?
#
# ## 5. Convolutions: what does each trick bring?
#
# In 2015 Alec Radford, Luke Metz and Soumith Chintala found a recipe that made convolutional GANs train: **DCGAN**.
# `Conv2DTranspose` is the convolution of chapter 03 turned round: each number of a small picture paints a patch of a
# larger one, and with `strides=2` the picture doubles its side. The discriminator goes the other way. Around that,
# five tricks:
#
# - **tanh:** pictures from -1 to 1; at its steepest, tanh is four times as steep as the sigmoid, and the gradient passes
#   more easily;
# - **LeakyReLU:** below zero a slope of 0.2 in place of nothing, so that the generator hears something from every unit
#   of the discriminator (we put it into both; the paper has ReLU in the generator);
# - **batch normalization** in both;
# - **label smoothing** (it came a little later, by Tim Salimans and others): the target of real digits is 0.9, so that
#   the detective never grows too sure. With it, a detective that cannot tell says 0.45, and $2 \log 2$ is no longer the
#   mark;
# - **Adam with $\beta_1 = 0.5$**, as you know by now.
#
# Each can be switched off here.

# %%
class Recipe(NamedTuple):
    signed: bool = True  # pictures from -1 to 1 and tanh; else 0 to 1 and sigmoid
    slope: float = 0.2  # of LeakyReLU below zero; 0 is ReLU
    norm: bool = True  # batch normalization
    real_target: float = 0.9  # 1.0 is no smoothing
    beta_1: float = 0.5  # of Adam; Keras's default is 0.9


def bend(recipe):
    # Its averages, by which we judge, must keep up with a short training: 0.99 is the default.
    norm = [layers.BatchNormalization(momentum=0.9)] if recipe.norm else []
    return [*norm, layers.LeakyReLU(negative_slope=recipe.slope)]


def build_generator(width, recipe):
    return keras.Sequential([
        keras.Input(shape=(NOISE_SIZE,)),
        layers.Dense(7 * 7 * 2 * width),
        *bend(recipe),
        layers.Reshape((7, 7, 2 * width)),  # (batch, 7, 7, 2 width)
        layers.Conv2DTranspose(width, 5, strides=2, padding="same"),  # (batch, 14, 14, width)
        *bend(recipe),
        layers.Conv2DTranspose(1, 5, strides=2, padding="same"),  # (batch, 28, 28, 1)
        layers.Activation("tanh" if recipe.signed else "sigmoid"),
    ])


def build_discriminator(width, recipe):
    return keras.Sequential([
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(width, 5, strides=2, padding="same"),  # (batch, 14, 14, width)
        layers.LeakyReLU(negative_slope=recipe.slope),
        layers.Conv2D(2 * width, 5, strides=2, padding="same", use_bias=False),  # (batch, 7, 7, 2 width)
        *bend(recipe),  # the normalization has a bias
        layers.Flatten(),
        layers.Dense(1),  # (batch, 1), a logit
    ])

# %% [markdown]
# Which of the five matters most? We leave out one at a time, in small networks and for few steps, and let the judge
# decide. How much is luck? To get an idea, the whole recipe runs three times, from three starts.
# (Without its normalization, the discriminator's second layer goes without a bias as well.)

# %%
def draw_digits(generator, noise, signed=True):
    drawn = generator(noise).numpy()  # training=False: the averages of batch normalization
    return (drawn + 1) / 2 if signed else drawn  # always from 0 to 1


def train_small(recipe, batches, num_steps, rng):
    generator, discriminator = build_generator(16, recipe), build_discriminator(16, recipe)
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=recipe.beta_1) for _ in range(2)]
    step = make_step(generator, discriminator, optimizers, recipe.real_target)
    for _ in range(num_steps):
        step(*next(batches))
    return draw_digits(generator, rng.normal(size=(500, NOISE_SIZE)), recipe.signed)


trials = {
    "whole recipe": Recipe(),
    "whole recipe, again": Recipe(),
    "and once more": Recipe(),
    "sigmoid, not tanh": Recipe(signed=False),
    "ReLU, not LeakyReLU": Recipe(slope=0.0),
    "no batch normalization": Recipe(norm=False),
    "no label smoothing": Recipe(real_target=1.0),
    "Adam with 0.9, not 0.5": Recipe(beta_1=0.9),
}
small_steps = 3 if SMOKE else 300 if is_large else 150
batch_size = 128 if is_large else 64
x_signed = 2 * x_fit - 1
for name, trial in trials.items():
    batches = batches_of(batch_size, rng, x_signed if trial.signed else x_fit)
    drawn = train_small(trial, batches, small_steps, rng)
    features, answers = read(reader, drawn)
    print(f"{name:24s} score {inception_score(answers):5.2f}", end="  ")
    print(f"Fréchet distance {frechet_distance(features, yard.features):6.1f}")

# %% [markdown]
# **What we saw.** Compare each line with the spread of the first three, which is luck alone; three runs only hint at
# it. A trick whose line lies within that spread has shown nothing *here*. In the runs that we know, going back to
# Adam's default momentum gave the largest Fréchet distance, on many digits as on few. This trial sees only the first
# steps of small networks: it tells what helps early. We keep all five, for a modest reason: one run of each cannot
# show that any of them hurts, and they are cheap. That is no proof that they help.
#
# ## 6. The real training: which curve tells that it gets better?
#
# The same recipe, twice as wide, and for longer. At each look, the judge scores some drawings, and we keep a sheet from
# the same forty points of noise.

# %%
def make_look(generator, yard, frames, distances):
    def look(number):
        frames.append(tile(draw_digits(generator, fixed_noise), 8))
        features, answers = read(yard.reader, draw_digits(generator, watch_noise))
        distances[number] = frechet_distance(features, yard.features)
        return {"score": inception_score(answers), "Fréchet": distances[number]}

    return look


# %% alt="Forty drawings of the convolutional generator in five rows: many can be read as digits, with smooth strokes; others are blots or no digit."
watch_noise = rng.normal(size=(1_000, NOISE_SIZE)).astype("float32")
recipe = Recipe()
generator, discriminator = build_generator(32, recipe), build_discriminator(32, recipe)
print(f"generator {generator.count_params():,}, discriminator {discriminator.count_params():,} parameters")
rate = 1e-3 if is_large else 5e-4  # a few digits are soon known by heart: go slowly
gan_optimizers = [keras.optimizers.Adam(rate, beta_1=recipe.beta_1) for _ in range(2)]
frames = [tile(draw_digits(generator, fixed_noise), 8)]  # before the first step
watched = {}  # {step: Fréchet distance}
gan_steps = 10 if SMOKE else GAN_STEPS if is_large else 500
gan_losses = train(
    make_step(generator, discriminator, gan_optimizers, recipe.real_target),
    batches_of(batch_size, rng, x_signed), gan_steps, make_look(generator, yard, frames, watched),
    draw=lambda: draw_sheet(draw_digits(generator, fixed_noise)), num_looks=20,
)

# %% alt="Two panels over the steps. Left, the losses of both players, which after a restless start stay within a band, with bumps. Right, on a logarithmic scale, the Fréchet distance falls steeply and then slowly, with some setbacks."
_, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for player, name in enumerate(("discriminator", "generator")):
    axes[0].plot(*smooth(gan_losses[:, player], min(50, gan_steps)), label=name)
axes[0].set(xlabel="step", ylabel="loss")
axes[0].legend()
axes[1].semilogy(list(watched), list(watched.values()), "o-")
axes[1].set(xlabel="step", ylabel="Fréchet distance to held-back digits")
plt.show()

# %% [markdown]
# **What we saw.** After the start, the losses hardly say anything about the drawings; the generator's may even *rise*
# while they get better. The Fréchet distance tells you that they do, fast at first and slowly in the end, with
# setbacks on the way: a game is no descent, and the last step need not be the best one.
#
# ### From fog to digits
#
# The same forty points of noise, look by look. When do strokes appear, and when digits? Does a drawing stay the same
# digit from then on?

# %% alt="A moving picture of forty drawings: grey fog turns into blobs, the blobs into strokes, the strokes into digits, some of which change into another digit later."
film = plots.animation(frames)
print(f"{len(frames)} pictures, {len(film.data) / 1_000:.0f} kB")
film

# %% [markdown]
# ## 7. Did it learn to draw, or did it learn by heart?
#
# A generator that copies would have splendid scores. Here are some drawings, each above its nearest training digit;
# and for comparison, held-back real digits above *their* nearest. What would you expect to see if it had copied?

# %% alt="Left, two blocks of picture pairs: drawings above their nearest training digits, and held-back real digits above theirs. In both, most pairs are alike in shape but not the same. Right, two histograms of the distances to the nearest training digit, for drawings and for held-back digits: those of the drawings are on the whole no smaller."
gan_drawn = draw_digits(generator, watch_noise)[:300]
drawn_nearest, drawn_distances = nearest(gan_drawn, x_fit)
pairs = [gan_drawn[:9], x_fit[drawn_nearest[:9]], x_yard[:9], x_fit[unseen_nearest[:9]]]
_, axes = plt.subplots(1, 2, figsize=(11, 3.2), width_ratios=(2, 1.2))
show_rows(axes[0], ["drawn", "nearest", "held back", "nearest"], pairs)
bins = np.linspace(0, max(drawn_distances.max(), unseen_distances.max()), 25)
axes[1].hist(drawn_distances, bins, alpha=0.6, label="drawn")
axes[1].hist(unseen_distances, bins, alpha=0.6, label="held back")
axes[1].set(xlabel="distance to the nearest training digit", ylabel="digits")
axes[1].legend()
plt.show()

# %% [markdown]
# **What we saw.** Most drawings have a relative among the training digits, as real digits have. A copier's histogram
# would be a tower at the left end. Section 4 showed the limit of this test: it says that no pixels were copied, not
# that nothing was. Are the drawings even *farther* away than real digits? Then no pixels were copied; but remember
# that the copies moved by a pixel were farther away, too.
#
# Now, and only now, the test digits. Everything so far looked at the held-back ones. And the table of
# section 4 once more: how far did we get, from the dice to the real ones?

# %%
x_test = to_unit(digits.x_test[:2_000])
final = draw_digits(generator, rng.normal(size=(2_000, NOISE_SIZE)).astype("float32"))
final_features, final_answers = read(reader, final)
test_features, test_answers = read(reader, x_test)
test_distances, final_distances = (nearest(some[:300], x_fit)[1] for some in (x_test, final))
first_look, *other_looks = watched.values()
final_frechet = frechet_distance(final_features, test_features)
real_frechet = frechet_distance(yard.features, test_features)
compared = {name: known[name] for name in ("real", "Gaussian", "dense GAN, momentum 0.5")}
print_scores({**compared, "DCGAN": scores_of(final, yard)})
print(f"score of the real test digits {inception_score(test_answers):.2f}")
print(f"Fréchet distance to them: held-back digits {real_frechet:.1f}, DCGAN {final_frechet:.1f}")
print("share of each digit:", *(f"{share:.3f}" for share in class_shares(final_answers)))
results.report(
    "06", seed=SEED, data=digits.provenance, smoke=SMOKE,
    gan_score=inception_score(final_answers),
    smallest_share=class_shares(final_answers).min(),
    frechet_left=np.median(other_looks[-5:]) / first_look, frechet=final_frechet,
    nearest_ratio=np.median(final_distances) / np.median(test_distances), gan_steps=gan_steps,
)

# %% [markdown]
# (*frechet_left* is the median of the last five looks' Fréchet distances in section 6, divided by that of the first look;
# *nearest_ratio* is *nearest*, with test digits as the yardstick.)
#
# **What we saw.** In which columns does the DCGAN lie between the Gaussian and the real digits? The first row, and not
# 0 or 10, is what a perfect forger would reach.
#
# ## 8. What lies between two drawings?
#
# The ring's generator was a map from a plane. This one is a map from a space of 100 directions, its **latent space**.
# Walk in it from one point to another, and look at the drawings on the way. The straight line is what everybody tries
# first:
#
# $$z(t) = (1 - t)\, z_0 + t\, z_1$$
#
# But look where it leads. Random points of 100 normal numbers all have nearly the same length, about $\sqrt{100}$: they
# live on a shell. What is the length half-way, when $z_0$ and $z_1$ have nothing to do with each other? On the
# **great circle** between them, the length stays. Exercise 2 has its formula; here is a plain way to walk it: go straight,
# and then stretch each point to the length in between.

# %%
def walk(start, end, shares, straight):
    shares = np.asarray(shares)[:, None]
    points = (1 - shares) * start + shares * end  # (steps, 100)
    if straight:
        return points.astype("float32")
    lengths = (1 - shares) * np.linalg.norm(start) + shares * np.linalg.norm(end)
    on_shell = points / np.linalg.norm(points, axis=1, keepdims=True) * lengths
    return on_shell.astype("float32")


# %% alt="Left, four rows of nine pictures: two pairs of drawings, and between each pair a walk by the straight line and one by the great circle. Right, the length of the noise along both walks: the straight line dips below the band where random noise has its lengths, the great circle goes evenly from the length of one end to that of the other."
shares = np.linspace(0, 1, 9)
ends = watch_noise[[0, 1, 2, 3]]
walks = [
    walk(ends[first], ends[first + 1], shares, straight)
    for first in (0, 2) for straight in (True, False)
]
_, axes = plt.subplots(1, 2, figsize=(11, 3.2), width_ratios=(2, 1.2))
drawn_walks = [draw_digits(generator, points) for points in walks]
show_rows(axes[0], ["straight", "circle", "straight", "circle"], drawn_walks)
band = np.percentile(np.linalg.norm(watch_noise, axis=1), [1, 99])
axes[1].axhspan(*band, color="0.85", label="98 % of all noise")
for points, name, marker in ((walks[0], "straight", "o-"), (walks[1], "circle", "s-")):
    axes[1].plot(shares, np.linalg.norm(points, axis=1), marker, label=name)
axes[1].set(xlabel="share of the way", ylabel="length of the noise", ylim=(0, None))
axes[1].legend(loc="lower right")
plt.show()

# %% [markdown]
# Half-way, the straight line passes through a region that no random point ever comes from: the generator was never
# trained there. Do its drawings show it? Judge many walks instead of two.

# %%
starts, stops = watch_noise[:250], watch_noise[250:500]
for name, straight in (("straight", True), ("circle", False)):
    middles = np.concatenate([
        walk(start, stop, [0.5], straight) for start, stop in zip(starts, stops, strict=True)
    ])
    features, answers = read(reader, draw_digits(generator, middles))
    print(f"half-way by {name:9s} certainty of the judge {answers.max(axis=1).mean():.3f}", end="  ")
    print(f"Fréchet distance {frechet_distance(features, yard.features):6.1f}")
features, answers = read(reader, draw_digits(generator, starts))
print(f"{'random noise':21s} certainty of the judge {answers.max(axis=1).mean():.3f}", end="  ")
print(f"Fréchet distance {frechet_distance(features, yard.features):6.1f}")

# %% [markdown]
# **What we saw.** There are no cliffs between the drawings: one digit melts into the next, through shapes
# that are neither. Half-way by the great circle is as good as any random point, since it *is* one. Half-way by the
# straight line, the numbers above say how much is lost; more than the eye would have guessed, or less?
#
# ### Play: walk from drawing to drawing
#
# Choose two of twenty drawings by number, and slide from one to the other. Then look for a pair that passes through a
# third digit on its way.

# %% alt="Three large drawings: the start, the middle and the end of a walk from one drawing to another; the middle looks like a mixture of the two."
def between(generator, ends):
    def draw(ax, first, second, share):
        start, end = ends[first], ends[second]
        ax.imshow(draw_digits(generator, walk(start, end, [share], False))[0, ..., 0], vmin=0, vmax=1)
        ax.set_title(f"{share:.0%} of the way from {first} to {second}")
        ax.axis("off")

    return draw


widgets.explore(
    between(generator, watch_noise[:20]),
    controls={"first": (0, 19, 1), "second": (0, 19, 1), "share": (0.0, 1.0, 0.05)},
    states={
        name: {"first": 0, "second": 1, "share": share}
        for name, share in {"the first": 0.0, "half-way": 0.5, "the second": 1.0}.items()
    },
    hint="choose two drawings of different digits, and walk slowly from 0 to 1.",
)

# %% [markdown]
# And the directions themselves? Nobody has named them. The first layer multiplies the noise by a matrix, and its
# normalization scales each unit. The directions that these two stretch most (the singular vectors) change the first
# layer most, and so, we hope, the drawing. Turn four of them. What does each one do to a stroke: its slant, its
# width, the digit itself?

# %% alt="Three large drawings that start from the same noise: as it was, with the first direction turned up, and with the second turned down, each of which changes the shape."
def along(generator, start):
    dense, norm = generator.layers[:2]
    scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    stretched = np.linalg.svd(dense.kernel.numpy() * scale, full_matrices=False)[0]  # (100, 100)

    def draw(ax, **amounts):
        moved = start + stretched[:, : len(amounts)] @ np.array(list(amounts.values()))
        ax.imshow(draw_digits(generator, moved[None].astype("float32"))[0, ..., 0], vmin=0, vmax=1)
        turned = [f"{name[-1]}: {amount:+.1f}" for name, amount in amounts.items() if amount]
        ax.set_title(f"direction {', '.join(turned)}" if turned else "as it was")
        ax.axis("off")

    return draw


names = ("direction_1", "direction_2", "direction_3", "direction_4")
at_rest = dict.fromkeys(names, 0.0)
widgets.explore(
    along(generator, watch_noise[0]),
    controls=dict.fromkeys(names, (-6.0, 6.0, 0.5)),
    states={
        "as it was": at_rest,
        "first direction up": {**at_rest, "direction_1": 5.0},
        "second direction down": {**at_rest, "direction_2": -5.0},
    },
    hint="turn one direction from end to end, then put it back and take the next.",
)

# %% [markdown]
# ## 9. Can you ask for a seven?
#
# So far the generator draws what it likes. To take orders, it must hear them, and the detective must check them: whoever
# is told "this is a seven" looks for what a seven should have. Mehdi Mirza and Simon Osindero proposed it in 2014: a
# **conditional** GAN. Both players get the label as a second input. The generator gets it as 20 more
# numbers beside the noise, the discriminator as a second channel of the picture. Both are looked up in an embedding
# (chapter 04), a row for each digit.

# %%
def build_conditional_generator(width, recipe):
    noise = keras.Input(shape=(NOISE_SIZE,))
    label = keras.Input(shape=(), dtype="int32")
    order = layers.Embedding(10, 20)(label)  # (batch, 20)
    together = layers.Concatenate()([noise, order])  # (batch, 120)
    hidden = layers.Dense(7 * 7 * 2 * width)(together)
    for layer in bend(recipe):
        hidden = layer(hidden)
    hidden = layers.Reshape((7, 7, 2 * width))(hidden)
    hidden = layers.Conv2DTranspose(width, 5, strides=2, padding="same")(hidden)
    for layer in bend(recipe):
        hidden = layer(hidden)  # (batch, 14, 14, width)
    drawn = layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh")(hidden)
    return keras.Model([noise, label], drawn)


def build_conditional_discriminator(width, recipe):
    image = keras.Input(shape=(28, 28, 1))
    label = keras.Input(shape=(), dtype="int32")
    order = layers.Reshape((28, 28, 1))(layers.Embedding(10, 28 * 28)(label))
    hidden = layers.Concatenate()([image, order])  # (batch, 28, 28, 2)
    hidden = layers.Conv2D(width, 5, strides=2, padding="same")(hidden)
    hidden = layers.LeakyReLU(negative_slope=recipe.slope)(hidden)  # (batch, 14, 14, width)
    hidden = layers.Conv2D(2 * width, 5, strides=2, padding="same", use_bias=False)(hidden)
    for layer in bend(recipe):
        hidden = layer(hidden)  # (batch, 7, 7, 2 width)
    return keras.Model([image, label], layers.Dense(1)(layers.Flatten()(hidden)))

# %% [markdown]
# The step is the one of section 2, with the labels handed to both. Find the five calls where they come in. Which label
# does a forgery get? The one that it was asked for.

# %%
def make_conditional_step(generator, discriminator, optimizers, real_target):
    generator_optimizer, discriminator_optimizer = optimizers
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(real, labels):
        noise = tf.random.normal((tf.shape(real)[0], NOISE_SIZE))

        # The detective's turn.
        fake = generator([noise, labels], training=True)
        with tf.GradientTape() as tape:
            real_logits = discriminator([real, labels], training=True)
            fake_logits = discriminator([fake, labels], training=True)
            discriminator_loss = cross_entropy(
                real_target * tf.ones_like(real_logits), real_logits
            ) + cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        gradients = tape.gradient(discriminator_loss, discriminator.trainable_variables)
        discriminator_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables))

        # The forger's turn.
        with tf.GradientTape() as tape:
            fake = generator([noise, labels], training=True)
            fake_logits = discriminator([fake, labels], training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
        gradients = tape.gradient(generator_loss, generator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables))
        return discriminator_loss, generator_loss

    return step


def draw_orders(generator, noise, labels):
    return (generator([noise, labels]).numpy() + 1) / 2


# %% alt="Eighty drawings in eight rows of ten: in each column another digit was asked for, from 0 to 9, and most drawings are that digit. Each row was drawn from the same noise."
ordering_generator = build_conditional_generator(32, recipe)
checking_discriminator = build_conditional_discriminator(32, recipe)
ordering_step = make_conditional_step(
    ordering_generator, checking_discriminator,
    [keras.optimizers.Adam(rate, beta_1=recipe.beta_1) for _ in range(2)], recipe.real_target,
)
ordering_batches = batches_of(batch_size, rng, x_signed, y_fit.astype("int32"))
orders = np.tile(np.arange(10, dtype="int32"), 50)  # 0, 1, ..., 9, and again
hands = np.repeat(rng.normal(size=(50, NOISE_SIZE)), 10, axis=0).astype("float32")


def agreement(reader, images, labels):
    return np.mean(read(reader, images)[1].argmax(axis=1) == labels)


def ordering_look(number):
    drawn = draw_orders(ordering_generator, hands, orders)
    return {"agreement": agreement(reader, drawn, orders)}


def ordering_sheet():
    figure, ax = plt.subplots(figsize=(5, 4))
    ax.imshow(tile(draw_orders(ordering_generator, hands[:80], orders[:80]), 10), vmin=0, vmax=1)
    ax.set_xticks(14 + 28 * np.arange(10), range(10))
    ax.set(xlabel="asked for", yticks=[])
    ax.grid(False)
    return figure


ordering_steps = 10 if SMOKE else CONDITIONAL_STEPS if is_large else 450
ordering_losses = train(
    ordering_step, ordering_batches, ordering_steps, ordering_look, ordering_sheet
)

# %% [markdown]
# Each row has the same noise in all its columns, only another order. What do the drawings of one row share? Nobody
# told the generator to keep something the same.
#
# How often does the judge read what was asked for? New noise, two hundred orders of each digit. And since a machine
# that knows one seven and draws it again and again obeys perfectly, we also measure the **variety**: the mean
# distance between two drawings of the same order, divided by that between two real digits of the same class.

# %%
def spread(images, labels):
    distances = []
    for digit in range(10):
        flat = images[labels == digit][:100].reshape(-1, 784)
        lengths = np.linalg.norm(flat[:, None] - flat, axis=-1)  # (100, 100)
        distances.append(lengths.sum() / (len(flat) * (len(flat) - 1)))  # not with itself
    return np.mean(distances)


new_orders = np.tile(np.arange(10, dtype="int32"), 20 if SMOKE else 200)
new_noise = rng.normal(size=(len(new_orders), NOISE_SIZE)).astype("float32")
ordered = np.concatenate([
    draw_orders(ordering_generator, *part)
    for part in zip(np.split(new_noise, 4), np.split(new_orders, 4), strict=True)
])
ordered_answers = read(reader, ordered)[1]
read_as = ordered_answers.argmax(axis=1)
for digit in range(10):
    asked = new_orders == digit
    others = np.bincount(read_as[asked & (read_as != digit)], minlength=10)
    print(f"asked for {digit}: {np.mean(read_as[asked] == digit):4.0%} read as such", end="")
    print(f", else most often as {others.argmax()}" if others.any() else "")
print(f"real held-back digits: {agreement(reader, x_val, y_val):.1%} read rightly")
results.report(
    "06", seed=SEED, data=digits.provenance, smoke=SMOKE,
    conditional_agreement=np.mean(read_as == new_orders),
    conditional_variety=spread(ordered, new_orders) / spread(x_val, y_val),
    conditional_steps=ordering_steps,
)

# %% [markdown]
# **What we saw.** The order is obeyed nearly always. More often than real digits are read rightly? Then the drawings are
# more *typical* than real ones: it pays to draw only what is easily believed. And look along the rows: where there were
# many digits to learn from, the noise became the *hand*: slant, width and swing of a row belong together. Content from
# the label, style from the noise: the network found this division by itself, since the label says all about the digit and
# the noise all that is left. From few digits it learns less of a hand, and the rows are more alike; more so than
# the variety says, since pixels that flicker count as variety, too. Look before you believe a number.
#
# ## 10. Failure gallery: two ways to lose the game
#
# ### A detective that wins completely
#
# Would a better detective make a better forger? Let it train alone for a while, against a forger that never
# moves; then ask how strong the gradient is that the forger would get. The paper of 2014 first writes the game as
# one sum: the forger *lowers* $\log(1 - p)$, where $p$ is the probability "real" of a forgery. We used the other form
# so far: it *raises* $\log p$. Both want the same. Do they teach the same?

# %% alt="The size of the generator's gradient on a logarithmic scale while the discriminator trains alone: with the loss log of one minus p it falls by orders of magnitude, with minus log p it does not."
def raise_log_p(fake_logits):
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))  # the mean of -log p, to be lowered


def lower_log_1_minus_p(fake_logits):
    return -tf.reduce_mean(tf.nn.softplus(fake_logits))  # the mean of log(1 - p), to be lowered


def make_turns(generator, discriminator, forger_loss, forger_optimizer):
    detective_optimizer = keras.optimizers.Adam()
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def detective_turn(real):
        fake = generator(tf.random.normal((len(real), NOISE_SIZE)))
        with tf.GradientTape() as tape:
            real_logits, fake_logits = discriminator(real), discriminator(fake)
            loss = cross_entropy(tf.ones_like(real_logits), real_logits) + cross_entropy(
                tf.zeros_like(fake_logits), fake_logits
            )
        gradients = tape.gradient(loss, discriminator.trainable_variables)
        detective_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables))

    @tf.function
    def forger_turn():
        with tf.GradientTape() as tape:
            loss = forger_loss(discriminator(generator(tf.random.normal((128, NOISE_SIZE)))))
        gradients = tape.gradient(loss, generator.trainable_variables)
        forger_optimizer.apply_gradients(zip(gradients, generator.trainable_variables))

    return detective_turn, forger_turn


def gradient_size(forger_loss, generator, discriminator, noise):
    with tf.GradientTape() as tape:
        loss = forger_loss(discriminator(generator(noise)))
    return float(tf.linalg.global_norm(tape.gradient(loss, generator.trainable_variables)))


frozen_forger, strong_detective = build_dense_pair()
teach, _ = make_turns(frozen_forger, strong_detective, raise_log_p, keras.optimizers.Adam())
games = {"raise log p": raise_log_p, "lower log(1 - p)": lower_log_1_minus_p}
gradient_sizes = {name: {} for name in games}
real_batches = batches_of(128, rng, x_fit)
for number in range(20 if SMOKE else 201):
    if number % 20 == 0:
        for name, game in games.items():
            size = gradient_size(game, frozen_forger, strong_detective, watch_noise[:256])
            gradient_sizes[name][number] = size
    teach(*next(real_batches))
_, ax = plt.subplots(figsize=(6, 3))
for name, seen in gradient_sizes.items():
    ax.semilogy(list(seen), list(seen.values()), "o-", label=name)
ax.set(xlabel="steps of the detective alone", ylabel="size of the forger's gradient")
ax.legend()
plt.show()

# %% [markdown]
# The surer the detective, the less does $\log(1 - p)$ change with anything that the forger does: the forger hears
# nothing. With $\log p$ it is the other way round: the worse the forgery, the louder the correction.
#
# Is the first form lost, then? Let both play on from here, each with gradient descent (SGD, chapter 01) and with
# Adam. How far does each of the four get?

# %% alt="Four rows of eight drawings after the same number of steps from the same start: lowering log of one minus p with plain gradient descent still shows nothing but grey noise, while raising log p has left the noise behind."
weights = frozen_forger.get_weights(), strong_detective.get_weights()
make_optimizers = {"SGD": lambda: keras.optimizers.SGD(0.05), "Adam": keras.optimizers.Adam}
after = {}
for game_name, game in games.items():
    for optimizer_name, make_optimizer in make_optimizers.items():
        forger, detective = build_dense_pair()
        forger.set_weights(weights[0])
        detective.set_weights(weights[1])
        detective_turn, forger_turn = make_turns(forger, detective, game, make_optimizer())
        for _ in range(5 if SMOKE else 250):
            detective_turn(*next(real_batches))
            forger_turn()
        after[f"{game_name}, {optimizer_name}"] = forger(watch_noise[:8]).numpy()
_, ax = plt.subplots(figsize=(7, 3.2))
show_rows(ax, list(after), list(after.values()))
plt.show()
start = frozen_forger(watch_noise[:8]).numpy()
for name, images in after.items():
    print(f"{name:24s} pixels moved by {np.abs(images - start).mean():.4f} on average")

# %% [markdown]
# **Diagnosis.** In the first form, with gradient descent, next to nothing times the learning rate is next to nothing:
# the forger stands still, for a detective that is perfect teaches nothing. Adam divides each gradient by its recent
# size and so steps even on a whisper, down to gradients of about $10^{-7}$, its `epsilon`; below, it falls silent,
# too. How far did it get? The last line says. Do not expect digits from the others either: against such a head start,
# they chase one weak spot. **Remedies:** the other form of the loss (the one that we used all along), label
# smoothing, and letting both learn together from the first step. Do not simply slow the detective down: section 2
# showed what that brings.
#
# ### A splendid loss, and a detective that never learned
#
# This is how many articles train a GAN with Keras, from the days of Keras 2: compile the discriminator, then set
# `trainable = False`, then put both in one model and compile that. The old Keras noted at `compile` what was
# trainable. What does yours do? Watch the generator's loss, and the last two lines.

# %% alt="Left, the loss of the generator falls to nearly nothing within a few hundred steps. Right, eight of its drawings: none is a digit."
old_generator, old_detective = build_dense_pair()
old_detective.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True), optimizer="adam")
old_detective.trainable = False
both = keras.Sequential([old_generator, old_detective])
both.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True), optimizer="adam")
before = [weight.copy() for weight in old_detective.get_weights()]
old_losses = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(10 if SMOKE else 300):
        real = x_fit[rng.integers(len(x_fit), size=64)]
        forged = old_generator(rng.normal(size=(64, NOISE_SIZE))).numpy()
        old_detective.train_on_batch(real, np.ones((64, 1)))
        old_detective.train_on_batch(forged, np.zeros((64, 1)))
        both.train_on_batch(rng.normal(size=(64, NOISE_SIZE)), np.ones((64, 1)))
        old_losses.append(float(raise_log_p(old_detective(old_generator(watch_noise[:64])))))
_, axes = plt.subplots(1, 2, figsize=(9, 2.6))
axes[0].plot(old_losses)
axes[0].set(xlabel="step", ylabel="loss of the generator", ylim=(0, None))
axes[1].imshow(tile(old_generator(watch_noise[:8]).numpy(), 4), vmin=0, vmax=1)
axes[1].axis("off")
plt.show()
print("Keras warned:", *sorted({str(warning.message) for warning in caught}))
changes = [np.abs(new - old).max() for new, old in zip(old_detective.get_weights(), before, strict=True)]
print(f"the generator's loss in the end: {old_losses[-1]:.4f}")
print(f"the discriminator's weights moved by {max(changes)}")

# %% [markdown]
# **Diagnosis.** In Keras 3, `trainable` counts when the training runs, not when it was compiled. So the detective never
# learned a thing. The forger found what fools a blind detective, its loss is the best of this chapter, and its
# drawings are nothing. Keras warns; we caught the warning and printed it, but in a notebook full of output, who
# would have read it? **Remedy:** a step that says which variables it moves, as ours does, and a judge that does
# not belong to the game.
#
# ## What to take with you
#
# 1. A GAN's generator learns from a discriminator that learns along with it. Each step has two turns, and each turn
#    moves one player's trainable weights only.
# 2. Its losses say how even the game is, and nothing about quality. Let a judge from outside look, and test that judge
#    first, on cases whose answer you know.
# 3. No single number sees everything: score and Fréchet distance are blind to copies, the search for the nearest
#    neighbour is blind to a copy that was moved.
# 4. Ask of every trick in a recipe what it brings, and compare that with what another start brings.
# 5. The generator is a map. Walk in it along the shell where its noise lives; and give it a label, if you want to
#    choose what it draws.
#
# Are GANs still the way to invent pictures? Since about 2021 **diffusion models** draw better: they learn to remove noise
# in many small steps, by a plain squared error, with no opponent and so with no game to lose. A GAN draws in a single
# step, which is why it is still used where that counts. Both are judged by the numbers of section 4.
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it.
#
# **Exercise 1 (easy).** Write the generator's loss in NumPy: the mean cross entropy with target 1, straight from the
# discriminator's logits for its samples, `(n, 1)`. It must stay finite for a logit of -1000. (The probability is $p =
# 1 / (1 + e^{-\text{logit}})$; what is $-\log p$, simplified? `np.logaddexp` will help.)

# %%
def generator_loss(fake_logits):
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, -fake_logits))
    ### END SOLUTION


# %%
check.generator_loss(generator_loss)

# %% [markdown]
# **Exercise 2 (medium).** The great circle, exactly. With $\theta$ the angle between `start` and `end`, two arrays
# `(n,)`:
#
# $$z(t) = \frac{\sin((1 - t)\,\theta)}{\sin\theta}\, z_0 + \frac{\sin(t\,\theta)}{\sin\theta}\, z_1$$
#
# It walks at constant speed, which our stretched line does not. `share` is $t$. What if both point the same way?

# %%
def slerp(start, end, share):
    ### BEGIN SOLUTION
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1))  # rounding may lead out of [-1, 1]
    if np.sin(angle) < 1e-6:  # nearly the same direction: the circle is a line
        return (1 - share) * start + share * end
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
    ### END SOLUTION


# %%
check.slerp(slerp)

# %% [markdown]
# **Exercise 3 (makes you think).** What would the *best possible* detective say? Samples were sorted into bins:
# `real_counts` and `fake_counts`, two arrays `(k,)`, say how many real and how many forged samples fell into each. The two
# totals may differ, but in the loss the real ones weigh as much as the forged ones, whatever their number. Return the
# probability "real" for each bin that makes the discriminator's loss smallest, and 0.5 for a bin that nobody visited.
# (Write down the loss of one bin as a function of $p$, and set its derivative to zero.)

# %%
def best_discriminator(real_counts, fake_counts):
    ### BEGIN SOLUTION
    real_shares = real_counts / np.sum(real_counts)
    fake_shares = fake_counts / np.sum(fake_counts)
    both_shares = real_shares + fake_shares
    visited = both_shares > 0
    return np.where(visited, real_shares / np.where(visited, both_shares, 1), 0.5)
    ### END SOLUTION


# %%
check.best_discriminator(best_discriminator)

# %% [markdown]
# **Exercise 4 (open).** Section 4 fooled the search for the nearest training digit with a shift of one pixel. Build a
# search that is not fooled: by the judge's features, or by trying all shifts of up to two pixels. Test it on planted
# copies (moved, turned by a few degrees, thickened) and on real digits that were held back, and only then
# on the drawings of sections 6 and 9. There is no check; a good answer is a table with a row for each case, and a
# sentence on what your search still cannot see. Add a cell below this one and begin.

# %% [markdown]
# ## Read on
#
# - I. Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014: the game, its best detective (Proposition 1), and
#   both forms of the loss.
# - M. Mirza, S. Osindero, *Conditional generative adversarial nets*, 2014.
# - A. Radford, L. Metz, S. Chintala, *Unsupervised representation learning with deep convolutional generative
#   adversarial networks*, ICLR 2016: DCGAN.
# - T. Salimans et al., *Improved techniques for training GANs*, NeurIPS 2016: the inception score, label smoothing.
# - M. Heusel et al., *GANs trained by a two time-scale update rule converge to a local Nash equilibrium*, NeurIPS 2017: the
#   Fréchet distance on features.
# - T. White, *Sampling generative networks*, 2016: the great circle.
# - Y. Shen, B. Zhou, *Closed-form factorization of latent semantics in GANs*, CVPR 2021: the directions that a first
#   layer stretches most.
# - J. Ho, A. Jain, P. Abbeel, *Denoising diffusion probabilistic models*, NeurIPS 2020: what came after.
#
# **Next: chapter 07.** So far every network was trained from nothing. What can one do that has read more than you
# will in your life?
