"""Handwritten digits: MNIST, and the small real set inside scikit-learn that stands in for it."""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import store

if TYPE_CHECKING:
    import numpy as np

FILE = store.DataFile(
    name="mnist.npz",
    urls=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",),
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    size=11_490_434,
)
SET = store.DataSet(
    name="mnist",
    title="MNIST, 60,000 + 10,000 handwritten digits",
    files=(FILE,),
    stand_in="the 1,797 handwritten digits inside scikit-learn",
    licence="CC BY-SA 3.0",
)
SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
# Of the 8-by-8 images and labels as bytes, before resampling: the same on every platform.
BUNDLED_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
BUNDLED_TEST_SIZE = 360
BUNDLED_SPLIT_SEED = 0


class Digits(NamedTuple):
    """Images of handwritten digits with their labels.

    Attributes:
        x_train: (n, 28, 28) uint8, 0 is background, 255 is full ink.
        y_train: (n,) uint8, the digit 0 to 9.
        x_test: (m, 28, 28) uint8, as x_train.
        y_test: (m,) uint8, as y_train.
        provenance: Which data these are.
    """

    x_train: "np.ndarray"
    y_train: "np.ndarray"
    x_test: "np.ndarray"
    y_test: "np.ndarray"
    provenance: store.Provenance


def load(source: str = "auto", train_limit: int | None = None, seed: int = 0) -> Digits:
    """Load the handwritten digits.

    Full: MNIST by Yann LeCun, Corinna Cortes and Christopher Burges, 60,000 + 10,000 digits (LeCun et al. 1998,
    Gradient-based learning applied to document recognition, Proceedings of the IEEE 86, 2278-2324). Bundled: the
    1,797 digits inside scikit-learn, laid out like MNIST's, 1,437 + 360 (Alpaydin and Kaynak 1998, Optical Recognition
    of Handwritten Digits, UCI Machine Learning Repository).

    Args:
        source: "auto" takes MNIST from mirror or cache, else the bundled digits, without the network, and prints one
            line that says which; "full" takes MNIST and fetches it if need be; "bundled" takes the bundled digits.
        train_limit: How many training digits to keep; None keeps everything in its original order. The kept part has
            the classes in the proportions of the whole, and with the same seed a smaller part lies within a larger.
        seed: Decides which training digits a `train_limit` keeps, and their order.

    Returns:
        Images (n, 28, 28) uint8 0..255 and labels (n,) uint8 0..9 for training and test, with their provenance.

    Raises:
        ValueError: The source is unknown, or the limit does not fit.
        store.DataError: The full set is asked for and cannot be had, or a file is not what it should be.
    """
    store.check_limit(train_limit, "digits")
    copies, notes = store.obtain(SET.files, source)
    digits = _bundled() if copies is None else _full(copies[0])
    if source == "auto":
        print(store.which(SET, digits.provenance, notes))
    if train_limit is not None:
        kept = store.balanced_part(digits.y_train, train_limit, seed, "digits")
        provenance = digits.provenance._replace(limit=int(train_limit))
        digits = digits._replace(x_train=digits.x_train[kept], y_train=digits.y_train[kept], provenance=provenance)
    return digits


def _full(copy: store.Copy) -> Digits:
    """Read MNIST from its file."""
    arrays = _read(copy.path)
    note = SET.title
    if not copy.verified:
        note += "; a copy that nothing vouches for: not the public file, and no SHA256SUMS beside it lists it"
    provenance = store.Provenance("mnist", "full", copy.origin, copy.size, copy.sha256, note)
    return Digits(**arrays, provenance=provenance)


def _read(path: Path) -> "dict[str, np.ndarray]":
    """Read the four arrays and check that they are MNIST's."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in SHAPES}
    # A .npy file gives an array instead of an archive: no context manager (TypeError).
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _not_mnist(path, f"{type(error).__name__}: {error}") from error
    for name, shape in SHAPES.items():
        array = arrays[name]
        if array.shape != shape or not np.issubdtype(array.dtype, np.integer):
            raise _not_mnist(path, f"{name} is {array.dtype} {array.shape}, expected is uint8 {shape}")
        top = 255 if name.startswith("x") else 9
        if array.min() < 0 or array.max() > top:
            raise _not_mnist(path, f"{name} goes from {array.min()} to {array.max()}, expected is 0 to {top}")
    return {name: array.astype(np.uint8, copy=False) for name, array in arrays.items()}


def _not_mnist(path: Path, reason: str) -> store.DataError:
    """Make the error for a file that holds something else."""
    return store.DataError(
        f"{path} is not MNIST as an .npz file ({reason}). Replace it by the public mnist.npz, with the arrays "
        f"{', '.join(SHAPES)}, or use source='bundled'."
    )


def _bundled() -> Digits:
    """Lay out scikit-learn's digits as MNIST lays out its own and split them."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    small = raw.images.astype(np.uint8)  # (1797, 8, 8), 0..16
    labels = raw.target.astype(np.uint8)  # (1797,)
    data = small.tobytes() + labels.tobytes()
    x_train, x_test, y_train, y_test = train_test_split(
        np.stack([_enlarge(image) for image in small]),
        labels,
        test_size=BUNDLED_TEST_SIZE,
        random_state=BUNDLED_SPLIT_SEED,
        stratify=labels,
    )
    provenance = store.Provenance(
        "mnist", "bundled", "bundled", len(data), hashlib.sha256(data).hexdigest(), SET.stand_in
    )
    return Digits(x_train, y_train, x_test, y_test, provenance)


def _enlarge(image: "np.ndarray") -> "np.ndarray":
    """Lay out a digit of 8 by 8 as MNIST was made: 20 by 20, its centre of mass amid 28 by 28."""
    import numpy as np
    from PIL import Image

    ink = Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8))
    digit = np.asarray(ink.resize((20, 20), Image.Resampling.BICUBIC))
    steps = np.arange(20)
    centre = np.array([digit.sum(axis=1) @ steps, digit.sum(axis=0) @ steps]) / digit.sum()
    top, left = np.clip(np.rint(14 - centre), 0, 8).astype(int)
    canvas = np.zeros((28, 28), np.uint8)
    canvas[top : top + 20, left : left + 20] = digit
    return canvas
