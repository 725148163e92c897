"""The generic figures: what a reader sees on the axes."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_utils import plots


@pytest.fixture(autouse=True)
def _close_figures():
    mpl.use("agg")
    yield
    plt.close("all")


def test_loss_curves_draw_training_dashed_and_validation_solid_from_epoch_one():
    ax = plots.loss_curves({"small": {"loss": [3, 2], "val_loss": [3, 2.5]}, "large": {"loss": [3, 1]}})
    styles = {line.get_label(): line.get_linestyle() for line in ax.lines}
    assert styles == {"small, training": "--", "small, validation": "-", "large, training": "--"}
    assert list(ax.lines[0].get_xdata()) == [1, 2]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_loss_curves_keep_one_colour_per_run():
    ax = plots.loss_curves({name: {"loss": [1], "val_loss": [1]} for name in "ab"})
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]


def test_helpers_draw_on_the_axes_they_are_given():
    _, given = plt.subplots()
    assert plots.loss_curves({"a": {"loss": [1]}}, given) is given
    x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    assert plots.decision_regions(lambda points: points[:, 0], x, y, given) is given


def test_decision_regions_draw_the_boundary_where_the_probability_is_a_half():
    x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    ax = plots.decision_regions(lambda points: np.clip(points[:, :1], 0, 1), x, y)
    boundary = ax.collections[1].get_paths()[0].vertices
    assert boundary[:, 0] == pytest.approx(0.5, abs=1e-6)


def test_decision_regions_show_every_sample_in_its_class():
    x, y = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]), np.array([0, 1, 1])
    ax = plots.decision_regions(lambda points: np.full(len(points), 0.2), x, y)
    shown = {c.get_label(): len(c.get_offsets()) for c in ax.collections if c.get_label().startswith("class")}
    assert shown == {"class 0": 1, "class 1": 2}


def test_diagram_shows_names_without_their_numbers_and_an_arrow_per_pair():
    ax = plots.diagram({"x1": (0, 0), "x2": (1, 0), "y1": (0, 1)}, [("x1", "y1"), ("x2", "y1")], "net")
    shown = [text.get_text() for text in ax.texts if text.get_text()]
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert sorted(shown) == ["x", "x", "y"]
    assert [(a.xyann, a.xy) for a in arrows] == [((0, 0), (0, 1)), ((1, 0), (0, 1))]
    assert ax.get_title() == "net"


def test_race_draws_each_run_against_epochs_and_against_seconds():
    runs = {
        "slow": {"val_accuracy": [0.5, 0.9], "seconds": [4.0, 8.0]},
        "fast": {"val_accuracy": [0.8], "seconds": [1.0]},
    }
    epochs, seconds = plots.race(runs)
    assert [list(line.get_xdata()) for line in epochs.lines] == [[1, 2], [1]]
    assert [list(line.get_xdata()) for line in seconds.lines] == [[4.0, 8.0], [1.0]]
    assert [list(line.get_ydata()) for line in seconds.lines] == [[0.5, 0.9], [0.8]]
    assert (epochs.get_xlabel(), epochs.get_ylabel()) == ("epoch", "validation accuracy")
    assert seconds.get_xlabel() == "seconds of training"
    assert [text.get_text() for text in seconds.get_legend().get_texts()] == ["slow", "fast"]


def test_race_names_the_run_without_seconds():
    with pytest.raises(ValueError, match=r"'plain' has no seconds. Fit it with callbacks=training.progress\(\)"):
        plots.race({"plain": {"val_accuracy": [0.5]}})


def test_race_names_the_metric_that_a_run_lacks_and_those_it_has():
    with pytest.raises(ValueError, match=r"'plain' has no val_accuracy. .* as metric: loss, seconds"):
        plots.race({"plain": {"loss": [1.0], "seconds": [1.0]}})


def test_epochs_are_counted_in_whole_numbers():
    ax = plots.loss_curves({"short": {"loss": [3, 2, 1]}})
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_image_grid_titles_each_picture_and_hides_empty_places():
    figure = plots.image_grid(np.zeros((3, 4, 4)), titles=[7, 8, 9], columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["7", "8", "9", ""]
    assert [len(ax.images) for ax in figure.axes] == [1, 1, 1, 0]
    assert not any(ax.axison for ax in figure.axes)


def test_image_grid_names_titles_that_do_not_fit():
    with pytest.raises(ValueError, match=r"2 titles came for 3 pictures. Pass one per picture"):
        plots.image_grid(np.zeros((3, 4, 4)), titles=["a", "b"])


def played(animation):
    """What a browser reads: the opened file, its frames in greys, and how long each stays."""
    picture = Image.open(io.BytesIO(animation.data))
    frames, pauses = [], []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("L")))
        pauses.append(picture.info.get("duration"))
    return picture, frames, pauses


def test_animation_is_a_moving_png_of_all_frames_in_their_size():
    frames = np.random.default_rng(0).random((5, 28, 56))
    picture, shown, _ = played(plots.animation(frames))
    assert (picture.format, picture.is_animated, picture.n_frames, picture.size) == ("PNG", True, 5, (56, 28))
    assert picture.info["loop"] == 0, "0 is for ever"
    assert [frame.shape for frame in shown] == [(28, 56)] * 5


def test_animation_rests_on_its_last_frame():
    frames = [np.full((2, 3), grey) for grey in (0, 0.4, 0.8, 1)]
    assert played(plots.animation(frames))[2] == [300, 300, 300, 2000]
    assert played(plots.animation(frames, seconds=0.05))[2] == [50, 50, 50, 2000]


def test_animation_shows_each_frame_in_the_nearest_of_sixteen_greys():
    frames = np.random.default_rng(1).random((6, 28, 28))
    _, shown, _ = played(plots.animation(list(frames)))
    assert set(np.unique(shown)) == set(range(0, 256, 17))
    for frame, wanted in zip(shown, frames, strict=True):
        # Half the way from one of the greys to the next.
        assert np.abs(frame - 255 * wanted).max() <= 8.5


def test_animation_shows_a_frame_whole_although_little_has_moved():
    first = np.random.default_rng(2).random((8, 8))
    second, third = first.copy(), first.copy()
    second[3, 4] = 1 - np.round(first[3, 4])
    third[0, 0] = 1 - np.round(first[0, 0])
    _, shown, _ = played(plots.animation([first, second, third]))
    for frame, wanted in zip(shown, (first, second, third), strict=True):
        assert np.abs(frame - 255 * wanted).max() <= 8.5


def test_animation_cuts_values_off_at_black_and_white():
    _, (dark, light), _ = played(plots.animation([np.array([[-0.5, 0.2, 7.0]]), np.array([[1.0, 0.0, -9.0]])]))
    assert dark.tolist() == [[0, 51, 255]]
    assert light.tolist() == [[255, 0, 0]]


def test_animation_leaves_its_frames_as_they_were():
    frames = np.array([[[-1.0, 2.0]], [[0.3, 0.4]]])
    before = frames.copy()
    plots.animation(frames)
    assert np.array_equal(frames, before)


def test_animation_takes_as_many_pixels_of_the_screen_as_it_is_told():
    frames = [np.zeros((4, 10)), np.ones((4, 10))]
    assert plots.animation(frames).width == 20
    image = plots.animation(frames, scale=3)
    data, metadata = image._repr_mimebundle_()
    assert list(data) == ["image/png"]
    assert metadata["image/png"]["width"] == 30
    assert played(image)[0].size == (10, 4)


def test_animation_of_one_frame_is_a_picture():
    picture, (frame,), _ = played(plots.animation([np.eye(3)]))
    assert picture.size == (3, 3)
    assert np.array_equal(frame, 255 * np.eye(3))


def test_animation_names_the_sizes_that_differ():
    with pytest.raises(ValueError, match=r"sizes \(2, 3\), \(3, 2\) came\. Pass at least one, all \(height, width\)"):
        plots.animation([np.zeros((2, 3)), np.zeros((3, 2))])
    with pytest.raises(ValueError, match=r"sizes \(2, 3, 1\), \(2, 3, 1\) came\. Pass"):
        plots.animation(np.zeros((2, 2, 3, 1)))


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4, 4))], ids=["list", "array"])
def test_animation_of_nothing_names_the_way_out(nothing):
    with pytest.raises(ValueError, match=r"sizes none came\. Pass at least one"):
        plots.animation(nothing)


def test_style_uses_the_colour_blind_safe_palette():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.PALETTE)
