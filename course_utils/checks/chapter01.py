"""Checks of chapter 01's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable

import numpy as np

from .verdict import Verdict, judge


def third_example(answer: Callable[[], tuple[float, float]]) -> Verdict:
    """Check a third pair that pins addition down, together with (1, 1) and (1, 2).

    Args:
        answer: Returns two numbers.

    Returns:
        The verdict. Right is every pair with which the three equations have only one solution.
    """

    def hint() -> str:
        pair = answer()
        if np.shape(pair) != (2,):
            return f"{pair!r} is not a pair. Return the two inputs only, such as 4, 7; their sum follows."
        first, second = (float(number) for number in pair)
        if (first, second) in ((1.0, 1.0), (1.0, 2.0)):
            return "The neuron has already seen this pair, so it says nothing new."
        if first == 1:
            return (
                "Its first number is 1 once more, so the neuron still cannot tell the first weight "
                "from the bias. What must change?"
            )
        return ""

    return judge(hint, "Right: as soon as the first number is not 1, weight and bias are told apart.")


def binary_cross_entropy(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check a mean binary cross entropy from logits.

    Args:
        answer: Called as ``answer(labels, logits)`` with two float arrays of shape (n,); returns a number in nats.

    Returns:
        The verdict, within 1e-6 of the formula, and finite at logits of 1000.
    """

    def hint() -> str:
        labels, logits = np.array([1.0, 0.0, 1.0, 0.0]), np.array([2.0, 1.0, -0.5, -3.0])
        each = np.logaddexp(0, logits) - labels * logits
        value = np.asarray(answer(labels, logits), dtype=float)
        if value.shape != ():
            return f"The answer has shape {value.shape}. Return one number: the mean over the examples."
        swapped = np.logaddexp(0, logits) - (1 - labels) * logits
        as_probabilities = np.logaddexp(0, -logits) * labels
        for wrong, mistake in (
            (each.sum(), "That is the sum over the examples. Take the mean, so that the batch size does not matter."),
            (-each.mean(), "The sign is turned round: a loss is positive, and smaller is better."),
            (each.mean() / np.log(2), "That is in bits. Use the natural logarithm, as Keras does."),
            (swapped.mean(), "The labels are swapped: a large logit should cost little where the label is 1."),
            (as_probabilities.mean(), "Only the examples with label 1 are counted. What does a label of 0 cost?"),
        ):
            if np.isclose(value, wrong, atol=1e-6):
                return mistake
        if not np.isclose(value, each.mean(), atol=1e-6):
            return f"For labels {labels} and logits {logits} it should be {each.mean():.4f}; yours is {value:.4f}."
        with np.errstate(all="ignore"):
            extreme = float(answer(np.array([1.0, 0.0]), np.array([-1000.0, 1000.0])))
        if not np.isclose(extreme, 1000.0):
            return f"At logits of ±1000 it gives {extreme}, not 1000: an exponential overflows. Try np.logaddexp."
        return ""

    return judge(hint, "Right, and safe at any logit. Keras computes it this way when you say from_logits=True.")


def softmax_cross_entropy_gradient(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check the gradient of the mean softmax cross entropy with respect to the logits.

    Args:
        answer: Called as ``answer(labels, logits)`` with integers (n,) and floats (n, classes); returns (n, classes).

    Returns:
        The verdict, within 1e-6 of (softmax - one-hot) / n.
    """

    def hint() -> str:
        labels = np.array([0, 2, 1, 2])
        logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 3.0], [1.0, -1.0, 0.0], [0.5, 0.5, 0.5]])
        probabilities = _softmax(logits, axis=1)
        one_hot = np.eye(3)[labels]
        right = (probabilities - one_hot) / len(labels)
        value = np.asarray(answer(labels, logits), dtype=float)
        if value.shape != logits.shape:
            return f"The answer has shape {value.shape}; the gradient has the shape of the logits, {logits.shape}."
        for wrong, mistake in (
            (right * len(labels), "Right for one example, but the loss is a mean over n. What does that change?"),
            (-right, "The sign is turned round: to lower the loss, we step against the gradient."),
            (probabilities / len(labels), "The labels play no part yet. What does raising the right logit do?"),
            (probabilities, "These are the softmax probabilities; the labels play no part yet."),
            (
                (_softmax(logits, axis=0) - one_hot) / len(labels),
                "The softmax runs over the examples. Sum over axis 1.",
            ),
        ):
            if np.allclose(value, wrong, atol=1e-6):
                return mistake
        if not np.allclose(value, right, atol=1e-6):
            return (
                "Not yet. Write the loss of one example as log(sum of exp(logits)) minus the right logit, and "
                "differentiate both parts."
            )
        return ""

    return judge(hint, "Right: what it says minus what it should say. Every backward pass starts here.")


def _softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)
