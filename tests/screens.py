"""What a person sees of the widgets that a function displayed."""

import ipywidgets
from bs4 import BeautifulSoup


class Screen:
    """A displayed widget: its controls by their labels, its texts, its picture.

    Attributes:
        parts: Every widget in it, outer ones first.
        inputs: {label: slider, row of buttons to choose from, or text field}.
        buttons: {label: button}.
    """

    def __init__(self, root):
        self.parts = list(_within(root))
        inputs = (ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.ToggleButtons, ipywidgets.Text)
        self.inputs = {part.description: part for part in self.parts if isinstance(part, inputs)}
        self.buttons = {part.description: part for part in self.parts if isinstance(part, ipywidgets.Button)}

    @property
    def picture(self):
        """The bytes of the picture; None while it is hidden."""
        (image,) = [part for part in self.parts if isinstance(part, ipywidgets.Image)]
        return None if image.layout.display == "none" else bytes(image.value)

    @property
    def status(self):
        """What the line of text says; None where it says what went wrong, or nothing yet."""
        line = self.texts.find(attrs={"role": "status"})
        return line and line.get_text()

    @property
    def alert(self):
        """The message of what went wrong, as an element of the page; None where all went well."""
        return self.texts.find(attrs={"role": "alert"})

    @property
    def texts(self):
        """All that is written, as elements of a page."""
        return BeautifulSoup(
            "".join(part.value for part in self.parts if isinstance(part, ipywidgets.HTML)), "html.parser"
        )


def _within(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _within(child)
