"""Each chapter in the browser: run it, then touch everything that can be touched."""

import pytest


def test_basics(open_chapter):
    chapter = open_chapter("01")
    chapter.run_all(180)
    neuron = chapter.widget("bring the loss below")
    first = neuron.status.inner_text()
    assert first.startswith("weight 0.0, bias 0.0: loss")
    handle = neuron.slider("weight")
    moved = neuron.after(lambda: handle.press("ArrowRight"))
    assert moved.startswith("weight 0.1"), moved
    neuron.keep("01_neuron")
    chapter.keep("01_page")
    chapter.check_no_error()
