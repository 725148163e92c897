"""Progress of a training, with ``fit`` or with a loop of one's own, and the folder where trained models stay."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from . import live, plots

PROJECT = Path(__file__).resolve().parents[1]
Points = Sequence[tuple[float, float]]  # each an epoch, whole or in parts, and the value there
NO_CURVE = ("seconds", "learning_rate")  # numbers of the history that are no measure of the network


def progress() -> list:
    """Show how a training goes on, for the ``callbacks`` of ``fit`` together with ``verbose=0``.

    In front of a person: a bar with the time left, and curves of loss and accuracy that grow while it trains. An
    interrupt (the button with the square, or the key I twice) ends the training after the present step; ``fit`` then
    returns as after its last epoch, and the network keeps what it learned. Drawing takes at most 3 % of the time; the
    last line says how much it was.

    Where nobody watches (``COURSE_HEADLESS=1``): one line of text per epoch.

    Either way the history gains ``"seconds"``, as with :func:`clock`.

    Returns:
        Keras callbacks. Each list is for one network; it may be used for several trainings of it.
    """
    from keras.callbacks import LambdaCallback

    if os.environ.get("COURSE_HEADLESS") == "1":

        def print_epoch(epoch, logs):
            print(f"epoch {epoch + 1}/{lines.params['epochs']}  {_in_words(logs)}")

        lines = LambdaCallback(on_epoch_end=print_epoch)
        return [clock(), lines]

    return [clock(), _live()]


def clock():
    """Write the time into the history: ``"seconds"`` since the training began, at the end of each epoch.

    Returns:
        A Keras callback. Those after it in the list see the seconds, too.
    """
    from keras.callbacks import LambdaCallback

    began = []

    def start(logs):
        began[:] = [time.perf_counter()]

    def add_seconds(epoch, logs):
        logs["seconds"] = time.perf_counter() - began[0]

    return LambdaCallback(on_train_begin=start, on_epoch_end=add_seconds)


def steps(
    total: int,
    every: int,
    measure: Callable[[int], Mapping[str, float]],
    draw: Callable | None = None,
) -> Iterator[int]:
    """Count the steps of a training loop that a notebook writes out itself, and show how it goes on.

    In front of a person: a bar with the time left and the latest numbers, and one picture that is drawn anew. An
    interrupt ends the loop after the present step, as with :func:`progress`. Where nobody watches
    (``COURSE_HEADLESS=1``): one line of text per measurement, and the last picture as a plain figure.

    Args:
        total: How many steps, at least 1.
        every: After how many steps it is measured and drawn, at least 1; after the last one in any case.
        measure: Called as ``measure(step)``; returns {name: number} to show.
        draw: Called as ``draw()``; returns a new Matplotlib figure. Nothing is drawn when None.

    Yields:
        The number of the step that is to be taken, from 1 to `total`. It is measured once the loop's body is done.

    Raises:
        ValueError: `total` or `every` is less than 1.
    """
    for name, value in (("total", total), ("every", every)):
        if value < 1:
            raise ValueError(f"{name}={value} does not fit: it counts steps. Pass a whole number from 1 on.")
    import matplotlib.pyplot as plt

    if os.environ.get("COURSE_HEADLESS") == "1":
        for step in range(1, total + 1):
            yield step
            if step % every == 0 or step == total:
                print(f"step {step}/{total}  {_in_words(measure(step))}")
        if draw is not None:
            draw()
            plt.show()
        return

    with _Screen(total) as screen:
        for step in range(1, total + 1):
            yield step
            screen.bar.update()
            last = step == total or screen.stopped
            if step % every == 0 or last:
                screen.tell(_in_words(measure(step)))
                if draw is not None:
                    figure = draw()
                    screen.pane.show(live.png(figure))
                    plt.close(figure)
            if last:
                break


def each(items: Sequence) -> Iterator:
    """Go through a few items, each of which takes a while, such as small trainings that are compared.

    In front of a person: a bar with the time left. Where nobody watches (``COURSE_HEADLESS=1``): nothing.

    Args:
        items: What to go through.

    Yields:
        The items.
    """
    from tqdm.auto import tqdm

    return iter(tqdm(items, leave=False, disable=os.environ.get("COURSE_HEADLESS") == "1"))


def models_dir() -> Path:
    """Make the folder where models stay that the learner trained, and name it.

    Returns:
        The folder that ``COURSE_MODELS_DIR`` names (a relative one counts from the project's folder); else ``models``
        in the project, which git ignores; else ``models`` in the current folder, where the package is installed
        without the project around it.

    Raises:
        OSError: The folder cannot be made.
    """
    named = os.environ.get("COURSE_MODELS_DIR", "").strip()
    base = PROJECT if (PROJECT / "pyproject.toml").is_file() else Path.cwd()
    folder = (base / Path(named or "models").expanduser()).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder {folder} for trained models cannot be made ({error.strerror or error}). Set "
            "COURSE_MODELS_DIR to a folder that you can write."
        ) from error
    return folder


def _in_words(numbers: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {value}" if isinstance(value, int) else f"{name} {value:.4f}" for name, value in numbers.items()
    )


class _Screen:
    """The bar, the picture and the line of text of one training, and the interrupt that ends it early.

    Attributes:
        bar: A bar of tqdm.
        pane: The picture and the line.
        stopped: Whether a person asked to stop.
        words: The latest numbers.
    """

    def __init__(self, total: int | None):
        from IPython.display import display
        from tqdm.auto import tqdm

        self.stopped, self.words = False, ""
        self._before = None
        self.bar = tqdm(total=total, unit=" steps", mininterval=0.5)
        self.pane = live.Pane((7.5, 2.6))
        display(self.pane.box)

    def __enter__(self):
        self.tell("")
        with contextlib.suppress(ValueError):  # in another thread, where no interrupt comes
            self._before = signal.signal(signal.SIGINT, self._stop)
        # An error inside `fit` never reaches __exit__, but the end of the cell comes in any case.
        if shell := _shell():
            shell.events.register("post_run_cell", self._give_back)
        return self

    def __exit__(self, *error):
        self._give_back()
        self.bar.close()
        self._say("Stopped early; what was learned is kept." if self.stopped else "")

    def tell(self, words: str) -> None:
        """Show numbers, and how to stop."""
        self.words = words
        if not self.stopped:
            self._say("■ in the toolbar, or the key I twice, stops the training and keeps what was learned.")

    def conclude(self, words: str) -> None:
        """Show a last line under the numbers, where nobody stopped the training."""
        if not self.stopped:
            self._say(words)

    def expect(self, total: int) -> None:
        """Change how many steps the bar is for."""
        self.bar.total = total
        if container := getattr(self.bar, "container", None):  # tqdm's bar of widgets does not follow by itself
            _, widget, _ = container.children
            widget.max, widget.bar_style, widget.layout.width = total, "", None

    def _stop(self, *_):
        self.stopped = True
        self._say("Stopping after this step. Once more breaks off at once, with an error.")
        self._give_back()

    def _say(self, words: str) -> None:
        self.pane.say("\n".join(filter(None, (self.words, words))))

    def _give_back(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        if shell := _shell():
            with contextlib.suppress(ValueError):  # done before
                shell.events.unregister("post_run_cell", self._give_back)


def _shell():
    from IPython import get_ipython

    return get_ipython()


def _live():
    """Make the callback that a person sees."""
    # Imported here, so that the first training does not wait for them.
    import ipywidgets  # noqa: F401
    import tqdm.auto  # noqa: F401
    from keras.callbacks import Callback

    class Live(Callback):
        """Bar, curves and early stop of a fit.

        Attributes:
            spent: Seconds that the latest fit spent in here.
            share: The same as a share of that fit's time; known at its end.
        """

        def __init__(self):
            super().__init__()
            self._curves = _Curves()

        def on_train_begin(self, logs=None):
            self._began = self._told = time.perf_counter()
            self._steps, self._epochs = self.params.get("steps"), self.params["epochs"]
            self._history, self._now = {}, {}
            self._screen = _Screen(self._steps and self._steps * self._epochs).__enter__()
            self.spent, self.share = time.perf_counter() - self._began, None

        def on_epoch_begin(self, epoch, logs=None):
            self._epoch, self._step = epoch, 0
            if not self._history and epoch and self._steps:  # `initial_epoch`: the bar is for what is left
                self._screen.expect(self._steps * (self._epochs - epoch))

        def on_train_batch_end(self, batch, logs=None):
            now = time.perf_counter()
            self._screen.bar.update(batch + 1 - self._step)
            self._step = batch + 1
            if self._screen.stopped:
                self.model.stop_training = True
            if now - self._told > 0.5:
                self._told = now
                self._tell(logs)
                if self._steps:
                    place = self._epoch + self._step / self._steps
                    for name, value in logs.items():
                        # Of a single epoch the whole course is shown; else the curve's end moves.
                        earlier = self._now.get(name, []) if self._epochs == 1 else []
                        self._now[name] = [*earlier, (place, value)]
                    self._draw(0.018)
            self.spent += time.perf_counter() - now

        def on_epoch_end(self, epoch, logs=None):
            now = time.perf_counter()
            for name, value in logs.items():
                self._history.setdefault(name, []).append((epoch + 1, value))
            if self._epochs > 1:
                self._now = {}
            if not self._steps:  # a generator tells its length by ending
                self._steps = self._step
                self._screen.expect(self._screen.bar.n + self._steps * (self._epochs - epoch - 1))
            if self._screen.stopped:
                self.model.stop_training = True
            self._tell(logs)
            self._draw(0.018)
            self.spent += time.perf_counter() - now

        def on_train_end(self, logs=None):
            now = time.perf_counter()
            self._draw(0.025)
            self._screen.__exit__()
            seconds = time.perf_counter() - self._began
            self.spent += time.perf_counter() - now
            self.share = self.spent / seconds
            self._screen.conclude(f"{seconds:.1f} s, of which showing this took {self.share:.1%}.")

        def _tell(self, logs):
            numbers = _in_words({name: value for name, value in logs.items() if name not in NO_CURVE})
            self._screen.tell(f"epoch {self._epoch + 1}/{self._epochs}  {numbers}")

        def _draw(self, allowed):
            """Draw the curves, if all the showing then stays below the allowed share of the time."""
            if self.spent + self._curves.seconds < allowed * (time.perf_counter() - self._began):
                self._screen.pane.show(self._curves.png(self._history, self._now))

    return Live()


class _Curves:
    """Loss, and the first other number, over the epochs: training dashed, validation solid.

    Attributes:
        seconds: How long the latest drawing took; one is made at once, to know.
    """

    def __init__(self):
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        self.seconds = 0.0
        self._figure = Figure((7.5, 2.4), layout="none")
        self._panels = self._figure.subplots(
            1, 2, gridspec_kw={"left": 0.08, "right": 0.98, "bottom": 0.21, "top": 0.9}
        )
        for ax in self._panels:
            ax.plot([], [], "o--", markersize=3, color=plots.PALETTE[0], label="training")
            ax.plot([], [], "o-", markersize=3, color=plots.PALETTE[1], label="validation")
            ax.set_xlabel("epoch")
            # Every number costs time, and there is little of it: few of them, and no grid.
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.grid(False)
        lines = self._panels[0].lines
        self._figure.legend(handles=lines, loc="upper left", ncols=2, fontsize=8, frameon=False)
        self.png({}, {})

    def png(self, history: Mapping[str, Points], now: Mapping[str, Points]) -> bytes:
        """Draw the curves anew.

        Args:
            history: {name: its points}, one for each epoch.
            now: {name: points} in the middle of an epoch.

        Returns:
            The picture.
        """
        began = time.perf_counter()
        names = [name for name in history or now if not name.startswith("val_") and name not in NO_CURVE]
        names = sorted(names, key="loss".__ne__)[:2]
        for name, ax in zip(names, self._panels, strict=False):
            training = sorted([*history.get(name, ()), *now.get(name, ())])
            for line, points in zip(ax.lines, (training, history.get(f"val_{name}", [])), strict=True):
                line.set_data(*(zip(*points, strict=True) if points else ([], [])))
            ax.set_ylabel(name.replace("_", " "))
            ax.relim()
            ax.autoscale_view()
        self._panels[1].set_visible(len(names) != 1)
        picture = live.png(self._figure)
        self.seconds = time.perf_counter() - began
        return picture
