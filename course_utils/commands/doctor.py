"""The command `course doctor`: a report on this machine, for a person who is to help."""

import getpass
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from .chapters import ROOT
from .console import console, errors

PACKAGE = "course-utils"
NEEDED_GB = 2.0  # a chapter takes up to 1.5 GB, its notebook server and a browser the rest
NEEDED_DISK_GB = 1.0  # all data sets and weights together, unpacked
STEP_TOLERANCE = 1e-6
PROBE_SECONDS = 180
VARIABLES = ("COURSE_DATA_DIR", "COURSE_CACHE_DIR", "COURSE_HEADLESS", "COURSE_CI")
ALSO_SHOWN = ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "TF_CPP_MIN_LOG_LEVEL", "JUPYTER_PATH")
STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}
REINSTALL = "run `python -m pip install -r requirements.txt` in the course's folder"


class Line(NamedTuple):
    """One line of the report.

    Attributes:
        state: "ok", "warning" (the course runs) or "problem" (it does not, or not rightly).
        topic: What was looked at.
        text: What was found.
        way_out: What to do about it; empty for "ok".
    """

    state: str
    topic: str
    text: str
    way_out: str = ""


def doctor() -> None:
    """Check this machine and print a report that you can paste into a question.

    It looks at the course's version, Python and its environment, the installed packages, memory and
    disk, the notebook kernel, the widgets in JupyterLab, the data on hand, the GPU, and lets
    TensorFlow make a tiny training step whose result is known. That last part takes some seconds.

    Each line is *ok*, *warning* (the course runs all the same) or *problem*, with what to do about
    it. Your user name and your home folder are left out. Nothing is changed, nothing is sent.

    Exit code: 1 when there is a problem, else 0.

    **Examples:**

    - `course doctor`: shows the report

    - `course doctor > report.txt`: writes it to a file
    """
    lines = []
    for check in (
        check_course,
        check_python,
        check_packages,
        check_hardware,
        check_kernel,
        check_widgets,
        check_data,
        check_variables,
    ):
        for line in check():
            lines.append(line)
            _show(line)
    for line in check_tensorflow(_probed()):
        lines.append(line)
        _show(line)
    states = [line.state for line in lines]
    warnings, problems = states.count("warning"), states.count("problem")
    if problems or warnings:
        summary = f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."
        console.print(summary, highlight=False)
    else:
        console.print("Everything is in order.")
    raise typer.Exit(1 if problems else 0)


def check_course() -> Iterator[Line]:
    """Look at the course itself: version and commit."""
    from importlib import metadata

    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        yield Line(
            "problem",
            "course",
            "course_utils is not installed in this Python",
            "run `python -m pip install -e .` in the course's folder",
        )
        return
    commit = _commit(ROOT)
    yield Line("ok", "course", f"version {version}{f', commit {commit}' if commit else ''}")


def check_python() -> Iterator[Line]:
    """Look at the operating system, Python and the environment that it runs in."""
    from importlib import metadata

    from packaging.specifiers import SpecifierSet

    yield Line("ok", "system", platform.platform())
    running = f"Python {platform.python_version()} ({platform.machine()})"
    try:
        supported = metadata.metadata(PACKAGE)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        supported = ""
    # Without the endings of self-built and early versions, which not every bound understands.
    version = ".".join(str(part) for part in sys.version_info[:3])
    if version not in SpecifierSet(supported):
        yield Line(
            "problem",
            "python",
            f"{running} does not fit the course, which needs {supported}",
            "make the environment anew with a Python that fits",
        )
    else:
        yield Line("ok", "python", f"{running} at {sys.executable}")
    kind = environment_kind()
    if kind:
        yield Line("ok", "environment", kind)
    else:
        yield Line(
            "warning",
            "environment",
            "none: packages are installed into this Python itself",
            "`make lab` or the README's other ways keep the course apart from other work",
        )


def environment_kind() -> str:
    """Name the kind of environment that Python runs in.

    Returns:
        "venv", "conda" or "Colab"; "" for none.
    """
    if sys.prefix != sys.base_prefix:
        return "venv"
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return "conda"
    return "Colab" if "COLAB_RELEASE_TAG" in os.environ else ""


def check_packages() -> Iterator[Line]:
    """Hold the installed packages against the bounds in pyproject.toml."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires(PACKAGE) or ()]
    except metadata.PackageNotFoundError:
        return  # said already
    for requirement in requirements:
        optional = not _wanted(requirement, "")
        if optional and not _wanted(requirement, "lab"):
            continue
        yield _package_line(requirement.name, requirement.specifier, optional)
    if _version("tensorflow-metal"):
        yield Line(
            "problem",
            "tensorflow-metal",
            "installed; it does not load with present TensorFlow versions",
            "run `python -m pip uninstall tensorflow-metal`",
        )


def check_hardware() -> Iterator[Line]:
    """Look at memory and disk."""
    total, available = memory_gb()
    text = f"{available:.1f} of {total:.1f} GB free"
    if available >= NEEDED_GB:
        yield Line("ok", "memory", text)
    else:
        way_out = f"close other programs until {NEEDED_GB:g} GB are free, or expect waiting"
        yield Line("warning", "memory", text, way_out)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free >= NEEDED_DISK_GB:
        yield Line("ok", "disk", f"{free:.1f} GB free")
    else:
        yield Line(
            "warning",
            "disk",
            f"{free:.1f} GB free",
            "free some space, or set COURSE_CACHE_DIR to a folder on another disk",
        )


def memory_gb() -> tuple[float, float]:
    """Measure the memory, in which a container's limit counts.

    Returns:
        All of it and what is free, in GB (1e9 bytes).
    """
    import psutil

    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such system, or no limit ("max")
        return total / 1e9, available / 1e9
    return min(total, limit) / 1e9, max(0, min(available, limit - used)) / 1e9


def check_kernel() -> Iterator[Line]:
    """Look whether the kernel that runs the notebooks is this Python's."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        yield Line("problem", "kernel", "jupyter_client is not installed", REINSTALL)
        return
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv
    except NoSuchKernel:
        yield Line("problem", "kernel", "there is no kernel python3", REINSTALL)
        return
    program = Path(command[0])
    # A bare name is replaced by the Python that starts the kernel. Programs in one folder are one
    # environment; the links inside an environment lead out of it, so they are not followed.
    if program.name == command[0] or _folder(program) == _folder(Path(sys.executable)):
        yield Line("ok", "kernel", "python3 is this Python")
    else:
        yield Line(
            "problem",
            "kernel",
            f"python3 is another Python, {program}",
            "run `python -m ipykernel install --sys-prefix`, and unset JUPYTER_PATH if it is set",
        )


def check_widgets() -> Iterator[Line]:
    """Look for the parts of ipywidgets and anywidget that live in JupyterLab."""
    from jupyter_core.paths import jupyter_path

    parts = {
        "jupyterlab_widgets": ("@jupyter-widgets/jupyterlab-manager", "sliders show"),
        "anywidget": ("anywidget", "the pad to draw digits on shows"),
    }
    for package, (extension, what) in parts.items():
        if any(Path(folder, extension, "package.json").is_file() for folder in jupyter_path("labextensions")):
            yield Line("ok", "widgets", f"{what} in JupyterLab")
        else:
            yield Line(
                "warning",
                "widgets",
                f"JupyterLab lacks the extension of {package}, without which a line of text stands where {what}",
                f"run `python -m pip install --force-reinstall {package}`, reload the browser",
            )


def check_data() -> Iterator[Line]:
    """Look which data sets and weights are on hand, and verify them."""
    from course_utils.datasets import store

    from .data import known_sets

    for data_set in known_sets().values():
        topic = f"data: {data_set.name}"
        try:
            copies = [next(store.copies(file), None) for file in data_set.files]
        except store.DataError as error:
            text, _, way_out = str(error).partition(". ")
            yield Line("problem", topic, text, way_out)
            continue
        damaged = [copy for copy in copies if copy and copy.damaged]
        if damaged:
            text = f"{', '.join(str(copy.path) for copy in damaged)} damaged"
            way_out = f"`course data fetch {data_set.name}` replaces it in the cache; a mirror is yours"
            yield Line("problem", topic, text, way_out)
        elif None in copies:
            without = (
                f"{data_set.needed_by} needs it" if data_set.needed_by else f"the chapters use {data_set.stand_in}"
            )
            text = f"not on hand; {without}"
            yield Line("warning", topic, text, f"`course data fetch {data_set.name}` gets it")
        elif not all(copy.verified for copy in copies):
            way_out = "put a SHA256SUMS beside it, or unset COURSE_DATA_DIR"
            yield Line("warning", topic, "on hand in the mirror, but nothing vouches for it", way_out)
        else:
            origins = ", ".join(sorted({copy.origin for copy in copies}))
            yield Line("ok", topic, f"{data_set.title}, on hand ({origins})")


def check_variables() -> Iterator[Line]:
    """List the environment variables that change what the course does."""
    for name in sorted(os.environ):
        if name in VARIABLES or name in ALSO_SHOWN:
            yield Line("ok", "variable", f"{name}={os.environ[name]}")
        elif name.startswith("COURSE_"):
            way_out = f"unset it, or spell it as one of {', '.join(VARIABLES)}"
            yield Line("warning", "variable", f"{name} is not known to the course", way_out)


def check_tensorflow(found: dict) -> Iterator[Line]:
    """Judge what the trial of TensorFlow gave.

    Args:
        found: What `probe` printed, or {"error": ..., "way_out": ...}.

    Yields:
        Lines on the device, Keras's backend and the training step.
    """
    if "error" in found:
        yield Line("problem", "tensorflow", found["error"], found.get("way_out", REINSTALL))
        return
    yield Line("ok", "device", found["sentence"])
    if found["backend"] != "tensorflow":
        yield Line(
            "problem",
            "keras",
            f"runs on the backend {found['backend']}, the chapters need tensorflow",
            "unset the variable KERAS_BACKEND",
        )
        return
    yield Line("ok", "keras", "runs on the backend tensorflow")
    difference, before, after = found["difference"], found["before"], found["after"]
    if difference <= STEP_TOLERANCE and after < before:
        text = f"gives numpy's numbers (largest difference {difference:.0e}); the loss falls"
        yield Line("ok", "training", text)
    else:
        yield Line(
            "problem",
            "training",
            f"one step is {difference:.1e} off numpy's numbers, where {STEP_TOLERANCE:g} is allowed; "
            f"20 steps take the loss from {before:.3g} to {after:.3g}",
            f"{REINSTALL}; if it stays, the GPU or its driver computes wrongly",
        )


def probe() -> None:
    """Load TensorFlow, make the training step and print what was found as JSON.

    It runs in a process of its own: on a processor that TensorFlow was not built for, the import
    ends the process, and the report must survive that.
    """
    from course_utils import device

    try:
        found = device.detect()
    except ImportError as error:
        text, _, way_out = str(error).partition(". ")
        answer = {"error": text, "way_out": way_out}
    else:
        # Set by now, and stronger than Keras's own configuration file.
        answer = {"sentence": found.sentence, "backend": os.environ["KERAS_BACKEND"]}
        if answer["backend"] == "tensorflow":
            answer |= training_step()
    print(json.dumps(answer))


def training_step() -> dict[str, float]:
    """Make one step of gradient descent whose result numpy knows, then twenty more.

    All numbers are small fractions of powers of two, so that the result is exact even where a GPU
    multiplies with fewer digits.

    Returns:
        difference: the largest difference of loss and weights from numpy's after the first step;
        before, after: the loss at the start and after the other steps.
    """
    import keras
    import numpy as np

    inputs = np.array([[1, 2], [3, -1], [-2, 0.5], [0, 1]], dtype="float32")  # (4, 2)
    targets = np.array([[1], [0], [2], [-1]], dtype="float32")  # (4, 1)
    weights = np.array([[0.5], [-0.25]], dtype="float32")  # (2, 1)
    bias = np.array([0.125], dtype="float32")  # (1,)
    rate = 0.125

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    model.set_weights([weights, bias])
    before = float(model.train_on_batch(inputs, targets))
    trained_weights, trained_bias = model.get_weights()

    error = inputs @ weights + bias - targets  # (4, 1)
    differences = [
        before - np.mean(error**2),
        trained_weights - (weights - rate * 2 * inputs.T @ error / len(error)),
        trained_bias - (bias - rate * 2 * error.mean(axis=0)),
    ]
    for _ in range(20):
        after = float(model.train_on_batch(inputs, targets))
    return {
        "difference": max(float(np.abs(difference).max()) for difference in differences),
        "before": before,
        "after": after,
    }


def scrubbed(text: str) -> str:
    """Take the user's home folder and name out of a text.

    Args:
        text: Any text.

    Returns:
        The text with "~" for the home folder, and "<user>" where a path holds the user's name.
    """
    home = Path.home()
    for folder in {str(home), home.as_posix(), str(home.resolve())} - {home.anchor}:
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", "~", text, flags=re.IGNORECASE)
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user without a name, as in some containers
        return text
    return re.sub(rf"(?<=[/\\]){re.escape(user)}(?![\w.-])", "<user>", text, flags=re.IGNORECASE)


def _show(line: Line) -> None:
    """Print a line; its text stays in one piece for pasting."""
    text = Text.assemble((f"{line.state:<9}", STYLES[line.state]), f"{line.topic:<18}", scrubbed(line.text))
    if line.way_out:
        text.append(f"\n{'':<27}what to do: {scrubbed(line.way_out)}")
    console.print(text, soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _commit(root: Path) -> str:
    """Name the commit that is checked out; "" without git or without a repository."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip().replace("-dirty", " with changes")


def _wanted(requirement, extra: str) -> bool:
    """Tell whether a requirement holds on this machine, with an extra or with none."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _package_line(name: str, bounds, optional: bool) -> Line:
    """Hold one package against its bounds."""
    version = _version(name)
    if version is None:
        if optional:
            way_out = f"{REINSTALL}, or open the notebooks with another program"
            return Line("warning", name, "not installed", way_out)
        return Line("problem", name, f"not installed, needs {bounds}", REINSTALL)
    if not bounds.contains(version, prereleases=True):
        return Line("problem", name, f"{version} is too old, needs {bounds}", REINSTALL)
    return Line("ok", name, f"{version} (needs {bounds})")


def _version(name: str) -> str | None:
    """Look up the version of an installed package."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _folder(program: Path) -> str:
    """Name a program's folder, comparable on every system."""
    return os.path.normcase(program.absolute().parent)


def _probed() -> dict:
    """Run `probe` in a process of its own, with something to look at meanwhile."""
    command = [sys.executable, "-c", "from course_utils.commands.doctor import probe; probe()"]
    waiting = "Loading TensorFlow and making a training step, which takes some seconds ..."
    if not errors.is_terminal:
        errors.print(waiting)
    try:
        with errors.status(waiting):
            answer = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {
            "error": f"a tiny training step did not end within {PROBE_SECONDS} s",
            "way_out": "close other programs and try again",
        }
    lines = answer.stdout.splitlines()
    if answer.returncode == 0 and lines:
        return json.loads(lines[-1])
    return _crash(answer.returncode, answer.stderr)


def _crash(code: int, written: str) -> dict[str, str]:
    """Explain a process that ended without an answer."""
    illegal_instruction = (-getattr(signal, "SIGILL", 4), 0xC000001D)
    if code in illegal_instruction:
        return {
            "error": "TensorFlow ended the process: this processor lacks instructions (AVX) it needs",
            "way_out": "run the course on another machine, on Binder or on Colab",
        }
    last = written.strip().splitlines()[-1:] or ["no message"]
    return {
        "error": f"TensorFlow ended the process with code {code}: {last[0]}",
        "way_out": f"{REINSTALL}; `python -c 'import tensorflow'` shows the whole message",
    }
