"""The generic figures of the course: axes in, axes out.

A figure that *is* the lesson is drawn in its notebook; these are the ones that come again and again.
"""

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# Okabe and Ito (2008), "Color Universal Design": eight colours that colour-blind readers can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")


def use_style() -> None:
    """Set the look of every figure after this call: the palette, a light grid, and a modest resolution."""
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 80,
            "figure.figsize": (7, 4),
            "grid.alpha": 0.3,
            "image.cmap": "gray",
        }
    )


def loss_curves(runs: Mapping[str, Mapping[str, Sequence[float]]], ax=None):
    """Draw loss per epoch: training dashed, validation solid.

    Args:
        runs: {name: History.history}, one colour per name.
        ax: Axes to draw on; a new figure when None.

    Returns:
        The axes, for the notebook to add to.
    """
    ax = _axes(ax)
    for index, (name, history) in enumerate(runs.items()):
        colour = PALETTE[index % len(PALETTE)]
        epochs = range(1, len(history["loss"]) + 1)
        ax.plot(epochs, history["loss"], "--", color=colour, label=f"{name}, training")
        if "val_loss" in history:
            ax.plot(epochs, history["val_loss"], "-", color=colour, label=f"{name}, validation")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


def race(runs: Mapping[str, Mapping[str, Sequence[float]]], metric: str = "val_accuracy", axes=None):
    """Draw how a number rises over the epochs, and beside it over the seconds.

    Args:
        runs: {name: History.history} with ``seconds`` in each, which ``training.progress()`` adds.
        metric: Which number of the histories.
        axes: Two axes to draw on; a new figure when None.

    Returns:
        The two axes, for the notebook to add to: against epochs, against seconds.

    Raises:
        ValueError: A history lacks the metric or the seconds.
    """
    for name, history in runs.items():
        missing = [key for key in (metric, "seconds") if key not in history]
        if missing:
            raise ValueError(
                f"The run {name!r} has no {' and no '.join(missing)}. Fit it with callbacks=training.progress(), and "
                f"pass one of what it recorded as metric: {', '.join(history)}."
            )
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)[1]
    for index, (name, history) in enumerate(runs.items()):
        look = {"color": PALETTE[index % len(PALETTE)], "marker": "osD^vPX*"[index % 8], "markersize": 4, "label": name}
        axes[0].plot(range(1, len(history[metric]) + 1), history[metric], **look)
        axes[1].plot(history["seconds"], history[metric], **look)
    axes[0].set(xlabel="epoch", ylabel=metric.replace("val_", "validation ").replace("_", " "))
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[1].set(xlabel="seconds of training")
    axes[1].xaxis.get_major_locator().set_params(prune="lower")  # apart from the last epoch's number
    axes[1].legend()
    return axes


def decision_regions(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray, ax=None):
    """Colour the plane by a classifier's answer, with the samples on top.

    Args:
        predict: Maps points (n, 2) to the probability (n,) or (n, 1) of class 1, in [0, 1].
        x: Samples (n, 2).
        y: Their classes (n,), 0 or 1.
        ax: Axes to draw on; a new figure when None.

    Returns:
        The axes, for the notebook to add to.
    """
    ax = _axes(ax)
    margin = 0.15 * np.ptp(x, axis=0)
    (left, low), (right, high) = x.min(axis=0) - margin, x.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(left, right, 80), np.linspace(low, high, 80))
    points = np.column_stack([across.ravel(), up.ravel()])
    shown = np.asarray(predict(points)).reshape(across.shape)
    ax.contourf(across, up, shown, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.5)
    ax.contour(across, up, shown, levels=[0.5], colors="black", linewidths=1)
    for value, marker in ((0, "o"), (1, "s")):
        samples = x[np.asarray(y).ravel() == value]
        colour = PALETTE[value]
        ax.scatter(*samples.T, s=18, marker=marker, color=colour, edgecolor="white", label=f"class {value}")
    ax.set(xlabel="feature 1", ylabel="feature 2", xlim=(left, right), ylim=(low, high))
    ax.grid(False)
    return ax


def image_grid(images: np.ndarray, titles: Sequence[str] = (), columns: int = 10):
    """Draw small pictures side by side.

    Args:
        images: (n, height, width) in grey or (n, height, width, 3) in colour.
        titles: One per picture, or none at all.
        columns: Pictures per row.

    Returns:
        The figure, for the notebook to add to.

    Raises:
        ValueError: The number of titles differs from the number of pictures.
    """
    import matplotlib.pyplot as plt

    if len(titles) not in (0, len(images)):
        raise ValueError(f"{len(titles)} titles came for {len(images)} pictures. Pass one per picture, or none.")
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(columns * 0.8, rows * 1.0), squeeze=False)
    for ax in grid.ravel():
        ax.axis("off")
    for index, (ax, image) in enumerate(zip(grid.ravel(), images, strict=False)):
        ax.imshow(image)
        if len(titles):
            ax.set_title(titles[index], fontsize=9)
    return figure


def animation(frames: Sequence[np.ndarray], seconds: float = 0.3, scale: int = 2):
    """Make a moving picture that plays wherever a PNG is shown, a static page included (an animated PNG).

    It plays for ever, and rests on its last frame for two seconds.

    Args:
        frames: Pictures (height, width) of one size, 0.0 is black and 1.0 is white. They are shown in 16 greys.
        seconds: How long each one stays.
        scale: How many pixels of the screen a pixel takes along each side.

    Returns:
        An image to be displayed: the value of a cell's last line. Its bytes are in ``data``.

    Raises:
        ValueError: There are no frames, or they differ in size.
    """
    from IPython.display import Image as Shown
    from PIL import Image

    if len({np.shape(frame) for frame in frames}) != 1 or np.ndim(frames[0]) != 2:
        sizes = ", ".join(str(np.shape(frame)) for frame in frames[:5]) or "none"
        raise ValueError(f"Frames of the sizes {sizes} came. Pass at least one, all (height, width) of one size.")
    greys = [value for level in range(16) for value in 3 * [17 * level]]
    pictures = []
    for frame in frames:
        levels = np.rint(np.clip(frame, 0, 1) * 15).astype(np.uint8)
        picture = Image.fromarray(levels)
        picture.putpalette(greys)
        pictures.append(picture)
    packed = io.BytesIO()
    pauses = [round(1000 * seconds)] * (len(pictures) - 1) + [2000]
    pictures[0].save(packed, "png", save_all=True, append_images=pictures[1:], duration=pauses, loop=0)
    return Shown(packed.getvalue(), format="png", width=scale * frames[0].shape[1])


def diagram(nodes: Mapping[str, tuple[float, float]], arrows: Sequence[tuple[str, str]], title: str = "", ax=None):
    """Draw circles with letters, and arrows between them.

    Args:
        nodes: {name: (across, up)}, one unit apart. A number at the end of a name is not drawn, so that "x1" and "x2"
            both read "x".
        arrows: Pairs of names, from and to.
        title: What stands above.
        ax: Axes to draw on; a new figure when None.

    Returns:
        The axes, for the notebook to add to.
    """
    ax = _axes(ax)
    arrow = {"arrowstyle": "->", "color": "0.55", "shrinkA": 8, "shrinkB": 8}
    circle = {"boxstyle": "circle", "facecolor": "#cfe3f3", "edgecolor": PALETTE[0]}
    for start, end in arrows:
        ax.annotate("", nodes[end], nodes[start], arrowprops=arrow)
    for name, (across, up) in nodes.items():
        ax.text(across, up, name.rstrip("0123456789"), ha="center", va="center", bbox=circle)
    places = np.array(list(nodes.values()))
    (left, low), (right, high) = places.min(axis=0) - 0.6, places.max(axis=0) + 0.6
    ax.set(title=title, xlim=(left, right), ylim=(low, high), aspect="equal")
    ax.axis("off")
    return ax


def _axes(ax):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
