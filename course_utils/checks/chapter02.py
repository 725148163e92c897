"""Checks of chapter 02's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge


def count_parameters(answer: Callable[[Sequence[int]], int]) -> Verdict:
    """Check the number of parameters of an MLP.

    Args:
        answer: Called as ``answer(widths)`` with the numbers of units from input to output; returns a whole number.

    Returns:
        The verdict. Right is the sum of (inputs + 1) x units over the layers.
    """

    def hint() -> str:
        for widths in ([784, 512, 256, 10], [784, 10], [5, 4, 3, 2]):
            layers = list(pairwise(widths))
            weights = sum(inputs * units for inputs, units in layers)
            right = weights + sum(widths[1:])
            returned = answer(list(widths))
            if returned is None:
                return NOTHING_RETURNED
            value = np.asarray(returned)
            if value.shape != ():
                return f"The answer has shape {value.shape}. Return one number: the sum over the layers."
            for wrong, mistake in (
                (weights, "The biases are missing: every unit has one."),
                (weights + sum(widths), "The inputs are counted as if they had biases. Only units have them."),
                (
                    weights + sum(widths[:-1]),
                    "The biases are counted per input. There is one for each unit.",
                ),
                (weights + sum(widths[1:-1]), "The output layer has biases, too."),
                (weights + len(layers), "There is one bias for each unit, not one for each layer."),
                (sum(widths[1:]), "Those are the biases alone. Each unit also has one weight per input."),
                (sum(widths), "Those are the units. Each one has a weight per input, and a bias."),
                (np.prod(widths), "The widths are all multiplied. Layers stand one after another: add them up."),
            ):
                if value == wrong and wrong != right:
                    return mistake
            if value != right:
                return f"For {widths} it should be {right:,}; yours is {value}. Take one layer at a time."
        return ""

    return judge(hint, "Right. Three quarters of them sit in the first hidden layer: the price of reading every pixel.")


def warmup_cosine(answer: Callable[[float, float, int, int], float]) -> Verdict:
    """Check a learning rate that warms up in a straight line and then decays along half a cosine.

    Args:
        answer: Called as ``answer(step, peak, warmup_steps, total_steps)``; returns the learning rate at that step.

    Returns:
        The verdict, within a millionth of the peak at steps before, at and after the end of the warm-up.
    """

    def hint() -> str:
        peak, warmup, total = 0.004, 10, 110
        steps = np.array([0, 3, 10, 35, 60, 85, 110])
        returned = [answer(int(step), peak, warmup, total) for step in steps]
        if any(value is None for value in returned):
            return f"{NOTHING_RETURNED} (At step {steps[[value is None for value in returned]][0]}.)"
        if any(np.shape(value) != () for value in returned):
            return "The answer is not one number. For one step, return one learning rate."
        values = np.array(returned, dtype=float)

        def cosine(progress: np.ndarray) -> np.ndarray:
            return peak * (1 + np.cos(np.pi * progress)) / 2

        up, since = steps / warmup, (steps - warmup) / (total - warmup)
        rising = steps < warmup
        right = np.where(rising, peak * up, cosine(since))
        straight = peak * (1 - since)
        quarter = peak * np.cos(np.pi / 2 * since)
        no_half = "At the end the rate should be 0. (1 + cos) runs from 2 to 0: halve it."
        for wrong, mistake in (
            (cosine(steps / total), "There is no warm-up yet: at step 0 the rate should be 0."),
            (cosine(since), "There is no warm-up yet: before warmup_steps the rate should rise from 0."),
            (np.where(rising, peak * up, peak), "It warms up and then stays at the peak. Where is the cosine?"),
            (np.where(rising, peak * up, straight), "The way down is a straight line. It should be half a cosine."),
            (
                np.where(rising, peak * up, quarter),
                "That is a quarter of a wave, which ends steep. Use half a wave.",
            ),
            (
                np.where(rising, peak * up, cosine(steps / total)),
                "At the end of the warm-up the rate jumps down. The cosine must begin there: count the steps since "
                "warmup_steps.",
            ),
            (
                np.where(rising, peak * up, cosine((steps - warmup) / total)),
                "It does not reach 0 at total_steps. After the warm-up there are total_steps - warmup_steps left.",
            ),
            (np.where(rising, peak * up, 2 * cosine(since)), no_half),
            (
                np.where(rising, peak * up, peak * np.cos(np.pi * since)),
                "The rate becomes negative. Add 1 to the cosine.",
            ),
            (
                np.where(rising, peak * up, cosine(2 * since)),
                "That is a whole wave: the rate is back at the peak in the end. Use π, not 2π.",
            ),
            (right / peak, "The shape is right, but its highest value should be peak."),
            (np.where(rising, up, right), "The warm-up should rise to peak, not to 1."),
            (np.where(rising, 0, right), "During the warm-up the rate stays 0. Let it rise in a straight line."),
            (
                np.where(rising, peak * (steps + 1) / warmup, right),
                "The warm-up is one step ahead: it should be 0 at step 0, and peak at warmup_steps.",
            ),
        ):
            if np.allclose(values, wrong, rtol=0, atol=peak * 1e-6):
                return mistake
        for step, value, expected in zip(steps, values, right, strict=True):
            if not np.isclose(value, expected, rtol=0, atol=peak * 1e-6):
                case = f"peak {peak}, {warmup} warm-up steps of {total}"
                return f"At step {step} ({case}) the rate should be {expected:.6f}; yours is {value:.6f}."
        return ""

    return judge(hint, "Right: the same as Keras's CosineDecay with a warm-up. Draw it to be sure.")


def honest_score(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check which of many test accuracies may be published.

    Args:
        answer: Called as ``answer(val_accuracy, test_accuracy)`` with two float arrays (runs, epochs) in [0, 1];
            returns a number.

    Returns:
        The verdict. Right is the test accuracy where the validation accuracy, over all runs and epochs, is highest.
    """

    def hint() -> str:
        val = np.array([[0.90, 0.94, 0.93, 0.955], [0.91, 0.93, 0.96, 0.935], [0.89, 0.945, 0.92, 0.93]])
        test = np.array([[0.885, 0.931, 0.947, 0.914], [0.902, 0.951, 0.938, 0.926], [0.879, 0.9445, 0.953, 0.922]])
        right = test.flat[val.argmax()]
        returned = answer(val.copy(), test.copy())
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        if value.shape != ():
            return f"The answer has shape {value.shape}. Publish one number: of one run, after one epoch."
        by_run = test[np.arange(3), val.argmax(axis=1)]
        best_run = val.max(axis=1).argmax()
        last_run = val[:, -1].argmax()
        for wrong, mistake in (
            (test.max(), "That is the best test accuracy: chosen by the test digits. Who may choose?"),
            (val.max(), "That is the validation accuracy of the chosen model. It was chosen by it, so it flatters."),
            (test[best_run].max(), "The run was chosen honestly, and then its epoch by the test digits."),
            (by_run.max(), "Each epoch was chosen honestly, and then the run by the test digits."),
            (by_run.mean(), "That is a mean over the runs. You publish one model: choose the run, too, by validation."),
            (test[last_run, -1], "That takes the last epoch. You may choose the epoch as well, by validation."),
            (test[:, -1].max(), "The last epochs' best test accuracy: chosen by the test digits. Who may choose?"),
            (test.mean(), "That is the mean of everything. Of which one model do you speak?"),
            (test[-1, -1], "That is the last epoch of the last run. Choose the best, by validation."),
            (val.flat[test.argmax()], "The two have changed places: choose by validation, report the test accuracy."),
            (test.flat[val.argmin()], "That is the place of the lowest validation accuracy. Higher is better here."),
        ):
            if np.isclose(value, wrong, rtol=0, atol=1e-9):
                return mistake
        if not np.isclose(value, right, rtol=0, atol=1e-9):
            return "Not yet. Which one place, of all runs and epochs, do the validation digits choose?"
        return ""

    return judge(hint, "Right: validation chooses, the test digits only answer. It may not be your highest number.")
