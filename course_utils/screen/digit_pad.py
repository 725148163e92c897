"""A pad to draw a digit on, for :func:`course_utils.widgets.draw_digit`.

What is drawn is made to look as the digits of MNIST do.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets
from IPython import display
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from . import controls
from .pane import Pane

SIDE = 28
BOX = 20  # pixels: a digit of MNIST fits into a box of 20 x 20
PEN = 2.4  # pixels: about the width of its strokes
FINE = 8  # strokes are drawn so many times larger, then averaged down, which makes the grey edges
SMALLEST = 0.15  # of the pad's side: what is smaller is not blown up to a whole digit


class DigitPad(anywidget.AnyWidget):
    """A pad to draw on.

    Traits:
        strokes: What was drawn: for each stroke its points [across, down], in shares of the pad's side.
        pixels: The digit, 28 rows of 28 whole numbers from 0 (paper) to 255 (ink), as MNIST has them.
    """

    _esm = Path(__file__).with_suffix(".js")
    strokes = traitlets.List().tag(sync=True)
    pixels = traitlets.List(np.zeros((SIDE, SIDE), int).tolist()).tag(sync=True)

    @traitlets.observe("strokes")
    def _drawn(self, change):
        if change["new"]:  # else a digit was put in their place, or the pad was cleared
            self.pixels = from_strokes(change["new"]).tolist()

    @traitlets.validate("pixels")
    def _checked(self, proposal):
        pixels = np.asarray(proposal["value"])
        if pixels.shape != (SIDE, SIDE) or pixels.min() < 0 or pixels.max() > 255:
            raise traitlets.TraitError(
                f"pixels of the shape {pixels.shape} came. Pass {SIDE} rows of {SIDE} numbers from 0 to 255."
            )
        return pixels.astype(int).tolist()

    def show(self, picture: np.ndarray) -> None:
        """Put a finished digit in place of what was drawn."""
        self.strokes = []
        self.pixels = picture.tolist()


def show_pad(draw: Callable, samples: Mapping[str, np.ndarray], hint: str) -> None:
    """Display the pad and what a function makes of the digit. The arguments are those of ``draw_digit``, checked.

    Args:
        draw: Called as ``draw(ax, picture)`` with a picture (28, 28) uint8, 0 is paper and 255 is ink.
        samples: {name: picture (28, 28) uint8}; it starts with the first.
        hint: What to try.
    """
    pad, pane = DigitPad(), Pane((5.6, 3.6))
    file = ipywidgets.Text(
        description="or a picture's file", placeholder="path, then Enter", continuous_update=False,
        style={"description_width": "initial"},
    )  # fmt: skip

    def redraw(_=None):
        picture = np.array(pad.pixels, np.uint8)
        if picture.any():
            pane.draw(lambda ax: draw(ax, picture))
        else:
            pane.say("The pad is empty: draw a digit.")

    def choose(picture):
        shown = pad.pixels == picture.tolist()
        pad.show(picture)
        if shown:  # the pad tells of no change, but the message of a file that did not open must go
            redraw()

    def open_file(change):
        if not change["new"].strip():
            return
        try:
            choose(from_file(change["new"].strip()))
        except Exception as error:
            pane.fail(error)
        else:
            file.value = ""  # so that the same file can be named again

    pad.observe(redraw, "pixels")
    file.observe(open_file, "value")
    choices = ipywidgets.VBox([controls.buttons("or take", samples, choose), file])
    choose(next(iter(samples.values())))
    display.display(ipywidgets.VBox([controls.hint_line(hint), ipywidgets.HBox([pad, pane.box]), choices]))


def from_strokes(strokes: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """Draw strokes of a pen as a digit of MNIST: one width of pen, whatever the size of the drawing.

    Args:
        strokes: For each stroke its points (across, down), in shares of the pad's side.

    Returns:
        (28, 28) uint8, 0 is paper and 255 is ink; all 0 where there are no points.
    """
    points = [np.asarray(stroke, float).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not points:
        return np.zeros((SIDE, SIDE), np.uint8)
    every = np.concatenate(points)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = (BOX - PEN) / max(*(high - low), SMALLEST)
    paper = Image.new("L", (SIDE * FINE, SIDE * FINE))
    pen, radius = ImageDraw.Draw(paper), PEN * FINE / 2
    for stroke in points:
        places = [tuple(place) for place in ((stroke - (low + high) / 2) * scale + SIDE / 2) * FINE]
        if len(places) > 1:
            pen.line(places, fill=255, width=round(2 * radius))
        for across, down in places:  # round ends and joints; a tap is a dot
            # Pillow draws the last row and column, too, and cuts fractions off.
            edges = (across - radius, down - radius, across + radius - 1, down + radius - 1)
            pen.ellipse([round(edge) for edge in edges], fill=255)
    return _centred(np.asarray(paper.resize((SIDE, SIDE), Image.Resampling.BOX)))


def from_file(path: str | Path) -> np.ndarray:
    """Read a picture of one digit, dark on light or light on dark, as a digit of MNIST.

    Args:
        path: A file that Pillow can read.

    Returns:
        (28, 28) uint8, 0 is paper and 255 is ink.

    Raises:
        ValueError: It is no picture, or there is nothing on it.
        OSError: It cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"There is no file {path}. Give the path of a picture, whole or from this notebook's folder.")
    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except UnidentifiedImageError:
        raise ValueError(f"{path.name} is no picture that can be read. Pass a PNG or JPEG file.") from None
    for ground in ("white", "black"):  # white ink on a transparent ground shows on black alone
        grey = Image.alpha_composite(Image.new("RGBA", upright.size, ground), upright).convert("L")
        grey.thumbnail((400, 400))
        ink = np.asarray(grey, float)
        edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
        ink = np.abs(ink - np.median(edge))  # what differs from the paper, whichever is darker
        if ink.max() >= 20:
            break
    else:
        raise ValueError(f"{path.name} shows nothing that stands out. Pass a picture of one digit, with some contrast.")
    ink = np.clip((ink / ink.max() - 0.25) / 0.5, 0, 1)  # shadows on the paper go, strokes become whole
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = Image.fromarray(np.uint8(255 * cut)).resize((width, height), Image.Resampling.BOX)
    framed = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    framed[top : top + height, left : left + width] = small
    return _centred(framed)


def _centred(picture: np.ndarray) -> np.ndarray:
    """Move the centre of mass to the middle, by whole pixels, as Yann LeCun's page on MNIST describes its digits."""
    if not picture.any():
        return picture
    places = np.indices(picture.shape).reshape(2, -1)
    middle = np.average(places, axis=1, weights=picture.ravel())
    down, right = np.rint((SIDE - 1) / 2 - middle).astype(int)
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    down = np.clip(down, -rows[0], SIDE - 1 - rows[-1])  # no ink leaves the picture
    right = np.clip(right, -columns[0], SIDE - 1 - columns[-1])
    return np.roll(picture, (down, right), (0, 1))
