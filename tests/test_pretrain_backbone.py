import importlib.util
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.datasets import store

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "pretrain_backbone.py"


def load_script():
    """The script as a module; it belongs to no package."""
    spec = importlib.util.spec_from_file_location("pretrain_backbone", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(monkeypatch):
    module = load_script()
    monkeypatch.setattr(module, "PER_CLASS", {"train": 3, "test": 2})
    monkeypatch.setattr(module, "VALIDATION_PER_CLASS", 1)
    return module


def jpeg(colour=(10, 20, 30), size=(32, 32), mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "JPEG")
    return stream.getvalue()


def members(script):
    """{name: content} of a small archive; the colour tells the class and the number."""
    return {
        f"{part}/{kind}/{number:04d}.jpg": jpeg((20 * place, 60 * number, 0))
        for part, count in script.PER_CLASS.items()
        for place, kind in enumerate(script.CLASSES)
        for number in range(count)
    }


def packed(path, files, *extra):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return path


def test_archive_is_read_class_by_class_in_the_order_of_the_numbers(script, tmp_path):
    files = members(script)
    parts = script.read_archive(packed(tmp_path / "a.tar.gz", dict(reversed(files.items()))))
    assert parts["train"].x.shape == (30, 32, 32, 3)
    assert parts["test"].y.tolist() == [label for label in range(10) for _ in range(2)]
    colours = parts["train"].x[:, 5, 5].astype(int)
    expected = [(20 * (place // 3), 60 * (place % 3), 0) for place in range(30)]
    assert abs(colours - expected).max() <= 4
    assert list(tmp_path.iterdir()) == [tmp_path / "a.tar.gz"]


@pytest.mark.parametrize(
    "name", ["../train/cat/0000.jpg", "/train/cat/0000.jpg", "train/cat/0000.png", "train/cow/0000.jpg", "notes.txt"]
)
def test_member_of_another_name_is_an_error(script, tmp_path, name):
    archive = packed(tmp_path / "a.tar.gz", {name: jpeg()})
    with pytest.raises(store.DataError, match=r"is not CIFAR-10 as JPEG files \(it has .*\)\. Put the archive"):
        script.read_archive(archive)


def test_link_and_giant_and_repeated_member_are_errors(script, tmp_path):
    link = tarfile.TarInfo("train/cat/0000.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for files, extra in (
        ({}, [link]),
        ({"train/cat/0000.jpg": bytes(script.PICTURE_BYTES + 1)}, []),
        ({"train/cat/0001.jpg": jpeg(), "train/cat/0000.jpg": jpeg()}, [tarfile.TarInfo("train/cat/0000.jpg")]),
    ):
        archive = packed(tmp_path / "a.tar.gz", files, *extra)
        with pytest.raises(store.DataError, match=r"it has 'train/cat/0000\.jpg' in it"):
            script.read_archive(archive)


@pytest.mark.parametrize("content", [jpeg(size=(16, 16)), jpeg(9, mode="L")])
def test_picture_of_another_form_is_an_error(script, tmp_path, content):
    archive = packed(tmp_path / "a.tar.gz", {**members(script), "train/dog/0001.jpg": content})
    with pytest.raises(store.DataError, match=r"train/dog/0001\.jpg is .*, not RGB \(32, 32\)"):
        script.read_archive(archive)


def test_archive_that_lacks_a_picture_or_has_one_too_many_is_an_error(script, tmp_path):
    files = members(script)
    del files["test/ship/0001.jpg"]
    with pytest.raises(store.DataError, match=r"it lacks test/ship/0001\.jpg"):
        script.read_archive(packed(tmp_path / "a.tar.gz", files))
    files = {**members(script), "test/ship/0002.jpg": jpeg()}
    with pytest.raises(store.DataError, match="it has 51 pictures"):
        script.read_archive(packed(tmp_path / "a.tar.gz", files))


def numbered(script, count):
    """Pictures whose red tells their number, with a mark that tells left from right."""
    x = np.zeros((count, 32, 32, 3), np.uint8)
    x[..., 0] = np.arange(count)[:, None, None]
    x[:, :, 16:, 1] = 200
    return script.Pictures(x, np.arange(count) % 10)


def test_split_keeps_the_last_pictures_of_each_class_back(script):
    pictures = script.Pictures(np.arange(30)[:, None], np.repeat(np.arange(10), 3))
    training, validation = script.split(pictures)
    assert validation.x[:, 0].tolist() == list(range(2, 30, 3))
    assert validation.y.tolist() == list(range(10))
    assert sorted([*training.x[:, 0], *validation.x[:, 0]]) == list(range(30))


def test_batches_hold_every_picture_once_with_its_label_shifted_and_mirrored(script):
    pictures = numbered(script, 250)
    (images, labels), *rest = script.batches(pictures, epoch=1, seed=0)
    assert not rest  # a second batch would not be whole
    assert images.shape == (128, 32, 32, 3)
    assert images.dtype == np.float32
    back = np.rint((images * script.STD + script.MEAN) * 255).astype(int)  # uint8 again
    numbers = back[:, 16, 16, 0]
    assert len(set(numbers)) == 128
    assert np.array_equal(labels, numbers % 10)
    bright = back[:, 16, :, 1] > 150  # (128, 32)
    mirrored = bright[:, 10]
    assert 40 < mirrored.sum() < 88
    edges = np.where(mirrored, bright[:, 8:24].sum(axis=1), (~bright[:, 8:24]).sum(axis=1))  # 8 without a shift
    assert (edges.min(), edges.max()) == (4, 12)


def test_batches_follow_seed_and_epoch_and_nothing_else(script):
    def first(epoch, seed):
        return next(script.batches(pictures, epoch, seed))[0]

    pictures = numbered(script, 200)
    np.random.seed(1)
    expected = first(1, 0)
    np.random.seed(2)
    assert np.array_equal(first(1, 0), expected)
    assert not np.array_equal(first(2, 0), expected)
    assert not np.array_equal(first(1, 1), expected)


def test_scaled_pictures_are_centred(script):
    grey = np.full((1, 32, 32, 3), 128, np.uint8)
    expected = (128 / 255 - np.array(script.MEAN)) / np.array(script.STD)
    assert np.allclose(script.scaled(grey)[0, 0, 0], expected, atol=1e-6)


def test_network_has_twenty_layers_of_weights_and_0_27_million_parameters(script):
    model = script.build()
    weighted = [layer.name for layer in model.layers if f"{layer.name}/kernel" in script.named_weights(model)]
    assert len([name for name in weighted if "short" not in name]) == 20
    assert model.count_params() == 274_042
    assert model.get_layer("stage3_block3_relu2").output.shape == (None, 8, 8, 64)
    names = script.named_weights(model)
    assert len(names) == len(model.weights)
    assert all(name.isascii() for name in names)


def test_interrupted_run_goes_on_with_weights_optimizer_and_epoch(script, tmp_path):
    def fresh():
        model = script.build()
        optimizer = script.build_optimizer(settings, 5)
        optimizer.build(model.trainable_variables)
        return model, optimizer

    settings, path = script.Settings(epochs=4, steps=5, seed=0), tmp_path / "checkpoint.safetensors"
    model, optimizer = fresh()
    assert script.load_checkpoint(path, model, optimizer, settings) == 0
    for place, variable in enumerate([*model.weights, *optimizer.variables]):
        variable.assign(np.full(variable.shape, place))
    script.save_checkpoint(path, model, optimizer, 3, settings)
    again = fresh()
    assert script.load_checkpoint(path, *again, settings) == 3
    for old, new in zip([*model.weights, *optimizer.variables], [*again[0].weights, *again[1].variables], strict=True):
        assert np.array_equal(old.numpy(), new.numpy())
    assert list(tmp_path.iterdir()) == [path]


def test_checkpoint_of_other_settings_is_an_error(script, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    script.save(path, {"a": np.zeros(1)}, {"epoch": 1, "epochs": 30, "steps": 0, "seed": 0})
    with pytest.raises(
        ValueError, match=r"belongs to a run with .*'seed': 0.*Pass the same settings, or another --out"
    ):
        script.load_checkpoint(path, None, None, script.Settings(30, 0, 1))


def test_weights_have_the_same_bytes_whenever_they_are_saved(script, tmp_path):
    arrays = {"b/kernel": np.ones((2, 2), np.float32), "a/bias": np.zeros(2, np.float32)}
    for name in ("first", "second"):
        script.save(tmp_path / name, arrays, {"mean": script.MEAN, "classes": script.CLASSES})
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    header = (tmp_path / "first").read_bytes()[8:]
    assert json.loads(header[: header.index(b"}}") + 2])["__metadata__"]["about"]
