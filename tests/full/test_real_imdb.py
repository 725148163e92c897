"""The real IMDb, from the mirror that COURSE_DATA_DIR names."""

import os

import numpy as np
import pytest

from course_utils.datasets import imdb

# Read at import: the fixture of conftest.py hides it from the tests.
MIRROR = os.environ.get("COURSE_DATA_DIR")


@pytest.fixture(autouse=True)
def _mirror(require, monkeypatch):
    require(MIRROR, "COURSE_DATA_DIR names a mirror with IMDb")
    monkeypatch.setenv("COURSE_DATA_DIR", MIRROR)


def test_real_numbers_are_those_that_keras_gives(monkeypatch, capsys, no_network):
    from keras.datasets import imdb as reference
    from keras.src.datasets import imdb as module

    numbers = imdb.load("auto")
    assert capsys.readouterr().out == "Data: IMDb, 25,000 + 25,000 film reviews, from the mirror.\n"
    monkeypatch.setattr(module, "get_file", lambda **_: os.path.join(MIRROR, "imdb.npz"))  # noqa: PTH118
    (x_train, y_train), (x_test, y_test) = reference.load_data(num_words=10_000)
    assert np.array_equal(numbers.y_train, y_train)
    assert np.array_equal(numbers.y_test, y_test)
    for ours, theirs in ((numbers.x_train, x_train), (numbers.x_test, x_test)):
        assert len(ours) == len(theirs) == 25_000
        assert all(review.tolist() == expected for review, expected in zip(ours, theirs, strict=True))


def test_real_texts_are_whole_and_decode_to_what_the_numbers_say(no_network):
    texts = imdb.load_texts("full")
    for written, labels in ((texts.x_train, texts.y_train), (texts.x_test, texts.y_test)):
        assert len(written) == 25_000
        assert np.bincount(labels).tolist() == [12_500, 12_500]
        assert min(map(len, written)) > 10
    assert abs(np.mean(texts.y_train[-5_000:]) - 0.5) < 0.03
