"""Checks of appendix A1's exercises. Each takes the learner's function and answers with a verdict."""

import warnings
from collections.abc import Callable

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge

CROSS_ENTROPY = "sparse_categorical_crossentropy", "categorical_crossentropy"
# What ends the network and the loss that goes with it; whatever measures a distance fits a number.
PAIRS = {
    "species": ("softmax", {"sparse_categorical_crossentropy"}),
    "species, one-hot": ("softmax", {"categorical_crossentropy"}),
    "spam": ("sigmoid", {"binary_crossentropy"}),
    "tags": ("sigmoid", {"binary_crossentropy"}),
    "price": (
        "linear",
        {
            "mean_squared_error",
            "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_squared_logarithmic_error",
            "huber",
            "log_cosh",
        },
    ),
}
# Keras's short names and class names, in small letters without underscores, and the long ones.
LONG_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "meansquarederror": "mean_squared_error",
    "meanabsoluteerror": "mean_absolute_error",
    "meanabsolutepercentageerror": "mean_absolute_percentage_error",
    "meansquaredlogarithmicerror": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
    "huber": "huber",
    "sparsecategoricalcrossentropy": "sparse_categorical_crossentropy",
    "categoricalcrossentropy": "categorical_crossentropy",
    "binarycrossentropy": "binary_crossentropy",
}


def last_layer_and_loss(answer: Callable[[str], tuple[str, str]]) -> Verdict:
    """Check which activation and which loss go with each of five tasks.

    Args:
        answer: Called with "species", "species, one-hot", "spam", "tags" or "price"; returns the names of an
            activation and a loss.

    Returns:
        The verdict. Right is the pair that fits the labels, under any name by which Keras knows it.
    """

    def hint() -> str:
        for task, (activation, losses) in PAIRS.items():
            pair = answer(task)
            if pair is None:
                return NOTHING_RETURNED
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                return f"{task}: {pair!r} is not a pair. Return two strings, the activation and the loss."
            given, loss = pair[0] or "linear", pair[1]
            if not isinstance(given, str) or not isinstance(loss, str):
                return f"{task}: {pair!r} holds something else than text. Return two strings, as in 'tanh', 'mse'."
            if _long_name(given) in LONG_NAMES.values():
                return f"{task}: {given!r} is a loss. The activation comes first, the loss second."
            wrong = _wrong_activation(task, given.lower(), activation) or _wrong_loss(task, _long_name(loss), losses)
            if wrong:
                return f"{task}: {wrong}"
        return ""

    return judge(hint, "Right. The labels decide: look at one of them before you write the last layer.")


def block_parameters(answer: Callable[[int, int, int], int]) -> Verdict:
    """Check the number of parameters of a Transformer block.

    Args:
        answer: Called as ``answer(width, hidden, heads)``; returns a number.

    Returns:
        The verdict. Right is four projections with biases, two normalizations, and two Dense layers.
    """

    def hint() -> str:
        # No hidden of 4 * width, as usual: forgotten biases and forgotten normalizations would look the same.
        for width, hidden, heads in ((64, 200, 4), (64, 200, 8), (96, 100, 2)):
            value = answer(width, hidden, heads)
            if value is None:
                return NOTHING_RETURNED
            if np.shape(value) != () or np.asarray(value).dtype.kind not in "iuf":
                return f"{value!r} is not one number. Return the sum of all parts."
            case = f"block_parameters({width}, {hidden}, {heads})"
            attention, normalization = 4 * (width * width + width), 4 * width
            dense = width * hidden + hidden + hidden * width + width
            right, size = attention + normalization + dense, width // heads
            for wrong, mistake in (
                (right - attention - dense + 4 * width * width + 2 * width * hidden, "the biases are missing."),
                (right - hidden - width, "the two Dense layers have biases, too."),
                (right - width, "the second Dense layer, back to width, has biases, too."),
                (right - hidden, "the first Dense layer has biases, too."),
                (
                    right - normalization,
                    "4 * width too few. Either the biases inside the attention are missing, or the two "
                    "normalizations, each with a scale and a shift.",
                ),
                (right - 2 * width, "there are two normalizations, and each learns a scale and a shift."),
                (right + normalization, "layer normalization tracks nothing: scale and shift are all it has."),
                (right - (width * width + width), "the attention has an output layer as well as query, key, value."),
                (
                    right - attention + heads * attention,
                    "each head is only width // heads wide; together they have the width.",
                ),
                (
                    right - attention + 3 * (width * size + size) + width * width + width,
                    "that is the query, key and value of one head. How many heads are there?",
                ),
                (right - attention, "the attention itself is missing."),
                (right - dense, "the two Dense layers are missing."),
                (right - (hidden * width + width), "there is a second Dense layer, from hidden back to width."),
            ):
                if value == wrong:
                    return f"{case} is {value:,}: {mistake}"
            if value != right:
                return (
                    f"{case} should be {right:,}; yours is {value:,}. Count the attention, the normalizations and the "
                    f"Dense layers apart: {attention:,}, {normalization:,} and {dense:,}."
                )
        return ""

    return judge(hint, "Right, and the heads do not matter: they only cut the width into slices.")


def translated_model(answer: Callable[[], object]) -> Verdict:
    """Check a compiled Keras 3 model against the old code of the exercise.

    Args:
        answer: Returns the compiled model.

    Returns:
        The verdict. Right is any way of building that has the same shapes, parameters, activations, initializer,
        dropout, optimizer, loss and metric, and that gives no warning of its own.
    """

    def hint() -> str:
        import keras

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = answer()
        if model is None:
            return NOTHING_RETURNED
        if not isinstance(model, keras.Model):
            return f"That is a {type(model).__name__}. Return the keras.Model, after calling compile on it."
        complaint = next((str(one.message) for one in caught if one.category is UserWarning), "")
        if complaint:
            return f"It works, but Keras warns: {complaint.split('. ')[0]}. Begin with keras.Input instead."
        return _wrong_layers(model) or _wrong_training(model)

    return judge(hint, "Right: the model of 2016, and not one warning.")


def _long_name(loss: str) -> str:
    squeezed = loss.lower().replace("_", "").replace(" ", "")
    return LONG_NAMES.get(squeezed, next((name for name in LONG_NAMES.values() if name == loss.lower()), loss))


def _wrong_activation(task: str, given: str, right: str) -> str:
    if given == right:
        return ""
    if task == "price":
        return f"{given!r} bends the number. Section 1 showed what it costs; what lets every number through?"
    if task == "tags" and given == "softmax":
        return "softmax shares one whole among the tags, but several may be true at once."
    if task == "spam" and given == "softmax":
        return "softmax over one output is always 1; with two it would do. Which activation gives one probability?"
    if task.startswith("species") and given == "sigmoid":
        return "with sigmoid, five answers could all be yes. Exactly one species is right."
    if given == "linear":
        return "that leaves logits, and a loss called by its name expects probabilities. Which activation makes them?"
    return f"{given!r} gives no probabilities from 0 to 1. Which activation does?"


def _wrong_loss(task: str, given: str, right: set[str]) -> str:
    if given in right:
        return ""
    if task.startswith("species") and given in CROSS_ENTROPY:
        form = "integers" if task == "species" else "rows of zeros and a one"
        return f"these labels are {form}; {given!r} expects the other form."
    if task == "price":
        if "crossentropy" not in given.lower():
            return f"{given!r} is no loss that Keras knows for a number. Which losses in section 4 measure a distance?"
        return f"{given!r} compares probabilities, and a price is none. Which losses measure a distance?"
    if given in PAIRS["price"][1]:
        return f"{given!r} is for numbers: confidently wrong answers would hardly cost (chapter 01, section 4)."
    if task == "tags":
        return "each tag is a yes-or-no question of its own. Which loss asks it?"
    return f"{given!r} does not fit these labels. Look the task up in section 4."


def _wrong_layers(model) -> str:
    from keras import layers

    if not model.built or not model.inputs:
        return "The model does not know its input shape yet. Begin with keras.Input(shape=(28, 28, 1))."
    if tuple(model.input_shape)[1:] != (28, 28, 1):
        return f"It takes {tuple(model.input_shape)[1:]}. The old one took pictures of (28, 28, 1)."
    found = {}
    for kind in (layers.Conv2D, layers.MaxPooling2D, layers.Dropout, layers.Dense):
        own = [layer for layer in model.layers if isinstance(layer, kind)]
        if len(own) != 1:
            return f"It has {len(own)} {kind.__name__} layers; the old one had exactly 1."
        found[kind] = own[0]
    convolution, dense = found[layers.Conv2D], found[layers.Dense]
    if tuple(convolution.strides) != (1, 1):
        return (
            f"The convolution moves in steps of {tuple(convolution.strides)}: in Convolution2D(16, 3, 3) both 3s were "
            "the window, and today the third number is the stride."
        )
    if tuple(convolution.kernel_size) != (3, 3) or convolution.filters != 16:
        return "Convolution2D(16, 3, 3) meant 16 filters and a window of 3 by 3. Yours differs."
    if convolution.padding != "same":
        return "border_mode='same' is padding='same' today; yours does not pad."
    if type(convolution.kernel_initializer).__name__ != "HeNormal":
        return "init='he_normal' is lost: it is called kernel_initializer today."
    if tuple(found[layers.MaxPooling2D].pool_size) != (2, 2):
        return "The pooling window of the old model was (2, 2)."
    if found[layers.Dropout].rate != 0.25:
        return f"Dropout(p=0.25) dropped a quarter; yours drops {found[layers.Dropout].rate:g}."
    if dense.units != 10:
        return f"output_dim=10 is units=10; yours has {dense.units}."
    count = model.count_params()
    if count != 31_530:  # 16 * (3 * 3 + 1) in the convolution, 14 * 14 * 16 * 10 + 10 in the Dense layer
        return (
            f"It has {count:,} parameters; the old one had 31,530. Compare model.summary() with the old lines: is "
            "something left out, added, or pooled in another way?"
        )
    return _wrong_activations(model, convolution, dense)


def _wrong_activations(model, convolution, dense) -> str:
    from keras import layers

    def after(layer):
        names = {layer.activation.__name__} - {"linear"}
        following = model.layers[model.layers.index(layer) + 1 :][:1]
        for one in following:
            if isinstance(one, layers.Activation):
                names.add(one.activation.__name__)
            elif isinstance(one, layers.ReLU | layers.Softmax):
                names.add(type(one).__name__.lower())
        return names

    if after(convolution) != {"relu"}:
        return f"After the convolution stood a ReLU; yours has {' and '.join(sorted(after(convolution))) or 'none'}."
    if after(dense) != {"softmax"}:
        return f"The old model ended in a softmax; yours has {' and '.join(sorted(after(dense))) or 'none'}."
    return ""


def _wrong_training(model) -> str:
    if not getattr(model, "compiled", False) or model.optimizer is None:
        return "The model is not compiled. Call model.compile(...) before you return it."
    if type(model.optimizer).__name__ != "Adam":
        return f"The old optimizer was Adam; yours is {type(model.optimizer).__name__}."
    rate = float(np.asarray(model.optimizer.learning_rate))
    if not np.isclose(rate, 0.002):
        return f"lr=0.002 is learning_rate=0.002 today; yours learns at {rate:g}."
    pictures = np.linspace(0, 1, 2 * 28 * 28).reshape(2, 28, 28, 1).astype("float32")
    probabilities = np.asarray(model(pictures))
    right = -np.log(probabilities[[0, 1], [3, 7]]).mean()
    try:
        scores = model.evaluate(pictures, np.eye(10)[[3, 7]], verbose=0, return_dict=True)
    except (TypeError, ValueError) as error:
        if "loss_weights" in str(error) or "dtype" in str(error) or "convert elements" in str(error):
            return "It stops when it is used: the third place of compile belongs to loss_weights. Write metrics=[...]."
        return (
            "It stops on one-hot labels, for which the old loss was made. Which spelling of the cross entropy is "
            f"for them? Keras says: {str(error).splitlines()[0]}"
        )
    if not np.isclose(scores.pop("loss"), right, rtol=1e-3):
        return "The loss is not the categorical cross entropy of the old code."
    if not any("acc" in name for name in scores):
        return "The accuracy is lost: it went in as metrics."
    return ""
