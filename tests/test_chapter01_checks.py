"""Chapter 01's checks from both sides: the reference, the stub, and mistakes that each get their hint."""

import numpy as np
import pytest

from course_utils.checks import chapter01 as check
from course_utils.commands import editions
from course_utils.commands.chapters import select


def stub(*_):
    # YOUR CODE HERE
    raise NotImplementedError()


def reference(name):
    """The solution that stands in the chapter's source."""
    (chapter,) = select(["01"])
    (cell,) = [c for c in editions.read_source(chapter).cells if f"def {name}(" in c.source and "SOLUTION" in c.source]
    namespace = {"np": np}
    exec(cell.source, namespace)
    return namespace[name]


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


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, answers in RIGHT.items() for answer in answers])
def test_right_answer_in_another_form_is_correct(name, answer):
    verdict = getattr(check, name)(answer)
    assert verdict.status == "correct", verdict


def test_answer_that_changes_its_arguments_does_not_spoil_the_hint():
    def spoiling(labels, logits):
        logits[:] = 0
        return 7.0

    assert "-0.5" in check.binary_cross_entropy(spoiling).message


@pytest.mark.parametrize("name", WRONG)
def test_reference_in_the_source_is_correct(name):
    verdict = getattr(check, name)(reference(name))
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize("name", WRONG)
def test_stub_is_not_attempted(name):
    assert getattr(check, name)(stub).status == "not attempted yet"


@pytest.mark.parametrize(
    ("name", "answer", "hint"), [(name, answer, hint) for name, cases in WRONG.items() for answer, hint in cases]
)
def test_wrong_answer_gets_the_hint_for_that_mistake(name, answer, hint):
    verdict = getattr(check, name)(answer)
    assert verdict.status == "not right yet"
    assert hint in verdict.message


def test_verdict_shows_itself_and_escapes_what_the_learner_returned():
    verdict = check.third_example(lambda: "<script>")
    assert "not right yet" in repr(verdict)
    assert "<script>" not in verdict._repr_html_()
