"""`course lab`: the learner's copies, the port, and a real server."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests
from processes import command_of
from typer.testing import CliRunner

from course_utils.commands import app, lab


@pytest.fixture
def project(tmp_path):
    """A project of two chapters, built."""
    for folder in ("chapters", "notebooks"):
        (tmp_path / folder).mkdir()
    for name in ("01_basics", "02_mlp"):
        (tmp_path / "chapters" / f"{name}.py").touch()
        publish(tmp_path, name, "first edition")
    return tmp_path


@pytest.fixture
def listening():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def publish(project, name, text):
    """Write an edition of a chapter as `course build` would."""
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (project / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def course(project, monkeypatch, *arguments):
    """Run `course lab` up to the start of the server; returns the result and what would start."""
    started = []

    def serve(command, environment):
        started.append((command, environment))
        return 0

    monkeypatch.setattr(lab, "ROOT", project)
    monkeypatch.setattr(lab, "serve", serve)
    return CliRunner().invoke(app, ["lab", *arguments]), started


def said(result):
    """What the command printed, without line breaks of its own."""
    return " ".join(result.output.split())


def test_first_start_copies_every_notebook_and_says_so(project):
    lines = lab.bring_up_to_date(project)
    assert lines == ["Copied to my_notebooks/: 01_basics.ipynb, 02_mlp.ipynb."]
    for name in ("01_basics.ipynb", "02_mlp.ipynb"):
        copy = project / "my_notebooks" / name
        assert copy.read_bytes() == (project / "notebooks" / name).read_bytes()


def test_second_start_says_and_changes_nothing(project):
    lab.bring_up_to_date(project)
    before = {path: path.stat().st_mtime_ns for path in (project / "my_notebooks").glob("*.ipynb")}
    assert lab.bring_up_to_date(project) == []
    after = {path: path.stat().st_mtime_ns for path in (project / "my_notebooks").glob("*.ipynb")}
    assert after == before


def test_untouched_copy_follows_a_newer_edition(project):
    lab.bring_up_to_date(project)
    publish(project, "01_basics", "second edition")
    assert lab.bring_up_to_date(project) == [
        "my_notebooks/01_basics.ipynb: replaced by its newer edition; you had not changed it."
    ]
    assert "second edition" in (project / "my_notebooks" / "01_basics.ipynb").read_text()
    assert lab.bring_up_to_date(project) == []


def test_own_work_on_the_present_edition_is_left_alone_silently(project):
    lab.bring_up_to_date(project)
    mine = project / "my_notebooks" / "01_basics.ipynb"
    mine.write_text("my work")
    assert lab.bring_up_to_date(project) == []
    assert mine.read_text() == "my work"


def test_own_work_survives_a_newer_edition_which_is_announced_until_it_is_taken(project):
    lab.bring_up_to_date(project)
    mine = project / "my_notebooks" / "01_basics.ipynb"
    mine.write_text("my work")
    publish(project, "01_basics", "second edition")
    for _ in range(2):
        (line,) = lab.bring_up_to_date(project)
        assert "01_basics.ipynb: a newer edition has come, yours is kept." in line
        assert "rename yours and run `course lab` again" in line
        assert mine.read_text() == "my work"
    mine.rename(mine.with_name("01_mine.ipynb"))
    assert lab.bring_up_to_date(project) == ["Copied to my_notebooks/: 01_basics.ipynb."]
    assert "second edition" in mine.read_text()
    assert mine.with_name("01_mine.ipynb").read_text() == "my work"


@pytest.mark.parametrize(
    "damage",
    [None, b"", b"{", b"[1]", b"\xff\xfe", b'{"01_basics.ipynb": 3}', b'{"01_basics.ipynb": null}'],
)
def test_lost_or_damaged_record_loses_no_work(project, damage):
    lab.bring_up_to_date(project)
    mine = project / "my_notebooks" / "01_basics.ipynb"
    mine.write_text("my work")
    record = project / "my_notebooks" / ".editions.json"
    record.unlink() if damage is None else record.write_bytes(damage)
    lines = lab.bring_up_to_date(project)
    assert "yours is kept" in lines[-1]
    assert "rename yours" in lines[-1]
    assert not any("02_mlp" in line for line in lines)  # the same as the edition: nothing to say
    publish(project, "01_basics", "second edition")
    publish(project, "02_mlp", "second edition")
    lab.bring_up_to_date(project)
    assert mine.read_text() == "my work"
    assert "second edition" in (project / "my_notebooks" / "02_mlp.ipynb").read_text()


def test_damaged_record_is_named(project):
    lab.bring_up_to_date(project)
    (project / "my_notebooks" / ".editions.json").write_text("{")
    assert lab.bring_up_to_date(project) == [
        "my_notebooks/.editions.json was damaged and is written anew; your notebooks are kept."
    ]
    assert lab.bring_up_to_date(project) == []


def test_interrupted_copy_leaves_the_old_notebook_and_no_rest(project, monkeypatch):
    lab.bring_up_to_date(project)
    publish(project, "01_basics", "second edition")

    def no_space(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="No space left"):
        lab.bring_up_to_date(project)
    names = {path.name for path in (project / "my_notebooks").iterdir()}
    assert names == {".editions.json", "01_basics.ipynb", "02_mlp.ipynb"}
    assert "first edition" in (project / "my_notebooks" / "01_basics.ipynb").read_text()


def test_copies_that_stopped_before_the_record_was_written_are_not_taken_for_own_work(project):
    lab.bring_up_to_date(project)
    record = project / "my_notebooks" / ".editions.json"
    old = record.read_text()
    publish(project, "01_basics", "second edition")
    lab.bring_up_to_date(project)
    record.write_text(old)
    assert lab.bring_up_to_date(project) == []
    publish(project, "01_basics", "third edition")
    lab.bring_up_to_date(project)
    assert "third edition" in (project / "my_notebooks" / "01_basics.ipynb").read_text()


def test_files_of_the_learners_own_are_never_touched(project):
    (project / "my_notebooks").mkdir()
    own = project / "my_notebooks" / "ideas.ipynb"
    own.write_text("mine")
    lab.bring_up_to_date(project)
    assert own.read_text() == "mine"


@pytest.mark.parametrize(
    ("wanted", "opened"),
    [(None, "01_basics"), ("2", "02_mlp"), ("02", "02_mlp"), ("02_mlp.ipynb", "02_mlp")],
)
def test_chapter_is_found_by_number_or_name(project, wanted, opened):
    assert lab.notebook_of(wanted, project) == f"{opened}.ipynb"


def test_command_opens_the_copy_on_this_computer_only(project, monkeypatch):
    result, ((command, environment),) = course(project, monkeypatch, "2")
    assert result.exit_code == 0, result.output
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert f"--ServerApp.root_dir={project}" in command
    assert "--LabApp.default_url=/lab/tree/my_notebooks/02_mlp.ipynb" in command
    assert "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate" in command
    assert "--no-browser" not in command
    assert not any("token" in part or "password" in part for part in command)
    assert "my_notebooks/02_mlp.ipynb" in said(result)
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))


def test_exit_code_of_the_server_is_passed_on(project, monkeypatch):
    monkeypatch.setattr(lab, "ROOT", project)
    monkeypatch.setattr(lab, "command_line", lambda *_: [sys.executable, "-c", "raise SystemExit(7)"])
    assert CliRunner().invoke(app, ["lab"]).exit_code == 7


def test_unknown_chapter_is_an_error_that_lists_the_known_ones(project, monkeypatch):
    result, started = course(project, monkeypatch, "7")
    assert result.exit_code == 2
    assert "No chapter is called '7'. Pass one of: 01 (01_basics), 02 (02_mlp)." in said(result)
    assert started == []


def test_chapter_without_notebook_is_an_error_with_the_way_out(project, monkeypatch):
    (project / "notebooks" / "02_mlp.ipynb").unlink()
    result, started = course(project, monkeypatch, "2")
    assert result.exit_code == 2
    assert "Chapter 02 is not built" in said(result)
    assert "Run `course build`" in said(result)
    assert started == []


def test_project_without_notebooks_is_an_error_with_the_way_out(tmp_path, monkeypatch):
    result, started = course(tmp_path, monkeypatch)
    assert result.exit_code == 2
    assert "The chapters are not built" in said(result)
    assert not (tmp_path / "my_notebooks").exists()
    assert started == []


def test_missing_jupyterlab_is_an_error_with_the_way_out(project, monkeypatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    result, started = course(project, monkeypatch)
    assert result.exit_code == 1
    assert "JupyterLab is not installed" in said(result)
    assert "pip install -r requirements.txt" in said(result)
    assert started == []


def test_folder_that_cannot_be_made_is_an_error_with_the_way_out(project, monkeypatch):
    (project / "my_notebooks").write_text("a file in the way")
    result, started = course(project, monkeypatch)
    assert result.exit_code == 1
    assert "my_notebooks/ cannot be filled" in said(result)
    assert "nothing of yours was changed" in said(result)
    assert started == []


def test_port_in_use_is_an_error_at_once_that_suggests_a_free_one(project, monkeypatch, listening):
    result, started = course(project, monkeypatch, "--port", str(listening))
    assert result.exit_code == 2
    assert f"Port {listening} is in use. Pass --port " in said(result)
    suggested = int(said(result).split("Pass --port ")[1].split(",")[0])
    assert lab.choose_port(suggested) == suggested
    assert started == []
    assert not (project / "my_notebooks").exists()


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch, listening):
    monkeypatch.setattr(lab, "FIRST_PORT", listening)
    assert listening < lab.choose_port(None) < listening + lab.NUM_PORTS


def test_no_free_port_is_an_error_with_the_way_out(monkeypatch):
    monkeypatch.setattr(lab, "_port_problem", lambda port: "is in use")
    with pytest.raises(ValueError, match=r"No port from 8888 to 8987 is free\. Pass one with --port"):
        lab.choose_port(None)


def test_port_that_was_closed_a_moment_ago_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()  # this side closes first, so the port lingers in the system
    client.close()
    assert lab.choose_port(port) == port


def test_kernel_is_this_interpreter_even_where_another_is_installed(tmp_path, monkeypatch):
    other = tmp_path / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["/elsewhere/python", "-m", "x"], "display_name": "Other", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    question = (
        "from jupyter_client.kernelspec import KernelSpecManager as M;print(M().get_kernel_spec('python3').argv[0])"
    )
    ask = [sys.executable, "-c", question]
    with lab.kernel_environment() as environment:
        answer = subprocess.run(ask, env=environment, capture_output=True, text=True, check=True)
    assert Path(answer.stdout.strip()) == Path(sys.executable)


@pytest.mark.skipif(os.name == "nt", reason="signals to one process are POSIX's")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_every_way_of_ending_reaches_the_server_once_and_politely(tmp_path, name):
    server = (
        "import signal, sys, time\n"
        "count = []\n"
        "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        "open(sys.argv[1], 'w').close()\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "sys.exit(10 + len(count))\n"
    )
    ready = tmp_path / "ready"
    code = (
        "import os, signal, sys; from course_utils.commands import lab; "
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # a run under nohup hands on that it is ignored
        "sys.exit(lab.serve([sys.executable, '-c', *sys.argv[1:]], dict(os.environ)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, server, str(ready)], process_group=0)
    try:
        wait_for(ready.exists, process, None)
        os.killpg(process.pid, getattr(signal, name))  # as a terminal does: the whole group
        assert process.wait(timeout=20) == 11
    finally:
        process.kill()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_server_that_was_killed_gives_a_shells_exit_code():
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    assert lab.serve(command, dict(os.environ)) == 137


@pytest.mark.skipif(os.name == "nt", reason="signals to one process are POSIX's")
def test_real_server_shows_the_chapter_runs_our_kernel_and_ends_cleanly(project, require):
    require(lab.importlib.util.find_spec("jupyterlab") is not None, "jupyterlab")
    port = lab.choose_port(None)
    code = (
        "import sys; from pathlib import Path; from course_utils.commands import app, lab; "
        "lab.ROOT = Path(sys.argv.pop(1)); app()"
    )
    folders = {name: str(project / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    log = project / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(project), "lab", "2", "--no-browser", f"--port={port}"],
            env={**os.environ, **folders},
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    family = []
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{address}/api"), process, log)
        (info,) = (project / "JUPYTER_RUNTIME_DIR").glob("jpserver-*.json")
        server = json.loads(info.read_text())
        assert server["root_dir"] == str(project)
        assert requests.get(f"{address}/api/kernelspecs", timeout=10).status_code == 403
        session = requests.Session()
        session.headers["Authorization"] = f"token {server['token']}"
        page = session.get(f"{address}/lab/tree/my_notebooks/02_mlp.ipynb", timeout=30)
        assert page.status_code == 200
        assert '"news": {"disabled": true}' in page.text
        kernel = session.post(f"{address}/api/kernels", json={"name": "python3"}, timeout=30)
        assert kernel.status_code == 201
        family = psutil.Process(process.pid).children(recursive=True)
        kernels = [command for command in map(command_of, family) if "ipykernel_launcher" in command]
        assert [command.startswith(f"{sys.executable} ") for command in kernels] == [True]
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 0
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
        assert len(gone) >= 2  # the server and its kernel
        assert "Traceback" not in log.read_text()
        assert "token=" in log.read_text()
        assert lab.choose_port(port) == port
    finally:
        for child in [process, *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait()


def answers(url):
    """Whether a server answers."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def wait_for(condition, process, log):
    """Wait for the server, at most a minute; its output explains a failure."""
    deadline = time.monotonic() + 60
    while not condition():
        written = log.read_text() if log else ""
        assert process.poll() is None, written
        assert time.monotonic() < deadline, written
        time.sleep(0.1)
