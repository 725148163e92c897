"""The device check: what the learner is told, and what TensorFlow is told before its first use."""

import os
import platform
import subprocess
import sys
import types
import warnings

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils import device


class Gpu(types.SimpleNamespace):
    """A GPU as TensorFlow lists it."""


TWO_GPUS = (Gpu(name="/physical_device:GPU:0"), Gpu(name="/physical_device:GPU:1"))


@pytest.fixture
def fake_gpus(monkeypatch):
    """A function (gpus, details): make TensorFlow list these GPUs; returns those set to growth."""
    import tensorflow as tf

    def install(gpus, details=None):
        growing = []
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(gpus))
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda gpu: (details or {}).get(gpu.name, {}),
        )
        monkeypatch.setattr(
            tf.config.experimental,
            "set_memory_growth",
            lambda gpu, enable: growing.append((gpu.name, enable)),
        )
        return growing

    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(device, "_nvidia_gpu_present", lambda: False)
    monkeypatch.setattr(device, "cpu_cores", lambda: 4)
    return install


def run_fresh(code, **options):
    """Run code in a new interpreter, so that TensorFlow is imported for the first time."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options)


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, "CPU (1 core): a chapter takes up to twice the minutes written in its header."),
        (2, "CPU (2 cores): a chapter takes about the minutes written in its header."),
        (8, "CPU (8 cores): a chapter takes about the minutes written in its header or fewer."),
    ],
)
def test_cpu_sentence_says_cores_and_waiting_time(cores, expected):
    assert device.describe((), cores) == f"Training runs on the {expected}"


def test_gpu_sentence_names_the_gpu_and_no_core_count():
    sentence = device.describe(("NVIDIA T4",), 8)
    assert "on NVIDIA T4:" in sentence
    assert "8" not in sentence


def test_sentence_for_several_gpus_names_all_and_says_which_is_used():
    sentence = device.describe(("NVIDIA A10", "NVIDIA L4"), 8)
    assert "the first of 2 GPUs (NVIDIA A10, NVIDIA L4)" in sentence


@pytest.mark.parametrize(
    ("reason", "way_out"),
    [
        ("apple", "tensorflow-metal"),
        ("windows", "WSL2"),
        ("no cuda", "pip install -e '.[gpu]'"),
        ("driver", "update it"),
        ("hidden", "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_sentence_without_gpu_gives_reason_and_way_out_in_one_sentence(reason, way_out):
    sentence = device.describe((), 2, reason)
    assert way_out in sentence
    assert sentence.startswith("Training runs on the CPU (2 cores): ")
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert set(device.NO_GPU) == {"apple", "windows", "no cuda", "driver", "hidden"}


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [("Darwin", "arm64", "apple"), ("Darwin", "x86_64", ""), ("Windows", "AMD64", "windows")],
)
def test_traps_of_apple_and_windows_are_recognized(monkeypatch, system, machine, expected):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert device.why_no_gpu() == expected


@pytest.mark.parametrize(
    ("present", "visible", "cuda", "expected"),
    [
        (False, None, False, ""),
        (True, None, False, "no cuda"),
        (True, "0", True, "driver"),
        (True, "-1", True, "hidden"),
        (True, "", False, "hidden"),
    ],
)
def test_unused_nvidia_gpu_on_linux_is_explained(monkeypatch, present, visible, cuda, expected):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(device, "_nvidia_gpu_present", lambda: present)
    monkeypatch.setattr(device, "_cuda_installed", lambda: cuda)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.why_no_gpu() == expected


@pytest.mark.skipif(os.name == "nt", reason="the tool is a shell script here")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'GPU 0: NVIDIA T4 (UUID: GPU-1)'", True),
        ("echo 'No devices were found'", False),
        ("echo 'GPU access blocked'; exit 9", False),
    ],
)
def test_nvidia_tool_alone_does_not_count_as_a_gpu(monkeypatch, tmp_path, script, expected):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(device, "Path", lambda text: tmp_path / "missing")
    assert device._nvidia_gpu_present() is expected


def test_every_gpu_gets_memory_growth_and_its_makers_name(fake_gpus, capsys):
    growing = fake_gpus(TWO_GPUS, {TWO_GPUS[0].name: {"device_name": "NVIDIA T4"}})
    found = device.prepare()
    assert growing == [("/physical_device:GPU:0", True), ("/physical_device:GPU:1", True)]
    assert found.kind == "gpu"
    assert found.names == ("NVIDIA T4", "GPU:1")
    assert found.cores == 4
    assert capsys.readouterr().out == found.sentence + "\n"


def test_gpu_already_in_use_is_said_in_a_plain_sentence(fake_gpus, monkeypatch, capsys):
    import tensorflow as tf

    def refuse(gpu, enable):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    fake_gpus(TWO_GPUS[:1])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    device.prepare()
    out = capsys.readouterr().out
    assert "restart the kernel and run this cell first." in out
    assert "Physical devices" not in out


def test_apples_gpu_is_hidden_from_tensorflow(fake_gpus, monkeypatch):
    import tensorflow as tf

    visible = []
    growing = fake_gpus(TWO_GPUS[:1])
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: visible.append((devices, kind)))
    found = device.detect()
    assert visible == [([], "GPU")]
    assert growing == []
    assert found.kind == "cpu"
    assert "tensorflow-metal" in found.sentence


def test_second_call_says_the_same_and_nothing_more(fake_gpus, capsys):
    fake_gpus(())
    assert device.prepare() == device.prepare()
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[0] == out[1]


def test_cores_are_at_least_one_and_at_most_those_of_the_machine():
    assert 1 <= device.cpu_cores() <= os.cpu_count()


def test_terminal_sees_only_the_sentence_and_later_errors_still_show():
    code = (
        "import os, sys\n"
        "from course_utils import device\n"
        "device.prepare()\n"
        "import keras\n"
        "words = keras.Sequential([keras.layers.Embedding(3, 2, mask_zero=True), keras.layers.LSTM(2)])\n"
        "words(keras.ops.array([[1, 2, 0]]))\n"
        "os.write(2, b'from the descriptor\\n')\n"
        "print('from Python', file=sys.stderr)\n"
    )
    result = run_fresh(code)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "from the descriptor\nfrom Python\n"


@pytest.mark.skipif(os.name == "nt", reason="closes descriptors as a POSIX shell does")
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_works_where_standard_error_is_closed(tmp_path, closed):
    answer = tmp_path / "answer"
    code = (
        "import os, sys\n"
        f"for number in {closed}: os.close(number)\n"
        "sys.stdout = open(sys.argv[1], 'w')\n"
        "from course_utils import device\n"
        "device.prepare()\n"
        "sys.stdout.flush()\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(answer)], capture_output=True, timeout=120)
    assert result.returncode == 0
    assert answer.read_text().startswith("Training runs on ")
    assert len(answer.read_text().splitlines()) == 1


@pytest.mark.parametrize("stream", ["None", "io.StringIO()"])
def test_works_where_standard_error_has_no_descriptor(stream):
    code = f"import io, sys\nsys.stderr = {stream}\nfrom course_utils import device\ndevice.prepare()\n"
    result = run_fresh(code)
    assert result.returncode == 0
    assert result.stdout.startswith("Training runs on ")
    assert result.stderr == ""


def broken_tensorflow(folder, body):
    """Write a package called tensorflow that does this on import; returns an environment for it."""
    package = folder / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text(body)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_broken_tensorflow_is_reported_with_what_it_wrote_and_a_way_out(tmp_path):
    body = "import os\nos.write(2, b'linker: no such symbol\\n')\nraise RuntimeError('wrong ABI')"
    code = "from course_utils import device\ndevice.prepare()"
    result = run_fresh(code, env=broken_tensorflow(tmp_path, body))
    assert result.returncode == 1
    assert "ImportError: TensorFlow did not load: RuntimeError: wrong ABI. Run `" in result.stderr
    assert "What TensorFlow wrote meanwhile:\nlinker: no such symbol" in result.stderr


def test_missing_tensorflow_names_the_interpreter_and_the_command(monkeypatch):
    error = ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    message = device._what_to_do(error, "")
    assert sys.executable in message
    assert "pip install -r requirements.txt" in message


def test_missing_tensorflow_is_told_from_a_package_that_it_misses():
    error = ModuleNotFoundError("No module named 'wrapt'", name="wrapt")
    assert "did not load: ModuleNotFoundError: No module named 'wrapt'" in device._what_to_do(error, "")


def test_metal_that_does_not_load_is_to_be_removed(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    message = device._what_to_do(OSError("dlopen(libmetal_plugin.dylib): Symbol not found"), "")
    assert "pip uninstall tensorflow-metal" in message


def test_windows_without_the_c_runtime_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    message = device._what_to_do(ImportError("DLL load failed while importing _pywrap"), "")
    assert "Visual C++ Redistributable" in message


def test_notebook_that_trains_shows_one_sentence_and_no_standard_error(tmp_path):
    cells = [
        "from course_utils import device\nfound = device.prepare()",
        "import keras\nimport numpy as np",
        "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "history = model.fit(np.ones((8, 3)), np.ones(8), epochs=2, verbose=0)\n"
        "prediction = model.predict(np.ones((2, 3)), verbose=0)",
        # A busy machine needs a moment until what was written arrives.
        "import os, time\nstatus = os.write(2, b'descriptor 2 is watched again')\ntime.sleep(1)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    # Under this variable ipykernel leaves descriptor 2 alone, as it does for no learner.
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    NotebookClient(notebook, timeout=120).execute(cwd=str(tmp_path), env=env)
    first, *middle, last = [cell.outputs for cell in notebook.cells]
    assert [output.name for output in first] == ["stdout"]
    assert first[0].text.startswith("Training runs on ")
    assert first[0].text.count("\n") == 1
    assert middle == [[], []]
    if sys.platform in ("linux", "darwin"):
        assert [(output.name, output.text) for output in last] == [("stderr", "descriptor 2 is watched again")]


def test_warning_that_some_versions_of_keras_provoke_on_import_stays_off_the_screen(fake_gpus):
    fake_gpus([])
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        device.detect()
        warnings.warn("In the future `np.object` will be defined as the scalar.", FutureWarning, stacklevel=1)
        warnings.warn("another one", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["another one"]
