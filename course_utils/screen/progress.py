"""The bar, the picture and the line of text of a training, and the interrupt that ends it early."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import IPython
import matplotlib.pyplot as plt
import tqdm.auto
from IPython import display

from .pane import Pane, png


class Progress:
    """What a person sees of one training.

    Attributes:
        bar: A bar of tqdm.
        pane: The picture and the line of text.
        stopped: Whether the person asked to stop.
    """

    def __init__(self, total: int | None):
        """Display it, and take interrupts from here on.

        Args:
            total: How many steps the bar is for; None where nobody knows yet.
        """
        self.stopped, self._words, self._before = False, "", None
        self.bar = tqdm.auto.tqdm(total=total, unit=" steps", mininterval=0.5)
        self.pane = Pane()
        display.display(self.pane.box)
        self.tell("")
        with contextlib.suppress(ValueError):  # in another thread, where no interrupt comes
            self._before = signal.signal(signal.SIGINT, self._stop)
        # After an error inside `fit` nobody calls `close`, but the end of the cell comes in any case.
        if shell := IPython.get_ipython():
            shell.events.register("post_run_cell", self._break_off)

    def tell(self, words: str) -> None:
        """Show numbers, and how to stop."""
        self._words = words
        if not self.stopped:
            self.say("■ in the toolbar, or the key I twice, stops the training and keeps what was learned.")

    def expect(self, total: int) -> None:
        """Change how many steps the bar is for."""
        self.bar.total = total
        if container := getattr(self.bar, "container", None):  # tqdm's bar of widgets does not follow by itself
            _, widget, _ = container.children
            widget.max, widget.bar_style, widget.layout.width = total, "", None

    def close(self) -> None:
        """End the bar, and leave interrupts to whom they belonged before."""
        self._give_back()
        if shell := IPython.get_ipython():
            with contextlib.suppress(ValueError):  # done before
                shell.events.unregister("post_run_cell", self._break_off)
        self.bar.close()

    def conclude(self, words: str) -> None:
        """Show a last line under the numbers; where the person stopped the training, the line says that."""
        self.say("Stopped early; what was learned is kept." if self.stopped else words)
        if container := getattr(self.bar, "container", None):  # tqdm's bar is red where steps are left; all went well
            container.children[1].bar_style = "success"

    def say(self, words: str) -> None:
        """Show a line under the numbers."""
        self.pane.say("\n".join(filter(None, (self._words, words))))

    def _stop(self, *_):
        self.stopped = True
        self.say("Stopping after this step. Once more breaks off at once, with an error.")
        self._give_back()

    def _break_off(self, *_):
        self.close()
        self.say("Broken off.")

    def _give_back(self):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None


def steps(total: int, every: int, measure: Callable[[int], str], draw: Callable | None) -> Iterator[int]:
    """Count the steps of a loop before a person. The arguments are those of ``course_utils.training.steps``, checked.

    Args:
        total: How many steps.
        every: After how many steps it is measured and drawn.
        measure: Called as ``measure(step)``; returns the numbers in words.
        draw: Called as ``draw()``; returns a new Matplotlib figure. Nothing is drawn when None.

    Yields:
        The number of the step that is to be taken.
    """
    progress, done = Progress(total), False
    try:
        for step in range(1, total + 1):
            yield step
            progress.bar.update()
            last = step == total or progress.stopped
            if step % every == 0 or last:
                progress.tell(measure(step))
                if draw is not None:
                    figure = draw()
                    progress.pane.show(png(figure))
                    plt.close(figure)
            if last:
                done = True
                break
    finally:
        progress.close()
        if done:
            progress.conclude("")
        else:  # the loop was left, or something in it failed
            progress.say("")
