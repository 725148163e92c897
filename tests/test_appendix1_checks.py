"""Answers to appendix A1's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import keras
import numpy as np
from keras import layers

RIGHT_PAIRS = {
    "species": ("softmax", "sparse_categorical_crossentropy"),
    "species, one-hot": ("softmax", "categorical_crossentropy"),
    "spam": ("sigmoid", "binary_crossentropy"),
    "tags": ("sigmoid", "binary_crossentropy"),
    "price": ("linear", "mse"),
}


def pairs_but(task, *pair):
    return {**RIGHT_PAIRS, task: pair}.__getitem__


def attention(width):
    return 4 * (width * width + width)


def dense(width, hidden):
    return width * hidden + hidden + hidden * width + width


def block(width, hidden):
    return attention(width) + 4 * width + dense(width, hidden)


def from_keras(width, hidden, heads):
    sequence = keras.Input(shape=(5, width))
    parts = [
        layers.MultiHeadAttention(heads, width // heads),
        layers.LayerNormalization(),
        layers.Dense(hidden),
        layers.Dense(width),
        layers.LayerNormalization(),
    ]
    x = parts[0](sequence, sequence)
    for part in parts[1:]:
        x = part(x)
    return sum(part.count_params() for part in parts)


def model_but(optimizer=None, loss="categorical_crossentropy", metrics=("accuracy",), **changes):
    """The right translation, except for what is named."""
    kind = {"window": (3, 3), "strides": 1, "padding": "same", "init": "he_normal", "relu": "relu", "rate": 0.25}
    kind |= {"units": 10, "softmax": "softmax", "shape": (28, 28, 1), "filters": 16, "pool": 2}
    kind |= {"bias": True, "steps": None, "flat": layers.Flatten} | changes
    model = keras.Sequential(
        [
            keras.Input(shape=kind["shape"]),
            layers.Conv2D(
                kind["filters"],
                kind["window"],
                strides=kind["strides"],
                padding=kind["padding"],
                use_bias=kind["bias"],
                kernel_initializer=kind["init"],
                activation=kind["relu"],
            ),
            layers.MaxPooling2D(kind["pool"], strides=kind["steps"]),
            layers.Dropout(kind["rate"]),
            kind["flat"](),
            layers.Dense(kind["units"], activation=kind["softmax"]),
        ]
    )
    model.compile(optimizer or keras.optimizers.Adam(0.002), loss, metrics=list(metrics))
    return model


def functional_model():
    picture = keras.Input(shape=(28, 28, 1))
    x = layers.ReLU()(layers.Conv2D(16, 3, padding="same", kernel_initializer="he_normal")(picture))
    x = layers.Flatten()(layers.Dropout(0.25)(layers.MaxPooling2D()(x)))
    model = keras.Model(picture, layers.Softmax()(layers.Dense(10)(x)))
    model.compile(keras.optimizers.Adam(0.002), keras.losses.CategoricalCrossentropy(), metrics=["acc"])
    return model


def model_with_metrics_in_third_place():
    model = model_but()
    model.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", ["accuracy"])
    return model


def model_that_warns():
    model = keras.Sequential([layers.Conv2D(16, 3, padding="same", input_shape=(28, 28, 1))])
    model.compile("adam", "mse")
    return model


def model_without_input():
    model = keras.Sequential([layers.Conv2D(16, 3), layers.Flatten(), layers.Dense(10)])
    model.compile("adam", "mse")
    return model


def model_without_compile():
    return keras.Sequential([keras.Input(shape=(28, 28, 1)), *model_but().layers])


WRONG = {
    "last_layer_and_loss": [
        (pairs_but("price", "sigmoid", "mse"), "bends the number"),
        (pairs_but("price", "relu", "mse"), "bends the number"),
        (pairs_but("price", "linear", "binary_crossentropy"), "a price is none"),
        (pairs_but("price", "linear", "CategoricalFocalCrossentropy"), "a price is none"),
        (pairs_but("price", "linear", "rmse"), "no loss that Keras knows"),
        (pairs_but("tags", "softmax", "categorical_crossentropy"), "several may be true"),
        (pairs_but("tags", "sigmoid", "categorical_crossentropy"), "of its own"),
        (pairs_but("spam", "softmax", "binary_crossentropy"), "with two it would do"),
        (pairs_but("spam", "linear", "binary_crossentropy"), "leaves logits"),
        (pairs_but("species", "linear", "sparse_categorical_crossentropy"), "leaves logits"),
        (pairs_but("spam", "relu", "binary_crossentropy"), "no probabilities"),
        (pairs_but("spam", "sigmoid", "mse"), "hardly cost"),
        (pairs_but("spam", "sigmoid", "categorical_crossentropy"), "does not fit"),
        (pairs_but("species", "sigmoid", "binary_crossentropy"), "could all be yes"),
        (pairs_but("species", "softmax", "categorical_crossentropy"), "labels are integers"),
        (pairs_but("species, one-hot", "softmax", "sparse_categorical_crossentropy"), "rows of zeros"),
        (pairs_but("species", "categorical_crossentropy", "softmax"), "comes first"),
        (pairs_but("species", "softmax"), "not a pair"),
        (pairs_but("species", "softmax", keras.losses.MeanSquaredError()), "two strings"),
        (lambda task: None, "forget the word return"),
        (lambda task: {"spam": ("sigmoid", "mse")}[task], "KeyError"),
    ],
    "block_parameters": [
        (lambda w, h, n: block(w, h) - 4 * w - h - w, "biases are missing"),
        (lambda w, h, n: 4 * w * w + 4 * w + dense(w, h), "inside the attention"),
        (lambda w, h, n: block(w, h) - h - w, "the two Dense layers have biases"),
        (lambda w, h, n: block(w, h) - w, "the second Dense layer, back to width, has biases"),
        (lambda w, h, n: block(w, h) - h, "the first Dense layer has biases"),
        (lambda w, h, n: attention(w) + dense(w, h), "or the two normalizations"),
        (lambda w, h, n: block(w, h) - 2 * w, "two normalizations"),
        (lambda w, h, n: block(w, h) + 4 * w, "layer normalization tracks nothing"),
        (lambda w, h, n: block(w, h) - attention(w) // 4, "output layer"),
        (lambda w, h, n: n * attention(w) + 4 * w + dense(w, h), "only width // heads"),
        (
            lambda w, h, n: block(w, h) - attention(w) + 3 * (w * (w // n) + w // n) + w * w + w,
            "one head",
        ),
        (lambda w, h, n: 4 * w + dense(w, h), "attention itself"),
        (lambda w, h, n: attention(w) + 4 * w, "Dense layers are missing"),
        (lambda w, h, n: block(w, h) - h * w - w, "second Dense"),
        (lambda w, h, n: 12, "should be"),
        (lambda w, h, n: [attention(w), 4 * w, dense(w, h)], "not one number"),
        (lambda w, h, n: {"attention": attention(w), "dense": dense(w, h)}, "not one number"),
        (lambda w, h, n: None, "forget the word return"),
    ],
    "translated_model": [
        (lambda: model_but(window=3, strides=3), "the third number is the stride"),
        (lambda: model_but(window=5), "3 by 3"),
        (lambda: model_but(filters=32), "16 filters"),
        (lambda: model_but(padding="valid"), "does not pad"),
        (lambda: model_but(init="glorot_uniform"), "kernel_initializer"),
        (lambda: model_but(relu=None), "After the convolution"),
        (lambda: model_but(pool=3), "pooling window"),
        (lambda: model_but(rate=0.75), "a quarter"),
        (lambda: model_but(units=12), "units=10"),
        (lambda: model_but(flat=layers.GlobalAveragePooling2D), "31,530"),
        (lambda: model_but(bias=False), "31,530"),
        (lambda: model_but(steps=1), "31,530"),
        (lambda: model_but(softmax=None), "ended in a softmax"),
        (lambda: model_but(shape=(28, 28, 3)), "(28, 28, 1)"),
        (lambda: model_but(optimizer="sgd"), "yours is SGD"),
        (lambda: model_but(optimizer="adam"), "learns at 0.001"),
        (lambda: model_but(loss="sparse_categorical_crossentropy"), "one-hot labels"),
        (lambda: model_but(loss="mse"), "not the categorical cross entropy"),
        (lambda: model_but(metrics=()), "accuracy is lost"),
        (model_with_metrics_in_third_place, "loss_weights"),
        (model_that_warns, "Keras warns"),
        (model_without_input, "input shape"),
        (model_without_compile, "not compiled"),
        (lambda: keras.Sequential([keras.Input(shape=(28, 28, 1)), layers.Flatten()]), "0 Conv2D"),
        (lambda: "model", "That is a str"),
        (lambda: layers.Dense(1, units=3), "TypeError"),
        (lambda: None, "forget the word return"),
    ],
}

RIGHT = {
    "last_layer_and_loss": [
        pairs_but("price", None, "MeanAbsoluteError"),
        pairs_but("price", "linear", "huber"),
        pairs_but("price", "linear", "mape"),
        pairs_but("price", "linear", "MeanAbsolutePercentageError"),
        pairs_but("price", "linear", "msle"),
        pairs_but("spam", "sigmoid", "bce"),
        pairs_but("species", "softmax", "SparseCategoricalCrossentropy"),
        lambda task: list(RIGHT_PAIRS[task]),
    ],
    "block_parameters": [
        from_keras,
        lambda w, h, n: 4 * w * (w + 1) + 4 * w + h * (w + 1) + w * (h + 1),
        lambda w, h, n: np.array(block(w, h)),
    ],
    "translated_model": [model_but, functional_model],
}
