"""Checks of chapter 01's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge

# Section 1 descends with a learning rate of 0.1: stable while the largest curvature stays below 2 / 0.1.
STEEPEST = 20.0


def third_example(answer: Callable[[], tuple[float, float]]) -> Verdict:
    """Check a third pair that pins addition down, together with (1, 1) and (1, 2).

    Args:
        answer: Returns two numbers.

    Returns:
        The verdict. Right is every pair with which the three equations have only one solution, and with which
        gradient descent at a learning rate of 0.1 finds it.
    """

    def hint() -> str:
        pair = answer()
        if pair is None:
            return NOTHING_RETURNED
        if np.shape(pair) != (2,):
            return f"{pair!r} is not a pair. Return the two inputs only, such as 3, 2; their sum follows."
        first, second = (float(number) for number in pair)
        if not np.isfinite([first, second]).all():
            return f"{first} and {second} are not both ordinary numbers. Return two finite ones, such as 3, 2."
        if (first, second) in ((1.0, 1.0), (1.0, 2.0)):
            return "The neuron has already seen this pair, so it says nothing new."
        if first == 1:
            return (
                "Its first number is 1 once more, so the neuron still cannot tell the first weight "
                "from the bias. What must change?"
            )
        rows = np.array([[1, 1, 1], [1, 2, 1], [first, second, 1]])  # two inputs and the bias's 1
        if np.linalg.eigvalsh(2 / 3 * rows.T @ rows)[-1] >= STEEPEST:
            return (
                "It pins addition down, but with numbers this large the steps of gradient descent explode at a "
                "learning rate of 0.1. Try smaller ones."
            )
        return ""

    return judge(hint, "Right: as soon as the first number is not 1, weight and bias are told apart.")


def binary_cross_entropy(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check a mean binary cross entropy from logits.

    Args:
        answer: Called as ``answer(labels, logits)`` with two float arrays of shape (n,); returns a number in nats.

    Returns:
        The verdict, within 1e-6 of the formula, and right at logits of 1000 and -1000.
    """

    def hint() -> str:
        labels, logits = np.array([1.0, 0.0, 1.0, 0.0, 0.0]), np.array([2.0, 1.0, -0.5, -3.0, 0.7])
        each = np.logaddexp(0, logits) - labels * logits
        with np.errstate(all="ignore"):
            returned = answer(labels.copy(), logits.copy())
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        if value.shape != ():
            return f"The answer has shape {value.shape}. Return one number: the mean over the examples."
        if np.isnan(value):
            return "That is nan: the logarithm of a negative number. Logits are not probabilities yet."
        swapped = np.logaddexp(0, logits) - (1 - labels) * logits
        exchanged = np.logaddexp(0, labels) - logits * labels
        ones = labels == 1
        for wrong, mistake in (
            (each.sum(), "That is the sum over the examples. Take the mean: the batch size must not matter."),
            (-each.sum(), "That is a sum, and its sign is turned round: a loss is a mean, and positive."),
            (-each.mean(), "The sign is turned round: a loss is positive, and smaller is better."),
            (each.mean() / np.log(2), "That is in bits. Use the natural logarithm, as Keras does."),
            (swapped.mean(), "The labels are swapped: a large logit should cost little where the label is 1."),
            (exchanged.mean(), "Labels and logits have changed places: the labels come first."),
            ((each * labels).mean(), "Only the examples with label 1 are counted. What does a label of 0 cost?"),
            (each[ones].mean() + each[~ones].mean(), "Take one mean over all examples, not one for each label."),
        ):
            if np.isclose(value, wrong, atol=1e-6):
                return mistake
        if not np.isclose(value, each.mean(), atol=1e-6):
            return f"For labels {labels} and logits {logits} it should be {each.mean():.4f}; yours is {value:.4f}."
        for label, logit, right in ((1, -1000, 1000), (0, 1000, 1000), (1, 1000, 0), (0, -1000, 0)):
            with np.errstate(all="ignore"):
                found = float(answer(np.array([float(label)]), np.array([float(logit)])))
            if np.isclose(found, right):
                continue
            case = f"For a label of {label} and a logit of {logit} it should be {right}; yours is {found:.5g}"
            if np.isfinite(found):
                return f"{case}: a clip or a small ε hides the loss. Stay with the logits."
            return f"{case}: an exponential overflows. Try np.logaddexp."
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
        num_samples, num_classes = logits.shape
        probabilities, one_hot = _softmax(logits, axis=1), np.eye(num_classes)[labels]
        right = (probabilities - one_hot) / num_samples
        returned = answer(labels.copy(), logits.copy())
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        if value.shape != logits.shape:
            return f"The answer has shape {value.shape}; the gradient has the shape of the logits, {logits.shape}."
        no_mean = "Right for one example, but the loss is a mean over n. What does that change?"
        sign = "The sign is turned round: to lower the loss, we step against the gradient."
        by_examples = "Divide by the number of examples, not by the number of classes or of all entries."
        no_labels = "The labels play no part yet. What does raising the right logit do?"
        wrong_axis = "The softmax runs over the examples. Sum over axis 1."
        for wrong, mistake in (
            (right * num_samples, no_mean),
            (-right, sign),
            (-right * num_samples, f"{sign} And the loss is a mean over n."),
            (right / num_classes, by_examples),
            (right * num_samples / num_classes, by_examples),
            (probabilities / num_samples, no_labels),
            (probabilities, no_labels),
            ((_softmax(logits, axis=0) - one_hot) / num_samples, wrong_axis),
            (_softmax(logits, axis=0) - one_hot, wrong_axis),
            ((_softmax(logits, axis=None) - one_hot) / num_samples, wrong_axis),
            ((logits - one_hot) / num_samples, "The logits are not probabilities yet: softmax comes first."),
            (logits - one_hot, "The logits are not probabilities yet: softmax comes first."),
            (right * one_hot, "Only the right class has a slope so far. Raising a wrong logit costs, too."),
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


def _softmax(logits: np.ndarray, axis: int | None) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)
