"""The real MNIST, from the mirror that COURSE_DATA_DIR names."""

import os

import numpy as np
import pytest

from course_utils.datasets import mnist

# Read at import: the fixture of conftest.py hides it from the tests.
MIRROR = os.environ.get("COURSE_DATA_DIR")


def test_real_mnist_from_the_mirror(require, monkeypatch, capsys, no_network):
    require(MIRROR, "COURSE_DATA_DIR names a mirror with mnist.npz")
    monkeypatch.setenv("COURSE_DATA_DIR", MIRROR)
    digits = mnist.load("auto")
    assert capsys.readouterr().out == "Data: MNIST, 60,000 + 10,000 handwritten digits, from the mirror.\n"
    assert digits.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(digits.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(digits.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # The mean grey value that every text on MNIST gives as 0.1307.
    assert round(digits.x_train.mean() / 255, 4) == 0.1307
    flat = digits.x_train.reshape(-1, 784).astype(np.float32)
    centroids = np.stack([flat[digits.y_train == digit].mean(axis=0) for digit in range(10)])
    distance = (centroids**2).sum(axis=1) - 2 * digits.x_test.reshape(-1, 784).astype(np.float32) @ centroids.T
    assert (distance.argmin(axis=1) == digits.y_test).mean() == pytest.approx(0.8203, abs=5e-4)
