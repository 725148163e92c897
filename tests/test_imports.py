"""What makes the package quick to use: cheap imports, a quick command line, help for each command."""

import ast
import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import course_utils
from course_utils.commands import app

PACKAGE = Path(course_utils.__file__).parent
IMPORT_SECONDS = 0.3
HELP_SECONDS = 0.5
HEAVY = ("tensorflow", "keras", "matplotlib", "pandas", "sklearn", "papermill", "nbconvert", "pooch")
SCREEN = "course_utils.screen"
MODULES = [
    "course_utils",
    *sorted(module.name for module in pkgutil.walk_packages(course_utils.__path__, "course_utils.")),
]
START = [sys.executable, "-c", "from course_utils.commands import app; app()"]


def sub_commands(group, words=()):
    """The words that a user types for each command, those of nested groups too."""
    for name, command in group.commands.items():
        yield (*words, name)
        if hasattr(command, "commands"):
            yield from sub_commands(command, (*words, name))


COMMANDS = sorted(sub_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith(f"{SCREEN}.")])
def test_module_imports_quickly_and_without_the_heavy_packages(module):
    code = (
        "import importlib, sys, time\n"
        "start = time.process_time()\n"  # of the processor, whatever else the machine does
        f"importlib.import_module({module!r})\n"
        "print(time.process_time() - start)\n"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    seconds = []
    for _ in range(3):
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        measured, heavy = answer.stdout.split("\n")[-3:-1]
        assert heavy == "", f"{module} imports {heavy}: move that into the function that needs it"
        seconds.append(float(measured))
        if seconds[-1] < IMPORT_SECONDS:
            break
    assert min(seconds) < IMPORT_SECONDS, f"{module} took {seconds} s"


def test_help_of_the_command_is_quick_and_names_every_sub_command():
    timed = "import atexit, sys, time; atexit.register(lambda: print(time.process_time(), file=sys.stderr)); "
    seconds = []
    for _ in range(3):
        command = [sys.executable, "-c", timed + START[-1], "--help"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
        seconds.append(float(answer.stderr))
        assert answer.returncode == 0, answer.stderr
    for words in COMMANDS:
        assert words[0] in answer.stdout
    assert min(seconds) < HELP_SECONDS, f"course --help took {seconds} s of processor"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_each_command_explains_it_and_shows_an_example(words):
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    usage, _, rest = result.output.partition("Usage:")[2].partition("\n")
    assert " ".join(words) in usage
    prose = rest.partition("╭")[0]
    assert len(prose.split()) >= 8, f"too short to be documentation: {prose!r}"
    is_group = any(other[: len(words)] == words and other != words for other in COMMANDS)
    if not is_group:
        assert "Example" in prose
        assert f"course {' '.join(words)}" in prose


def test_what_is_for_a_screen_is_imported_only_where_a_person_watches():
    code = """
import sys
import matplotlib
import numpy as np
from course_utils import device, training, widgets
matplotlib.use("agg")
device.prepare()
import keras
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.zeros((4, 1)), np.zeros(4), verbose=0, callbacks=training.progress())
list(training.steps(2, 1, lambda step: {"loss": 1.0}, matplotlib.figure.Figure))
list(training.each([1]))
widgets.explore(lambda ax, rate: None, {"rate": (0, 3, 1)}, {"on": {"rate": 1}}, "")
widgets.draw_digit(lambda ax, picture: None, {"a 7": np.zeros((28, 28))}, "")
print(*sorted(name for name in sys.modules if name.startswith("course_utils.screen")), sep=",")
"""
    imported = {}
    for headless in ("0", "1"):
        environment = {**os.environ, "COURSE_HEADLESS": headless}
        answer = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        imported[headless] = answer.stdout.splitlines()[-1]
    assert imported["1"] == ""
    every = sorted(name for name in MODULES if name.startswith(SCREEN))
    assert imported["0"] == ",".join(every), "the same calls before a person make use of all of it"


def test_command_without_arguments_shows_the_help():
    result = CliRunner().invoke(app, [])
    assert "Usage:" in result.output
    assert "doctor" in result.output


def test_unknown_sub_command_is_an_error_on_one_screen():
    answer = subprocess.run([*START, "docter"], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 2
    assert "docter" in answer.stderr
    assert "Traceback" not in answer.stderr


# Which module of the ground floor may import which other; the commands may import any.
ALLOWED = {
    ("training", "screen.fit.Live"),
    ("training", "screen.progress"),
    ("widgets", "screen.controls.show_controls"),
    ("widgets", "screen.digit_pad.show_pad"),
    ("screen.curves", "plots.PALETTE"),
    ("weights", "datasets.store"),
    ("datasets.imdb", "datasets.review_grammar"),
    ("datasets.images", "datasets.drawings"),
}


def own_imports(path):
    """Modules of course_utils that a file imports, as "datasets.store"."""
    package = "course_utils." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("course_utils"))
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package.rpartition(".")[0])
            if base.startswith("course_utils"):
                yield from (f"{base}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", [p for p in PACKAGE.rglob("*.py") if "commands" not in p.parts], ids=lambda p: p.stem)
def test_ground_floor_imports_only_what_the_architecture_allows(path):
    name = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
    for imported in own_imports(path):
        target = imported.removeprefix("course_utils.")
        assert not target.startswith("commands"), imported
        if name == "datasets.__init__":  # the registry of the sets
            assert target.startswith("datasets."), imported
        elif name.startswith("datasets."):
            own = (name, target) in ALLOWED
            assert own or target == "datasets.store" or target.startswith("datasets.store."), imported
        elif name.startswith("checks."):
            assert target.startswith("checks.verdict"), imported
        elif name.startswith("screen."):
            assert (name, target) in ALLOWED or target.startswith("screen."), imported
        else:
            assert (name, target) in ALLOWED, imported
