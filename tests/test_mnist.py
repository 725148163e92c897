import hashlib
import inspect
import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from loopback import reply, serving

from course_utils.datasets import mnist, store


@pytest.fixture(scope="module")
def bundled():
    return mnist.load("bundled")


@pytest.fixture(scope="module")
def arrays():
    """Arrays of MNIST's shapes: blank images that carry their index in the first pixels, labels in turn."""
    made = {name: np.zeros(shape, np.uint8) for name, shape in mnist.SHAPES.items()}
    for part in ("train", "test"):
        made[f"y_{part}"][:] = np.arange(len(made[f"y_{part}"])) % 10
        made[f"x_{part}"][:, 0, 0] = made[f"y_{part}"]
    return made


@pytest.fixture(scope="module")
def npz(arrays):
    """The same as the bytes of an .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def public(monkeypatch, content, *urls):
    """Let `content` be the public file."""
    file = store.DataFile("mnist.npz", urls, hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setattr(mnist, "SET", mnist.SET._replace(files=(file,)))


def sums(folder, content):
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  mnist.npz\n")


def test_bundled_digits_have_mnists_form(bundled):
    assert bundled.x_train.shape == (1437, 28, 28)
    assert bundled.x_test.shape == (360, 28, 28)
    assert bundled.y_train.shape == (1437,)
    assert bundled.y_test.shape == (360,)
    assert {array.dtype for array in bundled[:4]} == {np.dtype("uint8")}


def test_bundled_digits_use_the_whole_grey_range_on_an_empty_ground(bundled):
    assert bundled.x_train.min() == 0
    assert bundled.x_train.max() == 255
    assert bundled.x_train.max(axis=(1, 2)).min() > 200
    edge = np.ones((28, 28), bool)
    edge[1:-1, 1:-1] = False
    assert not bundled.x_train[:, edge].any()


def test_bundled_digits_fit_twenty_by_twenty_and_are_centred_by_their_mass(bundled):
    images = np.concatenate([bundled.x_train, bundled.x_test]).astype(float)
    steps = np.arange(28)
    for axis in (1, 2):
        profile = images.sum(axis=axis)  # (n, 28)
        inked = [np.flatnonzero(row) for row in profile]
        assert max(places[-1] - places[0] + 1 for places in inked) <= 20
        centre = profile @ steps / profile.sum(axis=1)
        assert abs(centre - 14).max() <= 0.51


def test_bundled_digits_are_scikit_learns(bundled):
    from sklearn.datasets import load_digits

    raw = load_digits()
    assert sorted(np.concatenate([bundled.y_train, bundled.y_test])) == sorted(raw.target)
    # Ink is kept by the enlargement: 16 levels on 8 by 8 become 255 on 20 by 20.
    ink = np.sort(np.concatenate([bundled.x_train, bundled.x_test]).sum(axis=(1, 2)))
    expected = np.sort(raw.images.sum(axis=(1, 2)) * (255 / 16) * (20 / 8) ** 2)
    assert np.corrcoef(ink, expected)[0, 1] > 0.999


def test_bundled_split_is_in_proportion_and_the_same_everywhere(bundled):
    share = np.bincount(bundled.y_test) / np.bincount(np.concatenate([bundled.y_train, bundled.y_test]))
    assert abs(share - 0.2).max() < 0.01
    digest = hashlib.sha256(bundled.y_train.tobytes() + bundled.y_test.tobytes()).hexdigest()
    assert digest == "859da86469a170c7f72b5d431a12fb95becccf2f1044e310fc3eb5c07db0d7f1"


def test_bundled_split_does_not_follow_the_chapters_seed(bundled):
    np.random.seed(123)
    assert np.array_equal(mnist.load("bundled", seed=123).x_test, bundled.x_test)


def test_bundled_digits_can_be_learned_and_no_test_digit_is_among_the_training_digits(bundled):
    from sklearn.neighbors import KNeighborsClassifier

    flat_train, flat_test = (images.reshape(len(images), -1) / 255 for images in (bundled.x_train, bundled.x_test))
    nearest = KNeighborsClassifier(1).fit(flat_train, bundled.y_train)
    assert nearest.score(flat_test, bundled.y_test) > 0.95
    assert nearest.kneighbors(flat_test)[0].min() > 0


def test_bundled_provenance_has_the_recorded_hash(bundled):
    assert bundled.provenance == store.Provenance(
        "mnist", "bundled", "bundled", 116_805, mnist.BUNDLED_SHA256, "the 1,797 handwritten digits inside scikit-learn"
    )


def test_auto_without_the_file_prints_one_line_that_says_how_to_get_it(no_network, capsys, bundled):
    digits = mnist.load()
    line, end = capsys.readouterr().out.split("\n")
    assert "the 1,797 handwritten digits inside scikit-learn" in line
    assert "`course data fetch mnist`" in line
    assert end == ""
    assert digits.provenance == bundled.provenance
    assert np.array_equal(digits.x_train, bundled.x_train)


def test_auto_with_the_file_prints_one_line_that_says_where_it_is_from(
    no_network, capsys, monkeypatch, mirror, npz, arrays
):
    public(monkeypatch, npz)
    (mirror / "mnist.npz").write_bytes(npz)
    digits = mnist.load("auto")
    assert capsys.readouterr().out == "Data: MNIST, 60,000 + 10,000 handwritten digits, from the mirror.\n"
    assert digits.provenance.kind == "full"
    assert digits.provenance.sha256 == hashlib.sha256(npz).hexdigest()
    for name, array in arrays.items():
        assert np.array_equal(getattr(digits, name), array)


def test_auto_says_in_its_one_line_that_the_mirror_lacks_the_file(no_network, capsys, mirror):
    mnist.load("auto")
    [line] = capsys.readouterr().out.splitlines()
    assert "the mirror named by COURSE_DATA_DIR has no mnist.npz" in line
    assert "`course data fetch mnist`" in line


def test_auto_says_in_its_one_line_that_the_cache_was_damaged(no_network, capsys):
    store.cache_dir().mkdir(parents=True)
    damaged = store.cache_dir() / "mnist.npz"
    damaged.write_bytes(b"damaged")
    assert mnist.load("auto").provenance.kind == "bundled"
    [line] = capsys.readouterr().out.splitlines()
    assert f"{damaged} is damaged" in line
    assert "has been removed" in line
    assert not damaged.exists()


def test_bundled_is_silent_and_ignores_what_is_on_hand(no_network, capsys, mirror):
    (mirror / "mnist.npz").write_bytes(b"never looked at")
    assert mnist.load("bundled").provenance.origin == "bundled"
    assert capsys.readouterr().out == ""


def test_full_fetches_the_file_and_takes_it_from_the_cache_the_next_time(monkeypatch, npz):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(reply(npz)) as (url, requests):
        public(monkeypatch, npz, url)
        first = mnist.load("full")
        asked = len(requests)
        second = mnist.load("full")
        assert len(requests) == asked
    assert (first.provenance.origin, second.provenance.origin) == ("download", "cache")
    assert np.array_equal(first.x_train, second.x_train)


def test_full_in_vain_is_an_error_and_never_the_stand_in(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    public(monkeypatch, b"", "http://127.0.0.1:1/mnist.npz")
    with pytest.raises(store.DataError, match=r"mnist\.npz .* cannot be had.*source='bundled'"):
        mnist.load("full")


def test_full_without_any_network_fails_within_ten_seconds(require):
    works = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0
    require(works, "unshare -rn cuts the network off for one process")
    code = "from course_utils.datasets import mnist; mnist.load('full')"
    began = time.monotonic()
    run = subprocess.run(["unshare", "-rn", sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert time.monotonic() - began < 10
    assert "DataError: mnist.npz (11.5 MB) cannot be had" in run.stderr
    assert mnist.FILE.urls[0] in run.stderr
    assert "Run `course data fetch`" in run.stderr


@pytest.mark.parametrize("source", ["Full", "", None, "fulll"])
def test_unknown_source_is_an_error_that_lists_the_three(source):
    with pytest.raises(ValueError, match=f"source={source!r} .*'auto'.*'full'.*'bundled'"):
        mnist.load(source)


def test_loader_takes_at_most_four_parameters():
    assert len(inspect.signature(mnist.load).parameters) <= 4


def test_unverified_mirror_is_used_and_its_provenance_says_so(monkeypatch, mirror, npz):
    (mirror / "mnist.npz").write_bytes(npz)
    assert "nothing vouches for" in mnist.load("full").provenance.note
    sums(mirror, npz)
    assert "nothing vouches for" not in mnist.load("full").provenance.note


def test_damaged_mirror_is_an_error_even_for_auto(mirror, npz):
    (mirror / "mnist.npz").write_bytes(npz[:-1])
    sums(mirror, npz)
    with pytest.raises(store.DataError, match="is damaged"):
        mnist.load("auto")


def packed(arrays, **changes):
    """An .npz file of the arrays with some changed; None leaves one out."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{name: array for name, array in {**arrays, **changes}.items() if array is not None})
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


CASES = {
    "no archive": (lambda arrays: b"not an archive", "ValueError"),
    "empty": (lambda arrays: b"", "EOFError"),
    "truncated": (lambda arrays: packed(arrays)[:-2000], "BadZipFile"),
    "single array": (lambda arrays: npy(np.arange(3)), "TypeError"),
    "key missing": (lambda arrays: packed(arrays, y_test=None), "y_test"),
    "shape": (
        lambda arrays: packed(arrays, x_test=np.zeros((10_000, 784), np.uint8)),
        r"x_test is uint8 \(10000, 784\)",
    ),
    "dtype": (lambda arrays: packed(arrays, y_test=np.zeros(10_000)), "y_test is float64"),
    "labels": (lambda arrays: packed(arrays, y_test=np.full(10_000, 10)), "y_test goes from 10 to 10"),
    "pixels": (lambda arrays: packed(arrays, x_test=np.full((10_000, 28, 28), -1, np.int8)), "x_test goes from -1"),
}


@pytest.mark.parametrize("case", CASES)
def test_file_that_is_not_mnist_is_an_error_that_names_it(mirror, arrays, case):
    make, trouble = CASES[case]
    (mirror / "mnist.npz").write_bytes(make(arrays))
    with pytest.raises(store.DataError, match=trouble) as caught:
        mnist.load("full")
    assert str(mirror / "mnist.npz") in str(caught.value)
    assert "Replace it by the public mnist.npz" in str(caught.value)


def test_nothing_is_ever_unpickled(mirror, arrays, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "unpickled",))

    (mirror / "mnist.npz").write_bytes(packed(arrays, y_test=np.array([Trap()] * 3, dtype=object)))
    sums(mirror, (mirror / "mnist.npz").read_bytes())
    (tmp_path / "unpickled").unlink(missing_ok=True)
    with pytest.raises(store.DataError, match="is not MNIST"):
        mnist.load("full")
    assert not (tmp_path / "unpickled").exists()


def test_limit_keeps_the_classes_in_proportion_and_the_test_part_whole(bundled):
    part = mnist.load("bundled", train_limit=500)
    assert part.x_train.shape == (500, 28, 28)
    expected = np.bincount(bundled.y_train) * 500 / 1437
    assert abs(np.bincount(part.y_train) - expected).max() <= 1
    assert np.array_equal(part.x_test, bundled.x_test)


def test_limit_keeps_images_with_their_labels(bundled):
    label_of = {image.tobytes(): label for image, label in zip(bundled.x_train, bundled.y_train, strict=True)}
    part = mnist.load("bundled", train_limit=200, seed=3)
    assert [label_of[image.tobytes()] for image in part.x_train] == list(part.y_train)
    assert len({image.tobytes() for image in part.x_train}) == 200


def test_limit_follows_the_seed():
    first, again, other = (mnist.load("bundled", train_limit=100, seed=seed).x_train for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_smaller_part_lies_within_a_larger_one():
    small, large = ({image.tobytes() for image in mnist.load("bundled", n).x_train} for n in (50, 300))
    assert small < large


def test_limit_mixes_the_classes_even_at_the_end():
    # Keras takes the last part of what it is given for validation.
    assert len(np.unique(mnist.load("bundled", train_limit=1000).y_train[-100:])) == 10


@pytest.mark.parametrize("limit", [1, 9, 1437])
def test_smallest_and_largest_limit_fit(limit):
    assert len(mnist.load("bundled", train_limit=limit).y_train) == limit


def test_error_names_the_bad_limit_and_the_way_out():
    expected = (
        "train_limit=1438 does not fit: the training part holds 1,437 digits. "
        "Pass a whole number from 1 to 1,437, or None to keep everything."
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        mnist.load("bundled", train_limit=1438)


@pytest.mark.parametrize("limit", [0, -1, 0.5, 100.0, True, "100"])
def test_limit_that_counts_nothing_is_an_error_before_any_file_is_sought(limit, monkeypatch):
    monkeypatch.setattr(store, "obtain", lambda *arguments: pytest.fail("looked for the files"))
    expected = f"train_limit={limit!r} does not fit: it counts digits. Pass a whole number from 1 on, or None to "
    with pytest.raises(ValueError, match=re.escape(expected)):
        mnist.load("bundled", train_limit=limit)
