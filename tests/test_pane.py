"""A picture that is drawn anew in its place, with a line of text above it."""

import io
import threading

import pytest
from matplotlib.figure import Figure
from PIL import Image
from screens import Screen

from course_utils.screen import pane as panes


@pytest.fixture
def pane(displayed):
    """A pane, and after the test no open figure."""
    return panes.Pane()


def paint(ax):
    ax.plot([1, 2, 3])
    ax.set_title("3 points")


def test_pane_begins_without_words_and_without_a_picture(pane):
    assert Screen(pane.box).texts.get_text() == ""
    assert Screen(pane.box).picture is None


@pytest.mark.ipywidgets7
def test_title_becomes_the_line_of_text_and_leaves_the_picture(pane):
    pane.draw(paint)
    assert Screen(pane.box).status == "3 points"
    untitled = panes.Pane()
    untitled.draw(lambda ax: ax.plot([1, 2, 3]) and None)
    assert Screen(untitled.box).status == ""
    assert Screen(pane.box).picture == Screen(untitled.box).picture


def test_each_drawing_has_fresh_axes_and_replaces_the_picture(pane):
    seen = []

    def draw(ax):
        seen.append((ax, len(ax.lines)))
        ax.plot(range(len(seen) + 1))

    pane.draw(draw)
    first = Screen(pane.box).picture
    pane.draw(draw)
    assert [lines for _, lines in seen] == [0, 0]
    assert seen[0][0] is not seen[1][0]
    assert Screen(pane.box).picture != first


@pytest.mark.ipywidgets7
def test_picture_has_the_size_that_was_asked_for(displayed):
    pane = panes.Pane((3, 2))
    pane.draw(paint)
    wide, high = Image.open(io.BytesIO(Screen(pane.box).picture)).size
    assert wide / high == 3 / 2


def test_drawing_notes_how_long_it_took(pane):
    for _ in range(2):
        pane.draw(paint)
    assert len(pane.seconds) == 2
    assert all(0 < seconds < 10 for seconds in pane.seconds)
    line = Screen(pane.box).texts.find(attrs={"role": "status"})
    assert line["data-milliseconds"] == f"{1000 * pane.seconds[-1]:.0f}"


def test_words_alone_note_the_seconds_only_where_they_are_given(pane):
    pane.say("waiting")
    assert pane.seconds == []
    assert not Screen(pane.box).texts.find(attrs={"role": "status"}).has_attr("data-milliseconds")
    pane.say("done", 0.25)
    assert pane.seconds == [0.25]
    assert Screen(pane.box).texts.find(attrs={"role": "status"})["data-milliseconds"] == "250"


@pytest.mark.parametrize(
    "words", ["a < b & c > d", "<script>alert(1)</script>", 'in "quotes"', "two\nlines", "5 $", ""]
)
def test_words_are_plain_text(pane, words):
    pane.say(words)
    assert Screen(pane.box).status == words
    assert Screen(pane.box).texts.find("script") is None


def test_words_leave_the_picture_and_a_picture_leaves_the_words(pane):
    pane.say("before")
    figure = Figure((2, 1))
    pane.show(panes.png(figure))
    assert Screen(pane.box).status == "before"
    assert Screen(pane.box).picture == panes.png(figure)
    pane.say("after")
    assert Screen(pane.box).picture == panes.png(figure)


@pytest.mark.ipywidgets7
def test_error_is_shown_with_where_it_came_from_and_the_last_picture_stays(pane):
    pane.draw(paint)
    good = Screen(pane.box).picture

    def fail(ax):
        ax.plot([5, 1])
        try:
            raise KeyError("<first>")
        except KeyError as error:
            raise ValueError("1 < 2 & more") from error

    pane.draw(fail)
    screen = Screen(pane.box)
    assert screen.status is None
    assert screen.alert.get_text().startswith("ValueError: 1 < 2 & more")
    details = screen.alert.find("details")
    assert details.find("summary").get_text() == "where it happened"
    assert "KeyError: '<first>'" in details.get_text()
    assert "in fail" in details.get_text()
    assert screen.picture == good
    assert len(pane.seconds) == 1, "what failed says nothing about how long a drawing takes"


def test_words_or_a_good_drawing_replace_the_error(pane):
    for mend, expected in ((lambda: pane.say("well"), "well"), (lambda: pane.draw(paint), "3 points")):
        pane.fail(RuntimeError("no"))
        assert Screen(pane.box).alert is not None
        mend()
        assert Screen(pane.box).alert is None
        assert Screen(pane.box).status == expected


def test_error_while_the_picture_is_made_is_shown_too(pane):
    pane.draw(lambda ax: ax.text(0.5, 0.5, r"$\nosuchcommand$"))
    assert "nosuchcommand" in Screen(pane.box).alert.get_text()
    assert Screen(pane.box).picture is None


def test_drawing_may_come_from_another_thread(pane):
    worker = threading.Thread(target=pane.draw, args=(paint,))
    worker.start()
    worker.join()
    assert Screen(pane.box).status == "3 points"
    assert Screen(pane.box).picture is not None


def test_png_holds_the_whole_figure():
    figure = Figure((2, 1), dpi=100)
    assert Image.open(io.BytesIO(panes.png(figure))).size == (200, 100)
