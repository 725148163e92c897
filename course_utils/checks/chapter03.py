"""Checks of chapter 03's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable
from itertools import product

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge


def output_size(answer: Callable[[int, int, int, int], int]) -> Verdict:
    """Check the number of places that a window has on a padded line.

    Args:
        answer: Called as ``answer(size, kernel, stride, padding)`` with whole numbers of pixels, the padding being that
            of one side; returns a whole number.

    Returns:
        The verdict, over sizes, kernels, strides and paddings for which the window fits at least once.
    """

    def hint() -> str:
        cases = [case for case in product((5, 7, 28, 64), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2)) if case[1] <= case[0]]
        found = [answer(*case) for case in cases]
        if any(value is None for value in found):
            return NOTHING_RETURNED
        if any(np.shape(value) != () for value in found):
            return "One number is wanted: the output's length along one side."
        right = [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in cases]
        values = [float(value) for value in found]
        for wrong, mistake in _WRONG_SIZES:
            if values == [wrong(*case) for case in cases]:
                return mistake
        for case, value, expected in zip(cases, values, right, strict=True):
            if value != expected:
                size, kernel, stride, padding = case
                return (
                    f"For size {size}, kernel {kernel}, stride {stride}, padding {padding} there are {expected} "
                    f"places; yours is {value:g}. Draw the line and lay the window on it."
                )
        if not all(isinstance(value, int | np.integer) for value in found):
            return "The numbers are right, but a size is a whole number: use // in place of /, or int()."
        return ""

    return judge(hint, "Right: the last place is where the window still fits, and the first one counts too.")


_WRONG_SIZES = (
    (
        lambda n, k, s, p: (n + 2 * p - k) // s,
        "One too few: the window's first place counts before it moves at all.",
    ),
    (
        lambda n, k, s, p: (n + p - k) // s + 1,
        "The padding lies on each side, so the line grows by twice as much.",
    ),
    (
        lambda n, k, s, p: (n - k) // s + 1,
        "The padding plays no part yet. How long is the line with its zeros?",
    ),
    (
        lambda n, k, s, p: n + 2 * p - k + 1,
        "The stride plays no part yet. The window moves by more than one pixel at a time.",
    ),
    (
        lambda n, k, s, p: (n + 2 * p - k) / s + 1,
        "There is no half place. Where the last step does not fit, the window stays. Which division rounds down?",
    ),
    (
        lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1,
        "Rounded up, the window would hang over the end. Where the last step does not fit, it stays.",
    ),
    (
        lambda n, k, s, p: round((n + 2 * p - k) / s) + 1,
        "Rounding sometimes goes up, and the window would hang over the end. Round down.",
    ),
    (
        lambda n, k, s, p: (n + 2 * p - k + 1) // s,
        "The 1 for the first place comes after the division: it is no step, so the stride does not divide it.",
    ),
    (
        lambda n, k, s, p: (n + 2 * p) // s,
        "The kernel plays no part yet. The window must lie within the line with all of its pixels.",
    ),
)


def average_pool(answer: Callable[[np.ndarray, int], np.ndarray]) -> Verdict:
    """Check average pooling over blocks that do not overlap.

    Args:
        answer: Called as ``answer(image, size)`` with an array (height, width) and the side of a block; returns
            (height // size, width // size).

    Returns:
        The verdict, within 1e-6 of the mean of each block, where leftover rows and columns are dropped.
    """

    def hint() -> str:
        image, size = np.random.default_rng(0).normal(size=(6, 8)), 2
        returned = answer(image.copy(), size)
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        blocks = image.reshape(3, 2, 4, 2)
        windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2))
        if value.shape == (5, 7):
            overlap = "The blocks overlap: the window must move by its own size, not by one pixel."
            return overlap if np.allclose(value, windows.mean(axis=(2, 3)), atol=1e-6) else _shape_hint(value, (3, 4))
        if value.shape != (3, 4):
            return _shape_hint(value, (3, 4))
        for wrong, mistake in (
            (blocks.max(axis=(1, 3)), "That is max pooling. Which number stands for the block here?"),
            (blocks.sum(axis=(1, 3)), "That is the sum of each block. Divide by how many pixels it has."),
            (blocks.sum(axis=(1, 3)) / 2, "A block has size times size pixels, not size. Divide by all of them."),
            (np.median(blocks, axis=(1, 3)), "That is the median. The average is the mean."),
            (image[::2, ::2], "You keep one pixel of each block. Take the mean of all of them."),
            (
                image.reshape(3, 4, 2, 2).mean(axis=(2, 3)),
                "Each number mixes pixels that lie in one row: reshape cuts the picture row by row. Try the shape "
                "(rows, size, columns, size).",
            ),
        ):
            if np.allclose(value, wrong, atol=1e-6):
                return mistake
        if not np.allclose(value, blocks.mean(axis=(1, 3)), atol=1e-6):
            row, column = np.argwhere(~np.isclose(value, blocks.mean(axis=(1, 3)), atol=1e-6))[0]
            expected = blocks.mean(axis=(1, 3))[row, column]
            return f"Block ({row}, {column}) has the mean {expected:.4f}; yours is {value[row, column]:.4f}."
        return _pool_leftover_hint(answer)

    return judge(hint, "Right. With a block as large as the whole picture it is global average pooling.")


def _pool_leftover_hint(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """Try block sizes that do not fit, and blocks other than 2."""
    image = np.random.default_rng(1).normal(size=(7, 11))
    right = image[:6, :9].reshape(2, 3, 3, 3).mean(axis=(1, 3))
    leftover = (
        "For a picture of 7 x 11 and blocks of 3, the last row and the last two columns fill no block: drop them."
    )
    try:
        value = np.asarray(answer(image.copy(), 3), dtype=float)
    except ValueError as error:
        return f"{leftover} Your code stopped with: {error}"
    if value.shape != right.shape:
        return f"{leftover} Your answer has shape {value.shape}."
    if not np.allclose(value, right, atol=1e-6):
        return "Right for blocks of 2, wrong for blocks of 3. Is a 2 or a 4 written where the size should stand?"
    return ""


def merge_kernels(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check the one kernel that does the work of two in a row.

    Args:
        answer: Called as ``answer(first, second)`` with square arrays (k, k) and (m, m); returns a square array with
            k + m - 1 rows.

    Returns:
        The verdict, within 1e-6 of the right kernel, for kernels of the same and of different sizes.
    """

    def hint() -> str:
        rng = np.random.default_rng(0)
        first, second = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
        returned = answer(first.copy(), second.copy())
        if returned is None:
            return NOTHING_RETURNED
        value = np.asarray(returned, dtype=float)
        if value.shape == (3, 3):
            return _small_kernel_hint(value, first, second)
        if value.shape != (5, 5):
            return _shape_hint(value, (5, 5))
        for wrong, mistake in (
            (
                _merged(first, second[::-1, ::-1]),
                "One kernel is turned by half a turn: our windows are laid on as they are, so offsets add up.",
            ),
            (
                _merged(first[::-1, ::-1], second),
                "One kernel is turned by half a turn: our windows are laid on as they are, so offsets add up.",
            ),
            (
                _merged(first[::-1, ::-1], second[::-1, ::-1]),
                "It is turned by half a turn as a whole. Our convolution does not turn kernels round.",
            ),
            (_merged(first, second.T), "The second kernel is transposed: its rows go down, its columns to the right."),
            (_merged(first, second).T, "It is transposed: rows go down, columns to the right."),
            (_merged(first, first), "The second kernel plays no part: that is the first one twice."),
            (
                np.pad(first, 1) + np.pad(second, 1),
                "A sum of kernels looks once with each. Here the second looks at what the first made.",
            ),
        ):
            if np.allclose(value, wrong, atol=1e-6):
                return mistake
        if not np.allclose(value, _merged(first, second), atol=1e-6):
            return (
                "Not yet. The weight at offset (r, c) of the second kernel meets a number that the first one made from "
                "the pixels at (r, c) and beyond: add that weight times the first kernel, moved by (r, c)."
            )
        return _kernel_sizes_hint(answer)

    return judge(
        hint, "Right. Two 3 x 3 kernels make one of 5 x 5: depth without a bend between is only a wider window."
    )


def _small_kernel_hint(value: np.ndarray, first: np.ndarray, second: np.ndarray) -> str:
    """Say what a kernel of 3 by 3 got wrong."""
    if np.allclose(value, first * second):
        return (
            "That multiplies weight by weight. The second kernel sees sums of nine pixels each, so more pixels count."
        )
    if np.allclose(value, first @ second) or np.allclose(value, second @ first):
        return "A matrix product merges dense layers. Here a kernel slides: which pixels can the result see?"
    if np.allclose(value, first + second):
        return "A sum of kernels looks once with each. Here the second looks at what the first made."
    if np.allclose(value, _merged(first, second)[1:-1, 1:-1]):
        return "That is only the middle of it. How many pixels across can the result see?"
    return "The answer has shape (3, 3), but two windows of 3 in a row see more than 3 pixels across. How many?"


def _kernel_sizes_hint(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Try kernels of different sizes."""
    rng = np.random.default_rng(1)
    for sizes in ((2, 4), (4, 1)):
        first, second = (rng.normal(size=(size, size)) for size in sizes)
        case = f"for kernels of {sizes[0]} x {sizes[0]} and {sizes[1]} x {sizes[1]}"
        try:
            value = np.asarray(answer(first.copy(), second.copy()), dtype=float)
        except (ValueError, IndexError) as error:
            return f"Right for 3 x 3 twice, but {case} your code stopped with: {error}"
        right = _merged(first, second)
        if value.shape != right.shape or not np.allclose(value, right, atol=1e-6):
            return f"Right for 3 x 3 twice, but not {case}. Is a 3 or a 5 written where a size should stand?"
    return ""


def _merged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    size = len(first) + len(second) - 1
    merged = np.zeros((size, size))
    for (row, column), weight in np.ndenumerate(second):
        merged[row : row + len(first), column : column + len(first)] += weight * first
    return merged


def _shape_hint(value: np.ndarray, expected: tuple[int, ...]) -> str:
    return f"The answer has shape {value.shape}; it should be {expected}."
