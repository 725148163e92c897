"""What the chapters run on, in one sentence, and TensorFlow set up before its first use."""

import contextlib
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# Why no GPU is used, as the end of a sentence. Sources: TensorFlow's release notes (2.11) and its
# install page; for tensorflow-metal 92686 and 126380 of tensorflow/tensorflow, 140 of
# keras-team/tf-keras.
NO_GPU = {
    "apple": (
        "the Mac's own GPU is left out, because Apple's add-on for it, tensorflow-metal, does not "
        "load with present TensorFlow versions and computed wrong results with earlier ones"
    ),
    "windows": (
        "a GPU is left out, because TensorFlow has supported none on Windows itself since "
        "version 2.11: run the course inside WSL2 to use one"
    ),
    "no cuda": (
        "the NVIDIA GPU here is left out, because the CUDA libraries are not installed: run "
        "`python -m pip install -e '.[gpu]'` in the course's folder and restart the kernel"
    ),
    "driver": (
        "the NVIDIA GPU here is left out, because TensorFlow could not start it: "
        "its driver is probably too old, so update it"
    ),
    "hidden": (
        "the NVIDIA GPU here is left out, because the variable CUDA_VISIBLE_DEVICES hides it: "
        "remove that variable and restart the kernel"
    ),
}
TOO_LATE = (
    "TensorFlow was in use before this cell, so it may take all of the GPU's memory: "
    "restart the kernel and run this cell first."
)


class Device(NamedTuple):
    """What TensorFlow computes on.

    Attributes:
        kind: "gpu" or "cpu".
        names: The GPUs' names, empty for a CPU.
        cores: Number of CPU cores that this process may use.
        sentence: What the learner is told.
    """

    kind: str
    names: tuple[str, ...]
    cores: int
    sentence: str


def prepare() -> Device:
    """Set TensorFlow up and print what runs here and what it means for waiting times.

    Call it in a chapter's first code cell, before Keras is imported. A second call changes nothing.

    Returns:
        What was found.

    Raises:
        ImportError: TensorFlow is missing or does not load; the message says what to do.
    """
    device = detect()
    print(device.sentence)
    return device


def detect() -> Device:
    """Do what `prepare` does without printing the sentence.

    Returns:
        What was found.

    Raises:
        ImportError: TensorFlow is missing or does not load; the message says what to do.
    """
    # Keras may be configured for another backend by other work; the chapters use TensorFlow's tape.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Some versions of Keras provoke this warning of numpy's when they are imported.
    warnings.filterwarnings("ignore", message="In the future `np.object`", category=FutureWarning)
    # Information and warnings off, errors on: a real error later in a chapter must stay visible.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    tf = _tensorflow()
    with _caught_stderr([]):
        gpus = tf.config.list_physical_devices("GPU")
        in_time = _set_up(tf, gpus)
        names = () if platform.system() == "Darwin" else tuple(_name(tf, gpu) for gpu in gpus)
        tf.constant(0.0)  # the first operation starts the runtime, which logs too
        with tf.device("CPU:0"):  # logs an "error" once, on most CPUs, wherever a layer gets a mask
            tf.transpose(tf.constant([[True, False], [False, True]]))
    tf.get_logger().setLevel("ERROR")  # its hints on speed ("retracing") help no learner
    cores = cpu_cores()
    sentence = describe(names, cores, "" if names else why_no_gpu())
    if not in_time:
        sentence = f"{sentence} {TOO_LATE}"
    return Device("gpu" if names else "cpu", names, cores, sentence)


def describe(names: Sequence[str], cores: int, reason: str = "") -> str:
    """Say what runs here and what it means for waiting times.

    Args:
        names: The GPUs' names, empty for a CPU.
        cores: Number of CPU cores.
        reason: Why no GPU is used, a key of `NO_GPU`; empty where there is nothing to explain.

    Returns:
        One sentence. The times in the chapters' headers are for a CPU with two cores.
    """
    if names:
        listing = ", ".join(names)
        which = listing if len(names) == 1 else f"the first of {len(names)} GPUs ({listing})"
        return (
            f"Training runs on {which}: small networks take about the minutes written in a "
            "chapter's header, large ones far fewer."
        )
    if cores == 1:
        text = "Training runs on the CPU (1 core): a chapter takes up to twice the minutes written in its header"
    else:
        fewer = " or fewer" if cores > 2 else ""
        text = (
            f"Training runs on the CPU ({cores} cores): a chapter takes about the minutes written in its header{fewer}"
        )
    return f"{text}; {NO_GPU[reason]}." if reason else f"{text}."


def why_no_gpu() -> str:
    """Find out why TensorFlow has no GPU to use.

    Returns:
        A key of `NO_GPU`, or "" where there is nothing to explain.
    """
    system = platform.system()
    if system == "Darwin":
        return "apple" if platform.machine() == "arm64" else ""
    if system == "Windows":
        return "windows"
    if not _nvidia_gpu_present():
        return ""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return "hidden"
    return "driver" if _cuda_installed() else "no cuda"


def cpu_cores() -> int:
    """Count the CPU cores that this process may use.

    Returns:
        At least 1. A limit set from outside counts too (a container's share, as on Binder), which
        the operating system's own number leaves out.
    """
    import joblib

    return max(1, joblib.cpu_count())


def _tensorflow() -> ModuleType:
    """Import TensorFlow without its log lines, which it writes whatever its own settings say."""
    caught = []
    try:
        with _caught_stderr(caught):
            import tensorflow
    except Exception as error:
        raise ImportError(_what_to_do(error, "".join(caught).strip())) from error
    return tensorflow


def _what_to_do(error: Exception, written: str) -> str:
    """Say why TensorFlow could not be imported, what to do, and what it wrote meanwhile."""
    if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow":
        return (
            f"TensorFlow is not installed for the Python that runs here, {sys.executable}. "
            "Choose the kernel of the course's environment, or run "
            "`python -m pip install -r requirements.txt` in the course's folder and restart "
            "the kernel."
        )
    system = platform.system()
    if system == "Darwin" and "metal" in f"{error} {written}".lower():
        advice = (
            "The add-on tensorflow-metal does not fit this TensorFlow: "
            "run `python -m pip uninstall tensorflow-metal` and restart the kernel."
        )
    elif system == "Windows" and "DLL load failed" in str(error):
        advice = (
            "Install the Microsoft Visual C++ Redistributable (x64), which TensorFlow needs on "
            "Windows, and restart the kernel."
        )
    else:
        advice = (
            "Run `python -m pip install --force-reinstall -r requirements.txt` in the course's "
            "folder and restart the kernel; `course doctor` shows what is installed."
        )
    # A linker's message can be pages long: its beginning says what is wrong, the log's end why.
    log = f"\nWhat TensorFlow wrote meanwhile:\n{written[-2000:]}" if written else ""
    return f"TensorFlow did not load: {type(error).__name__}: {str(error)[:600]}. {advice}{log}"


@contextlib.contextmanager
def _caught_stderr(caught: list[str]) -> Iterator[None]:
    """Point file descriptor 2 at a temporary file, and back afterwards.

    C++ code writes to the descriptor, past `sys.stderr`; in a notebook ipykernel reads the
    descriptor and shows it.

    Args:
        caught: Gets what was written, as its last item.
    """
    with tempfile.TemporaryFile() as file:
        _flush_stderr()
        try:
            kept = os.dup(2)
        except OSError:  # no standard error at all, as in a windowed or detached process
            kept = None
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            if kept is None:
                os.close(2)
            else:
                os.dup2(kept, 2)
                os.close(kept)
            file.seek(0)
            caught.append(file.read().decode(errors="replace"))


def _flush_stderr() -> None:
    """Send what Python still holds for standard error to where it belongs by now."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # None, broken or closed
        sys.stderr.flush()


def _set_up(tf: ModuleType, gpus: Sequence) -> bool:
    """Make TensorFlow take a GPU's memory as it needs it, and leave Apple's GPU alone.

    Returns:
        False where TensorFlow was already running, so that its settings stand.
    """
    try:
        if platform.system() == "Darwin" and gpus:
            tf.config.set_visible_devices([], "GPU")
            return True
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except (RuntimeError, ValueError):  # already running; ValueError where the learner split a GPU
        return False
    return True


def _name(tf: ModuleType, gpu) -> str:
    """Give a GPU's name as its maker does, or TensorFlow's name for it."""
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("device_name") or gpu.name.removeprefix("/physical_device:")


def _nvidia_gpu_present() -> bool:
    """Tell whether the driver lists an NVIDIA GPU; many images carry its tool without one."""
    cards = Path("/proc/driver/nvidia/gpus")
    if cards.is_dir() and any(cards.iterdir()):
        return True
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listing.returncode == 0 and "GPU " in listing.stdout


def _cuda_installed() -> bool:
    """Tell whether the CUDA libraries of the extra `gpu` are installed."""
    try:
        return importlib.util.find_spec("nvidia.cudnn") is not None
    except ModuleNotFoundError:
        return False
