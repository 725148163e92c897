# %% [markdown]
# # 08 · ResNet transfer: can a network have *seen* before it meets your pictures?
#
# **You build.** A residual block by hand, a ResNet-20 that is filled with weights from CIFAR-10, and from it a
# classifier of things it never saw: frozen, fine-tuned, and looked into. At the end, the same for your own pictures.
#
# **Time.** About six minutes for a machine with two CPU cores, and 3 GB of memory; an evening or two for you.
#
# **You need.** Chapter 03: convolution, pooling, batch normalization. Chapter 07 is not needed, but asks the same
# question of texts.

# %%
from course_utils import device, plots, results, training, weights, widgets
from course_utils.checks import chapter08 as check
from course_utils.datasets import images

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

import gc
import json
import tempfile
import time
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
IMAGES = ""  # path of a folder with pictures of your own (section 11); "" for the drawn ones
WEIGHTS = "auto"  # of ResNet50: "auto" (what is on hand), "full" (fetched now), or an .h5 file's path
LARGE_EPOCHS = 1  # of fine-tuning ResNet50; the popular recipe takes up to 20
SMOKE = False  # True cuts every training to seconds, to see that the code runs

# %%
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1. Why did depth hurt?
#
# Suppose that you have only a few pictures of each of ten kinds of things. The course draws such pictures for you, as a
# careless photographer would take them: any pose, any colour, any ground, things lying about. They lie in folders,
# `train/`, `val/` and `test/`, and in each there is one folder per class. (What this chapter says about the results, it
# says about these pictures. Your own come in section 11.)

# %% alt="Two rows of ten small pictures, one column per class, from bicycle to umbrella: drawn things in random colours, turned and shifted, on coloured grounds with clutter."
pictures = images.load(IMAGES)
kinds, num_classes = pictures.class_names, len(pictures.class_names)
for part in images.PARTS:
    x_part, y_part = getattr(pictures, f"x_{part}"), getattr(pictures, f"y_{part}")
    print(f"{part:5s} {x_part.shape} {x_part.dtype}, {np.bincount(y_part).min()} or more of each class")
smallest = np.bincount(pictures.y_train).min()  # the size of the smallest class
shown = [np.flatnonzero(pictures.y_train == kind)[: min(2, smallest)] for kind in range(num_classes)]
shown = np.stack(shown).T.ravel()  # one column per class
labels = [kinds[kind][:9] for kind in pictures.y_train[shown]]
plots.image_grid(pictures.x_train[shown], labels, columns=min(10, num_classes))
plt.show()

# %% [markdown]
# A network with more layers can compute everything that one with fewer can: the additional layers would only have to
# pass on what they get. So a deeper one should never be worse *on the pictures that it learns from*. Four networks, the
# same but for one thing each:
#
# - **plain 8**: eight layers, convolutions and ReLUs;
# - **plain 20**: the same with twenty layers;
# - **plain 20 + normalization**: batch normalization after each convolution (chapter 03);
# - **residual 20**: normalization, and every two convolutions the input is added to the output.
#
# Which one will learn best, and which worst? Write down your guess.

# %%
def build_stack(blocks_per_stage, normalized, shortcuts):
    def convolution(x, filters, stride, size=3):
        x = layers.Conv2D(filters, size, stride, "same", use_bias=not normalized)(x)
        return layers.BatchNormalization(momentum=0.9)(x) if normalized else x

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, 8, 1))  # (batch, 32, 32, 8)
    for filters, first_stride in ((8, 1), (16, 2), (32, 2)):
        for stride in [first_stride] + [1] * (blocks_per_stage - 1):
            y = layers.ReLU()(convolution(x, filters, stride))
            y = convolution(y, filters, 1)
            if shortcuts:
                if stride == 2:  # half as wide, twice as many channels: the input has to follow
                    x = convolution(x, filters, stride, size=1)
                y = layers.Add()([x, y])
            x = layers.ReLU()(y)
    x = layers.GlobalAveragePooling2D()(x)  # (batch, 32), from (batch, 8, 8, 32)
    return keras.Model(inputs, layers.Dense(num_classes, activation="softmax")(x))


stacks = {
    "plain 8": (1, False, False),
    "plain 20": (3, False, False),
    "plain 20 + normalization": (3, True, False),
    "residual 20": (3, True, True),
}
stack_models = {name: build_stack(*settings) for name, settings in stacks.items()}
for name, model in stack_models.items():
    wide = [layer for layer in model.layers if getattr(layer, "kernel_size", 0) == (3, 3)]
    print(f"{name:26s} {len(wide) + 1:2d} layers in a row, {model.count_params():,} parameters")

# %% [markdown]
# Before any of them learns: how strongly does the loss react to each layer's weights? That is the size of the gradient,
# here as a share of the size of the weights.

# %% alt="Size of the gradient, as a share of the weights, for each convolution from the first to the last, on a logarithmic axis. With normalization, residual or not, it is largest; for the plain network of 8 layers it lies about two powers of ten lower; for the plain one of 20 layers, in all of them, two more."
def relative_gradients(model, x, y):
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Conv2D)]
    kernels = [kernel for kernel in kernels if kernel.shape[0] == 3]
    with tf.GradientTape() as tape:
        loss = keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, model(x, training=True))
        )
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    return [np.linalg.norm(g) / np.linalg.norm(k) for g, k in zip(gradients, kernels)]


few = rng.permutation(len(pictures.x_train))[:64]
_, ax = plt.subplots(figsize=(7, 3.2))
for (name, model), style in zip(stack_models.items(), ("o-", "s--", "^:", "D-")):
    x = pictures.x_train[few].astype("float32") / 64 - 2
    sizes = relative_gradients(model, x, pictures.y_train[few])
    ax.semilogy(range(1, len(sizes) + 1), sizes, style, markersize=4, label=name)
ax.set(xlabel="convolution, from input to output", ylabel="gradient / weights")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# And now let them learn: the same pictures, the same optimizer, the same number of steps.

# %% alt="Training loss per epoch of the four networks. The plain one of 20 layers stays on the line of blind guessing, the plain one of 8 layers sinks a little, that with normalization well, and the residual one farthest."
def learn(model, x, y, epochs, rate=1e-3):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    history = model.fit(
        x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=training.progress()
    )
    return history.history


stack_losses = {}
for name, model in list(stack_models.items())[: 2 if SMOKE else None]:
    x = pictures.x_train.astype("float32") / 64 - 2
    losses = learn(model, x, pictures.y_train, epochs=1 if SMOKE else 10)["loss"]
    print(f"{name:26s} loss {losses[0]:.2f} after one epoch, {losses[-1]:.2f} at the end")
    stack_losses[name] = losses
_, ax = plt.subplots(figsize=(7, 3.2))
for (name, losses), style in zip(stack_losses.items(), ("o-", "s--", "^:", "D-")):
    ax.plot(range(1, len(losses) + 1), losses, style, markersize=4, label=name)
ax.axhline(np.log(num_classes), color="black", linewidth=1, label="blind guessing")
ax.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend(fontsize=8)
plt.show()
del stack_models, model

# %% [markdown]
# **What we saw.** Depth alone ruined it: with twelve layers more, the network that could do *more* did nothing. This is
# no overfitting, since we looked at the pictures that it learned from; it is a matter of **optimization**. Each layer
# shrank the signal a little, forward and backward, and twenty times a little is nothing left. Normalization brings the
# signal back to size in each layer, and that helps a lot. What helps more is to let each pair of layers compute only
# what has to be *added* to what is there already. To pass something on, it then has nothing to learn at all.
#
# That was the idea of Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun in 2015, when networks with twenty layers
# were considered deep and theirs had 152. (They had normalization in both kinds and saw plain networks get worse from
# 20 to 56 layers all the same. We have not the hours for 56.)
#
# ## 2. What is in a residual block?
#
# Two convolutions $F$ and a **shortcut** around them, $y = \text{ReLU}(x + F(x))$. Look at its derivative without the
# ReLU: $1 + F'(x)$. Whatever $F'$ does, the 1 carries the gradient through. Where the block makes the picture smaller
# and the channels more, $x$ no longer fits the sum; there the shortcut becomes a convolution of 1 × 1.
#
# By hand, with the convolution of chapter 03, and normalization as it is *after* training: with the means and variances
# that it remembers.

# %%
def convolve(images, kernel, stride=1):
    size, side = kernel.shape[0], images.shape[1]
    padding = max((-(-side // stride) - 1) * stride + size - side, 0)  # so that "same" stays the same
    before, after = padding // 2, padding - padding // 2
    padded = np.pad(images, ((0, 0), (before, after), (before, after), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]  # (n, rows, columns, channels, size, size)
    return np.einsum("nrkcij,ijcf->nrkf", windows, kernel)


def normalize(x, gamma, beta, mean, variance, epsilon=1e-3):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def residual_block(x, conv1, norm1, conv2, norm2, short_conv=None, short_norm=None):
    y = normalize(convolve(x, conv1, stride=1 if short_conv is None else 2), *norm1)
    y = normalize(convolve(np.maximum(y, 0), conv2), *norm2)
    if short_conv is not None:
        x = normalize(convolve(x, short_conv, stride=2), *short_norm)
    return np.maximum(x + y, 0)


# %% [markdown]
# The same block in Keras. Each layer gets a name of its own; they will be needed in a minute.

# %%
def keras_block(x, filters, stride, name):
    def convolution(x, size, stride, layer):
        return layers.Conv2D(
            filters, size, stride, "same", use_bias=False,
            kernel_initializer="he_normal", name=f"{name}_{layer}",
        )(x)

    def normalization(x, layer):
        return layers.BatchNormalization(momentum=0.9, name=f"{name}_{layer}")(x)

    y = normalization(convolution(x, 3, stride, "conv1"), "norm1")
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = normalization(convolution(y, 3, 1, "conv2"), "norm2")
    if stride == 2:
        x = normalization(convolution(x, 1, stride, "short_conv"), "short_norm")
    x = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu2")(x)


# %% [markdown]
# Are they the same? We give both the same random numbers, also for what a normalization remembers.

# %%
differences = []
for stride, filters in ((1, 16), (2, 32)):
    inputs = keras.Input((32, 32, 16))
    block = keras.Model(inputs, keras_block(inputs, filters, stride, f"block{stride}"))
    for variable in block.weights:
        low, high = (0.5, 1.5) if len(variable.shape) == 1 else (-0.1, 0.1)
        variable.assign(rng.uniform(low, high, variable.shape))
    parts = {layer.name.partition("_")[2]: layer.get_weights() for layer in block.layers}
    parts = {name: arrays[0] if "conv" in name else arrays for name, arrays in parts.items() if arrays}
    x = rng.normal(size=(4, 32, 32, 16)).astype("float32")
    by_us, by_keras = residual_block(x, **parts), block(x, training=False).numpy()
    differences.append(np.abs(by_us - by_keras).max())
    print(f"stride {stride}: {x.shape[1:]} becomes {by_us.shape[1:]};", end=" ")
    print(f"{block.count_params():,} numbers; largest difference from Keras {differences[-1]:.1e}")
results.report("08", seed=SEED, smoke=SMOKE, block_error=max(differences))

# %% [markdown]
# **What we saw.** Nothing mysterious: two convolutions and an addition. (How many numbers does such a block hold?
# Exercise 1 asks. And why bother with normalizations when a trained network is *used*? Exercise 2.)
#
# ## 3. Can a network have seen before?
#
# Nine such blocks in three **stages**, a convolution in front, a dense layer behind: that is the ResNet-20 of the
# paper. The course has trained one for you, on 48,000 photos of **CIFAR-10**: 32 × 32 pixels, ten kinds of things,
# animals and vehicles. Its weights come with the course, and so do the script (`tools/pretrain_backbone.py`) and the
# log.

# %% tags=["nbval-check-output"]
def build_resnet20():
    inputs = keras.Input((32, 32, 3), name="pictures")
    x = layers.Conv2D(
        16, 3, 1, "same", use_bias=False, kernel_initializer="he_normal", name="stem_conv"
    )(inputs)
    x = layers.BatchNormalization(momentum=0.9, name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)  # (batch, 32, 32, 16)
    for stage, filters in enumerate((16, 32, 64), 1):
        for block in (1, 2, 3):
            stride = 2 if stage > 1 and block == 1 else 1
            x = keras_block(x, filters, stride, f"stage{stage}_block{block}")
    # (batch, 8, 8, 64): 64 maps, each of which says where it saw "its" feature
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (batch, 64)
    return keras.Model(inputs, layers.Dense(10, name="head")(x), name="resnet20")


resnet20 = build_resnet20()
print(f"{resnet20.count_params():,} parameters in {len(resnet20.layers)} layers")

# %% [markdown]
# Weights are filled in by name, and strictly: one that is missing, left over or of another shape is an error. Otherwise
# a layer could keep its random numbers, and nobody would notice.

# %%
def fill(model, tensors):
    variables = {f"{layer.name}/{v.name}": v for layer in model.layers for v in layer.weights}
    missing, extra = variables.keys() - tensors.keys(), tensors.keys() - variables.keys()
    misshapen = [
        name for name in variables.keys() & tensors.keys()
        if tuple(variables[name].shape) != tensors[name].shape
    ]
    if missing or extra or misshapen:
        raise ValueError(
            f"These are not the weights of {model.name}: missing {sorted(missing) or 'nothing'}; "
            f"left over {sorted(extra) or 'nothing'}; of another shape "
            f"{sorted(misshapen) or 'nothing'}. Pass tensors that were saved from the same network."
        )
    for name, variable in variables.items():
        variable.assign(tensors[name])


seen_before = weights.resnet20()
path = seen_before.files["resnet20_cifar10.safetensors"]
tensors = load_file(path)  # {name: array}; the file holds no code
with safe_open(path, "numpy") as file:
    about = json.loads(file.metadata()["about"])
fill(resnet20, tensors)
print(f"{len(tensors)} tensors filled in; its classes: {', '.join(about['classes'])}")

# %% [markdown]
# How did its training go? The log has a line per epoch. What do you read from the distance of the two curves, and from
# the end of the line?

# %% alt="Accuracy per epoch of the backbone's training: on the training photos it rises steadily; on the validation photos it jumps up and down at first and becomes calm and high towards the end."
log = [
    json.loads(line)
    for line in seen_before.files["resnet20_cifar10.jsonl"].read_text(encoding="utf-8").splitlines()
]
epochs, summary = log[:-1], log[-1]
_, ax = plt.subplots(figsize=(7, 3.2))
for name, style in (("train", "--"), ("validation", "-")):
    values = [line[f"{name}_accuracy"] for line in epochs]
    ax.plot([line["epoch"] for line in epochs], values, style, label=name)
ax.set(xlabel="epoch", ylabel="accuracy on CIFAR-10")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend()
plt.show()
print(f"{sum(line['seconds'] for line in epochs) / 60:.0f} minutes on two CPU cores")
print(f"accuracy on the {summary['test_images']:,} test photos: {summary['test_accuracy']:.4f}")
results.report(
    "08", seed=SEED, weights=seen_before.provenance, smoke=SMOKE,
    backbone_accuracy=summary["test_accuracy"], backbone_parameters=resnet20.count_params(),
)

# %% [markdown]
# (While the learning rate is high, the validation curve jumps: the weights run about, and the remembered means and
# variances limp behind. As the rate falls to zero both come to rest.)
#
# This network knows nothing of umbrellas. Show it our pictures all the same: which of *its* ten classes will it see in
# a sailboat, which in a butterfly? One thing matters first: it wants pixels on the scale that it learned with.

# %%
def standardize(x):  # uint8 (n, 32, 32, 3) to float32, as in the backbone's training
    return ((x / 255 - about["mean"]) / about["std"]).astype("float32")


def answer(model, x):  # a hundred at a time, to spare memory
    parts = np.array_split(x, -(-len(x) // 100))
    return np.concatenate([model(part, training=False) for part in parts])


x_train, x_val, x_test = (standardize(getattr(pictures, f"x_{part}")) for part in images.PARTS)
y_train, y_val, y_test = (getattr(pictures, f"y_{part}") for part in images.PARTS)
says = answer(resnet20, x_val).argmax(axis=-1)
for kind in range(min(num_classes, 10)):
    counts = np.bincount(says[y_val == kind], minlength=10)
    common = [f"{about['classes'][place]} {counts[place]}" for place in counts.argsort()[::-1][:3]]
    print(f"{kinds[kind]:12s} of {counts.sum()}: {', '.join(common)}")

# %% [markdown]
# **What we saw.** Wrong answers, of course, but not any: often a kind of picture gets the same few answers. The network
# *distinguishes* our pictures, it only has no words for them. So cut off its last layer, and keep the 64 numbers before
# it, the **features**. What is left is called a **backbone**.
#
# ## 4. Whom do we have to beat?
#
# Before any network, the baselines. Three of them see the same training pictures:
#
# - **majority**: always says the most frequent class;
# - **raw pixels**: logistic regression on 32 × 32 × 3 numbers;
# - **edge histograms**: an idea of Navneet Dalal and Bill Triggs from 2005, ten years before ResNet. In each of 4 × 4
#   fields of the picture count how strong the edges of each direction are; logistic regression on that. Nothing is
#   learned but the last step.
#
# Which will be how good, where guessing is right once in as many times as there are classes?

# %%
def edge_histograms(x, fields=4, directions=8):
    grey = x.mean(axis=-1) / 255  # (n, 32, 32)
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(across, down)
    direction = (np.arctan2(down, across) % np.pi / np.pi * directions).astype(int) % directions
    side = x.shape[1] // fields
    counts = [
        (strength * (direction == d)).reshape(len(x), fields, side, fields, side).sum(axis=(2, 4))
        for d in range(directions)
    ]
    return np.sqrt(np.stack(counts, axis=-1)).reshape(len(x), -1)  # (n, 128)


def logistic(x, y, freedom):  # the smaller, the more the weights are held back
    steps = StandardScaler(), LogisticRegression(C=freedom, max_iter=500, tol=1e-3)
    return make_pipeline(*steps).fit(x, y)


both = {"train": pictures.x_train, "test": pictures.x_test}
flat = {part: x.reshape(len(x), -1).astype("float32") for part, x in both.items()}  # (n, 3072)
edges = {part: edge_histograms(x) for part, x in both.items()}
baselines = {
    "majority": np.mean(y_test == np.bincount(y_train).argmax()),
    "raw pixels": logistic(flat["train"], y_train, 1e-3).score(flat["test"], y_test),
    "edge histograms": logistic(edges["train"], y_train, 0.1).score(edges["test"], y_test),
}
for name, score in baselines.items():
    print(f"{name:16s} test accuracy {score:.3f}")
results.report(
    "08", seed=SEED, data=pictures.provenance, smoke=SMOKE,
    pixel_accuracy=baselines["raw pixels"], edge_accuracy=baselines["edge histograms"],
)

# %% [markdown]
# **What we saw.** Pixels are worth next to nothing: the same thing never has the same pixels. But twelve lines that
# somebody *thought about* are worth a lot. They know in advance that edges and their places matter, and colours do not.
# Keep that number in mind. It is the one to beat.
#
# ## 5. Do you have to compute the features every time?
#
# The recipe that you find everywhere: backbone, global average pooling, a dense layer of 256, dropout of 0.5, softmax;
# the backbone **frozen**, that is, its weights stay; 10 epochs.

# %%
pooled = resnet20.get_layer("pool").output  # (batch, 64)
backbone = keras.Model(resnet20.input, pooled, name="backbone")


def build_head(num_features):
    return keras.Sequential([
        keras.Input((num_features,)),
        layers.Dense(256, activation="relu"),  # (batch, 256)
        layers.Dropout(0.5),
        layers.Dense(num_classes),  # (batch, classes), scores
        layers.Softmax(),
    ], name="head")


def accuracy(model, x, y):
    return np.mean(answer(model, x).argmax(axis=-1) == y)


print(f"features {backbone.output.shape}, the head has {build_head(64).count_params():,} parameters")

# %% [markdown]
# This head will be trained many times from now on. Keras spends longer on preparing the training of a small network
# than on the training. So prepare it once, and before each training bring it back to the same start: its weights, and
# what the optimizer remembers of the last time. And we count **steps**, not epochs: who has more pictures should not
# also get more steps.

# %%
def fit_steps(model, start, x, y, steps, batch_size=32):
    model.set_weights(start)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    endless = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).repeat()
    batches = endless.batch(batch_size)
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)  # it is shuffled already


def compile_for(model, steps, rate):
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    return model.get_weights()


# %% [markdown]
# But look at the recipe: the backbone does not change, nor do the pictures. In each of the 10 epochs it computes the same
# 64 numbers for the same picture. So compute them once, keep them, and train the head alone on them. Both ways start
# from the same weights and see the pictures in the same order. How much sooner will the second be done, and how much
# worse?

# %%
ten_epochs = 10 if SMOKE else max(1, 10 * len(x_train) // 64)  # in steps of 64 pictures
backbone.trainable = False
test_features = backbone.predict(x_test, batch_size=100, verbose=0)
took, test_scores = {}, {}
for way in ("once per epoch", "once"):
    keras.utils.set_random_seed(SEED)
    head = build_head(64)
    inputs = keras.Input(x_train.shape[1:] if way == "once per epoch" else (64,))
    x = backbone(inputs, training=False) if way == "once per epoch" else inputs
    model = keras.Model(inputs, head(x))
    start = compile_for(model, ten_epochs, rate=1e-3)
    seconds = []
    for steps in [1] + 3 * [ten_epochs]:  # the first time Keras also compiles
        began = time.perf_counter()
        given = x_train
        if way == "once":
            given = backbone.predict(x_train, batch_size=100, verbose=0)
        fit_steps(model, start, given, y_train, steps, batch_size=64)
        seconds.append(time.perf_counter() - began)
    took[way] = min(seconds[1:])  # of three times the one that was least disturbed
    test_scores[way] = accuracy(head, test_features, y_test)
    print(f"features {way:14s}: {took[way]:5.2f} s, test accuracy {test_scores[way]:.3f}")
ratio = took["once per epoch"] / took["once"]
gap = abs(test_scores["once per epoch"] - test_scores["once"])
print(f"{ratio:.1f} times sooner, accuracies {gap:.3f} apart")
results.report(
    "08", seed=SEED, data=pictures.provenance, weights=seen_before.provenance, smoke=SMOKE,
    cached_speedup=ratio, frozen_accuracy=test_scores["once"],
)
results.report("08", seed=SEED, smoke=SMOKE, cached_gap=gap)  # two computations that must agree

# %% [markdown]
# **What we saw.** The same network in a fraction of the time; what differs is rounding. So whoever trains a head on a
# frozen backbone with the pictures as they are computes features once. There is one reason not to:
#
# ## 6. What does augmentation cost?
#
# More pictures from few: turn, shift, zoom and mirror them at random, a little differently each time
# (**augmentation**). The recipe says: rotation by up to 20 degrees, shift and zoom by up to 0.2, horizontal flip. In
# Keras these are layers; a rotation is counted in full turns.

# %% alt="One picture and nine random variants of it: turned, shifted, zoomed and mirrored, the gaps at the edges filled by reflection."
def build_augmentation():
    return keras.Sequential([
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(20 / 360),
        layers.RandomTranslation(0.2, 0.2),
        layers.RandomZoom(0.2),
    ], name="augmentation")


augmentation = build_augmentation()
variants = np.asarray(augmentation(np.repeat(pictures.x_train[:1], 9, axis=0), training=True))
ten = np.concatenate([pictures.x_train[:1], variants.clip(0, 255).astype("uint8")])
plots.image_grid(ten, ["original"] + [""] * 9)
plt.show()

# %% [markdown]
# The popular recipe also has `shear_range=0.2`: slanted as by a wind. It comes from the old `ImageDataGenerator`, where
# a rotation is in degrees. And the shear? In degrees, too. How much does a shear of 0.2 degrees do to a picture of 224
# pixels, and how much one of 0.2 as a slope, which everybody has in mind?

# %% alt="A picture as it is, sheared by 0.2 degrees, and sheared by a slope of 0.2. The second cannot be told from the first, the third is visibly slanted."
def shear(picture, slope):
    side = picture.shape[0]
    affine = (1, slope, -slope * side / 2, 0, 1, 0)  # where each pixel of the result comes from
    smoothly = Image.Resampling.BILINEAR
    return np.asarray(
        Image.fromarray(picture).transform((side, side), Image.Transform.AFFINE, affine, smoothly)
    )


large = np.asarray(Image.fromarray(pictures.x_train[0]).resize((224, 224)))
slopes = {"as it is": 0.0, "0.2 degrees": np.tan(np.radians(0.2)), "0.2 as a slope": 0.2}
_, axes = plt.subplots(1, 3, figsize=(7, 2.6))
for ax, (name, slope) in zip(axes, slopes.items()):
    ax.imshow(shear(large, slope))
    ax.set_title(name, fontsize=9)
    ax.axis("off")
    print(f"{name:15s} the top edge moves by {slope * 112:5.2f} pixels")
plt.show()

# %% [markdown]
# Less than half a pixel. The setting stands in thousands of notebooks and does nothing.
#
# **Cropping** belongs here, too. Pictures of your own have all sizes and shapes, a batch has one. `CenterCrop` and
# `RandomCrop` cut a piece out, `Resizing` makes all of it fit; with `crop_to_aspect_ratio=True` the middle is cut out
# first, so that nothing is squeezed. (`images.load` has done just that.)

# %% alt="A wide photograph of a flower, and three squares made of it: one squeezed, one cut from the middle at full size, and one cut to a square and made smaller."
flower = load_sample_image("flower.jpg")  # (427, 640, 3) uint8, a photograph that scikit-learn carries
squares = {
    "squeezed": layers.Resizing(224, 224)(flower),
    "CenterCrop": layers.CenterCrop(224, 224)(flower),
    "cut, then resized": layers.Resizing(224, 224, crop_to_aspect_ratio=True)(flower),
}
_, axes = plt.subplots(1, 4, figsize=(9, 2.4), width_ratios=(1.5, 1, 1, 1))
for ax, (name, picture) in zip(axes, {"as it is": flower, **squares}.items()):
    ax.imshow(np.asarray(picture).clip(0, 255).astype("uint8"))
    ax.set_title(name, fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# With augmentation the features of section 5 change in each epoch, and keeping them no longer works... or does it? A
# way between: make a few variants of each picture, compute the features of all, and keep those. With 4 variants that is
# 4 passes in place of 10. Is it worth it?

# %%
head_steps = 10 if SMOKE else 300
head = build_head(64)
head_start = compile_for(head, head_steps, rate=1e-3)
for copies in training.each((0, 1, 4)):
    seen = [x_train] + [np.asarray(augmentation(x_train, training=True)) for _ in range(copies)]
    began = time.perf_counter()
    seen_features = np.concatenate([answer(backbone, x) for x in seen])
    seconds = time.perf_counter() - began
    fit_steps(head, head_start, seen_features, np.tile(y_train, 1 + copies), head_steps)
    score = accuracy(head, test_features, y_test)
    print(f"{copies} variants each: {len(seen_features):,} features", end=" ")
    print(f"in {seconds:.1f} s, test accuracy {score:.3f}")

# %% [markdown]
# **What we saw.** Each variant costs another pass, and here it brings nothing; if anything, it costs accuracy. With
# more to fit in the same number of steps, the head fits each picture less well, and variants with half a thing at the
# edge look like no test picture. Augmentation helps where it makes what the *test* pictures show and the training
# pictures do not. Ours stand in any pose already. So do not believe in it, measure it. (Section 8 will, once more, with
# all layers learning.)
#
# ## 7. Thawing: how do you teach an old network new tricks?
#
# A frozen backbone has learned what helps to tell dogs from trucks. What if we let it learn on, with *our* pictures?
# **Fine-tuning** has three rules, and each has its reason:
#
# 1. **The head first.** A random head sends random gradients down, and they would wreck what the backbone knows.
# 2. **A smaller step.** The weights are good already.
# 3. **Normalization stays in inference mode**: with the means and variances that it remembers. (The failure gallery
#    looks whether that is so.)
#
# To compare, the same network **from scratch**: the same layers with random weights, the same augmentation, the same
# number of steps. And how many pictures of each class does each way need? 5, 10, 20, 40, always judged on the same test
# pictures. Draw the curves that you expect before you run the next cells.

# %%
def choose(per_class):  # a larger choice contains the smaller ones
    order = np.random.default_rng(SEED).permutation(len(y_train))
    return np.concatenate([order[y_train[order] == kind][:per_class] for kind in range(num_classes)])


def build_classifier(training, augment=True):  # training: None as fit wants it, False always off
    trunk = build_resnet20()
    trunk = keras.Model(trunk.input, trunk.get_layer("pool").output, name="trunk")
    inputs = keras.Input((32, 32, 3))
    x = build_augmentation()(inputs) if augment else inputs
    return keras.Model(inputs, build_head(64)(trunk(x, training=training)))


steps = 4 if SMOKE else 100
fresh = build_classifier(training=None)
fresh_start = compile_for(fresh, steps, rate=2e-3)
tuned = build_classifier(training=False)
compile_for(tuned, steps, rate=5e-4)
trunk_weights = backbone.get_weights()
print(f"both have {tuned.count_params():,} parameters")

# %%
def fine_tune(model, x, y, steps):
    fit_steps(head, head_start, answer(backbone, x), y, head_steps)  # rule 1
    fit_steps(model, trunk_weights + head.get_weights(), x, y, steps)


per_class = (10,) if SMOKE else (5, 10, 20, 40)
per_class = [count for count in per_class if count <= smallest] or [smallest]
scores = {way: [] for way in ("from scratch", "raw pixels", "edge histograms", "frozen", "fine-tuned")}
for count in training.each(per_class):
    chosen = choose(count)
    x, y = x_train[chosen], y_train[chosen]
    for way, given, freedom in (("raw pixels", flat, 1e-3), ("edge histograms", edges, 0.1)):
        fitted = logistic(given["train"][chosen], y, freedom)
        scores[way].append(fitted.score(given["test"], y_test))
    fit_steps(fresh, fresh_start, x, y, steps)
    scores["from scratch"].append(accuracy(fresh, x_test, y_test))
    fine_tune(tuned, x, y, steps)
    scores["frozen"].append(accuracy(head, test_features, y_test))
    scores["fine-tuned"].append(accuracy(tuned, x_test, y_test))
    latest = ", ".join(f"{way} {values[-1]:.3f}" for way, values in scores.items())
    print(f"{count:3d} per class: {latest}")
tuned_weights = tuned.get_weights()  # of the largest number of pictures; section 9 looks into it

# %% alt="Test accuracy against the number of pictures per class for five ways. Raw pixels and the network from scratch lie near guessing; the frozen backbone in the middle, the edge histograms above it, and the fine-tuned network on top."
_, ax = plt.subplots(figsize=(8, 3.6))
for (way, values), style in zip(scores.items(), ("s--", "x:", "^-.", "o-", "D-")):
    ax.plot(per_class, values, style, label=way)
ax.axhline(1 / num_classes, color="black", linewidth=1, label="guessing")
ax.set(xlabel="training pictures per class", ylabel="test accuracy", ylim=(0, 1), xscale="log")
ax.set_xticks(per_class, per_class)
ax.minorticks_off()
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
at = per_class.index(10) if 10 in per_class else len(per_class) - 1
by_way = {way: values[at] for way, values in scores.items()}
noise = np.sqrt(0.25 / len(y_test))
print(f"one run; noise of such an accuracy from {len(y_test):,} pictures: at most ±{noise:.3f}")
results.report(
    "08", seed=SEED, data=pictures.provenance, weights=seen_before.provenance, smoke=SMOKE,
    frozen_over_scratch=by_way["frozen"] - by_way["from scratch"],
    tuned_over_frozen=by_way["fine-tuned"] - by_way["frozen"],
    tuned_over_edges=by_way["fine-tuned"] - by_way["edge histograms"],
)

# %% [markdown]
# **What we saw.** From scratch, a network with a quarter of a million weights learns next to nothing from so few
# pictures in so few steps. The same network, frozen, is far better, with features that were made to tell dogs from
# trucks. And yet it loses to twelve lines from 2005: without that baseline we would have been proud of it. Fine-tuned
# it leaves all of them behind. Its features were not what our pictures need, but a very good place to start from.
#
# (Where you stop with the head matters, too. Try a rate of 3e-3 in `compile_for(head, …)`: the frozen network gains a
# few points, and the fine-tuned one loses about as many. A head that knows few pictures by heart is too sure of itself,
# and sends large gradients down.)
#
# ## 8. Failure gallery: two ways to waste a good backbone
#
# ### Another scale than it knows
#
# `standardize` is a line that is easily forgotten. Here are three mistakes: pixels from 0 to 1, pixels from 0 to 255,
# and, meanest of all, everything right in training and pixels from 0 to 255 once the model is *used*.

# %%
chosen = choose(per_class[at])
y_chosen = y_train[chosen]
scales = {
    "as it learned": standardize,
    "0 to 1": lambda x: x.astype("float32") / 255,
    "0 to 255": lambda x: x.astype("float32"),
}
scaled_test = {name: answer(backbone, scale(pictures.x_test)) for name, scale in scales.items()}
for name, scale in scales.items():
    scaled = answer(backbone, scale(pictures.x_train[chosen]))
    fit_steps(head, head_start, scaled, y_chosen, head_steps)
    print(f"{name:13s} in training and in use: {accuracy(head, scaled_test[name], y_test):.3f}")
    if name == "as it learned":
        score = accuracy(head, scaled_test["0 to 255"], y_test)
        print(f"{name:13s} in training, 0 to 255 in use: {score:.3f}")

# %% [markdown]
# **Diagnosis.** From 0 to 1 the pixels are not far from what the backbone knows, and a head that learns on such
# features makes the best of them. From 0 to 255 little is left. Worst is the last case: a fine model in training, and
# guessing in use, without an error, without a warning. Remedy: let the scaling be a layer *of the model*
# (`layers.Rescaling`, `layers.Normalization`), so that it cannot be left behind.
#
# ### Normalization that looks at the neighbours
#
# In training mode a normalization takes mean and variance from the *batch* in front of it, in inference mode from what
# it remembers. Suppose that somebody *uses* the network in training mode (a `training=False` forgotten in a loop of
# one's own is enough). Will the answers suffer?

# %%
tuned.set_weights(tuned_weights)
trunk, tuned_head = tuned.get_layer("trunk"), tuned.get_layer("head")
num_asked = 20 if SMOKE else len(y_val)
mixed = np.random.default_rng(SEED).permutation(len(y_val))[:num_asked]
by_kind = np.argsort(y_val, kind="stable")[:num_asked]
groups = {"100 mixed pictures": (mixed, 100), "10 of one kind": (by_kind, 10), "one": (mixed, 1)}
for mode in ("inference", "training"):
    for name, (order, size) in groups.items():
        right = []
        for group in np.array_split(order, -(-len(order) // size)):
            says = tuned_head(trunk(x_val[group], training=mode == "training")).numpy()
            right += list(says.argmax(axis=1) == y_val[group])
        print(f"{mode:9s} mode, {name:18s} at a time: {np.mean(right):.3f}")

# %% [markdown]
# **Diagnosis.** With a hundred mixed pictures training mode does no harm, it may even do better: mean and variance are
# then those of *our* pictures, not of CIFAR-10's. This is what makes the mistake so mean, since a test on mixed batches
# will not find it. Ten of one kind have in common just what tells them from the others, and that is what gets
# subtracted. And with one picture at a time, as every app asks, it is guessing. `predict` and `evaluate` set the mode
# right. Where you call a model yourself, pass `training=False`.
#
# And in fine-tuning, where rule 3 forbids training mode? And what was the augmentation worth there? Everybody says that
# both matter. We had better look: the ten pictures per class once more, the same steps, once in training mode, once
# without augmentation.

# %%
others = {
    "training mode": build_classifier(training=None),
    "no augmentation": build_classifier(training=False, augment=False),
}
print(f"{'as in section 7':15s} {by_way['fine-tuned']:.3f}")
for name, model in list(others.items())[: 1 if SMOKE else None]:
    compile_for(model, steps, rate=5e-4)
    fine_tune(model, x_train[chosen], y_chosen, steps)
    print(f"{name:15s} {accuracy(model, x_test, y_test):.3f}")
del others, model

# %% [markdown]
# **What we saw.** Nothing breaks. The three lie about as far apart as two seeds of the same would. (With shuffled
# batches of 4, of 2 and even of 1, and with batches of a single kind, training mode was not clearly worse either, when
# we tried.) So rule 3 is a precaution here, not a law. And a hundred steps are too few to need augmentation. Rule 1, on
# the other hand, holds: replace the head in `fine_tune` by a random one, and see.
#
# ## 9. Where does it look?
#
# The fine-tuned network says "umbrella". Because of the umbrella, or because of something beside it? The last
# convolutions leave 64 maps of 8 × 8, each of which says where it saw its feature. **Grad-CAM** asks of each map: if it
# were a little larger, by how much would the score of "umbrella" rise? That is a gradient. Add up the maps by these
# weights, keep what is positive, and lay it over the picture.

# %%
def split_at(model, layer_name):  # two models: from pictures to maps, from maps to scores
    trunk, head = model.get_layer("trunk"), model.get_layer("head")
    maps_model = keras.Model(trunk.input, trunk.get_layer(layer_name).output)
    maps = keras.Input(maps_model.output.shape[1:])
    x = layers.GlobalAveragePooling2D()(maps)
    for part in head.layers[:-1]:  # without the softmax
        x = part(x)
    return maps_model, keras.Model(maps, x)


def grad_cam(maps_model, top, x, kind):
    maps = tf.constant(answer(maps_model, x))  # (n, 8, 8, 64)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = tf.reduce_sum(tf.gather(top(maps, training=False), kind, axis=1, batch_dims=1))
    gradient = tape.gradient(score, maps)  # (n, 8, 8, 64)
    weight = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # (n, 1, 1, 64)
    return tf.nn.relu(tf.reduce_sum(weight * maps, axis=-1)).numpy()  # (n, 8, 8)


# %% alt="Two rows of eight test pictures: above as they are, below with a heat map laid over, which is warm on the thing or a part of it. Above each its class and what the network says."
tuned.set_weights(tuned_weights)  # training mode has changed what the normalizations remember
maps_model, top = split_at(tuned, "stage3_block3_relu2")
shown = np.sort(rng.permutation(len(x_test))[:8])
probabilities = answer(tuned, x_test)
said = probabilities.argmax(axis=1)
heat = grad_cam(maps_model, top, x_test, said)  # (n, 8, 8)


def overlay(ax, picture, warm):
    ax.imshow(picture, extent=(0, 32, 32, 0))
    ax.imshow(warm, cmap="inferno", alpha=0.55, extent=(0, 32, 32, 0), interpolation="bilinear")
    ax.axis("off")


_, axes = plt.subplots(2, len(shown), figsize=(1.4 * len(shown), 3.2), squeeze=False)
for (upper, lower), place in zip(axes.T, shown):
    upper.imshow(pictures.x_test[place])
    upper.axis("off")
    upper.set_title(f"{kinds[y_test[place]]}\nsaid: {kinds[said[place]]}", fontsize=8)
    overlay(lower, pictures.x_test[place], heat[place])
plt.show()

# %% [markdown]
# It looks convincing. But heat maps always do; is it *true*? A test that could fail: cover the warmest quarter of the
# picture in grey, or the coldest, or any quarter, and see how sure the network still is of what it said.

# %%
def cover(x, squares):  # squares (n, 8, 8), True where 4 x 4 pixels become grey
    return np.where(np.kron(squares, np.ones((1, 4, 4)))[..., None] > 0, np.float32(0), x)


ranks = heat.reshape(len(heat), -1).argsort(axis=1).argsort(axis=1)  # 0 is the coldest of 64 squares
orders = {
    "warmest": ranks >= 48, "coldest": ranks < 16,
    "any": rng.permuted(np.tile(np.arange(64), (len(heat), 1)), axis=1) < 16,
}
print(f"nothing covered      sure of what it said: {probabilities.max(axis=1).mean():.3f}")
left = {}
for name, squares in orders.items():
    after = answer(tuned, cover(x_test, squares.reshape(-1, 8, 8)))
    left[name] = np.take_along_axis(after, said[:, None], axis=1).mean()
    print(f"{name:7s} 16 of 64 covered, still sure: {left[name]:.3f}")
results.report(
    "08", seed=SEED, data=pictures.provenance, weights=seen_before.provenance, smoke=SMOKE,
    warm_over_any=left["any"] - left["warmest"],
)

# %% [markdown]
# **What we saw.** Where the map is warm, the network would miss it most; where it is cold, it hardly looks. So here the
# map tells the truth. It tells *where*, mind you, not *why*. And it is coarse: 8 × 8 squares, drawn smoothly.
#
# ### Play: ask it about something else
#
# Grad-CAM can be asked about *any* class, not only about what the network said. Choose a picture, then a class. What is
# it in the bicycle that speaks most for an umbrella?

# %% alt="Three test pictures, each beside its heat map for one class, with the probability of that class."
def cam_view(ax, picture, kind):
    kind = kinds.index(kind)
    warm = grad_cam(maps_model, top, x_test[picture : picture + 1], np.array([kind]))[0]
    ax.imshow(pictures.x_test[picture], extent=(-34, -2, 32, 0))
    overlay(ax, pictures.x_test[picture], warm / max(warm.max(), 1e-9))
    ax.set(xlim=(-34, 32), ylim=(32, 0))
    sure = probabilities[picture, kind]
    ax.set_title(f"{kinds[y_test[picture]]}: what speaks for {kinds[kind]} ({sure:.0%})?", fontsize=9)


first_of = [int(np.flatnonzero(y_test == kind)[0]) for kind in (0, num_classes // 2, num_classes - 1)]
widgets.explore(
    cam_view,
    controls={"picture": (0, len(x_test) - 1, 1), "kind": list(kinds)},
    states={kinds[y_test[place]]: {"picture": place, "kind": kinds[y_test[place]]} for place in first_of},
    hint="ask one picture about several classes: does the warm place move?",
)

# %% [markdown]
# ## 10. And with a big one?
#
# Our backbone is tiny. Those in use were trained on **ImageNet**, 1.3 million photos of a thousand kinds of things, and
# come with Keras. How do they differ in depth and in size? (Counted without their last dense layers.)

# %% tags=["nbval-check-output"]
applications = keras.applications
big_ones = {
    "VGG16": applications.VGG16, "ResNet50": applications.ResNet50,
    "DenseNet121": applications.DenseNet121, "MobileNetV2": applications.MobileNetV2,
    "EfficientNetB0": applications.EfficientNetB0,
}
print("network          convolutions   parameters")
convolutions = (layers.Conv2D, layers.DepthwiseConv2D)
for name, build in {"our ResNet-20": lambda **_: backbone, **big_ones}.items():
    network = build(include_top=False, weights=None, input_shape=(224, 224, 3))
    depth = sum(isinstance(layer, convolutions) for layer in network.layers)
    print(f"{name:15s} {depth:13d} {network.count_params():12,d}")
in_dense = 25_088 * 4_096 + 4_096 + 4_096 * 4_096 + 4_096 + 4_096 * 1_000 + 1_000
print(f"VGG16's three dense layers would add {in_dense:,}")
del network
keras.backend.clear_session()

# %% [markdown]
# VGG16 (2014) has few layers and many weights, most of them in the dense layers that a ResNet replaced by an average.
# MobileNet and EfficientNet were made for phones: far fewer weights, and nearly as good.
#
# Now **ResNet50** itself, with 224 × 224 pixels and 25 million weights. Are they on hand? If they are not, the next
# cells run all the same, with *random* weights: then they show the path, and their numbers mean nothing.

# %%
big_files = weights.resnet50(WEIGHTS)
is_real = bool(big_files.files)
keras.utils.set_random_seed(SEED)
resnet50 = applications.ResNet50(weights=None)  # with its 1,000 classes
if is_real:
    resnet50.load_weights(big_files.files["resnet50_weights_tf_dim_ordering_tf_kernels.h5"])
print(f"{resnet50.count_params():,} parameters, {len(resnet50.layers)} layers in Keras's count")

# %% [markdown]
# What does it see in the flower? Each backbone has a scale of its own: this one wants blue, green, red, minus the means
# of ImageNet, and not divided. `preprocess_input` of the same module does it; that of another module would be the first
# failure of section 8.

# %%
def largest_square(picture, side=224):
    return np.asarray(layers.Resizing(side, side, crop_to_aspect_ratio=True)(picture[None]))


def top_five(model, picture, class_file):
    names = json.loads(class_file.read_text()) if class_file else {}
    scaled = applications.resnet50.preprocess_input(picture.copy())
    sure = np.asarray(model(scaled, training=False))[0]
    return [
        (names.get(str(place), ["", f"class {place}"])[1], sure[place])
        for place in sure.argsort()[::-1][:5]
    ]


class_file = big_files.files.get("imagenet_class_index.json")
for name, sure in top_five(resnet50, largest_square(flower), class_file):
    print(f"{name:20s} {sure:.3f}")
if not is_real:
    print("Random weights: this means nothing.")

# %% [markdown]
# Now the recipe as it stands in many articles: the folders are read by Keras's own function, the features come from
# ResNet50 before its last layer, and a head learns on half of the pictures in `val/` and is judged on the other half.

# %%
validation = keras.utils.image_dataset_from_directory(
    pictures.folder / "val", image_size=(224, 224), crop_to_aspect_ratio=True,
    batch_size=20, shuffle=False, verbose=False,
)
batches = [(x.numpy(), y.numpy()) for x, y in (validation.take(1) if SMOKE else validation)]
large_x = applications.resnet50.preprocess_input(np.concatenate([x for x, _ in batches]))
large_y = np.concatenate([y for _, y in batches])

large_backbone = keras.Model(resnet50.input, resnet50.get_layer("avg_pool").output)
began = time.perf_counter()
large_features = large_backbone.predict(large_x, batch_size=10, verbose=0)  # (n, 2048)
seconds = time.perf_counter() - began
print(f"{large_x.shape} became {large_features.shape}: {len(large_x) / seconds:.0f} pictures a second")

# %%
to_learn, to_judge = slice(0, None, 2), slice(1, None, 2)  # every other picture of each class
large_head = build_head(large_features.shape[1])
large_start = compile_for(large_head, head_steps, rate=1e-3)
fit_steps(large_head, large_start, large_features[to_learn], large_y[to_learn], head_steps)
score = accuracy(large_head, large_features[to_judge], large_y[to_judge])
fit_steps(head, head_start, answer(backbone, x_val[to_learn]), y_val[to_learn], head_steps)
small_score = accuracy(head, answer(backbone, x_val[to_judge]), y_val[to_judge])
print(f"{len(large_y[to_learn])} pictures to learn from, {len(large_y[to_judge])} to judge by:", end=" ")
print(f"ResNet50 {score:.2f}, our ResNet-20 {small_score:.2f}")
if not is_real:
    print("(ResNet50 with random weights: a control. Features that nobody learned.)")

# %% [markdown]
# Then the recipe thaws it **from layer 100 on** and fine-tunes with a rate of 1e-5, for up to 20 epochs
# (`LARGE_EPOCHS`; an epoch is cheap on a GPU and slow here). Which layer is number 100?

# %%
for layer in large_backbone.layers[:100]:
    layer.trainable = False
first = next(layer.name for layer in large_backbone.layers[100:] if layer.weights)
inputs = keras.Input((224, 224, 3))
large_model = keras.Model(inputs, large_head(large_backbone(inputs, training=False)))
large_model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
thawed = sum(int(np.prod(variable.shape)) for variable in large_backbone.trainable_variables)
print(f"from {first} on: {thawed:,} of {large_backbone.count_params():,} weights learn")
large_model.fit(
    large_x[to_learn], large_y[to_learn], batch_size=10, epochs=0 if SMOKE else LARGE_EPOCHS, verbose=0,
    callbacks=training.progress(),
)
said_after = large_model.predict(large_x[to_judge], batch_size=10, verbose=0).argmax(axis=1)
print(f"frozen {score:.2f}, fine-tuned {np.mean(said_after == large_y[to_judge]):.2f}")
del resnet50, large_backbone, large_model, large_x, batches
gc.collect()
keras.backend.clear_session()

# %% [markdown]
# **What we saw.** If yours were random weights: size is nothing. A network with nearly a hundred times as many weights
# as ours, which has seen nothing, has features worth no more than guessing, and a careful fine-tuning at 1e-5 does not
# change that. With the real weights (`course data fetch resnet50`, then run this section again) the comparison is a
# fair one. Which of the two do you expect to be ahead, on *drawings*?
#
# ## 11. And with *your* pictures?
#
# Sort them into folders, `train/`, `val/` and `test/`, in each one folder per class, and write the path into `IMAGES`
# in the second cell; or run `course run 08 --param IMAGES=photos`. Colour or grey, any size, JPEG or PNG. Ten per class
# to learn from and ten to judge by make a start. What is wrong in a folder, you are told before anything is trained:

# %%
def try_folder(break_it):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        for part in images.PARTS:
            for kind, colour in (("cat", "grey"), ("dog", "brown")):
                (folder / part / kind).mkdir(parents=True)
                Image.new("RGB", (40, 30), colour).save(folder / part / kind / "1.jpg")
        break_it(folder)
        try:
            images.load(folder)
        except OSError as error:
            print(str(error).replace(f"{folder}", "photos"), "\n")


def one_class(folder):
    for part in images.PARTS:
        (folder / part / "dog" / "1.jpg").unlink()
        (folder / part / "dog").rmdir()


try_folder(one_class)
try_folder(lambda folder: (folder / "val/cat/1.jpg").unlink())
try_folder(lambda folder: (folder / "train/dog/1.jpg").write_bytes(b"\xff\xd8\xff no picture"))
try_folder(lambda folder: (folder / "test/dog/notes.txt").write_text("not a picture"))

# %% [markdown]
# Two things that no program can check. **Are the parts really apart?** Ten photos of the same cat in the same minute
# are one photo; if some lie in `train/` and some in `test/`, the score is a fairy tale. **Does the ground give it
# away?** If all cats were taken indoors, the network learns carpets. Grad-CAM shows it.
#
# ## 12. Where next?
#
# - **Detection**: not only *what*, but *where*, with a box around each thing. A backbone as ours, and heads that guess
#   boxes. Begin with S. Ren et al., *Faster R-CNN* (2015), and J. Redmon et al., *You only look once* (2016); KerasHub
#   has models.
# - **Style transfer**: keep the features of one picture's content and another's texture, and change *pixels* until both
#   fit. L. Gatys, A. Ecker, M. Bethge, *A neural algorithm of artistic style* (2015).
# - **Interpretability**: Grad-CAM is a beginning. C. Olah et al., *Zoom in: an introduction to circuits* (2020); and,
#   as a warning, J. Adebayo et al., *Sanity checks for saliency maps* (2018): some heat maps look the same for a random
#   network.
# - **Distributed training**: several GPUs each take a part of the batch, and their gradients are averaged.
#   `keras.distribution` and P. Goyal et al., *Accurate, large minibatch SGD: training ImageNet in 1 hour* (2017).
#
# ## What to take with you
#
# - A shortcut lets a block learn only what it *adds*; the gradient runs past it. That made depth trainable.
# - Backbone, pooling, small head: with ten pictures per class that beats training from scratch by far. But so may a
#   good idea from before deep learning. Measure the baseline.
# - A frozen backbone computes features **once**. Thawed, it needs a trained head and a smaller step.
# - A network in training mode answers by the company that a picture is in. In use: `training=False`.
# - Use the scaling that the backbone learned with, in training and afterwards.
# - Grad-CAM shows where a network looks; cover the place to see whether it is true.
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it.
#
# **Exercise 1 (easy).** How many numbers does a residual block hold? `inputs` channels come in, `filters` go out, and
# the first convolution has the stride `stride`. Count two convolutions of 3 × 3 without biases, a normalization after
# each with four numbers per channel, and, where the stride is not 1 *or* the channels change, a shortcut: a convolution
# of 1 × 1 without bias, and a normalization.

# %%
def block_parameters(inputs, filters, stride):
    ### BEGIN SOLUTION
    count = 9 * inputs * filters + 9 * filters * filters + 2 * 4 * filters
    if stride != 1 or inputs != filters:
        count += inputs * filters + 4 * filters
    return count
    ### END SOLUTION


# %%
check.block_parameters(block_parameters)

# %% [markdown]
# **Exercise 2 (medium).** After training, a normalization is only a multiplication and an addition per channel; it can
# be **folded** into the convolution before it. Given the convolution's kernel (height, width, inputs, filters) and,
# each (filters,), the normalization's `gamma`, `beta`, `mean` and `variance`, return a new kernel and a bias
# (filters,), such that the new convolution alone gives what both gave together.

# %%
def fold_norm(kernel, gamma, beta, mean, variance, epsilon):
    ### BEGIN SOLUTION
    scale = gamma / np.sqrt(variance + epsilon)  # (filters,)
    return kernel * scale, beta - mean * scale
    ### END SOLUTION


# %%
check.fold_norm(fold_norm)

# %% [markdown]
# **Exercise 3 (makes you think).** A map of where a network looks, without any gradient: cover one square after the
# other and note by how much the score falls. `score` takes pictures (n, height, width, 3) and returns (n,). Return an
# array (height // size, width // size) with the score of the whole picture minus the score with that square filled with
# `fill`; `size` divides both sides.

# %%
def occlusion_map(score, picture, size, fill):
    ### BEGIN SOLUTION
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    drops = np.zeros((rows, columns))
    whole = score(picture[None])[0]
    for row in range(rows):
        for column in range(columns):
            covered = picture.copy()
            covered[row * size : (row + 1) * size, column * size : (column + 1) * size] = fill
            drops[row, column] = whole - score(covered[None])[0]
    return drops
    ### END SOLUTION


# %%
check.occlusion_map(occlusion_map)

# %% [markdown]
# **Exercise 4 (open).** Bring pictures of your own: two or three kinds of things, twenty of each, sorted into folders.
# Guess first which of the curves of section 7 will win and by how much, then run the chapter on them. Are they photos?
# Then the backbone should be more at home than with drawings; is it? Use your `occlusion_map` beside Grad-CAM on a
# picture that is read wrongly: do the two agree? There is no check; a good answer is the figure of section 7 for your
# pictures, and a sentence on what surprised you. Add a cell below this one and begin.

# %% [markdown]
# ## Read on
#
# - K. He, X. Zhang, S. Ren, J. Sun, *Deep residual learning for image recognition*, CVPR 2016 (arXiv:1512.03385):
#   section 4.2 has our ResNet-20.
# - A. Veit, M. Wilber, S. Belongie, *Residual networks behave like ensembles of relatively shallow networks*, NeurIPS
#   2016.
# - J. Yosinski, J. Clune, Y. Bengio, H. Lipson, *How transferable are features in deep neural networks?*, NeurIPS 2014.
# - S. Kornblith, J. Shlens, Q. Le, *Do better ImageNet models transfer better?*, CVPR 2019; A. Kolesnikov et al., *Big
#   transfer (BiT)*, ECCV 2020.
# - N. Dalal, B. Triggs, *Histograms of oriented gradients for human detection*, CVPR 2005: the edge histograms.
# - R. Selvaraju et al., *Grad-CAM: visual explanations from deep networks via gradient-based localization*, ICCV 2017.
# - A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009: CIFAR-10.
#
# **Next: appendix A1.** You have met most of Keras by now. Where do you look up the rest?
