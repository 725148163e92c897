"""Widgets around functions that work without them: sliders, choices and text fields, and a pad to draw a digit on."""

import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real

import numpy as np

Control = tuple[float, float, float] | Sequence[str] | type[str]


def explore(
    draw: Callable, controls: Mapping[str, Control], states: Mapping[str, Mapping[str, object]], hint: str
) -> None:
    """Let a person move sliders, choose and type, and see a drawing change while they do.

    Where nobody watches (``COURSE_HEADLESS=1``, which the runner and the tests set), the same function draws each of
    the states in a plain figure instead: side by side, or one below the other where there is text to type.

    Args:
        draw: Called as ``draw(ax, **values)`` with fresh Matplotlib axes and one value per control. It draws on `ax`
            alone. The title that it gives becomes a line of text above the picture.
        controls: {argument name: control}. A control is ``(lowest, highest, step)`` for a slider, which gives whole
            numbers where all three are whole; a list of words for a row of buttons, which gives one of them; or
            ``str`` for a field to type in. The names are the labels, with spaces for underscores.
        states: {name: {argument name: value}}, settings worth looking at. It starts at the first; each is a button.
        hint: What to try, in one line.

    Raises:
        ValueError: There is no state, or one does not fit the controls.
    """
    for name, state in states.items():
        _check_state(name, state, controls)
    if not states:
        raise ValueError("states is empty. Pass at least one setting worth looking at, by its name.")
    wide = any(control is str for control in controls.values())
    if os.environ.get("COURSE_HEADLESS") == "1":
        _draw_states([lambda ax, state=state: draw(ax, **state) for state in states.values()], wide)
        return
    from .screen.controls import show_controls

    show_controls(draw, controls, states, hint, wide)


def draw_digit(draw: Callable, samples: Mapping[str, np.ndarray], hint: str) -> None:
    """Let a person draw a digit, with mouse, finger or keyboard, and see what a function makes of it.

    A sample can be chosen instead, or a picture's file. Where nobody watches (``COURSE_HEADLESS=1``), the samples are
    drawn in a plain figure side by side.

    Args:
        draw: Called as ``draw(ax, picture)`` with fresh Matplotlib axes and a picture (28, 28) uint8, 0 is paper and
            255 is ink, centred and scaled as MNIST is. The title that it gives becomes a line of text.
        samples: {name: picture (28, 28) of 0 to 255}, at least one.
        hint: What to try, in one line.

    Raises:
        ValueError: There is no sample, or one has another shape.
    """
    for name, sample in samples.items():
        if np.shape(sample) != (28, 28):
            raise ValueError(f"The sample {name!r} has the shape {np.shape(sample)}. Pass pictures of (28, 28).")
    if not samples:
        raise ValueError("samples is empty. Pass at least one digit worth looking at, by its name.")
    samples = {name: np.asarray(sample, np.uint8) for name, sample in samples.items()}
    if os.environ.get("COURSE_HEADLESS") == "1":
        _draw_states([lambda ax, sample=sample: draw(ax, sample) for sample in samples.values()], wide=False)
        return
    from .screen.digit_pad import show_pad

    show_pad(draw, samples, hint)


def _draw_states(paints: Sequence[Callable], wide: bool) -> None:
    """Draw a plain figure of several states, side by side or, where they are wide, one below the other."""
    import matplotlib.pyplot as plt

    count = len(paints)
    shape, size = ((count, 1), (8, 2.8 * count)) if wide else ((1, count), (4.2 * count, 3.8))
    _, axes = plt.subplots(*shape, figsize=size, squeeze=False)
    for ax, paint in zip(axes.flat, paints, strict=True):
        paint(ax)
    plt.show()


def _check_state(name: str, state: Mapping[str, object], controls: Mapping[str, Control]) -> None:
    if set(state) != set(controls):
        raise ValueError(
            f"The state {name!r} gives {', '.join(state) or 'nothing'}. Give one value for each of: "
            f"{', '.join(controls)}."
        )
    for argument, value in state.items():
        control = controls[argument]
        if control is str:
            fits, wanted = isinstance(value, str), "a text"
        elif isinstance(control, tuple):
            is_whole = all(isinstance(number, Integral) for number in control)
            kind, name_of_kind = (Integral, "a whole number") if is_whole else (Real, "a number")
            fits = isinstance(value, kind) and control[0] <= value <= control[1]
            wanted = f"{name_of_kind} from {control[0]} to {control[1]}"
        else:
            fits, wanted = value in control, f"one of: {', '.join(control)}"
        if not fits:
            raise ValueError(f"The state {name!r} has {argument}={value!r}, which does not fit. Give {wanted}.")
