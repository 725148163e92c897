"""Sliders around a drawing function that works without them."""

import os
from collections.abc import Callable, Mapping, Sequence


def explore(
    draw: Callable,
    sliders: Mapping[str, tuple[float, float, float]],
    states: Sequence[Mapping[str, float]],
) -> None:
    """Let a person move sliders and see a drawing change.

    Where nobody watches (``COURSE_HEADLESS=1``, which the runner and the tests set), the same function draws a plain
    figure of a few telling states side by side instead.

    Args:
        draw: Called as ``draw(ax, **values)`` with fresh axes and one number per slider.
        sliders: {argument name: (lowest, highest, step)}.
        states: Slider values worth looking at, each {argument name: value}. The sliders start at the first.

    Raises:
        ValueError: A state does not name exactly the sliders' arguments.
    """
    import matplotlib.pyplot as plt

    for state in states:
        if set(state) != set(sliders):
            raise ValueError(f"The state {dict(state)} does not fit. Give one value for each of: {', '.join(sliders)}.")
    if os.environ.get("COURSE_HEADLESS") == "1":
        _, axes = plt.subplots(1, len(states), figsize=(4.2 * len(states), 3.8), squeeze=False)
        for ax, state in zip(axes[0], states, strict=True):
            draw(ax, **state)
        plt.show()
        return

    import ipywidgets

    def redraw(**values):
        draw(plt.subplots(figsize=(6, 4.2))[1], **values)
        plt.show()

    controls = {
        name: ipywidgets.FloatSlider(
            value=states[0][name],
            min=low,
            max=high,
            step=step,
            description=name.replace("_", " "),
            style={"description_width": "initial"},
            continuous_update=False,
        )
        for name, (low, high, step) in sliders.items()
    }
    ipywidgets.interact(redraw, **controls)
