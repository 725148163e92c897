"""The scores of chapter 06 where the right answer is known, and on real digits with a reader of its own.

The functions are taken from the chapter's source by their names.
"""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from chapter_code import taken
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from course_utils.datasets import mnist

SOURCE = Path(__file__).resolve().parents[1] / "chapters" / "06_gan.py"
NAMES = {
    "inception_score",
    "class_shares",
    "frechet_distance",
    "nearest",
    "tile",
    "count_heaps",
    "shuffle_pixels",
    "gaussian_digits",
}


@pytest.fixture(scope="module")
def gan():
    """The functions under test, by name."""
    return SimpleNamespace(**taken(SOURCE, NAMES, np=np))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_score_is_the_number_of_classes_for_certain_and_evenly_spread_answers(gan, dtype):
    assert gan.inception_score(np.tile(np.eye(10, dtype=dtype), (30, 1))) == pytest.approx(10, rel=1e-5)


def test_score_counts_the_classes_that_occur(gan):
    assert gan.inception_score(np.eye(10)[[3, 3, 7, 7, 9, 9]]) == pytest.approx(3)


def test_score_is_one_for_certain_answers_that_are_all_the_same(gan):
    assert gan.inception_score(np.eye(10)[np.full(50, 4)]) == pytest.approx(1)


def test_score_is_one_where_every_answer_is_the_mean(gan, rng):
    assert gan.inception_score(np.tile(rng.dirichlet(np.ones(10)), (50, 1))) == pytest.approx(1)


@pytest.mark.parametrize("concentration", [0.05, 1, 20])
def test_score_agrees_with_an_independent_computation(gan, rng, concentration):
    probabilities = rng.dirichlet(np.full(10, concentration), size=400)
    divergences = scipy.stats.entropy(probabilities, probabilities.mean(axis=0, keepdims=True), axis=1)
    assert gan.inception_score(probabilities) == pytest.approx(np.exp(divergences.mean()))


def test_shares_count_how_often_each_digit_is_read(gan, rng):
    likeliest = np.repeat([0, 1, 9, 4], [5, 3, 2, 10])
    probabilities = rng.dirichlet(np.ones(10), size=20)
    probabilities[np.arange(20), likeliest] += 1
    shares = gan.class_shares(probabilities / 2)
    assert shares.tolist() == [0.25, 0.15, 0, 0, 0.5, 0, 0, 0, 0, 0.1]


def test_shares_have_a_place_for_digits_that_never_come(gan):
    assert gan.class_shares(np.eye(10)[[0, 0]]).tolist() == [1] + [0] * 9


@pytest.mark.parametrize("count", [500, 20], ids=["many", "fewer than features"])
def test_frechet_distance_of_features_to_themselves_is_nothing(gan, rng, count):
    features = rng.normal(size=(count, 64)) @ rng.normal(size=(64, 64))
    assert gan.frechet_distance(features, features.copy()) == pytest.approx(0, abs=1e-3)
    assert gan.frechet_distance(features, features[::-1]) == pytest.approx(0, abs=1e-3)


def test_frechet_distance_of_two_normal_samples_is_the_closed_form(gan, rng):
    means = np.array([[0, 1, -2, 3], [1, 1, 0, 2.5]])
    deviations = np.array([[1, 2, 0.5, 1], [2, 2, 1.5, 0.2]])
    first, second = means[:, None] + deviations[:, None] * rng.normal(size=(2, 100_000, 4))
    expected = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert gan.frechet_distance(first, second) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("size", [2, 16, 64])
def test_frechet_distance_agrees_with_the_root_of_a_matrix(gan, rng, size):
    first = rng.normal(size=(300, size)) @ rng.normal(size=(size, size))
    second = 1 + rng.normal(size=(200, size)) @ rng.normal(size=(size, size))
    covariances = np.cov(first.T), np.cov(second.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    difference = first.mean(axis=0) - second.mean(axis=0)
    expected = difference @ difference + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert gan.frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_is_the_same_both_ways(gan, rng):
    first, second = rng.normal(size=(300, 8)), 1 + rng.normal(size=(100, 8)) @ rng.normal(size=(8, 8))
    assert gan.frechet_distance(first, second) == pytest.approx(gan.frechet_distance(second, first))


def test_frechet_distance_grows_by_the_square_of_a_shift(gan, rng):
    features = rng.normal(size=(300, 8))
    distances = [gan.frechet_distance(features, features + shift) for shift in (0, 0.5, 1, 2)]
    assert distances == pytest.approx([0, 2, 8, 32], abs=1e-6)


def test_nearest_agrees_with_the_search_of_a_library(gan, rng):
    images, references = rng.random((40, 28, 28, 1)), rng.random((300, 28, 28, 1))
    closest, distances = gan.nearest(images, references)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(references.reshape(300, 784))
    expected, places = search.kneighbors(images.reshape(40, 784))
    assert closest.tolist() == places[:, 0].tolist()
    assert distances == pytest.approx(expected[:, 0])


def test_nearest_finds_planted_copies_and_where_they_come_from(gan, digits):
    places = np.array([12, 700, 3, 700])
    closest, distances = gan.nearest(digits.fit[places], digits.fit)
    assert closest.tolist() == places.tolist()
    assert distances.tolist() == [0, 0, 0, 0]


def test_nearest_has_one_answer_per_image(gan, rng):
    closest, distances = gan.nearest(rng.random((5, 28, 28, 1)), rng.random((1, 28, 28, 1)))
    assert closest.tolist() == [0] * 5
    assert distances.shape == (5,)


def test_copies_with_a_little_noise_are_far_nearer_than_unseen_digits(gan, digits, rng):
    copies = digits.fit[:200] + rng.normal(0, 0.02, digits.fit[:200].shape).astype("float32")
    closest, distances = gan.nearest(copies, digits.fit)
    _, typical = gan.nearest(digits.unseen, digits.fit)
    assert np.median(distances) < 0.35 * np.median(typical)
    assert np.mean(closest == np.arange(200)) > 0.98


@pytest.fixture(scope="module")
def digits():
    """The bundled digits in three heaps, a reader of digits, and what it computes inside."""
    loaded = mnist.load("bundled")
    images = loaded.x_train[..., None].astype("float32") / 255
    fit, reference, unseen = np.split(images, [900, 1_150])
    inner = PCA(32, random_state=0).fit(fit.reshape(-1, 784))

    def features(images):
        return inner.transform(images.reshape(-1, 784))

    reader = LogisticRegression().fit(features(fit), loaded.y_train[:900])
    return SimpleNamespace(
        fit=fit,
        reference=reference,
        unseen=unseen,
        features=features,
        probabilities=lambda images: reader.predict_proba(features(images)),
    )


@pytest.fixture
def scores(gan, digits):
    """A function that gives the four numbers of a collection, as the chapter's table does."""
    reference = digits.features(digits.reference)
    typical = np.median(gan.nearest(digits.reference, digits.fit)[1])

    def measure(images):
        probabilities = digits.probabilities(images)
        return SimpleNamespace(
            score=gan.inception_score(probabilities),
            shares=gan.class_shares(probabilities),
            frechet=gan.frechet_distance(digits.features(images), reference),
            nearest=np.median(gan.nearest(images, digits.fit)[1]) / typical,
        )

    return measure


def test_real_digits_score_high_and_all_ten_are_among_them(scores, digits):
    real = scores(digits.unseen)
    assert 7 < real.score <= 10
    assert real.shares.min() >= 0.05
    assert real.shares.sum() == pytest.approx(1)
    assert 0.8 < real.nearest < 1.2


def test_one_digit_again_and_again_scores_one(scores, digits):
    repeated = scores(np.repeat(digits.unseen[:1], 200, axis=0))
    assert repeated.score == pytest.approx(1, abs=1e-4)
    assert sorted(repeated.shares) == [0] * 9 + [1]
    assert repeated.frechet > 10 * scores(digits.unseen).frechet


def test_noise_scores_lower_than_real_digits_and_is_far_from_them(scores, digits, rng):
    noise, real = scores(rng.random((200, 28, 28, 1), dtype="float32")), scores(digits.unseen)
    assert noise.score < real.score / 2
    assert noise.frechet > 10 * real.frechet
    assert noise.nearest > 2 * real.nearest


def test_copied_training_digits_are_caught_by_the_distance_and_by_nothing_else(scores, digits, rng):
    copied = digits.fit[rng.integers(len(digits.fit), size=300)]
    copied = np.clip(copied + rng.normal(0, 0.02, copied.shape), 0, 1).astype("float32")
    copies, real = scores(copied), scores(digits.unseen)
    assert copies.score > 0.95 * real.score
    assert copies.shares.min() >= 0.05
    assert copies.frechet < 2 * real.frechet
    assert copies.nearest < 0.35 < 0.8 < real.nearest


def test_copies_moved_by_a_pixel_are_not_caught_by_the_distance(scores, digits):
    assert scores(np.roll(digits.fit[:300], 1, axis=2)).nearest > 1


def test_dice_that_know_more_of_digits_come_nearer_to_them(gan, scores, digits, rng):
    collections = [
        rng.random((300, 28, 28, 1), dtype="float32"),
        gan.shuffle_pixels(digits.fit, 300, rng),
        gan.gaussian_digits(digits.fit, 300, rng),
        digits.unseen,
    ]
    distances = [scores(images).frechet for images in collections]
    assert distances == sorted(distances, reverse=True)
    assert distances[1] > 3 * distances[2]


def ring_centres():
    return 2 * np.exp(2j * np.pi * np.arange(8) / 8).view(float).reshape(8, 2)


def test_all_heaps_of_the_ring_are_counted(gan, rng):
    points = np.repeat(ring_centres(), 50, axis=0)
    assert gan.count_heaps(points + 0.1 * rng.normal(size=points.shape))[0] == 8


def test_edge_of_a_heap_belongs_to_it(gan):
    # Within three standard deviations of 0.1.
    assert gan.count_heaps(np.repeat(ring_centres() + np.array([0.2, -0.2]), 50, axis=0))[0] == 8


def test_one_heap_is_counted_once(gan, rng):
    for centre in ring_centres():
        assert gan.count_heaps(centre + 0.05 * rng.normal(size=(400, 2)))[0] == 1


@pytest.mark.parametrize("factor", [0, 0.8, 1.2, 50], ids=["middle", "inside", "outside", "far away"])
def test_points_off_the_ring_are_on_no_heap(gan, factor):
    assert gan.count_heaps(np.repeat(factor * ring_centres(), 50, axis=0))[0] == 0


def test_points_between_two_heaps_are_on_neither(gan):
    middle = np.roll(ring_centres(), 1, axis=0) + ring_centres()
    assert gan.count_heaps(2 * middle / np.linalg.norm(middle, axis=1, keepdims=True))[0] == 0


def test_heap_with_less_than_a_hundredth_of_the_points_does_not_count(gan):
    assert gan.count_heaps(np.repeat(ring_centres()[:2], [990, 10], axis=0))[0] == 2
    assert gan.count_heaps(np.repeat(ring_centres()[:2], [991, 9], axis=0))[0] == 1
    # Stray points count as points, so that heaps in a haze are none.
    hazy = np.concatenate([np.repeat(ring_centres(), 9, axis=0), np.zeros((928, 2))])
    assert gan.count_heaps(hazy)[0] == 0


def test_share_counts_the_points_on_any_heap(gan):
    points = np.concatenate([np.repeat(ring_centres()[:3], 10, axis=0), np.zeros((10, 2))])
    assert gan.count_heaps(points) == (3, 0.75)


def test_shuffled_pixel_keeps_its_place_and_takes_any_picture(gan, rng):
    images = 1_000 * np.arange(20).reshape(20, 1, 1, 1) + np.arange(784).reshape(28, 28, 1)
    shuffled = gan.shuffle_pixels(images, 60, rng)
    assert shuffled.shape == (60, 28, 28, 1)
    assert np.array_equal(shuffled % 1_000, np.broadcast_to(images[0], shuffled.shape))
    chosen = shuffled // 1_000
    assert np.bincount(chosen.ravel(), minlength=20) == pytest.approx(np.full(20, 60 * 784 / 20), rel=0.1)
    assert all(len(np.unique(picture)) == 20 for picture in chosen)


def test_gaussian_digits_have_the_mean_and_the_pairs_of_the_real_ones(gan, rng):
    # Mild pictures that need no clipping: three patterns, mixed at random.
    patterns = rng.normal(0, 0.04, size=(3, 784))
    images = (0.5 + rng.normal(size=(2_000, 3)) @ patterns).reshape(-1, 28, 28, 1).astype("float32")
    drawn = gan.gaussian_digits(images, 4_000, rng)
    assert drawn.shape == (4_000, 28, 28, 1)
    assert drawn.dtype == np.float32
    real, rolled = images.reshape(-1, 784), drawn.reshape(-1, 784)
    assert rolled.mean(axis=0) == pytest.approx(real.mean(axis=0), abs=0.01)
    covariance = np.cov(real.T)
    error = np.cov(rolled.T) - covariance
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(covariance)


def test_gaussian_digits_are_greys_from_zero_to_one_and_no_copies(gan, digits, rng):
    drawn = gan.gaussian_digits(digits.fit, 50, rng)
    assert np.all(np.isfinite(drawn))
    assert (drawn.min(), drawn.max()) == (0, 1)
    assert gan.nearest(drawn, digits.fit)[1].min() > 0.5


def test_tile_puts_pictures_side_by_side_and_row_below_row(gan, rng):
    images = rng.random((7, 28, 28, 1))
    sheet = gan.tile(images, 3)
    assert sheet.shape == (2 * 28, 3 * 28)
    for index in range(6):
        row, column = divmod(index, 3)
        place = sheet[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        assert np.array_equal(place, images[index, :, :, 0])


def test_animation_of_the_worked_edition_moves_and_is_at_most_500_kb():
    notebook = nbformat.read(SOURCE.parents[1] / "solutions" / f"{SOURCE.stem}.ipynb", as_version=4)
    pictures = [
        output["data"]["image/png"]
        for cell in notebook.cells
        if cell.cell_type == "code" and "plots.animation(" in cell.source
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 1
    assert len(pictures[0]) <= 500_000  # as text, which is how a page carries it
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as animation:
        assert animation.n_frames >= 20
