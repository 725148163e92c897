"""Execute notebooks, each in a worker process of its own, and show how far they are.

A worker runs papermill, which starts the kernel: command → worker → kernel. Workers tell the command over a pipe
what they are doing; the command alone decides when to stop, and leaves no process behind.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .console import console, say
from .editions import holds_image

if TYPE_CHECKING:
    from nbformat import NotebookNode

HEADING = re.compile(r"^#{1,2} +(.+?)[ #]*$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LONGEST_REASON = 600  # characters: the way out stands at the end of a message
OUTPUT_TIMEOUT = 60  # seconds for a cell's outputs to arrive after its end; papermill's 4 s fail on a busy machine
LONGEST_SOCKET_FOLDER = 90  # characters: the system takes 104 to 108 for the whole path of a socket
GRACE = 4.0  # seconds that a worker gets to save its notebook after its kernel was stopped
MEMORY_HINT = "often out of memory: close other programs, or run one chapter at a time (--jobs 1)"


class Job(NamedTuple):
    """One notebook to execute.

    Attributes:
        name: What progress and messages call it.
        source: The notebook; it is only read.
        target: Where the executed notebook goes, saved after every cell, so also the partial one of a failed run.
        parameters: What papermill injects after the cell tagged ``parameters``; nothing when empty.
        folder: The kernel's working directory; a temporary folder when None.
    """

    name: str
    source: Path
    target: Path
    parameters: dict[str, object]
    folder: Path | None = None


class Outcome(NamedTuple):
    """How a job ended.

    Attributes:
        name: The job's name.
        status: "ok", "failed", "interrupted" or "not started".
        reason: One line such as "cell 12 (section): ValueError: ..."; "" when there is nothing to say.
        seconds: From the start of its worker to its end.
        peak_bytes: Largest sum of resident memory over the kernel and the processes it started, as sampled ten times
            a second. Memory that these processes share counts once for each.
        target: The executed notebook, whole or partial; it may be missing when the kernel never started.
    """

    name: str
    status: str
    reason: str
    seconds: float
    peak_bytes: int
    target: Path


class Step(NamedTuple):
    """What a worker says each time something happens.

    Attributes:
        done: Code cells that are finished.
        total: Code cells of the notebook.
        index: Position of the running cell among all cells; -1 before the first.
        place: "cell 12 (section)", counted as the learner counts code cells; "" before the first.
        section: The last heading above the running cell.
        peak_bytes: As in Outcome, so far.
        kernel: Process id of the kernel; 0 before it runs.
        reason: None while the notebook runs; then "" or why it failed.
    """

    done: int = 0
    total: int = 0
    index: int = -1
    place: str = ""
    section: str = ""
    peak_bytes: int = 0
    kernel: int = 0
    reason: str | None = None


@dataclass
class _Worker:
    """The command's side of one running job."""

    job: Job
    process: BaseProcess
    channel: Connection
    started: float
    temporary: str  # a folder for the kernel's sockets and, where the job has none, its working directory
    step: Step = field(default_factory=Step)
    kernel: object = None  # psutil.Process


def execute(jobs: Sequence[Job], *, workers: int, cell_timeout: float, title: str) -> list[Outcome]:
    """Execute notebooks and show their progress.

    Kernels run the interpreter that runs this, whatever kernels are registered for the user, with COURSE_HEADLESS=1
    in their environment. Ctrl-C (or SIGTERM) stops every kernel and worker; this function then still returns.

    Args:
        jobs: What to execute; names must differ.
        workers: How many notebooks may run at once.
        cell_timeout: Seconds after which a cell that still runs fails its notebook.
        title: A line to print above the progress.

    Returns:
        One outcome per job, in the order of the jobs.
    """
    say(title, style="bold")
    waiting, running, outcomes = list(jobs), [], {}
    live = console.is_terminal and not console.is_dumb_terminal
    with _stop_asked() as stop, _Bars(jobs) if live else _Lines() as display:
        try:
            while (waiting or running) and not stop.is_set():
                while waiting and len(running) < workers and not stop.is_set():
                    running.append(_start(waiting.pop(0), cell_timeout))
                    display.start(running[-1].job.name)
                # The time-out lets a signal through on Windows, too.
                wait([end for worker in running for end in (worker.channel, worker.process.sentinel)], timeout=0.2)
                for worker in list(running):
                    _receive(worker, display)
                    if worker.step.reason is not None or not worker.process.is_alive():
                        running.remove(worker)
                        outcomes[worker.job.name] = _finish(worker, display)
        finally:
            # Also reached by an error in the loop: no process may stay behind.
            for worker in _stop(running):
                outcomes[worker.job.name] = _interrupted(worker, display)
    for job in waiting:
        outcomes[job.name] = Outcome(job.name, "not started", "", 0.0, 0, job.target)
    return [outcomes[job.name] for job in jobs]


def size_text(size: int) -> str:
    """Write a memory size as a reader likes it: "1.23 GB", "340 MB"."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


@contextlib.contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that stopping is never itself cut short."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # Python takes signals in the main thread only
        return
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in earlier:
        signal.signal(number, lambda *_: asked.set())
    try:
        yield asked
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _start(job: Job, cell_timeout: float) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # Made here and not in the worker, which may be killed.
    temporary = tempfile.mkdtemp(prefix="k")
    arguments = (job, cell_timeout, theirs, temporary)
    process = context.Process(target=_work, args=arguments, name=job.name, daemon=True)
    # A terminal sends Ctrl-C to the worker as well, which must leave it to the command, from its first moment on.
    with _ignoring_interrupts():
        process.start()
    theirs.close()
    return _Worker(job, process, ours, time.monotonic(), temporary)


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _receive(worker: _Worker, display: _Bars | _Lines | None) -> None:
    """Take in what the worker has said since the last look."""
    import psutil

    try:
        while worker.channel.poll():
            worker.step = worker.channel.recv()
            if worker.step.kernel and worker.kernel is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kernel = psutil.Process(worker.step.kernel)
            if display and worker.step.reason is None:
                display.step(worker.job.name, worker.step)
    except (EOFError, OSError):
        pass  # its end is closed: the process is ending


def _finish(worker: _Worker, display: _Bars | _Lines) -> Outcome:
    """Turn an ended worker into an outcome, and make sure that its kernel has ended, too."""
    worker.process.join(GRACE)
    _receive(worker, None)
    _kill_all([worker])
    reason = worker.step.reason
    if reason is None:
        where = worker.step.place or "before the first cell"
        end = _ending(worker.process.exitcode)
        reason = f"{where}: the worker process ended ({end}); {MEMORY_HINT}"
    outcome = _outcome(worker, "failed" if reason else "ok", reason)
    display.end(outcome)
    return outcome


def _interrupted(worker: _Worker, display: _Bars | _Lines) -> Outcome:
    if worker.step.reason == "":
        outcome = _outcome(worker, "ok", "")  # it ended just before it was stopped
    else:
        outcome = _outcome(worker, "interrupted", f"stopped in {worker.step.place or 'start-up'}")
    display.end(outcome)
    return outcome


def _outcome(worker: _Worker, status: str, reason: str) -> Outcome:
    worker.channel.close()
    shutil.rmtree(worker.temporary, ignore_errors=True)
    if reason:
        _show_reason_in_notebook(worker.job.target, worker.step.index, reason)
    seconds = time.monotonic() - worker.started
    return Outcome(worker.job.name, status, reason, seconds, worker.step.peak_bytes, worker.job.target)


def _stop(running: Sequence[_Worker]) -> Sequence[_Worker]:
    """Stop kernels first, which lets the workers save what they have, then the workers."""
    deadline = time.monotonic() + GRACE
    while any(worker.process.is_alive() for worker in running) and time.monotonic() < deadline:
        for worker in running:
            # Again and again, as a worker may be about to start its kernel.
            for process in _descendants(worker):
                _kill(process)
        time.sleep(0.1)
    for worker in running:
        _receive(worker, None)
    _kill_all(running)
    return running


def _kill_all(workers: Sequence[_Worker]) -> None:
    import psutil

    for worker in workers:
        if worker.process.is_alive():
            with contextlib.suppress(psutil.Error):
                psutil.Process(worker.process.pid).suspend()  # so that it cannot start a kernel meanwhile
        processes = _descendants(worker)
        worker.process.kill()
        for process in processes:
            _kill(process)
        worker.process.join()
        psutil.wait_procs(processes, timeout=GRACE)


def _descendants(worker: _Worker) -> list:
    """List what a worker started; a kernel whose worker is dead already is known by its own id."""
    import psutil

    found = []
    with contextlib.suppress(psutil.Error):
        if worker.process.is_alive():
            found += psutil.Process(worker.process.pid).children(recursive=True)
    with contextlib.suppress(psutil.Error):
        if worker.kernel is not None and worker.kernel.is_running():
            found += [worker.kernel, *worker.kernel.children(recursive=True)]
    return found


def _kill(process) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        process.kill()


def _ending(exit_code: int | None) -> str:
    """Say how a process ended: "exit code 3" or "killed by SIGKILL"."""
    if exit_code is not None and exit_code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _show_reason_in_notebook(target: Path, index: int, reason: str) -> None:
    """Put a reason that is no Python exception (time-out, dead kernel) below the cell where the run stopped."""
    import nbformat

    try:
        notebook = nbformat.read(target, nbformat.NO_CONVERT)
        errors = [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
        # A cell past its time-out may hold the KeyboardInterrupt that stopped it, which explains nothing.
        if index >= 0 and not any(out.ename in reason for out in errors):
            error = nbformat.v4.new_output("error", ename="Stopped", evalue=reason, traceback=[reason])
            notebook.cells[index].outputs.append(error)
            nbformat.write(notebook, target)
    except (OSError, ValueError, AttributeError, IndexError):
        pass  # there is no notebook, or only half of one: the reason is printed anyway


class _Bars:
    """One progress bar per job, for a terminal."""

    def __init__(self, jobs: Sequence[Job]):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, table_column=one_line),
            console=console,
            expand=True,
        )
        self.tasks = {job.name: self.progress.add_task(job.name, start=False, total=None, note="") for job in jobs}

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *_):
        self.progress.stop()

    def start(self, name: str) -> None:
        self.progress.start_task(self.tasks[name])
        self.progress.update(self.tasks[name], note="starting")

    def step(self, name: str, step: Step) -> None:
        self.progress.update(self.tasks[name], completed=step.done, total=step.total, note=step.section)

    def end(self, outcome: Outcome) -> None:
        task = self.tasks[outcome.name]
        note = outcome.reason and f"{outcome.status}: {outcome.reason}"
        self.progress.update(task, note=note or f"{outcome.status}, {size_text(outcome.peak_bytes)}")
        if outcome.status == "ok":
            total = next(each.total for each in self.progress.tasks if each.id == task)
            self.progress.update(task, completed=total)
        self.progress.stop_task(task)


class _Lines:
    """Plain lines, for a log: each start, each new section, each end."""

    def __init__(self):
        self.sections: dict[str, str] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def start(self, name: str) -> None:
        say(f"{name}: started")

    def step(self, name: str, step: Step) -> None:
        if step.section != self.sections.get(name, ""):
            self.sections[name] = step.section
            say(f"{name}: [{step.done}/{step.total}] {step.section}")

    def end(self, outcome: Outcome) -> None:
        reason = f": {outcome.reason}" if outcome.reason else ""
        cost = f"{outcome.seconds:.1f} s, {size_text(outcome.peak_bytes)}"
        say(f"{outcome.name}: {outcome.status} after {cost}{reason}")


def _work(job: Job, cell_timeout: float, channel: Connection, temporary: str) -> None:
    """Run one job: the whole life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _silence()
    os.environ["COURSE_HEADLESS"] = "1"
    memory = _MemoryWatch(temporary)
    memory.start()
    tracker = _Tracker(channel, memory)
    try:
        reason = _run_notebook(job, cell_timeout, tracker, temporary)
    except Exception as error:
        reason = _one_line(f"{tracker.step.place or 'before the first cell'}: {type(error).__name__}: {error}")
    memory.finish()
    tracker.send(reason=reason)


def _silence() -> None:
    """Keep papermill's and the kernel's own chatter off the terminal, where the progress stands."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def _run_notebook(job: Job, cell_timeout: float, tracker: _Tracker, temporary: str) -> str:
    """Execute a notebook with papermill.

    Returns:
        "" or the reason of its failure, in one line.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    job.target.parent.mkdir(parents=True, exist_ok=True)
    manager_class, managers = _own_interpreter(temporary)
    try:
        executed = papermill.execute_notebook(
            _without_braces(job.source),
            _without_braces(job.target),
            parameters=job.parameters,
            kernel_name="python3",
            language="python",
            cwd=str(job.folder or temporary),
            progress_bar=False,
            # From here on: traits of nbclient's NotebookClient.
            kernel_manager_class=manager_class,
            timeout_func=lambda cell: cell_timeout,
            iopub_timeout=OUTPUT_TIMEOUT,
            coalesce_streams=True,
            on_notebook_start=lambda notebook: tracker.kernel_started(notebook, managers[-1].provisioner.pid),
            on_cell_start=tracker.cell_starts,
        )
    except PapermillExecutionError as error:
        place = tracker.places.get(error.cell_index, tracker.step.place)
        tracker.step = tracker.step._replace(index=error.cell_index)
        return _one_line(f"{place}: {error.ename}: {_first_line(error.evalue)}")
    except CellTimeoutError as error:
        if "IOPub" in str(error):
            return f"{tracker.step.place}: its outputs did not arrive within {OUTPUT_TIMEOUT} s"
        return f"{tracker.step.place}: still running after {cell_timeout:g} s"
    except DeadKernelError:
        return f"the kernel died in {tracker.step.place} ({_kernel_ending(managers)}); {MEMORY_HINT}"
    if tracker.seen < len(executed.cells):
        # papermill takes sys.exit() for a wish to end early and well.
        return f"{tracker.step.place}: SystemExit, so the cells after it did not run"
    for index, cell in enumerate(executed.cells):
        if "alt" in cell.metadata and not holds_image(cell):
            return f"{tracker.places.get(index, 'a text cell')}: it has a text for a figure, and drew none"
    return ""


def _own_interpreter(temporary: str) -> tuple[type, list]:
    """Make a kernel manager class that knows no kernel but this interpreter's, and needs no network.

    Where the system has them, kernel and worker talk over files instead of TCP: these work even in a process that is
    cut off from every network, its own loopback included.

    jupyter_client prefers a registered "python3", in the user's home or the environment, whose kernel.json may name
    any interpreter. Without folders to search it falls back to ipykernel run by sys.executable.

    Args:
        temporary: A folder for those files, which others remove.

    Returns:
        The class, and a list to which it adds its instances.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    managers = []

    class OwnInterpreterManager(AsyncKernelManager):
        def __init__(self, **options):
            only_native = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
            options = {**options, "connection_file": str(Path(temporary) / "kernel.json")}
            if os.name == "posix" and len(temporary) < LONGEST_SOCKET_FOLDER:
                options = {**options, "transport": "ipc", "ip": f"{temporary}/kernel"}
            super().__init__(**{**options, "kernel_spec_manager": only_native})
            managers.append(self)

    return OwnInterpreterManager, managers


def _kernel_ending(managers: list) -> str:
    process = managers[-1].provisioner.process if managers and managers[-1].provisioner else None
    return _ending(process.poll()) if process else "exit code unknown"


def _without_braces(path: Path) -> str:
    """Keep papermill from reading braces in a path as parameters."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def _first_line(text: str) -> str:
    return next((line.strip() for line in COLOURS.sub("", text).splitlines() if line.strip()), "")


def _one_line(text: str) -> str:
    line = _first_line(text).removesuffix(": ").rstrip(":")
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


class _Tracker:
    """Follows one notebook from inside its worker, and tells the command where it is."""

    def __init__(self, channel: Connection, memory: _MemoryWatch):
        self.channel, self.memory = channel, memory
        self.step = Step()
        self.places: dict[int, str] = {}
        self.seen = self.code_cells = 0

    def send(self, **changes) -> None:
        self.step = self.step._replace(peak_bytes=self.memory.peak_bytes, **changes)
        self.channel.send(self.step)

    def kernel_started(self, notebook: NotebookNode, process_id: int) -> None:
        total = sum(cell.cell_type == "code" for cell in notebook.cells)
        self.send(total=total, kernel=process_id)

    def cell_starts(self, cell: NotebookNode, cell_index: int) -> None:
        """Take note of a cell; nbclient calls this for text cells, too."""
        self.seen = cell_index + 1
        if cell.cell_type == "markdown":
            headings = HEADING.findall(FENCED.sub("", cell.source))
            self.step = self.step._replace(section=headings[-1] if headings else self.step.section)
        elif cell.cell_type == "code":
            self._code_starts(cell, cell_index)

    def _code_starts(self, cell: NotebookNode, index: int) -> None:
        section = f" ({self.step.section})" if self.step.section else ""
        if "injected-parameters" in cell.metadata.get("tags", []):
            place = f"the cell of passed parameters{section}"  # the learner's notebook does not have it
        else:
            self.code_cells += 1
            place = f"cell {self.code_cells}{section}"
        self.places[index] = place
        self.send(done=len(self.places) - 1, index=index, place=place)


class _MemoryWatch(threading.Thread):
    """Samples the memory of everything that the worker started.

    Attributes:
        peak_bytes: The largest sum so far.
    """

    INTERVAL = 0.1  # seconds
    LOOKS_PER_SEARCH = 10  # listing all processes of a machine takes longer than reading the memory of a few

    def __init__(self, temporary: str):
        super().__init__(daemon=True)
        self.peak_bytes, self._temporary = 0, temporary
        self._done = threading.Event()

    def run(self) -> None:
        import psutil

        parent, own, kernel_tree, looks = multiprocessing.parent_process(), psutil.Process(), [], 0
        while not self._done.wait(self.INTERVAL):
            if looks % self.LOOKS_PER_SEARCH == 0 or not kernel_tree:
                if parent is not None and not parent.is_alive():
                    self._abandon(own)
                kernel_tree = own.children(recursive=True)
            looks += 1
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident, kernel_tree)))

    def finish(self) -> None:
        """Stop sampling."""
        self._done.set()
        self.join()

    def _abandon(self, own) -> None:
        """End at once: the command was killed, and nobody waits for this worker."""
        for process in own.children(recursive=True):
            _kill(process)
        shutil.rmtree(self._temporary, ignore_errors=True)
        os._exit(1)


def _resident(process) -> int:
    import psutil

    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
