import hashlib
import inspect
import io
import os
import random
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from course_utils.datasets import drawings, images, store

FEW = {"train": 2, "val": 1, "test": 1}


@pytest.fixture(scope="module")
def whole_cache(tmp_path_factory):
    """A cache into which all pictures have been drawn."""
    folder = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE_DIR", str(folder))
        images.load()
    return folder


@pytest.fixture(scope="module")
def drawn(whole_cache):
    """All drawn pictures, 32 by 32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE_DIR", str(whole_cache))
        return images.load()


@pytest.fixture
def few(monkeypatch, capsys):
    """Let the drawn set have few pictures, and their hash be the recorded one."""
    monkeypatch.setattr(images, "DRAWN_PER_KIND", FEW)
    pixels = {place: drawings.draw(kind, number) for place, kind, number in images._places()}
    monkeypatch.setattr(images, "BUNDLED_SHA256", images._digest(pixels))
    loaded = images.load()
    capsys.readouterr()
    return loaded


def plain(colour, size=(24, 24)):
    return Image.new("RGB", size, colour)


@pytest.fixture
def own(tmp_path):
    """A good folder: two classes, two pictures of each in each part, every one of another colour."""
    folder = tmp_path / "mine"
    for place, part in enumerate(("train", "val", "test")):
        for number, kind in enumerate(("cat", "dog")):
            (folder / part / kind).mkdir(parents=True)
            plain((60 * place, 120 * number, 10)).save(folder / part / kind / "a.png")
            plain((60 * place, 120 * number, 200), (40, 30)).save(folder / part / kind / "b.jpg")
    return folder


# --- the drawings


def test_ten_kinds_in_alphabetical_order():
    assert len(drawings.KINDS) == 10
    assert list(drawings.KINDS) == sorted(drawings.KINDS)


@pytest.mark.parametrize("kind", drawings.KINDS)
def test_pictures_of_a_kind_are_all_different_and_use_the_range(kind):
    pictures = [drawings.draw(kind, number) for number in range(12)]
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((64, 64, 3), np.dtype("uint8"))}
    assert len({picture.tobytes() for picture in pictures}) == 12
    assert min(np.ptp(picture.astype(int)) for picture in pictures) > 60


def test_picture_depends_on_its_kind_and_number_only():
    code = (
        "import random, hashlib, numpy; random.seed(5); numpy.random.seed(5)\n"
        "from course_utils.datasets import drawings\n"
        "drawings.draw('house', 3)\n"
        "print(hashlib.sha256(b''.join(drawings.draw(k, 7).tobytes() for k in reversed(drawings.KINDS))).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    here = b"".join(drawings.draw(kind, 7).tobytes() for kind in reversed(drawings.KINDS))
    assert run.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_renderer_uses_only_the_random_numbers_that_numpy_promises_to_keep(monkeypatch):
    expected = drawings.draw("cup", 1)

    class OnlySamples:
        def __init__(self, seed, plain=np.random.RandomState):
            self.random_sample = plain(seed).random_sample

    monkeypatch.setattr(np.random, "RandomState", OnlySamples)
    assert np.array_equal(drawings.draw("cup", 1), expected)


def test_rounding_errors_of_another_system_do_not_change_a_picture(monkeypatch):
    expected = [drawings.draw(kind, 2) for kind in drawings.KINDS]
    for name in ("sin", "cos", "hypot"):
        exact = getattr(drawings.math, name)
        monkeypatch.setattr(drawings.math, name, lambda *values, exact=exact: exact(*values) * (1 + 3e-16))
    for kind, picture in zip(drawings.KINDS, expected, strict=True):
        assert np.array_equal(drawings.draw(kind, 2), picture), kind


def filled(*rings):
    """Fill outlines given in samples of the whole square."""
    scaled = [[(x / drawings.SAMPLED, y / drawings.SAMPLED) for x, y in ring] for ring in rings]
    return drawings._fill(scaled)


def test_filled_box_covers_exactly_its_samples():
    mask = filled(drawings._box(3, 5, 10, 9))
    expected = np.zeros_like(mask)
    expected[5:9, 3:10] = True
    assert np.array_equal(mask, expected)


def test_hole_stays_empty_and_overlapping_outlines_of_one_direction_do_not_cancel():
    outer, inner = drawings._box(0, 0, 20, 20), drawings._box(5, 5, 15, 15)
    assert filled(outer, inner).sum() == 400
    assert filled(outer, drawings._hole(inner)).sum() == 300


def test_outlines_that_leave_the_picture_are_cut_off():
    side = drawings.SAMPLED
    assert filled(drawings._box(-50, -50, side + 50, side + 50)).all()
    assert not filled(drawings._box(side + 5, 0, side + 9, 9)).any()
    assert filled(drawings._box(side - 4, side - 4, side + 9, side + 9)).sum() == 16


def test_filled_area_is_that_of_matplotlibs_paths():
    from matplotlib.path import Path

    rng = np.random.default_rng(0)
    for _ in range(20):
        ring = [tuple(corner) for corner in rng.uniform(-10, 70, size=(3, 2))]
        places = np.stack(np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5), axis=-1).reshape(-1, 2)
        inside = Path([*ring, ring[0]], closed=True).contains_points(places).reshape(64, 64)
        assert np.mean(filled(ring)[:64, :64] != inside) < 0.002


@pytest.mark.parametrize("kind", drawings.KINDS)
def test_thing_fills_a_good_part_of_its_square_and_hardly_leaves_it(kind):
    make, _ = drawings.KINDS[kind]
    for number in range(20):
        rings = [ring for part in make(np.random.RandomState(number)) for ring in part.rings]
        corners = np.array([corner for ring in rings for corner in ring])
        assert abs(corners).max() < 1.2
        assert (np.ptp(corners, axis=0) > 0.9).all()


def test_unknown_kind_and_number_are_errors():
    with pytest.raises(ValueError, match=r"kind='horse' is not known. Pass one of bicycle, .*, umbrella\."):
        drawings.draw("horse", 0)
    with pytest.raises(ValueError, match=r"number=-1 does not fit: .*Pass a whole number from 0 on"):
        drawings.draw("cup", -1)


# --- the drawn pictures as data


def test_drawn_pictures_are_the_recorded_ones(drawn):
    assert drawn.provenance == store.Provenance(
        "images", "bundled", "bundled", 22_118_400, images.BUNDLED_SHA256, images.DRAWN
    )


def test_drawn_pictures_are_as_many_as_promised_and_balanced(drawn):
    assert drawn.class_names == tuple(drawings.KINDS)
    for part, count in images.DRAWN_PER_KIND.items():
        pictures, labels = getattr(drawn, f"x_{part}"), getattr(drawn, f"y_{part}")
        assert pictures.shape == (10 * count, 32, 32, 3)
        assert pictures.dtype == np.uint8
        assert labels.dtype == np.int64
        assert np.bincount(labels).tolist() == [count] * 10
    assert images.DRAWN.startswith(f"{10 * sum(images.DRAWN_PER_KIND.values()):,} pictures")


def test_no_drawn_picture_occurs_twice(drawn):
    everything = np.concatenate([drawn.x_train, drawn.x_val, drawn.x_test])
    assert len({picture.tobytes() for picture in everything}) == len(everything)


def test_drawn_pictures_lie_in_folders_as_a_learner_would_bring_them(drawn, monkeypatch, capsys):
    names = sorted(path.relative_to(drawn.folder).as_posix() for path in drawn.folder.rglob("*.png"))
    assert len(names) == 1800
    assert names[0] == "test/bicycle/bicycle_080.png"
    assert {name.split("/")[0] for name in names} == {"train", "val", "test"}
    again = images.load(drawn.folder)
    assert again.class_names == drawn.class_names
    for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
        assert np.array_equal(getattr(again, name), getattr(drawn, name))


def test_keras_reads_the_folder_with_the_same_classes(drawn):
    import keras

    data = keras.utils.image_dataset_from_directory(
        drawn.folder / "val", image_size=(64, 64), batch_size=200, shuffle=False, verbose=False
    )
    assert tuple(data.class_names) == drawn.class_names
    (_, labels) = next(iter(data))
    assert np.array_equal(labels, drawn.y_val)


def test_raw_pixels_do_not_tell_the_kinds_apart(drawn):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    flat_train, flat_test = (x.reshape(len(x), -1) / 255 for x in (drawn.x_train, drawn.x_test))
    for strength in (1e-4, 1e-2):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        model.fit(flat_train, drawn.y_train)
        assert model.score(flat_test, drawn.y_test) < 0.3  # the curriculum asks for less than 0.6


def test_colours_do_not_tell_the_kinds_apart(drawn):
    from sklearn.ensemble import RandomForestClassifier

    def histogram(pictures):
        bins = (pictures // 64).astype(int) @ [16, 4, 1]  # (n, 32, 32)
        return np.stack([np.bincount(picture.ravel(), minlength=64) for picture in bins])

    forest = RandomForestClassifier(100, random_state=0).fit(histogram(drawn.x_train), drawn.y_train)
    assert forest.score(histogram(drawn.x_test), drawn.y_test) < 0.3


def test_edges_tell_the_kinds_apart_better_than_pixels(drawn):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=200))
    model.fit(edges(drawn.x_train), drawn.y_train)
    assert model.score(edges(drawn.x_test), drawn.y_test) > 0.4


def edges(pictures):
    """Count edges by direction in the fields of a 4 by 4 grid, blind to their sign."""
    grey = pictures.mean(axis=3) / 255
    right, down = np.gradient(grey, axis=2), np.gradient(grey, axis=1)
    strength, direction = np.hypot(right, down), np.mod(np.arctan2(down, right), np.pi)
    bins = np.minimum((direction / np.pi * 8).astype(int), 7)
    layers = [(strength * (bins == place)).reshape(-1, 4, 8, 4, 8).sum(axis=(2, 4)) for place in range(8)]
    features = np.stack(layers, axis=-1).reshape(len(pictures), -1)
    return np.sqrt(features / features.sum(axis=1, keepdims=True))


def test_one_line_says_which_pictures_and_how_to_use_ones_own(few, capsys, no_network):
    for named in (None, ""):
        images.load(named)
        [line] = capsys.readouterr().out.splitlines()
        assert line.startswith("Data: 1,800 pictures of ten kinds of things, drawn by the course. For your own, set")
        assert "set IMAGES to the path of a folder with train, val and test" in line
        assert "Note" not in line


def test_second_load_draws_nothing(few, monkeypatch):
    monkeypatch.setattr(drawings, "draw", lambda *arguments: pytest.fail("drawn again"))
    again = images.load()
    assert np.array_equal(again.x_test, few.x_test)


def damaged(path):
    path.write_bytes(path.read_bytes()[:500])


def painted(path):
    Image.new("RGB", (64, 64)).save(path)


def copied(path):
    shutil.copy(path, path.with_name("another.png"))


@pytest.mark.parametrize("harm", [damaged, painted, copied, os.remove])
def test_damaged_cache_is_drawn_again_with_a_note(few, capsys, harm):
    harm(few.folder / "train" / "fish" / "fish_000.png")
    again = images.load()
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith("Note: those in the cache were damaged and have been drawn again.")
    assert np.array_equal(again.x_train, few.x_train)
    assert sorted(path.name for path in (few.folder / "train" / "fish").iterdir()) == ["fish_000.png", "fish_001.png"]


def test_machine_that_draws_otherwise_says_so(few, capsys, monkeypatch):
    monkeypatch.setattr(images, "BUNDLED_SHA256", "0" * 64)
    loaded = images.load()
    assert "this machine draws them otherwise" in capsys.readouterr().out
    assert loaded.provenance.sha256 == few.provenance.sha256


def test_interrupted_drawing_leaves_nothing(few, monkeypatch):
    shutil.rmtree(few.folder)
    count = iter(range(15))

    def interrupted(kind, number, plain=drawings.draw):
        if next(count, None) is None:
            raise KeyboardInterrupt
        return plain(kind, number)

    monkeypatch.setattr(drawings, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        images.load()
    assert list(few.folder.parent.iterdir()) == []


def test_folder_of_a_quicker_process_is_kept(few, monkeypatch):
    aside = few.folder.with_name("aside")
    few.folder.rename(aside)

    def overtaken(kind, number, plain=drawings.draw):
        if aside.exists():
            aside.rename(few.folder)
            overtaken.time = few.folder.stat().st_mtime_ns
        return plain(kind, number)

    monkeypatch.setattr(drawings, "draw", overtaken)
    assert np.array_equal(images.load().x_val, few.x_val)
    assert few.folder.stat().st_mtime_ns == overtaken.time
    assert list(few.folder.parent.iterdir()) == [few.folder]


def test_cache_that_takes_no_pictures_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(
        store.DataError, match=r"cannot be written \(.*\)\. Make .* writable, .*or set COURSE_CACHE_DIR"
    ):
        images.load()


# --- size and train_limit


def test_loader_takes_at_most_four_parameters():
    assert list(inspect.signature(images.load).parameters) == ["images", "size", "train_limit", "seed"]


@pytest.mark.parametrize("size", [8, 33, 64, 224])
def test_pictures_come_in_the_size_asked_for(few, size):
    assert images.load(size=size).x_val.shape == (10, size, size, 3)


def test_pictures_in_their_own_size_are_those_of_the_files(few):
    assert np.array_equal(images.load(size=64).x_train[0], drawings.draw("bicycle", 0))


@pytest.mark.parametrize("size", [0, 7, 513, 32.0, "32", None, True])
def test_size_that_does_not_fit_is_an_error(size):
    with pytest.raises(ValueError, match=rf"size={size!r} does not fit: .*Pass a whole number from 8 to 512\."):
        images.load(size=size)


def test_limit_keeps_the_balance_and_the_other_parts_and_is_recorded(few):
    part = images.load(train_limit=10)
    assert np.bincount(part.y_train).tolist() == [1] * 10
    assert np.array_equal(part.x_test, few.x_test)
    assert part.provenance == few.provenance._replace(limit=10)


def test_smaller_part_lies_within_a_larger_and_follows_the_seed(drawn, monkeypatch, whole_cache):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(whole_cache))
    label_of = {picture.tobytes(): label for picture, label in zip(drawn.x_train, drawn.y_train, strict=True)}
    small, large, other = (images.load(train_limit=n, seed=seed) for n, seed in ((50, 1), (200, 1), (50, 2)))
    kept, more, others = ([picture.tobytes() for picture in part.x_train] for part in (small, large, other))
    assert set(kept) < set(more) < set(label_of)
    assert set(kept) != set(others)
    assert [label_of[picture] for picture in kept] == small.y_train.tolist()
    assert np.bincount(large.y_train).tolist() == [20] * 10


@pytest.mark.parametrize("limit", [0, -1, 2.5, True])
def test_limit_that_is_no_count_is_an_error(limit):
    with pytest.raises(ValueError, match=f"train_limit={limit!r} does not fit: it counts pictures. Pass a whole"):
        images.load(train_limit=limit)


def test_limit_beyond_the_training_pictures_is_an_error(few, own):
    for folder, count in ((None, 20), (own, 4)):
        with pytest.raises(ValueError, match=f"holds {count} pictures. Pass a whole number from 1 to {count}"):
            images.load(folder, train_limit=99)


# --- a folder of the learner's own


def test_own_folder_is_read_and_named_in_one_line(own, capsys):
    loaded = images.load(own, size=16)
    assert capsys.readouterr().out == "Data: your mine, 4 + 4 + 4 pictures of 2 classes.\n"
    assert loaded.class_names == ("cat", "dog")
    assert loaded.folder == own
    assert [labels.tolist() for labels in (loaded.y_train, loaded.y_val, loaded.y_test)] == [[0, 0, 1, 1]] * 3
    assert loaded.x_val[:, 8, 8].tolist()[0] == [60, 0, 10]
    assert abs(loaded.x_test[3, 8, 8].astype(int) - [120, 120, 200]).max() <= 4  # a JPEG
    assert {x.shape for x in (loaded.x_train, loaded.x_val, loaded.x_test)} == {(4, 16, 16, 3)}


def test_provenance_of_an_own_folder_follows_names_and_bytes_and_not_the_place(own, tmp_path):
    first = images.load(own).provenance
    assert (first.name, first.kind, first.origin) == ("images", "full", "own")
    assert first.size == sum(path.stat().st_size for path in own.rglob("*.*"))
    assert str(tmp_path) not in first.note
    (tmp_path / "elsewhere").mkdir()
    moved = own.rename(tmp_path / "elsewhere" / "mine")
    assert images.load(moved).provenance == first
    (moved / "val" / "cat" / "a.png").rename(moved / "val" / "cat" / "c.png")
    renamed = images.load(moved).provenance.sha256
    plain("red").save(moved / "val" / "cat" / "c.png")
    assert len({first.sha256, renamed, images.load(moved).provenance.sha256}) == 3


def only(own, name, picture, **options):
    """Put a picture in the place of another and read it: (8, 8, 3)."""
    (own / "train" / "cat" / "a.png").unlink()
    picture.save(own / "train" / "cat" / name, **options)
    return images.load(own, size=8).x_train[0].astype(int)


SIXTEEN_BITS = Image.fromarray(np.full((20, 20), 128 * 257, np.uint16))
FORMS = {
    "grey": ("a.png", Image.new("L", (20, 20), 128), {}, (128, 128, 128)),
    "grey JPEG": ("a.jpeg", Image.new("L", (20, 20), 128), {}, (128, 128, 128)),
    "grey, 16 bits": ("a.png", SIXTEEN_BITS, {}, (128, 128, 128)),
    "black and white": ("a.png", Image.new("1", (20, 20), 1), {}, (255, 255, 255)),
    "grey, transparent": ("a.png", Image.new("LA", (20, 20), (0, 0)), {}, (255, 255, 255)),
    "colour, transparent": ("a.png", Image.new("RGBA", (20, 20), (250, 0, 0, 0)), {}, (255, 255, 255)),
    "half transparent": ("a.png", Image.new("RGBA", (20, 20), (255, 0, 0, 51)), {}, (255, 204, 204)),
    "palette": ("a.png", plain((10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE), {}, (10, 200, 30)),
    "one colour transparent": ("a.png", plain((10, 200, 30)), {"transparency": (10, 200, 30)}, (255, 255, 255)),
    "inks of a printer": ("a.jpg", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), {}, (255, 0, 0)),
    "capital letters": ("a.JPG", plain((10, 200, 30)), {"format": "JPEG"}, (10, 200, 30)),
    "PNG called JPEG": ("a.jpg", plain((10, 200, 30)), {"format": "PNG"}, (10, 200, 30)),
    "progressive": ("a.jpg", plain((10, 200, 30)), {"progressive": True}, (10, 200, 30)),
    "several in one, as telephones write": (
        "a.jpg",
        plain((10, 200, 30)),
        {"format": "MPO", "save_all": True, "append_images": [plain("blue")]},
        (10, 200, 30),
    ),
    "one pixel": ("a.png", plain((10, 200, 30), (1, 1)), {}, (10, 200, 30)),
    "very wide": ("a.png", plain((10, 200, 30), (900, 3)), {}, (10, 200, 30)),
}


@pytest.mark.parametrize("form", FORMS)
def test_pictures_of_every_form_come_as_colour(own, form):
    name, picture, options, colour = FORMS[form]
    assert abs(only(own, name, picture, **options) - colour).max() <= 4


def halves(width, height):
    """A picture, its left half red, its right half blue."""
    picture = plain("red", (width, height))
    picture.paste("blue", (width // 2, 0, width, height))
    return picture


def test_picture_is_turned_upright_as_the_camera_noted(own):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is at the right of the stored one
    read = only(own, "a.jpg", halves(32, 32), exif=exif, quality=95)
    assert read[0, 4, 0] > 200  # red above
    assert read[7, 4, 2] > 200  # blue below


@pytest.mark.parametrize(("width", "height"), [(96, 32), (32, 96)])
def test_middle_square_is_kept_undistorted(own, width, height):
    picture = plain("black", (width, height))
    left, top = (width - 32) // 2, (height - 32) // 2
    picture.paste("white", (left, top, left + 32, top + 32))
    read = only(own, "a.png", picture)
    assert read[1:-1, 1:-1].min() == 255
    assert read.min() > 200  # the filter that makes it smaller looks a little over the edge


def test_what_systems_leave_in_folders_is_passed_over(own):
    (own / ".DS_Store").write_bytes(b"x")
    (own / "train" / "Thumbs.db").write_bytes(b"x")
    (own / "train" / "cat" / "desktop.ini").write_bytes(b"x")
    (own / "train" / "cat" / "._a.png").write_bytes(b"x")
    (own / "val" / ".ipynb_checkpoints").mkdir()
    (own / "__MACOSX").mkdir()
    assert len(images.load(own).x_train) == 4


def test_files_and_folders_beside_the_three_parts_do_not_matter(own):
    (own / "README.txt").write_text("where these are from")
    (own / "not_sorted_yet").mkdir()
    assert len(images.load(own).x_train) == 4


def test_picture_in_two_parts_is_noted(own, capsys):
    shutil.copy(own / "train" / "cat" / "a.png", own / "test" / "cat" / "z.png")
    shutil.copy(own / "train" / "cat" / "a.png", own / "train" / "cat" / "z.png")
    images.load(own)
    note = "note: pictures occur in two parts (1 times; test/cat/z.png is train/cat/a.png), so that scores flatter"
    assert note in capsys.readouterr().out


def test_limit_reads_an_own_folder_as_well(own):
    part = images.load(own, train_limit=2, seed=3)
    assert sorted(part.y_train) == [0, 1]
    assert len(part.x_test) == 4
    assert part.provenance == images.load(own).provenance._replace(limit=2)


def test_too_many_pictures_for_the_memory_are_an_error(own, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 100_000)
    with pytest.raises(store.DataError, match=r"holds 12 pictures, 0\.0 GB at size 64. Pass a smaller size or a train"):
        images.load(own, size=64)
    assert len(images.load(own, size=32, train_limit=2).x_train) == 2


# --- bad folders


def removed(place):
    return lambda folder: shutil.rmtree(folder / place)


def emptied(place):
    def change(folder):
        shutil.rmtree(folder / place)
        (folder / place).mkdir()

    return change


def written(place, content=b"some text"):
    def change(folder):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)

    return change


def as_bytes(picture, form):
    stream = io.BytesIO()
    picture.save(stream, form)
    return stream.getvalue()


def only_cats(folder):
    for part in images.PARTS:
        shutil.rmtree(folder / part / "dog")


def unsorted_parts(folder):
    for part in ("val", "test"):
        shutil.rmtree(folder / part)
    for kind in ("cat", "dog"):
        (folder / "train" / kind).rename(folder / kind)
    (folder / "train").rmdir()


def without_folders(folder):
    for path in folder.iterdir():
        shutil.rmtree(path)
    plain("red").save(folder / "a.png")


def one_too_deep(folder):
    (folder / "photos").mkdir()
    for part in images.PARTS:
        (folder / part).rename(folder / "photos" / part)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
CUT_JPEG, CUT_PNG = as_bytes(NOISE, "JPEG")[:1500], as_bytes(NOISE, "PNG")[:1500]
# {case: (the change, the file or folder that the message begins with, the message)}
BAD = {
    "no val": (removed("val"), "", r"lacks the folder val; it has test, train. Sort the pictures into train, val"),
    "two missing": (
        lambda folder: [removed(part)(folder) for part in ("val", "test")],
        "",
        "lacks the folder val, test; it has train",
    ),
    "another name": (lambda folder: (folder / "val").rename(folder / "valid"), "", "it has test, train, valid"),
    "not divided": (unsorted_parts, "", "lacks the folder train, val, test; it has cat, dog. Sort"),
    "no folders": (without_folders, "", "lacks the folder train, val, test; it has no folders. Sort"),
    "one folder too deep": (one_too_deep, "", r"lacks .*it has photos. Pass .*photos"),
    "empty split": (emptied("val"), "val", "is empty. Put a folder per class with pictures into it"),
    "empty class": (emptied("test/dog"), "test/dog", "is empty. Put pictures of that class into it, or remove it"),
    "one class": (only_cats, "", "holds one class only, cat. Sort the pictures into two classes or more"),
    "class missing in a part": (removed("test/dog"), "test", "lacks the class dog, which train has. Give all"),
    "class missing in training": (removed("train/dog"), "train", "lacks the class dog, which val has. Give all"),
    "picture beside the classes": (
        written("train/a.png", as_bytes(NOISE, "PNG")),
        "train/a.png",
        "lies beside the folders of the classes, not in one. Move it",
    ),
    "text among pictures": (
        written("val/dog/notes.txt"),
        "val/dog/notes.txt",
        "is neither a JPEG nor a PNG file. Save it as one of these, or remove it",
    ),
    "another format": (written("val/dog/a.gif", as_bytes(NOISE, "GIF")), "val/dog/a.gif", "is neither a JPEG nor"),
    "no suffix": (written("val/dog/a"), "val/dog/a", "is neither a JPEG nor a PNG file"),
    "folder in a class": (
        written("val/dog/puppies/a.png"),
        "val/dog/puppies",
        "is a folder within the class dog. Move its pictures one folder up",
    ),
    "empty file": (written("val/dog/c.jpg", b""), "val/dog/c.jpg", "is an empty file. Replace it by a picture"),
    "text called a picture": (
        written("val/dog/c.jpg"),
        "val/dog/c.jpg",
        "is no JPEG or PNG picture. Open it in a viewer and save it again",
    ),
    "GIF called JPEG": (
        written("train/cat/c.jpg", as_bytes(NOISE, "GIF")),
        "train/cat/c.jpg",
        "is no JPEG or PNG picture, but GIF. Open",
    ),
    "WebP called JPEG": (written("train/cat/c.jpg", b"RIFF\0\0\0\0WEBPVP8 "), "train/cat/c.jpg", "picture, but WebP"),
    "HEIC called JPEG": (
        written("train/cat/c.JPG", b"\0\0\0\x18ftypheic"),
        "train/cat/c.JPG",
        "picture, but HEIC or AVIF",
    ),
    "web page": (written("train/cat/c.png", b"\n<!DOCTYPE html><html>"), "train/cat/c.png", "picture, but a web page"),
    "cut off JPEG": (written("test/cat/c.jpg", CUT_JPEG), "test/cat/c.jpg", r"is damaged \(.*truncated.*\). Open"),
    "cut off PNG": (written("test/cat/c.png", CUT_PNG), "test/cat/c.png", r"is damaged \(.*\). Open"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folder_is_an_error_of_two_sentences_that_names_the_file(own, case):
    change, place, trouble = BAD[case]
    change(own)
    with pytest.raises(store.DataError, match=trouble) as caught:
        images.load(own)
    message, named = str(caught.value), str(own / place)
    assert message.startswith(f"{named} ")
    assert len(message) < 300 + len(named)
    _, remedy = message.removeprefix(named).rstrip(".").split(". ", 1)
    assert re.match(r"(Pass|Sort|Put|Give|Move|Save|Replace|Open) ", remedy)


def test_endless_picture_is_an_error_before_it_fills_the_memory(own, monkeypatch):
    for limit in (NOISE.width * NOISE.height - 1, NOISE.width * NOISE.height // 3):  # a warning and an error of Pillow
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        NOISE.save(own / "val" / "cat" / "c.png")
        with pytest.raises(
            store.DataError, match=rf"c\.png has more than {limit:,} pixels. Save it smaller, or remove"
        ):
            images.load(own)


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_dead_link_is_an_error_that_names_it(own):
    (own / "val" / "cat" / "c.png").symlink_to(own / "nowhere.png")
    with pytest.raises(store.DataError, match=r"c\.png cannot be read \(.*\). Make it readable"):
        images.load(own)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_locked_folder_is_an_error_that_names_it(own):
    (own / "val" / "cat").chmod(0)
    with pytest.raises(store.DataError, match=r"cat cannot be read \(.*\). Make it readable for your user"):
        images.load(own)


def test_relative_path_counts_from_the_current_folder_then_from_the_project(own, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PROJECT", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert len(images.load("mine").x_train) == 4
    shutil.copytree(own, elsewhere / "mine")
    plain("red").save(elsewhere / "mine" / "train" / "cat" / "z.png")
    assert len(images.load("mine").x_train) == 5


def test_missing_folder_is_an_error_that_names_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(store.DataError, match=r"none does not exist.*Pass the whole path of a folder with") as caught:
        images.load("none")
    assert str(tmp_path / "none") in str(caught.value)
    assert str(store.PROJECT / "none") in str(caught.value)


def test_file_archive_and_web_address_are_errors(tmp_path, no_network):
    for name, trouble in (
        ("a.png", "is no folder. Pass the whole path of a folder with train"),
        ("a.zip", "is an archive. Unpack it and pass the folder that comes out"),
    ):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(store.DataError, match=trouble):
            images.load(tmp_path / name)
    with pytest.raises(store.DataError, match=r"is a web address, and a lesson downloads nothing. Pass"):
        images.load("https://example.org/pictures")


@pytest.mark.parametrize("named", ["~nobody-of-this-name/mine", "x" * 10_000, "a\0b", 7, ["a"], b"a"])
def test_path_that_cannot_be_is_an_error_of_the_data(named):
    with pytest.raises(store.DataError, match="Pass the whole path"):
        images.load(named)


@pytest.mark.filterwarnings("error")
def test_mangled_pictures_give_pixels_or_an_error_that_names_them_and_nothing_else(own):
    read, refused = 0, 0
    for seed in range(200):
        chance = random.Random(seed)
        name, form = chance.choice([("c.jpg", "JPEG"), ("c.png", "PNG")])
        content = bytearray(as_bytes(NOISE.resize((16, 16)), form))
        for _ in range(chance.choice([1, 3, 20])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (own / "val" / "cat" / name).write_bytes(content)
        try:
            assert images.load(own, size=8).x_val.shape == (5, 8, 8, 3)
            read += 1
        except store.DataError as error:
            assert str(error).startswith(str(own / "val" / "cat" / name))
            refused += 1
        (own / "val" / "cat" / name).unlink()
    assert read > 20
    assert refused > 20
