"""Checks of chapter 08's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge


def block_parameters(answer: Callable[[int, int, int], int]) -> Verdict:
    """Check the count of a residual block's numbers.

    Args:
        answer: Called as ``answer(inputs, filters, stride)`` with the channels that come in, the channels that go out,
            and the stride of the block's first convolution; returns a whole number.

    Returns:
        The verdict: two convolutions of 3 x 3 without biases, a normalization with four numbers per channel after each,
        and on the shortcut, where the shape changes, a convolution of 1 x 1 and one more normalization.
    """

    def hint() -> str:
        cases = [(16, 16, 1), (16, 32, 2), (32, 64, 2), (64, 64, 1), (16, 24, 1), (32, 32, 2)]
        found = [answer(*case) for case in cases]
        if any(value is None for value in found):
            return NOTHING_RETURNED
        if any(np.shape(value) != () for value in found):
            return "One number is wanted: how many numbers the whole block holds."
        right = [_block(*case) for case in cases]
        values = [float(value) for value in found]
        for wrong, mistake in _WRONG_BLOCKS:
            if values == [wrong(*case) for case in cases]:
                return mistake
        for (inputs, filters, stride), value, expected in zip(cases, values, right, strict=True):
            if value != expected:
                return (
                    f"For {inputs} channels in, {filters} out and stride {stride} it holds {expected:,}; yours says "
                    f"{value:,g}. Count convolutions, normalizations and shortcut one by one."
                )
        return ""

    return judge(hint, "Right. The shortcut costs next to nothing: where the shape stays, nothing at all.")


def _block(
    inputs: int, filters: int, stride: int, norm: int = 4, bias: int = 0, shortcut: int = 1, always: bool = False
) -> int:
    """Count a block's numbers; the settings after stride make the mistakes.

    `norm` and `bias` are numbers per channel, `shortcut` is the side of the shortcut's kernel and 0 for none; `always`
    gives it to every block.
    """
    convolution = 9 * inputs * filters + bias * filters + norm * filters
    count = convolution + 9 * filters * filters + bias * filters + norm * filters
    if shortcut and (always or stride != 1 or inputs != filters):
        count += shortcut**2 * inputs * filters + bias * filters + norm * filters
    return count


_WRONG_BLOCKS = (
    (
        lambda i, f, s: _block(i, f, s, norm=2),
        "A normalization holds four numbers per channel: scale, shift, and the mean and variance that it remembers.",
    ),
    (lambda i, f, s: _block(i, f, s, norm=0), "The normalizations are missing: four numbers per channel each."),
    (
        lambda i, f, s: _block(i, f, s, norm=1),
        "A normalization holds four numbers per channel: scale, shift, and the mean and variance that it remembers.",
    ),
    (
        lambda i, f, s: _block(i, f, s, bias=1),
        "These convolutions have no bias: the normalization behind would take it out again.",
    ),
    (
        lambda i, f, s: _block(i, f, s, shortcut=0),
        "The shortcut is missing. Where the shape changes, a plain addition does not fit.",
    ),
    (
        lambda i, f, s: _block(i, f, s, always=True),
        "Where the shape stays, the shortcut is the input itself and holds nothing.",
    ),
    (lambda i, f, s: _block(i, f, s, shortcut=3), "The shortcut's convolution is 1 x 1, not 3 x 3."),
    (
        lambda i, f, s: _block(i, f, s) - (4 * f if s != 1 or i != f else 0),
        "The shortcut's convolution is followed by a normalization, too.",
    ),
    (
        lambda i, f, s: _block(i, f, s, shortcut=int(s != 1)),
        "The shape changes with the stride, but also where as many pixels get more channels.",
    ),
    (
        lambda i, f, s: _block(i, f, s, shortcut=int(i != f)),
        "The shape changes with the channels, but also where a stride makes the picture smaller.",
    ),
    (
        lambda i, f, s: _block(i, f, s) + 9 * i * f - 9 * f * f,
        "The second convolution gets what the first made: `filters` channels come in and go out.",
    ),
)


def fold_norm(answer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Verdict:
    """Check that a normalization was folded into the convolution before it.

    Args:
        answer: Called as ``answer(kernel, gamma, beta, mean, variance, epsilon)`` with a kernel (height, width, inputs,
            filters) and four arrays (filters,); returns the new kernel and a bias (filters,).

    Returns:
        The verdict, within 1e-6 of gamma * (convolution - mean) / sqrt(variance + epsilon) + beta.
    """

    def hint() -> str:
        for inputs, filters in ((4, 6), (5, 5)):
            found = _fold_hint(answer, inputs, filters)
            if found:
                return found
        return ""

    return judge(hint, "Right. Once training is over, a normalization costs nothing: it can hide in the kernel.")


def _fold_hint(answer: Callable, inputs: int, filters: int) -> str:
    rng = np.random.default_rng(filters)
    kernel = rng.normal(size=(3, 3, inputs, filters))
    gamma, beta, mean = rng.normal(1.0, 0.5, filters), rng.normal(size=filters), rng.normal(size=filters)
    variance, epsilon = rng.uniform(0.05, 2.0, filters), 0.03
    given = [kernel, gamma, beta, mean, variance]
    passed = [array.copy() for array in given]
    returned = answer(*passed, epsilon)
    if returned is None:
        return NOTHING_RETURNED
    if not all(np.array_equal(one, other) for one, other in zip(given, passed, strict=True)):
        return "Your function changes an array that was handed to it. Make a new one."
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        return "Two things are wanted: the new kernel, and a bias for each filter."
    new_kernel, bias = (np.asarray(array, dtype=float) for array in returned)
    for name, array, shape in (("kernel", new_kernel, kernel.shape), ("bias", bias, (filters,))):
        if array.shape != shape:
            return f"The {name} has the shape {array.shape}; {shape} is wanted."
    scale = gamma / np.sqrt(variance + epsilon)
    right_kernel, right_bias = kernel * scale, beta - mean * scale
    scales = (
        (gamma / (variance + epsilon), "Divide by the standard deviation, the root of variance + epsilon."),
        (gamma / np.sqrt(variance), "epsilon plays no part yet. It stands under the root, beside the variance."),
        (gamma / (np.sqrt(variance) + epsilon), "epsilon stands under the root, beside the variance."),
        (1 / np.sqrt(variance + epsilon), "gamma plays no part yet: it stretches what was normalized."),
        (gamma, "The division by the standard deviation is missing."),
    )
    for wrong, mistake in scales:
        if np.allclose(new_kernel, kernel * wrong, atol=1e-9):
            return mistake
    if np.allclose(new_kernel, kernel, atol=1e-9):
        return "The kernel is as it was. Each filter has to be multiplied by its own scale."
    if inputs == filters and np.allclose(new_kernel, kernel * scale[:, None], atol=1e-9):
        return "Each *filter* has a scale of its own, and filters are the kernel's last axis, not the one before."
    if not np.allclose(new_kernel, right_kernel, atol=1e-6):
        return "The kernel is not right yet. What does filter f's output get multiplied by?"
    for wrong, mistake in (
        (beta - mean, "The mean passes through the same scale as everything else."),
        (beta + mean * scale, "The mean is taken away, so its part of the bias has a minus."),
        (beta, "The mean plays no part in the bias yet. What becomes of it when the convolution gives 0?"),
        (-mean * scale, "beta plays no part yet."),
        ((beta - mean) * scale, "beta is added after the scaling: it is not scaled."),
        (beta - mean * gamma, "The mean, too, is divided by the standard deviation."),
    ):
        if np.allclose(bias, wrong, atol=1e-9):
            return mistake
    if not np.allclose(bias, right_bias, atol=1e-6):
        return "The kernel is right, the bias not yet. Put a convolution that gives 0 into the formula."
    return ""


def occlusion_map(answer: Callable[..., np.ndarray]) -> Verdict:
    """Check a map of how much a score falls where a picture is covered.

    Args:
        answer: Called as ``answer(score, picture, size, fill)`` with a function from pictures (n, height, width, 3) to
            scores (n,), a picture (height, width, 3), the side of the square that covers, which divides both sides of
            the picture, and its colour; returns (height // size, width // size).

    Returns:
        The verdict, within 1e-6 of the score of the whole picture minus that of each covered one.
    """

    def hint() -> str:
        rng = np.random.default_rng(0)
        height, width, size, fill = 12, 20, 4, 0.25
        picture, weights = rng.uniform(size=(height, width, 3)), rng.normal(size=(height, width, 3))

        def score(pictures):
            pictures = np.asarray(pictures, dtype=float)
            if pictures.ndim != 4:
                raise ValueError(
                    f"score got the shape {pictures.shape}: it wants pictures (n, height, width, 3). Put one picture "
                    "in brackets: score(picture[None])."
                )
            return (pictures * weights).sum(axis=(1, 2, 3))

        passed = picture.copy()
        returned = answer(score, passed, size, fill)
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        if not np.array_equal(picture, passed):
            return "The picture itself has changed. Cover a copy of it: picture.copy()."
        right = _occluded(score, picture, size, fill)
        whole = score(picture[None])[0]
        if value.shape != right.shape:
            turned = value.shape == right.T.shape and np.allclose(value, right.T, atol=1e-6)
            return (
                "Rows and columns have changed places."
                if turned
                else f"The map has the shape {value.shape}; for a "
                f"picture of {height} x {width} and a square of {size} it should be {right.shape}."
            )
        for wrong, mistake in (
            (whole - right, "That is the score of each covered picture. How far has it fallen from the whole one's?"),
            (-right, "The sign is turned: where covering hurts, the map should be positive."),
            (_occluded(score, picture, size, 0.0), "The square is black. Give it the colour `fill`."),
            (
                _occluded(score, picture, size, fill, keep=True),
                "The earlier squares stay covered. Begin each time with a fresh copy.",
            ),
            (
                _occluded(score, picture, size, fill, step=1),
                "The squares overlap: square (row, column) begins at pixel (row * size, column * size).",
            ),
            (_occluded(score, picture, size, fill, inverse=True), "You cover everything but the square."),
        ):
            if np.allclose(value, wrong, atol=1e-6):
                return mistake
        if not np.allclose(value, right, atol=1e-6):
            row, column = np.argwhere(~np.isclose(value, right, atol=1e-6))[0]
            return (
                f"Covering square ({row}, {column}) lets the score fall by {right[row, column]:.3f}; yours says "
                f"{value[row, column]:.3f}. All of the square, in all three colours, gets `fill`."
            )
        return ""

    return judge(hint, "Right. It asks the network itself, without its gradients, and works with any classifier.")


def _occluded(score, picture, size, fill, *, step=0, keep=False, inverse=False) -> np.ndarray:
    """Map how the score falls; the settings after fill make the mistakes."""
    step = step or size
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    covered, drops = picture.copy(), np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            if not keep:
                covered = picture.copy()
            place = slice(row * step, row * step + size), slice(column * step, column * step + size)
            if inverse:
                covered = np.full_like(picture, fill)
                covered[place] = picture[place]
            else:
                covered[place] = fill
            drops[row, column] = score(picture[None])[0] - score(covered[None])[0]
    return drops
