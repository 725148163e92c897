"""`course doctor`: what the report says, what it leaves out, and its exit code."""

import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

from course_utils.commands import app, doctor

HEALTHY = {
    "sentence": "Training runs on the CPU (2 cores): ...",
    "backend": "tensorflow",
    "difference": 0.0,
    "before": 3.0,
    "after": 1.0,
}


@pytest.fixture
def quick(monkeypatch):
    """Let the report take the trial of TensorFlow for done, with good results."""
    monkeypatch.setattr(doctor, "_probed", lambda: HEALTHY)


def report(*checks):
    """The lines of some checks."""
    return [line for check in checks for line in check()]


def run_course_doctor(**environment):
    """Run the command as a user does, its output to a file."""
    code = "from course_utils.commands import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, "doctor"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_whole_report_is_plain_text_without_the_users_name_and_home(tmp_path):
    home = tmp_path / "alice"
    home.mkdir()
    usb = tmp_path / "media" / "alice" / "stick"
    usb.mkdir(parents=True)
    result = run_course_doctor(
        HOME=str(home),
        USERPROFILE=str(home),
        LOGNAME="alice",
        COURSE_CACHE_DIR=str(home / "caché"),
        COURSE_DATA_DIR=str(usb),
        PYTHONIOENCODING="ascii",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "alice" not in result.stdout
    assert f"COURSE_CACHE_DIR=~{os.sep}cach?" in result.stdout
    assert f"media{os.sep}<user>{os.sep}stick" in result.stdout
    assert f"version {metadata.version('course-utils')}" in result.stdout
    assert "Training runs on " in result.stdout
    assert "gives numpy's numbers" in result.stdout
    assert "Loading TensorFlow" in result.stderr
    assert result.stdout.splitlines()[-1].startswith("0 problems, ")


def test_training_step_is_numpys_and_learns():
    found = doctor.training_step()
    assert found["difference"] <= 1e-6
    assert found["after"] < found["before"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"difference": 1e-3}, "1.0e-03 off numpy's numbers"), ({"after": 4.0}, "from 3 to 4")],
)
def test_wrong_numbers_are_a_problem(changed, said):
    line = list(doctor.check_tensorflow(HEALTHY | changed))[-1]
    assert line.state == "problem"
    assert said in line.text
    assert line.way_out


def test_another_keras_backend_is_a_problem_with_the_variable_named():
    line = list(doctor.check_tensorflow({"sentence": "", "backend": "torch"}))[-1]
    assert line.state == "problem"
    assert "KERAS_BACKEND" in line.way_out


def test_broken_tensorflow_is_a_problem_and_the_rest_of_the_report_stands(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('wrong ABI')")
    result = run_course_doctor(PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "problem  tensorflow        TensorFlow did not load: RuntimeError: wrong ABI" in result.stdout
    assert "what to do: Run `python -m pip install" in result.stdout
    assert "ok       numpy" in result.stdout
    assert "1 problem" in result.stdout.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="the signal is POSIX's")
def test_processor_that_tensorflow_was_not_built_for_is_named(tmp_path, monkeypatch):
    code = f"import os\nos.kill(os.getpid(), {int(signal.SIGILL)})"
    (tmp_path / "tensorflow.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = doctor._probed()
    assert "lacks instructions (AVX)" in found["error"]
    assert "Colab" in found["way_out"]


def test_process_that_ends_otherwise_is_reported_with_its_last_words():
    found = doctor._crash(3, "first\nterminate called\n")
    assert "code 3: terminate called" in found["error"]


def test_hanging_training_step_is_reported(tmp_path, monkeypatch):
    (tmp_path / "tensorflow.py").write_text("import time\ntime.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 1)
    assert "did not end within 1 s" in doctor._probed()["error"]


def test_exit_code_is_zero_with_warnings_and_one_with_a_problem(quick, monkeypatch):
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "warning" in result.output
    trouble = doctor.Line("problem", "disk", "on fire", "leave the building")
    monkeypatch.setattr(doctor, "check_hardware", lambda: [trouble])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "problem  disk              on fire" in result.output
    assert "what to do: leave the building" in result.output
    assert "1 problem, " in result.output.splitlines()[-1]


def test_every_line_that_is_not_ok_has_a_way_out(quick, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setattr(doctor, "memory_gb", lambda: (8.0, 0.5))
    checks = (doctor.check_packages, doctor.check_hardware, doctor.check_data, doctor.check_python)
    troubles = [line for line in report(*checks) if line.state != "ok"]
    assert len(troubles) > 10
    assert all(line.way_out for line in troubles)


def test_packages_are_held_against_the_bounds_of_the_project(monkeypatch):
    lines = {line.topic: line for line in report(doctor.check_packages)}
    assert {"tensorflow", "keras", "numpy", "ipywidgets", "papermill"} <= set(lines)
    assert "pytest" not in lines  # a learner needs none of the developers' tools
    assert {line.state for line in lines.values()} == {"ok"}
    assert metadata.version("keras") in lines["keras"].text


def test_package_below_its_bound_is_a_problem(monkeypatch):
    line = doctor._package_line("numpy", SpecifierSet(">=99"), optional=False)
    assert line.state == "problem"
    assert "is too old, needs >=99" in line.text


def test_missing_package_is_a_problem_but_missing_jupyterlab_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    states = {line.topic: line.state for line in report(doctor.check_packages)}
    assert states["numpy"] == "problem"
    assert states["jupyterlab"] == "warning"


def test_apples_gpu_package_is_a_problem(monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "1.2.0" if name == "tensorflow-metal" else real(name))
    line = report(doctor.check_packages)[-1]
    assert (line.state, line.topic) == ("problem", "tensorflow-metal")
    assert "pip uninstall tensorflow-metal" in line.way_out


def test_little_memory_and_disk_are_warnings(monkeypatch):
    monkeypatch.setattr(doctor, "memory_gb", lambda: (8.0, 0.5))
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 1e9)
    memory, disk = report(doctor.check_hardware)
    assert (memory.state, disk.state) == ("warning", "warning")
    assert memory.text == "0.5 of 8.0 GB free"


def test_memory_is_that_of_the_machine_or_less():
    total, available = doctor.memory_gb()
    assert 0 < available <= total <= psutil.virtual_memory().total / 1e9


def install_kernel(folder, program, monkeypatch):
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        f'{{"argv": ["{Path(program).as_posix()}"], "display_name": "x", "language": "python"}}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


@pytest.mark.parametrize("program", ["python", sys.executable])
def test_kernel_of_this_python_is_good(tmp_path, monkeypatch, program):
    install_kernel(tmp_path, program, monkeypatch)
    (line,) = doctor.check_kernel()
    assert line.state == "ok"


def test_kernel_of_another_python_is_a_problem(tmp_path, monkeypatch):
    install_kernel(tmp_path, "/elsewhere/bin/python3", monkeypatch)
    (line,) = doctor.check_kernel()
    assert line.state == "problem"
    assert "elsewhere" in line.text
    assert "ipykernel install" in line.way_out


def test_missing_widgets_extension_is_a_warning(monkeypatch):
    assert [line.state for line in doctor.check_widgets()] == ["ok", "ok"]
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [])
    lines = list(doctor.check_widgets())
    assert [line.state for line in lines] == ["warning", "warning"]
    assert "jupyterlab_widgets" in lines[0].way_out
    assert "anywidget" in lines[1].way_out


def test_missing_data_are_a_warning_that_names_the_stand_in_and_the_command():
    line = {line.topic: line for line in doctor.check_data()}["data: mnist"]
    assert line.state == "warning"
    assert "scikit-learn" in line.text
    assert "course data fetch mnist" in line.way_out


def test_missing_weights_are_a_warning_that_names_the_chapter_and_the_command():
    line = {line.topic: line for line in doctor.check_data()}["data: minilm"]
    assert (line.state, line.text) == ("warning", "not on hand; chapter 07 needs it")
    assert line.way_out == "`course data fetch minilm` gets it"


def test_damaged_weights_are_a_problem_and_stay_where_they_are():
    damaged = Path(os.environ["COURSE_CACHE_DIR"]) / "all-MiniLM-L6-v2" / "config.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"<html>")
    line = {line.topic: line for line in doctor.check_data()}["data: minilm"]
    assert line.state == "problem"
    assert line.text == f"{damaged} damaged"
    assert "`course data fetch minilm`" in line.way_out
    assert damaged.exists()


def test_damaged_data_are_a_problem_and_stay_where_they_are(tmp_path):
    damaged = Path(os.environ["COURSE_CACHE_DIR"]) / "mnist.npz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"<html>")
    line = {line.topic: line for line in doctor.check_data()}["data: mnist"]
    assert line.state == "problem"
    assert "mnist.npz damaged" in line.text
    assert damaged.exists()


def test_mirror_that_does_not_exist_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "missing"))
    line = next(iter(doctor.check_data()))
    assert line.state == "problem"
    assert "does not exist" in line.text
    assert "COURSE_DATA_DIR" in line.text
    assert line.way_out


def test_misspelt_variable_of_the_course_is_a_warning(monkeypatch):
    monkeypatch.setenv("COURSE_DATADIR", "/data")
    lines = [line for line in doctor.check_variables() if "COURSE_DATADIR" in line.text]
    assert [line.state for line in lines] == ["warning"]
    assert "COURSE_DATA_DIR" in lines[0].way_out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at /home/al/.venv/bin/python", "at ~/.venv/bin/python"),
        ("/home/al", "~"),
        ("/home/alice/x", "/home/alice/x"),
        ("/mnt/al/data and /mnt/alt", "/mnt/<user>/data and /mnt/alt"),
        ("always", "always"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths as POSIX writes them")
def test_home_and_user_name_are_taken_out_but_nothing_like_them(monkeypatch, text, expected):
    monkeypatch.setenv("HOME", "/home/al")
    monkeypatch.setenv("LOGNAME", "al")
    assert doctor.scrubbed(text) == expected


def test_home_at_the_top_of_the_file_system_leaves_paths_alone(monkeypatch):
    monkeypatch.setattr(doctor.Path, "home", lambda: Path(Path.cwd().anchor))
    monkeypatch.setattr(doctor.getpass, "getuser", lambda: "nobody")
    assert doctor.scrubbed("/usr/bin/python") == "/usr/bin/python"
