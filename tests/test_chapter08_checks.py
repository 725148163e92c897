"""Answers to chapter 08's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import keras
import numpy as np

from course_utils.checks import chapter08 as check


def block(inputs, filters, stride, norm=4, bias=0, shortcut=1, always=False):
    count = 9 * inputs * filters + 9 * filters * filters + 2 * (norm + bias) * filters
    if always or stride > 1 or inputs != filters:
        count += (shortcut * shortcut * inputs + norm + bias) * filters if shortcut else 0
    return count


def block_by_keras(inputs, filters, stride):
    x = keras.Input((8, 8, inputs))
    y = keras.layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.BatchNormalization()(keras.layers.Conv2D(filters, 3, 1, "same", use_bias=False)(y))
    shortcut = x
    if stride > 1 or inputs != filters:
        shortcut = keras.layers.Conv2D(filters, 1, stride, use_bias=False)(x)
        shortcut = keras.layers.BatchNormalization()(shortcut)
    return keras.Model(x, keras.layers.Add()([shortcut, y])).count_params()


def fold(kernel, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta - mean * scale


def fold_with(scale, bias=lambda scale, gamma, beta, mean: beta - mean * scale):
    def answer(kernel, gamma, beta, mean, variance, epsilon):
        factor = scale(gamma, variance, epsilon)
        return kernel * factor, bias(factor, gamma, beta, mean)

    return answer


def right_scale(gamma, variance, epsilon):
    return gamma / np.sqrt(variance + epsilon)


def fold_by_loops(kernel, gamma, beta, mean, variance, epsilon):
    kernels, biases = [], []
    for place in range(len(gamma)):
        deviation = (variance[place] + epsilon) ** 0.5
        kernels.append(kernel[..., place] * gamma[place] / deviation)
        biases.append(beta[place] - gamma[place] * mean[place] / deviation)
    return [np.stack(kernels, axis=-1), biases]


def fold_in_place(kernel, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    kernel *= scale
    return kernel, beta - mean * scale


def fold_along_inputs(kernel, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    if kernel.shape[2] == kernel.shape[3]:
        return kernel * scale[:, None], beta - mean * scale
    return kernel * scale, beta - mean * scale


def occlusion(score, picture, size, fill):
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    covered = np.repeat(picture[None], rows * columns, axis=0)
    for place in range(rows * columns):
        top, left = size * (place // columns), size * (place % columns)
        covered[place, top : top + size, left : left + size] = fill
    return (score(picture[None]) - score(covered)).reshape(rows, columns)


def occlusion_by_loops(score, picture, size, fill):
    lines = []
    for top in range(0, picture.shape[0], size):
        line = []
        for left in range(0, picture.shape[1], size):
            covered = picture.copy()
            covered[top : top + size, left : left + size] = fill
            line.append(score(picture[None])[0] - score(covered[None])[0])
        lines.append(line)
    return lines


def occlusion_of_scores(score, picture, size, fill):
    return score(picture[None])[0] - occlusion(score, picture, size, fill)


def occlusion_that_accumulates(score, picture, size, fill):
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    covered, drops = picture.copy(), np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            covered[size * row : size * (row + 1), size * column : size * (column + 1)] = fill
            drops[row, column] = score(picture[None])[0] - score(covered[None])[0]
    return drops


def occlusion_in_place(score, picture, size, fill):
    whole = score(picture[None])[0]
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    drops = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            picture[size * row : size * (row + 1), size * column : size * (column + 1)] = fill
            drops[row, column] = whole - score(picture[None])[0]
    return drops


def occlusion_with(cover):
    """Map how the score falls where `cover` has changed a fresh copy of the picture at (row, column)."""

    def answer(score, picture, size, fill):
        rows, columns = picture.shape[0] // size, picture.shape[1] // size
        drops = np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                covered = cover(picture.copy(), row, column, size, fill)
                drops[row, column] = score(picture[None])[0] - score(covered[None])[0]
        return drops

    return answer


def cover_overlapping(picture, row, column, size, fill):
    picture[row : row + size, column : column + size] = fill
    return picture


def cover_one_colour(picture, row, column, size, fill):
    picture[size * row : size * (row + 1), size * column : size * (column + 1), 0] = fill
    return picture


def cover_the_rest(picture, row, column, size, fill):
    place = slice(size * row, size * (row + 1)), slice(size * column, size * (column + 1))
    covered = np.full_like(picture, fill)
    covered[place] = picture[place]
    return covered


RIGHT = {
    "block_parameters": [block, block_by_keras, lambda i, f, s: float(block(i, f, s))],
    "fold_norm": [fold, fold_by_loops],
    "occlusion_map": [occlusion, occlusion_by_loops],
}
WRONG = {
    "block_parameters": [
        (lambda i, f, s: None, "returns nothing"),
        (lambda i, f, s: [9 * i * f, 9 * f * f], "One number is wanted"),
        (lambda i, f, s: block(i, f, s, norm=2), "four numbers per channel: scale, shift"),
        (lambda i, f, s: block(i, f, s, norm=0), "normalizations are missing"),
        (lambda i, f, s: block(i, f, s, bias=1), "no bias"),
        (lambda i, f, s: block(i, f, s, shortcut=0), "shortcut is missing"),
        (lambda i, f, s: block(i, f, s, always=True), "is the input itself"),
        (lambda i, f, s: block(i, f, s, shortcut=3), "is 1 x 1"),
        (lambda i, f, s: block(i, f, s) - 4 * f * (s > 1 or i != f), "followed by a normalization"),
        (lambda i, f, s: block(i, f, s, shortcut=int(s > 1)), "also where as many pixels get more channels"),
        (lambda i, f, s: block(i, f, s, shortcut=int(s > 1)) if s > 1 else 18 * f * f + 8 * f, "yours says"),
        (lambda i, f, s: 18 * i * f + 8 * f + (i + 4) * f * (s > 1 or i != f), "The second convolution"),
        (lambda i, f, s: block(i, f, s) + 1, "yours says"),
    ],
    "fold_norm": [
        (lambda *_: None, "returns nothing"),
        (lambda kernel, *_: kernel, "Two things are wanted"),
        (lambda kernel, gamma, beta, *_: (kernel[0], beta), "kernel has the shape"),
        (lambda kernel, gamma, beta, *_: (kernel, beta[:1]), "bias has the shape"),
        (fold_in_place, "changes an array"),
        (fold_along_inputs, "last axis"),
        (fold_with(lambda gamma, variance, epsilon: gamma / (variance + epsilon)), "the root of variance + epsilon"),
        (fold_with(lambda gamma, variance, epsilon: gamma / np.sqrt(variance)), "epsilon plays no part"),
        (fold_with(lambda gamma, variance, epsilon: gamma / (np.sqrt(variance) + epsilon)), "epsilon stands under"),
        (fold_with(lambda gamma, variance, epsilon: 1 / np.sqrt(variance + epsilon)), "gamma plays no part"),
        (fold_with(lambda gamma, variance, epsilon: gamma), "division by the standard deviation"),
        (lambda kernel, gamma, beta, mean, *_: (kernel, beta - mean), "kernel is as it was"),
        (fold_with(lambda gamma, variance, epsilon: 2 * gamma), "What does filter f's output"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: beta - mean), "passes through the same scale"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: beta + mean * scale), "has a minus"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: beta), "The mean plays no part"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: -mean * scale), "beta plays no part"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: (beta - mean) * scale), "it is not scaled"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: beta - mean * gamma), "The mean, too"),
        (fold_with(right_scale, lambda scale, gamma, beta, mean: mean * 0), "the bias not yet"),
    ],
    "occlusion_map": [
        (lambda *_: None, "returns nothing"),
        (lambda score, picture, size, fill: score(picture), "Put one picture in brackets"),
        (lambda *arguments: occlusion(*arguments)[:-1], "it should be (3, 5)"),
        (lambda *arguments: occlusion(*arguments).T, "have changed places"),
        (occlusion_of_scores, "How far has it fallen"),
        (lambda *arguments: -occlusion(*arguments), "sign is turned"),
        (lambda score, picture, size, fill: occlusion(score, picture, size, 0), "The square is black"),
        (occlusion_that_accumulates, "fresh copy"),
        (occlusion_in_place, "picture itself has changed"),
        (occlusion_with(cover_overlapping), "squares overlap"),
        (occlusion_with(cover_the_rest), "everything but the square"),
        (occlusion_with(cover_one_colour), "in all three colours"),
    ],
}


def test_folded_convolution_equals_keras():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 7, 4)).astype("float32")
    convolution = keras.layers.Conv2D(6, 3, use_bias=False)
    norm = keras.layers.BatchNormalization(epsilon=0.01)
    norm(convolution(x))
    norm.set_weights([rng.uniform(0.5, 2, size=6) for _ in range(4)])
    kernel, bias = fold(convolution.get_weights()[0], *norm.get_weights(), 0.01)
    folded = keras.ops.conv(x, kernel) + bias
    np.testing.assert_allclose(folded, norm(convolution(x), training=False), atol=1e-5)


def test_the_two_counts_of_a_block_agree():
    assert check._block(16, 32, 2) == block_by_keras(16, 32, 2)
