"""Progress of a training, with ``fit`` or with a loop of one's own, and the folder where trained models stay."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


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
    from .screen.fit import Live

    return [clock(), Live(_in_words)]


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
    if os.environ.get("COURSE_HEADLESS") != "1":
        from .screen import progress

        yield from progress.steps(total, every, lambda step: _in_words(measure(step)), draw)
        return

    for step in range(1, total + 1):
        yield step
        if step % every == 0 or step == total:
            print(f"step {step}/{total}  {_in_words(measure(step))}")
    if draw is not None:
        import matplotlib.pyplot as plt

        draw()
        plt.show()


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
