"""Sliders and a text field around a drawing function that works without them."""

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


def type_text(
    draw: Callable,
    samples: Sequence[str],
    label: str = "Text",
    sliders: Mapping[str, tuple[int, int, int]] | None = None,
) -> None:
    """Let a person type a text and see a drawing of it.

    The field starts with the first sample, the others can be picked from a list; Enter draws. Where nobody watches
    (``COURSE_HEADLESS=1``), the same function draws each sample in a plain figure instead, one below the other.

    Args:
        draw: Called as ``draw(ax, text)`` with fresh axes, and one whole number per slider by its name.
        samples: Texts worth looking at.
        label: What stands before the field.
        sliders: {argument name: (lowest, highest, start)} of whole numbers to choose beside the text. Nobody watching,
            each stays at its start.

    Raises:
        ValueError: There is no sample.
    """
    import matplotlib.pyplot as plt

    if not samples:
        raise ValueError("samples is empty. Pass at least one text worth looking at.")
    starts = {name: start for name, (_, _, start) in (sliders or {}).items()}
    if os.environ.get("COURSE_HEADLESS") == "1":
        _, axes = plt.subplots(len(samples), 1, figsize=(8, 2.8 * len(samples)), squeeze=False)
        for ax, text in zip(axes[:, 0], samples, strict=True):
            draw(ax, text, **starts)
        plt.show()
        return

    import ipywidgets
    from IPython.display import display

    def redraw(text, **values):
        draw(plt.subplots(figsize=(8, 3.2))[1], text, **values)
        plt.show()

    # A combobox would narrow its list to what fits the text in the field: all but the first sample would be hidden.
    width = ipywidgets.Layout(width="95%")
    style = {"description_width": "initial"}
    field = ipywidgets.Text(samples[0], description=label, continuous_update=False, layout=width, style=style)
    choice = ipywidgets.Dropdown(options=list(samples), description="or pick", layout=width, style=style)

    def pick(change):
        if change["new"] is not None:
            field.value = change["new"]

    def leave(change):
        # A dropdown tells nothing when its present value is picked, so after typing it must have none.
        choice.value = change["new"] if change["new"] in samples else None

    choice.observe(pick, "value")
    field.observe(leave, "value")
    numbers = {
        name: ipywidgets.IntSlider(
            start, low, high, description=name.replace("_", " "), style=style, continuous_update=False
        )
        for name, (low, high, start) in (sliders or {}).items()
    }
    place = ipywidgets.interactive_output(redraw, {"text": field, **numbers})
    display(ipywidgets.VBox([field, choice, *numbers.values(), place]))
