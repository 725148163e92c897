"""A picture on the learner's screen that is drawn anew in its place, with a line of text above it."""

import html
import io
import time
import traceback
from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure


class Pane:
    """One picture with a line of text above it, and room for what went wrong.

    A new drawing replaces the picture at once, so nothing flickers or moves. It is drawn without pyplot, so it may come
    from any thread, and leaves no figure open.

    Attributes:
        box: The widget to display.
        seconds: How long each drawing took, from the call to the finished picture.
    """

    def __init__(self, figsize: tuple[float, float] = (6.0, 4.2)):
        self.seconds: list[float] = []
        self._figsize = figsize
        self._words = ipywidgets.HTML()
        self._picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(display="none", max_width="100%"))
        # A picture of fixed size must not be stretched by the box around it.
        self._picture.layout.align_self = "flex-start"
        self.box = ipywidgets.VBox([self._words, self._picture])

    def draw(self, paint: Callable) -> None:
        """Show what a function paints, or what went wrong in it; then the last picture stays.

        Args:
            paint: Called as ``paint(ax)`` with fresh Matplotlib axes. Their title becomes the line of text, which a
                screen reader reads out.
        """
        began = time.perf_counter()
        try:
            title, picture = _painted(paint, self._figsize)
        except Exception as error:
            self.fail(error)
            return
        self.show(picture)
        self.say(title, time.perf_counter() - began)

    def show(self, picture: bytes, kind: str = "png") -> None:
        """Show a picture, and leave the line of text as it is.

        Args:
            picture: The bytes of its file.
            kind: "png", or "svg+xml". A pane shows pictures of one kind.
        """
        self._picture.format = kind
        self._picture.value = picture
        self._picture.layout.display = None

    def say(self, words: str, seconds: float | None = None) -> None:
        """Replace the line of text.

        Args:
            words: Plain text; line breaks stay.
            seconds: How long it took to find out; noted where given.
        """
        if seconds is not None:
            self.seconds.append(seconds)
        noted = (
            "" if seconds is None else f' data-drawing="{len(self.seconds)}" data-milliseconds="{1000 * seconds:.0f}"'
        )
        self._words.value = (
            f'<div role="status" style="white-space: pre-wrap; line-height: 1.4"{noted}>{html.escape(words)}</div>'
        )

    def fail(self, error: Exception) -> None:
        """Show an error, and where it came from, in place of the line of text."""
        details = "".join(traceback.format_exception(error))
        self._words.value = (
            '<div role="alert" style="border-left: 4px solid #D55E00; padding-left: 8px; line-height: 1.4">'
            f"{html.escape(f'{type(error).__name__}: {error}')}"
            f"<details><summary>where it happened</summary><pre>{html.escape(details)}</pre></details></div>"
        )


def _painted(paint: Callable, figsize: tuple[float, float]) -> tuple[str, bytes]:
    """Paint on fresh axes; return their title and the picture without it."""
    figure = Figure(figsize)
    ax = figure.add_subplot()
    paint(ax)
    title = ax.get_title()
    ax.set_title("")
    return title, png(figure)


def png(figure: Figure) -> bytes:
    """Draw a Matplotlib figure as the bytes of a PNG file."""
    packed = io.BytesIO()
    # Small files are of no use here: the picture travels from the kernel to the browser, mostly on one machine.
    figure.savefig(packed, format="png", pil_kwargs={"compress_level": 1})
    return packed.getvalue()
