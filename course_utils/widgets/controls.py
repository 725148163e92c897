"""Sliders, menus and text fields around a drawing function."""

import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real

from ..live import Pane

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
            numbers where all three are whole; a list of words for a menu, which gives one of them; or ``str`` for a
            field to type in. The names are the labels, with spaces for underscores.
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
        draw_states([lambda ax, state=state: draw(ax, **state) for state in states.values()], wide)
        return

    import ipywidgets
    from IPython.display import display

    pane = Pane((8, 3.4) if wide else (5.6, 4.0))
    start = next(iter(states.values()))
    label_width = f"{0.6 * max(map(len, controls)) + 1.5:.1f}em"
    inputs = {name: _control(name, control, start[name], label_width) for name, control in controls.items()}
    jumping = []  # not empty while a button sets several controls: one drawing is enough

    def redraw(_=None):
        values = {name: control.value for name, control in inputs.items()}
        if jumping:
            return
        if any(controls[name] is str and not value.strip() for name, value in values.items()):
            pane.say("Nothing is typed yet.")
        else:
            pane.draw(lambda ax: draw(ax, **values))

    def jump(state):
        jumping.append(state)
        for name, value in state.items():
            inputs[name].value = value
        jumping.clear()
        redraw()

    for control in inputs.values():
        control.observe(redraw, "value")
    left = ipywidgets.VBox([_arranged(list(inputs.values())), buttons("start from", states, jump)])
    if not wide and len(inputs) < 9:
        left.layout.max_width = "380px"  # beside the picture, where the window allows it
    beside = ipywidgets.Layout(flex_flow="column" if wide else "row wrap")
    display(ipywidgets.VBox([hint_line(hint), ipywidgets.HBox([left, pane.box], layout=beside)]))
    redraw()


def draw_states(paints: Sequence[Callable], wide: bool) -> None:
    """Draw a plain figure of several states.

    Args:
        paints: Each called as ``paint(ax)``.
        wide: One below the other instead of side by side.
    """
    import matplotlib.pyplot as plt

    count = len(paints)
    shape, size = ((count, 1), (8, 2.8 * count)) if wide else ((1, count), (4.2 * count, 3.8))
    _, axes = plt.subplots(*shape, figsize=size, squeeze=False)
    for ax, paint in zip(axes.flat, paints, strict=True):
        paint(ax)
    plt.show()


def hint_line(hint: str):
    """Make the line that says what to try."""
    import html

    import ipywidgets

    return ipywidgets.HTML(f"<b>Try:</b> {html.escape(hint)}")


def buttons(label: str, states: Mapping[str, object], choose: Callable):
    """Make a row with a button for each state, which calls ``choose(state)``."""
    import ipywidgets

    row = [ipywidgets.Label(f"{label}:")]
    for name, state in states.items():
        button = ipywidgets.Button(description=name, layout=ipywidgets.Layout(width="auto"))
        button.on_click(lambda _, state=state: choose(state))
        row.append(button)
    return ipywidgets.HBox(row, layout=ipywidgets.Layout(flex_flow="row wrap"))


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
            kind, name_of_kind = (Integral, "a whole number") if _is_whole(control) else (Real, "a number")
            fits = isinstance(value, kind) and control[0] <= value <= control[1]
            wanted = f"{name_of_kind} from {control[0]} to {control[1]}"
        else:
            fits, wanted = value in control, f"one of: {', '.join(control)}"
        if not fits:
            raise ValueError(f"The state {name!r} has {argument}={value!r}, which does not fit. Give {wanted}.")


def _is_whole(control: tuple[float, float, float]) -> bool:
    return all(isinstance(number, Integral) for number in control)


def _control(name: str, control: Control, start: object, label_width: str):
    import ipywidgets

    common = {"description": name.replace("_", " "), "style": {"description_width": label_width}}
    if control is str:
        return ipywidgets.Text(start, layout=ipywidgets.Layout(width="95%"), **common)
    if not isinstance(control, tuple):
        return ipywidgets.Dropdown(options=list(control), value=start, **common)
    low, high, step = control
    slider = ipywidgets.IntSlider if _is_whole(control) else ipywidgets.FloatSlider
    return slider(value=start, min=low, max=high, step=step, **common)


def _arranged(inputs: list):
    """Stack the controls; nine or more stand in rows of three."""
    import ipywidgets

    if len(inputs) < 9:
        return ipywidgets.VBox(inputs)
    for control in inputs:
        control.layout.width = "280px"
    return ipywidgets.GridBox(inputs, layout=ipywidgets.Layout(grid_template_columns="repeat(3, max-content)"))
