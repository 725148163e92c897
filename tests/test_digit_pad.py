"""A pad to draw a digit on: what comes out of it looks as the digits of MNIST do."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import traitlets
from PIL import Image, ImageDraw
from screens import Screen
from sklearn.datasets import load_digits

from course_utils import widgets
from course_utils.screen import digit_pad

ROUND = np.linspace(0, 2 * np.pi, 24)
RING = np.stack([np.sin(ROUND), -np.cos(ROUND)], axis=1)
# A simple hand: for each digit its strokes.
DIGITS = {
    0: [(0.5 + RING * (0.2, 0.35)).tolist()],
    1: [[[0.35, 0.3], [0.5, 0.1], [0.5, 0.9]]],
    2: [[[0.3, 0.3], [0.5, 0.1], [0.7, 0.3], [0.3, 0.9], [0.7, 0.9]]],
    3: [[[0.3, 0.1], [0.7, 0.1], [0.45, 0.45], [0.7, 0.7], [0.5, 0.9], [0.3, 0.8]]],
    4: [[[0.4, 0.1], [0.25, 0.6], [0.75, 0.6]], [[0.6, 0.3], [0.6, 0.9]]],
    5: [[[0.7, 0.1], [0.35, 0.1], [0.35, 0.45], [0.65, 0.5], [0.65, 0.8], [0.3, 0.9]]],
    6: [[[0.6, 0.1], [0.35, 0.5], [0.35, 0.85], [0.65, 0.85], [0.65, 0.6], [0.35, 0.6]]],
    7: [[[0.3, 0.1], [0.7, 0.1], [0.4, 0.9]], [[0.4, 0.5], [0.65, 0.5]]],
    8: [((0.5, 0.3) + RING * (0.15, 0.18)).tolist(), ((0.5, 0.68) + RING * (0.2, 0.2)).tolist()],
    9: [((0.5, 0.3) + RING * (0.18, 0.2)).tolist(), [[0.68, 0.3], [0.6, 0.9]]],
}
EMPTY = np.zeros((28, 28), np.uint8)
SEVEN, EIGHT = (digit_pad.from_strokes(DIGITS[digit]) for digit in (7, 8))


def ink_box(picture):
    """First and last row with ink, first and last column."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


def sides(picture):
    top, bottom, left, right = ink_box(picture)
    return bottom - top + 1, right - left + 1


def off_centre(picture):
    """How far the centre of mass is from the middle, down and across, in pixels."""
    places = np.indices(picture.shape).reshape(2, -1)
    return np.average(places, axis=1, weights=picture.ravel()) - 13.5


def assert_looks_like_mnist(picture):
    assert picture.shape == (28, 28)
    assert picture.dtype == np.uint8
    assert picture.max() > 200
    assert max(sides(picture)) <= 20
    top, bottom, left, right = ink_box(picture)
    # Where ink has come to the border, the picture may not be moved any further.
    at_border = np.array([top == 0 or bottom == 27, left == 0 or right == 27])
    assert (np.abs(off_centre(picture)) <= 1)[~at_border].all(), off_centre(picture)


def random_strokes(seed):
    rng = np.random.default_rng(seed)
    walks = [rng.random(2) + np.cumsum(rng.normal(0, 0.06, (rng.integers(1, 20), 2)), axis=0) for _ in range(3)]
    return [walk.clip(0, 1).tolist() for walk in walks[: rng.integers(1, 4)]]


def moved(strokes, scale, across, down):
    return [[[x * scale + across, y * scale + down] for x, y in stroke] for stroke in strokes]


# Strokes


@pytest.mark.parametrize("digit", DIGITS)
def test_strokes_of_every_digit_look_like_mnist(digit):
    picture = digit_pad.from_strokes(DIGITS[digit])
    assert_looks_like_mnist(picture)
    assert max(sides(picture)) == 20
    assert len(np.unique(picture)) > 10, "the edges are grey"


def test_random_strokes_are_centred_and_fit_into_the_box():
    for seed in range(300):
        assert_looks_like_mnist(digit_pad.from_strokes(random_strokes(seed)))


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize(("scale", "across", "down"), [(0.25, 0.0, 0.0), (0.25, 0.75, 0.75), (0.5, 0.4, 0.1)])
def test_small_digit_in_a_corner_gives_the_picture_of_a_large_one(digit, scale, across, down):
    large = digit_pad.from_strokes(DIGITS[digit]).astype(int)
    small = digit_pad.from_strokes(moved(DIGITS[digit], scale, across, down)).astype(int)
    assert np.abs(large - small).max() < 64
    assert np.abs(large - small).mean() < 2


def test_pen_has_the_same_width_whatever_the_size_of_the_drawing():
    for size in (0.2, 0.5, 1.0):
        picture = digit_pad.from_strokes([[[0.5, 0.5 - size / 2], [0.5, 0.5 + size / 2]]])
        assert picture[13].sum() / 255 == pytest.approx(digit_pad.PEN, abs=0.2)


@pytest.mark.parametrize("place", [[0.5, 0.5], [0.0, 0.0], [1.0, 0.2]])
def test_tap_is_a_dot_in_the_middle(place):
    picture = digit_pad.from_strokes([[place]])
    assert_looks_like_mnist(picture)
    assert max(sides(picture)) <= 4
    assert picture.sum() / 255 == pytest.approx(np.pi * (digit_pad.PEN / 2) ** 2, rel=0.2)
    np.testing.assert_array_equal(picture, picture.T)


def test_tiny_stroke_is_not_blown_up_to_a_whole_digit():
    assert max(sides(digit_pad.from_strokes([[[0.5, 0.5], [0.52, 0.5]]]))) < 7


@pytest.mark.parametrize("nothing", [[], [[]], [[], []]])
def test_no_points_give_an_empty_picture(nothing):
    picture = digit_pad.from_strokes(nothing)
    np.testing.assert_array_equal(picture, EMPTY)
    assert picture.dtype == np.uint8


def test_stroke_without_points_changes_nothing():
    np.testing.assert_array_equal(digit_pad.from_strokes([[], *DIGITS[4], []]), digit_pad.from_strokes(DIGITS[4]))


def test_no_ink_is_lost_at_the_border(monkeypatch):
    blot = [[0.1 + 0.2 * (step % 2), 0.1 + 0.01 * step] for step in range(40)]
    drawings = [[blot, [[0.1, 0.1], [0.95, 0.12]]], *(random_strokes(seed) for seed in range(100))]
    final = [digit_pad.from_strokes(strokes) for strokes in drawings]
    assert ink_box(final[0])[3] == 27, "its end would leave the picture, were it moved further"
    monkeypatch.setattr(digit_pad, "_centred", lambda picture: picture)
    for strokes, after in zip(drawings, final, strict=True):
        before = digit_pad.from_strokes(strokes)
        assert before.sum() == after.sum()
        assert sides(before) == sides(after)


# Files


def drawing(paper=255, ink=0, mode="L"):
    """A seven with a bar, upright."""
    picture = Image.new(mode, (300, 300), paper)
    pen = ImageDraw.Draw(picture)
    pen.line([(80, 60), (220, 60), (130, 240)], fill=ink, width=24, joint="curve")
    pen.line([(130, 150), (200, 150)], fill=ink, width=24)
    return picture


@pytest.fixture
def read(tmp_path):
    """A function that saves a picture and reads it as a digit."""

    def call(picture, name="digit.png", **options):
        picture.save(tmp_path / name, **options)
        return digit_pad.from_file(tmp_path / name)

    return call


@pytest.fixture
def expected(read):
    """The drawing, dark on light."""
    return read(drawing(), "expected.png")


def test_dark_on_light_looks_like_mnist_and_like_the_same_strokes(expected):
    assert_looks_like_mnist(expected)
    assert max(sides(expected)) == 20
    bar = moved([[[80, 60], [220, 60], [130, 240]], [[130, 150], [200, 150]]], 1 / 300, 0, 0)
    assert np.corrcoef(expected.ravel(), digit_pad.from_strokes(bar).ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "picture",
    [
        drawing(0, 255),
        drawing(90, 200),
        drawing(200, 150),
        drawing((0, 0, 0, 0), (0, 0, 0, 255), "RGBA"),
        drawing((255, 255, 255, 0), (255, 255, 255, 255), "RGBA"),
        drawing((255, 255, 255, 255), (0, 0, 0, 255), "RGBA"),
        drawing((255, 255, 255), (200, 0, 0), "RGB"),
        drawing((20, 20, 80), (255, 255, 0), "RGB"),
        drawing().convert("P"),
        drawing().convert("1"),
        drawing().convert("LA"),
    ],
    ids=[
        "light on dark", "light grey on dark grey", "faint", "on nothing", "white on nothing", "opaque", "red",
        "yellow on blue", "palette", "black and white", "grey with alpha",
    ],
)  # fmt: skip
def test_paper_and_ink_may_have_any_colour(read, expected, picture):
    np.testing.assert_allclose(read(picture), expected, atol=2)


def test_path_may_be_a_text(read, expected, tmp_path):
    np.testing.assert_array_equal(digit_pad.from_file(str(tmp_path / "expected.png")), expected)


def test_path_may_begin_with_the_home_folder(read, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    np.testing.assert_array_equal(digit_pad.from_file("~/expected.png"), expected)


def test_photograph_of_grey_paper_with_a_shadow_is_read(read, expected):
    paper = np.tile(np.linspace(175, 230, 3000), (2000, 1))
    paper[500:1500, 1000:2000] = np.where(
        drawing(0, 1).resize((1000, 1000)), 45, paper[500:1500, 1000:2000]
    )  # small on a large page
    noisy = paper + np.random.default_rng(0).normal(0, 4, paper.shape)
    picture = read(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), "photo.jpg", quality=80)
    assert_looks_like_mnist(picture)
    assert np.abs(picture.astype(int) - expected).mean() < 4
    assert np.corrcoef(picture.ravel(), expected.ravel())[0, 1] > 0.98


def test_photograph_is_turned_as_its_camera_says(read, expected):
    turned = drawing().rotate(90, expand=True)  # the camera was held sideways
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.abs(read(turned, "turned.jpg").astype(int) - expected).mean() > 20
    assert np.abs(read(turned, "upright.jpg", exif=exif).astype(int) - expected).mean() < 2


@pytest.mark.parametrize("size", [(28, 28), (60, 30), (1, 1), (500, 4)])
def test_small_pictures_are_read_too(read, size):
    picture = Image.new("L", size, 255)
    picture.putpixel((size[0] // 2, size[1] // 2), 0)
    if size == (1, 1):  # no paper to stand out from
        with pytest.raises(ValueError, match="nothing that stands out"):
            read(picture)
    else:
        assert read(picture).max() == 255


@pytest.mark.parametrize("digit", range(10))
def test_digits_of_other_people_become_those_of_mnist(read, digit):
    digits = load_digits()
    for small in digits.images[digits.target == digit][:5]:
        framed = np.pad(np.uint8(small * 255 / 16), 2)
        large = Image.fromarray(framed).resize((360, 360), Image.Resampling.BICUBIC)
        picture = read(large)
        assert_looks_like_mnist(picture)
        assert max(sides(picture)) == 20
        # The same as what lies in the box of the original, up to the softness of its edges.
        left, top, right, bottom = large.point(lambda level: 255 * (level > 80)).getbbox()
        top, left = max(top - 5, 0), max(left - 5, 0)
        height, width = sides(picture)
        cut = large.crop((left, top, right + 5, bottom + 5)).resize((width, height), Image.Resampling.BOX)
        first_row, last_row, first_column, last_column = ink_box(picture)
        ours = picture[first_row : last_row + 1, first_column : last_column + 1]
        assert np.corrcoef(np.ravel(cut), ours.ravel())[0, 1] > 0.85


def test_file_that_is_missing_is_an_error_with_the_way_out(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ValueError, match=r"There is no file .*\. Give the path of a picture"):
            digit_pad.from_file(path)


@pytest.mark.parametrize("content", [b"", b"to do: draw a digit", b"%PDF-1.7"])
def test_file_that_is_no_picture_is_an_error_with_the_way_out(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"notes\.txt is no picture .*\. Pass a PNG or JPEG file"):
        digit_pad.from_file(tmp_path / "notes.txt")


def test_file_that_breaks_off_is_an_error_of_the_file(read, expected, tmp_path):
    (tmp_path / "cut.png").write_bytes((tmp_path / "expected.png").read_bytes()[:300])
    with pytest.raises(OSError, match="truncated"):
        digit_pad.from_file(tmp_path / "cut.png")


@pytest.mark.parametrize("picture", [Image.new("L", (50, 50), 255), Image.new("RGBA", (50, 50)), drawing(128, 138)])
def test_blank_page_is_an_error_with_the_way_out(read, picture):
    with pytest.raises(ValueError, match=r"shows nothing that stands out\. Pass a picture of one digit"):
        read(picture, "blank.png")


# The pad and what stands around it


@pytest.fixture
def pad():
    return digit_pad.DigitPad()


@pytest.mark.ipywidgets7
def test_pad_begins_empty_and_brings_its_part_for_the_browser(pad):
    assert pad.strokes == []
    assert pad.pixels == EMPTY.tolist()
    assert "export default" in str(pad._esm)


@pytest.mark.ipywidgets7
def test_what_is_drawn_becomes_pixels(pad):
    told = []
    pad.observe(lambda change: told.append(change["new"]), "pixels")
    pad.strokes = DIGITS[7]
    assert pad.pixels == SEVEN.tolist()
    assert told == [SEVEN.tolist()]
    assert all(type(level) is int for level in pad.pixels[13])


def test_strokes_that_go_leave_the_pixels(pad):
    pad.strokes = DIGITS[7]
    pad.strokes = []
    assert pad.pixels == SEVEN.tolist()


def test_finished_digit_takes_the_place_of_the_strokes(pad):
    pad.strokes = DIGITS[7]
    pad.show(EIGHT)
    assert pad.strokes == []
    assert pad.pixels == EIGHT.tolist()


@pytest.mark.parametrize(
    "pixels",
    [[], EMPTY[:27].tolist(), EMPTY[:, :27].tolist(), EMPTY[..., None].tolist(), [0] * 784,
     (EMPTY.astype(int) - 1).tolist(), (EMPTY + 256.0).tolist()],
    ids=["empty", "a row too few", "a column too few", "channels", "flat", "below 0", "above 255"],
)  # fmt: skip
def test_pixels_of_another_shape_or_range_are_refused(pad, pixels):
    pad.show(SEVEN)
    with pytest.raises(traitlets.TraitError, match=r"came\. Pass 28 rows of 28 numbers from 0 to 255"):
        pad.pixels = pixels
    assert pad.pixels == SEVEN.tolist()


def recorder(calls):
    def draw(ax, picture):
        calls.append(picture)
        ax.imshow(picture)
        ax.set_title(f"{picture.sum()} of ink")

    return draw


@pytest.fixture
def draw_digit(displayed):
    """A function that shows the pad, and returns what a person sees, the pad and the pictures that were drawn."""

    def call(samples, draw=None, hint="draw a 7"):
        calls = []
        widgets.draw_digit(draw or recorder(calls), samples, hint)
        screen = Screen(displayed[-1])
        (found,) = [part for part in screen.parts if part.has_trait("strokes")]
        return screen, found, calls

    return call


def test_headless_draws_one_plain_figure_with_every_sample_side_by_side(unwatched):
    calls = []
    widgets.draw_digit(recorder(calls), {"a 7": SEVEN, "an 8": EIGHT.astype(float)}, "")
    np.testing.assert_array_equal(calls, [SEVEN, EIGHT])
    assert {picture.dtype for picture in calls} == {np.dtype("uint8")}
    assert len(unwatched) == 1
    left, right = plt.gcf().axes
    assert left.get_position().x1 < right.get_position().x0
    assert left.get_title() == f"{SEVEN.sum()} of ink"


def test_starts_with_the_first_sample(draw_digit):
    screen, pad, calls = draw_digit({"a 7": SEVEN, "an 8": EIGHT})
    assert pad.pixels == SEVEN.tolist()
    np.testing.assert_array_equal(calls, [SEVEN])
    assert screen.status == f"{SEVEN.sum()} of ink"
    assert list(screen.buttons) == ["a 7", "an 8"]


@pytest.mark.ipywidgets7
def test_drawing_on_the_pad_is_shown_at_once(draw_digit):
    screen, pad, calls = draw_digit({"a 7": SEVEN})
    first = screen.picture
    for count in (1, 2):
        pad.strokes = DIGITS[4][:count]
    assert len(calls) == 3
    np.testing.assert_array_equal(calls[-1], digit_pad.from_strokes(DIGITS[4]))
    assert calls[-1].dtype == np.uint8
    assert screen.status == f"{calls[-1].sum()} of ink"
    assert screen.picture != first


@pytest.mark.ipywidgets7
def test_sample_that_is_chosen_takes_the_place_of_the_drawing(draw_digit):
    screen, pad, calls = draw_digit({"a 7": SEVEN, "an 8": EIGHT})
    pad.strokes = DIGITS[1]
    screen.buttons["an 8"].click()
    assert pad.strokes == []
    np.testing.assert_array_equal(calls[-1], EIGHT)
    assert len(calls) == 3


def test_empty_pad_is_said_so(draw_digit):
    screen, pad, calls = draw_digit({"a 7": SEVEN})
    picture = screen.picture
    pad.pixels = EMPTY.tolist()
    assert screen.status == "The pad is empty: draw a digit."
    assert screen.picture == picture
    assert len(calls) == 1


def test_empty_sample_is_said_so_from_the_start(draw_digit):
    screen, _, calls = draw_digit({"nothing": EMPTY, "a 7": SEVEN})
    assert screen.status == "The pad is empty: draw a digit."
    assert calls == []


def test_error_of_the_drawing_is_shown_until_the_next_good_one(draw_digit):
    def draw(ax, picture):
        if np.array_equal(picture, EIGHT):
            raise RuntimeError("<no> eight")
        ax.set_title("fine")

    screen, pad, _ = draw_digit({"a 7": SEVEN, "an 8": EIGHT}, draw)
    screen.buttons["an 8"].click()
    assert "RuntimeError: <no> eight" in screen.alert.get_text()
    pad.strokes = DIGITS[1]
    assert screen.alert is None
    assert screen.status == "fine"


@pytest.mark.ipywidgets7
def test_file_that_is_named_is_shown(draw_digit, tmp_path):
    drawing().save(tmp_path / "mine.png")
    screen, pad, calls = draw_digit({"a 7": SEVEN})
    pad.strokes = DIGITS[1]
    screen.inputs["or a picture's file"].value = f"  {tmp_path / 'mine.png'} "
    expected = digit_pad.from_file(tmp_path / "mine.png")
    np.testing.assert_array_equal(calls[-1], expected)
    assert pad.pixels == expected.tolist()
    assert pad.strokes == []
    assert len(calls) == 3
    assert screen.inputs["or a picture's file"].value == ""
    screen.buttons["a 7"].click()
    screen.inputs["or a picture's file"].value = str(tmp_path / "mine.png")
    np.testing.assert_array_equal(calls[-1], expected)
    assert len(calls) == 5
    assert screen.alert is None


def test_whatever_goes_wrong_with_a_file_is_said_so(draw_digit, monkeypatch):
    def fail(path):
        raise RuntimeError("no home")

    monkeypatch.setattr(digit_pad, "from_file", fail)
    screen, _, _ = draw_digit({"a 7": SEVEN})
    screen.inputs["or a picture's file"].value = "~nobody/one.png"
    assert "RuntimeError: no home" in screen.alert.get_text()


def test_file_that_does_not_open_is_said_so_until_a_sample_is_chosen(draw_digit, tmp_path):
    screen, pad, _ = draw_digit({"a 7": SEVEN})
    screen.inputs["or a picture's file"].value = str(tmp_path / "none.png")
    assert "There is no file" in screen.alert.get_text()
    assert pad.pixels == SEVEN.tolist()
    screen.buttons["a 7"].click()  # the one that is on the pad already
    assert screen.alert is None
    assert screen.status == f"{SEVEN.sum()} of ink"


def test_hint_is_plain_text(draw_digit):
    screen, _, _ = draw_digit({"a 7": SEVEN}, hint="a <i>7</i> & more")
    assert "Try: a <i>7</i> & more" in screen.texts.get_text()


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize("shape", [(28, 28, 1), (1, 28, 28), (784,), (28, 27), ()])
def test_sample_of_another_shape_is_an_error_with_the_way_out(displayed, monkeypatch, headless, shape):
    if headless:
        monkeypatch.setenv("COURSE_HEADLESS", "1")
    with pytest.raises(ValueError, match=r"The sample 'odd' has the shape .*\. Pass pictures of \(28, 28\)"):
        widgets.draw_digit(recorder([]), {"a 7": SEVEN, "odd": np.zeros(shape)}, "")
    assert displayed == []


def test_no_sample_at_all_is_an_error_with_the_way_out(displayed):
    with pytest.raises(ValueError, match=r"samples is empty\. Pass at least one digit"):
        widgets.draw_digit(recorder([]), {}, "")
