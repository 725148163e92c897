"""Chapter 08's backbone as it is committed, and the parts of the chapter, taken from its source."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from chapter_code import taken
from test_pretrain_backbone import load_script

from course_utils import weights
from course_utils.datasets import images

CHAPTER = Path(__file__).resolve().parents[1] / "chapters" / "08_resnet.py"
NAMES = {
    "convolve", "normalize", "residual_block", "keras_block", "build_resnet20", "fill", "edge_histograms", "answer",
    "accuracy", "build_head", "split_at", "grad_cam", "shear", "fit_steps", "compile_for", "build_stack",
}  # fmt: skip
ARCHIVE = "cifar10_jpeg.tar.gz"
# The fixture of conftest.py hides it from the tests.
MIRROR = os.environ.get("COURSE_DATA_DIR")
SAMPLE = 2_000
# Three standard deviations of an accuracy near 0.9 on so many pictures.
MARGIN = 0.02


@pytest.fixture(scope="module")
def chapter():
    import keras
    import tensorflow as tf
    from keras import layers
    from PIL import Image

    space = {"np": np, "keras": keras, "layers": layers, "tf": tf, "Image": Image, "num_classes": 10}
    return taken(CHAPTER, NAMES, **space)


@pytest.fixture(scope="module")
def tensors():
    from safetensors.numpy import load_file

    return load_file(weights.BACKBONE / weights.RESNET20)


@pytest.fixture(scope="module")
def summary():
    """The last line of the training's log."""
    return json.loads((weights.BACKBONE / weights.RESNET20_LOG).read_text(encoding="utf-8").splitlines()[-1])


def test_backbone_has_the_recorded_hash_and_the_log_is_of_that_training(summary):
    found = weights.resnet20()
    assert found.provenance.sha256 == weights.RESNET20_SHA256 == summary["sha256"]
    assert found.provenance.size == summary["bytes"]
    lines = found.files[weights.RESNET20_LOG].read_text(encoding="utf-8").splitlines()[:-1]
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, summary["epochs"] + 1))
    assert (summary["test_images"], summary["steps"]) == (10_000, 0)


def test_backbone_fills_the_network_of_the_chapter(chapter, tensors, summary):
    network = chapter["build_resnet20"]()
    chapter["fill"](network, tensors)
    assert network.count_params() == summary["parameters"] == sum(tensor.size for tensor in tensors.values())
    np.testing.assert_array_equal(
        network.get_layer("stage2_block1_short_conv").kernel, tensors["stage2_block1_short_conv/kernel"]
    )


def test_backbone_reaches_the_recorded_accuracy_on_a_fixed_sample(chapter, tensors, summary, require):
    archive = Path(MIRROR or "") / ARCHIVE
    require(MIRROR and archive.is_file(), f"COURSE_DATA_DIR with {ARCHIVE}")
    script = load_script()
    test = script.read_archive(archive)["test"]
    chosen = np.random.default_rng(0).permutation(len(test.y))[:SAMPLE]
    network = chapter["build_resnet20"]()
    chapter["fill"](network, tensors)
    score = chapter["accuracy"](network, script.scaled(test.x[chosen]), test.y[chosen])
    assert abs(score - summary["test_accuracy"]) <= MARGIN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: tensors.pop("head/bias"), "missing ['head/bias']; left over nothing"),
        (lambda tensors: tensors.update({"head/scale": np.zeros(10)}), "left over ['head/scale']"),
        (lambda tensors: tensors.update({"head/bias": np.zeros(11)}), "of another shape ['head/bias']"),
        (lambda tensors: tensors.update({"head/kernel": tensors["head/kernel"].T}), "of another shape ['head/kernel']"),
    ],
)
def test_tensors_that_do_not_fit_are_named_and_nothing_is_filled(chapter, tensors, change, words):
    network = chapter["build_resnet20"]()
    before = network.get_weights()
    broken = dict(tensors)
    change(broken)
    with pytest.raises(ValueError, match="These are not the weights of resnet20") as caught:
        chapter["fill"](network, broken)
    assert words in str(caught.value)
    assert all(np.array_equal(one, other) for one, other in zip(before, network.get_weights(), strict=True))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [7, 8])
def test_convolution_by_hand_equals_that_of_keras(chapter, stride, side):
    import keras

    x = np.random.default_rng(0).normal(size=(2, side, side, 5)).astype("float32")
    layer = keras.layers.Conv2D(6, 3, stride, "same", bias_initializer="random_normal")
    expected = layer(x)
    own = chapter["convolve"](x, layer.kernel.numpy(), stride) + layer.bias.numpy()
    np.testing.assert_allclose(own, expected, atol=1e-4)


def test_shortcuts_change_nothing_but_the_sums(chapter):
    import keras

    plain, residual = (chapter["build_stack"](3, True, shortcuts) for shortcuts in (False, True))
    counts = [
        sum(isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3) for layer in model.layers)
        for model in (plain, residual)
    ]
    assert counts == [19, 19]


def test_grad_cam_is_where_a_network_looks_that_looks_at_one_corner(chapter):
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    maps = layers.AveragePooling2D(4, name="maps")(inputs)  # (batch, 8, 8, 3)
    trunk = keras.Model(inputs, layers.GlobalAveragePooling2D()(maps), name="trunk")
    head = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Softmax()], name="head")
    model = keras.Model(inputs, head(trunk(inputs)))
    # Class 1 speaks for the first channel and against the second.
    head.set_weights([np.array([[0.0, 1], [0, -1], [0, 0]], "float32"), np.zeros(2, "float32")])
    x = np.zeros((1, 32, 32, 3), "float32")
    x[0, :8, :8, 0] = 1
    x[0, 24:, 24:, 1] = 1
    heat = chapter["grad_cam"](*chapter["split_at"](model, "maps"), x, np.array([1]))
    assert heat.shape == (1, 8, 8)
    warm = np.zeros((8, 8), bool)
    warm[:2, :2] = True
    assert (heat[0] > 0).tolist() == warm.tolist()


def test_edge_histograms_tell_directions_apart_and_not_colours(chapter):
    stripes = np.zeros((2, 32, 32, 3), "uint8")
    stripes[0, :, ::4], stripes[1, ::4] = 255, 255
    across, down = chapter["edge_histograms"](stripes)
    assert across.shape == (4 * 4 * 8,)
    assert np.dot(across, down) == 0
    np.testing.assert_allclose(chapter["edge_histograms"](255 - stripes), [across, down])


def test_shear_of_02_degrees_moves_no_pixel_by_half_its_width(chapter):
    dots = np.zeros((224, 224, 3), "uint8")
    dots[:, 112] = 255
    unmoved = chapter["shear"](dots, 0.0)
    np.testing.assert_array_equal(unmoved, dots)
    middle = chapter["shear"](dots, np.tan(np.radians(0.2))).astype(int)[..., 0].argmax(axis=1)
    assert np.abs(middle - 112).max() <= 1
    assert np.abs(chapter["shear"](dots, 0.2)[..., 0].argmax(axis=1).astype(int) - 112).max() >= 20


def test_training_starts_anew_each_time(chapter):
    import keras

    x, y = np.random.default_rng(0).normal(size=(40, 64)).astype("float32"), np.arange(40) % 10
    # No dropout: its random numbers go on from training to training.
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, activation="softmax")])
    start = chapter["compile_for"](model, 5, rate=1e-3)
    results = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        chapter["fit_steps"](model, start, x, y, 5)
        results.append(model.get_weights()[0])
        assert int(model.optimizer.iterations) == 5
    assert not np.array_equal(results[0], start[0])
    np.testing.assert_allclose(*results, atol=1e-4)


def test_drawn_pictures_are_those_of_the_claims():
    from course_utils import results

    hashes = {claim.sha256 for claim in results.load_claims() if claim.chapter == "08" and claim.data == "bundled"}
    assert hashes == {images.BUNDLED_SHA256}
