"""Widgets around functions that work without them: sliders, menus and text fields, and a pad to draw a digit on."""

from .controls import explore
from .digit_pad import draw_digit

__all__ = ["draw_digit", "explore"]
