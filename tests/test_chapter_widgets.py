"""The chapters' widgets as a person finds them: controls moved to their ends, buttons pressed, what is shown held true.

Each widget is shown by its own cell of the chapter. What the cell takes from the cells before it is taken from the
chapter's source, too, but for data and networks: small ones stand in for them, whose answers mean nothing.
"""

import ast
import functools
import re
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pytest
from chapter_code import taken
from scipy import ndimage
from screens import Screen

from course_utils import plots, widgets
from course_utils.datasets import imdb, stocks

# What numpy and Matplotlib warn of is not drawn as it should be. But Matplotlib's font lacks some of the characters
# that BERT's tokenizer knows, and shows a box for each.
pytestmark = pytest.mark.filterwarnings(
    "error::RuntimeWarning", "error::UserWarning", "ignore:Glyph .* missing from font:UserWarning"
)

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
WORDS = [
    "the", "film", "is", "dull", "at", "first", "but", "it", "charming", "by", "end", "i", "do", "not", "hate", "this",
    "love",
]  # fmt: skip
KINDS = ["cup", "fish", "house", "umbrella"]
STATUS = {
    "draw_neuron": r"weight -?\d\.\d, bias -?\d\.\d: loss \d+\.\d\d",
    "draw_activation": r"slope \d\.\d{3}; left after layer \d+: [\d.e-]+",
    "draw_descent": r"rate \d\.\d\d, momentum 0\.\d\d: loss [\d.e+-]+",
    "answer_view": r"it says \d, with \d+%",
    "draw_answer": r"it says \d, with \d+%",
    "kernel_view": r"([+-]\d\.\d\d  [+-]\d\.\d\d  [+-]\d\.\d\d\n?){3}",
    "browser": r"layer [12], channel \d+",
    "readings": r"CNN says \d, with \d+%",
    "reading": r"praise: LSTM \d+%, bag of words \d+%",
    "forecast_view": r"RMSE: linear \d+\.\d\d, naive \d+\.\d\d",
    "between": r"\d+% of the way from \d+ to \d+",
    "along": r"as it was|direction [1-4]: [+-]\d\.\d(, [1-4]: [+-]\d\.\d)*",
    "map_of": r"block [0-5], head \d+",
    "cam_view": rf"({'|'.join(KINDS)}): what speaks for ({'|'.join(KINDS)}) \(\d+%\)\?",
}
PADS = ["draw_answer", "readings"]
EXPLORED = [name for name in STATUS if name not in PADS]
TYPED = {"reading": "your_review", "map_of": "your_sentence"}
# The first drawing alone, without a share of the second, does not change with the second.
BEGIN = {"between": "half-way"}
# Tells of the signal after so many layers in words alone.
ONLY_IN_WORDS = {("draw_activation", "depth")}
AWKWARD = {
    "one letter": "x",
    "unknown words": "zeugma Qwrtz",
    "very long": "the film is dull " * 150,
    "one long word": "a" * 300,
    "other languages": "Ünïcödé é, 東京 \N{GRINNING FACE} \N{ARABIC LETTER MEEM}\N{ARABIC LETTER REH}",
    "markup": "<b>$x^2$</b> & \\frac{1} $ %s {}",
    "signs alone": "!!! ... ---",
    "nothing that shows": "\N{ZERO WIDTH SPACE}",
}


class Cell(NamedTuple):
    """A cell of a chapter that shows a widget."""

    source: Path
    imports: CodeType  # those of the chapter that the cell makes use of
    code: CodeType


def _shows_widget(node):
    return isinstance(node, ast.Expr) and re.match(r"widgets\.(explore|draw_digit)\(", ast.unparse(node))


def widget_cells():
    """{the function that draws, or makes the one that draws: its cell}."""
    cells = {}
    for source in sorted(CHAPTERS.glob("*.py")):
        text = source.read_text(encoding="utf-8")
        body = ast.parse(text).body
        marks = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
        for node in filter(_shows_widget, body):
            begin = max(mark for mark in marks if mark < node.lineno)
            end = min((mark for mark in marks if mark > node.lineno), default=float("inf"))
            cell = [part for part in body if begin < part.lineno < end]
            imports = [part for part in body if set(_imported(part)) & {name for part in cell for name in _names(part)}]
            codes = [compile(ast.Module(parts, type_ignores=[]), source, "exec") for parts in (imports, cell)]
            cells[next(_names(node.value.args[0]))] = Cell(source, *codes)
    return cells


def _imported(node):
    return [alias.asname or alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []


def _names(node):
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


CELLS = widget_cells()


# What each cell takes from the cells before it.


def _ink(count):
    """Pictures (count, 28, 28) with some ink in the middle, so that they can be moved by eight pixels."""
    pictures = np.zeros((count, 28, 28), np.uint8)
    pictures[:, 9:19, 9:19] = np.random.default_rng(1).integers(60, 256, size=(count, 10, 10))
    return pictures


def _networks():
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    return keras, layers


def _digit_reader(*shape):
    """A network that has learned nothing, but is never undecided."""
    keras, layers = _networks()
    return keras.Sequential([
        keras.Input(shape=shape), layers.Rescaling(1 / 255), layers.Flatten(),
        layers.Dense(10, activation="softmax", kernel_initializer="random_normal"),
    ])  # fmt: skip


def _nothing_before():
    return {}


def _before_draw_activation():
    return taken(CELLS["draw_activation"].source, ["relu", "sigmoid", "activations"], np=np)


def _before_draw_descent():
    return taken(CELLS["draw_descent"].source, ["adam", "heavy_ball", "valley_slope", "walk"], np=np)


def _before_answer_view():
    return {"schedule_model": _digit_reader(784), "digits": SimpleNamespace(x_test=_ink(100))}


def _before_draw_answer():
    digits = SimpleNamespace(x_test=_ink(20), y_test=np.arange(20) % 10)
    space = taken(CELLS["draw_answer"].source, ["draw_answer"], np=np, plots=plots)
    return {**space, "loaded_model": _digit_reader(784), "digits": digits}


def _before_kernel_view():
    space = taken(CELLS["kernel_view"].source, ["convolve_by_loops", "hand_made"], np=np)
    return {**space, "one_digit": _ink(1)[..., None] / 255}


def _before_browser():
    rng = np.random.default_rng(0)
    first, second = rng.random((10, 26, 26, 32)), rng.random((10, 11, 11, 64))
    return {"ten_digits": _ink(10)[..., None], "first_maps": first, "second_maps": second}


def _before_readings():
    keras, layers = _networks()
    mlp_model = keras.Sequential([keras.Input(shape=(28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten()])
    mlp_model.add(layers.Dense(10))  # logits
    y_test = np.arange(20) % 10
    digits = SimpleNamespace(x_test=_ink(20), y_test=y_test)
    return {"digits": digits, "y_test": y_test, "mlp_model": mlp_model, "reader": _digit_reader(28, 28, 1)}


def _before_reading():
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    keras, layers = _networks()
    space = taken(CELLS["reading"].source, ["pad", "bag"], np=np, keras=keras, csr_matrix=csr_matrix, imdb=imdb)
    word_index = {word: rank for rank, word in enumerate(WORDS, 1)}
    reviews = SimpleNamespace(word_index=word_index)
    pooled_model = keras.Sequential([
        keras.Input(shape=(None,), dtype="int32"), layers.Embedding(40, 4, embeddings_initializer="random_normal"),
        layers.LSTM(4, kernel_initializer="random_normal"), layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    learned = [imdb.encode(text, word_index) for text in ("charming love", "dull hate")]
    bag_model = LogisticRegression().fit(space["bag"](learned, imdb.NUM_WORDS), [1, 0])
    return {
        **space, "reviews": reviews, "pooled_model": pooled_model, "pooled_length": 40, "bag_model": bag_model,
    }  # fmt: skip


def _before_forecast_view():
    space = taken(CELLS["forecast_view"].source, ["windows", "errors"], np=np)
    moves = np.random.default_rng(0).normal(0, 0.01, stocks.MIN_DAYS)  # as few days as a file may have
    return {
        **space, "close": 100 * np.exp(np.cumsum(moves)), "season_close": stocks.seasonal(600).close, "unit": "euros"
    }  # fmt: skip


def _before_between():
    keras, layers = _networks()
    names = ["NOISE_SIZE", "Recipe", "bend", "build_generator", "draw_digits", "walk"]
    space = taken(CELLS["between"].source, names, np=np, keras=keras, layers=layers, NamedTuple=NamedTuple)
    noise = np.random.default_rng(0).normal(size=(30, space["NOISE_SIZE"])).astype("float32")
    generator = space["build_generator"](2, space["Recipe"]())
    generator.layers[0].kernel.assign(5 * generator.layers[0].kernel)  # so that there is something to see
    return {**space, "generator": generator, "watch_noise": noise}


def _before_map_of():
    from keras import ops
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    keras, layers = _networks()
    names = [
        "softmax", "attention", "multi_head", "block_sizes", "Block", "Embeddings", "Encoder", "attention_maps",
        "street",
    ]  # fmt: skip
    space = taken(CELLS["map_of"].source, names, np=np, keras=keras, layers=layers, ops=ops)
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", *"!$%&.,<>^\\{}-'", *letters, *(f"##{letter}" for letter in letters),
        "the", "bank", "river", "street", "it", "was", "東", "京",
    ]  # fmt: skip
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = [(name, numbers[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=special)
    bert = space["Encoder"]({
        **space["block_sizes"], "hidden_size": 24, "intermediate_size": 24, "num_hidden_layers": 6,
        "type_vocab_size": 2, "max_position_embeddings": 512, "vocab_size": len(pieces),
    })  # fmt: skip
    bert(np.array([[2, 3]]))  # the first call makes the variables
    rng = np.random.default_rng(0)
    for variable in bert.weights:
        variable.assign(rng.normal(0, 0.7, variable.shape))
    return {**space, "bert": bert, "tokenizer": tokenizer}


def _before_cam_view():
    import tensorflow as tf

    keras, layers = _networks()
    names = ["answer", "build_head", "split_at", "grad_cam", "overlay"]
    spare = {"np": np, "keras": keras, "layers": layers, "tf": tf, "num_classes": len(KINDS)}
    space = taken(CELLS["cam_view"].source, names, **spare)
    inputs = keras.Input((32, 32, 3))
    maps = layers.Conv2D(8, 4, strides=4, activation="relu", name="last_maps")(inputs)  # (batch, 8, 8, 8)
    trunk = keras.Model(inputs, layers.GlobalAveragePooling2D()(maps), name="trunk")
    inputs = keras.Input((32, 32, 3))
    tuned = keras.Model(inputs, space["build_head"](8)(trunk(inputs)))
    shown = np.random.default_rng(0).integers(256, size=(12, 32, 32, 3), dtype=np.uint8)
    x_test = (shown / 128 - 1).astype("float32")
    maps_model, top = space["split_at"](tuned, "last_maps")
    return {
        **space, "kinds": KINDS, "num_classes": len(KINDS), "pictures": SimpleNamespace(x_test=shown), "x_test": x_test,
        "y_test": np.arange(12) % 4, "maps_model": maps_model, "top": top,
        "probabilities": space["answer"](tuned, x_test),
    }  # fmt: skip


BEFORE = {
    "draw_neuron": _nothing_before,
    "draw_activation": _before_draw_activation,
    "draw_descent": _before_draw_descent,
    "answer_view": _before_answer_view,
    "draw_answer": _before_draw_answer,
    "kernel_view": _before_kernel_view,
    "browser": _before_browser,
    "readings": _before_readings,
    "reading": _before_reading,
    "forecast_view": _before_forecast_view,
    "between": _before_between,
    "along": _before_between,
    "map_of": _before_map_of,
    "cam_view": _before_cam_view,
}


@functools.cache
def before(name):
    """The names that a cell finds when it is run; made once."""
    return BEFORE[name]()


class Shown:
    """A widget on a person's screen; stands in the chapter's cell for `course_utils.widgets`, and shows the real one.

    Attributes:
        name: The function that draws, or makes the one that draws.
        screen: What the person sees.
        controls, states: As the chapter gives them; the samples of a pad are its states.
        ax: The axes that were drawn on last.
    """

    def __init__(self, name, displayed, changed):
        self.name, self.controls, self.ax = name, {}, None
        space = {}
        exec(CELLS[name].imports, space)
        space |= {"widgets": self, **before(name), **changed}
        exec(CELLS[name].code, space)
        self.screen = Screen(displayed[-1])

    def explore(self, draw, controls, states, hint):
        self.controls, self.states = controls, states
        widgets.explore(self._noted(draw), controls, states, hint)

    def draw_digit(self, draw, samples, hint):
        self.states = samples
        widgets.draw_digit(self._noted(draw), samples, hint)

    def _noted(self, draw):
        def noted(ax, *picture, **values):
            self.ax = ax
            draw(ax, *picture, **values)

        return noted

    @property
    def pad(self):
        (pad,) = [part for part in self.screen.parts if part.has_trait("strokes")]
        return pad

    @property
    def seen(self):
        return self.screen.status, self.screen.picture

    def control(self, name):
        return self.screen.inputs[name.replace("_", " ")]

    def values(self):
        return {name: self.control(name).value for name in self.controls}

    def move(self, **values):
        """Move controls one after the other; each time all is well."""
        for name, value in values.items():
            self.control(name).value = value
            self.check()

    def press(self, state):
        self.screen.buttons[state].click()
        self.check()

    def check(self):
        """No error, a picture, and the words that belong to the widget, with numbers and shares that can be."""
        assert self.screen.alert is None, f"{self.values()}: {self.screen.alert.get_text()}"
        status = self.screen.status
        assert re.fullmatch(STATUS[self.name], status), (self.values(), status)
        assert all(int(share) <= 100 for share in re.findall(r"(\d+)%", status)), (self.values(), status)
        assert self.screen.picture.startswith(b"\x89PNG")

    def ends(self, name):
        """Both ends of a slider, every word to choose; nothing of a text."""
        control = self.controls[name]
        if control is str:
            return []
        return list(control[:2]) if isinstance(control, tuple) else list(control)


@pytest.fixture
def show(displayed):
    """A function that runs a widget's cell, with names changed where they are given."""
    with mpl.rc_context():
        plots.use_style()
        yield lambda name, **changed: Shown(name, displayed, changed)


def number(status, after):
    """The number that stands after a word."""
    return float(re.search(rf"{after} ([-+\d.e]+)", status).group(1))


def array(ax, place):
    """The picture that was drawn as the first, the second, ..."""
    return np.asarray(ax.images[place].get_array())


class Asked:
    """A network that notes what it is asked."""

    def __init__(self, network):
        self.network, self.pictures = network, []

    def __call__(self, x):
        self.pictures.append(np.asarray(x))
        return self.network(x)


# Every widget


def test_no_widget_of_a_chapter_is_left_out():
    calls = [
        call for path in CHAPTERS.glob("*.py") for call in re.findall(r"widgets\.\w+\(", path.read_text("utf-8"))
    ]  # fmt: skip
    assert len(calls) == len(CELLS)
    assert set(CELLS) == set(STATUS) == set(BEFORE)


@pytest.mark.parametrize("name", EXPLORED)
def test_begins_at_the_first_state_and_every_button_leads_to_another_sight(show, name):
    shown = show(name)
    shown.check()
    assert shown.values() == next(iter(shown.states.values()))
    assert list(shown.screen.buttons) == list(shown.states)
    seen = []
    for state, values in shown.states.items():
        shown.press(state)
        assert shown.values() == pytest.approx(values)
        seen.append(shown.screen.picture)
    assert len(set(seen)) == len(seen) > 1


@pytest.mark.parametrize("name", EXPLORED)
def test_every_control_is_at_work_up_to_its_ends(show, name):
    shown = show(name)
    shown.press(BEGIN.get(name, next(iter(shown.states))))
    start = shown.values()
    for control in shown.controls:
        seen = []
        for value in shown.ends(control):
            shown.move(**{control: value})
            assert shown.values() == {**start, control: value}
            seen.append(shown.screen.status if (name, control) in ONLY_IN_WORDS else shown.screen.picture)
        assert len(set(seen)) == len(seen), f"{control} changes nothing"
        shown.move(**{control: start[control]})


@pytest.mark.parametrize("name", EXPLORED)
@pytest.mark.parametrize("end", [0, -1])
def test_all_controls_bear_their_ends_at_once(show, name, end):
    shown = show(name)
    shown.move(**{control: shown.ends(control)[end] for control in shown.controls if shown.ends(control)})
    for control, kind in shown.controls.items():
        if isinstance(kind, list):
            for word in kind:
                shown.move(**{control: word})


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("text", ["", "   "])
def test_no_text_leaves_the_picture_and_is_said_so(show, name, text):
    shown = show(name)
    first = shown.screen.picture
    shown.control(TYPED[name]).value = text
    assert shown.screen.alert is None
    assert shown.screen.status == "Nothing is typed yet."
    assert shown.screen.picture == first


@pytest.mark.parametrize("name", PADS)
def test_every_sample_of_a_pad_is_read(show, name):
    shown = show(name)
    shown.check()
    seen = []
    for sample, picture in shown.states.items():
        shown.press(sample)
        assert shown.pad.pixels == np.asarray(picture, np.uint8).tolist()
        seen.append(shown.screen.picture)
    assert len(set(seen)) == len(seen) == 3


@pytest.mark.parametrize("name", PADS)
@pytest.mark.parametrize(
    "strokes", [[[[0.5, 0.5]]], [[[0, 0], [1, 1]], [[0, 1], [1, 0]]], [[[0.3, 0.1], [0.7, 0.1], [0.4, 0.9]]]],
    ids=["a dot", "from corner to corner", "a 7"],
)  # fmt: skip
def test_what_is_drawn_on_a_pad_is_read(show, name, strokes):
    shown = show(name)
    first = shown.screen.picture
    shown.pad.strokes = strokes
    shown.check()
    assert shown.screen.picture != first


@pytest.mark.parametrize("name", PADS)
def test_pad_full_of_ink_is_read_and_an_empty_one_is_said_so(show, name):
    shown = show(name)
    shown.pad.pixels = np.full((28, 28), 255).tolist()
    shown.check()
    full = shown.screen.picture
    shown.pad.pixels = np.zeros((28, 28), int).tolist()
    assert shown.screen.status == "The pad is empty: draw a digit."
    assert shown.screen.picture == full


# 01: a neuron, an activation, an optimizer


@pytest.mark.parametrize(("weight", "bias"), [(2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (-2.0, -2.0), (0.9, 0.9)])
def test_neuron_has_the_loss_of_its_orange_squares(show, weight, bias):
    shown = show("draw_neuron")
    shown.move(weight=weight, bias=bias)
    status = shown.screen.status
    assert status.startswith(f"weight {weight:.1f}, bias {bias:.1f}: ")
    line, points = shown.ax.lines
    np.testing.assert_allclose(line.get_ydata(), weight * line.get_xdata() + bias)
    errors = np.abs(line.get_ydata() - points.get_ydata())
    for side in ("width", "height"):
        np.testing.assert_allclose([getattr(square, f"get_{side}")() for square in shown.ax.patches], errors)
    assert number(status, "loss") == pytest.approx(np.mean(errors**2), abs=0.005)


def test_neuron_comes_as_close_as_its_hint_asks(show):
    shown = show("draw_neuron")
    shown.press("close")
    assert number(shown.screen.status, "loss") <= 0.03


@pytest.mark.parametrize(
    ("activation", "z", "depth", "status"),
    [
        ("sigmoid", 0.0, 1, "slope 0.250; left after layer 1: 0.25"),
        ("sigmoid", 0.0, 10, "slope 0.250; left after layer 10: 9.5e-07"),
        ("sigmoid", 5.0, 1, "slope 0.007; left after layer 1: 0.0066"),
        ("sigmoid", -5.0, 1, "slope 0.007; left after layer 1: 0.0066"),
        ("tanh", 0.0, 20, "slope 1.000; left after layer 20: 1"),
        ("tanh", -5.0, 1, "slope 0.000; left after layer 1: 0.00018"),
        ("ReLU", -0.1, 1, "slope 0.000; left after layer 1: 0"),
        ("ReLU", 0.1, 20, "slope 1.000; left after layer 20: 1"),
        ("ReLU", 5.0, 20, "slope 1.000; left after layer 20: 1"),
    ],
)
def test_activation_says_its_slope_and_what_it_leaves_of_a_signal(show, activation, z, depth, status):
    shown = show("draw_activation")
    shown.move(activation=activation, z=z, depth=depth)
    assert shown.screen.status == status
    curve, tangent, point = shown.ax.lines
    assert point.get_xdata() == [z]
    rise = np.diff(tangent.get_ydata()) / np.diff(tangent.get_xdata())
    assert rise == pytest.approx(number(status, "slope"), abs=0.0005)
    assert np.interp(z, *curve.get_data()) == pytest.approx(point.get_ydata()[0], abs=0.01)
    assert np.interp(z, *tangent.get_data()) == pytest.approx(point.get_ydata()[0], abs=1e-9)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(("rate", "momentum"), [(0.02, 0.0), (1.1, 0.0), (0.02, 0.98), (1.1, 0.98), (0.5, 0.5)])
def test_descent_ends_at_the_loss_that_it_says(show, optimizer, rate, momentum):
    shown = show("draw_descent")
    shown.move(optimizer=optimizer, learning_rate=rate, momentum=momentum)
    assert shown.screen.status.startswith(f"rate {rate:.2f}, momentum {momentum:.2f}: ")
    x, y = shown.ax.lines[0].get_data()
    assert len(x) == 51
    assert (x[0], y[0]) == (-6, 2)
    loss = x[-1] ** 2 / 100 + y[-1] ** 2
    assert number(shown.screen.status, "loss") == pytest.approx(loss, rel=0.06)


def test_descent_explodes_beyond_a_rate_of_one_and_its_hint_can_be_met(show):
    shown = show("draw_descent")
    shown.move(learning_rate=1.1)
    assert number(shown.screen.status, "loss") > 1e6
    shown.move(learning_rate=0.98)
    assert number(shown.screen.status, "loss") < 4
    shown.move(learning_rate=0.9, momentum=0.8)
    assert number(shown.screen.status, "loss") < 0.001


# 02: a digit that is altered, and a pad


@pytest.fixture
def altering(show):
    """The widget that alters a digit, the digits, and the network that notes what it is asked."""
    asked = Asked(before("answer_view")["schedule_model"])
    return show("answer_view", schedule_model=asked), before("answer_view")["digits"].x_test, asked


@pytest.mark.parametrize("digit", [0, 99])
def test_digit_comes_to_the_network_as_it_is_while_nothing_is_changed(altering, digit):
    shown, digits, asked = altering
    shown.move(digit=digit)
    np.testing.assert_allclose(asked.pictures[-1], digits[digit].reshape(1, 784), atol=1e-9)


@pytest.mark.parametrize(("right", "down"), [(8, 0), (-8, 0), (0, 8), (0, -8), (-8, 8)])
def test_digit_comes_to_the_network_moved_by_so_many_pixels(altering, right, down):
    shown, digits, asked = altering
    shown.move(right=right, down=down)
    moved = np.roll(digits[0], (down, right), (0, 1))
    np.testing.assert_allclose(asked.pictures[-1].reshape(28, 28), moved, atol=1e-9)


@pytest.mark.parametrize("turn", [-90, 90])
def test_digit_is_turned_to_its_side_at_the_ends(altering, turn):
    shown, digits, asked = altering
    shown.move(turn=turn)
    np.testing.assert_allclose(asked.pictures[-1].reshape(28, 28), np.rot90(digits[0], turn // 90), atol=1e-6)


def test_pen_makes_more_ink_the_thicker_it_is(altering):
    shown, _, asked = altering
    for pen in range(-2, 4):
        shown.move(pen=pen)
    ink = [picture.sum() for picture in asked.pictures[1:]]
    assert len(ink) == 6
    assert (np.diff(ink) > 0).all()


@pytest.mark.parametrize("name", ["answer_view", "draw_answer"])
def test_bars_are_the_probabilities_of_the_ten_digits(show, name):
    model = "schedule_model" if name == "answer_view" else "loaded_model"
    asked = Asked(before(name)[model])
    shown = show(name, **{model: asked})
    for state in shown.states:
        shown.press(state)
        shares = np.array([bar.get_width() for bar in shown.ax.patches])
        assert shares.shape == (10,)
        assert (shares >= 0).all()
        assert shares.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(shares, np.ravel(asked.network(asked.pictures[-1])), rtol=1e-5)
        assert shown.screen.status == f"it says {shares.argmax()}, with {shares.max():.0%}"


def test_network_is_asked_what_is_on_the_pad(show):
    asked = Asked(before("draw_answer")["loaded_model"])
    shown = show("draw_answer", loaded_model=asked)
    shown.pad.strokes = [[[0.3, 0.1], [0.7, 0.1], [0.4, 0.9]]]
    np.testing.assert_array_equal(asked.pictures[-1], np.reshape(shown.pad.pixels, (1, 784)))


# 03: a kernel, feature maps, and a pad


def test_single_one_in_the_centre_gives_the_digit_back(show):
    shown = show("kernel_view")
    shown.move(**{**dict.fromkeys(shown.controls, 0.0), "centre": 1.0})
    assert shown.screen.status == "+0.00  +0.00  +0.00\n+0.00  +1.00  +0.00\n+0.00  +0.00  +0.00"
    digit, filtered = array(shown.ax, 0), array(shown.ax, 1)
    np.testing.assert_array_equal(filtered, digit[1:-1, 1:-1])
    # The very same pixels lie at the same places, 30 further to the right.
    (left, right, bottom, top), (left_too, right_too, bottom_too, top_too) = (
        image.get_extent() for image in shown.ax.images
    )
    assert (left_too - left - 1, right_too - right + 1) == (30, 30)
    assert (top_too - top, bottom - bottom_too) == (1, 1)


@pytest.mark.parametrize(("place", "down", "across"), [("left", 0, 1), ("top", 1, 0), ("bottom_right", -1, -1)])
def test_single_one_at_a_side_moves_the_digit_away_from_it(show, place, down, across):
    shown = show("kernel_view")
    shown.move(**{**dict.fromkeys(shown.controls, 0.0), place: 1.0})
    digit, filtered = array(shown.ax, 0), array(shown.ax, 1)
    np.testing.assert_array_equal(filtered, np.roll(digit, (down, across), (0, 1))[1:-1, 1:-1])


@pytest.mark.parametrize("end", [-2.5, 2.5])
def test_kernel_of_ends_alone_adds_up_all_under_the_window(show, end):
    shown = show("kernel_view")
    shown.move(**dict.fromkeys(shown.controls, end))
    assert shown.screen.status == "\n".join(["  ".join([f"{end:+.2f}"] * 3)] * 3)
    digit, filtered = array(shown.ax, 0), array(shown.ax, 1)
    summed = 9 * ndimage.uniform_filter(digit, 3, mode="constant")[1:-1, 1:-1]
    np.testing.assert_allclose(filtered, end * summed, atol=1e-9)


@pytest.mark.parametrize(
    ("layer", "channel", "digit", "drawn"), [(1, 0, 0, 0), (1, 31, 9, 31), (1, 63, 3, 31), (2, 63, 9, 63), (2, 4, 2, 4)]
)
def test_browser_shows_the_map_that_it_names(show, layer, channel, digit, drawn):
    shown = show("browser")
    shown.move(layer=layer, channel=channel, digit=digit)
    assert shown.screen.status == f"layer {layer}, channel {drawn}"
    space = before("browser")
    maps = space["first_maps"] if layer == 1 else space["second_maps"]
    np.testing.assert_array_equal(array(shown.ax, 0), space["ten_digits"][digit, ..., 0])
    np.testing.assert_array_equal(array(shown.ax, 1), maps[digit, ..., drawn])


def test_pad_shows_what_both_networks_read(show):
    space = before("readings")
    asked = Asked(space["reader"])
    shown = show("readings", reader=asked)
    for sample, picture in shown.states.items():
        shown.press(sample)
        one_picture = np.asarray(picture, np.uint8)[None, ..., None]
        np.testing.assert_array_equal(asked.pictures[-1], one_picture)
        dense, cnn = np.reshape([bar.get_width() for bar in shown.ax.patches], (2, 10))
        np.testing.assert_allclose(cnn, np.ravel(space["reader"](one_picture)), rtol=1e-5)
        logits = np.ravel(space["mlp_model"](one_picture))
        np.testing.assert_allclose(dense, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)
        written = [text.get_text() for text in shown.ax.get_legend().get_texts()]
        assert written == [f"dense: {dense.argmax()}", f"CNN: {cnn.argmax()}"]
        assert shown.screen.status == f"CNN says {cnn.argmax()}, with {cnn.max():.0%}"


# 04: a review, word by word


def review_drawn(shown):
    """The words below the axis, and {line: probability after each word}."""
    words = [label.get_text() for label in shown.ax.get_xticklabels()]
    lines = {line.get_label(): line.get_ydata() for line in shown.ax.lines[:2]}
    assert list(lines) == ["LSTM", "bag of words"]
    for probabilities in lines.values():
        assert len(probabilities) == len(words)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
    last = ", ".join(f"{name} {probabilities[-1]:.0%}" for name, probabilities in lines.items())
    assert shown.screen.status == f"praise: {last}"
    return words, lines


def test_review_has_a_probability_after_each_word(show):
    shown = show("reading")
    shown.move(your_review="The film, is ZEUGMA dull")
    words, lines = review_drawn(shown)
    assert words == ["[start]", "the", "film", "is", "[unknown]", "dull"]
    space = before("reading")
    numbers = imdb.encode("the film is zeugma dull", space["reviews"].word_index)
    for count, (network, bag) in enumerate(zip(*lines.values(), strict=True), 1):
        so_far = [numbers[:count]]
        assert network == pytest.approx(space["pooled_model"](space["pad"](so_far, 40)).numpy()[0, 0], abs=1e-5)
        assert bag == pytest.approx(space["bag_model"].predict_proba(space["bag"](so_far, imdb.NUM_WORDS))[0, 1])


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_review_of_any_text_has_probabilities(show, text):
    shown = show("reading")
    first = shown.screen.picture
    shown.move(your_review=text)
    assert shown.screen.picture != first
    words, _ = review_drawn(shown)
    assert len(words) <= 40
    assert words[0] == "[start]" or len(words) == 40  # of a long review the last ones
    assert set(words) <= {"[start]", "[unknown]", *WORDS}


def test_same_words_in_another_order_end_alike_for_the_bag_alone(show):
    shown = show("reading")
    ends = {}
    for state in ("better by the end", "worse by the end"):
        shown.press(state)
        ends[state] = {name: values[-1] for name, values in review_drawn(shown)[1].items()}
    better, worse = ends.values()
    assert better["bag of words"] == pytest.approx(worse["bag of words"])
    assert abs(better["LSTM"] - worse["LSTM"]) > 1e-6


# 05: a forecast


def rmse(shown):
    return {name: number(shown.screen.status, name) for name in ("linear", "naive")}


def forecast_lines(shown):
    """{line: price on the last 60 validation days}."""
    return {line.get_label(): line.get_ydata() for line in shown.ax.lines}


def test_naive_errs_less_on_tomorrow_than_on_the_fortieth_day(show):
    shown = show("forecast_view")
    shown.move(horizon=1)
    tomorrow = rmse(shown)
    shown.move(horizon=40)
    assert 0 < tomorrow["naive"] < rmse(shown)["naive"]


@pytest.mark.parametrize("horizon", [1, 40])
@pytest.mark.parametrize("lookback", [2, 100])
@pytest.mark.parametrize("series", ["stock", "seasonal"])
def test_naive_is_the_price_so_many_days_before(show, series, lookback, horizon):
    shown = show("forecast_view")
    shown.move(series=series, lookback=lookback, horizon=horizon)
    space = before("forecast_view")
    prices = space["close"] if series == "stock" else space["season_close"]
    before_test = prices[: -(len(prices) // 5)]
    lines = forecast_lines(shown)
    np.testing.assert_allclose(lines["price"], before_test[-60:])
    np.testing.assert_allclose(lines["naive"], before_test[-60 - horizon : -horizon])
    assert shown.ax.get_ylabel() == f"price ({'euros' if series == 'stock' else 'dollars'})"


def test_linear_forecast_finds_the_waves_and_nothing_much_in_a_random_walk(show):
    shown = show("forecast_view")
    shown.press("seasonal, in ten days")
    assert rmse(shown)["linear"] < 0.6 * rmse(shown)["naive"]
    shown.press("tomorrow")
    assert rmse(shown)["linear"] > 0.9 * rmse(shown)["naive"]


@pytest.mark.parametrize("lookback", [2, 60, 100])
def test_test_stays_untouched_while_one_plays(show, lookback):
    close = before("forecast_view")["close"].copy()
    close[-60:] *= 3
    seen = []
    for shown in (show("forecast_view"), show("forecast_view", close=close)):
        shown.move(lookback=lookback)
        seen.append(shown.seen)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("horizon", [1, 20, 40])
def test_forecast_learns_from_no_day_after_the_one_on_which_it_speaks(show, horizon):
    close = before("forecast_view")["close"].copy()
    assert len(close) == 300, "of which the last 60 are the test, and the 60 before them validation"
    spoken = 180 - horizon  # on this day, of the first validation day
    close[spoken + 1 :] *= np.random.default_rng(1).uniform(0.5, 2, len(close) - spoken - 1)
    lines = []
    for shown in (show("forecast_view"), show("forecast_view", close=close)):
        shown.move(horizon=horizon)
        lines.append(forecast_lines(shown))
    for name in ("linear", "naive"):
        assert lines[0][name][0] == pytest.approx(lines[1][name][0], rel=1e-9)
    assert (lines[0]["price"] != lines[1]["price"]).all()


# 06: a walk, and directions


@pytest.mark.parametrize(("first", "second"), [(0, 1), (19, 0), (7, 19)])
def test_walk_leads_from_the_first_drawing_to_the_second(show, first, second):
    shown = show("between")
    space = before("between")
    shown.move(first=first, second=second)
    for share, end in ((0.0, first), (1.0, second)):
        shown.move(share=share)
        assert shown.screen.status == f"{share:.0%} of the way from {first} to {second}"
        alone = space["draw_digits"](space["generator"], space["watch_noise"][[end]])[0, ..., 0]
        np.testing.assert_allclose(array(shown.ax, 0), alone, atol=1e-5)
    shown.move(share=0.5)
    between = array(shown.ax, 0)
    for end in (first, second):
        alone = space["draw_digits"](space["generator"], space["watch_noise"][[end]])[0, ..., 0]
        assert np.abs(between - alone).max() > 0.01


def test_walk_from_a_drawing_to_itself_stays(show):
    shown = show("between")
    shown.move(first=5, second=5, share=0.0)
    start = array(shown.ax, 0)
    shown.move(share=0.5)
    assert shown.screen.status == "50% of the way from 5 to 5"
    np.testing.assert_allclose(array(shown.ax, 0), start, atol=1e-5)


def test_directions_at_rest_leave_the_drawing_as_it_was(show):
    shown = show("along")
    space = before("along")
    assert shown.screen.status == "as it was"
    alone = space["draw_digits"](space["generator"], space["watch_noise"][:1])[0, ..., 0]
    np.testing.assert_allclose(array(shown.ax, 0), alone, atol=1e-6)
    shown.move(direction_3=6.0)
    shown.move(direction_3=0.0)
    assert shown.screen.status == "as it was"
    np.testing.assert_allclose(array(shown.ax, 0), alone, atol=1e-6)


@pytest.mark.parametrize("direction", [1, 2, 3, 4])
@pytest.mark.parametrize("amount", [-6.0, 6.0])
def test_direction_that_is_turned_is_named_and_changes_the_drawing(show, direction, amount):
    shown = show("along")
    start = array(shown.ax, 0)
    shown.move(**{f"direction_{direction}": amount})
    assert shown.screen.status == f"direction {direction}: {amount:+.1f}"
    turned = array(shown.ax, 0)
    assert np.abs(turned - start).max() > 0.01
    assert turned.min() >= 0
    assert turned.max() <= 1


def test_all_directions_that_are_turned_are_named(show):
    shown = show("along")
    shown.move(direction_1=-6.0, direction_2=6.0, direction_3=0.5, direction_4=-0.5)
    assert shown.screen.status == "direction 1: -6.0, 2: +6.0, 3: +0.5, 4: -0.5"


# 07: where a head looks


@pytest.mark.parametrize(("block", "head"), [(0, 0), (0, 11), (5, 0), (5, 11), (1, 8)])
def test_map_is_of_the_block_and_the_head_in_the_title(show, block, head):
    shown = show("map_of")
    shown.move(your_sentence="The bank, the river.", block=block, head=head)
    assert shown.screen.status == f"block {block}, head {head}"
    tokens = ["[CLS]", "the", "bank", ",", "the", "river", ".", "[SEP]"]
    assert [label.get_text() for label in shown.ax.get_xticklabels()] == tokens
    assert [label.get_text() for label in shown.ax.get_yticklabels()] == tokens
    space = before("map_of")
    ids = np.array([space["tokenizer"].encode("The bank, the river.").ids])
    x = space["bert"].embeddings(ids)
    for lower in space["bert"].blocks[:block]:
        x = lower(x, np.ones((1, 1, ids.shape[1]), bool))
    _, by_keras = space["bert"].blocks[block].attention(x, x, return_attention_scores=True)
    np.testing.assert_allclose(array(shown.ax, 0), by_keras.numpy()[0, head], atol=1e-4)


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_map_of_any_text_has_rows_that_add_up_to_one(show, text):
    shown = show("map_of")
    first = shown.screen.picture
    shown.move(your_sentence=text)
    assert shown.screen.picture != first
    looks = array(shown.ax, 0)
    tokens = before("map_of")["tokenizer"].encode(text).tokens
    side = min(24, len(tokens))
    assert looks.shape == (side, side)
    np.testing.assert_allclose(looks.sum(axis=1), 1, atol=1e-5)
    assert [label.get_text() for label in shown.ax.get_xticklabels()] == tokens[:side]


# 08: what speaks for a class


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("picture", [0, 11])
def test_map_is_of_the_class_in_the_title(show, picture, kind):
    shown = show("cam_view")
    shown.move(picture=picture, kind=kind)
    space = before("cam_view")
    sure = space["probabilities"][picture, KINDS.index(kind)]
    assert shown.screen.status == f"{KINDS[picture % 4]}: what speaks for {kind} ({sure:.0%})?"
    alone, under_map, heat = (array(shown.ax, place) for place in range(3))
    np.testing.assert_array_equal(alone, space["pictures"].x_test[picture])
    np.testing.assert_array_equal(under_map, alone)
    assert heat.shape == (8, 8)
    assert heat.min() >= 0
    assert heat.max() == pytest.approx(1)


def test_map_without_any_warm_place_is_drawn_too(show):
    cold = np.zeros((1, 8, 8), np.float32)
    shown = show("cam_view", grad_cam=lambda *_: cold)
    shown.check()
    assert array(shown.ax, 2).max() == 0


def test_every_class_may_be_asked_about_every_picture(show):
    shown = show("cam_view")
    assert shown.controls["kind"] == KINDS
    assert shown.controls["picture"] == (0, 11, 1)
    assert [state["kind"] for state in shown.states.values()] == ["cup", "house", "umbrella"]
