"""Answers to chapter 01's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np

from course_utils.checks import chapter01 as check


def softmax(z, axis=1):
    raised = np.exp(z - z.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def one_hot(labels, logits):
    return np.eye(logits.shape[1])[labels]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def naive_cross_entropy(labels, logits):
    p = sigmoid(logits)
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def stable_each(labels, logits):
    return np.logaddexp(0, logits) - labels * logits


def overflowing_where_right(labels, logits):
    return np.mean(np.where(labels == 1, np.log1p(np.exp(logits)) - logits, logits + np.log1p(np.exp(-logits))))


def clipped_cross_entropy(labels, logits):
    p = np.clip(sigmoid(logits), 1e-7, 1 - 1e-7)
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def mean_of_each_label(labels, logits):
    each = stable_each(labels, logits)
    return each[labels == 1].mean() + each[labels == 0].mean()


WRONG = {
    "third_example": [
        (lambda: (1.0, 3.0), "cannot tell the first weight"),
        (lambda: (1, 2), "already seen"),
        (lambda: (2, 1, 3), "not a pair"),
        (lambda: (5.0, 3.0), "explode"),
        (lambda: (float("nan"), 3), "finite"),
        (lambda: None, "forget the word return"),
    ],
    "binary_cross_entropy": [
        (naive_cross_entropy, "overflows"),
        (overflowing_where_right, "overflows"),
        (clipped_cross_entropy, "hides the loss"),
        (lambda y, z: stable_each(y, z).sum(), "sum over the examples"),
        (stable_each, "Return one number"),
        (lambda y, z: -stable_each(y, z).mean(), "sign"),
        (lambda y, z: stable_each(y, z).mean() / np.log(2), "natural logarithm"),
        (lambda y, z: stable_each(1 - y, z).mean(), "swapped"),
        (lambda y, z: stable_each(z, y).mean(), "changed places"),
        (lambda y, z: np.mean(np.logaddexp(0, -z) * y), "label of 0"),
        (mean_of_each_label, "one mean over all"),
        (lambda y, z: -np.mean(y * np.log(z) + (1 - y) * np.log(1 - z)), "Logits are not probabilities"),
        (lambda y, z: np.mean((sigmoid(z) - y) ** 2), "it should be"),
        (lambda y, z: None, "forget the word return"),
        (lambda y, z: np.mean(undefined), "NameError"),  # noqa: F821
    ],
    "softmax_cross_entropy_gradient": [
        (lambda y, z: softmax(z) - one_hot(y, z), "mean over n"),
        (lambda y, z: (one_hot(y, z) - softmax(z)) / len(y), "sign"),
        (lambda y, z: one_hot(y, z) - softmax(z), "sign"),
        (lambda y, z: (softmax(z) - one_hot(y, z)) / z.size, "number of examples"),
        (lambda y, z: (softmax(z) - one_hot(y, z)) / z.shape[1], "number of examples"),
        (lambda y, z: softmax(z), "labels play no part"),
        (lambda y, z: softmax(z) / len(y), "labels play no part"),
        (lambda y, z: (softmax(z, axis=0) - one_hot(y, z)) / len(y), "axis 1"),
        (lambda y, z: (softmax(z) - one_hot(y, z)).mean(axis=0), "shape"),
        (lambda y, z: z - one_hot(y, z), "softmax comes first"),
        (lambda y, z: (softmax(z) - one_hot(y, z)) * one_hot(y, z) / len(y), "wrong logit costs"),
        (lambda y, z: np.tanh(z), "differentiate"),
        (lambda y, z: None, "forget the word return"),
    ],
}

RIGHT = {
    "third_example": [lambda: [2, 3], lambda: np.array([0, 0]), lambda: (-1.0, 2), lambda: (3, 1)],
    "binary_cross_entropy": [
        lambda y, z: np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))),
        lambda y, z: sum(stable_each(a, b) for a, b in zip(y, z, strict=True)) / len(y),
    ],
    "softmax_cross_entropy_gradient": [
        lambda y, z: ((softmax(z) - one_hot(y, z)) / len(y)).tolist(),
        lambda y, z: ((softmax(z) - one_hot(y, z)) / len(y)).astype("float32"),
    ],
}


def test_answer_that_changes_its_arguments_does_not_spoil_the_hint():
    def spoiling(labels, logits):
        logits[:] = 0
        return 7.0

    assert "-0.5" in check.binary_cross_entropy(spoiling).message


def test_verdict_shows_itself_and_escapes_what_the_learner_returned():
    verdict = check.third_example(lambda: "<script>")
    assert "not right yet" in repr(verdict)
    assert "<script>" not in verdict._repr_html_()
