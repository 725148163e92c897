"""The command `course lab`: the learner's own copies of the notebooks, opened in JupyterLab."""

import contextlib
import hashlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from . import chapters
from .chapters import ROOT
from .console import fail, say
from .files import write_whole

FOLDER = "my_notebooks"
RECORD = ".editions.json"
FIRST_PORT = 8888
NUM_PORTS = 100
# JupyterLab's question about news, which would fetch them, and nbgrader's panels for teachers, which the tests install.
DISABLED = {"@jupyterlab/apputils-extension:announcements": True, "@jupyter/nbgrader": True}


def lab(
    chapter: Annotated[
        str | None,
        typer.Argument(help="Chapter to open, by number or name: 1, 01, 01_basics, A1.", show_default="the first"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port of the server. Without it the first free one from 8888 on is taken.",
            show_default=False,
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address and open no browser.")] = False,
) -> None:
    """Open a chapter in JupyterLab, on a copy that is your own.

    The notebooks are copied to `my_notebooks/` and opened there, so nothing you write is ever
    overwritten: an update of the course replaces only copies that you have not changed. Where a
    newer edition of a chapter of yours has come, you are told, and how to take it.

    The server answers on this computer only. Ctrl-C in this window ends it: save your notebooks
    first.

    Exit code: the server's own; 1 or 2 with a message when it could not be started.

    **Examples:**

    - `course lab`: the first chapter

    - `course lab 3`: chapter 03

    - `course lab A1 --port 9000`: an appendix, at a port of your choice

    - `course lab 2 --no-browser`: prints the address, for you to open
    """
    if importlib.util.find_spec("jupyterlab") is None:
        fail(
            f"JupyterLab is not installed for the Python that runs here, {sys.executable}. "
            "Run `python -m pip install -r requirements.txt` in the course's folder, "
            "or open the notebooks in notebooks/ with another program."
        )
    try:
        notebook = notebook_of(chapter, ROOT)
        free_port = choose_port(port)
        lines = bring_up_to_date(ROOT)
    except ValueError as error:
        fail(str(error), code=2)
    except OSError as error:
        fail(
            f"{FOLDER}/ cannot be filled: {error}. Free the folder or the disk for writing and run "
            "`course lab` again; nothing of yours was changed."
        )
    lines.append(f"Starting JupyterLab on {FOLDER}/{notebook} at port {free_port}. Ctrl-C here ends it.")
    for line in lines:
        say(line)
    with kernel_environment() as environment:
        code = serve(command_line(notebook, free_port, not no_browser, ROOT), environment)
    raise typer.Exit(code)


def notebook_of(wanted: str | None, root: Path = ROOT) -> str:
    """Find the notebook to open.

    Args:
        wanted: Chapter as the learner names it; None for the first.
        root: The project's folder.

    Returns:
        The notebook's file name, the same in `notebooks/` and in the learner's folder.

    Raises:
        ValueError: No chapter is called so, or it is not built.
    """
    selected = chapters.select([] if wanted is None else [wanted], root)
    built = [chapter for chapter in selected if chapter.learner.is_file()]
    if not built:
        what = f"Chapter {selected[0].id} is" if wanted else "The chapters are"
        raise ValueError(
            f"{what} not built: {root / 'notebooks'} does not hold the notebook. "
            "Run `course build` first, or get the folder back with `git checkout notebooks`."
        )
    return built[0].learner.name


def bring_up_to_date(root: Path = ROOT) -> list[str]:
    """Copy new and newer notebooks into the learner's folder, and leave all work of theirs alone.

    A copy counts as untouched only when it is byte for byte what was copied, by the record kept in
    the folder. Without that record every copy counts as the learner's work.

    Args:
        root: The project's folder.

    Returns:
        One sentence for each thing that the learner should know.

    Raises:
        OSError: The folder cannot be read or written.
    """
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    record, lines = _read_record(folder / RECORD)
    new = []
    for edition in sorted((root / "notebooks").glob("*.ipynb")):
        copy = folder / edition.name
        content = edition.read_bytes()
        found = decide(
            _sha256(content),
            _sha256(copy.read_bytes()) if copy.exists() else None,
            record.get(edition.name),
        )
        if found in ("new", "untouched"):
            write_whole(copy, content)
        if found == "new":
            new.append(edition.name)
        elif found in SENTENCES:
            lines.append(f"{FOLDER}/{edition.name}: {SENTENCES[found]}")
        if found != "newer":
            record[edition.name] = _sha256(content)
    write_whole(folder / RECORD, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
    if new:
        lines.insert(0, f"Copied to {FOLDER}/: {', '.join(new)}.")
    return lines


TAKE_IT = "To take it, rename yours and run `course lab` again: the new one is then copied beside it."
SENTENCES = {
    "untouched": "replaced by its newer edition; you had not changed it.",
    "newer": f"a newer edition has come, yours is kept. {TAKE_IT}",
    "unknown": (
        "yours is kept; it differs from the course's edition, and which one it was copied from is "
        f"not on record. {TAKE_IT}"
    ),
}


def decide(edition: str, copy: str | None, recorded: str | None) -> str:
    """Tell how a learner's copy stands to the course's edition.

    Args:
        edition: Hash of the course's notebook.
        copy: Hash of the learner's; None where there is none.
        recorded: Hash of the edition that was copied; None where that is not known.

    Returns:
        "new" (no copy yet), "same", "untouched" (by the learner, and the course has a newer
        edition), "own" (the learner's work on the present edition), "newer" (the learner's work on
        an earlier one) or "unknown" (the learner's work on some edition).
    """
    if copy is None:
        return "new"
    if copy == edition:
        return "same"
    if copy == recorded:
        return "untouched"
    if recorded is None:
        return "unknown"
    return "own" if recorded == edition else "newer"


def choose_port(wanted: int | None) -> int:
    """Choose the server's port.

    Args:
        wanted: The learner's wish; None for the first free one from 8888 on.

    Returns:
        A port that was free a moment ago.

    Raises:
        ValueError: It is in use, or not for ordinary users, or none is free.
    """
    free = (port for port in range(FIRST_PORT, FIRST_PORT + NUM_PORTS) if not _port_problem(port))
    if wanted is None:
        chosen = next(free, None)
        if chosen is None:
            raise ValueError(
                f"No port from {FIRST_PORT} to {FIRST_PORT + NUM_PORTS - 1} is free. "
                "Pass one with --port, or end servers that you no longer need."
            )
        return chosen
    problem = _port_problem(wanted)
    if problem:
        other = next(free, None)
        way_out = f"Pass --port {other}" if other else "Pass another port"
        raise ValueError(f"Port {wanted} {problem}. {way_out}, or no --port and a free one is taken.")
    return wanted


def command_line(notebook: str, port: int, browser: bool, root: Path = ROOT) -> list[str]:
    """Put together the command that starts JupyterLab.

    Args:
        notebook: File name in the learner's folder.
        port: Port to listen on.
        browser: Whether a browser is opened.
        root: The project's folder, which the server shows.

    Returns:
        The command; the interpreter that runs here starts it.
    """
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{FOLDER}/{quote(notebook)}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--log-level=WARN",  # the address is shown at this level, the bookkeeping is not
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root
    return command


@contextlib.contextmanager
def kernel_environment() -> Iterator[dict[str, str]]:
    """Prepare the server's environment: the kernel "python3" is this interpreter, and no panel is in the way.

    A kernel of that name from another installation, in the user's own Jupyter folder for example,
    would otherwise run the chapters without the course's packages.

    Yields:
        Environment variables; what they point to lives as long as the block.
    """
    from ipykernel.kernelspec import write_kernel_spec

    with tempfile.TemporaryDirectory(prefix="course-lab-") as folder:
        write_kernel_spec(Path(folder) / "kernels" / "python3")
        page_config = Path(folder) / "labconfig" / "page_config.json"
        page_config.parent.mkdir()
        page_config.write_text(json.dumps({"disabledExtensions": DISABLED}), encoding="utf-8")
        yield {
            **os.environ,
            "JUPYTER_CONFIG_PATH": _joined(folder, os.environ.get("JUPYTER_CONFIG_PATH")),
            "JUPYTER_PATH": _joined(folder, os.environ.get("JUPYTER_PATH")),
            # `course`, typed in a notebook or in JupyterLab's terminal, is then the one of here.
            "PATH": _joined(str(Path(sys.executable).parent), os.environ.get("PATH")),
        }


def serve(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run the server until it ends or somebody ends it.

    Ctrl-C, a closed terminal and a polite `kill` make it shut its kernels down and end; each
    repetition is less patient.

    Args:
        command: What to run.
        environment: Environment variables for it.

    Returns:
        The server's exit code.
    """
    posix = os.name == "posix"
    # In a group of its own the server gets each signal once, from here, and not from the terminal
    # as well; on Windows the console sends Ctrl-C to both. Without an input it asks no question.
    with _ends_as_interrupts():
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            process_group=0 if posix else None,
        )
        interrupt = (lambda: process.send_signal(signal.SIGINT)) if posix else (lambda: None)
        for stop in (interrupt, process.terminate, process.kill):
            try:
                return _exit_code(process.wait())
            except KeyboardInterrupt:
                stop()
        return _exit_code(process.wait())


@contextlib.contextmanager
def _ends_as_interrupts() -> Iterator[None]:
    """Let a polite `kill` and a closed terminal raise KeyboardInterrupt, as Ctrl-C does."""
    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # An ignored one stays ignored: that is what nohup is for.
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(code: int) -> int:
    """Give an exit code as a shell does, where death by a signal is 128 and its number."""
    return code if code >= 0 else 128 - code


def _read_record(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read which edition each copy was made from; a damaged record counts as none."""
    try:
        record = json.loads(path.read_bytes())
        if not isinstance(record, dict):
            raise ValueError
    except FileNotFoundError:
        return {}, []
    except ValueError:  # also broken JSON and broken UTF-8
        return {}, [f"{FOLDER}/{RECORD} was damaged and is written anew; your notebooks are kept."]
    return {name: value for name, value in record.items() if isinstance(value, str)}, []


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _port_problem(port: int) -> str:
    """Say what stands against listening on a port of this computer, or "" where nothing does."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return "is in use"
    with socket.socket() as probe:
        if os.name == "posix":
            # As the server does it: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "is reserved by the system"
        except OSError:
            return "is in use"
    return ""


def _joined(first: str, rest: str | None) -> str:
    """Put a folder in front of a search path."""
    return f"{first}{os.pathsep}{rest}" if rest else first
