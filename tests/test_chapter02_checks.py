"""Answers to chapter 02's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import math
from itertools import pairwise

import numpy as np
import pytest

from course_utils.checks import chapter02 as check


def course_schedule(step, peak, warmup_steps, total_steps):
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * falling((step - warmup_steps) / (total_steps - warmup_steps))


def weights(widths):
    return sum(a * b for a, b in pairwise(widths))


def falling(progress):
    return (1 + np.cos(np.pi * progress)) / 2


def schedule(down, up=lambda step, warmup: step / warmup):
    """A schedule with another way down or up; `down` takes step, warm-up and total."""
    return lambda step, peak, warmup, total: peak * (up(step, warmup) if step < warmup else down(step, warmup, total))


def since(step, warmup, total):
    return (step - warmup) / (total - warmup)


def best_run_by_validation(val, test):
    return test[val.max(axis=1).argmax()]


def each_run_at_its_best(val, test):
    return test[np.arange(len(val)), val.argmax(axis=1)]


def forgets_the_way_down(step, peak, warmup, total):
    if step < warmup:
        return peak * step / warmup
    return None


WRONG = {
    "count_parameters": [
        (weights, "biases are missing"),
        (lambda w: weights(w) + sum(w), "as if they had biases"),
        (lambda w: weights(w) + sum(w[:-1]), "per input"),
        (lambda w: weights(w) + sum(w[1:-1]), "output layer"),
        (lambda w: weights(w) + len(w) - 1, "not one for each layer"),
        (lambda w: sum(w[1:]), "biases alone"),
        (sum, "Those are the units"),
        (math.prod, "all multiplied"),
        (lambda w: 535_818, "For [784, 10]"),
        (lambda w: [(a + 1) * b for a, b in pairwise(w)], "Return one number"),
        (lambda w: None, "forget the word return"),
        (lambda w: w[4], "IndexError"),
    ],
    "warmup_cosine": [
        (lambda step, peak, warmup, total: peak * falling(step / total), "no warm-up"),
        (lambda step, peak, warmup, total: peak * falling(since(step, warmup, total)), "no warm-up"),
        (schedule(lambda *_: 1), "Where is the cosine"),
        (schedule(lambda *places: 1 - since(*places)), "straight line"),
        (schedule(lambda *places: np.cos(np.pi / 2 * since(*places))), "quarter of a wave"),
        (schedule(lambda step, warmup, total: falling(step / total)), "jumps down"),
        (schedule(lambda step, warmup, total: falling((step - warmup) / total)), "does not reach 0"),
        (schedule(lambda *places: 2 * falling(since(*places))), "halve it"),
        (schedule(lambda *places: np.cos(np.pi * since(*places))), "negative"),
        (schedule(lambda *places: falling(2 * since(*places))), "whole wave"),
        (lambda step, peak, *rest: course_schedule(step, 1.0, *rest), "highest value"),
        (schedule(lambda *p: falling(since(*p)), up=lambda step, warmup: step / warmup / 0.004), "not to 1"),
        (schedule(lambda *p: falling(since(*p)), up=lambda *_: 0), "stays 0"),
        (schedule(lambda *p: falling(since(*p)), up=lambda step, warmup: (step + 1) / warmup), "one step ahead"),
        (schedule(lambda *p: falling(since(*p)) ** 2), "At step 35"),
        (lambda step, *rest: np.zeros(3), "one learning rate"),
        (forgets_the_way_down, "At step 10"),
        (lambda step, *rest: np.cos(undefined), "NameError"),  # noqa: F821
    ],
    "honest_score": [
        (lambda val, test: test.max(), "Who may choose"),
        (lambda val, test: val.max(), "flatters"),
        (lambda val, test: best_run_by_validation(val, test).max(), "then its epoch by the test digits"),
        (lambda val, test: each_run_at_its_best(val, test).max(), "then the run by the test digits"),
        (lambda val, test: each_run_at_its_best(val, test).mean(), "mean over the runs"),
        (lambda val, test: test[val[:, -1].argmax(), -1], "last epoch"),
        (lambda val, test: test[:, -1].max(), "last epochs"),
        (lambda val, test: test.mean(), "mean of everything"),
        (lambda val, test: test[-1, -1], "last run"),
        (lambda val, test: val.flat[test.argmax()], "changed places"),
        (lambda val, test: test.flat[val.argmin()], "Higher is better"),
        (lambda val, test: np.median(test), "Which one place"),
        (each_run_at_its_best, "Publish one number"),
        (lambda val, test: test[val.argmax()], "IndexError"),
        (lambda val, test: None, "forget the word return"),
    ],
}

RIGHT = {
    "count_parameters": [
        lambda w: weights(w) + sum(w[1:]),
        lambda w: np.int64(sum(w[i] * w[i + 1] + w[i + 1] for i in range(len(w) - 1))),
        lambda w: float(weights(w) + sum(w[1:])),
    ],
    "warmup_cosine": [
        schedule(lambda *places: np.cos(np.pi / 2 * since(*places)) ** 2),
        lambda step, peak, warmup, total: np.float32(course_schedule(step, peak, warmup, total)),
        lambda step, peak, warmup, total: (
            peak * step / warmup if step <= warmup else peak / 2 * (1 + math.cos(math.pi * since(step, warmup, total)))
        ),
    ],
    "honest_score": [
        lambda val, test: test[np.unravel_index(val.argmax(), val.shape)],
        lambda val, test: best_run_by_validation(val, test)[val[val.max(axis=1).argmax()].argmax()],
        lambda val, test: test[val == val.max()].item(),
    ],
}


def test_schedule_agrees_with_the_library():
    keras = pytest.importorskip("keras")
    library = keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.004, warmup_steps=10)
    verdict = check.warmup_cosine(lambda step, *_: float(library(step)))
    assert verdict.status == "correct", verdict


def test_answer_that_changes_its_arguments_does_not_spoil_the_hint():
    def spoiling(val, test):
        best = test.max()
        val[:], test[:] = 0, 0
        return best

    assert "Who may choose" in check.honest_score(spoiling).message
