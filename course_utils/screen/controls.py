"""Sliders, choices and text fields around a drawing function, for :func:`course_utils.widgets.explore`."""

import html
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral

import ipywidgets
from IPython import display

from .pane import Pane

IN_ROWS = 9  # from so many controls on they stand in rows of three


def show_controls(
    draw: Callable, controls: Mapping[str, object], states: Mapping[str, Mapping[str, object]], hint: str, wide: bool
) -> None:
    """Display the controls and the drawing. The arguments are those of ``explore``, known to fit together.

    Args:
        draw: Called as ``draw(ax, **values)``.
        controls: {argument name: (lowest, highest, step), list of words, or ``str``}.
        states: {name: {argument name: value}}; it starts at the first.
        hint: What to try.
        wide: Whether the picture stands below the controls instead of beside them.
    """
    pane = Pane((8, 3.4) if wide else (5.6, 4.0))
    start = next(iter(states.values()))
    label_width = f"{0.6 * max(map(len, controls)) + 1.5:.1f}em"
    inputs = {name: _control(name, control, start[name], label_width) for name, control in controls.items()}
    state, drawn = {}, {}  # the values that a button set, and those of the latest drawing
    jumping = []  # not empty while a button sets several controls: one drawing is enough

    def value_of(name):
        value, control = inputs[name].value, controls[name]
        # A slider in the browser moves what a button set to the nearest step, and says so: that is no move of a person.
        is_echo = isinstance(control, tuple) and abs(value - state[name]) < control[2] / 2
        return state[name] if is_echo else value

    def redraw(_=None):
        if jumping:
            return
        values = {name: value_of(name) for name in inputs}
        if values == drawn:
            return
        drawn.clear()
        if any(controls[name] is str and not value.strip() for name, value in values.items()):
            pane.say("Nothing is typed yet.")
            return
        drawn.update(values)
        pane.draw(lambda ax: draw(ax, **values))

    def jump(chosen):
        jumping.append(chosen)
        for name, value in chosen.items():
            inputs[name].value = value
            state[name] = inputs[name].value
        jumping.clear()
        drawn.clear()
        redraw()

    for control in inputs.values():
        control.observe(redraw, "value")
    left = ipywidgets.VBox([_arranged(list(inputs.values())), buttons("start from", states, jump)])
    if not wide and len(inputs) < IN_ROWS:
        left.layout.max_width = "380px"  # beside the picture, where the window allows it
    beside = ipywidgets.Layout(flex_flow="column" if wide else "row wrap")
    jump(start)
    display.display(ipywidgets.VBox([hint_line(hint), ipywidgets.HBox([left, pane.box], layout=beside)]))


def hint_line(hint: str) -> ipywidgets.HTML:
    """Make the line that says what to try."""
    return ipywidgets.HTML(f"<b>Try:</b> {html.escape(hint)}")


def buttons(label: str, states: Mapping[str, object], choose: Callable) -> ipywidgets.HBox:
    """Make a row with a button for each state, which calls ``choose(state)``."""
    row = [ipywidgets.Label(f"{label}:")]
    for name, state in states.items():
        button = ipywidgets.Button(description=name, layout=ipywidgets.Layout(width="auto"))
        button.on_click(lambda _, state=state: choose(state))
        row.append(button)
    return ipywidgets.HBox(row, layout=ipywidgets.Layout(flex_flow="row wrap"))


def _control(name: str, control: object, start: object, label_width: str) -> ipywidgets.Widget:
    label, style = name.replace("_", " "), {"description_width": label_width}
    if control is str:
        return ipywidgets.Text(start, description=label, style=style, layout=ipywidgets.Layout(width="95%"))
    if not isinstance(control, tuple):
        # Not a menu: JupyterLab takes the arrow keys and letters of a menu for its own.
        style["button_width"] = "auto"
        chooser = ipywidgets.ToggleButtons(options=list(control), value=start, description=label, style=style)
        return chooser.add_class("widget-inline-hbox")  # the label stands as those of the sliders do
    low, high, step = control
    is_whole = all(isinstance(number, Integral) for number in control)
    slider = ipywidgets.IntSlider if is_whole else ipywidgets.FloatSlider
    return slider(start, min=low, max=high, step=step, description=label, style=style)


def _arranged(inputs: Sequence[ipywidgets.Widget]) -> ipywidgets.Box:
    """Stack the controls; many stand in rows of three."""
    if len(inputs) < IN_ROWS:
        return ipywidgets.VBox(inputs)
    for control in inputs:
        control.layout.width = "280px"
    return ipywidgets.GridBox(inputs, layout=ipywidgets.Layout(grid_template_columns="repeat(3, max-content)"))
