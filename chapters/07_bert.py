# %% [markdown]
# # 07 · BERT: what does attention attend to?
#
# **You build.** Attention in a few lines of NumPy, an encoder block in Keras, and from six such blocks a real BERT, filled
# with weights that others trained on large machines; then a race with few labels: a bag of words, an LSTM, and BERT.
#
# **Time.** About ten minutes for a machine with two CPU cores on real reviews, six on the generated ones, and 3 GB of
# memory; an evening or two for you.
#
# **You need.** Chapter 04: tokens, embeddings, padding, the bag of words. From section 5 on also the weights of BERT, 92
# MB. Setting up the course has fetched them if the network let it; `course data list` shows whether they are there.

# %%
from course_utils import device, plots, results, training, weights, widgets
from course_utils.checks import chapter07 as check
from course_utils.datasets import imdb

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

import functools
import gc
import importlib.util
import json
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from safetensors.numpy import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
DATA = "auto"  # "auto", "full" or "bundled"
WEIGHTS = "auto"  # "auto" (what is on hand) or "full" (fetched now if need be)
SMOKE = False  # True cuts every training to seconds, to see that the code runs

# %%
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1. Which "bank" is it?
#
# "Bank" is two words: one by the river, one for the money. An embedding (chapter 04) has a single row for both. An LSTM
# could tell them apart, if its state still remembered the word that decides; one that reads in a single direction also
# needs that word to come first. What if each word could simply *look at* all the others, near or far, before or after,
# and take from them what it needs?
#
# Suppose that each word is described by two numbers that we made up: how much it has to do with water, and how much
# with money. "Bank" lies in between. Now let every word look around:
#
# 1. Compare "bank" with each word, itself included: a dot product is a **score**, large for words that fit together.
# 2. Turn the scores into shares that add up to 1, with a **softmax**. They are called **attention weights**.
# 3. Mix all words by these shares. That is the new "bank".
#
# This is **attention**. Which way will "bank" move in "river bank", and which way in "money bank"?

# %%
def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


described = {"river": [2.0, 0.2], "money": [0.2, 2.0], "bank": [1.2, 1.2]}
moved = {}
for sentence in ("river bank", "money bank"):
    x = np.array([described[word] for word in sentence.split()])  # (words, 2)
    shares = softmax(x @ x.T)  # (words, words), each row adds up to 1
    moved[sentence] = (shares @ x)[1]
    print(f"{sentence}: 'bank' looks at {sentence.split()[0]} with {shares[1, 0]:.2f},", end=" ")
    print(f"at itself with {shares[1, 1]:.2f}, and becomes {moved[sentence].round(2)}")

# %% alt="Three words as points of the plane: river far along the water axis, money far along the money axis, bank on the diagonal between. Two arrows lead from bank, one towards river and one towards money."
_, ax = plt.subplots(figsize=(4.6, 3.6))
for word, place in described.items():
    ax.plot(*place, "o", color="0.3")
    ax.annotate(word, place, xytext=(6, 6), textcoords="offset points")
for (sentence, place), colour in zip(moved.items(), plots.PALETTE):
    ax.annotate("", place, described["bank"], arrowprops={"arrowstyle": "->", "color": colour})
    ax.annotate(sentence, place, xytext=(6, -4), textcoords="offset points", color=colour)
ax.set(xlabel="water", ylabel="money", xlim=(0, 2.6), ylim=(0, 2.4))
plt.show()

# %% [markdown]
# **What we saw.** The same word became two different vectors, because it stood in two sentences. Nothing was learned yet,
# and nothing was remembered: each word looked directly at each other word.
#
# Here each word played three parts at once: it asked, it was compared with, and it was what got mixed. Learning is
# easier with three separate vectors, each made from the word by a layer of its own:
#
# - the **query** $q$: what this word is looking for;
# - the **key** $k$: what that word has to offer;
# - the **value** $v$: what it hands over if it is chosen.
#
# $$\text{attention}(Q, K, V) = \text{softmax}\Big(\frac{Q K^\top}{\sqrt{d}}\Big)\, V$$
#
# with $d$ the length of a query. Why divide by its root? Watch what happens to ten scores of random vectors as the
# vectors get longer. Which of the two curves on the left is the one *without* the root?

# %% alt="Left, the largest of ten attention weights against the size of the vectors: one curve climbs to nearly one, the other stays flat far below. Right, how strongly the weights react to the scores: one curve falls towards zero, the other stays flat."
def reaction(shares):  # the size of the softmax's derivative, diag(w) - w w^T
    jacobian = np.eye(shares.shape[-1]) * shares[..., None] - shares[..., None] * shares[..., None, :]
    return np.linalg.norm(jacobian, axis=(-2, -1))


sizes = 2 ** np.arange(1, 11)
_, axes = plt.subplots(1, 2, figsize=(9, 3))
for name, power, style in (("A", 0.5, "o-"), ("B", 0.0, "s--")):
    largest, reacts = [], []
    for size in sizes:
        query, keys = rng.normal(size=(300, 1, size)), rng.normal(size=(300, 10, size))
        scores = (query @ keys.swapaxes(1, 2))[:, 0] / size**power  # (300, 10)
        largest.append(softmax(scores).max(axis=-1).mean())
        reacts.append(reaction(softmax(scores)).mean())
    axes[0].semilogx(sizes, largest, style, base=2, label=name)
    axes[1].semilogx(sizes, reacts, style, base=2, label=name)
axes[0].set(xlabel="size of the vectors", ylabel="largest of ten weights", ylim=(0, 1))
axes[1].set(xlabel="size of the vectors", ylabel="reaction to the scores", ylim=(0, None))
axes[0].legend()
plt.show()

# %% [markdown]
# The dot product of two random vectors of size $d$ spreads like $\sqrt{d}$. Without the root (B), long vectors make the
# softmax choose one word and forget the rest; and where it is sure, its slope is next to zero: no gradient comes
# through (chapter 01 met the same with the sigmoid). With the root, the size does not matter.
#
# Here it is, with room for a **mask** that says who may look at whom (section 2 needs it):

# %%
def attention(query, key, value, mask=None):
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (..., words, others)
    if mask is not None:
        scores = np.where(mask, scores, -1e9)  # as good as minus infinity
    shares = softmax(scores)
    return shares @ value, shares


# %% [markdown]
# ### Several heads
#
# One softmax can look at one kind of thing: the subject, say. A word may also need its adjective, and the word before.
# So let several **heads** look at the same time, each with small queries, keys and values of its own, and let a last layer
# mix what they bring: **multi-head attention**. Where the words look at themselves, it is called **self-attention**;
# where those of one sentence look at another sentence, **cross-attention**. In the code, `x` asks and `others` answer.

# %%
def multi_head(x, others, parameters, mask=None):
    (query_kernel, query_bias, key_kernel, key_bias,
     value_kernel, value_bias, output_kernel, output_bias) = parameters
    # b: batch, w: words, i: inputs, h: heads, s: size of a query, o: outputs
    query = np.einsum("bwi,ihs->bhws", x, query_kernel) + query_bias[:, None]
    key = np.einsum("bwi,ihs->bhws", others, key_kernel) + key_bias[:, None]
    value = np.einsum("bwi,ihs->bhws", others, value_kernel) + value_bias[:, None]
    mixed, shares = attention(query, key, value, mask)  # (batch, heads, words, size)
    return np.einsum("bhws,hso->bwo", mixed, output_kernel) + output_bias, shares


# %% [markdown]
# Is that what Keras computes? We let its layer make weights, move them about (its biases begin at zero, which would
# hide a mistake), and hand the same ones to our function: self-attention, the same with a mask, and cross-attention from
# five words to seven others.

# %%
x = rng.normal(size=(2, 5, 16)).astype("float32")  # (batch, words, width)
others = rng.normal(size=(2, 7, 16)).astype("float32")
only_earlier = np.tri(5, dtype=bool)  # word i may look at words 0 to i
differences = {}
for name, seen, mask in (
    ("self", x, None), ("self, masked", x, only_earlier), ("cross", others, None)
):
    layer = layers.MultiHeadAttention(num_heads=4, key_dim=4)
    layer(x, seen)  # the first call makes the weights
    parameters = [rng.normal(0, 0.25, size=weight.shape) for weight in layer.get_weights()]
    layer.set_weights(parameters)
    by_keras = layer(x, seen, attention_mask=None if mask is None else mask[None]).numpy()
    by_us, shares = multi_head(x, seen, parameters, mask)
    differences[name] = np.abs(by_us - by_keras).max()
    print(f"{name:13s} output {by_us.shape}, attention weights {shares.shape},", end=" ")
    print(f"largest difference from Keras {differences[name]:.1e}")
results.report("07", seed=SEED, smoke=SMOKE, attention_error=max(differences.values()))

# %% [markdown]
# **What we saw.** What is left is rounding, so that is all of attention: three matrix products for queries, keys and
# values, one to compare, a softmax, one to mix and one more for the output. Unlike in an LSTM, no word waits for the one
# before it.
#
# ## 2. Who may look at whom?
#
# The mask decides what kind of network this becomes. Each row of these pictures is a word that looks, each column one that
# is looked at; a filled square means "may".

# %% alt="Three square tables of who may look at whom. Reading: all words may look at all words, and none at the two columns of padding. Writing: a lower triangle, each word at itself and the earlier ones. Translating: all words of a German sentence at all words of the English one."
english = ["the", "bank", "is", "closed", "[PAD]", "[PAD]"]
german = ["die", "Bank", "ist", "zu"]
real = np.array([word != "[PAD]" for word in english])
tables = {
    "reading (BERT)": (np.tile(real, (6, 1)), english, english),
    "writing (GPT)": (np.tri(4, dtype=bool), english[:4], english[:4]),
    "translating": (np.tile(real, (4, 1)), german, english),
}
_, axes = plt.subplots(1, 3, figsize=(11, 3.6))
for ax, (name, (allowed, rows, columns)) in zip(axes, tables.items()):
    ax.pcolormesh(allowed[::-1], cmap="Blues", vmin=0, vmax=1.4, edgecolors="white", linewidth=2)
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=45)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows[::-1])
    ax.set(title=name, xlabel="is looked at", ylabel="looks", aspect="equal")
    ax.grid(False)
plt.show()

# %% [markdown]
# - **Reading.** Every word may look everywhere, but for the padding. That is an **encoder**, and BERT is one. (What the
#   rows of the padding compute, nobody asks.)
# - **Writing.** Whoever learns to guess the next word must not see it. With the **causal** mask, word $i$ knows only words 0
#   to $i$. That is a **decoder**, and GPT is one.
# - **Translating.** A decoder writes German and, in each block, also looks at what an encoder has read of the English:
#   cross-attention. For this the **Transformer** was invented, in 2017, by Ashish Vaswani and seven others.
#
# Does the causal mask keep its promise? Change the *last* of six words, and see whose output moves.

# %%
six = rng.normal(size=(1, 6, 16)).astype("float32")
changed = six.copy()
changed[:, -1] += 1.0
layer = layers.MultiHeadAttention(num_heads=4, key_dim=4)
for name, mask in (("everywhere", np.ones((1, 6, 6), bool)), ("only earlier", np.tri(6)[None] > 0)):
    before, after = (layer(words, words, attention_mask=mask).numpy() for words in (six, changed))
    print(f"{name:13s} moved by", *(f"{moved:.2f}" for moved in np.abs(after - before).max(axis=(0, 2))))

# %% [markdown]
# **What we saw.** With the causal mask only the last word's output moves. So a decoder can learn from all words of a text
# in a single pass: every word is an exercise for which the words before it are the question, and none can cheat.
#
# ## 3. Does attention know what comes first?
#
# Nothing in `attention` says which word stands where. Will "dog bites man" and "man bites dog" be the same to it? Take
# three random vectors as words, and average the three outputs, as chapter 04 did.

# %%
three = dict(zip(("dog", "bites", "man"), rng.normal(size=(3, 16)).astype("float32")))


def read_average(layer, sentence, vectors, positions):
    x = np.stack([vectors[word] for word in sentence.split()])[None]  # (1, words, 16)
    x = x + positions[: x.shape[1]]
    return layer(x, x).numpy().mean(axis=1)[0]  # (16,)


no_positions = np.zeros((3, 16), "float32")
first, second = (
    read_average(layer, sentence, three, no_positions)
    for sentence in ("dog bites man", "man bites dog")
)
print(f"largest difference between the two sentences: {np.abs(first - second).max():.1e}")

# %% [markdown]
# Not a trace of the order is left: the queries, the scores, the shares come out the same, only in another row. Attention
# sees a *bag* of words. A good way out is almost rude: **add** to each word's vector another vector that depends on the
# place alone. Vaswani took waves, fast ones and slow ones, like the hands of many clocks:
#
# $$p_{t,\,2i} = \sin(t / 10000^{2i/d}), \qquad p_{t,\,2i+1} = \cos(t / 10000^{2i/d})$$

# %%
def waves(num_words, width):
    rates = 10_000.0 ** (-np.arange(0, width, 2) / width)  # (width / 2,), from fast to slow
    angles = np.arange(num_words)[:, None] * rates
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return pairs.reshape(num_words, width).astype("float32")


# %% alt="Left, a table of 64 positions by 64 numbers: fast stripes at the left, slow ones at the right. Right, the dot product of the vector of position 32 with those of all positions: a peak at 32 that falls to both sides, with ripples."
table = waves(64, 64)
_, axes = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(1.2, 1))
axes[0].imshow(table, cmap="RdBu_r", aspect="auto")
axes[0].set(xlabel="index within the vector", ylabel="position")
axes[0].grid(False)
axes[1].plot(table @ table[32])
axes[1].set(xlabel="position", ylabel="dot product with position 32")
plt.show()
first, second = (
    read_average(layer, sentence, three, waves(3, 16))
    for sentence in ("dog bites man", "man bites dog")
)
print(f"with positions, the two sentences differ by up to {np.abs(first - second).max():.2f}")

# %% [markdown]
# **What we saw.** Neighbouring places have similar vectors, and the two sentences are no longer the same. BERT has no
# formula for its places: it *learns* a table with one row per place, as an embedding learns one per word. In section 5 we
# will look at what it learned.
#
# ## 4. What else is in a block?
#
# Attention mixes words; it hardly computes. After it, each word passes through a small network of its own, the same for
# all words (**position-wise feed-forward**): it makes the vector four times wider, bends it, and makes it narrow again.
# Two more ideas let us stack such blocks: each part *adds* its output to its input, so that a gradient can run straight
# through (chapter 08 lives on that), and after each addition a **layer normalization** brings every word's vector to mean
# 0 and variance 1, then stretches and shifts it by learned numbers:

# %%
def layer_norm(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


x = rng.normal(3.0, 5.0, size=(2, 5, 16)).astype("float32")
gamma, beta = rng.normal(size=(2, 16)).astype("float32")
norm = layers.LayerNormalization(epsilon=1e-12)
norm.build(x.shape)
norm.set_weights([gamma, beta])
print("largest difference from Keras:", np.abs(layer_norm(x, gamma, beta, 1e-12) - norm(x)).max())

# %% [markdown]
# Batch normalization (chapter 03) takes the mean of one feature over the batch; layer normalization takes the mean of one
# word over its features. Neither the batch nor the padding has a say, so it does the same in training and afterwards.
#
# Now assemble the block. The names of its sizes are those of BERT's own configuration; **GELU** is a ReLU with a
# rounded corner. (The names of the layers look odd. They will pay off in a minute.)

# %%
block_sizes = {
    "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1_536, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12,
}


class Block(layers.Layer):
    def __init__(self, config, name):
        super().__init__(name=name)
        width, heads = config["hidden_size"], config["num_attention_heads"]
        epsilon = config["layer_norm_eps"]
        self.attention = layers.MultiHeadAttention(
            heads, width // heads, dropout=config["attention_probs_dropout_prob"], name="attention.self"
        )
        self.attention_norm = layers.LayerNormalization(
            epsilon=epsilon, name="attention.output.LayerNorm"
        )
        self.widen = layers.Dense(
            config["intermediate_size"], activation=config["hidden_act"], name="intermediate.dense"
        )
        self.narrow = layers.Dense(width, name="output.dense")
        self.norm = layers.LayerNormalization(epsilon=epsilon, name="output.LayerNorm")
        self.dropout = layers.Dropout(config["hidden_dropout_prob"])

    def call(self, x, mask):  # x (batch, words, width), mask (batch, 1, words)
        looked = self.attention(x, x, attention_mask=mask)
        x = self.attention_norm(x + self.dropout(looked))
        computed = self.narrow(self.widen(x))  # (batch, words, 1536), and back to 384
        return self.norm(x + self.dropout(computed))  # (batch, words, width)


# %% [markdown]
# How many parameters has it, and which part has most? Work it out before you run the cell: four layers of
# $d \times d$ with biases, one of $d \times 4d$, one of $4d \times d$, and two normalizations.

# %% tags=["nbval-check-output"]
block = Block(block_sizes, "counted")
shape = block(np.zeros((1, 7, 384), "float32"), np.ones((1, 1, 7), bool)).shape
d = block_sizes["hidden_size"]
by_formula = {
    "attention": 4 * (d * d + d),
    "feed-forward": (d * 4 * d + 4 * d) + (4 * d * d + d),
    "normalizations": 2 * 2 * d,
}
for name, count in by_formula.items():
    print(f"{name:15s} {count:9,d}")
print(f"{'by formula':15s} {sum(by_formula.values()):9,d}")
print(f"{'by Keras':15s} {block.count_params():9,d}   in (1, 7, 384), out {tuple(shape)}")

# %% [markdown]
# **What we saw.** Two thirds sit in the feed-forward network, the part that nobody talks about. And the number of words
# occurs nowhere in the formula: the same weights read a sentence of any length.
#
# ## 5. Is that all there is to BERT?
#
# Nearly. **BERT** (Jacob Devlin and others, 2018) puts an embedding in front of a stack of these blocks, and it was
# *trained on text without labels*: hide some words, guess them from both sides. (A second task, to tell whether one
# sentence follows another, was soon found to be worth little.) Whoever guesses well must have learned a lot about the
# language. That training is costly; its result is a file. Is it here?

# %%
bert_files = weights.minilm(WEIGHTS)
config = json.loads(bert_files.files["config.json"].read_text())
tensors = load_file(bert_files.files["model.safetensors"])  # {name: array}; holds no code
same = all(config[name] == value for name, value in block_sizes.items())
print(f"{config['num_hidden_layers']} blocks; sizes as in section 4: {same}")
print(f"{len(tensors)} tensors; those of the first block:\n")
for name, tensor in tensors.items():
    if ".layer.0." in name:
        print(f"{name:50s} {tensor.shape}")

# %% [markdown]
# This is a small BERT, all-MiniLM-L6-v2. A large BERT taught a smaller one of twelve blocks to copy its attention
# (**distillation**); every second block of that one was kept; and the six were trained further on pairs of sentences, so
# that those of similar meaning get similar vectors. Do you recognise the names?
#
# ### Words become pieces
#
# BERT has no "[unknown]" for rare words. Its vocabulary was made from **pieces** of words (**WordPiece**): frequent words
# are whole, rare ones are put together; `##` marks a piece that continues a word. Into how many tokens will "Deep
# learning is amazing!" fall?

# %% tags=["nbval-check-output"]
tokenizer = Tokenizer.from_file(str(bert_files.files["tokenizer.json"]))
tokenizer.no_truncation()  # the file asks for 128 tokens exactly;
tokenizer.no_padding()  # we cut and pad ourselves, in plain sight
amazing = tokenizer.encode("Deep learning is amazing!")
print(len(amazing.ids), "tokens:", amazing.tokens)
print("their numbers:", amazing.ids, "\n")
for text in ("unbelievably boring", "overacted", "Schwarzenegger", "naïve café", "东京 😀"):
    print(f"{text:20s} {tokenizer.encode(text).tokens[1:-1]}")

# %% [markdown]
# Capitals and accents are gone (this vocabulary is "uncased") and punctuation is a token. Two **special tokens** frame the
# text, `[CLS]` and `[SEP]`; a third, `[UNK]`, is left for characters that the vocabulary has never seen.
#
# ### The encoder
#
# An embedding for the words, one for the places (**position embeddings**), and one that tells a first sentence from a
# second (we always have one sentence: row 0). Add the three, normalize, and run through the blocks. The mask is made
# from the numbers themselves: padding has number 0.

# %%
class Embeddings(layers.Layer):
    def __init__(self, config):
        super().__init__(name="embeddings")
        width = config["hidden_size"]
        self.words = layers.Embedding(config["vocab_size"], width, name="word_embeddings")
        self.places = layers.Embedding(
            config["max_position_embeddings"], width, name="position_embeddings"
        )
        self.sentences = layers.Embedding(
            config["type_vocab_size"], width, name="token_type_embeddings"
        )
        self.norm = layers.LayerNormalization(epsilon=config["layer_norm_eps"], name="LayerNorm")
        self.dropout = layers.Dropout(config["hidden_dropout_prob"])

    def call(self, ids):  # (batch, words)
        places = ops.arange(ops.shape(ids)[1])
        added = self.words(ids) + self.places(places) + self.sentences(ops.zeros_like(ids))
        return self.dropout(self.norm(added))  # (batch, words, width)


class Encoder(keras.Model):
    def __init__(self, config):
        super().__init__(name="bert")
        self.embeddings = Embeddings(config)
        self.blocks = [
            Block(config, f"encoder.layer.{number}") for number in range(config["num_hidden_layers"])
        ]

    def call(self, ids):
        mask = (ids != 0)[:, None, :]  # (batch, 1, words): nobody looks at padding
        x = self.embeddings(ids)
        for block in self.blocks:
            x = block(x, mask)
        return x  # (batch, words, width), a vector for each word in its sentence


# %% [markdown]
# Now the odd names pay off. Keras calls a weight `bert/encoder.layer.0/output.dense/kernel`, the file calls it
# `encoder.layer.0.output.dense.weight`. And the file comes from PyTorch, where a dense layer stores (outputs, inputs): we
# turn it round. Filling by name must be strict. A tensor that is missing, left over or of another shape means that this is
# *not* the network which the weights were trained in, and it would still run and give numbers, only wrong ones.

# %%
STORED_AS = {"kernel": "weight", "gamma": "weight", "embeddings": "weight", "beta": "bias"}
# In the file, and not needed here: the numbers 0 to 511, and the layer of BERT's second task.
LEFT_OUT = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}


def stored_name(variable):
    *places, kind = variable.path.split("/")[1:]
    name = ".".join([*places, STORED_AS.get(kind, kind)])
    # What mixes the heads is part of Keras's attention layer; the file counts it as a layer that follows.
    return name.replace("attention.self.attention_output", "attention.output.dense")


def stored_shape(variable):
    if not variable.path.endswith("kernel"):
        return variable.shape if variable.path.endswith("embeddings") else (np.prod(variable.shape),)
    ends = 2 if "attention_output" in variable.path else 1  # its inputs are (heads, size)
    return np.prod(variable.shape[ends:]), np.prod(variable.shape[:ends])


def fill(encoder, tensors):
    variables = {stored_name(variable): variable for variable in encoder.weights}
    missing, extra = variables.keys() - tensors.keys(), tensors.keys() - variables.keys() - LEFT_OUT
    misshapen = [
        f"{name} has the shape {tensors[name].shape}, needed is {tuple(map(int, shape))}"
        for name, variable in variables.items()
        if name in tensors and tensors[name].shape != (shape := stored_shape(variable))
    ]
    if missing or extra or misshapen:
        raise ValueError(
            f"These are not the weights of this encoder: missing {sorted(missing) or 'nothing'}; "
            f"left over {sorted(extra) or 'nothing'}; misshapen {misshapen or 'nothing'}. Pass "
            "tensors that were saved from an encoder with the same configuration."
        )
    for name, variable in variables.items():
        tensor = tensors[name].T if variable.path.endswith("kernel") else tensors[name]
        variable.assign(tensor.reshape(variable.shape))


def build_bert(config, tensors):
    encoder = Encoder(config)
    encoder(np.array([[101, 102]]))  # the first call makes the variables
    fill(encoder, tensors)
    return encoder

# %% [markdown]
# Three broken files, to see that it refuses each. What would have become of each without these checks?

# %%
bert = build_bert(config, tensors)
one_weight = "encoder.layer.2.intermediate.dense.weight"
broken = {
    "a tensor lost": {name: tensor for name, tensor in tensors.items() if name != one_weight},
    "a seventh block": {**tensors, "encoder.layer.6.output.dense.bias": np.zeros(384)},
    "not turned round": {**tensors, one_weight: tensors[one_weight].T},
}
for name, some_tensors in broken.items():
    try:
        fill(bert, some_tensors)
    except ValueError as error:
        print(f"{name}: {str(error).partition('. ')[0]}\n")
in_embeddings = bert.embeddings.count_params()
print(f"{bert.count_params():,} parameters, {in_embeddings:,} of them in the embeddings")
results.report(
    "07", seed=SEED, weights=bert_files.provenance, smoke=SMOKE,
    tokens=len(amazing.ids), parameters=bert.count_params(),
)

# %% [markdown]
# (The layer whose tensor was lost would have kept its random start; the seventh block would have been dropped, and BERT
# would have been another one than was trained; and a kernel of the right size in the wrong order is noise.) More than half
# of the parameters are the table of word pieces. And now read something. Padding goes to the end:

# %%
def to_ids(tokenizer, texts):
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return keras.utils.pad_sequences(rows, padding="post")  # (texts, words), 0 is padding


ids = to_ids(tokenizer, ["Deep learning is amazing!", "No."])
states = bert(ids).numpy()
print(ids)
print("hidden states", states.shape, states.dtype)
print(f"'deep': mean {states[0, 1].mean():.3f}, first numbers {states[0, 1, :4].round(3)}")

# %% [markdown]
# Numbers come out. But `fill` does not see everything: the kernel of a query is square, and turned the wrong way it still
# fits. How much would that change?

# %%
square = "encoder.layer.2.attention.self.query.weight"
fill(bert, {**tensors, square: tensors[square].T})  # no complaint: 384 by 384 either way
askew = bert(ids).numpy()
fill(bert, tensors)
differ = np.abs(askew - states)[ids != 0].max()
print(f"one of {len(tensors)} tensors the wrong way: numbers differ by up to {differ:.2f}")

# %% [markdown]
# Such a mistake shows in no message, only in results that are worse than they might be. What finds it is
# another implementation. So, is this *the* BERT, or something that looks like it? In practice one calls a library,
# and **KerasHub** does all of this section in three lines. It is a large package with parts that do not exist for
# every system, so the course does not install it for you; where it is there, the next cell compares. (The tests of
# this course do so each time.)

# %%
if importlib.util.find_spec("keras_hub"):
    import keras_hub

    library = keras_hub.models.BertBackbone.from_preset(str(bert_files.files["config.json"].parent))
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": ids != 0}
    by_library = library(inputs)["sequence_output"].numpy()
    approximate = {**config, "hidden_act": lambda x: keras.activations.gelu(x, approximate=True)}
    for name, encoder in (("ours", bert), ("with its GELU", build_bert(approximate, tensors))):
        apart = np.abs(encoder(ids).numpy() - by_library)[ids != 0].max()
        print(f"{name:14s} largest difference from KerasHub {apart:.1e}")
    del library, encoder  # 180 MB
else:
    print("KerasHub is not installed here. On Linux: python -m pip install keras-hub")

# %% [markdown]
# (KerasHub computes GELU by an approximation with a tanh, which GPT used and Google's code for BERT took over after its
# first release. The configuration of these weights names the exact formula. Where KerasHub is installed, the second line
# shows that this is the whole difference.)
#
# The table of places was learned. What does BERT think of distance?

# %% alt="Two wavy lines of the similarity of learned place vectors, one for place 20 and one for place 60. Each is highest at its own place and high at the places beside it; farther away it goes up and down every few places."
places = tensors["embeddings.position_embeddings.weight"]  # (512, 384)
places = places / np.linalg.norm(places, axis=1, keepdims=True)
_, ax = plt.subplots(figsize=(7, 2.8))
for place, style in ((20, "-"), (60, "--")):
    ax.plot((places @ places[place])[:128], style, label=f"place {place}")
ax.set(xlabel="another place", ylabel="cosine similarity")
ax.legend()
plt.show()

# %% [markdown]
# **What we saw.** Nobody told BERT that place 20 lies beside place 21. That came out of the texts, here by way of a
# teacher: knowing it helps to guess hidden words. And nobody gave it the formula of section 3; look how the lines go up
# and down at a steady pace.
#
# ## 6. What does attention attend to?
#
# Keras's layer hands out its attention weights on request. We want to see where they come from: section 1 wrote the
# function, and here are the parameters. Block by block, we recompute the attention in NumPy, and hold both against the
# layer's, the weights and the output.

# %%
def attention_maps(bert, ids):
    mask = ids != 0  # (batch, words)
    x = bert.embeddings(ids)
    maps, errors = [], []
    for block in bert.blocks:
        parameters = [weight.numpy() for weight in block.attention.weights]
        by_us, shares = multi_head(x.numpy(), x.numpy(), parameters, mask[:, None, None, :])
        by_layer, shares_by_layer = block.attention(
            x, x, attention_mask=mask[:, None, :], return_attention_scores=True
        )
        maps.append(shares)
        errors += [np.abs(by_us - by_layer)[mask].max(), np.abs(shares - shares_by_layer).max()]
        x = block(x, mask[:, None, :])
    return np.stack(maps, axis=1), max(errors)  # (batch, blocks, heads, words, words)


street = "The animal didn't cross the street because it was too tired."
street_tokens = tokenizer.encode(street).tokens
maps, recomputed_error = attention_maps(bert, to_ids(tokenizer, [street, "No."]))
print(f"attention weights {maps.shape}, all between {maps.min():.2f} and {maps.max():.2f}")
print(f"largest difference from the layers' weights and outputs {recomputed_error:.1e}")
results.report(
    "07", seed=SEED, weights=bert_files.provenance, smoke=SMOKE,
    recomputed_error=recomputed_error, row_sum_error=np.abs(maps.sum(axis=-1) - 1).max(),
)

# %% [markdown]
# Six blocks with twelve heads each: 72 pictures of who looks at whom, in one sentence. Before you read on: which kinds of
# picture can you tell apart?

# %% alt="Seventy-two small attention maps in six rows and twelve columns. Some show a bright diagonal or a diagonal beside it, some one or two bright columns, others spread over all words."
def tile(maps):  # (blocks, heads, words, words)
    num_blocks, num_heads, words, _ = maps.shape
    framed = np.pad(maps, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    return framed.swapaxes(1, 2).reshape(num_blocks * (words + 1), num_heads * (words + 1))


def show_tile(ax, maps, title=""):
    side = maps.shape[-1] + 1
    ax.imshow(tile(maps), cmap="magma", vmin=0, vmax=0.5)  # from one half on, all the same
    ax.set_xticks(side * (np.arange(12) + 0.5), range(12))
    ax.set_yticks(side * (np.arange(6) + 0.5), range(6))
    ax.set(xlabel="head", ylabel="block", title=title)
    ax.grid(False)


_, ax = plt.subplots(figsize=(11, 5.8))
show_tile(ax, maps[0])
plt.show()

# %% [markdown]
# Diagonals, columns, mist. Let us count over more text than one sentence. For each head: which share of its attention
# goes to the word before, to the next word, to the word itself, and to the special tokens `[CLS]` and `[SEP]`? If a head
# paid attention to all words alike, each would get one part in as many as there are words; the next cell prints that share.

# %%
reviews = imdb.load_texts(DATA)
is_real = reviews.provenance.kind == "full"
print("These reviews were", "written by people." if is_real else "generated by a grammar.")


def without_breaks(texts):  # real reviews have line breaks of HTML in them
    return [text.replace("<br />", " ") for text in texts]


all_ids = to_ids(tokenizer, without_breaks(reviews.x_train[:200]))
some_ids = all_ids[(all_ids[:, :48] != 0).all(axis=1)][:24, :48]  # no padding, for simplicity
some_ids = np.hstack([some_ids[:, :-1], np.full((len(some_ids), 1), 102)])  # the cut took [SEP] away
some_maps, _ = attention_maps(bert, some_ids)
print(f"{len(some_ids)} reviews, the first {some_ids.shape[1]} tokens; evenly: {1 / some_ids.shape[1]:.3f}")

# %% alt="Five tables of six blocks by twelve heads, coloured by the share of attention that goes to the word before, the next word, the word itself, [CLS] and [SEP]. One square stands out for the word before and one for the next word; the table of the word itself is dark; that of [CLS] is lit in nearly all heads from block 1 on."
def shares_by_head(maps):  # each (blocks, heads)
    return {
        "word before": np.diagonal(maps, -1, 3, 4).mean(axis=(0, -1)),
        "next word": np.diagonal(maps, 1, 3, 4).mean(axis=(0, -1)),
        "itself": np.diagonal(maps, 0, 3, 4).mean(axis=(0, -1)),
        "[CLS]": maps[..., 0].mean(axis=(0, -1)),
        "[SEP]": maps[..., -1].mean(axis=(0, -1)),
    }


head_shares = shares_by_head(some_maps)
figure, axes = plt.subplots(1, 5, figsize=(12, 1.9), sharey=True, layout="constrained")
for ax, (name, share) in zip(axes, head_shares.items()):
    picture = ax.imshow(share, cmap="magma", vmin=0, vmax=1)
    ax.set(title=name, xlabel="head", xticks=range(0, 12, 3))
    ax.grid(False)
axes[0].set(ylabel="block", yticks=range(6))
figure.colorbar(picture, ax=axes, label="share of attention")
plt.show()
for name, share in head_shares.items():
    block, head = np.unravel_index(share.argmax(), share.shape)
    print(f"most to {name:12s} block {block}, head {head:2d}: {share.max():.0%}")

# %% [markdown]
# **What we saw.** Some heads look at a neighbour, whatever the words are. Many rest on `[CLS]`. That is usually read as
# "nothing to look for here"; the picture alone does not prove it. Nobody planned this division of labour: it was learned.
#
# ### Whom does "it" mean?
#
# "... because *it* was too tired": the animal. "... because *it* was too wide": the street. A famous example says that
# attention knows. Does our BERT? For each block, the average over its heads.

# %% alt="Two panels over the blocks: how much the word it looks at animal and at street. Where the sentence ends with tired, animal is ahead from block 2 on; where it ends with wide, animal is still ahead, by less."
pair = [street, street.replace("tired", "wide")]
pair_maps, _ = attention_maps(bert, to_ids(tokenizer, pair))
places_of = {word: street_tokens.index(word) for word in ("it", "animal", "street")}
_, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True)
for ax, sentence_maps, ending in zip(axes, pair_maps, ("tired", "wide")):
    for word, style in (("animal", "o-"), ("street", "s--")):
        looked = sentence_maps[:, :, places_of["it"], places_of[word]].mean(axis=1)
        ax.plot(range(6), looked, style, label=word)
    ax.set(title=f"... it was too {ending}", xlabel="block")
axes[0].set_ylabel('attention weight of "it"')
axes[0].legend(title="to")
plt.show()

# %% [markdown]
# Be strict. On the left the story holds. On the right it should turn round, and it does not: "animal" stays ahead, only by
# less. Had you seen the left panel alone, you would have believed. Pictures of attention are easy to read a story into, so
# ask for the counterexample. And what a head looks at is where it *fetches* something; whether that decides anything is
# another question. To answer it, change the input and watch the output, as chapter 04 did by leaving out words.
#
# ### One word in two contexts
#
# So look at the result. Here is "bank" in six sentences; its vector after each block, and how similar the six are.

# %% alt="Left, a table of six by six similarities of the vectors of the word bank after the last block. All are high; the three money sentences are close to each other, and the third river sentence is the most different one. Right, the mean similarity within a meaning and between the meanings, block by block: both begin near one, and the second falls a little further."
banks = {
    "river": ["We sat on the bank and fished.", "The boat drifted to the left bank.",
              "Reeds grow along the muddy bank."],
    "money": ["The bank raised its interest rates.", "She works for a large bank in town.",
              "My bank lost all my savings."],
}
bank_texts = [text for texts in banks.values() for text in texts]
bank_ids = to_ids(tokenizer, bank_texts)


def states_by_block(bert, ids):
    x = bert.embeddings(ids)
    states = [x.numpy()]
    for block in bert.blocks:
        x = block(x, (ids != 0)[:, None, :])
        states.append(x.numpy())
    return np.stack(states)  # (1 + blocks, batch, words, width)


def cosines(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit @ unit.swapaxes(-1, -2)


rows, columns = np.nonzero(bank_ids == tokenizer.token_to_id("bank"))
bank_cosines = cosines(states_by_block(bert, bank_ids)[:, rows, columns])  # (7, 6, 6)
same_meaning = np.kron(np.eye(2), np.ones((3, 3))) > 0
apart = ~np.eye(6, dtype=bool)
_, axes = plt.subplots(1, 2, figsize=(9, 3.4))
picture = axes[0].imshow(bank_cosines[-1], vmin=0.5, vmax=1, cmap="magma")
plt.colorbar(picture, ax=axes[0])
axes[0].set_xticks(range(6), [name for name in banks for _ in range(3)], rotation=45)
axes[0].set_yticks(range(6), [name for name in banks for _ in range(3)])
axes[0].set_title("cosine similarity after the last block")
axes[0].grid(False)
for name, chosen, style in (("same meaning", same_meaning & apart, "o-"), ("other meaning", ~same_meaning, "s--")):
    axes[1].plot(range(7), bank_cosines[:, chosen].mean(axis=-1), style, label=name)
axes[1].set(xlabel="after so many blocks", ylabel="cosine similarity", ylim=(0.5, 1.02))
axes[1].legend()
plt.show()

# %% [markdown]
# **What we saw.** Before the first block all six differ by their place alone. Block by block the word takes on its
# sentence, and the meanings come apart: section 1's arrow, for real. But look at the axis. They come apart a little; part
# of what "bank" takes on is which sentence it stands in, of either meaning. This BERT was trained for whole sentences, and
# there the difference is much larger:
#
# ### Sentences
#
# One vector for a sentence: the mean over its words, without the padding (exercise 1). This BERT was trained so that
# similar sentences get similar vectors. Which of these pairs should be close? And the last two?

# %% alt="A table of seven by seven similarities of sentences. Sentences on the same subject are close: the two on the weather, the two on money. The last two, which praise and blame the same film with the same words, are about as close as can be."
sentences = [
    "It will rain tomorrow.", "The forecast says bad weather.",
    "The company made a record profit.", "Their earnings were higher than ever.",
    "A man is playing the guitar.",
    "The film was not bad, it was good.", "The film was not good, it was bad.",
]
sentence_ids = to_ids(tokenizer, sentences)
averaged = layers.GlobalAveragePooling1D()(bert(sentence_ids), mask=sentence_ids != 0)
similar = cosines(averaged.numpy())
_, ax = plt.subplots(figsize=(8, 4))
ax.imshow(similar, vmin=0, vmax=1, cmap="magma")
ax.set_yticks(range(len(sentences)), [f"{text}  {row}" for row, text in enumerate(sentences, 1)])
ax.set_xticks(range(len(sentences)), range(1, len(sentences) + 1))
ax.set_xlabel("sentence")
for row, column in np.ndindex(similar.shape):
    colour = "black" if similar[row, column] > 0.6 else "white"
    ax.text(column, row, f"{similar[row, column]:.2f}", ha="center", va="center", color=colour, fontsize=8)
ax.grid(False)
plt.show()

# %% [markdown]
# **What we saw.** Hardly a word in common, and yet the pairs on the weather and on money find each other: no bag of
# words can do that. But the last two, the opposite of each other, are nearly the same vector. This BERT was taught what a
# sentence is *about*, not whether it approves. Keep that in mind for the race.
#
# ### Play: look for yourself
#
# Type a sentence, and choose a block and a head. Rows look, columns are looked at. Can you find a head that looks at
# neighbours? One that rests on `[CLS]`? One that links a pronoun or a verb with its noun, in *every* sentence you try?

# %% alt="Attention maps of one head for two sentences, with the tokens at both axes: a bright line just above the diagonal, from each word to the next one."
def map_of(bert, tokenizer):
    @functools.lru_cache(maxsize=1)  # another block or head of the same sentence is there already
    def look(sentence):
        encoding = tokenizer.encode(sentence)
        maps, _ = attention_maps(bert, np.array([encoding.ids[:24]]))
        return encoding.tokens[:24], maps[0]  # (blocks, heads, words, words)

    def draw(ax, your_sentence, block, head):
        tokens, maps = look(your_sentence)
        ax.imshow(maps[block, head], cmap="magma", vmin=0, vmax=1)
        ax.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=7)
        ax.set_yticks(range(len(tokens)), tokens, fontsize=7)
        ax.set_title(f"block {block}, head {head}", fontsize=9)
        ax.grid(False)

    return draw


widgets.explore(
    map_of(bert, tokenizer),
    controls={"your_sentence": str, "block": (0, 5, 1), "head": (0, 11, 1)},
    states={
        "the street": {"your_sentence": street, "block": 1, "head": 8},
        "the bank": {"your_sentence": "The bank by the river closed at noon.", "block": 1, "head": 8},
    },
    hint="keep the sentence and go through the heads of block 0, then of block 5.",
)

# %% [markdown]
# ## 7. What is all that reading worth?
#
# Labels are dear: somebody has to read each review and say what it is. Suppose that you can pay for 50, for 200, or for
# 1,000 of them. Four ways to use them, and you place your bets now:
#
# 1. a **bag of words**: words and pairs of words, weighed by how rare they are (TF-IDF), with logistic regression;
# 2. chapter 04's best **LSTM**, which begins with nothing;
# 3. **frozen** BERT: the sentence vectors of section 6 as features, with logistic regression;
# 4. **fine-tuned** BERT: a new layer on top, and the upper half of BERT learns along, a little.
#
# BERT and the LSTM get 128 tokens of each review (64 of the short generated ones): the first quarter from its beginning,
# the rest from its end, where the verdict stands. The bag of words gets all of it; it costs nothing more.

# %%
counts = (40,) if SMOKE else (50, 200, 1_000)
few, many = counts[len(counts) // 2], counts[-1]  # 200 and 1,000
num_test = 100 if SMOKE else 1_000
length = 128 if is_real else 64


def first_and_last(tokenizer, texts, length):
    head = length // 4
    rows = []
    for encoding in tokenizer.encode_batch(list(texts)):
        ids = encoding.ids
        rows.append(ids if len(ids) <= length else ids[:head] + ids[head - length :])
    return keras.utils.pad_sequences(rows, maxlen=length, padding="post")  # (texts, length)


def balanced(labels, count, rng):
    order = rng.permutation(len(labels))
    halves = [order[labels[order] == label][: count // 2] for label in (0, 1)]
    return np.stack(halves, axis=1).ravel()  # blame, praise, blame, ...: each beginning is balanced


labelled = balanced(reviews.y_train, max(counts), rng)
tested = balanced(reviews.y_test, num_test, rng)
text_fit, y_fit = without_breaks(reviews.x_train[labelled]), reviews.y_train[labelled]
text_test, y_test = without_breaks(reviews.x_test[tested]), reviews.y_test[tested]
x_fit, x_test = (first_and_last(tokenizer, texts, length) for texts in (text_fit, text_test))
print("labelled", x_fit.shape, "test", x_test.shape)
print(f"of the labelled reviews, {np.mean(x_fit[:, -1] != 0):.0%} fill all {length} tokens")

# %% [markdown]
# **Who judges?** The test reviews, once for each point of the figure. No reviews are left to choose settings on: labels
# are what we lack. So the two logistic regressions choose their penalty by **cross-validation** among the labelled
# reviews (five times, four fifths to learn from and one to judge), and the settings of the two networks are fixed: they
# were chosen beforehand, on other training reviews. (Those had labels too. Whoever has only 50 would have had to guess.)
#
# The bag first, and the frozen BERT.

# %%
def train_bag(texts, labels):
    counted = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    pipeline = make_pipeline(counted, LogisticRegression(max_iter=1_000))
    return GridSearchCV(pipeline, {"logisticregression__C": (1, 10, 100)}, cv=5).fit(texts, labels)


def build_reader(bert):
    ids = keras.Input(shape=(None,), dtype="int32")
    states = bert(ids)  # (batch, words, 384)
    return keras.Model(ids, layers.GlobalAveragePooling1D()(states, mask=ids != 0))  # (batch, 384)


def train_on_vectors(vectors, labels):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    choices = {"logisticregression__C": (0.001, 0.01, 0.1)}
    return GridSearchCV(pipeline, choices, cv=5).fit(vectors, labels)


reader = build_reader(bert)
started = time.perf_counter()
vectors_fit, vectors_test = (reader.predict(x, batch_size=32, verbose=0) for x in (x_fit, x_test))
print(f"{len(x_fit) + len(x_test):,} vectors in {time.perf_counter() - started:.0f} s")
race = {name: {} for name in ("bag of words", "LSTM", "frozen BERT", "fine-tuned BERT")}
for count in counts:
    bag = train_bag(text_fit[:count], y_fit[:count])
    race["bag of words"][count] = bag.score(text_test, y_test)
    linear = train_on_vectors(vectors_fit[:count], y_fit[:count])
    race["frozen BERT"][count] = linear.score(vectors_test, y_test)
    print(f"{count:5,d} labels: bag of words {race['bag of words'][count]:.3f},", end=" ")
    print(f"frozen BERT {race['frozen BERT'][count]:.3f}")

# %% [markdown]
# Now the LSTM: chapter 04's, with word pieces in place of words, and with as many passes over the few labels as it needs to
# know them by heart.

# %%
def build_lstm(num_pieces):
    return keras.Sequential([
        keras.Input(shape=(None,), dtype="int32"),
        layers.Embedding(num_pieces, 64),  # (batch, words, 64)
        layers.SpatialDropout1D(0.4),
        layers.Bidirectional(layers.LSTM(32, return_sequences=True)),  # (batch, words, 64)
        layers.GlobalMaxPooling1D(),  # (batch, 64)
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    ])


from_the_left = [
    keras.utils.pad_sequences([row[row != 0] for row in x], maxlen=length) for x in (x_fit, x_test)
]  # an LSTM wants its padding in front (chapter 04)
lstm_epochs = dict(zip(counts, (1,) if SMOKE else (40, 20, 10)))
for count in counts:
    lstm = build_lstm(config["vocab_size"])
    lstm.compile(keras.optimizers.Adam(4e-3), "binary_crossentropy", metrics=["accuracy"])
    fitted = lstm.fit(
        from_the_left[0][:count], y_fit[:count], batch_size=16, epochs=lstm_epochs[count], verbose=0
    )
    race["LSTM"][count] = lstm.evaluate(from_the_left[1], y_test, batch_size=100, verbose=0)[1]
    print(f"{count:5,d} labels: training {fitted.history['accuracy'][-1]:.3f},", end=" ")
    print(f"test {race['LSTM'][count]:.3f}")

# %% [markdown]
# And fine-tuning. Each run starts again from the weights in the file, and with the same random numbers. The new layer
# starts from nothing, so the first steps would shake the whole encoder: warm-up lets the rate rise slowly, and then
# it falls along a cosine (chapter 02). **AdamW** is Adam with a little weight decay. The embeddings and the lower
# three blocks stay as they are. Letting them learn as well was no better in our trials and took longer: a few hundred
# labels say little about the embeddings, which are more than half of all parameters.

# %%
def freeze_lower_half(bert):
    for part in (bert.embeddings, *bert.blocks[: len(bert.blocks) // 2]):
        part.trainable = False


def fine_tune(bert, train_set, rate, epochs):
    batch_size = 16
    ids = keras.Input(shape=(None,), dtype="int32")
    vectors = layers.GlobalAveragePooling1D()(bert(ids), mask=ids != 0)  # (batch, 384)
    vectors = layers.Dropout(0.1)(vectors)
    model = keras.Model(ids, layers.Dense(1, activation="sigmoid")(vectors))
    num_steps = epochs * -(-len(train_set[0]) // batch_size)
    warmup = max(num_steps // 10, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, num_steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01), "binary_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(
        *train_set, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=training.progress()
    ).history
    return model, history


rate = 1e-4
tuned_epochs = dict(zip(counts, (1,) if SMOKE else (8, 6, 3)))
tuned_bert = build_bert(config, tensors)
freeze_lower_half(tuned_bert)
for count in counts[:-1]:
    print(f"{count:,} labels")
    gc.collect()  # the network of the last turn but one, which Keras would keep in memory
    keras.utils.set_random_seed(SEED)
    fill(tuned_bert, tensors)
    tuned, _ = fine_tune(tuned_bert, (x_fit[:count], y_fit[:count]), rate, tuned_epochs[count])
    race["fine-tuned BERT"][count] = tuned.evaluate(x_test, y_test, batch_size=32, verbose=0)[1]

# %% [markdown]
# And with all labels:

# %%
gc.collect()
keras.utils.set_random_seed(SEED)
fill(tuned_bert, tensors)
tuned, _ = fine_tune(tuned_bert, (x_fit, y_fit), rate, tuned_epochs[many])
race["fine-tuned BERT"][many] = tuned.evaluate(x_test, y_test, batch_size=32, verbose=0)[1]

# %% alt="Test accuracy against the number of labelled reviews on a logarithmic axis, for the bag of words, the LSTM, frozen BERT and fine-tuned BERT, with bars for the uncertainty of a test of so many reviews. The lines lie close together at the left; at the right end fine-tuned BERT is highest."
_, ax = plt.subplots(figsize=(7, 4.2))
for (name, scores), style in zip(race.items(), ("s--", "v:", "^-.", "o-")):
    values = np.array(list(scores.values()))
    margin = 1.96 * np.sqrt(values * (1 - values) / num_test)
    ax.errorbar(list(scores), values, margin, fmt=style, capsize=3, label=name)
ax.axhline(0.5, color="0.5", linewidth=0.8)
ax.set(xscale="log", xlabel="labelled reviews", ylabel="test accuracy", ylim=(0.45, 1.0))
ax.set_xticks(counts, [f"{count:,}" for count in counts])
ax.minorticks_off()
ax.legend(loc="upper left")
plt.show()
print(f"{'labels':16s}", *(f"{count:>7,d}" for count in counts))
for name, scores in race.items():
    print(f"{name:16s}", *(f"{score:7.3f}" for score in scores.values()))

# %%
results.report(
    "07", seed=SEED, data=reviews.provenance, weights=bert_files.provenance, smoke=SMOKE,
    tuned_over_bag=race["fine-tuned BERT"][few] - race["bag of words"][few],
    tuned_over_lstm=race["fine-tuned BERT"][few] - race["LSTM"][few],
    tuned_accuracy=race["fine-tuned BERT"][many], bag_accuracy=race["bag of words"][many],
)

# %% [markdown]
# **What we saw.** Compare it with your bets, and mind the bars: for 95 of 100 draws of *test* reviews, such a bar contains
# the accuracy on all reviews. They say nothing of the luck with the labelled ones, and with 50 of those that luck is
# large.
#
# - On **real reviews**, fifty labels tell little, whoever reads them. With two hundred, fine-tuned BERT is ahead. With a
#   thousand, the bag of words has nearly caught up: the bars of the two overlap, and one of them learned in seconds. It left
#   the frozen BERT behind before that. Section 6 showed why: its sentence vectors keep what a text is *about*; of whether
#   it approves, a layer on top finds only the little that is left. The LSTM begins with nothing and has to learn each word from these few
#   reviews.
# - On **generated reviews** the order of the words decides. Up to two hundred labels nobody gets far. With a thousand,
#   fine-tuned BERT has found the rule and the LSTM follows; the bag and the frozen BERT can hardly see it.
#
# Where the lines cross depends on the texts. So there is no answer to "is BERT worth it?" but this figure, drawn for your
# own.
#
# ## 8. What does it cost, and what do long texts cost?
#
# Attention compares every word with every other. Twice the words are four times the comparisons: cost grows with the
# *square* of the length. Everything else in a block works on each word alone and grows in proportion. Count the
# multiplications of one block, for $n$ words of width $d$: from which length on does the square rule? Then measure the two
# parts of a block, attention and feed-forward.

# %% alt="Left, multiplications per block against the number of words, both axes logarithmic: the line of comparing and mixing is twice as steep as that of the layers and crosses it beyond two thousand words. Right, measured milliseconds of an attention layer and of a feed-forward network: the curve of attention bends upwards."
def multiplications(num_words, width):
    return {
        "layers (four of attention, two of feed-forward)": 12 * num_words * width**2,
        "comparing and mixing": 2 * num_words**2 * width,
    }


def milliseconds(function, x, repeats):
    function(x)  # the first call prepares
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function(x)
        seconds.append(time.perf_counter() - started)
    return 1_000 * min(seconds)


many_words = 2 ** np.arange(6, 16)
lengths = 2 ** np.arange(5, 8 if SMOKE else 11)
attention_layer = layers.MultiHeadAttention(12, 32)
feed_forward = keras.Sequential([layers.Dense(4 * d, activation="gelu"), layers.Dense(d)])
measured = {"attention": [], "feed-forward": []}
for num_words in lengths:
    x = ops.convert_to_tensor(rng.normal(size=(1, num_words, d)).astype("float32"))
    measured["attention"].append(milliseconds(lambda x: attention_layer(x, x), x, 5))
    measured["feed-forward"].append(milliseconds(feed_forward, x, 5))
_, axes = plt.subplots(1, 2, figsize=(11, 3.4))
for name in multiplications(1, d):
    axes[0].loglog(many_words, [multiplications(n, d)[name] for n in many_words], base=2, label=name)
axes[0].axvline(6 * d, color="0.5", linestyle=":")
axes[0].set(xlabel="words", ylabel="multiplications in a block")
for (name, values), style in zip(measured.items(), ("o-", "s--")):
    axes[1].loglog(lengths, values, style, base=2, label=name)
counted = 4 * lengths * d**2 + 2 * lengths**2 * d  # of the attention layer alone
per_count = measured["attention"][-1] / counted[-1]
axes[1].loglog(lengths, counted * per_count, ":", base=2, color="0.5", label="attention, as counted")
axes[1].set(xlabel="words", ylabel="milliseconds")
for ax in axes:
    ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# The lines cross where $2 n^2 d = 12 n d^2$, at $n = 6d$ words (dotted); in the attention layer alone, which has four of
# the twelve $n d^2$, the square rules from $n = 2d$ on. The measured curve follows the count only roughly: the softmax
# over all pairs costs time without being counted, and short texts do not fill the processor. BERT itself reads 512 pieces
# at most: its table of places ends there.
#
# What does this BERT cost, beside the LSTM?

# %%
timed = rng.integers(1_000, 20_000, size=(8, 512)).astype("int32")
for name, model in {"BERT": tuned, "LSTM": lstm}.items():
    numbers = model.count_params()
    learning = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    print(f"{name}: {numbers:,} parameters, {4 * numbers / 1e6:.0f} MB;", end=" ")
    print(f"{learning:,} learn, and Adam needs {12 * learning / 1e6:.0f} MB more for them")
    for num_words in (32, 128) if SMOKE else (32, 128, 512):
        taken = milliseconds(model.predict_on_batch, timed[:, :num_words], 3)
        print(f"    {num_words:4d} words: {taken / len(timed):6.1f} ms per review")
for num_words in (32, 128, 512):
    kept = 4 * 6 * 12 * num_words**2  # bytes, blocks, heads, pairs
    print(f"attention weights of {num_words:3d} words: {kept / 1e6:5.1f} MB per review in training")

# %% [markdown]
# (Adam's: a gradient and two averages, four bytes each, for every parameter that learns. The attention weights are kept
# until the gradients have come back through them.)
#
# ### A way around the square
#
# An LSTM's cost grows in proportion to the length, but it must go word by word. Can one have both: no square, and all words
# at once? Take an LSTM's memory and leave out everything that bends, gates and tanh:
#
# $$h_t = a\, h_{t-1} + b\, x_t, \qquad y_t = c \cdot h_t$$
#
# with a few numbers $a$ between 0 and 1, each a memory that fades at its own pace. Write it out: $y_t = \sum_j k_j\,
# x_{t-j}$ with $k_j = \sum_n c_n a_n^j b_n$. That is a *convolution* (chapter 03) with a kernel as long as the text, and
# a Fourier transform computes it for all words at once, in about $n \log n$ steps instead of $n^2$. This is the heart of
# **state-space models** such as S4 (2021), whose $a$ are complex numbers: memories that also swing.

# %%
def scan(x, a, b, c):  # word by word, as a recurrent network
    h, y = np.zeros_like(a), []
    for value in x:
        h = a * h + b * value
        y.append(c @ h)
    return np.array(y)


def convolve(x, a, b, c):  # all at once
    kernel = (c * b) @ a[:, None] ** np.arange(len(x))  # (words,)
    size = 2 * len(x)  # room, so that the end does not wrap around
    product = np.fft.rfft(x, size) * np.fft.rfft(kernel, size)
    return np.fft.irfft(product, size)[: len(x)]


signal = rng.normal(size=4_096)
a = rng.uniform(0.5, 0.999, size=16)
b, c = rng.normal(size=(2, 16))
print("largest difference:", np.abs(scan(signal, a, b, c) - convolve(signal, a, b, c)).max())

# %% [markdown]
# **What we saw.** The same numbers, once as a recurrence that keeps the same few numbers however long the text, once as a
# convolution in which no word waits. What is lost? With fixed $a$, $b$ and $c$ every word is remembered alike; it cannot
# choose. **Mamba** (2023) lets them depend on the word, which is a kind of gate again; a convolution can no longer do it,
# but a scan that works in parallel can. Such models read very long texts, and some are mixed with a few attention blocks,
# because looking up a word far back exactly is what attention does best.
#
# ## 9. Failure gallery: two ways to ruin a BERT
#
# ### The learning rate of the rest of the course
#
# Keras's Adam starts at 1e-3, and so did most of our networks. Here all of BERT learns, for a few epochs, once at the rate
# of section 7 and once at that one. The weights are the same at the start, and so are the reviews (64 tokens of each, to be
# done sooner). What will the two losses look like? And what will BERT make of the test reviews: how similar are the
# vectors of any two of them?

# %% alt="Three panels. Training loss per epoch of two fine-tunings: with the small rate it falls, with the large one it stays at the value of guessing. Test accuracy: the bar of the large rate ends at one half, that of the small one well above. Mean similarity of the vectors of two test reviews: low with the small rate, about one with the large one."
hasty, hasty_bert = {}, build_bert(config, tensors)
hasty_reader = build_reader(hasty_bert)
x_few, x_half = (
    first_and_last(tokenizer, texts, 64) for texts in (text_fit[:few], text_test[: num_test // 2])
)
hasty_epochs = 1 if SMOKE else 3 if is_real else 6
before = tensors[one_weight].T  # (384, 1536), a kernel of the middle
for some_rate in () if SMOKE else (rate, 1e-3):
    gc.collect()
    keras.utils.set_random_seed(SEED)  # the reviews in the same order for both
    fill(hasty_bert, tensors)
    model, history = fine_tune(hasty_bert, (x_few, y_fit[:few]), some_rate, hasty_epochs)
    accuracy = model.evaluate(x_half, y_test[: len(x_half)], batch_size=32, verbose=0)[1]
    similarity = cosines(hasty_reader.predict(x_half, batch_size=32, verbose=0)).mean()
    hasty[f"rate {some_rate:g}"] = history["loss"], accuracy, similarity
    change = np.linalg.norm(hasty_bert.blocks[2].widen.kernel - before) / np.linalg.norm(before)
    print(f"rate {some_rate:g}: a kernel of the middle moved by {change:.1%} of its length")
    del model
_, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
for (name, (losses, accuracy, similarity)), style in zip(hasty.items(), ("o-", "s--")):
    axes[0].plot(np.arange(len(losses)) + 1, losses, style, label=name)
    axes[1].bar(name, accuracy, width=0.6)
    axes[2].bar(name, similarity, width=0.6)
axes[0].axhline(np.log(2), color="0.5", linestyle=":", label="guessing")
axes[0].set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
axes[0].set_xticks(range(1, hasty_epochs + 1))
axes[0].legend()
axes[1].axhline(0.5, color="0.5", linestyle=":")
axes[1].set(ylabel="test accuracy", ylim=(0, 1))
axes[2].set(ylabel="cosine similarity of two reviews", ylim=(0, 1.05))
plt.show()

# %% [markdown]
# **Diagnosis.** At the large rate BERT has gone blind: every review becomes nearly the same vector, and a layer on top of
# that can only guess. Yet the kernel that we watched moved by a few hundredths of its length. Adam moves every weight by
# about the rate in each step, however small its gradient; hundreds of such shifts add up in each output, and each block
# works on what the one below it hands on. A few dozen steps, and what BERT had read is lost. So: a small rate, a warm-up,
# and an eye on the first losses; one that stays at $\ln 2 \approx 0.69$ is guessing. Our earlier networks stood 1e-3 well:
# they had nothing to lose. And would `freeze_lower_half(hasty_bert)` before the run help? Place your bet and try.
#
# ### Padding that is looked at
#
# Forget the mask, and nothing fails: the shapes fit, numbers come out. Here are two sentences that have nothing to do with
# each other, in a table that gets wider and wider. A sentence's vector is the mean over its words, so the mask can be
# forgotten in two places: in attention, and in that mean as well. What happens to the similarity of the two?

# %% alt="Cosine similarity of two unrelated sentences against the width of the table: with the mask it stays constant and low; with the mask in the mean only it rises to less than one half; with no mask at all it climbs steeply and levels off near 0.9."
def read_with(bert, ids, mask):
    x = bert.embeddings(ids)
    for block in bert.blocks:
        x = block(x, mask[:, None, :])
    return x.numpy()  # (batch, words, width)


unlike = to_ids(tokenizer, ["It will rain tomorrow.", "A man is playing the guitar."])
column_counts = (unlike.shape[1], 16, 32, 64, 128)
similarities = {"mask everywhere": [], "forgotten in attention": [], "forgotten in both": []}
for num_columns in column_counts:
    table = np.pad(unlike, ((0, 0), (0, num_columns - unlike.shape[1])))
    mask, everything = table != 0, np.ones_like(table, dtype=bool)
    for name, looked_at, counted_in in zip(
        similarities, (mask, everything, everything), (mask, mask, everything)
    ):
        states = read_with(bert, table, looked_at)
        weight = counted_in[..., None] / counted_in.sum(axis=1)[:, None, None]
        similarities[name].append(cosines((states * weight).sum(axis=1))[0, 1])
_, ax = plt.subplots(figsize=(7, 3))
for (name, values), style in zip(similarities.items(), ("o-", "s--", "^:")):
    ax.plot(column_counts, values, style, label=name)
ax.set(xlabel="columns of the table", ylabel="cosine similarity", ylim=(-0.1, 1.3))
ax.legend(ncols=3, loc="upper left")
plt.show()

# %% [markdown]
# **Diagnosis.** An unmasked column is a word like any other: it answers in every block and counts in the mean. Both
# sentences were moved towards the same thing, padding, and the wider the table the more. In practice the table is as wide
# as the longest text of the batch, so a sentence's vector depends on its neighbours in the batch. With the mask it does
# not, and exactly that is a good test: the same sentence, alone and beside a long one, must give the same numbers.
#
# ## What to take with you
#
# - Attention compares, shares out, mixes. No step waits for another; the price is the square of the length.
# - It sees no order until you add one. And the mask decides what you have built: a reader or a writer.
# - A network is its architecture *and* its weights. Fill it by name, refuse what does not fit, and compare with another
#   implementation: that is how one knows, and how we found an approximation that nobody had mentioned.
# - An attention map shows where something was fetched. It explains nothing until you have changed the input and seen the
#   output change.
# - Before you pay for BERT, draw the curve of your own few labels, with bars, and with a bag of words that had a fair
#   chance.
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it.
#
# **Exercise 1 (easy).** One vector for each sentence: the mean of its words' vectors, without the padding. `states` has
# the shape (batch, words, width), `ids` (batch, words); padding has the number 0. Return (batch, width).

# %%
def sentence_vectors(states, ids):
    ### BEGIN SOLUTION
    real = (ids != 0)[..., None]  # (batch, words, 1)
    return (states * real).sum(axis=1) / real.sum(axis=1)
    ### END SOLUTION


# %%
check.sentence_vectors(sentence_vectors)

# %% [markdown]
# **Exercise 2 (medium).** Scaled dot-product attention of one head in which no word sees a later one: word $i$ attends to
# words 0 to $i$, itself included. `query`, `key` and `value` have the shape (words, size); so has the result.

# %%
def causal_attention(query, key, value):
    ### BEGIN SOLUTION
    scores = query @ key.T / np.sqrt(query.shape[-1])  # (words, words)
    scores = np.where(np.tri(len(query), dtype=bool), scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True) @ value
    ### END SOLUTION


# %%
check.causal_attention(causal_attention)

# %% [markdown]
# **Exercise 3 (makes you think).** Cut a word into pieces as WordPiece does: take the longest piece of the vocabulary that
# the word begins with, then the longest one that the rest begins with, and so on. Every piece but the first is written, and
# looked up, with `##` before it. Where at some place no piece fits, the whole word becomes `["[UNK]"]`. `word` is a
# lower-case string of at least one letter, `vocabulary` a set of strings; return a list of strings.

# %%
def word_pieces(word, vocabulary):
    ### BEGIN SOLUTION
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:  # nothing fits here
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces
    ### END SOLUTION


# %%
check.word_pieces(word_pieces)

# %% [markdown]
# **Exercise 4 (open).** Does fine-tuning change what attention attends to? Compute the maps of section 6 with the encoder
# before and after fine-tuning (`tuned.get_layer("bert")` is the latter), on reviews that neither has learned from.
# Which heads changed most, and in which blocks? Then leave out one head at a time (set its part of the output kernel to
# zero) and measure the accuracy: do the heads that changed most matter most? There is no check; a good answer is two
# tables of 6 by 12, and a sentence on whether they agree. Add a cell below this one and begin.

# %% [markdown]
# ## Read on
#
# - D. Bahdanau, K. Cho, Y. Bengio, *Neural machine translation by jointly learning to align and translate*, ICLR 2015:
#   attention, still on top of a recurrent network.
# - A. Vaswani et al., *Attention is all you need*, NeurIPS 2017: the Transformer, its scaling, its waves.
# - J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, *BERT: pre-training of deep bidirectional Transformers for language
#   understanding*, NAACL 2019.
# - W. Wang et al., *MiniLM: deep self-attention distillation*, NeurIPS 2020; N. Reimers, I. Gurevych, *Sentence-BERT*,
#   EMNLP 2019: where our weights come from.
# - K. Clark, U. Khandelwal, O. Levy, C. Manning, *What does BERT look at?*, 2019: heads that look at neighbours and
#   at special tokens; S. Jain, B. Wallace, *Attention is not explanation*, NAACL 2019: why to be careful.
# - C. Sun, X. Qiu, Y. Xu, X. Huang, *How to fine-tune BERT for text classification?*, 2019: rates, and beginning plus end of
#   a long text.
# - A. Gu, K. Goel, C. Ré, *Efficiently modeling long sequences with structured state spaces*, ICLR 2022 (S4); A. Gu, T.
#   Dao, *Mamba: linear-time sequence modeling with selective state spaces*, 2023.
# - A. Rush, *The annotated Transformer*, 2018: the paper of 2017, line by line.
#
# **Next: chapter 08.** BERT had read before it met our reviews. Can a network have *seen* before it meets our pictures?
