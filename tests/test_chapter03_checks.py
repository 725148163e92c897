"""Answers to chapter 03's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np

from course_utils.checks import chapter03 as check


def blocks(image, size):
    rows, columns = image.shape[0] // size, image.shape[1] // size
    return image[: rows * size, : columns * size].reshape(rows, size, columns, size)


def overlapping_means(image, size):
    return np.lib.stride_tricks.sliding_window_view(image, (size, size)).mean(axis=(2, 3))


def pool_by_loops(image, size):
    rows, columns = image.shape[0] // size, image.shape[1] // size
    return [
        [image[size * r : size * (r + 1), size * c : size * (c + 1)].mean() for c in range(columns)]
        for r in range(rows)
    ]


def pool_rounded_up(image, size):
    rows, columns = -(-image.shape[0] // size), -(-image.shape[1] // size)
    return [
        [image[size * r : size * (r + 1), size * c : size * (c + 1)].mean() for c in range(columns)]
        for r in range(rows)
    ]


def pool_without_dropping(image, size):
    return image.reshape(image.shape[0] // size, size, image.shape[1] // size, size).mean(axis=(1, 3))


def mixed_rows(image, size):
    return image.reshape(image.shape[0] // size, image.shape[1] // size, size, size).mean(axis=(2, 3))


def merge(first, second):
    size = len(first) + len(second) - 1
    merged = np.zeros((size, size))
    for (row, column), weight in np.ndenumerate(second):
        merged[row : row + len(first), column : column + len(first)] += weight * first
    return merged


def merge_the_other_way(first, second):
    return merge(second, first)


def merge_by_probe(first, second):
    """Read the merged kernel off from the answer to one lit pixel, as section 6 reads off a matrix."""
    size = len(first) + len(second) - 1

    def slide(image, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
        return (windows * kernel).sum(axis=(2, 3))

    lit = np.zeros((2 * size - 1, 2 * size - 1))
    lit[size - 1, size - 1] = 1
    return slide(slide(lit, first), second)[::-1, ::-1]


def merge_with_fixed_size(first, second):
    merged = np.zeros((5, 5))
    for (row, column), weight in np.ndenumerate(second):
        merged[row : row + 3, column : column + 3] += weight * first
    return merged


def merge_with_fixed_blocks(first, second):
    merged = np.zeros((len(first) + len(second) - 1,) * 2)
    for row in range(3):
        for column in range(3):
            merged[row : row + len(first), column : column + len(first)] += second[row, column] * first
    return merged


WRONG = {
    "output_size": [
        (lambda n, k, s, p: (n + 2 * p - k) // s, "first place counts"),
        (lambda n, k, s, p: (n + p - k) // s + 1, "on each side"),
        (lambda n, k, s, p: (n - k) // s + 1, "padding plays no part"),
        (lambda n, k, s, p: n + 2 * p - k + 1, "stride plays no part"),
        (lambda n, k, s, p: (n + 2 * p - k) / s + 1, "no half place"),
        (lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "hang over the end"),
        (lambda n, k, s, p: round((n + 2 * p - k) / s) + 1, "Round down"),
        (lambda n, k, s, p: (n + 2 * p - k + 1) // s, "after the division"),
        (lambda n, k, s, p: (n + 2 * p) // s, "kernel plays no part"),
        (lambda n, k, s, p: float((n + 2 * p - k) // s + 1), "whole number"),
        (lambda n, k, s, p: ((n + 2 * p - k) // s + 1,) * 2, "One number"),
        (lambda n, k, s, p: n, "Draw the line"),
        (lambda n, k, s, p: None, "forget the word return"),
        (lambda n, k, s: n - k + 1, "TypeError"),
    ],
    "average_pool": [
        (lambda x, size: blocks(x, size).max(axis=(1, 3)), "max pooling"),
        (lambda x, size: blocks(x, size).sum(axis=(1, 3)), "sum of each block"),
        (lambda x, size: blocks(x, size).sum(axis=(1, 3)) / size, "size times size"),
        (lambda x, size: np.median(blocks(x, size), axis=(1, 3)), "median"),
        (lambda x, size: x[::size, ::size], "one pixel of each block"),
        (overlapping_means, "overlap"),
        (mixed_rows, "row by row"),
        (lambda x, size: blocks(x, size).mean(axis=(1, 3)).T, "shape (4, 3)"),
        (lambda x, size: blocks(x, size).mean(), "shape ()"),
        (lambda x, size: -blocks(x, size).mean(axis=(1, 3)), "has the mean"),
        (pool_without_dropping, "drop them"),
        (pool_rounded_up, "drop them"),
        (lambda x, size: blocks(x, size).sum(axis=(1, 3)) / 4, "where the size should stand"),
        (lambda x, size: None, "forget the word return"),
    ],
    "merge_kernels": [
        (lambda a, b: a * b, "weight by weight"),
        (lambda a, b: a @ b, "matrix product"),
        (lambda a, b: a + b, "looks once with each"),
        (lambda a, b: np.pad(a, 1) + np.pad(b, 1), "looks once with each"),
        (lambda a, b: merge(a, b)[1:-1, 1:-1], "only the middle"),
        (lambda a, b: np.zeros((3, 3)), "see more than 3 pixels"),
        (lambda a, b: np.zeros((6, 6)), "(6, 6)"),
        (lambda a, b: merge(a, b[::-1, ::-1]), "One kernel is turned by half a turn"),
        (lambda a, b: merge(a[::-1, ::-1], b), "One kernel is turned by half a turn"),
        (lambda a, b: merge(a, b)[::-1, ::-1], "as a whole"),
        (lambda a, b: merge(a, b.T), "second kernel is transposed"),
        (lambda a, b: merge(a, b).T, "It is transposed"),
        (lambda a, b: merge(a, a), "plays no part"),
        (lambda a, b: merge(a, b) / 9, "moved by (r, c)"),
        (merge_with_fixed_size, "Right for 3 x 3 twice"),
        (merge_with_fixed_blocks, "Right for 3 x 3 twice"),
        (lambda a, b: None, "forget the word return"),
    ],
}

RIGHT = {
    "output_size": [
        lambda n, k, s, p: len(range(0, n + 2 * p - k + 1, s)),
        lambda n, k, s, p: int((n + 2 * p - k) / s) + 1,
        lambda n, k, s, p: np.int64((n + 2 * p - k + s) // s),
    ],
    "average_pool": [pool_by_loops, lambda x, size: blocks(x, size).sum(axis=(1, 3)).astype("float32") / size**2],
    "merge_kernels": [merge_the_other_way, merge_by_probe, lambda a, b: merge(a, b).tolist()],
}


def test_answer_that_changes_its_arguments_does_not_spoil_the_hint():
    def spoiling(first, second):
        first[:] = 0
        return np.ones((5, 5))

    assert "moved by (r, c)" in check.merge_kernels(spoiling).message
