"""Progress of a training, as Keras callbacks."""

import os


def progress(curves: bool = False) -> list:
    """Show how a training goes on, for the ``callbacks`` of ``fit`` together with ``verbose=0``.

    In front of a person: a bar with the time left, and with ``curves`` a figure of the losses that grows with every
    epoch. Where nobody watches (``COURSE_HEADLESS=1``): one line of text per epoch.

    Args:
        curves: Draw the growing figure.

    Returns:
        Keras callbacks.
    """
    from keras.callbacks import LambdaCallback

    if os.environ.get("COURSE_HEADLESS") == "1":

        def print_epoch(epoch, logs):
            numbers = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            print(f"epoch {epoch + 1}/{lines.params['epochs']}  {numbers}")

        lines = LambdaCallback(on_epoch_end=print_epoch)
        return [lines]

    from tqdm.keras import TqdmCallback

    bar = TqdmCallback(verbose=0)
    return [bar, _growing_curves()] if curves else [bar]


def _growing_curves():
    """Return a callback that redraws the losses in one place after each epoch."""
    import matplotlib.pyplot as plt
    from IPython.display import display
    from keras.callbacks import LambdaCallback

    from . import plots

    history, place = {}, display(display_id=True)

    def redraw(epoch, logs):
        for name, value in (logs or {}).items():
            history.setdefault(name, []).append(value)
        figure, ax = plt.subplots()
        plots.loss_curves({"this run": history}, ax)
        place.update(figure)
        plt.close(figure)

    return LambdaCallback(on_epoch_end=redraw)
