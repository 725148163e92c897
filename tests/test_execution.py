"""Executing notebooks: how each one ends, what is said about it, and who is left behind."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from processes import has_ended
from rich.console import Console

from course_utils.commands import execution
from course_utils.commands.execution import Job, execute

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

OTHER_PYTHON = {"argv": ["no-such-python", "-f", "{connection_file}"], "display_name": "x", "language": "python"}
# Waits until the other notebook is there, too; with one worker it would wait in vain.
MEET = """
import pathlib, time
pathlib.Path("../{own}").touch()
deadline = time.monotonic() + 30
while not pathlib.Path("../{other}").exists():
    assert time.monotonic() < deadline, "nobody came"
    time.sleep(0.05)
"""
BIG = "import time\nblock = bytearray(400_000_000)\nblock[::4096] = b'x' * len(block[::4096])\ntime.sleep(1)\ndel block"
MACHINE = (
    "import os, sys\nprint(sys.executable)\nprint(os.environ['COURSE_HEADLESS'])\nprint(os.getcwd())\nprint(LIMIT)"
)
DRAWING = "import base64\nfrom IPython.display import Image\nImage(base64.b64decode(b'aGk='), format='png')"
NOTEBOOKS = {
    "first": ["md:# Title\n## Meeting", MEET.format(own="a", other="b")],
    "second": ["md:## Meeting", MEET.format(own="b", other="a"), "md:## Big\n```\n## no heading\n```", BIG],
    "fails": ["md:## Good part", "1", "md:## Bad part", "params:LIMIT = 1", "raise ValueError('one\\ntwo')", "1"],
    "hangs": ["md:## Sleep", "import time", "print('before', flush=True)\ntime.sleep(600)"],
    "dies": ["md:## Crash", "import os\nos._exit(7)"],
    "exits": ["import sys", "sys.exit(0)", "print('never')"],
    "machine": ["params:LIMIT = 1", MACHINE],
    "draws": ["md:## Figure", f"alt:{DRAWING}"],
    "blank": ["md:## Good figure", f"alt:{DRAWING}", "md:## Blank figure", "alt:'no picture'", "1"],
}


def write(path, cells):
    made = []
    for cell in cells:
        kind, _, text = cell.partition(":")
        if kind == "md":
            made.append(new_markdown_cell(text))
        elif kind == "params":
            made.append(new_code_cell(text, metadata={"tags": ["parameters"]}))
        elif kind == "alt":
            made.append(new_code_cell(text, metadata={"alt": "A line that rises."}))
        else:
            made.append(new_code_cell(cell))
    nbformat.write(new_notebook(cells=made), path)
    return path


def job(folder, name, cells, **parameters):
    scratch = folder / "scratch" / name
    scratch.mkdir(parents=True)
    return Job(name, write(folder / f"{name}.ipynb", cells), folder / "out" / f"{name}.ipynb", parameters, scratch)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of all notebooks, two at a time, where "python3" is registered as another interpreter."""
    folder = tmp_path_factory.mktemp("with {braces}")
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps(OTHER_PYTHON))
    changed = {"fails": {"LIMIT": 2}, "machine": {"LIMIT": 5}}
    jobs = [job(folder, name, cells, **changed.get(name, {})) for name, cells in NOTEBOOKS.items()]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        outcomes = execute(jobs, workers=2, cell_timeout=20, title="Running all")
    return {outcome.name: outcome for outcome in outcomes}, printed.getvalue(), folder


def text_of(outcome):
    cells = nbformat.read(outcome.target, 4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


def test_outcomes_come_in_the_order_of_the_jobs(ran):
    assert list(ran[0]) == list(NOTEBOOKS)


def test_two_notebooks_run_at_once(ran):
    assert (ran[0]["first"].status, ran[0]["first"].reason) == ("ok", "")
    assert (ran[0]["second"].status, ran[0]["second"].reason) == ("ok", "")


def test_failure_names_cell_section_and_error_in_one_line(ran):
    outcome = ran[0]["fails"]
    assert outcome.status == "failed"
    # Counted as in the learner's notebook, which lacks the cell that papermill injects.
    assert outcome.reason == "cell 3 (Bad part): ValueError: one"


def test_figure_that_is_not_drawn_fails_its_notebook(ran):
    assert (ran[0]["draws"].status, ran[0]["draws"].reason) == ("ok", "")
    assert ran[0]["blank"].status == "failed"
    assert ran[0]["blank"].reason == "cell 2 (Blank figure): it has a text for a figure, and drew none"


def test_partial_notebook_keeps_outputs_and_error(ran):
    cells = [cell for cell in nbformat.read(ran[0]["fails"].target, 4).cells if cell.cell_type == "code"]
    assert cells[0].outputs[0].data["text/plain"] == "1"
    assert [out.ename for cell in cells for out in cell.outputs if out.output_type == "error"] == ["ValueError"]


def test_hanging_cell_fails_its_notebook_after_the_time_out(ran):
    outcome = ran[0]["hangs"]
    assert (outcome.status, outcome.reason) == ("failed", "cell 2 (Sleep): still running after 20 s")
    assert 10 < outcome.seconds < 60
    assert "before" in text_of(outcome)


def test_partial_notebook_shows_the_time_out_below_its_cell(ran):
    last = nbformat.read(ran[0]["hangs"].target, 4).cells[-1]
    assert last.outputs[-1].evalue == "cell 2 (Sleep): still running after 20 s"


def test_dead_kernel_is_named_with_a_hint(ran):
    outcome = ran[0]["dies"]
    assert outcome.status == "failed"
    assert outcome.reason.startswith("the kernel died in cell 1 (Crash) (exit code 7); often out of memory")


def test_early_exit_is_a_failure(ran):
    outcome = ran[0]["exits"]
    assert (outcome.status, outcome.reason) == ("failed", "cell 2: SystemExit, so the cells after it did not run")


def test_kernel_is_this_interpreter_whatever_is_registered(ran):
    executable, *_ = text_of(ran[0]["machine"]).splitlines()
    assert executable == sys.executable


def test_kernel_gets_headless_its_folder_and_the_parameters(ran):
    _, headless, folder, limit = text_of(ran[0]["machine"]).splitlines()
    assert (headless, limit) == ("1", "5")
    assert Path(folder).samefile(ran[2] / "scratch" / "machine")


def test_peak_memory_sees_a_block_that_is_freed_again(ran):
    small, large = ran[0]["first"].peak_bytes, ran[0]["second"].peak_bytes
    assert small > 20e6
    assert 400e6 < large < 1e9
    assert large - small > 250e6


def test_a_log_gets_plain_lines_with_sections(ran):
    lines = ran[1].splitlines()
    assert lines[0] == "Running all"
    assert "\x1b" not in ran[1]
    own = [line for line in lines if line.startswith("second: ")]
    assert own[:3] == ["second: started", "second: [0/2] Meeting", "second: [1/2] Big"]
    assert own[3].startswith("second: ok after ")
    assert any(line.startswith("fails: failed after ") and line.endswith("ValueError: one") for line in lines)


def test_terminal_shows_a_bar_with_the_current_section(tmp_path, monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"})
    monkeypatch.setattr(execution, "console", screen)
    monkeypatch.setattr("course_utils.commands.console.console", screen)
    cells = ["md:## Is it [red]?", "import time; time.sleep(1)"]
    outcomes = execute([job(tmp_path, "01_bars", cells)], workers=1, cell_timeout=60, title="Running")
    shown = screen.file.getvalue()
    assert outcomes[0].status == "ok"
    assert "01_bars" in shown
    assert "Is it [red]?" in shown
    assert "1/1" in shown
    assert "ok, " in shown


def test_temporary_folder_of_a_job_without_one_is_removed(tmp_path):
    made = job(tmp_path, "where", ["import os; open('left.txt', 'w').close(); print(os.getcwd())"])
    (outcome,) = execute([made._replace(folder=None)], workers=1, cell_timeout=60, title="Running")
    assert outcome.status == "ok"
    assert not Path(text_of(outcome).strip()).exists()


def test_file_that_is_no_notebook_fails_with_a_reason(tmp_path):
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    jobs = [Job("broken", broken, tmp_path / "out.ipynb", {})]
    (outcome,) = execute(jobs, workers=1, cell_timeout=60, title="Running")
    assert outcome.status == "failed"
    assert "\n" not in outcome.reason
    assert "JSON" in outcome.reason


@posix_only
def test_killed_worker_is_a_failure_and_its_kernel_goes_too(tmp_path):
    code = (
        "import os, signal, time\nprint(os.getpid(), flush=True)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(99)"
    )
    jobs = [job(tmp_path, "shot", ["md:## Shot", "open('pid', 'w').write(str(__import__('os').getpid()))", code])]
    (outcome,) = execute(jobs, workers=1, cell_timeout=60, title="Running")
    assert outcome.status == "failed"
    assert outcome.reason.startswith("cell 2 (Shot): the worker process ended (killed by SIGKILL)")
    assert has_ended(int((tmp_path / "scratch" / "shot" / "pid").read_text()))


@posix_only
def test_killed_command_leaves_no_worker_and_no_kernel(tmp_path):
    made = job(tmp_path, "long", ["open('started', 'w').close()", "import time; time.sleep(99)"])
    script = (
        "import sys, pathlib; from course_utils.commands.execution import Job, execute\n"
        "source, target, folder = map(pathlib.Path, sys.argv[1:])\n"
        "execute([Job('long', source, target, {}, folder)], workers=1, cell_timeout=60, title='Running')"
    )
    command = [sys.executable, "-c", script, str(made.source), str(made.target), str(made.folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(lambda: (made.folder / "started").exists())
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(family) >= 2
    assert psutil.wait_procs(family, timeout=15)[1] == []


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
