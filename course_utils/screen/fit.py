"""The Keras callback that shows a training to a person: bar, numbers, curves that grow, and an early stop."""

import time
from collections.abc import Callable, Mapping

import keras
import numpy as np

from .curves import NO_CURVE, curves
from .progress import Progress

PAUSE = 0.5  # seconds at least between two pictures
SHARE, LAST_SHARE = 0.02, 0.025  # of the training's time: more is not spent before a picture, and before the last one


class Live(keras.callbacks.Callback):
    """Bar, curves and early stop of a fit.

    Attributes:
        spent: Seconds that the latest fit spent in here.
        share: The same as a share of that fit's time; None until its end.
    """

    def __init__(self, in_words: Callable[[Mapping[str, float]], str]):
        """Prepare it; nothing is displayed before a training begins.

        Args:
            in_words: Puts {name: number} into words.
        """
        super().__init__()
        self._in_words = in_words

    def on_train_begin(self, logs=None):
        """Display everything."""
        self._began = self._shown = time.perf_counter()
        self._steps, self._epochs = self.params.get("steps"), self.params["epochs"]
        self._epoch, self._step, self._history, self._now, self._latest = 0, 0, {}, {}, {}
        self._progress = Progress(self._steps and self._steps * self._epochs)
        self.spent, self.share = time.perf_counter() - self._began, None

    def on_epoch_begin(self, epoch, logs=None):
        """Note which epoch it is."""
        self._epoch, self._step = epoch, 0
        if self._history:
            return
        self._is_single = self._epochs - epoch == 1
        if epoch and self._steps:  # `initial_epoch`: the bar is for what is left
            self._progress.expect(self._steps * (self._epochs - epoch))

    def on_train_batch_end(self, batch, logs=None):
        """Move the bar, and from time to time the ends of the curves."""
        now = time.perf_counter()
        self._progress.bar.update(batch + 1 - self._step)
        self._step = batch + 1
        if self._progress.stopped:
            self.model.stop_training = True
        if now - self._shown > PAUSE:
            self._latest = _scalars(logs)
            if self._steps:
                place = self._epoch + self._step / self._steps
                for name, value in self._latest.items():
                    # Of a single epoch the whole course is shown; else the curve's end moves.
                    earlier = self._now.get(name, []) if self._is_single else []
                    self._now[name] = [*earlier, (place, value)]
            self._show()
        self.spent += time.perf_counter() - now

    def on_epoch_end(self, epoch, logs=None):
        """Add a point to the curves."""
        now = time.perf_counter()
        self._latest = _scalars(logs)
        if not self._steps:  # a generator tells its length by ending
            self._steps = self._step
            self._progress.expect(self._progress.bar.n + self._steps * (self._epochs - epoch - 1))
        place = epoch + 1
        if self._progress.stopped:
            self.model.stop_training = True
            place = epoch + self._step / self._steps
        for name, value in self._latest.items():
            self._history.setdefault(name, []).append((place, value))
        if not self._is_single:
            self._now = {}
        if now - self._shown > PAUSE:
            self._show()
        self.spent += time.perf_counter() - now

    def on_train_end(self, logs=None):
        """Show how it ended, and how much of the time went into showing it."""
        now = time.perf_counter()
        if self._latest:  # else no epoch was left to train
            self._show(LAST_SHARE)
        self._progress.close()
        seconds = time.perf_counter() - self._began
        self.spent += time.perf_counter() - now
        self.share = self.spent / seconds
        self._progress.conclude(f"{seconds:.1f} s, of which showing this took {self.share:.1%}.")

    def _show(self, share=SHARE):
        self._shown = time.perf_counter()
        numbers = self._in_words({name: value for name, value in self._latest.items() if name not in NO_CURVE})
        self._progress.tell(f"epoch {self._epoch + 1}/{self._epochs}  {numbers}")
        if (self._history or self._now) and self.spent < share * (self._shown - self._began):
            self._progress.pane.show(curves(self._history, self._now), "svg+xml")


def _scalars(logs: Mapping[str, object]) -> dict[str, float]:
    """Leave out what is no single number, such as an F1 score per class."""
    return {name: value for name, value in logs.items() if np.ndim(value) == 0}
